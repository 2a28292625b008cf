"""The configurations of ``pointing`` and ``segmentation``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.eval.settings.one_split import OneSplit
from surgvqa.eval.settings.score import Figures

BLIND, MEAN_MASK, COLOUR = "blind", "mean-mask", "colour"


@dataclass(frozen=True, kw_only=True)
class MaskAnswers:
    """Answer questions and pointing rows by masks: a segmenter's, or those of guessers."""

    source: Annotated[str, Usage("SOURCE", position=True)]
    """masks.jsonl of a segmenter; mean-mask: where training has each class; colour: the masks of the training frame nearest
    in colour; or blind, which sees none"""
    data: Annotated[Path, Usage("DIR")]
    """the data set, built with --segmentation"""
    split: Annotated[str, Usage("SPLIT")] = "test"
    """whose questions are answered"""
    out: Annotated[Path, Usage("FOLDER")]
    """gets answers.jsonl, pointing.jsonl and the guessers' masks.jsonl"""


@dataclass(frozen=True, kw_only=True)
class Places(Figures, OneSplit):
    """The data set that was asked for places."""

    data: Annotated[Path, Usage("DIR")]
    """the data set"""


@dataclass(frozen=True, kw_only=True)
class Pointing(Places):
    """Score places: points, boxes and positions, beside guessers."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """predictions on the config pointing: JSONL, qa_id being its row_id"""
    against: Annotated[Path | None, Usage("FILE")] = None
    """other predictions on the same rows: how much more the first ones have, paired, with intervals over cases"""


@dataclass(frozen=True, kw_only=True)
class Segmentation(Places):
    """Score masks: Dice, the three IoUs, boundaries."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """predictions on the config segmentation: JSONL of masks"""
