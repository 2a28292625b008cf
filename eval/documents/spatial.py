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
    """how many values"""
    ci95: NotRequired[Interval]
    """both ends of its 95 % interval"""


class PointingDifference(TypedDict):
    """How much more of a measure the first of two files has, a row with the same row."""

    value: float
    """mean difference"""
    n: int
    """rows that both have the measure of"""
    ci95: Interval
    """both ends of its 95 % interval; null where cases are too few"""
    p: float | None
    """of no difference, whole cases flipped"""


class PointingFigures(TypedDict):
    """The figures of pointing, beside guessers that see no pixel."""

    n: int
    """questions"""
    metrics: dict[str, Measure]
    """each measure by its name"""
    noise_floor: float
    """how far off an oracle of the labels is"""
    guessers: dict[str, dict[str, float | None]]
    """the same measures of guessers"""
    against: NotRequired[dict[str, PointingDifference]]
    """differences from the file of --against"""


class Pointing(PointingFigures):
    """The same of one file."""

    file: str
    """the file that was read"""
    split: str
    """split of the data set"""
    missing: int
    """questions without an answer"""


class PointingFile(Pointing):
    """The document of ``pointing --out``."""

    schema_version: int
    """version of this document"""


class MaskLine(TypedDict):
    """A line of a file of predicted masks."""

    row_id: str
    """the row's id"""
    masks: dict[str, str]
    """class -> COCO run lengths over the row's width x height"""
    ms: NotRequired[float | None]
    """how long the model took"""


class ClassMasks(TypedDict):
    """The figures of one class."""

    frames: int
    """frames that show it"""
    invented: int
    """predicted where there is none"""
    missed: int
    """there and not predicted"""
    dice: Measure
    """twice the overlap over the sum of both areas"""
    iou: Measure
    """overlap over union"""
    boundary_f: Measure
    """F1 of the outlines within a few pixels"""


class MaskFigures(TypedDict):
    """The figures of masks against the truth."""

    frames: int
    """frames"""
    sequences: int
    """cases"""
    dice: Measure
    """twice the overlap over the sum of both areas"""
    iou: Measure
    """overlap over union"""
    boundary_f: Measure
    """F1 of the outlines within a few pixels"""
    challenge_iou: Measure
    """as EndoVis 2017 and 2018 count"""
    isi_iou: Measure
    """as the ISI score counts"""
    mean_class_iou: Measure
    """mean over classes"""
    false_masks: Measure
    """masks of what isn't there, a frame"""
    classes_only_predicted: list[str]
    """classes that no truth holds"""
    by_class: dict[str, ClassMasks]
    """the same for each class"""


class Segmentation(MaskFigures):
    """The same of one file."""

    file: str
    """the file that was read"""
    split: str
    """split of the data set"""
    missing: int
    """questions without an answer"""
    ms_per_image: float | None
    """time of the model"""


class SegmentationFile(Segmentation):
    """The document of ``segmentation --out``."""

    schema_version: int
    """version of this document"""
