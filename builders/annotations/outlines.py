"""Annotation files of others: COCO instances and LabelMe shapes, as the entities of scenes.

A picture in which one shape cannot be read is left out whole: what it lacks would count as absent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import Taxonomy, UnknownLabel
from surgvqa.builders.schema import Box, Dropped, Entity, Role
from surgvqa.cards.command import InputError, nearest, parse_json

MAX_SIDE = 32_768  # pixels; what a mask takes is width x height


@dataclass(frozen=True, slots=True)
class Picture:
    """One annotated picture of a file."""

    name: str  # as the file calls it; never opened
    width: int
    height: int
    nodes: tuple[Entity, ...]
    time_s: float | None = None  # where the file says when it was taken
    confidence: float | None = None  # of the whole picture, where a machine outlined it


class Annotated(NamedTuple):
    """What a file holds, and the faults in it."""

    pictures: tuple[Picture, ...]
    faults: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """One outline of a file before it becomes an entity or part of one."""

    label: str
    polygons: Sequence[Sequence[float]] = ()
    rle: str | None = None
    box: Box | None = None
    track: str | None = None
    score: float | None = None  # how sure a machine was
    crowd: bool | None = None  # True of a region of several things, COCO's iscrowd


def role_of(taxonomy: Taxonomy, label: str) -> tuple[Role, str]:
    """Whether a label names anatomy or an instrument, and its canonical name.

    Raises:
        UnknownLabel: it names neither.
    """
    roles: tuple[Role, ...] = ("anatomy", "instrument")
    for role in roles:
        try:
            return role, taxonomy.canonical(role, label)
        except UnknownLabel:
            continue
    known = nearest(label, (*taxonomy.anatomy, *taxonomy.instruments))
    raise UnknownLabel(
        f"unknown label {label!r}: {known}; add it, or a synonym of a known one, to {taxonomy.path}"
    )


def read_json(path: Path, shown: str) -> Any:
    """The JSON value of a file; ``shown`` is how messages call it."""
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}: not UTF-8 at byte {error.start}") from error
    except ValueError as error:
        raise InputError(f"{shown}: not JSON: {error}") from error


def frame_size(width: Any, height: Any) -> tuple[int, int]:
    """A frame's size as a file states it. COCO's C code ends the process on a side of 0.

    >>> frame_size(1920, 1080.0)
    (1920, 1080)
    """
    for side in (width, height):
        whole = isinstance(side, int | float) and not isinstance(side, bool) and side == side // 1
        if not whole or not 1 <= side <= MAX_SIDE:
            raise InputError(f"its size is {width!r}x{height!r}; whole numbers from 1 to {MAX_SIDE} are due")
    return int(width), int(height)


def coco(path: Path, taxonomy: Taxonomy, shown: str | None = None) -> Annotated:
    """Read COCO instances; class names come from the file's own ``categories``.

    ``segmentation`` may be polygons, run lengths, or a string that holds either as JSON; where it is empty
    the box counts. An image's ``time_s``, a shape's ``attributes.track_id`` and either's ``score``, 0 to 1, of a
    machine are taken where they are there.
    """
    shown = shown or path.name
    file = read_json(path, shown)
    if not isinstance(file, dict) or not all(
        isinstance(file.get(key), list) for key in ("images", "annotations", "categories")
    ):
        raise InputError(f"{shown}: not COCO instances; they hold the lists images, annotations, categories")
    faults: list[Dropped] = []
    names = _by_id(file["categories"], "category", shown, faults)
    images = _by_id(file["images"], "image", shown, faults)
    _by_id(file["annotations"], "annotation", shown, faults)
    shapes: dict[Any, list[_Shape]] = {key: [] for key in images}
    broken: set[Any] = set()
    for entry in file["annotations"]:
        if not isinstance(entry, dict):
            continue  # named by _by_id
        item, image = f"{shown}: annotation {entry.get('id')}", entry.get("image_id")
        if not isinstance(image, int | str) or image not in images:
            cause = f"its image_id {image} is not among the file's images"
            faults.append(Dropped(item, cause, fault=True))
            continue
        size = images[image]
        try:
            if entry.get("category_id") not in names:
                raise InputError(f"its category_id {entry.get('category_id')} is not among the categories")
            label = str(names[entry["category_id"]].get("name"))
            shapes[image].append(_coco_shape(entry, label, *frame_size(size["width"], size["height"])))
        except (InputError, KeyError, OverflowError, TypeError, ValueError) as error:
            cause = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            faults.append(Dropped(f"{item} of {size.get('file_name')}", cause, fault=True))
            broken.add(image)
    pictures = []
    for key, image in images.items():
        if key in broken:
            continue
        try:
            width, height = frame_size(image["width"], image["height"])
            nodes = entities(shapes[key], taxonomy, width, height)
            name = str(image["file_name"])
            pictures.append(Picture(name, width, height, nodes, _time(image), _score(image)))
        except KeyError as error:
            faults.append(Dropped(f"{shown}: image {key}", f"lacks {error}", fault=True))
        except InputError as error:
            faults.append(Dropped(f"{shown}: {image.get('file_name')}", str(error), fault=True))
    return Annotated(tuple(pictures), tuple(_once(faults)))


def _time(image: Mapping[str, Any]) -> float | None:
    """An image's ``time_s``."""
    time_s = image.get("time_s")
    if time_s is None:
        return None
    if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not 0 <= time_s < math.inf:
        raise InputError(f"its time_s is {time_s!r}; give seconds from the start of the operation")
    return float(time_s)


