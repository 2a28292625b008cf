"""The configuration of ``labels``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.builders.settings.frames import Rated
from surgvqa.cards.arguments.option import Given


@dataclass(frozen=True, kw_only=True)
class Labels(Rated):
    """Merge what CVAT, Label Studio, COCO, LabelMe, YOLO, VOC, MOT, Darwin, masks, CSV or a detector say."""

    files: Annotated[tuple[Path, ...], Given("FILE", position=True)]
    """exports of any of these tools, or their folders"""
    into: Annotated[Path, Given("LABELS")]
    """the frames.json to refine"""
    taxonomy: Annotated[str, Given("NAME|FILE")]
    """the procedure"""
    made_by: Literal["hand", "detector", "weak"] = "hand"
    """who said so"""
    of: Annotated[
        tuple[Literal["anatomy", "tools"], ...], Given(shown="those that each export names anything of")
    ] = ()
    """what was labelled: a picture without any has none of them"""
    min_confidence: Annotated[float, Given("P")] = 0.0
    """leave out less sure predictions"""
    on_error: Annotated[Literal["fail", "quarantine"], Given("fail|quarantine")] = "fail"
    """pictures that can't be read whole: stop, or leave them out and name them"""
