"""The labels of one frame, and the object that says them in a metadata file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from surgvqa.builders.annotations.entities import numbered
from surgvqa.builders.annotations.shapes import role_of
from surgvqa.builders.cases.scene import grid_cell
from surgvqa.builders.procedures.taxonomy import Taxonomy, plain
from surgvqa.builders.schema import Entity, Role
from surgvqa.cards.command import InputError, nearest

Maker = Literal["weak", "detector", "hand"]
MAKERS: tuple[Maker, ...] = ("weak", "detector", "hand")  # each may replace what those before it said
FIELDS = ("phase", "anatomy", "tools", "events")
ROLES: Mapping[str, Role] = {"anatomy": "anatomy", "tools": "instrument"}
KEYS = ("image", "video_id", "timestamp_s", *FIELDS, "width", "height", "boxes", "confidence", "made_by")
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Box(TypedDict, total=False):
    """Where a thing is."""

    name: str
    bbox: list[float]  # [x1, y1, x2, y2] in pixels
    confidence: float


class FrameEntry(TypedDict, total=False):
    """A frame of a metadata file; a key that is missing says that nobody looked."""

    image: str
    video_id: str
    timestamp_s: float
    phase: str
    anatomy: list[str]
    tools: list[str]
    events: list[str]  # "name=true"
    width: int
    height: int
    boxes: list[Box]
    confidence: dict[str, float]  # by name
    made_by: dict[str, Maker]  # by field


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
    """Return the named things of a role, with their boxes where there are any; None where nobody looked."""
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


def to_json(frame: FrameLabels) -> FrameEntry:
    """Return the object that `from_json` reads as this very frame; what isn't known is left out."""
    entry: FrameEntry = {"image": frame.image, "video_id": frame.video_id, "timestamp_s": frame.timestamp_s}
    if frame.phase is not None:
        entry["phase"] = frame.phase
    if frame.anatomy is not None:
        entry["anatomy"] = _names(frame.anatomy)
    if frame.tools is not None:
        entry["tools"] = _names(frame.tools)
    if frame.events is not None:
        entry["events"] = [f"{name}={str(holds).lower()}" for name, holds in frame.events]
    if frame.width:
        entry["width"], entry["height"] = frame.width, frame.height
    things = (*(frame.anatomy or ()), *(frame.tools or ()))
    if boxes := [_box(thing) for thing in things if thing.bbox is not None]:
        entry["boxes"] = boxes
    sure = {one.name: one.confidence for one in things if one.bbox is None and one.confidence is not None}
    if sure:
        entry["confidence"] = sure
    if frame.made_by:
        entry["made_by"] = dict(frame.made_by)
    return entry


def _names(things: Sequence[Entity]) -> list[str]:
    return list(dict.fromkeys(thing.name for thing in things))


def _box(thing: Entity) -> Box:
    box: Box = {"name": thing.name, "bbox": list(thing.bbox or ())}
    if thing.confidence is not None:
        box["confidence"] = thing.confidence
    return box
