"""The configuration of ``instruct``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.builders.settings.privacy import NameOptions
from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class Instruct(NameOptions):
    """Write instruction data from labelled frames."""

    labels: Annotated[Path, Usage("LABELS", position=True)]
    """frames and their labels, a .json or .jsonl file; its pictures lie below its folder"""
    taxonomy: Annotated[str, Usage("NAME|FILE")]
    """the procedure"""
    out: Annotated[Path, Usage("DIR")]
    """where the data set goes; what an earlier run wrote there is replaced"""
    teacher: Annotated[str | None, Usage("URL", default_text="by rule, without a server", place="URL")] = None
    """an OpenAI-compatible server, ends in /v1"""
    model: Annotated[str | None, Usage("NAME")] = None
    """the teacher's model"""
    concurrency: Annotated[int, Usage("N", aside=True)] = 8
    """requests at a time"""
    estimate: bool = False
    """say what asking would cost, and stop"""
    price_in: Annotated[float, Usage("X", aside=True)] = 0.0
    """price of a million tokens read"""
    price_out: Annotated[float, Usage("X", aside=True)] = 0.0
    """price of a million tokens written"""
    media: Annotated[str, Usage("frames|none")] = "frames"
    """pictures in the rows, or text alone"""
    max_side: Annotated[int, Usage("PX")] = 512
    """longest side of a picture; 0: as it is"""
    test_cases: Annotated[tuple[str, ...], Usage("ID")] = ()
    """videos to hold out; a video lies in one split, whole"""
    validation: Annotated[float, Usage("SHARE")] = 0.1
    """share of frames to validate on"""
    test: Annotated[float, Usage("SHARE")] = 0.2
    """share of frames to test on"""
    system: Annotated[str | None, Usage("TEXT")] = None
    """a system message before every sample"""
    seed: Annotated[int, Usage("N")] = 0
    """of splits and wording"""
    on_error: Annotated[Literal["fail", "quarantine"], Usage("fail|quarantine")] = "fail"
    """a missing picture or answer: stop, or leave the frame out and name it"""
