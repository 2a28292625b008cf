"""``surgvqa-build labels``: what other tools say about frames, merged into a metadata file without losing hand-made labels.

Read are COCO and LabelMe (`builders/annotations/outlines.py`), CVAT's XML for images and for videos, Label Studio's JSON export, CSV
tables, and a detector's predictions as COCO results or as one object a line. Pictures are matched by their names, a
video's frames by their times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from surgvqa.builders.annotations import outlines
from surgvqa.builders.annotations.outlines import Picture, read_json, role_of
from surgvqa.builders.cases.scene import grid_cell
from surgvqa.builders.files.tables import number, rows
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.frames.frame_labels import FrameLabels, Maker, numbered
from surgvqa.builders.procedures.taxonomy import Taxonomy, UnknownLabel
from surgvqa.builders.schema import Entity
from surgvqa.cards.command import InputError, parse_json


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge."""

    frames: int  # whose labels were looked at
    unmatched: tuple[str, ...]  # pictures that the metadata file has no frame of


def merge(
    into: Path,
    files: Sequence[Path],
    taxonomy: Taxonomy,
    *,
    made_by: Maker = "hand",
    roles: Sequence[str] = ("anatomy", "tools"),
    least: float = 0.0,
    image_rate: float = 0.0,
) -> Merged:
    """Refine a metadata file with the labels of other tools' files.

    Args:
        into: the metadata file, as `surgvqa-build frames` writes it.
        files: of any of the tools.
        taxonomy: the procedure's names.
        made_by: hand, detector or weak; a detector's never replace a person's.
        roles: what the files were to label: a field named here that a picture shows nothing of is known to be empty.
        least: predictions less sure than this are left out.
        image_rate: frames per second of a video that a file numbers the frames of.

    Raises:
        InputError: one list of everything that can't be read, or no picture at all that is known.
    """
    frames = frame_labels.read(into, taxonomy)
    by_name: dict[tuple[str, ...], list[FrameLabels]] = {}
    for frame in frames:
        parts = _parts(frame.image)
        for i in range(len(parts)):
            by_name.setdefault(parts[i:], []).append(frame)
    new: dict[tuple[str, str], FrameLabels] = {}
    unmatched: list[str] = []
    for path in files:
        for picture in read(path, taxonomy, image_rate):
            match = _match(picture, frames, by_name, image_rate)
            if match is None:
                unmatched.append(picture.name)
                continue
            made = _labels(match, picture, made_by, roles, least)
            key = (match.video_id, match.image)
            new[key] = frame_labels.refine([new[key]], [made])[0] if key in new else made
    if not new:
        raise InputError(
            f"no picture of {', '.join(path.name for path in files)} is in {into}; the first unknown one is "
            f"{unmatched[0] if unmatched else 'none: the files are empty'}"
        )
    frame_labels.write(into, frame_labels.refine(frames, new.values()))
    return Merged(len(new), tuple(unmatched))


def _parts(name: str) -> tuple[str, ...]:
    return tuple(unquote(name).replace("\\", "/").split("/"))


def _match(
    picture: Picture,
    frames: Sequence[FrameLabels],
    by_name: Mapping[tuple[str, ...], list[FrameLabels]],
    rate: float,
) -> FrameLabels | None:
    """The frame of a picture: by the longest end of its name that is known, else by its time."""
    if picture.time_s is not None:
        near = [
            frame
            for frame in frames
            if abs(frame.timestamp_s - picture.time_s) <= 0.5 / rate and picture.name in ("", frame.video_id)
        ]
        return min(near, key=lambda frame: abs(frame.timestamp_s - (picture.time_s or 0.0)), default=None)
    parts = _parts(picture.name)
    for i in range(len(parts)):
        found = by_name.get(parts[i:], [])
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(frame.image for frame in found[:3])
            raise InputError(f"{picture.name} may be {names}; give names with their folders")
    return None


def _labels(
    frame: FrameLabels, picture: Picture, made_by: Maker, roles: Sequence[str], least: float
) -> FrameLabels:
    nodes = [node for node in picture.nodes if node.confidence is None or node.confidence >= least]
    fields: dict[str, Any] = {}
    for field in roles:
        role = frame_labels.ROLES[field]
        fields[field] = numbered(replace(node, rle=None) for node in nodes if node.type == role)
    maker = {} if made_by == "hand" else dict.fromkeys(roles, made_by)
    located = any(node.bbox for node in nodes)
    return FrameLabels(
        frame.image,
        frame.video_id,
        frame.timestamp_s,
        width=picture.width if located else 0,
        height=picture.height if located else 0,
        made_by=maker,
        **fields,
    )


# ---- reading