def _score(entry: Mapping[str, Any]) -> float | None:
    """How sure a machine was of an image or an annotation."""
    score = entry.get("score")
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise InputError(f"its score is {score!r}; give 0 to 1")
    return float(score)


def _by_id(entries: Iterable[Any], what: str, shown: str, faults: list[Dropped]) -> dict[Any, dict[str, Any]]:
    """Entries by their ids; a duplicated or missing id is a fault."""
    found: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), int | str):
            faults.append(Dropped(f"{shown}: {what}", "an entry has no id", fault=True))
        elif entry["id"] in found:
            cause = "the id is there twice; ids of a file are unique"
            faults.append(Dropped(f"{shown}: {what} {entry['id']}", cause, fault=True))
        else:
            found[entry["id"]] = entry
    return found


def _coco_shape(entry: Mapping[str, Any], label: str, width: int, height: int) -> _Shape:
    """One annotation's outline."""
    outline = entry.get("segmentation")
    if isinstance(outline, str):
        try:
            outline = parse_json(outline)
        except ValueError as error:
            raise InputError(f"its segmentation is a string that isn't JSON: {error}") from error
    extra = entry.get("attributes") or {}
    if not isinstance(extra, Mapping):
        raise InputError(f"its attributes are {extra!r}, not an object")
    track = None if extra.get("track_id") is None else str(extra["track_id"])
    score = _score(entry)
    crowd = True if entry.get("iscrowd") else None
    if isinstance(outline, Mapping):
        rle = _rle(outline, width, height)
        return _Shape(label, rle=rle, track=track, score=score, crowd=crowd)
    if outline:
        return _Shape(label, polygons=outline, track=track, score=score, crowd=crowd)
    x, y, w, h = (float(value) for value in entry["bbox"])
    if not (w > 0 and h > 0 and x + w > 0 and y + h > 0 and x < width and y < height):
        raise InputError(f"its box {entry['bbox']} is not in the {width}x{height} frame")
    return _Shape(label, box=(x, y, x + w, y + h), track=track, score=score, crowd=crowd)


def _rle(outline: Mapping[str, Any], width: int, height: int) -> str:
    """COCO run lengths, compressed (a string) or not (a list), as a compressed string."""
    if list(outline.get("size", ())) != [height, width]:
        raise InputError(f"its mask's size is {outline.get('size')}, the image's [{height}, {width}]")
    counts = outline.get("counts")
    if isinstance(counts, str):
        masks.rle_to_mask(counts, width, height)
        return counts
    runs = np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or runs.sum() != width * height:
        raise InputError(f"its run lengths don't cover the {width}x{height} frame")
    values = np.arange(len(runs)) % 2 == 1
    return masks.mask_to_rle(np.repeat(values, runs).reshape(width, height).T)


