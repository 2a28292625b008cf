"""Labels of single frames: the metadata JSON of one picture each, read, written, refined.

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
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from surgvqa.builders.cases.scene import relations
from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.files.faults import summarise
from surgvqa.builders.files.parquet import write_text
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.frames.entry import FIELDS, MAKERS, EntryFaults, FrameLabels, from_json, to_json
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Omission, Scene
from surgvqa.cards.command import InputError, parse_json


def read(path: Path, taxonomy: Taxonomy) -> list[FrameLabels]:
    """Read every frame of a metadata file, with the taxonomy's names.

    Raises:
        InputError: one list of everything that is wrong: no JSON, keys, labels, numbers, a picture labelled twice.
    """
    frames: list[FrameLabels] = []
    faults: list[tuple[int, str, str]] = []  # which frame, what it is called, cause
    keys: set[tuple[str, str | int]] = set()
    text = _text(path)
    for number, entry in enumerate(_entries(path, text)):
        where = f"frame {number}"
        try:
            frame = from_json(entry, taxonomy)
            if (frame.video_id, frame.image) in keys:
                raise InputError(f"{frame.image} of {frame.video_id} is labelled twice")
            if (frame.video_id, to_ms(frame.timestamp_s)) in keys:
                raise InputError(f"second {frame.timestamp_s:g} of {frame.video_id} has two pictures")
        except InputError as error:
            causes = error.causes if isinstance(error, EntryFaults) else (str(error),)
            name = f"{where}: {entry['image']}" if _names_image(entry) else where
            faults += [(number, name, cause) for cause in causes]
            continue
        keys |= {(frame.video_id, frame.image), (frame.video_id, to_ms(frame.timestamp_s))}
        frames.append(frame)
    if faults:
        lines = _lines(path, text)
        raise InputError(
            f"{path}: {summarise([Omission(f'line {lines[n]}, {where}', cause) for n, where, cause in faults])}"
        )
    if not frames:
        raise InputError(f"{path}: no frame in it; `surgvqa-build frames` writes such a file")
    return frames


def _names_image(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("image"), str)


def _text(path: Path) -> str:
    if not path.exists():
        raise InputError(f"no file {path}; `surgvqa-build frames` writes frames and their labels")
    return read_text(path, str(path))


def _entries(path: Path, text: str) -> Iterator[Any]:
    try:
        if path.suffix == ".jsonl":
            yield from (parse_json(line) for line in text.split("\n") if line.strip())
            return
        value = parse_json(text)
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    yield from value if isinstance(value, list) else [value]


def _lines(path: Path, text: str) -> list[int]:
    r"""Return the line on which each frame of a sound file begins.

    >>> _lines(Path("a.json"), '[{"a": 1},\n\n {"b": [2,\n 3]}, 4]')
    [1, 3, 4]
    """
    if path.suffix == ".jsonl":
        return [number for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    decode, between = json.JSONDecoder().raw_decode, re.compile(r"[\s,]*")
    lines: list[int] = []
    bracket = re.match(r"\s*\[", text)
    at, line, position = bracket.end() if bracket else 0, 1, 0
    while (start := between.match(text, at).end()) < len(text) and text[start] != "]":  # type: ignore[union-attr]
        line, position = line + text.count("\n", position, start), start
        lines.append(line)
        _, at = decode(text, start)
    return lines


def write(path: Path, frames: Iterable[FrameLabels]) -> None:
    """Write a metadata file, one frame a line, whole or not at all."""
    lines = [json.dumps(to_json(frame), ensure_ascii=False) for frame in frames]
    if path.suffix == ".jsonl":
        write_text(path, "".join(f"{line}\n" for line in lines))
    else:
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")


def refine(old: Iterable[FrameLabels], new: Iterable[FrameLabels]) -> list[FrameLabels]:
    """Return old labels with what new ones know better; hand-made ones are only ever replaced by hand-made ones.

    Frames are matched by picture and video; new ones are added. A field that the new labels don't know stays.
    """
    frames = {(frame.video_id, frame.image): frame for frame in old}
    for frame in new:
        key = (frame.video_id, frame.image)
        frames[key] = _refine_frame(frames[key], frame) if key in frames else frame
    return sorted(frames.values(), key=lambda frame: (frame.video_id, frame.timestamp_s, frame.image))


def _refine_frame(old: FrameLabels, new: FrameLabels) -> FrameLabels:
    changes: dict[str, Any] = {}
    made_by = dict(old.made_by)
    for name in FIELDS:
        before, after = old.made_by.get(name, "hand"), new.made_by.get(name, "hand")
        has_label, better = getattr(old, name) is not None, MAKERS.index(after) >= MAKERS.index(before)
        if getattr(new, name) is None or (has_label and not better):
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
    has_places = frame.width > 0 and sum(node.bbox is not None for node in nodes) > 1
    return Scene(
        time_s=frame.timestamp_s,
        width=frame.width,
        height=frame.height,
        nodes=nodes,
        edges=tuple(relations(nodes, frame.width, frame.height)) if has_places else (),
        events=tuple(f"{name}={str(holds).lower()}" for name, holds in frame.events or ()),
    )