def read(path: Path, taxonomy: Taxonomy, image_rate: float = 0.0) -> tuple[Picture, ...]:
    """The pictures that a tool's file labels; the tool is told by what the file holds.

    Raises:
        InputError: no such file, none of the tools', or one list of its faults.
    """
    if not path.is_file():
        raise InputError(f"no file {path}")
    if path.suffix.lower() == ".xml":
        return tuple(_cvat(path, taxonomy, image_rate))
    if path.suffix.lower() == ".csv":
        return tuple(_csv(path, taxonomy))
    if path.suffix.lower() == ".jsonl":
        lines = path.read_text("utf-8-sig").splitlines()
        try:
            return tuple(
                _predictions([parse_json(line) for line in lines if line.strip()], taxonomy, path.name)
            )
        except ValueError as error:
            raise InputError(f"{path.name}: a line is not JSON: {error}") from error
    file = read_json(path, path.name)
    if isinstance(file, list):
        known = file and isinstance(file[0], Mapping)
        studio = known and ("annotations" in file[0] or "completions" in file[0])
        read_list = _label_studio if studio else _predictions
        return tuple(read_list(file, taxonomy, path.name))
    if not isinstance(file, Mapping):
        raise InputError(f"{path.name}: neither a list nor an object, so none of the known tools wrote it")
    found = outlines.labelme(path, taxonomy) if "shapes" in file else outlines.coco(path, taxonomy)
    if found.faults:
        raise InputError("; ".join(f"{fault.item}: {fault.cause}" for fault in found.faults[:20]))
    return found.pictures


def _thing(
    label: str,
    taxonomy: Taxonomy,
    box: Sequence[float] | None,
    size: tuple[int, int],
    where: str,
    confidence: float | None = None,
    track: str | None = None,
) -> Entity:
    """A labelled thing, its box cut to the picture."""
    try:
        role, name = role_of(taxonomy, label)
    except UnknownLabel as error:
        raise InputError(f"{where}: {error}") from error
    if box is None:
        return Entity(name, name, role, "presence", confidence=confidence, track=track)
    width, height = size
    x1, x2 = (min(max(value, 0.0), float(width)) for value in (box[0], box[2]))
    y1, y2 = (min(max(value, 0.0), float(height)) for value in (box[1], box[3]))
    if not all(map(math.isfinite, box)) or x1 >= x2 or y1 >= y2:
        raise InputError(
            f"{where}: the box {[round(value, 2) for value in box]} of {label} is not in the {width}x{height} picture"
        )
    at = ((x1 + x2) / 2, (y1 + y2) / 2)
    cell = grid_cell(at, width, height)
    return Entity(
        name, name, role, "box", (x1, y1, x2, y2), at, (x2 - x1) * (y2 - y1), cell, confidence=confidence, track=track
    )  # fmt: skip


def _cvat(path: Path, taxonomy: Taxonomy, image_rate: float) -> Iterator[Picture]:
    """CVAT 1.1: ``image`` elements with boxes, polygons and tags, or ``track`` elements of a video."""
    try:
        text = path.read_text("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:  # CVAT writes none, and entities can fill the memory
            raise InputError(f"{path.name}: a document type; CVAT's exports have none")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path.name}: not CVAT's XML: {error}") from error
    try:
        for image in root.iter("image"):
            size = (int(image.attrib["width"]), int(image.attrib["height"]))
            where = f"{path.name}: {image.attrib['name']}"
            nodes = [
                _thing(shape.attrib["label"], taxonomy, _cvat_box(shape), size, where)
                for shape in image
                if shape.tag in ("box", "polygon", "polyline", "points", "tag")
            ]
            yield Picture(image.attrib["name"], *size, numbered(nodes))
        yield from _cvat_video(root, path, taxonomy, image_rate)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path.name}: an element lacks or misspells {error}") from error


