"""The configurations of ``import`` and ``export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.builders.settings.privacy import NameOptions
from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class Import(NameOptions):
    """Make a data set of LLaVA, ShareGPT or Qwen conversations."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """a .json or .jsonl file of conversations"""
    out: Annotated[Path, Usage("DIR")]
    """where the data set goes"""
    images: Annotated[Path | None, Usage("DIR", default_text="the file's folder")] = None
    """what picture names are relative to"""
    case: Annotated[str, Usage("PATTERN")] = ""
    """finds the operation in a picture's name, as seq_?[0-9]+; without it all is for training"""
    media: Annotated[Literal["frames", "none"], Usage("frames|none")] = "frames"
    """pictures in the rows, or text alone"""
    max_side: Annotated[int, Usage("PX")] = 512
    """longest side of a picture; 0: as it is"""
    validation: Annotated[float, Usage("SHARE")] = 0.1
    """share of samples to validate on"""
    test: Annotated[float, Usage("SHARE")] = 0.2
    """share of samples to test on"""
    seed: Annotated[int, Usage("N")] = 0
    """of the splits"""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a data set in the format of another project, with a list of what it loses."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """a data set"""
    out: Annotated[Path, Usage("DIR")]
    """a new folder for the files and the pictures"""
    to: Annotated[str, Usage("FORMAT")] = ""
    """ms-swift, llama-factory, lmms-eval, vlmevalkit, inspect, medvidbench, surgvu, lerobot, coco or fiftyone, of
    config clips; or one of --as"""
    form: Annotated[str, Usage("llava|sharegpt|qwen", flag="--as")] = "llava"
    """conversations in a form that `import` reads"""
    config: Annotated[Literal["instruct", "clips"], Usage("instruct|clips")] = "instruct"
    """what of the data set, for --as"""
    predictions: Annotated[Path | None, Usage("FILE")] = None
    """write answer files of medvidbench or surgvu from predictions, JSON lines with qa_id and prediction"""
