"""Config ``segmentation``: a picture, its label map, and every instance with its box, mask and phrases.

A label map is a PNG of one channel, lossless, whose value at a pixel is the index of its class in ``classes``;
0 is background. Classes are the same in every row of a data set. Where things overlap the smaller lies on top,
instruments above anatomy; ``instances`` keeps each mask whole. Phrases name an instance in words (its name and
synonyms); ``absent`` are names of which the picture shows none: asked for, they have an empty mask.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pictures
from surgvqa.builders.columns import Columns, Image, List, Value
from surgvqa.builders.configs.pointing import Refuse, pictures_at, with_picture
from surgvqa.builders.files import pictures
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.row_types import Instance, SegmentationRow
from surgvqa.builders.schema import Case, Entity, Omission, Role, Scene
from surgvqa.builders.video.decode import Decoder
from surgvqa.cards.command import InputError, nearest

STRING, NUMBER = Value("string"), Value("float64")
BACKGROUND = "background"
PARTS = {"shaft": "shaft_rle", "wrist": "wrist_rle", "clasper": "clasper_rle"}
TASKS = ("binary", "parts", "instruments", "all")
SEGMENTATION_FEATURES = Columns(
    {
        "row_id": STRING,
        "case_id": STRING,
        "source": STRING,
        "procedure": STRING,
        "time_s": NUMBER,
        "task": STRING,
        "image": Image(),
        "label_map": Image(),
        "width": Value("int64"),
        "height": Value("int64"),
        "classes": List(STRING),  # by value of the label map; the first is background
        "present": List(Value("int64")),  # values that the label map holds, without 0
        "instances": List(
            {
                "id": STRING,
                "name": STRING,  # one of classes
                "bbox": List(NUMBER),  # pixels of the picture
                "mask": STRING,  # COCO run lengths over height x width of the picture
                "phrases": List(STRING),
            }
        ),
        "absent": List(STRING),
    }
)


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Which classes a label map has: instrument or not, its parts, instruments by name, or all that has a mask."""

    task: str = "all"

    def __post_init__(self) -> None:
        """Refuse an unknown task."""
        if self.task not in TASKS:
            raise InputError(f"--segmentation {self.task}: {nearest(self.task, TASKS)}")


@dataclass(frozen=True, slots=True)
class Thing:
    """One instance in the pixels of its scene."""

    id: str
    name: str
    role: Role
    rle: str


