"""The configuration of ``labels``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.builders.settings.frames import RateOptions
from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class Labels(RateOptions):
    """Merge what CVAT, Label Studio, COCO, LabelMe, YOLO, VOC, MOT, Darwin, masks, CSV or a detector say."""

    files: Annotated[tuple[Path, ...], Usage("FILE", position=True)]
    """exports of any of these tools, or their folders"""
    into: Annotated[Path, Usage("LABELS")]
    """the frames.json to refine"""
    taxonomy: Annotated[str, Usage("NAME|FILE")]
    """the procedure"""
    made_by: Literal["hand", "detector", "weak"] = "hand"
    """who said so"""
    of: Annotated[
        tuple[Literal["anatomy", "tools"], ...],
        Usage(default_text="those that each export names anything of"),
    ] = ()
    """what was labelled: a picture without any has none of them"""
    min_confidence: Annotated[float, Usage("P")] = 0.0
    """leave out less sure predictions"""
    on_error: Annotated[Literal["fail", "quarantine"], Usage("fail|quarantine")] = "fail"
    """pictures that can't be read whole: stop, or leave them out and name them"""
