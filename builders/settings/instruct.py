"""The configuration of ``instruct``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.builders.settings.privacy import Named
from surgvqa.cards.arguments.option import Given


@dataclass(frozen=True, kw_only=True)
class Instruct(Named):
    """Write instruction data from labelled frames."""

    labels: Annotated[Path, Given("LABELS", position=True)]
    """frames and their labels, a .json or .jsonl file; its pictures lie below its folder"""
    taxonomy: Annotated[str, Given("NAME|FILE")]
    """the procedure"""
    out: Annotated[Path, Given("DIR")]
    """where the data set goes; what an earlier run wrote there is replaced"""
    teacher: Annotated[str | None, Given("URL", shown="by rule, without a server", place="URL")] = None
    """an OpenAI-compatible server, ends in /v1"""
    model: Annotated[str | None, Given("NAME")] = None
    """the teacher's model"""
    concurrency: Annotated[int, Given("N", aside=True)] = 8
    """requests at a time"""
    estimate: bool = False
    """say what asking would cost, and stop"""
    price_in: Annotated[float, Given("X", aside=True)] = 0.0
    """price of a million tokens read"""
    price_out: Annotated[float, Given("X", aside=True)] = 0.0
    """price of a million tokens written"""
    media: Annotated[str, Given("frames|none")] = "frames"
    """pictures in the rows, or text alone"""
    max_side: Annotated[int, Given("PX")] = 512
    """longest side of a picture; 0: as it is"""
    test_cases: Annotated[tuple[str, ...], Given("ID")] = ()
    """videos to hold out; a video lies in one split, whole"""
    validation: Annotated[float, Given("SHARE")] = 0.1
    """share of frames to validate on"""
    test: Annotated[float, Given("SHARE")] = 0.2
    """share of frames to test on"""
    system: Annotated[str | None, Given("TEXT")] = None
    """a system message before every sample"""
    seed: Annotated[int, Given("N")] = 0
    """of splits and wording"""
    on_error: Annotated[Literal["fail", "quarantine"], Given("fail|quarantine")] = "fail"
    """a missing picture or answer: stop, or leave the frame out and name it"""