def classes(task: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return the classes of a label map by value.

    >>> classes("binary", load("cataract")), classes("parts", load("nephrectomy"))
    (('background', 'instrument'), ('background', 'shaft', 'wrist', 'clasper'))
    """
    if task == "binary":
        return BACKGROUND, "instrument"
    if task == "parts":
        return BACKGROUND, *PARTS
    structures = taxonomy.anatomy if task == "all" else ()
    names = (BACKGROUND, *structures, *taxonomy.instruments)
    if len(names) > 256:
        raise InputError(f"{taxonomy.path}: {len(names)} classes; a label map holds 256")
    return names


def phrases(name: str, task: str, taxonomy: Taxonomy) -> list[str]:
    """Return the phrases for a class, its own name first.

    >>> phrases("bipolar forceps", "instruments", load("nephrectomy"))
    ['bipolar forceps', 'maryland bipolar forceps']
    >>> phrases("shaft", "parts", load("nephrectomy"))
    ['instrument shaft', 'shaft of the instrument']
    """
    if task == "binary":
        return ["instrument", "surgical instrument", "tool"]
    if task == "parts":
        return [f"instrument {name}", f"{name} of the instrument"]
    spellings = {
        text
        for (kind, text), canonical_name in taxonomy.spellings.items()
        if canonical_name == name and kind != "phase"
    }
    return [name, *sorted(text for text in spellings if text != name.casefold())]


def things(scene: Scene, task: str) -> tuple[Thing, ...]:
    """List the things of a scene that a task's label map shows, in painting order: anatomy first, of each the largest first."""
    pairs: list[tuple[Entity, Thing]] = []
    for node in scene.nodes:
        if node.type != "instrument" and task != "all":
            continue
        if task == "parts":
            for part, column in PARTS.items():
                if (rle := getattr(node, column)) is not None:
                    pairs.append((node, Thing(f"{node.id}.{part}", part, node.type, rle)))
        elif node.rle is not None:
            name = "instrument" if task == "binary" else node.name
            pairs.append((node, Thing(node.id, name, node.type, node.rle)))
    pairs.sort(key=lambda pair: (pair[0].type == "instrument", -(pair[0].area or 0)))
    return tuple(thing for _, thing in pairs)


def drawable(scene: Scene, task: str) -> bool:
    """Whether every thing of the scene that the task asks for has a mask: else its pixels would be background."""
    nodes = [node for node in scene.nodes if task == "all" or node.type == "instrument"]
    if task == "parts":
        return scene.width > 0 and all(
            any(getattr(node, column) for column in PARTS.values()) for node in nodes
        )
    return scene.width > 0 and all(node.rle is not None for node in nodes)


def scenes(case: Case, task: str) -> tuple[Scene, ...]:
    """Return the scenes of a case that become rows: with a picture and with masks of all that is asked for.

    A scene without anything is a row of background, but only in a case that has masks at all.
    """
    drawable_scenes = tuple(scene for scene in with_picture(case) if drawable(scene, task))
    return drawable_scenes if any(things(scene, task) for scene in drawable_scenes) else ()


def unshown(case: Case, task: str) -> tuple[Omission, ...]:
    """List what of a case the config leaves out."""
    missing = len(case.scenes) - len(scenes(case, task))
    if not missing:
        return ()
    cause = (
        f"{missing} of {len(case.scenes)} annotated moments have no picture, or no mask of something in view "
        f"({task}): not in config segmentation"
    )
    return (Omission(case.case_id, cause),)


def rows(
    case: Case,
    how: Segmentation,
    max_side: int | None = None,
    decoder: Decoder = "pyav",
    refuse: Refuse | None = None,
) -> Iterator[SegmentationRow]:
    """Yield the rows of a case in order of time, without the pictures ``refuse`` names; masks get smaller with them."""
    taxonomy = load(case.taxonomy or case.procedure)
    scenes_by_time = {scene.time_s: scene for scene in scenes(case, how.task)}
    for time_s, image in pictures_at(
        replace(case, scenes=tuple(scenes_by_time.values())), sorted(scenes_by_time), decoder
    ):
        small = pictures.resize(image, max_side)
        if refuse is None or not refuse(time_s, small):
            yield row(case, scenes_by_time[time_s], how, taxonomy, small)


def row(
    case: Case, scene: Scene, how: Segmentation, taxonomy: Taxonomy, picture: np.ndarray
) -> SegmentationRow:
    """Return one row of ``SEGMENTATION_FEATURES`` for a picture of the scene (height x width x 3)."""
    names = classes(how.task, taxonomy)
    size = picture.shape[1], picture.shape[0]
    thing_masks = [(thing, masks.scaled_mask(thing.rle, scene, size)) for thing in things(scene, how.task)]
    thing_masks = [
        (thing, mask) for thing, mask in thing_masks if mask.any()
    ]  # a thin one may vanish in a small picture
    labels = np.zeros(size[::-1], np.uint8)
    for thing, mask in thing_masks:
        labels[mask] = names.index(thing.name)
    visible_names = {thing.name for thing, _ in thing_masks}
    instruments = names[1:] if how.task in ("binary", "parts") else taxonomy.instruments
    return {
        "row_id": f"{case.case_id}@{round(scene.time_s * 1000)}#{how.task}",
        "case_id": case.case_id,
        "source": case.source,
        "procedure": case.procedure,
        "time_s": scene.time_s,
        "task": how.task,
        "image": {"bytes": pictures.encode_jpeg(picture), "path": None},
        "label_map": {"bytes": encode_labels(labels), "path": None},
        "width": size[0],
        "height": size[1],
        "classes": list(names),
        "present": [int(value) for value in np.unique(labels) if value],
        "instances": [
            _instance(thing, mask, phrases(thing.name, how.task, taxonomy)) for thing, mask in thing_masks
        ],
        "absent": [name for name in instruments if name not in visible_names],
    }


def _instance(thing: Thing, mask: np.ndarray, instance_phrases: Sequence[str]) -> Instance:
    rle = masks.mask_to_rle(mask)
    return {
        "id": thing.id,
        "name": thing.name,
        "bbox": list(masks.box_of(rle, mask.shape[1], mask.shape[0])),
        "mask": rle,
        "phrases": list(instance_phrases),
    }


def encode_labels(labels: np.ndarray) -> bytes:
    """Return a height x width uint8 array as PNG bytes.

    >>> decode_labels(encode_labels(np.array([[0, 3], [255, 1]], np.uint8))).tolist()
    [[0, 3], [255, 1]]
    """
    file = io.BytesIO()
    Pictures.fromarray(labels).save(file, "PNG")
    return file.getvalue()


def decode_labels(data: bytes) -> np.ndarray:
    """Return a label map's values, height x width uint8. Raises ``InputError`` for anything but one 8-bit channel."""
    try:
        with Pictures.open(io.BytesIO(data)) as picture:
            if picture.mode not in ("L", "P"):
                raise InputError(f"a label map is {picture.mode}, a picture where labels are expected (L)")
            return np.asarray(picture, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, Pictures.DecompressionBombError) as error:
        raise InputError(f"a label map of {len(data)} bytes cannot be decoded: {error}") from error


def labels_of(row: Mapping[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Return a row's label map, which fits its picture of ``shape`` (height, width, ...) and holds listed classes only.

    Raises:
        InputError: it doesn't.
    """
    labels = decode_labels(row["label_map"]["bytes"])
    if labels.shape != shape[:2]:
        raise InputError(
            f"{row['row_id']}: picture {shape[:2]} and label map {labels.shape} differ in size; build again"
        )
    if labels.max() >= len(row["classes"]):
        raise InputError(
            f"{row['row_id']}: unknown class {labels.max()} of {len(row['classes'])}; build again"
        )
    return labels


def same_classes(lists: Iterable[Sequence[str]], folder: Path) -> tuple[str, ...]:
    """Return the one list of classes of all label maps of a data set.

    >>> same_classes([("background", "gauge"), ("background", "gauge")], Path("data"))
    ('background', 'gauge')

    Raises:
        InputError: they mean different things, or there is none.
    """
    class_lists = {tuple(one) for one in lists}
    if len(class_lists) != 1:
        raise InputError(
            f"{folder}: label maps of {len(class_lists)} different lists of classes; train on one procedure and task"
        )
    return class_lists.pop()


def notes(cases: Sequence[Case], how: Segmentation) -> tuple[str, ...]:
    """Return notes on the classes: frames of each, classes without any, frames that show nothing."""
    counts: Counter[str] = Counter()
    frames = empty = 0
    class_names: dict[str, None] = {}
    for case in cases:
        class_names |= dict.fromkeys(classes(how.task, load(case.taxonomy or case.procedure))[1:])
        for scene in scenes(case, how.task):
            names = {thing.name for thing in things(scene, how.task)}
            counts.update(names)
            frames, empty = frames + 1, empty + (not names)
    tally = ", ".join(f"{name} {counts[name]}" for name in class_names if counts[name])
    never = ", ".join(name for name in class_names if not counts[name])
    return (
        f"config segmentation ({how.task}): {frames} frames, {empty} of them without anything; frames per class: "
        f"{tally or 'none'}" + (f"; in no frame: {never}" if never else ""),
    )
