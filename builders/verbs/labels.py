"""``surgvqa-build labels``: frame labels refined by those of other tools."""

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
        tuple[Literal["anatomy", "tools"], ...], Given(shown="those that the files name anything of")
    ] = ()
    """what was labelled: a picture without any has none of them"""
    min_confidence: Annotated[float, Given("P")] = 0.0
    """leave out less sure predictions"""
    on_error: Annotated[Literal["fail", "quarantine"], Given("fail|quarantine")] = "fail"
    """pictures that can't be read whole: stop, or leave them out and name them"""


def run(config: Labels) -> None:
    """Refine frame labels by those of other tools."""
    from surgvqa.builders.files.faults import listed
    from surgvqa.builders.frames.label_files import merge
    from surgvqa.builders.procedures.taxonomy import load

    merged = merge(
        config.into,
        config.files,
        load(config.taxonomy),
        made_by=config.made_by,
        roles=config.of,
        least=config.min_confidence,
        image_rate=config.image_rate,
        on_error=config.on_error,
    )
    print(f"labels of {merged.frames} frames went into {config.into}")
    if merged.left_out:
        print(f"cut or left out: {listed(merged.left_out)}")
    if merged.unmatched:
        print(f"{len(merged.unmatched)} pictures are no frame of it, such as {merged.unmatched[0]}")
