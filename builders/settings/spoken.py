"""The configuration of ``spoken``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class SpokenQuestions:
    """Add config spoken to a data set: its questions as sound."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """what a build wrote"""
    voices: Annotated[tuple[str, ...], Usage("ENGINE:NAME")] = ("espeak-ng:en-us", "espeak-ng:en-gb")
    """espeak-ng (offline), edge-tts (online) or command"""
    rates: Annotated[tuple[int, ...], Usage("N")] = (150, 180)
    """words a minute"""
    snr: Annotated[tuple[float, ...], Usage("DB", default_text="none")] = ()
    """theatre noise at these ratios"""
    tts_command: Annotated[str | None, Usage("TEXT", place="COMMAND")] = None
    """for voices of engine command; text on stdin, sound to {out}"""
    seed: Annotated[int, Usage("N")] = 0
    """of who says what"""
    test_voices: Annotated[tuple[str, ...], Usage("ENGINE:NAME", default_text="as in training")] = ()
    """speak validation and test, and nothing else"""
    answers: Annotated[str, Usage("sentence|short")] = "sentence"
    """what is taught"""
