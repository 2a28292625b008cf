"""The configurations of ``import`` and ``export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.builders.settings.privacy import Named
from surgvqa.cards.arguments.option import Given


@dataclass(frozen=True, kw_only=True)
class Import(Named):
    """Make a data set of LLaVA, ShareGPT or Qwen conversations."""

    file: Annotated[Path, Given("FILE", position=True)]
    """a .json or .jsonl file of conversations"""
    out: Annotated[Path, Given("DIR")]
    """where the data set goes"""
    images: Annotated[Path | None, Given("DIR", shown="the file's folder")] = None
    """what picture names are relative to"""
    case: Annotated[str, Given("PATTERN")] = ""
    """finds the operation in a picture's name, as seq_?[0-9]+; without it all is for training"""
    media: Annotated[Literal["frames", "none"], Given("frames|none")] = "frames"
    """pictures in the rows, or text alone"""
    max_side: Annotated[int, Given("PX")] = 512
    """longest side of a picture; 0: as it is"""
    validation: Annotated[float, Given("SHARE")] = 0.1
    """share of samples to validate on"""
    test: Annotated[float, Given("SHARE")] = 0.2
    """share of samples to test on"""
    seed: Annotated[int, Given("N")] = 0
    """of the splits"""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a data set in the format of another project, with a list of what it loses."""

    folder: Annotated[Path, Given("DIR", position=True)]
    """a data set"""
    out: Annotated[Path, Given("DIR")]
    """a new folder for the files and the pictures"""
    to: Annotated[str, Given("FORMAT")] = ""
    """ms-swift, llama-factory, lmms-eval, vlmevalkit, inspect, medvidbench, surgvu, lerobot, coco or fiftyone, of
    config clips; or one of --as"""
    form: Annotated[str, Given("llava|sharegpt|qwen", flag="--as")] = "llava"
    """conversations in a form that `import` reads"""
    config: Annotated[Literal["instruct", "clips"], Given("instruct|clips")] = "instruct"
    """what of the data set, for --as"""
    predictions: Annotated[Path | None, Given("FILE")] = None
    """write answer files of medvidbench or surgvu from predictions, JSON lines with qa_id and prediction"""
