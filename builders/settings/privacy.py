"""The configuration of privacy: people and pictures that are hidden."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class NameOptions:
    """The names that are published."""

    HEADING: ClassVar[str] = "privacy"

    pseudonyms: Annotated[Path | None, Usage("FILE")] = None
    """publish salted pseudonyms of cases and files; FILE, outside --out, keeps salt and map, for you alone"""


@dataclass(frozen=True, kw_only=True)
class PictureOptions(NameOptions):
    """The pictures that are published."""

    HEADING: ClassVar[str] = "privacy"

    cover: Annotated[tuple[str, ...], Usage("X,Y,W,H")] = ()
    """paint regions of every picture black, in shares of it: 0,0.9,1,0.1 is its lowest tenth"""
    cover_text: bool = False
    """find burned-in text and paint it black: by OCR at every second where surgvqa[ocr] is installed (2.5 s a picture
    and core), else only letters that stand still"""
    outside: Annotated[str | None, Usage("colour|FILE")] = None
    """leave out clips that show the outside of the body: by colour (endoscopes only; misses skin), by a CSV file
    case,start,end of a person or a model, or by a Python file with a function outside(frame), which may ask any model"""


@dataclass(frozen=True, kw_only=True)
class TimeOptions(PictureOptions):
    """The times that are published."""

    HEADING: ClassVar[str] = "privacy"

    coarse_times: Annotated[float | None, Usage("SECONDS")] = None
    """publish where phases and steps begin and end to SECONDS alone, as 30: what lies between two such times at an end
    is left out as unknown, so who has the hospital's own record can compare less"""
