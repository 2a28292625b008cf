"""The configurations of ``pointing`` and ``segmentation``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.eval.settings.one_split import OneSplit
from surgvqa.eval.settings.score import Figures


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


@dataclass(frozen=True, kw_only=True)
class Segmentation(Places):
    """Score masks: Dice, the three IoUs, boundaries."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """predictions on the config segmentation: JSONL of masks"""
