"""A YOLO folder: a text file a picture, beside data.yaml, classes.txt, obj.names or a *.names file.

A line is ``class x y width height``, centre first, all from 0 to 1; or ``class x1 y1 x2 y2 x3 y3 …``, an outline or the
corners of a turned box (OBB); or, where data.yaml has ``kpt_shape``, a box with its keypoints. A model's confidence may
stand last. Some tools write the angle of a box there: the numbers of the whole folder tell both apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.entities import entities
from surgvqa.builders.annotations.picture_names import inside
from surgvqa.builders.annotations.shapes import MALFORMED_ERRORS, Annotations, Faults, Picture, Shape
from surgvqa.builders.files import user_yaml
from surgvqa.builders.files.pictures import sizes_of
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.geometry import checks
from surgvqa.builders.label_exports.export_context import ExportContext, same_classes
from surgvqa.builders.schema import Point
from surgvqa.cards.command import InputError

YAML = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
LISTS = ("classes.txt", "obj.names", "labels.txt", "_darknet.labels")
NO_PICTURES = (
    *LISTS,
    "train.txt",
    "valid.txt",
    "val.txt",
    "test.txt",
    "readme.txt",
    "readme.dataset.txt",
    "readme.roboflow.txt",
)
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
BEYOND = 1.25  # coordinates up to here are cut at the edge; above, they aren't from 0 to 1


def class_file(folder: Path) -> Path | None:
    """Return the file that names the classes of a YOLO folder, or None. Raises ``InputError`` where two differ."""
    there = [path for name in (*YAML, *LISTS, "*.names") for path in files_below(folder, name)]
    return same_classes(folder, there, lambda path: classes(path)[0]) if there else None


def read(folder: Path, context: ExportContext) -> Annotations:
    """Read every text file of a folder; an empty one says that nothing is in view."""
    faults = Faults(folder.name)
    path = class_file(folder)
    if path is None:
        raise InputError(f"{folder}: no data.yaml, classes.txt or obj.names that names the classes")
    labels, shape = classes(path)
    images: dict[str, Path] = {}
    for one in files_below(folder, *(f"*{ending}" for ending in PICTURES)):
        images.setdefault(_name(one, folder).rsplit(".", 1)[0], one)
    pictures = []
    fifth_numbers: dict[str, list[float]] = {}  # behind the boxes, by picture
    for text in files_below(folder, "*.txt"):
        if text.name.lower() in NO_PICTURES:
            continue
        try:
            name = _name(text, folder)
            size = _size(name, images, context)
            lines = read_text(text, text.name).split("\n")
            shapes = [
                _line(line.split(), labels, shape, f"line {number}", size)
                for number, line in enumerate(lines, start=1)
                if line.strip()
            ]
            nodes = entities(shapes, context.names, size, faults.cuts, masked=False, picture=name)
            pictures.append(Picture(name, *size, nodes))
            if last := [shape.score for shape in shapes if shape.box and shape.score is not None]:
                fifth_numbers.setdefault(name, []).extend(last)
        except (InputError, *MALFORMED_ERRORS) as error:
            faults.add(text.relative_to(folder).as_posix(), error)
    return faults.sum_up(_without_angles(pictures, fifth_numbers, faults))


def _without_angles(
    pictures: list[Picture], fifth_numbers: Mapping[str, list[float]], faults: Faults
) -> list[Picture]:
    """Return the pictures without those whose boxes have an angle; a folder has confidences or angles, not both.

    A model's confidence is above 0, for it writes no box that it doesn't believe in, and at most 1.
    """
    numbers = [value for own in fifth_numbers.values() for value in own]
    other = next((value for value in numbers if not 0 < value <= 1), None)
    if other is None:
        if numbers:
            read_as = f"read as a model's confidence, {min(numbers):g} to {max(numbers):g}"
            faults.note("the number behind a box", f"{read_as}; were it an angle, the box would be turned")
        return pictures
    for name in fifth_numbers:
        cause = (
            f"a number behind its boxes, and one of this folder is {other:g}: no confidence, so an angle or a track? Save "
            "turned boxes by their four corners (YOLO OBB), others with four numbers"
        )
        faults.add(name, cause)
    return [one for one in pictures if one.name not in fifth_numbers]


def _name(path: Path, folder: Path) -> str:
    """Return the name of a picture or of its labels, with the folder that may tell its recording."""
    return inside(path.relative_to(folder).parts[:-1], path.name)


def _size(name: str, images: Mapping[str, Path], context: ExportContext) -> tuple[int, int]:
    """Return the size of a picture: of the frame it means, else of the picture in the export."""
    own = images.get(name.rsplit(".", 1)[0])
    if context.size(name) is None and own is not None:
        return sizes_of(own).viewed_size
    return context.needed_size(name)


def classes(path: Path) -> tuple[dict[int, str], tuple[int, int]]:
    """Return the names of the classes by their numbers, and how many key points a line has, of how many values each."""
    text = read_text(path, path.name)
    if path.suffix not in (".yaml", ".yml"):
        return dict(enumerate(line.strip() for line in text.strip().split("\n"))), (0, 0)
    file = user_yaml.load(text, path.name)
    names: Any = file.get("names") if isinstance(file, Mapping) else None
    if not isinstance(names, list | dict):
        raise InputError(f"{path.name}: no list `names` of the classes")
    try:
        names_by_number = dict(enumerate(names)) if isinstance(names, list) else names
        if file.get("nc") is not None and int(file["nc"]) != len(names_by_number):
            raise InputError(f"{path.name}: nc is {file['nc']}, and {len(names_by_number)} names are there")
        across = list(file.get("kpt_shape") or (0, 0))
        return {int(key): str(value) for key, value in names_by_number.items()}, (
            int(across[0]),
            int(across[1]),
        )
    except MALFORMED_ERRORS as error:
        raise InputError(f"{path.name}: names or kpt_shape can't be read: {error}") from error


def _line(
    cells: list[str], labels: Mapping[int, str], shape: tuple[int, int], where: str, size: tuple[int, int]
) -> Shape:
    """Return a line as a shape, in pixels."""
    keypoints = shape[0] * shape[1]
    try:
        values = [float(cell) for cell in cells[1:]]
        if (
            len(cells) > 6
            and not keypoints
            and cells[-1].isdigit()
            and not any(c.isdigit() for c in cells[1:-1])
        ):
            raise InputError(
                f"its last number, {cells[-1]}, looks like a track's: save the labels without tracks"
            )
        if not cells[0].isdigit() or int(cells[0]) not in labels:
            raise InputError(f"class {cells[0]!r} is none of the {len(labels)} that are named")
        label, (width, height) = labels[int(cells[0])], size
        count = len(values) - keypoints
        score = None
        if count == 5 or (count > 6 and count % 2 and not keypoints):  # how sure a model was
            score, count = values.pop(), count - 1
        if score is not None and count > 4 and not 0 <= score <= 1:
            raise InputError(f"a confidence of {score:g}; give 0 to 1")
        coordinates = values if count > 4 else values[:4]
        if not all(-BEYOND < value < BEYOND for value in coordinates):
            raise InputError(f"{max(coordinates, key=abs):g} is not from 0 to 1; these look like pixels")
        if count == 4:
            x, y, w, h = values[0] * width, values[1] * height, values[2] * width, values[3] * height
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            if visible_points := _visible_points(values[len(values) - keypoints :], shape[1], size):
                checks.refuse_beside(visible_points, box)
            return Shape(label, box=box, score=score, where=where)
        if count < 6 or count % 2 or keypoints:
            raise InputError(f"{len(values)} numbers behind the class; a box has 4 or 5, an outline 6, 8, …")
        points = [(x * width, y * height) for x, y in zip(values[::2], values[1::2], strict=True)]
        return Shape(label, polygons=[points], score=score, where=where)
    except (InputError, *MALFORMED_ERRORS) as error:
        error.add_note(where)
        raise


def _visible_points(values: list[float], each: int, size: tuple[int, int]) -> list[Point]:
    """Return the key points of a line that are in view, in pixels: x and y, perhaps with 0 where it isn't."""
    points = [values[at : at + each] for at in range(0, len(values), each or 1)]
    return [
        (x * size[0], y * size[1])
        for x, y, *visibility in points
        if (visibility[0] if visibility else x or y)
    ]
