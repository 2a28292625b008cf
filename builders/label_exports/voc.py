"""Pascal VOC's XML, a file a picture: boxes, turned boxes (roLabelImg), polygons."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element

from surgvqa.builders.annotations import beside
from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.picture_names import parts, refuse_other_name
from surgvqa.builders.annotations.shapes import (
    MALFORMED_ERRORS,
    Annotations,
    Faults,
    Picture,
    Shape,
    frame_size,
)
from surgvqa.builders.geometry import checks, elsewhere
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.schema import Box, Point
from surgvqa.cards.command import InputError

# What an object says beside its name and its place.
BESIDE = (
    "name", "pose", "truncated", "difficult", "occluded", "occlusion", "attributes", "type", "actions", "point",
    "deleted", "verified", "date", "id", "parts", "part", "extra", "color",
)  # fmt: skip
# What a document says beside its objects.
BESIDES = (
    "folder", "filename", "path", "source", "owner", "size", "segmented", "verified", "imagesize", "scenedescription", "id",
    "database", "annotation", "image", "flickrid", "time_labeled", "weather", "occluded", "truncated", "difficult",
)  # fmt: skip
PLACES = ("bndbox", "robndbox", "polygon")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read(path: Path, root: Element, context: ExportContext) -> Annotations:
    """Read one picture's objects; corners are taken as they are, as most tools count them from 0."""
    faults = Faults(path.name)
    name = root.findtext("filename") or f"{path.stem}.xml"
    try:
        refuse_other_name(path.name, name)
        width, height = root.findtext("size/width"), root.findtext("size/height")
        has_size = width and height and (int(width), int(height)) != (0, 0)
        size = frame_size(int(width or 0), int(height or 0)) if has_size else context.needed_size(name)
        unknown = [child.tag for child in root if child.tag not in (*BESIDES, "object")]
        if unknown:
            raise InputError(
                f"an element {unknown[0]!r}; object is read, with {', '.join(BESIDES)} beside it"
            )
        there = [one for one in root.findall("object") if not beside.flag(one.findtext("deleted"), "deleted")]
        shapes = [_object(one, f"object {index}") for index, one in enumerate(there)]
        nodes = entities(shapes, context.names, size, faults.cuts, masked=False, picture=name)
        places = parts(root.findtext("path") or "")[:-1]
        recording_names = tuple(one for one in (root.findtext("folder") or "", *places) if one)
        return faults.sum_up([Picture(name, *size, nodes, recordings=recording_names)])
    except (InputError, *MALFORMED_ERRORS) as error:
        faults.add(name, error)
        return faults.sum_up(())


def _object(one: Element, where: str) -> Shape:
    """Return an object as a shape."""
    try:
        label = (one.findtext("name") or "").strip()
        if not label:
            raise InputError("an object without a name")
        unknown = [child.tag for child in one if child.tag not in (*BESIDE, *PLACES)]
        if unknown:
            raise InputError(f"an object with a {unknown[0]}; bndbox, robndbox and polygon are read")
        for tag in PLACES:
            if (count := len(one.findall(tag))) > 1:
                raise InputError(f"an object with {count} elements {tag}; one is due")
        beside.refuse_gone(
            {
                attribute.findtext("name", ""): attribute.findtext("value")
                for attribute in one.iter("attribute")
            }
        )
        around = _corners(place) if (place := one.find("bndbox")) is not None else None
        if (polygon := one.find("polygon")) is not None:
            return Shape(label, polygons=[_polygon(polygon)], where=where, around=around)
        if (turned_box := one.find("robndbox")) is not None:
            x, y, w, h, angle = (
                float(turned_box.findtext(key, "")) for key in ("cx", "cy", "w", "h", "angle")
            )
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            return Shape(
                label, turned_box=checks.turn_box(box, math.degrees(angle)), where=where, around=around
            )
        if around is not None:
            return Shape(label, box=around, where=where)
        raise InputError("an object without a bndbox")
    except (InputError, *MALFORMED_ERRORS) as error:
        error.add_note(where)
        raise


def _corners(place: Element) -> Box:
    """Return a box; one that says anything but its corners is refused."""
    if other := [child.tag for child in place if child.tag not in CORNERS]:
        raise InputError(f"a bndbox with a {other[0]}; {', '.join(CORNERS)} are read")
    elsewhere.refuse_elsewhere(place.attrib)
    x1, y1, x2, y2 = (float(place.findtext(key, "")) for key in CORNERS)
    return x1, y1, x2, y2


def _polygon(polygon: Element) -> list[Point]:
    """Points of ``x1, y1, x2, y2, …`` or of ``pt`` elements with x and y."""
    if (points := polygon.findall("pt")) or (points := polygon.findall("point")):
        return [(float(one.findtext("x", "")), float(one.findtext("y", ""))) for one in points]
    count = len(polygon) // 2
    return [
        (float(polygon.findtext(f"x{i}", "")), float(polygon.findtext(f"y{i}", "")))
        for i in range(1, count + 1)
    ]
