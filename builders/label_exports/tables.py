"""Tables of labels, and what detectors say: CSV, and JSON with an object a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations import beside
from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.picture_names import FOLDERS, recordings
from surgvqa.builders.annotations.shapes import (
    MALFORMED_ERRORS,
    Annotations,
    Faults,
    Picture,
    Shape,
    confidence,
    frame_size,
)
from surgvqa.builders.files.tables import letters, number, rows
from surgvqa.builders.geometry import elsewhere
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.cards.command import InputError

SAYS_NO = (
    beside.ABSENT_KEYS
    | beside.VISIBLE_KEYS
    | beside.SKIPPED_KEYS
    | frozenset(
        ("conf", "prob", "probs", "p", "value", "count", "number", "score", "probability", "certainty")
    )
)
CORNERS = ("x1", "y1", "x2", "y2")


def table(path: Path, context: ExportContext) -> Annotations:
    """Read ``image,label`` with perhaps ``x1,y1,x2,y2,width,height`` and ``confidence``; a line per thing.

    A picture of which nothing is in view has one line with an empty label.
    """
    faults = Faults(path.name)
    shapes: dict[str, list[Shape]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    faulty_names: set[str] = set()
    bare: set[str] = set()  # pictures of which a row says that nothing is in view
    table_rows = rows(path, ("image", "label"))
    unread = [column for row in table_rows[:1] for column in row if _elsewhere(column)]
    if unread:
        raise InputError(
            f"{path.name}: a column {unread[0]}; places are read from x1, y1, x2, y2 with width and height of the picture"
        )
    _refuse_unread(path.name, table_rows)
    for index, row in enumerate(table_rows, start=2):
        name, where = row["image"], f"row {index}"
        if not name:
            faults.add(where, "a row without an image; merged cells hold their text in the first row alone")
            continue
        shapes.setdefault(name, [])
        try:
            shape = _row(row, where, sizes)
            shapes[name] += [shape] if shape else []
            if shape is None:
                bare.add(name)
        except InputError as error:
            faults.add(where, error)
            faulty_names.add(name)
    pictures = []
    recording_names = recordings(table_rows[0]) if table_rows else ()  # more than one are refused above
    for name, there in shapes.items():
        if name in faulty_names:
            continue
        if there and name in bare:
            faults.add(
                name, "a row says that nothing is in view, and another one names a thing; keep one of them"
            )
            continue
        size = sizes.get(name, (0, 0))
        try:
            nodes = entities(there, context.names, size, faults.cuts, masked=False, picture=name)
            pictures.append(Picture(name, *size, nodes, recordings=recording_names))
        except InputError as error:
            faults.add(name, error)
    return faults.sum_up(pictures)


def _refuse_unread(file_name: str, table: Sequence[Mapping[str, str]]) -> None:
    """Refuse columns that may say of a row that its thing isn't in view, or that its picture is another video's."""
    for column in table[0] if table else ():
        word = letters(column)
        if word in SAYS_NO:
            raise InputError(
                f"{file_name}: a column {column}, which isn't read: every row names a thing in view. Delete the rows of "
                "things that aren't, and the column; how sure a model was is read from confidence"
            )
        if word in FOLDERS and len({row[column] for row in table}) > 1:
            raise InputError(
                f"{file_name}: a column {column} with several of them; write them before the image: op1/1.jpg"
            )


def _elsewhere(column: str) -> bool:
    """Whether a column places or turns a thing in a way that isn't read: without it the thing would lie elsewhere."""
    word = elsewhere.word(column)
    return word in elsewhere.ELSEWHERE | elsewhere.FORMS | elsewhere.MOVE_KEYS or (
        word in CORNERS and column not in CORNERS
    )


def _row(row: Mapping[str, str], where: str, sizes: dict[str, tuple[int, int]]) -> Shape | None:
    """Return a row as a shape, or None for one with an empty label."""
    if not row["label"]:
        if any(row.get(key) for key in CORNERS):
            raise InputError("a box without a label")
        return None
    score = confidence(number(row, "confidence", where), "a confidence of") if row.get("confidence") else None
    if not any(row.get(key) for key in CORNERS):
        return Shape(row["label"], score=score, where=where)
    if "width" not in row or "height" not in row:
        raise InputError("a box, and no columns width,height of the picture it was drawn in")
    size = frame_size(number(row, "width", where), number(row, "height", where))
    if sizes.setdefault(row["image"], size) != size:
        raise InputError(f"{row['image']} is {size[0]}x{size[1]} here and of another size before")
    x1, y1, x2, y2 = (number(row, key, where) for key in CORNERS)
    return Shape(row["label"], box=(x1, y1, x2, y2), score=score, where=where)


def detections(file: Sequence[Any], context: ExportContext, file_name: str) -> Annotations:
    """Read objects of ``image, width, height, detections[{label, bbox [x1, y1, x2, y2], confidence}]``."""
    faults = Faults(file_name)
    pictures = []
    for index, entry in enumerate(file):
        where = f"entry {index}"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("detections"), list):
            cause = "neither a tool's export nor an object of image, width, height, detections"
            raise InputError(f"{file_name}: {where}: {cause}")
        if (why := beside.not_looked_at(entry)) is not None:
            faults.note(f"{where}: {entry.get('image')}", why)
            continue
        try:
            elsewhere.refuse_elsewhere(entry)
            elsewhere.refuse_moved(entry)
            size = frame_size(entry["width"], entry["height"])
            shapes = [_detection(one) for one in entry["detections"]]
            name = str(entry["image"])
            nodes = entities(shapes, context.names, size, faults.cuts, masked=False, picture=name)
            pictures.append(Picture(name, *size, nodes, recordings=recordings(entry)))
        except (InputError, *MALFORMED_ERRORS) as error:
            faults.add(f"{where}: {entry.get('image')}", error)
    return faults.sum_up(pictures)


def _detection(one: Mapping[str, Any]) -> Shape:
    """One detection as a shape."""
    unknown = sorted(set(one) - {"label", "bbox", "confidence", "track"})
    if unknown:
        raise InputError(f"a detection with {unknown[0]!r}; label, bbox, confidence and track are read")
    score = confidence(float(one["confidence"]), "a confidence of")
    if one.get("bbox") is None:
        return Shape(str(one["label"]), score=score)
    x1, y1, x2, y2 = (float(value) for value in one["bbox"])
    return Shape(str(one["label"]), box=(x1, y1, x2, y2), score=score)
