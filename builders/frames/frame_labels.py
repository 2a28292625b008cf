"""What is labelled of single frames: the metadata JSON of one picture each, read, written, refined.

A file is a list of objects (or one object a line, `.jsonl`)::

    {"image": "frames/00012345.jpg", "video_id": "case_042", "timestamp_s": 615.2,
     "phase": "Calot_dissection", "anatomy": ["cystic_duct", "liver_edge"], "tools": ["grasper", "hook_cautery"],
     "events": ["bleeding_minor=false", "cv_safety_met=true"]}

A key that is missing or null says that nobody looked; an empty list says that there is nothing. Beside these,
`width` and `height` in pixels with `boxes` (`name`, `bbox` as [x1, y1, x2, y2], perhaps `confidence`) say where
things are, `confidence` by name how sure a detector was, and `made_by` by field who said so: "hand" (the
default), "detector", or "weak", a label of the whole clip that may not hold at this very moment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal

from surgvqa.builders.annotations.entities import numbered
from surgvqa.builders.annotations.shapes import role_of
from surgvqa.builders.cases.scene import grid_cell, relations
from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.files.parquet import write_text
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.procedures.taxonomy import Taxonomy, plain
from surgvqa.builders.schema import Entity, Role, Scene
from surgvqa.cards.command import InputError, nearest, parse_json

Maker = Literal["weak", "detector", "hand"]
MAKERS: tuple[Maker, ...] = ("weak", "detector", "hand")  # each may replace what those before it said
FIELDS = ("phase", "anatomy", "tools", "events")
ROLES: Mapping[str, Role] = {"anatomy": "anatomy", "tools": "instrument"}
KEYS = ("image", "video_id", "timestamp_s", *FIELDS, "width", "height", "boxes", "confidence", "made_by")
LISTED, LONGEST = 10, 240  # causes in one message, characters of one: it may list every name that is known
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class FrameLabels:
    """The labels of one frame, with canonical names. None: nobody looked."""

    image: str  # as the file calls it, below the file's folder
    video_id: str
    timestamp_s: float
    phase: str | None = None  # "idle" between phases
    anatomy: tuple[Entity, ...] | None = None
    tools: tuple[Entity, ...] | None = None
    events: tuple[tuple[str, bool], ...] | None = None
    width: int = 0  # 0 where no position is known
    height: int = 0
    made_by: Mapping[str, Maker] = field(default_factory=dict)  # of a field; by hand where it isn't named

    @property
    def weak(self) -> bool:
        """Whether any label was not made by hand at this very moment."""
        return any(maker != "hand" for maker in self.made_by.values())


def read(path: Path, taxonomy: Taxonomy) -> list[FrameLabels]:
    """Every frame of a metadata file, with the taxonomy's names.

    Raises:
        InputError: one list of everything that is wrong: no JSON, keys, labels, numbers, a picture labelled twice.
    """
    frames: list[FrameLabels] = []
    faults: dict[str, list[str]] = {}  # cause -> where
    seen: set[tuple[str, str | int]] = set()
    for number, entry in enumerate(_entries(path)):
        where = f"frame {number}"
        try:
            frame = from_json(entry, taxonomy)
            if (frame.video_id, frame.image) in seen:
                raise InputError(f"{frame.image} of {frame.video_id} is labelled twice")
            if (frame.video_id, to_ms(frame.timestamp_s)) in seen:
                raise InputError(
                    f"{frame.image}: second {frame.timestamp_s:g} of {frame.video_id} has two pictures"
                )
        except InputError as error:
            cause = str(error).removeprefix(f"{entry['image']}: ") if _named(entry) else str(error)
            faults.setdefault(cause, []).append(f"{where}: {entry['image']}" if _named(entry) else where)
            continue
        seen |= {(frame.video_id, frame.image), (frame.video_id, to_ms(frame.timestamp_s))}
        frames.append(frame)
    if faults:
        total = sum(map(len, faults.values()))
        told = [
            f"{where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}: {shorten(cause, LONGEST)}"
            for cause, where in list(faults.items())[:LISTED]
        ]
        more = f"; and {len(faults) - LISTED} other causes" if len(faults) > LISTED else ""
        raise InputError(f"{path}: {total} faults: {'; '.join(told)}{more}")
    if not frames:
        raise InputError(f"{path}: no frame in it; `surgvqa-build frames` writes such a file")
    return frames


def _named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("image"), str)


def _entries(path: Path) -> Iterator[Any]:
    if not path.exists():
        raise InputError(f"no file {path}; `surgvqa-build frames` writes frames and their labels")
    text = read_text(path, str(path))
    try:
        if path.suffix == ".jsonl":
            yield from (parse_json(line) for line in text.split("\n") if line.strip())
            return
        found = parse_json(text)
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    yield from found if isinstance(found, list) else [found]


def from_json(entry: Any, taxonomy: Taxonomy) -> FrameLabels:
    """Return the labels that one object of a metadata file holds."""
    if not isinstance(entry, dict):
        raise InputError(f"{type(entry).__name__} instead of an object with {', '.join(KEYS[:7])}")
    for key in entry:
        if key not in KEYS:
            raise InputError(f"unknown key {key!r}: {nearest(key, KEYS)}")
    image, video_id = _text(entry, "image"), _text(entry, "video_id")
    time_s = entry.get("timestamp_s")
    if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not 0 <= time_s < math.inf:
        raise InputError(f"{image}: timestamp_s is {time_s!r}; give seconds from the start of the video")
    try:
        phase = entry.get("phase")
        width, height = _size(entry)
        boxes = [_boxed(box, taxonomy, width, height) for box in _list(entry, "boxes") or ()]
        sure = _confidences(entry, taxonomy)
        return FrameLabels(
            image=image,
            video_id=video_id,
            timestamp_s=float(time_s),
            phase=None if phase is None else taxonomy.canonical("phase", str(phase)),
            anatomy=_things(_list(entry, "anatomy"), "anatomy", taxonomy, boxes, sure),
            tools=_things(_list(entry, "tools"), "instrument", taxonomy, boxes, sure),
            events=_events(_list(entry, "events"), taxonomy),
            width=width,
            height=height,
            made_by=_made_by(entry),
        )
    except InputError as error:
        raise InputError(f"{image}: {error}") from error


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{key} is {value!r}; give a text")
    return value


def _list(entry: Mapping[str, Any], key: str) -> list[Any] | None:
    value = entry.get(key)
    if value is not None and not isinstance(value, list):
        raise InputError(f"{key} is {value!r}; give a list")
    return value


def _size(entry: Mapping[str, Any]) -> tuple[int, int]:
    width, height = entry.get("width", 0), entry.get("height", 0)
    if not (isinstance(width, int) and isinstance(height, int) and (width > 0) == (height > 0)):
        raise InputError(f"width {width!r} and height {height!r}; give both in pixels")
    if entry.get("boxes") and not width:
        raise InputError("boxes without width and height of the frame they were drawn in")
    return width, height


def _boxed(box: Any, taxonomy: Taxonomy, width: int, height: int) -> Entity:
    """Return a located thing; its confidence, where given, is a detector's."""
    if not isinstance(box, dict) or not {"name", "bbox"} <= set(box) <= {"name", "bbox", "confidence"}:
        raise InputError(f"the box {box!r} is no object of name, bbox and perhaps confidence")
    role, name = _role_of(taxonomy, str(box["name"]))
    corners = box["bbox"]
    if not (
        isinstance(corners, list) and len(corners) == 4 and all(isinstance(c, int | float) for c in corners)
    ):
        raise InputError(f"the bbox {corners!r} of {name} is not [x1, y1, x2, y2]")
    x1, y1, x2, y2 = (float(value) for value in corners)
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise InputError(f"the bbox {corners!r} of {name} does not lie in the {width}x{height} frame")
    at = ((x1 + x2) / 2, (y1 + y2) / 2)
    sure = None if box.get("confidence") is None else _share(box["confidence"], name)
    return Entity(
        name, name, role, "box", (x1, y1, x2, y2), at, (x2 - x1) * (y2 - y1), grid_cell(at, width, height),
        confidence=sure,
    )  # fmt: skip


