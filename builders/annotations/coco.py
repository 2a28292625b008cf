"""COCO instances: boxes, polygons, both forms of run lengths, keypoints, turned boxes; crowds are no instance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations import beside
from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.picture_names import recordings
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
    pairs,
    read_json,
)
from surgvqa.builders.geometry import checks, elsewhere, masks
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Box
from surgvqa.cards.command import InputError, parse_json

LISTS = ("images", "annotations", "categories")


def coco(
    path: Path, taxonomy: Taxonomy, shown_name: str | None = None, *, file: Any = None, masked: bool = True
) -> Annotations:
    """Read COCO instances; class names come from the file's own ``categories``.

    ``segmentation`` may be polygons, run lengths, or a string that holds either as JSON; where it is empty
    the box counts, turned by ``attributes.rotation`` in degrees as CVAT writes it; where there is no box, the
    keypoints. An image's ``time_s``, a shape's ``attributes.track_id`` and either's ``score``, 0 to 1, of a machine
    are taken where they are there. A picture with a crowd (``iscrowd``) is left out, and noted: how many there
    are, nobody says. ``file`` is the value of the file, if it is read already; without ``masked``, outlines become
    the boxes around them.
    """
    shown_name = shown_name or path.name
    file = read_json(path, shown_name) if file is None else file
    if not isinstance(file, dict) or not all(isinstance(file.get(key), list) for key in LISTS):
        raise InputError(
            f"{shown_name}: not COCO instances; they hold the lists images, annotations, categories"
        )
    for part in (file, file.get("info")):
        if isinstance(part, Mapping):
            elsewhere.refuse_moved(part, of_file=True)
    faults = Faults(shown_name)
    labels = {
        key: str(one.get("name")) for key, one in _by_id(file["categories"], "category", faults).items()
    }
    images = _of_videos(_by_id(file["images"], "image", faults), file.get("videos"))
    entries, bad_images, stray = _by_image(file.pop("annotations"), images, faults)
    if stray:
        for key in (key for key in images if key not in entries):
            faults.add(
                f"image {images[key].get('file_name')}",
                "it has no annotation, and annotations of no image are there: one may be its own",
            )
            bad_images.add(key)
    if _corners(entries, images):
        cause = "its box looks like x1, y1, x2, y2, as all of this file do; a box here is x, y, width, height"
        for key in (key for key, there in entries.items() if there and key not in bad_images):
            faults.add(f"image {images[key].get('file_name')}", cause)
            bad_images.add(key)
    names = Names(taxonomy)
    pictures = []
    for key, image in images.items():
        there = entries.pop(key, [])
        if key in bad_images:
            continue
        try:
            picture = _picture(image, there, labels, names, faults, masked)
        except (InputError, *MALFORMED_ERRORS) as error:
            faults.add(str(image.get("file_name") or f"image {key}"), error)
            continue
        if picture is not None:
            pictures.append(picture)
    return faults.sum_up(pictures)


def _of_videos(images: dict[Any, dict[str, Any]], videos: Any) -> dict[Any, dict[str, Any]]:
    """Return images with the names of their videos, where the file lists these."""
    entries = videos if isinstance(videos, list) else []
    names_by_id = {
        _id(one, "id"): one.get("name") or one.get("file_name") for one in entries if isinstance(one, dict)
    }
    return {
        key: image | {"video": names_by_id[_id(image, "video_id")]}
        if _id(image, "video_id") in names_by_id
        else image
        for key, image in images.items()
    }


def _by_id(entries: Iterable[Any], what: str, faults: Faults) -> dict[Any, dict[str, Any]]:
    """Entries by their ids; a missing id is a fault, and a duplicated one, of which neither entry is taken."""
    there: dict[Any, dict[str, Any]] = {}
    twice: set[str] = set()
    for entry in entries:
        key = _id(entry, "id")
        if key is None:
            faults.add(what, "an entry has no id")
        elif key in there:
            faults.add(f"{what} {key}", "the id is there twice; ids of a file are unique")
            twice.add(key)
        else:
            there[key] = entry
    return {key: entry for key, entry in there.items() if key not in twice}


def _id(entry: Any, key: str) -> str | None:
    """Return an id, which one list of a file may write as 7 and another one as "7" or 7.0; None where there is none."""
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None


def _by_image(
    annotations: list[Any], images: Mapping[Any, Any], faults: Faults
) -> tuple[dict[Any, list[dict[str, Any]]], set[Any], bool]:
    """Return the annotations of every image, the images of which one can't be told, and whether some are of no image."""
    stray = False
    entries: dict[Any, list[dict[str, Any]]] = {}
    bad_images: set[Any] = set()
    annotation_ids: set[Any] = set()
    for entry in annotations:
        image, key = _id(entry, "image_id"), _id(entry, "id")
        has_image = image is not None and image in images
        stray = stray or not has_image
        if key is None:
            faults.add("annotation", "an entry has no id")
        elif key in annotation_ids:
            faults.add(f"annotation {key}", "the id is there twice; ids of a file are unique")
        elif not has_image:
            faults.add(f"annotation {key}", f"its image_id {image} is not among the file's images")
        else:
            annotation_ids.add(key)
            entries.setdefault(image, []).append(entry)
            continue
        if has_image:
            bad_images.add(image)
    return entries, bad_images, stray


