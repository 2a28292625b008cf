"""The configuration of ``mix``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class Mix:
    """Make one data set of several, no operation in two splits."""

    folders: Annotated[tuple[Path, ...], Usage("DIR", position=True)]
    """two data sets or more, built with the same --media"""
    out: Annotated[Path, Usage("DIR")]
    """where the data set goes"""
    weights: Annotated[tuple[float, ...], Usage("W", default_text="every clip alike")] = ()
    """how often training draws from each set, in the order of the sets: 2 1 draws two clips of the first for one of
    the second, whatever their sizes"""
    drop_shared: bool = False
    """leave operations out of training that any set validates or tests on, and out of validation what any tests on;
    without it they are refused"""
