"""LabelMe files, one a picture: polygons, boxes, circles, lines, points and masks."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from surgvqa.builders.annotations import beside
from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.picture_names import parts, recordings, refuse_other_name
from surgvqa.builders.annotations.shapes import (
    MALFORMED_ERRORS,
    Annotations,
    Faults,
    Names,
    Picture,
    Shape,
    attributes,
    confidence,
    frame_size,
    read_json,
)
from surgvqa.builders.files.pictures import PICTURE_ERRORS
from surgvqa.builders.geometry import checks, elsewhere, masks
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Box, Point
from surgvqa.cards.command import InputError

REQUIRED_KEYS = ("shapes", "imagePath", "imageHeight", "imageWidth")


def labelme(
    path: Path, taxonomy: Taxonomy, shown_name: str | None = None, *, file: Any = None, masked: bool = True
) -> Annotations:
    """Read one LabelMe file. Polygons of one label and ``group_id`` are one thing; circles are outlines.

    ``file`` is the value of the file, if it is read already; without ``masked``, outlines become boxes.
    """
    shown_name = shown_name or path.name
    file = read_json(path, shown_name) if file is None else file
    missing = [key for key in REQUIRED_KEYS if not isinstance(file, dict) or file.get(key) is None]
    if missing:
        raise InputError(f"{shown_name}: not a LabelMe file; it lacks {', '.join(missing)}")
    faults = Faults(shown_name)
    *folders, name = parts(str(file["imagePath"]))
    flags = file.get("flags") if isinstance(file.get("flags"), Mapping) else {}
    if (why := beside.not_looked_at(file) or beside.not_looked_at(flags)) is not None:
        faults.note(name, why)
        return faults.sum_up(())
    try:
        is_of_case = len(parts(shown_name)) == 2  # annotations/CASE.json has the name of its operation
        if not is_of_case:
            refuse_other_name(shown_name, name)
        width, height = frame_size(file["imageWidth"], file["imageHeight"])
        elsewhere.refuse_moved(file)
        _refuse_other_size(file.get("imageData"), width, height)
        names = Names(taxonomy)
        shapes = [*_shapes(file["shapes"], width, height), *_flags(file.get("flags"), names)]
        nodes = entities(shapes, names, (width, height), faults.cuts, masked=masked, picture=name)
    except (InputError, *MALFORMED_ERRORS) as error:
        faults.add(name, error)
        return faults.sum_up(())
    recording_names = (*(one for one in folders if one.strip(".")), *recordings(file))
    return faults.sum_up([Picture(name, width, height, nodes, recordings=recording_names)])


def _refuse_other_size(data: Any, width: int, height: int) -> None:
    """Refuse a size that isn't the one of the picture inside the file, which its places are of; none may be inside."""
    if not isinstance(data, str) or not data:
        return
    try:
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            stored_size = picture.size
    except (binascii.Error, *PICTURE_ERRORS):
        return  # another program's remark: places need no pixels
    if (width, height) not in (stored_size, stored_size[::-1]):
        raise InputError(
            f"its size is {width}x{height}, and the picture inside it (imageData) has {stored_size[0]}x{stored_size[1]}"
        )


def _shapes(entries: list[Any], width: int, height: int) -> Iterator[Shape]:
    """Yield the shapes of a file, the closed ones of one thing together."""
    groups: dict[tuple[str, object], _Group] = {}
    for index, entry in enumerate(entries):
        try:
            points = [(float(x), float(y)) for x, y in entry["points"]]
            for part in (entry, entry.get("flags"), entry.get("attributes")):
                beside.refuse_gone(part)
            group, polygon = entry.get("group_id"), (entry.get("shape_type") or "polygon") == "polygon"
            key = (str(entry["label"]), index if group is None else f"group {group}")
            score, where = confidence(entry.get("score")), f"shape {index}"
            shape = None if polygon else _shape(entry, points, where, width, height)
            outline = points if shape is None else _closed_outline(shape) if group is not None else None
            if outline is not None:
                groups.setdefault(key, _Group(where)).add(outline, score)
            elif shape is not None:
                yield replace(shape, score=score)
        except (InputError, *MALFORMED_ERRORS) as error:
            error.add_note(f"shape {index}")
            raise
    for (label, _), one in groups.items():
        yield Shape(label, polygons=one.polygons, score=min(one.scores, default=None), where=one.where)


