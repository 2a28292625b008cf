"""Label Studio's JSON export: regions of pictures and videos, brushes, choices, timelines.

Places are per cent of the picture; a rectangle turns about its top left corner. Of several annotations of a task the
ground truth counts, or else the latest one that wasn't cancelled. Frames of a video count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surgvqa.builders.annotations.entities import entities, phase_of
from surgvqa.builders.annotations.picture_names import recordings
from surgvqa.builders.annotations.shapes import (
    MALFORMED_ERRORS,
    Annotations,
    Faults,
    Picture,
    Shape,
    frame_size,
)
from surgvqa.builders.geometry import checks, elsewhere, masks
from surgvqa.builders.label_exports import brush, tracks
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.schema import Box, Point
from surgvqa.cards.command import InputError

SAYS_OF_REGIONS = (
    "choices",
    "textarea",
)  # what an annotator says of one, "blurred"; the region names the thing
NO_THINGS = ("relation", "rating", "number", "datetime", "pairwise")  # results that name no thing
CLOCK_SLACK = 0.02  # of a time; rates are rounded
ON_TIME = ("videorectangle", "timelinelabels")


def read(file: Sequence[Any], context: ExportContext, file_name: str) -> Annotations:
    """Read every task of an export."""
    faults = Faults(file_name)
    pictures: list[Picture] = []
    for index, task in enumerate(file):
        item = f"task {task.get('id') if isinstance(task, Mapping) else index}"
        try:
            pictures += _task(task, item, context, faults)
        except (InputError, *MALFORMED_ERRORS) as error:
            faults.add(item, error)
    return faults.sum_up(pictures)


def _task(task: Mapping[str, Any], item: str, context: ExportContext, faults: Faults) -> list[Picture]:
    """Return the pictures of a task: one, or those of a video."""
    data = task["data"]
    if not isinstance(data, Mapping):
        raise InputError("its data is no object")
    task_annotations = task.get("annotations", task.get("completions")) or ()
    candidates = [one for one in task_annotations if not one.get("was_cancelled")]
    if not candidates:
        return []  # nobody looked
    if len(candidates) > 1:
        faults.note(item, "annotated several times; the ground truth, or else the latest one, is read")
    results = list(_choose_annotation(candidates)["result"])
    region_ids = {one["id"] for one in results if one.get("id") is not None and _geometry(one)}
    things = [
        one
        for one in results
        if one["type"] not in NO_THINGS
        and not (one["type"] in SAYS_OF_REGIONS and one.get("id") in region_ids)
    ]
    name = _name(data, things)
    if any(one["type"] in ON_TIME for one in things):
        return list(_video(things, name, context, faults))
    width = height = 0
    shapes: list[Shape] = []
    labelled_results = {one["id"]: one for one in things if one.get("id") is not None and _labels(one)}
    for number, one in enumerate(things):
        where = f"result {one.get('id', number)}"
        try:
            if "original_width" in one:
                size = frame_size(one["original_width"], one["original_height"])
                if width and size != (width, height):
                    raise InputError(f"pictures of {width}x{height} and {size[0]}x{size[1]} in one task")
                width, height = size
            if not _labels(one) and one.get("id") in labelled_results and _geometry(one):
                _refuse_two_places(one["value"], labelled_results[one["id"]]["value"])
                continue  # the same region, once with and once without its label
            shapes += _shapes(one, where, width, height)
        except (InputError, *MALFORMED_ERRORS) as error:
            error.add_note(f"{where} of {item}")
            faults.add(name, error)
            return []
    try:
        shapes, phase = phase_of(shapes, context.names)
        nodes = entities(shapes, context.names, (width, height), faults.cuts, masked=False, picture=name)
    except InputError as error:
        error.add_note(item)
        faults.add(name, error)
        return []
    return [Picture(name, width, height, nodes, phase=phase, recordings=recordings(data))]


def _refuse_two_places(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Refuse two results of one region that place it differently."""
    for key in ("x", "y", "width", "height", "radiusX", "radiusY", "rotation", "points"):
        if key in one and key in other and one[key] != other[key]:
            raise InputError(f"its region is there twice, with {key} {one[key]!r} and {other[key]!r}")


