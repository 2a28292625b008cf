"""The document of a segmenter, ``segmenter.json``, and what ``masks`` is asked and answers."""

from __future__ import annotations

from typing import NotRequired

from surgvqa.cards.write.small_model import SmallModel
from surgvqa.eval.documents.spatial import MaskFigures
from surgvqa.train.settings.from_masks import Segment
from typing_extensions import TypedDict


class Recipe(TypedDict):
    """The settings that the weights depend on beside the data."""

    model: str
    encoder: str
    decoder: list[int]
    weights: str | None
    checkpoint: str | None
    size: int
    epochs: int
    batch_size: int
    learning_rate: float
    augment: str
    precision: str
    seed: int
    keep: NotRequired[str]  # absent in files of older versions: best
    mirror: NotRequired[bool]


def recipe_of(config: Segment) -> Recipe:
    """Return the part of a configuration that the weights follow from."""
    return {
        "model": config.model,
        "encoder": config.encoder,
        "decoder": list(config.decoder),
        "weights": config.weights,
        "checkpoint": config.checkpoint,
        "size": config.size,
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "augment": config.augment,
        "precision": config.precision,
        "seed": config.seed,
        "keep": config.keep,
        "mirror": config.mirror,
    }


class SegmenterSpec(TypedDict):
    """A recipe and the classes it is for."""

    recipe: Recipe
    classes: list[str]
    phrases: dict[str, list[str]]
    task: str


class SegmenterFile(SegmenterSpec):
    """The document ``segmenter.json`` on the weights beside it."""

    schema_version: int
    dice: float  # on the validation split
    epoch: int
    validation: MaskFigures


def _weights_are(document: SegmenterFile) -> str:
    """Say whether the figures were used to choose the weights."""
    if document["recipe"].get("keep", "best") != "best":
        return "No weights were chosen by these figures."
    return (
        f"The weights are those of epoch {document['epoch']}, the best one there, so these figures are a little too high "
        "for other cases."
    )


def card(document: SegmenterFile) -> SmallModel:
    """Return what the card tells of a segmenter."""
    recipe, figures = document["recipe"], document["validation"]
    classes = {f"Dice of {name}": own["dice"]["value"] for name, own in figures["by_class"].items()}
    return SmallModel(
        task="image-segmentation",
        title="Segmenter of surgical frames",
        what=f"A {recipe['model']} that outlines {', '.join(document['classes'])}.",
        figures={"Dice": figures["dice"]["value"], "overlap (IoU)": figures["iou"]["value"], **classes},
        figures_are=(
            f"On the validation split: {figures['frames']} frames of {figures['sequences']} cases. {_weights_are(document)}"
        ),
        command="surgvqa-build procedure --root CASES --out DATA --segmenter THIS_FOLDER",
        settings=dict(recipe),
    )


class Request(TypedDict):
    """The moments of a case whose masks are wanted."""

    video: str | None
    moments: list[tuple[float, float | str]]  # seconds of the case, and of the video or a still's path


class CocoImage(TypedDict):
    """A picture, as COCO lists it, and how sure the segmenter is of it."""

    id: int
    file_name: str
    width: int
    height: int
    time_s: float
    score: float


class Rle(TypedDict):
    """A mask as COCO's run lengths."""

    size: list[int]
    counts: str


class CocoMask(TypedDict):
    """A mask, as COCO lists it."""

    id: int
    image_id: int
    category_id: int
    segmentation: Rle
    bbox: list[float]
    area: int
    iscrowd: int
    score: float


class CocoCategory(TypedDict):
    """A class, as COCO lists it."""

    id: int
    name: str


class Coco(TypedDict):
    """COCO's lists for one case."""

    images: list[CocoImage]
    annotations: list[CocoMask]
    categories: list[CocoCategory]