def labelme(path: Path, taxonomy: Taxonomy, shown: str | None = None) -> Annotated:
    """Read one LabelMe file. Polygons of one label and ``group_id`` are one thing; rectangles are boxes."""
    shown = shown or path.name
    file = read_json(path, shown)
    needed = ("shapes", "imagePath", "imageHeight", "imageWidth")
    missing = [key for key in needed if not isinstance(file, dict) or file.get(key) is None]
    if missing:
        raise InputError(f"{shown}: not a LabelMe file; it lacks {', '.join(missing)}")
    try:
        width, height = frame_size(file["imageWidth"], file["imageHeight"])
    except InputError as error:
        raise InputError(f"{shown}: {error}") from error
    grouped: dict[tuple[str, object], list[list[float]]] = {}
    shapes: list[_Shape] = []
    try:
        for index, shape in enumerate(file["shapes"]):
            points, label = [list(map(float, point)) for point in shape["points"]], str(shape["label"])
            kind = shape.get("shape_type", "polygon")
            if kind == "polygon":
                group = shape.get("group_id")
                key = (label, index if group is None else f"group {group}")
                grouped.setdefault(key, []).append([value for point in points for value in point])
            elif kind == "rectangle":
                xs, ys = zip(*points, strict=True)
                shapes.append(_Shape(label, box=(min(xs), min(ys), max(xs), max(ys))))
            else:
                raise InputError(f"shape {index} is a {kind}; polygon and rectangle are read")
        shapes += [_Shape(label, polygons=polygons) for (label, _), polygons in grouped.items()]
        nodes = entities(shapes, taxonomy, width, height)
    except (KeyError, OverflowError, TypeError, ValueError, InputError) as error:
        cause = f"a shape lacks {error}" if isinstance(error, KeyError) else str(error)
        return Annotated((), (Dropped(shown, cause, fault=True),))
    name = str(file["imagePath"]).replace("\\", "/").rsplit("/", 1)[-1]
    return Annotated((Picture(name, width, height, nodes),), ())


def entities(shapes: Sequence[_Shape], taxonomy: Taxonomy, width: int, height: int) -> tuple[Entity, ...]:
    """Shapes as entities with canonical names and ids that are unique in their scene.

    A structure outlined under a second label (``cornea`` and ``cornea1``) is one structure; several shapes
    of one label stay apart.
    """
    nodes: list[Entity] = []
    first: dict[str, tuple[str, int]] = {}  # canonical anatomy -> its first label and place in nodes
    seen: dict[str, int] = {}
    for shape in shapes:
        role, name = role_of(taxonomy, shape.label)
        rle = shape.rle
        if rle is None and shape.polygons:
            rle = masks.polygons_to_rle(shape.polygons, width, height)
        if role == "anatomy" and rle is not None and name in first and first[name][0] != shape.label:
            at = first[name][1]
            joined = _union(nodes[at].rle, rle, width, height)
            nodes[at] = _measured(nodes[at], joined, width, height)
            continue
        seen[name] = seen.get(name, 0) + 1
        identity = name if seen[name] == 1 else f"{name}#{seen[name]}"
        bare = Entity(
            identity, name, role, "mask", track=shape.track, confidence=shape.score, crowd=shape.crowd
        )
        if rle is not None:
            first.setdefault(name, (shape.label, len(nodes)))
            nodes.append(_measured(bare, rle, width, height))
        elif shape.box is not None:
            x1, y1, x2, y2 = shape.box
            centre, size = ((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1) * (y2 - y1)
            nodes.append(replace(bare, granularity="box", bbox=shape.box, centroid=centre, area=size))
    return tuple(nodes)


def _measured(entity: Entity, rle: str, width: int, height: int) -> Entity:
    """An entity with a mask and what follows from it."""
    return replace(
        entity,
        rle=rle,
        bbox=masks.box_of(rle, width, height),
        area=masks.area_of(rle, width, height),
        centroid=masks.centroid_of(rle, width, height),
    )


def _union(one: str | None, other: str, width: int, height: int) -> str:
    both = masks.rle_to_mask(other, width, height)
    if one is not None:
        both = both | masks.rle_to_mask(one, width, height)
    return masks.mask_to_rle(both)


def _once(faults: Iterable[Dropped]) -> Iterator[Dropped]:
    """Each cause of a file once, with the number of further items it holds for."""
    first: dict[str, Dropped] = {}
    more: dict[str, int] = {}
    for fault in faults:
        more[fault.cause] = more.get(fault.cause, -1) + 1
        first.setdefault(fault.cause, fault)
    for cause, fault in first.items():
        yield replace(fault, item=f"{fault.item} and {more[cause]} more") if more[cause] else fault