def _role_of(taxonomy: Taxonomy, label: str) -> tuple[Role, str]:
    """As `outlines.role_of`, without looking for the nearest name of the other role first."""
    spelling = plain(label)
    for role in ROLES.values():
        if name := taxonomy.spellings.get((role, spelling)):
            return role, name
    return role_of(taxonomy, label)


def _share(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"the confidence of {name} is {value!r}; give a number from 0 to 1")
    return float(value)


def _confidences(entry: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, float]:
    given = entry.get("confidence") or {}
    if not isinstance(given, dict):
        raise InputError(f"confidence is {given!r}; give an object of names and numbers")
    return {_role_of(taxonomy, name)[1]: _share(value, name) for name, value in given.items()}


def _things(
    names: Sequence[Any] | None,
    role: Role,
    taxonomy: Taxonomy,
    boxes: Iterable[Entity],
    sure: Mapping[str, float],
) -> tuple[Entity, ...] | None:
    """Return the named things of a role, located where a box of theirs is there; None where nobody looked."""
    located = [box for box in boxes if box.type == role]
    if names is None and not located:
        return None
    canonical = list(dict.fromkeys(taxonomy.canonical(role, str(name)) for name in names or ()))
    if names is not None:
        for box in located:
            if box.name not in canonical:
                raise InputError(f"a box of {box.name}, which is not among the frame's {role} labels")
    things = [
        Entity(name, name, role, "presence", confidence=sure.get(name))
        for name in canonical
        if name not in {box.name for box in located}
    ]
    return numbered([*things, *located])