def _corners(entries: Mapping[Any, list[dict[str, Any]]], images: Mapping[Any, Any]) -> bool:
    """Whether every box of a file reads as x1, y1, x2, y2, and one can be nothing else."""
    certain = False
    for key, there in entries.items():
        try:
            width, height = frame_size(images[key]["width"], images[key]["height"])
            for entry in there:
                if not entry.get("bbox"):
                    continue
                x, y, w, h = (float(value) for value in entry["bbox"])
                if not (0 <= x < w <= width and 0 <= y < h <= height):
                    return False
                share = min(w, width - x) * min(h, height - y) / (w * h)
                certain = certain or 1 - share > checks.OUTSIDE
        except (InputError, *MALFORMED_ERRORS):
            return False  # named where it is read
    return certain


def _picture(
    image: Mapping[str, Any],
    there: list[dict[str, Any]],
    labels: Mapping[Any, str],
    names: Names,
    faults: Faults,
    masked: bool,
) -> Picture | None:
    """One image with its annotations; None where it has a crowd."""
    width, height = frame_size(image["width"], image["height"])
    name = str(image["file_name"])
    if (why := beside.not_looked_at(image) or beside.not_looked_at(attributes(image))) is not None:
        faults.note(name, why)
        return None
    elsewhere.refuse_moved(image)
    if image.get("num_annotations") is not None and image["num_annotations"] != len(there):
        raise InputError(f"its num_annotations is {image['num_annotations']}, and {len(there)} are there")
    crowds = [entry for entry in there if _set(entry, "iscrowd") or _set(entry, "ignore")]
    if crowds:
        what = ", ".join(sorted({labels.get(_id(entry, "category_id"), "?") for entry in crowds}))
        faults.note(
            name, f"left out: a crowd (iscrowd or ignore) of {what}, and how many it holds is not said"
        )
        return None
    shapes = _shapes(there, labels, width, height)
    nodes = entities(shapes, names, (width, height), faults.cuts, masked=masked, picture=name)
    return Picture(name, width, height, nodes, _time(image), _score(image), recordings=recordings(image))


def _set(entry: Mapping[str, Any], flag: str) -> bool:
    """Whether a flag is set: 1, true, or either of them as a string."""
    value = entry.get(flag)
    if str(value).lower() not in ("1", "1.0", "true", "0", "0.0", "false", "none", ""):
        raise InputError(f"its {flag} is {value!r}; 0 or 1 are due")
    return str(value).lower() in ("1", "1.0", "true")


