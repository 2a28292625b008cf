"""A folder of masks: a PNG a picture, whose grey values, palette indices or colours stand for classes.

The classes: labelmap.txt as CVAT writes it (``label:r,g,b:parts:actions``), or classes.csv with the columns ``name``
and ``id`` (one number) or ``red,green,blue``. A class named background is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import ImageOps
from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.picture_names import inside
from surgvqa.builders.annotations.shapes import MALFORMED_ERRORS, Annotations, Faults, Picture, Shape
from surgvqa.builders.files.pictures import opened_picture
from surgvqa.builders.files.tables import number, rows
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.geometry import masks
from surgvqa.builders.label_exports.export_context import ExportContext, same_classes
from surgvqa.cards.command import InputError

NOTHING = ("background", "void", "unlabelled", "unlabeled", "")
Values = Mapping[int, str]  # a grey value, or red + 256 green + 65536 blue, to a label


def class_file(folder: Path) -> Path | None:
    """Return the file that names the classes of a folder of masks, or None. Raises ``InputError`` where two differ."""
    there = [path for name in ("labelmap.txt", "classes.csv") for path in files_below(folder, name)]
    return same_classes(folder, there, classes) if there else None


def mask_files(folder: Path) -> list[Path]:
    """Return the masks of a folder: neither instances without their classes nor the pictures themselves."""
    others = {"SegmentationObject", "JPEGImages"}
    return [path for path in files_below(folder, "*.png") if not others & set(path.parts)]


def read(folder: Path, context: ExportContext) -> Annotations:
    """Read every PNG of a folder. A class is one thing: where it is, not how many there are."""
    faults = Faults(folder.name)
    path = class_file(folder)
    if path is None:
        raise InputError(f"{folder}: no labelmap.txt or classes.csv that says which value is which class")
    values, has_colours = classes(path)
    pictures = []
    for mask in mask_files(folder):
        name = inside(mask.relative_to(folder).parts[:-1], mask.name)
        try:
            codes = _read_codes(mask, has_colours)
            height, width = codes.shape
            shapes = _shapes(codes, values, has_colours)
            nodes = entities(shapes, context.names, (width, height), faults.cuts, masked=False, picture=name)
            pictures.append(Picture(name, width, height, nodes))
        except InputError as error:
            faults.add(mask.relative_to(folder).as_posix(), error)
    return faults.sum_up(pictures)


def classes(path: Path) -> tuple[Values, bool]:
    """Read the labels of values, and whether these are colours."""
    labels_by_value: dict[int, str] = {}
    table = path.suffix == ".csv"
    for where, label, value in _rows(path) if table else _lines(path):
        if labels_by_value.setdefault(value, label) != label:
            raise InputError(
                f"{where}: {label} has the value of {labels_by_value[value]}; every class needs its own"
            )
    return labels_by_value, not table or "id" not in next(iter(rows(path, ("name",))), {})


def _rows(path: Path) -> Iterator[tuple[str, str, int]]:
    """(where, label, value) of a table with the columns id, or red, green, blue."""
    for number_of, row in enumerate(rows(path, ("name",)), start=2):
        where = f"{path.name} row {number_of}"
        values = [number(row, key, where) for key in (("id",) if "id" in row else ("red", "green", "blue"))]
        if any(value % 1 or value < 0 or (value > 255 and "id" not in row) for value in values):
            raise InputError(f"{where}: {row} holds no whole number, or a colour above 255")
        yield where, row["name"], sum(int(value) << 8 * place for place, value in enumerate(values))


def _lines(path: Path) -> Iterator[tuple[str, str, int]]:
    """(where, label, value) of a label map."""
    for line_number, line in enumerate(read_text(path, path.name).split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path.name} line {line_number}"
        try:
            label, colour = line.split(":")[:2]
            red, green, blue = (int(value) for value in colour.split(","))
        except ValueError as error:
            raise InputError(f"{where}: not label:r,g,b:parts:actions") from error
        yield where, label.strip(), red + 256 * green + 65536 * blue


def _read_codes(path: Path, coloured: bool) -> np.ndarray:
    """Return the picture as it is shown as a number a pixel; what is transparent is 0."""
    try:
        with opened_picture(path, path.name) as raw_picture:
            picture = ImageOps.exif_transpose(raw_picture)
            if coloured:
                channels = np.asarray(picture.convert("RGBA")).astype(np.int64)
                if not np.isin(channels[..., 3], (0, 255)).all():
                    raise InputError("pixels that are half transparent, so of no class's colour")
                whole: np.ndarray = channels[..., :3] @ np.array([1, 256, 65536]) * (channels[..., 3] > 0)
                return whole
            if picture.mode not in ("1", "L", "P", "I", "I;16"):
                raise InputError(f"a picture of mode {picture.mode}; ids are grey values or palette indices")
            return np.asarray(picture).astype(np.int64)
    except (InputError, *MALFORMED_ERRORS) as error:
        cause = str(error).removeprefix(f"{path.name}: ")
        raise InputError(f"no mask that can be read: {cause}") from error


def _shapes(codes: np.ndarray, values: Values, coloured: bool) -> Iterator[Shape]:
    """Yield a shape for every class that is in the picture."""
    for value in np.unique(codes).tolist():
        if value not in values:
            if value == 0:
                continue  # black is background where nobody says otherwise
            value_text = (
                f"colour {value % 256},{value // 256 % 256},{value // 65536}"
                if coloured
                else f"value {value}"
            )
            raise InputError(f"the {value_text}, which no class has; add it to the classes")
        if values[value].lower() not in NOTHING:
            yield Shape(values[value], rle=masks.mask_to_rle(codes == value), where=values[value])
