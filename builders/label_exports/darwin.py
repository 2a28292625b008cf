"""Darwin JSON of V7, versions 1 and 2: pictures and videos."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from surgvqa.builders.annotations import beside
from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.picture_names import parts, refuse_other_name
from surgvqa.builders.annotations.shapes import (
    MALFORMED_ERRORS,
    Annotations,
    Faults,
    Picture,
    Shape,
    confidence,
    frame_size,
)
from surgvqa.builders.geometry import checks, elsewhere
from surgvqa.builders.label_exports import tracks
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.schema import Box, Point
from surgvqa.cards.command import InputError

# What an annotation says beside its name and its place.
BESIDE = (
    "id", "name", "slot_names", "properties", "attributes", "instance_id", "annotators", "reviewers", "directional_vector",
    "text", "inference", "ranges", "hidden_areas", "interpolated", "interpolate_algorithm", "only_keyframes", "frames",
    "keyframe", "updated_at", "workflow_stage", "segments",
)  # fmt: skip
PLACES = (
    "polygon",
    "complex_polygon",
    "ellipse",
    "bounding_box",
    "line",
    "keypoint",
    "skeleton",
    "cuboid",
    "tag",
)


def is_darwin(file: Mapping[str, Any]) -> bool:
    """Whether a JSON object is Darwin's."""
    return isinstance(file.get("annotations"), list) and any(
        isinstance(file.get(key), Mapping) for key in ("item", "image")
    )


def read(file: Mapping[str, Any], context: ExportContext, file_name: str) -> Annotations:
    """Read the annotations of one item."""
    faults = Faults(file_name)
    name = file_name
    try:
        item = file.get("item") or file["image"]
        slots = item.get("slots") or [item]
        if len(slots) > 1:
            raise InputError(f"an item of {len(slots)} slots; one is read")
        name = str(item.get("name") or item.get("filename") or item.get("original_filename"))
        refuse_other_name(file_name, name)
        if "/" not in name and parts(str(item.get("path") or "")) != ("",):
            name = "/".join((*parts(str(item["path"])), name))
        if (why := beside.not_looked_at(item)) is not None:
            faults.note(name, why)
            return faults.sum_up(())
        size = frame_size(slots[0]["width"], slots[0]["height"])
        if any("frames" in one for one in file["annotations"]):
            return faults.sum_up(_video(file["annotations"], name, size, slots[0], context, faults))
        shapes = [_shape(one, f"annotation {index}") for index, one in enumerate(file["annotations"])]
        nodes = entities(shapes, context.names, size, faults.cuts, masked=False, picture=name)
        return faults.sum_up([Picture(name, *size, nodes)])
    except (InputError, *MALFORMED_ERRORS) as error:
        faults.add(name, error)
        return faults.sum_up(())


def _shape(one: Mapping[str, Any], where: str, label: str = "", track: str | None = None) -> Shape:
    """Return an annotation, or what it is at one frame, as a shape."""
    try:
        label = label or str(one["name"])
        unknown = [key for key in one if key not in (*BESIDE, *PLACES)]
        if unknown:
            raise InputError(f"an annotation with a {unknown[0]}; {', '.join(PLACES)} are read")
        beside.refuse_gone(_properties(one))
        places = [key for key in PLACES if key in one and key != "tag"]
        # beside an outline, Darwin writes the box around it; the outline counts
        kind = next(iter(places), "tag" if "tag" in one else None)
        if kind is None:
            raise InputError("an annotation without a place, and no tag")
        inference = one.get("inference") or {}
        score = confidence(inference.get("confidence"), "a confidence of")
        if kind == "tag":
            return Shape(label, where=where, track=track, score=score)
        if len(places) > 1 and (len(places) > 2 or "bounding_box" not in places):
            raise InputError(
                f"an annotation with {' and '.join(places)}; one place is due, perhaps with its box"
            )
        shape = _place_shape(kind, one[kind], label, where, track)
        if kind == "bounding_box" and places[1:]:
            beside_it = _place_shape(places[1], one[places[1]], label, where, track)
            checks.refuse_beside(beside_it.trace, _box(one[kind]))
        around = _box(one["bounding_box"]) if "bounding_box" in places[1:] else None
        return replace(shape, score=score, around=around)
    except (InputError, *MALFORMED_ERRORS) as error:
        error.add_note(where)
        raise


def _properties(one: Mapping[str, Any]) -> dict[str, object]:
    """Return what an annotation says of its thing: properties with a value, attributes as words."""
    properties = {str(entry.get("name")): entry.get("value") for entry in one.get("properties") or ()}
    return properties | {str(word): True for word in one.get("attributes") or ()}


