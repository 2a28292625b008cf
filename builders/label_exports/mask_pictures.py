"""A folder of masks: a PNG a picture, whose grey values, palette indices or colours stand for classes.

The classes: labelmap.txt as CVAT writes it (``label:r,g,b:parts:actions``), or classes.csv with the columns ``name``
and ``id`` (one number) or ``red,green,blue``. A class named background is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.shapes import MALFORMED, Annotated, Faults, Picture, Shape, read_text
from surgvqa.builders.files.pictures import BROKEN
from surgvqa.builders.files.tables import number, rows
from surgvqa.builders.geometry import masks
from surgvqa.builders.label_exports.known import Known, files_below
from surgvqa.cards.command import InputError

NOTHING = ("background", "void", "unlabelled", "unlabeled", "")
Values = Mapping[int, str]  # a grey value, or red + 256 green + 65536 blue, to a label


def class_file(folder: Path) -> Path | None:
    """Return the file that names the classes of a folder of masks, or None."""
    found = [path for name in ("labelmap.txt", "classes.csv") for path in sorted(folder.rglob(name))]
    return found[0] if found else None


def read(folder: Path, known: Known) -> Annotated:
    """Read every PNG of a folder. A class is one thing: where it is, not how many there are."""
    found = Faults(folder.name)
    path = class_file(folder)
    if path is None:
        raise InputError(f"{folder}: no labelmap.txt or classes.csv that says which value is which class")
    values, coloured = classes(path)
    pictures = []
    for mask in files_below(folder, ".png"):
        if {"SegmentationObject", "JPEGImages"} & set(mask.parts):
            continue  # instances without their classes, and the pictures themselves
        try:
            coded = _coded(mask, coloured)
            height, width = coded.shape
            shapes = _shapes(coded, values, coloured)
            nodes = entities(
                shapes, known.names, (width, height), found.cuts, masked=False, picture=mask.name
            )
            pictures.append(Picture(mask.name, width, height, nodes))
        except InputError as error:
            found.add(mask.relative_to(folder).as_posix(), error)
    return found.annotated(pictures)


def classes(path: Path) -> tuple[Values, bool]:
    """Read the labels of values, and whether these are colours."""
    found: dict[int, str] = {}
    coloured = True
    if path.suffix == ".csv":
        for row, where in ((row, f"{path.name} row {n}") for n, row in enumerate(rows(path, ("name",)), 2)):
            coloured = "id" not in row
            if coloured:
                red, green, blue = (int(number(row, key, where)) for key in ("red", "green", "blue"))
                found[red + 256 * green + 65536 * blue] = row["name"]
            else:
                found[int(number(row, "id", where))] = row["name"]
        return found, coloured
    for line_number, line in enumerate(read_text(path, path.name).split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            label, colour = line.split(":")[:2]
            red, green, blue = (int(value) for value in colour.split(","))
        except ValueError as error:
            raise InputError(f"{path.name} line {line_number}: not label:r,g,b:parts:actions") from error
        found[red + 256 * green + 65536 * blue] = label.strip()
    return found, coloured


def _coded(path: Path, coloured: bool) -> np.ndarray:
    """Return the picture as a number a pixel."""
    try:
        with Image.open(path) as picture:
            if coloured:
                channels = np.asarray(picture.convert("RGB")).astype(np.int64)
                whole: np.ndarray = channels @ np.array([1, 256, 65536])
                return whole
            if picture.mode not in ("1", "L", "P", "I", "I;16"):
                raise InputError(f"a picture of mode {picture.mode}; ids are grey values or palette indices")
            return np.asarray(picture).astype(np.int64)
    except (*BROKEN, *MALFORMED) as error:
        raise InputError(f"no picture that can be read: {error}") from error


def _shapes(coded: np.ndarray, values: Values, coloured: bool) -> Iterator[Shape]:
    """Yield a shape for every class that is in the picture."""
    for value in np.unique(coded).tolist():
        if value not in values:
            if value == 0:
                continue  # black is background where nobody says otherwise
            shown = (
                f"colour {value % 256},{value // 256 % 256},{value // 65536}"
                if coloured
                else f"value {value}"
            )
            raise InputError(f"the {shown}, which no class has; add it to the classes")
        if values[value].lower() not in NOTHING:
            yield Shape(values[value], rle=masks.mask_to_rle(coded == value), where=values[value])
