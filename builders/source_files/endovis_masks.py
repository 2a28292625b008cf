"""The label pictures of EndoVis 2017 and 2018: checked pixel by pixel, as entities with masks.

EndoVis 2017's training masks are one picture per instrument with its parts as 10, 20, 30; those of its test
set one picture per task (binary, parts, type); EndoVis 2018's are one picture in the colours of its classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import ImageOps
from surgvqa.builders.annotations.outlines import role_of
from surgvqa.builders.files.pictures import opened_picture
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Entity
from surgvqa.cards.command import InputError

Window = tuple[int, int, int, int]  # x, y, width, height in the frame as it was recorded

RECORDED_SIZE = (1920, 1080)
# The camera's picture inside the recorded frame, between black borders; the crop of the set's description.
CROP: Window = (320, 28, 1280, 1024)

PARTS = ("shaft", "wrist", "clasper")
PART_VALUES = {10: "shaft", 20: "wrist", 30: "clasper"}
TASK_PARTS = PART_VALUES | {1: "shaft", 2: "wrist", 3: "clasper"}  # both are met in copies of the test set
TYPES = {
    1: "bipolar forceps",
    2: "prograsp forceps",
    3: "large needle driver",
    4: "vessel sealer",
    5: "grasping retractor",
    6: "monopolar curved scissors",
    7: "other instrument",
}
TYPE, PART, BINARY = "typesegmentation", "partssegmentation", "binarysegmentation"
UNTYPED_NAME = "robotic instrument"

# EndoVis 2018: class -> (label, colour) as its labels.json says.
SCENE_CLASSES: dict[int, tuple[str, tuple[int, int, int]]] = {
    0: ("background-tissue", (0, 0, 0)),
    1: ("instrument-shaft", (0, 255, 0)),
    2: ("instrument-clasper", (0, 255, 255)),
    3: ("instrument-wrist", (125, 255, 12)),
    4: ("kidney-parenchyma", (255, 55, 0)),
    5: ("covered-kidney", (24, 55, 125)),
    6: ("thread", (187, 155, 25)),
    7: ("clamps", (0, 255, 125)),
    8: ("suturing-needle", (255, 255, 125)),
    9: ("suction-instrument", (123, 15, 175)),
    10: ("small-intestine", (124, 155, 5)),
    11: ("ultrasound-probe", (12, 255, 141)),
}


def window(width: int, height: int) -> Window | None:
    """Find the part of a recorded frame that shows something; None for frames that were cropped already.

    >>> window(1920, 1080), window(1280, 1024)
    ((320, 28, 1280, 1024), None)
    """
    return CROP if (width, height) == RECORDED_SIZE else None


def read(path: Path, file_name: str, size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """Return a label picture as height x width (labels) or height x width x 3 (colours), and its mode.

    Raises ``InputError`` where it is damaged or not of the frame's ``size`` (width, height).
    """
    with opened_picture(path, file_name) as picture:
        mode = picture.mode
        upright = ImageOps.exif_transpose(picture)
        values = np.asarray(upright if mode != "1" else upright.convert("L"))
    if values.shape[1::-1] != size:
        raise InputError(
            f"{file_name}: the mask is {values.shape[1]}x{values.shape[0]}, its frame {size[0]}x{size[1]}; "
            "masks and frames must be of one size"
        )
    return values, mode


def labels(
    path: Path, file_name: str, size: tuple[int, int], class_names: Mapping[int, str] | None
) -> np.ndarray:
    """Return a label picture of one channel whose values are all in ``class_names`` (or 0); None knows any."""
    values, mode = read(path, file_name, size)
    if values.ndim != 2:
        raise InputError(
            f"{file_name}: an {mode} picture where labels are expected; a mask has one channel that holds classes"
        )
    if class_names is not None:
        present, counts = np.unique(values, return_counts=True)
        strange = {
            int(v): int(n) for v, n in zip(present, counts, strict=True) if v and int(v) not in class_names
        }
        if strange:
            value, pixels = next(iter(strange.items()))
            listing = ", ".join(f"{number} {name}" for number, name in sorted(class_names.items()))
            raise InputError(
                f"{file_name}: unknown class {value} in {pixels} pixels; known: 0 background, {listing}"
            )
    return values


def scene_labels(path: Path, file_name: str, size: tuple[int, int]) -> np.ndarray:
    """Return an EndoVis 2018 picture as class numbers, from its colours or, with one channel, as they are."""
    values, mode = read(path, file_name, size)
    if values.ndim == 2:
        return labels(path, file_name, size, {k: v[0] for k, v in SCENE_CLASSES.items()})
    if mode not in ("RGB", "RGBA"):
        raise InputError(f"{file_name}: a {mode} picture; EndoVis 2018's labels are RGB")
    colour_codes = (values[..., :3].astype(np.int32) * (65536, 256, 1)).sum(axis=2)
    classes = np.full(colour_codes.shape, 255, np.uint8)
    for number, (_, (red, green, blue)) in SCENE_CLASSES.items():
        classes[colour_codes == red * 65536 + green * 256 + blue] = number
    if (classes == 255).any():
        value, pixels = int(colour_codes[classes == 255][0]), int((classes == 255).sum())
        colour = (value >> 16, value >> 8 & 255, value & 255)
        raise InputError(
            f"{file_name}: unknown class, colour {colour}, {pixels} pixels are of no class of labels.json"
        )
    return classes


def instrument_name(folder: str) -> tuple[str, str]:
    """Read (the instrument's label, which of them) from a ground-truth folder's name.

    >>> instrument_name("Left_Prograsp_Forceps_labels"), instrument_name("Large_Needle_Driver_Right_labels")
    (('Prograsp Forceps', 'Left_Prograsp_Forceps'), ('Large Needle Driver', 'Large_Needle_Driver_Right'))
    """
    which = re.sub(r"_labels$", "", folder, flags=re.IGNORECASE)
    words = [word for word in which.split("_") if word.lower() not in ("left", "right")]
    return " ".join(words), which


def entities(
    pictures: Mapping[str, Path],
    file_names: Mapping[str, str],
    size: tuple[int, int],
    crop: Window | None,
    taxonomy: Taxonomy,
) -> tuple[Entity, ...]:
    """Return the entities of one frame.

    Args:
        pictures: its label pictures by the name of their folder.
        file_names: how messages call them.
        size: width and height of the frame.
        crop: what of the frame is kept; masks are cut to it.
        taxonomy: knows the names.
    """
    nodes: list[Entity] = []
    counts: dict[str, int] = {}
    for label, track, mask, parts in _things(pictures, file_names, size):
        role, name = role_of(taxonomy, label)
        inside, cut = _cut(mask, crop), {part: _cut(one, crop) for part, one in parts.items()}
        if not inside.any():
            continue
        height, width = inside.shape
        rle = masks.mask_to_rle(inside)
        counts[name] = counts.get(name, 0) + 1
        nodes.append(
            Entity(
                name if counts[name] == 1 else f"{name}#{counts[name]}",
                name,
                role,
                "mask",
                bbox=masks.box_of(rle, width, height),
                centroid=masks.centroid_of(rle, width, height),
                area=masks.area_of(rle, width, height),
                rle=rle,
                track=track,
                shaft_rle=_code(cut, "shaft"),
                wrist_rle=_code(cut, "wrist"),
                clasper_rle=_code(cut, "clasper"),
            )
        )
    return tuple(nodes)


def _code(parts: Mapping[str, np.ndarray], part: str) -> str | None:
    return masks.mask_to_rle(parts[part]) if part in parts and parts[part].any() else None


def _cut(mask: np.ndarray, crop: Window | None) -> np.ndarray:
    if crop is None:
        return mask
    x, y, width, height = crop
    return mask[y : y + height, x : x + width]


Thing = tuple[str, str | None, np.ndarray, dict[str, np.ndarray]]


def _things(
    pictures: Mapping[str, Path], file_names: Mapping[str, str], size: tuple[int, int]
) -> Iterator[Thing]:
    """(label, track, mask, masks of its parts) of everything in a frame."""
    folders = {folder.lower(): folder for folder in pictures}

    def task(name: str, class_names: Mapping[int, str] | None) -> np.ndarray | None:
        folder = folders.get(name)
        return None if folder is None else labels(pictures[folder], file_names[folder], size, class_names)

    if "labels" in folders:
        yield from _scene(scene_labels(pictures[folders["labels"]], file_names[folders["labels"]], size))
        return
    types, parts, binary = task(TYPE, TYPES), task(PART, TASK_PARTS), task(BINARY, None)
    if types is not None:
        for number, label in TYPES.items():
            mask = types == number
            yield label, None, mask, _parts(parts, mask) if parts is not None else {}
    elif parts is not None:
        yield UNTYPED_NAME, None, parts > 0, _parts(parts, parts > 0)
    elif binary is not None:
        yield UNTYPED_NAME, None, binary > 0, {}
    for folder in sorted(pictures):
        if folder.lower() in (TYPE, PART, BINARY):
            continue
        label, which = instrument_name(folder)
        other = label.lower() == "other"
        values = labels(pictures[folder], file_names[folder], size, None if other else PART_VALUES)
        yield label, which, values > 0, {} if other else _parts(values, values > 0)


def _parts(values: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    part_masks: dict[str, np.ndarray] = {}
    for part in PARTS:
        numbers = [number for number, name in TASK_PARTS.items() if name == part]
        part_masks[part] = np.isin(values, numbers) & mask
    return part_masks


def _scene(classes: np.ndarray) -> Iterator[Thing]:
    """EndoVis 2018: shaft, clasper and wrist are parts of the instruments, which it doesn't tell apart."""
    numbers = {name: number for number, (name, _) in SCENE_CLASSES.items()}
    parts = {part: classes == numbers[f"instrument-{part}"] for part in PARTS}
    yield UNTYPED_NAME, None, np.logical_or.reduce(list(parts.values())), parts
    for number, (label, _) in SCENE_CLASSES.items():
        if number and not label.startswith("instrument-"):
            yield label, None, classes == number, {}
