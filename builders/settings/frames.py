"""The configuration of ``frames``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.builders.settings.privacy import PictureOptions
from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class RateOptions:
    """The option that turns the numbers of pictures into seconds."""

    image_rate: Annotated[float, Usage("FPS")] = 0.0
    """how much the numbers that pictures are named by grow a second"""


@dataclass(frozen=True, kw_only=True)
class Frames(RateOptions, PictureOptions):
    """Take still frames with times and labels from videos."""

    root: Annotated[Path, Usage("ROOT", position=True)]
    """a procedure's folder (`surgvqa-build new`), a folder of videos, or a video"""
    out: Annotated[Path, Usage("DIR")]
    """where frames/ and frames.json go"""
    taxonomy: Annotated[str | None, Usage("NAME|FILE", default_text="procedure.yaml below ROOT")] = None
    """the procedure; videos alone need none"""
    every: Annotated[float, Usage("S")] = 1.0
    """seconds from frame to frame"""
    budget: Annotated[int | None, Usage("N")] = None
    """at most so many frames of all cases, shared out by their lengths"""
    biased: bool = False
    """spend the budget more densely around events"""
    max_side: Annotated[int, Usage("PX")] = 1024
    """longest side of a frame; 0: as it is"""