def _place_shape(kind: str, value: Mapping[str, Any], label: str, where: str, track: str | None) -> Shape:
    if kind in ("polygon", "complex_polygon"):
        paths = value["paths"] if "paths" in value else value["path"]
        if paths and isinstance(paths[0], Mapping):
            paths = [paths]
        paths = [*paths, *value.get("additional_paths", ())]
        return Shape(label, polygons=[_points(path) for path in paths], where=where, track=track)
    if kind == "bounding_box":
        elsewhere.refuse_elsewhere(value, ("x", "y", "w", "h"))
        return Shape(label, box=_box(value), where=where, track=track, form="xywh")
    if kind == "ellipse":
        (x, y), (across, down) = _points([value["center"], value["radius"]])
        degrees = math.degrees(float(value.get("angle") or 0))
        return Shape(label, polygons=[checks.ellipse(x, y, across, down, degrees)], where=where, track=track)
    if kind == "keypoint":
        points = _points([value])
    elif kind == "line":
        points = _points(value["path"])
    elif kind == "skeleton":
        points = _points(node for node in value["nodes"] if not node.get("occluded"))
        points = points or _points(value["nodes"])
    else:
        points = _points(corner for side in (value["front"], value["back"]) for corner in side.values())
    return Shape(label, trace=points, where=where, track=track)


def _box(value: Mapping[str, Any]) -> Box:
    x, y, w, h = (float(value[key]) for key in ("x", "y", "w", "h"))
    return x, y, x + w, y + h


def _points(points: Iterable[Mapping[str, Any]]) -> list[Point]:
    return [(float(one["x"]), float(one["y"])) for one in points]


def _video(
    entries: Iterable[Mapping[str, Any]],
    name: str,
    size: tuple[int, int],
    slot: Mapping[str, Any],
    context: ExportContext,
    faults: Faults,
) -> Iterator[Picture]:
    """Yield the tracks of a video; frames count from 0."""
    rate = context.rate_of(float(slot.get("fps") or 0), f"{faults.shown_name}: {name}")
    read = []
    for index, one in enumerate(entries):
        unknown = [key for key in one if key not in (*BESIDE, *PLACES)]
        if unknown:
            raise InputError(f"annotation {index} has a {unknown[0]}, which isn't read")
        label, track, keys = str(one["name"]), str(one.get("id", index)), []
        shape = None
        moves = one.get("interpolated") is not False
        ranges = sorted(
            (int(start), int(end)) for start, end in one.get("ranges") or one.get("segments") or ()
        )
        frames = sorted((int(frame), there) for frame, there in one["frames"].items())
        if ranges and frames and ranges[0][0] < frames[0][0]:  # in view before its first place
            keys.append(tracks.Key(ranges[0][0], Shape(label, track=track), moves=False))
        for frame, there in frames:
            shape = _shape({"tag": {}, **there}, f"annotation {index}, frame {frame}", label, track)
            keys.append(tracks.Key(frame, shape, moves))
        gaps = [(int(start), int(end)) for start, end in one.get("hidden_areas") or ()]
        # the end of a range is the first frame without it
        gaps += [(end, start - 1) for (_, end), (start, _) in pairwise(ranges) if end < start]
        if ranges:
            keys.append(tracks.Key(ranges[-1][1] - 0.5, None))
        read.append(_without(keys, gaps))
    count = slot.get("frame_count")
    last = int(count) - 1 if count else None
    yield from tracks.pictures(read, tracks.Film(name=name, size=size, rate=rate, last=last), context, faults)


def _without(keys: Iterable[tracks.Key], gaps: Iterable[tuple[int, int]]) -> list[tracks.Key]:
    """Return a track that is out of view in some stretches of frames, and goes on behind each as if it had moved."""
    keys = sorted(keys, key=lambda key: key.frame)
    frames = [key.frame for key in keys]
    kept_keys: list[tracks.Key] = []
    next_index = 0
    for start, end in _join(gaps):
        first, behind = bisect_left(frames, start), bisect_right(frames, end)
        kept_keys += keys[next_index:first]
        kept_keys.append(tracks.Key(start - 0.5, None))
        if behind and (shape := keys[behind - 1]).shape is not None:
            after = keys[behind] if behind < len(keys) else tracks.Key(end + 1, None)
            kept_keys.append(replace(shape, frame=end, shape=tracks.between(shape, after, end)))
        next_index = behind
    return kept_keys + keys[next_index:]


def _join(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches in order, those that overlap as one.

    >>> _join([(5, 9), (0, 2), (1, 4)])
    [(0, 4), (5, 9)]
    """
    runs: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if runs and start <= runs[-1][1]:
            runs[-1] = runs[-1][0], max(end, runs[-1][1])
        elif start <= end:
            runs.append((start, end))
    return runs