def _cvat_box(shape: Any) -> list[float] | None:
    if shape.tag == "tag":
        return None
    if shape.tag == "box":
        return [float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr")]
    points = [[float(value) for value in point.split(",")] for point in shape.attrib["points"].split(";")]
    xs, ys = zip(*points, strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _cvat_video(root: Any, path: Path, taxonomy: Taxonomy, image_rate: float) -> Iterator[Picture]:
    tracks = root.findall("track")
    if not tracks:
        return
    if image_rate <= 0:
        raise InputError(f"{path.name} numbers a video's frames: give --image-rate, its frames per second")
    size_of = root.find(".//original_size")
    if size_of is None:
        raise InputError(f"{path.name}: no original_size; export the task as 'CVAT for video 1.1'")
    size = (int(size_of.findtext("width", "0")), int(size_of.findtext("height", "0")))
    frames: dict[int, list[Entity]] = {}
    for track in tracks:
        for shape in track:
            at = int(shape.attrib["frame"])
            frames.setdefault(at, [])
            if shape.attrib.get("outside") != "1":
                where = f"{path.name}: frame {at}"
                frames[at].append(
                    _thing(
                        track.attrib["label"],
                        taxonomy,
                        _cvat_box(shape),
                        size,
                        where,
                        track=track.attrib["id"],
                    )
                )
    for at, nodes in sorted(frames.items()):
        yield Picture("", *size, numbered(nodes), time_s=at / image_rate)


def _label_studio(file: Sequence[Any], taxonomy: Taxonomy, shown: str) -> Iterator[Picture]:
    """Label Studio's JSON: rectangles in percent, polygons, choices; of several annotations the last one counts."""
    for task in file:
        try:
            data = task["data"]
            name = str(data.get("image") or next(value for value in data.values() if isinstance(value, str)))
            name = name.split("?d=")[-1]
            done = [
                one
                for one in task.get("annotations", task.get("completions", ()))
                if not one.get("was_cancelled")
            ]
            if not done:
                continue
            nodes: list[Entity] = []
            width = height = 0
            for result in done[-1]["result"]:
                value = result["value"]
                width, height = (
                    int(result.get("original_width", width)),
                    int(result.get("original_height", height)),
                )
                where = f"{shown}: task {task.get('id')}"
                for label, box in _studio_value(value, width, height):
                    nodes.append(_thing(label, taxonomy, box, (width, height), where))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, StopIteration) as error:
            raise InputError(f"{shown}: no Label Studio task: {error!r}") from error
        unique = {
            node.name: node
            for node in nodes
            if node.bbox is None and all(n.name != node.name or n.bbox is None for n in nodes)
        }
        yield Picture(name, width, height, numbered([*[n for n in nodes if n.bbox], *unique.values()]))


def _studio_value(
    value: Mapping[str, Any], width: int, height: int
) -> Iterator[tuple[str, list[float] | None]]:
    for label in value.get("rectanglelabels", ()):
        x, y = value["x"] * width / 100, value["y"] * height / 100
        yield label, [x, y, x + value["width"] * width / 100, y + value["height"] * height / 100]
    for label in value.get("polygonlabels", ()):
        xs, ys = zip(*value["points"], strict=True)
        yield (
            label,
            [min(xs) * width / 100, min(ys) * height / 100, max(xs) * width / 100, max(ys) * height / 100],
        )
    for label in value.get("choices", ()):
        yield label, None


def _csv(path: Path, taxonomy: Taxonomy) -> Iterator[Picture]:
    """A table: ``image,label`` with perhaps ``x1,y1,x2,y2,width,height`` and ``confidence``; a line per thing.

    A picture of which nothing is in view has one line with an empty label.
    """
    found: dict[str, list[Entity]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for index, row in enumerate(rows(path, ("image", "label")), start=2):
        where = f"{path.name} row {index}"
        nodes = found.setdefault(row["image"], [])
        if not row["label"]:
            continue
        size, box = (0, 0), None
        if row.get("x1"):
            if "width" not in row or "height" not in row:
                raise InputError(
                    f"{where}: a box, and no columns width,height of the picture it was drawn in"
                )
            size = (int(number(row, "width", where)), int(number(row, "height", where)))
            box = [number(row, key, where) for key in ("x1", "y1", "x2", "y2")]
            sizes[row["image"]] = size
        sure = number(row, "confidence", where) if row.get("confidence") else None
        nodes.append(_thing(row["label"], taxonomy, box, size, where, _sure(sure, where)))
    for name, nodes in found.items():
        yield Picture(name, *sizes.get(name, (0, 0)), numbered(nodes))


def _predictions(file: Sequence[Any], taxonomy: Taxonomy, shown: str) -> Iterator[Picture]:
    """A detector's: objects of ``image, width, height, detections[{label, bbox [x1, y1, x2, y2], confidence}]``."""
    for index, entry in enumerate(file):
        where = f"{shown}: entry {index}"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("detections"), list):
            raise InputError(
                f"{where}: neither a tool's export nor an object of image, width, height, detections"
            )
        try:
            size = (int(entry["width"]), int(entry["height"]))
            nodes = [
                _thing(
                    str(one["label"]),
                    taxonomy,
                    one.get("bbox"),
                    size,
                    where,
                    _sure(float(one["confidence"]), where),
                )
                for one in entry["detections"]
            ]
            yield Picture(str(entry["image"]), *size, numbered(nodes))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where}: lacks or misspells {error}") from error


def _sure(confidence: float | None, where: str) -> float | None:
    if confidence is not None and not 0 <= confidence <= 1:
        raise InputError(f"{where}: a confidence of {confidence:g}; give 0 to 1")
    return confidence