@dataclass(slots=True)
class _Group:
    """The closed shapes of one thing."""

    where: str  # the first of them
    polygons: list[Sequence[Point]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def add(self, polygon: Sequence[Point], score: float | None) -> None:
        """Take a shape; the least sure one says how sure the thing is."""
        self.polygons.append(polygon)
        self.scores += [] if score is None else [score]


def _closed_outline(shape: Shape) -> Sequence[Point] | None:
    """Return the outline of a box, a turned box or a circle; None of anything else."""
    if shape.box is not None:
        x1, y1, x2, y2 = shape.box
        return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)] if x1 < x2 and y1 < y2 else None
    return shape.turned_box or next(iter(shape.polygons), None)


def _shape(entry: Mapping[str, Any], points: list[Point], where: str, width: int, height: int) -> Shape:
    """Return a shape that isn't a polygon."""
    kind, label = entry["shape_type"], str(entry["label"])
    due = {"rectangle": (2, 4), "rotation": (4,), "oriented_rectangle": (4,), "circle": (2,), "point": (1,)}
    if len(points) not in due.get(kind, (len(points),)) or not points:
        raise InputError(f"a {kind} of {len(points)} points; {due.get(kind, ('some',))[0]} are due")
    if kind == "rectangle":
        elsewhere.refuse_elsewhere(entry, ("points",))
        elsewhere.refuse_elsewhere(attributes(entry))
        return Shape(label, box=checks.extent(points), where=where)
    if kind in ("rotation", "oriented_rectangle"):
        return Shape(label, turned_box=points, where=where)
    if kind == "circle":
        (x, y), (to_x, to_y) = points
        radius = math.hypot(to_x - x, to_y - y)
        return Shape(label, polygons=[checks.ellipse(x, y, radius, radius)], where=where)
    if kind in ("point", "points", "line", "linestrip"):
        return Shape(label, trace=points, where=where)
    if kind == "mask":
        rle = _mask(entry, points, width, height)
        return Shape(label, rle=rle, where=where, around=_around(points))
    raise InputError(
        f"a {kind}; polygon, rectangle, rotation, circle, point, line, linestrip and mask are read"
    )


def _flags(flags: Any, names: Names) -> Iterator[Shape]:
    """Yield the picture's flags that are set and name a thing: it is in view. Others ("blurred") name none."""
    if not isinstance(flags, Mapping):
        return
    spelt = names.taxonomy.spellings.values()
    for label, value in flags.items():
        if value is True and str(label) in spelt:
            yield Shape(str(label))


def _around(points: Sequence[Point]) -> Box | None:
    """Return the box from a mask's first pixel to its last one; None where the file gives one corner alone."""
    x1, y1, x2, y2 = checks.extent(points)
    return (x1, y1, x2 + 1, y2 + 1) if len(points) > 1 else None


def _mask(entry: Mapping[str, Any], points: list[Point], width: int, height: int) -> str:
    """Return a mask that is stored as a PNG beside its top left corner."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(entry["mask"], validate=True))) as picture:
            part = np.asarray(picture.convert("L")) > 0
    except (binascii.Error, *PICTURE_ERRORS) as error:
        raise InputError(f"its mask is no PNG: {error}") from error
    x, y = (math.floor(value + 0.5) for value in checks.extent(points)[:2])
    rows, columns = part.shape
    if not (x >= 0 and y >= 0 and x + columns <= width and y + rows <= height):
        raise checks.MisplacedShape(
            f"its mask of {columns}x{rows} at ({x}, {y}) is not in the {width}x{height} picture"
        )
    whole = np.zeros((height, width), bool)
    whole[y : y + rows, x : x + columns] = part
    return masks.mask_to_rle(whole)