def _shapes(
    there: Iterable[dict[str, Any]], labels: Mapping[Any, str], width: int, height: int
) -> Iterator[Shape]:
    """Yield the annotations of an image as shapes."""
    for entry in there:
        where = f"annotation {entry['id']}"
        try:
            category = _id(entry, "category_id")
            if category not in labels:
                raise InputError(f"its category_id {entry.get('category_id')} is not among the categories")
            yield _shape(entry, labels[category], width, height, where)
        except (InputError, *MALFORMED_ERRORS) as error:
            error.add_note(where)
            raise


def _shape(entry: Mapping[str, Any], label: str, width: int, height: int, where: str) -> Shape:
    """One annotation."""
    outline = entry.get("segmentation")
    beside.refuse_gone(entry)
    if isinstance(outline, str):
        try:
            outline = parse_json(outline)
        except ValueError as error:
            raise InputError(f"its segmentation is a string that isn't JSON: {error}") from error
    extra = attributes(entry)
    beside.refuse_gone(extra)
    around = _around(entry)
    track = None if extra.get("track_id") is None else str(extra["track_id"])
    score = _score(entry)
    if isinstance(outline, Mapping):
        rle = _rle(outline, width, height)
        return Shape(label, rle=rle, track=track, score=score, where=where, around=around)
    if isinstance(outline, list):
        outline = [part for part in outline if part != []]  # "[[]]": no outline
    if outline:
        if not isinstance(outline, list):
            raise InputError(f"its segmentation is {masks.short_repr(outline)}, no list of polygons")
        polygons = [pairs(polygon) for polygon in outline]
        return Shape(label, polygons=polygons, track=track, score=score, where=where, around=around)
    points = list(entry.get("keypoints") or ())
    visible_points = [
        (float(x), float(y)) for x, y, v in zip(points[::3], points[1::3], points[2::3], strict=True) if v
    ]
    if around is not None:
        box = around
        if visible_points:
            checks.refuse_beside(visible_points, box)
        read = ("bbox", "segmentation", "rotation")
        elsewhere.refuse_elsewhere({**entry, "bbox_mode": _other_mode(entry.get("bbox_mode"))}, read)
        elsewhere.refuse_elsewhere(extra, read)
        degrees = float(entry.get("rotation") or extra.get("rotation") or 0.0)
        if degrees % 360:
            corners = checks.turn_box(box, degrees)
            return Shape(label, turned_box=corners, track=track, score=score, where=where)
        return Shape(label, box=box, track=track, score=score, where=where, form="xywh")
    if not visible_points:
        raise InputError("it has no segmentation, no bbox and no visible keypoint")
    return Shape(label, trace=visible_points, track=track, score=score, where=where)


def _around(entry: Mapping[str, Any]) -> Box | None:
    """Return the box of an annotation, or None."""
    if not entry.get("bbox"):
        return None
    x, y, w, h = (float(value) for value in entry["bbox"])
    return x, y, x + w, y + h


def _other_mode(mode: Any) -> Any:
    """Return what Detectron2 says of a box's form; None of x, y, width, height."""
    return None if mode is None or str(mode) in ("1", "BoxMode.XYWH_ABS", "XYWH_ABS", "xywh") else f"{mode}"


def _rle(outline: Mapping[str, Any], width: int, height: int) -> str:
    """COCO run lengths, compressed (a string) or not (a list), as a compressed string."""
    if list(outline.get("size", ())) != [height, width]:
        raise checks.MisplacedShape(
            f"its mask's size is {outline.get('size')}, the image's [{height}, {width}]"
        )
    counts = outline.get("counts")
    if isinstance(counts, str):
        masks.centroid_of(counts, width, height)  # refuses what doesn't fill the frame
        return counts
    return masks.runs_to_rle(counts, width, height)


def _time(image: Mapping[str, Any]) -> float | None:
    """Return an image's ``time_s``."""
    time_s = image.get("time_s")
    if time_s is None:
        return None
    if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not 0 <= time_s < math.inf:
        raise InputError(f"its time_s is {time_s!r}; give seconds from the start of the operation")
    return float(time_s)


def _score(entry: Mapping[str, Any]) -> float | None:
    """Return the confidence of a machine in an image or an annotation."""
    return confidence(entry["score"] if entry.get("score") is not None else entry.get("confidence"))