def _choose_annotation(candidates: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the annotation that counts: the ground truth, else the latest one, by its time where all have one."""
    candidates = [one for one in candidates if one.get("ground_truth")] or candidates
    for key in ("updated_at", "created_at"):
        if all(isinstance(one.get(key), str) for one in candidates):
            return max(candidates, key=lambda one: str(one[key]))
    return candidates[-1]


def _name(data: Mapping[str, Any], things: Sequence[Mapping[str, Any]]) -> str:
    """Return the file that a task shows, of several the one that its results were drawn in."""
    targets = sorted(
        {str(one["to_name"]) for one in things if one.get("to_name") is not None and _geometry(one)}
    )
    files = sorted(
        {value for value in data.values() if isinstance(value, str) and _ENDING.search(_file(value))}
    )
    if len(files) > 1:
        if len(targets) > 1:
            raise InputError(f"its results lie in {' and '.join(targets)} (to_name); export a task a picture")
        if targets and isinstance(data.get(targets[0]), str):
            return _file(data[targets[0]])
    values = [data.get(key) for key in ("image", "img", "video")]
    texts = [value for value in (*values, *data.values()) if isinstance(value, str)]
    if not texts:
        raise InputError("its data names no picture")
    file_names = [one for one in map(_file, texts) if _ENDING.search(one)]
    return next(iter(file_names), texts[0].split("?d=")[-1])


_ENDING = re.compile(r"\.[A-Za-z0-9]{2,4}$")


def _file(text: str) -> str:
    """Return the name in an address, without what signs it.

    >>> _file("https://host/a/1.jpg?X-Sign=b/c"), _file("/data/local-files/?d=a/1.jpg"), _file("s3://b/1?.jpg")
    ('https://host/a/1.jpg', 'a/1.jpg', 's3://b/1?.jpg')
    """
    name = text.split("?d=")[-1]
    return name.split("?")[0].split("#")[0] if name.startswith(("http://", "https://")) else name


def _labels(one: Mapping[str, Any]) -> list[str]:
    """Return the labels of a result: "rectanglelabels", "labels", "choices", the ends of a taxonomy's paths."""
    value = one["value"]
    labels: list[str] = []
    for key, entries in value.items():
        if key == "taxonomy":
            labels += [str(path[-1]) for path in entries]
        elif key.endswith("labels") or key in ("choices", "choice"):
            labels += [entries] if isinstance(entries, str) else [str(label) for label in entries]
    return list(dict.fromkeys(labels))


def _geometry(one: Mapping[str, Any]) -> bool:
    """Whether a result places something."""
    value = one.get("value")
    return isinstance(value, Mapping) and any(
        key in value for key in ("x", "points", "rle", "sequence", "ranges", "vertices", "imageDataURL")
    )


def _shapes(one: Mapping[str, Any], where: str, width: int, height: int) -> Iterator[Shape]:
    """Yield a result as shapes, one a label."""
    labels = _labels(one)
    if not labels:
        raise InputError(f"a {one['type']} without a label")
    if one.get("image_rotation") not in (None, 0) or one.get("item_index") not in (None, 0):
        raise InputError(
            "a picture turned in the tool, or one of several of a task; export it as a task of its own"
        )
    for label in labels:
        if _geometry(one):
            frame_size(width, height)
            yield _region(one["value"], label, one["type"], where, width, height)
        else:
            other = [key for key in one["value"] if not _names(key) and key != "type"]
            if other:
                raise InputError(
                    f"a {one['type']} with {other[0]!r}, which places it in a way that isn't read"
                )
            yield Shape(label, where=where)


def _names(key: str) -> bool:
    """Whether a value's key holds labels."""
    return key.endswith("labels") or key in ("taxonomy", "choices", "choice")


def _region(value: Mapping[str, Any], label: str, kind: str, where: str, width: int, height: int) -> Shape:
    """Return a region of a picture."""
    if "rle" in value:
        if value.get("format", "rle") != "rle":
            raise InputError(f"a brush in the form {value['format']!r}; rle is read")
        mask = brush.decode(value["rle"], width, height)
        if not mask.any():
            raise InputError("a brush without a pixel")
        return Shape(label, rle=masks.mask_to_rle(mask), where=where)
    if "points" in value:
        elsewhere.refuse_elsewhere({"rotation": value.get("rotation")})
        points = [(float(x) * width / 100, float(y) * height / 100) for x, y in value["points"]]
        return Shape(label, polygons=[points], where=where)
    if "radiusX" in value:
        x, y = _at(value, width, height)
        across, down = float(value["radiusX"]) * width / 100, float(value["radiusY"]) * height / 100
        outline = checks.ellipse(x, y, across, down, float(value.get("rotation") or 0))
        return Shape(label, polygons=[outline], where=where)
    if kind.startswith("keypoint") and "x" in value:
        return Shape(label, trace=[_at(value, width, height)], where=where)
    if "width" in value and "height" in value:
        box, degrees = _box(value, width, height), float(value.get("rotation") or 0)
        if degrees % 360:
            about = _at(value, width, height)
            return Shape(label, turned_box=checks.turn_box(box, degrees, about), where=where)
        return Shape(label, box=box, where=where)
    raise InputError(f"a {kind}; rectangle, polygon, brush, ellipse, keypoint and choices are read")


def _at(value: Mapping[str, Any], width: int, height: int) -> Point:
    return float(value["x"]) * width / 100, float(value["y"]) * height / 100


def _box(value: Mapping[str, Any], width: int, height: int) -> Box:
    """Return a rectangle; one drawn from its lower right corner has sides below 0."""
    x, y = _at(value, width, height)
    to_x, to_y = x + float(value["width"]) * width / 100, y + float(value["height"]) * height / 100
    return checks.extent([(x, y), (to_x, to_y)])


# ---- videos


def _video(
    things: Sequence[Mapping[str, Any]], name: str, context: ExportContext, faults: Faults
) -> Iterator[Picture]:
    """Yield the tracks and timelines of a video."""
    sizes = (
        frame_size(one["original_width"], one["original_height"]) for one in things if "original_width" in one
    )
    has_boxes = any(one["type"] == "videorectangle" for one in things)
    size = next(sizes, None) or (context.needed_size("") if has_boxes else (1, 1))
    rates = {rate for one in things if (rate := _rate(one["value"])) is not None}
    frame_counts = [int(one["value"]["framesCount"]) for one in things if _rate(one["value"]) is not None]
    export_rate = next(iter(rates)) if len(rates) == 1 else None
    slack = 2 / max(
        min(frame_counts, default=1), 1
    )  # the number of frames is rounded, and the last one may count or not
    rate = context.rate_of(export_rate, f"{faults.shown_name}: {name}", slack)
    rate = context.rate if context.rate > 0 else rate
    _refuse_other_clock(things, rate)
    read = []
    for number, one in enumerate(things):
        where, labels = f"result {one.get('id', number)}", _labels(one)
        if one["type"] not in ON_TIME:
            raise InputError(f"{where} is a {one['type']} of a video; {', '.join(ON_TIME)} are read")
        if not labels:
            raise InputError(f"{where} is a {one['type']} without a label")
        for label in labels:
            keys = _sequence if one["type"] == "videorectangle" else _ranges
            read.append(list(keys(one, label, where, size)))
    counts = [int(one["value"]["framesCount"]) for one in things if one["value"].get("framesCount")]
    last = max(counts) - 1 if counts else None
    yield from tracks.pictures(
        read, tracks.Film(name=name, size=size, rate=rate, last=last, begins=1), context, faults
    )


def _refuse_other_clock(things: Sequence[Mapping[str, Any]], rate: float) -> None:
    """Refuse key frames whose own seconds aren't those of their numbers at a rate; a frame more or less is usual."""
    for one in things:
        for key in one["value"].get("sequence") or ():
            at, frame = key.get("time"), key.get("frame")
            if at is None or frame is None:
                continue
            expected_s = (float(frame) - 1) / rate
            if abs(float(at) - expected_s) > 2.5 / rate + CLOCK_SLACK * expected_s:
                raise InputError(
                    f"frame {frame} is at {expected_s:.2f} s at {rate:g} frames a second, and its time says {at} s; "
                    "correct --image-rate, or the export"
                )


def _rate(value: Mapping[str, Any]) -> float | None:
    """Frames per second, where a result says how many frames and seconds its video has."""
    count, seconds = value.get("framesCount"), value.get("duration")
    return float(count) / float(seconds) if count and seconds else None


def _sequence(one: Mapping[str, Any], label: str, where: str, size: tuple[int, int]) -> Iterator[tracks.Key]:
    """Yield a rectangle of a video by its frames; one that isn't enabled is shown, and gone behind it."""
    for key in one["value"]["sequence"]:
        frame = int(key["frame"]) - 1
        box, degrees = _box(key, *size), float(key.get("rotation") or 0)
        track = str(one.get("id", ""))
        if degrees % 360:
            corners = checks.turn_box(box, degrees, _at(key, *size))
            shape = Shape(label, turned_box=corners, track=track, where=where)
        else:
            shape = Shape(label, box=box, track=track, where=where)
        yield tracks.Key(frame, shape)
        if key.get("enabled") is False:
            yield tracks.Key(frame + 0.5, None)


def _ranges(one: Mapping[str, Any], label: str, where: str, size: tuple[int, int]) -> Iterator[tracks.Key]:
    """Yield a label of stretches of a video, both ends included; stretches that overlap are one."""
    stretches = [(int(one["start"]), int(one["end"])) for one in one["value"]["ranges"]]
    for start, end in stretches:
        if end < start:
            raise InputError(f"{where} ends at frame {end}, before it starts at frame {start}")
    for start, end in tracks.join(stretches):
        yield tracks.Key(start - 1, Shape(label, where=where))
        yield tracks.Key(end - 0.5, None)
