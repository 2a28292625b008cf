"""The documents of ``pointing`` and ``segmentation``."""

from __future__ import annotations

from typing import NotRequired

from surgvqa.eval.documents.scores import Interval
from typing_extensions import TypedDict


class Measure(TypedDict):
    """A mean over some values."""

    value: float | None
    """None without any"""
    n: int
    ci95: NotRequired[Interval]


class PointingFigures(TypedDict):
    """How well answers point, beside guessers who see no pixel."""

    n: int
    metrics: dict[str, Measure]
    noise_floor: float
    """how far off an oracle of the labels is"""
    guessers: dict[str, dict[str, float | None]]


class Pointing(PointingFigures):
    """The same of one file."""

    file: str
    split: str
    missing: int


class PointingFile(Pointing):
    """What ``pointing --out`` writes."""

    schema_version: int


class MaskLine(TypedDict):
    """A line of a file of predicted masks."""

    row_id: str
    masks: dict[str, str]
    """class -> COCO run lengths over the row's width x height"""
    ms: NotRequired[float | None]
    """how long the model took"""


class ClassMasks(TypedDict):
    """The figures of one class."""

    frames: int
    invented: int
    missed: int
    dice: Measure
    iou: Measure
    boundary_f: Measure


class MaskFigures(TypedDict):
    """How well masks agree with the truth."""

    frames: int
    sequences: int
    dice: Measure
    iou: Measure
    boundary_f: Measure
    challenge_iou: Measure
    isi_iou: Measure
    mean_class_iou: Measure
    false_masks: Measure
    classes_only_predicted: list[str]
    by_class: dict[str, ClassMasks]


class Segmentation(MaskFigures):
    """The same of one file."""

    file: str
    split: str
    missing: int
    ms_per_image: float | None


class SegmentationFile(Segmentation):
    """What ``segmentation --out`` writes."""

    schema_version: int