def _events(given: Sequence[Any] | None, taxonomy: Taxonomy) -> tuple[tuple[str, bool], ...] | None:
    if given is None:
        return None
    found: dict[str, bool] = {}
    for one in given:
        name, _, value = str(one).partition("=")
        if value.strip().lower() not in ("", *TRUTH):
            raise InputError(f"the event {one!r} ends in neither =true nor =false")
        holds = TRUTH.get(value.strip().lower(), True)
        if found.setdefault(taxonomy.canonical("event", name), holds) != holds:
            raise InputError(f"the event {name!r} is true and false")
    return tuple(found.items())


def _made_by(entry: Mapping[str, Any]) -> dict[str, Maker]:
    given = entry.get("made_by") or {}
    if not isinstance(given, dict):
        raise InputError(f"made_by is {given!r}; give an object of fields and makers")
    for name, maker in given.items():
        if name not in FIELDS or maker not in MAKERS:
            raise InputError(
                f"made_by {name}: {maker}; fields: {', '.join(FIELDS)}; makers: {', '.join(MAKERS)}"
            )
    return {name: maker for name, maker in given.items() if maker != "hand"}


def to_json(frame: FrameLabels) -> dict[str, Any]:
    """Return the object that `from_json` reads as this very frame; what isn't known is left out."""
    entry: dict[str, Any] = {
        "image": frame.image,
        "video_id": frame.video_id,
        "timestamp_s": frame.timestamp_s,
    }
    if frame.phase is not None:
        entry["phase"] = frame.phase
    boxes, sure = [], {}
    for key in ROLES:
        things = getattr(frame, key)
        if things is None:
            continue
        entry[key] = list(dict.fromkeys(thing.name for thing in things))
        for thing in things:
            if thing.bbox is not None:
                box = {"name": thing.name, "bbox": list(thing.bbox)}
                boxes.append(box | ({} if thing.confidence is None else {"confidence": thing.confidence}))
            elif thing.confidence is not None:
                sure[thing.name] = thing.confidence
    if frame.events is not None:
        entry["events"] = [f"{name}={str(holds).lower()}" for name, holds in frame.events]
    if frame.width:
        entry |= {"width": frame.width, "height": frame.height}
    entry |= {key: value for key, value in (("boxes", boxes), ("confidence", sure)) if value}
    return entry | ({"made_by": dict(frame.made_by)} if frame.made_by else {})


def write(path: Path, frames: Iterable[FrameLabels]) -> None:
    """Return a metadata file, one frame a line, whole or not at all."""
    lines = [json.dumps(to_json(frame), ensure_ascii=False) for frame in frames]
    if path.suffix == ".jsonl":
        write_text(path, "".join(f"{line}\n" for line in lines))
    else:
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")


def refine(old: Iterable[FrameLabels], new: Iterable[FrameLabels]) -> list[FrameLabels]:
    """Old labels with what new ones know better; hand-made ones are only ever replaced by hand-made ones.

    Frames are matched by picture and video; new ones are added. A field that the new labels don't know stays.
    """
    frames = {(frame.video_id, frame.image): frame for frame in old}
    for frame in new:
        key = (frame.video_id, frame.image)
        frames[key] = _refined(frames[key], frame) if key in frames else frame
    return sorted(frames.values(), key=lambda frame: (frame.video_id, frame.timestamp_s, frame.image))


def _refined(old: FrameLabels, new: FrameLabels) -> FrameLabels:
    changes: dict[str, Any] = {}
    made_by = dict(old.made_by)
    for name in FIELDS:
        before, after = old.made_by.get(name, "hand"), new.made_by.get(name, "hand")
        known, better = getattr(old, name) is not None, MAKERS.index(after) >= MAKERS.index(before)
        if getattr(new, name) is None or (known and not better):
            continue
        changes[name] = getattr(new, name)
        made_by.pop(name, None)
        made_by |= {name: after} if after != "hand" else {}
    if new.width and old.width and (new.width, new.height) != (old.width, old.height):
        raise InputError(
            f"{new.image}: labelled at {new.width}x{new.height}, before at {old.width}x{old.height}; "
            "scale one to the other"
        )
    width, height = (old.width, old.height) if old.width else (new.width, new.height)
    return replace(old, made_by=made_by, width=width, height=height, **changes)


def scene_of(frame: FrameLabels) -> Scene:
    """Return the frame's scene graph: its things, where they stand to each other, its events as "name=true"."""
    nodes = (*(frame.anatomy or ()), *(frame.tools or ()))
    located = frame.width > 0 and sum(node.bbox is not None for node in nodes) > 1
    return Scene(
        time_s=frame.timestamp_s,
        width=frame.width,
        height=frame.height,
        nodes=nodes,
        edges=tuple(relations(nodes, frame.width, frame.height)) if located else (),
        events=tuple(f"{name}={str(holds).lower()}" for name, holds in frame.events or ()),
    )
