"""CVAT's XML 1.1, for images and for videos: every shape that it knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from surgvqa.builders.annotations import beside
from surgvqa.builders.annotations.entities import entities, phase_of
from surgvqa.builders.annotations.picture_names import recordings
from surgvqa.builders.annotations.shapes import (
    MALFORMED_ERRORS,
    Annotations,
    Faults,
    Picture,
    Shape,
    confidence,
    frame_size,
)
from surgvqa.builders.files.texts import read_bytes
from surgvqa.builders.geometry import checks, elsewhere, masks
from surgvqa.builders.label_exports import tracks
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.schema import Box, Point
from surgvqa.cards.command import InputError

NO_SHAPES = ("attribute",)  # children of an image or a track that place nothing
OTHER = ("version", "meta", "dumped")  # children of the document
_FRAME_NAME = re.compile(r"frame_(\d+)(\.\w+)?")  # how CVAT names a video's frames in an export for images
CORNERS = ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2")


class _Plain(ElementTree.TreeBuilder):
    """Refuses a document type: exports have none, and entities can fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise InputError("a document type; exports have none")


def document(path: Path) -> Element:
    """Read the root of an XML file, in the encoding that its first line states."""
    data = read_bytes(path, path.name)
    try:
        return ElementTree.fromstring(data, ElementTree.XMLParser(target=_Plain()))
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(f"{path.name}: not XML: {error}") from error


def read(path: Path, root: Element, context: ExportContext) -> Annotations:
    """Read ``image`` elements, or the ``track`` elements of a video."""
    faults = Faults(path.name)
    for child in root:
        if child.tag not in ("image", "track", *OTHER):
            raise InputError(f"{path.name}: an element {child.tag!r}; image and track are read")
    films = {one.attrib.get("task_id") for one in root.iter("track")}
    films |= {
        one.attrib.get("task_id")
        for one in root.iter("image")
        if _FRAME_NAME.fullmatch(one.attrib.get("name", ""))
    }
    if len(films) > 1:
        raise InputError(
            f"{path.name}: frames of {len(films)} tasks (task_id), each a video; export them one by one"
        )
    task = root.find("meta/task") or root.find("meta/job") or Element("task")
    recording_names = recordings({"task": task.findtext("name"), "source": task.findtext("source")})
    pictures = [
        one
        for image in root.iter("image")
        if (one := _image(image, context, faults, recording_names)) is not None
    ]
    return faults.sum_up([*pictures, *_video(root, path, context, faults)])


def _image(
    image: Element, context: ExportContext, faults: Faults, recording_names: tuple[str, ...]
) -> Picture | None:
    """One image with all its shapes, or None where one can't be read."""
    name = image.attrib.get("name", f"image {image.attrib.get('id')}")
    try:
        size = frame_size(int(image.attrib["width"]), int(image.attrib["height"]))
        elsewhere.refuse_moved(image.attrib)
        read = [
            _shape(element, f"{element.tag} {index}", element.attrib.get("label", ""), size)
            for index, element in enumerate(image)
            if element.tag not in NO_SHAPES and not (element.tag != "skeleton" and _outside(element))
        ]
        shapes, phase = phase_of(read, context.names)
        nodes = entities(shapes, context.names, size, faults.cuts, masked=False, picture=name)
        frame_match = _FRAME_NAME.fullmatch(name) if context.rate > 0 else None
        time_s = int(frame_match[1]) / context.rate if frame_match else None
        recording_names = (*recording_names, *recordings(image.attrib))
        return Picture(
            "" if frame_match else name, *size, nodes, time_s, phase=phase, recordings=recording_names
        )
    except (InputError, *MALFORMED_ERRORS) as error:
        faults.add(name, error)
        return None


def _shape(
    element: Element, where: str, label: str, size: tuple[int, int], track: str | None = None
) -> Shape:
    """Return an element as a shape. Raises ``InputError`` for one that isn't known."""
    try:
        shape = _known_shape(element, where, label, size, track)
        score = element.attrib.get("score")  # of a model or of a vote
        return shape if score is None else replace(shape, score=confidence(float(score)))
    except (InputError, *MALFORMED_ERRORS) as error:
        error.add_note(where)
        raise


def _known_shape(element: Element, where: str, label: str, size: tuple[int, int], track: str | None) -> Shape:
    kind, value = element.tag, element.attrib
    if not label:
        raise InputError(f"a {kind} without a label")
    attributes = {one.attrib.get("name", ""): one.text for one in element.findall("attribute")}
    beside.refuse_gone(attributes)
    if kind == "box":
        elsewhere.refuse_elsewhere(attributes)
        elsewhere.refuse_elsewhere(value, ("rotation",))
    if kind == "tag":
        return Shape(label, where=where, track=track)
    if kind == "box":
        box: Box = (float(value["xtl"]), float(value["ytl"]), float(value["xbr"]), float(value["ybr"]))
        degrees = float(value.get("rotation", 0))
        if degrees % 360:
            return Shape(label, turned_box=checks.turn_box(box, degrees), where=where, track=track)
        return Shape(label, box=box, where=where, track=track)
    if kind == "polygon":
        return Shape(label, polygons=[_points(value["points"])], where=where, track=track)
    if kind in ("polyline", "points"):
        return Shape(label, trace=_points(value["points"]), where=where, track=track)
    if kind == "ellipse":
        x, y, across, down = (float(value[key]) for key in ("cx", "cy", "rx", "ry"))
        outline = checks.ellipse(x, y, across, down, float(value.get("rotation", 0)))
        return Shape(label, polygons=[outline], where=where, track=track)
    if kind == "cuboid":
        corners = [(float(value[f"x{at}"]), float(value[f"y{at}"])) for at in CORNERS]
        return Shape(label, trace=corners, where=where, track=track)
    if kind == "mask":
        return Shape(label, rle=_mask(element, size), where=where, track=track)
    if kind == "skeleton":
        nodes = [child for child in element if child.tag not in NO_SHAPES and not _outside(child)]
        points = [point for child in nodes for point in _points(child.attrib["points"])]
        if not points:
            raise InputError("a skeleton of which no point is in view")
        return Shape(label, trace=points, where=where, track=track)
    raise InputError(
        f"a {kind}, which is none of box, polygon, polyline, points, ellipse, cuboid, mask, skeleton, tag"
    )


def _points(text: str) -> list[Point]:
    """Points as CVAT writes them, "1.5,2;3,4"."""
    points = []
    for pair in text.split(";"):
        x, y = pair.split(",")
        points.append((float(x), float(y)))
    return points


def _mask(element: Element, size: tuple[int, int]) -> str:
    """Return a mask's run lengths, row by row inside its own box, in the picture."""
    left, top, across, down = (int(float(element.attrib[key])) for key in ("left", "top", "width", "height"))
    width, height = size
    if not (across > 0 and down > 0 and 0 <= left <= width - across and 0 <= top <= height - down):
        raise checks.MisplacedShape(
            f"its mask of {across}x{down} at ({left}, {top}) is not in the {width}x{height} picture"
        )
    runs = [int(run) for run in element.attrib["rle"].split(",")]
    return masks.paste(masks.runs_to_rle(runs, across, down, by_row=True), (across, down), (left, top), size)


def _outside(element: Element) -> bool:
    """Whether an element of a track says that the thing is out of view."""
    if element.tag == "skeleton" and "outside" not in element.attrib:
        return all(_outside(child) for child in element if child.tag not in NO_SHAPES)
    return beside.flag(element.attrib.get("outside"), "outside")


def _video(root: Element, path: Path, context: ExportContext, faults: Faults) -> Iterator[Picture]:
    """Yield the tracks of a video as pictures at the wanted moments."""
    elements = root.findall("track")
    if not elements:
        return
    rate = context.needed_rate(path.name)
    size_of = root.find(".//original_size")
    if size_of is None:
        raise InputError(f"{path.name}: no original_size; export the task as 'CVAT for video 1.1'")
    try:
        size = frame_size(int(size_of.findtext("width", "0")), int(size_of.findtext("height", "0")))
        read = [_track(track, size) for track in elements]
    except (InputError, *MALFORMED_ERRORS) as error:
        # a track that can't be read is missing in every frame of it
        faults.add("a track", error)
        return
    source = root.findtext(".//meta/task/source") or root.findtext(".//meta/source") or ""
    stop = root.findtext(".//stop_frame")
    last = int(stop) if stop is not None and stop.isdecimal() else None
    yield from tracks.pictures(
        read, tracks.Film(name=source, size=size, rate=rate, last=last), context, faults
    )


def _track(track: Element, size: tuple[int, int]) -> list[tracks.Key]:
    """One track's shapes by their frames."""
    keys = []
    for element in track:
        if element.tag in NO_SHAPES:
            continue
        frame = int(element.attrib["frame"])
        where = f"track {track.attrib['id']}, frame {frame}"
        shape = None
        if not _outside(element):
            shape = _shape(element, where, track.attrib.get("label", ""), size, track.attrib["id"])
        keys.append(tracks.Key(frame, shape))
    return keys
