"""The configurations of what shows the worth of a score: baselines, necessity, leaks, audit-benchmark, probes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.eval.settings.one_split import OneSplit
from surgvqa.eval.settings.score import Figures, Rule, Truth


@dataclass(frozen=True, kw_only=True)
class Baselines(Figures, Rule, OneSplit):
    """Score what doesn't look at the video."""

    data: Annotated[str, Usage("DIR", position=True)]
    """a data set: what doesn't look learns from its train, and is scored on --split"""
    model: Annotated[Path | None, Usage("FILE", position=True)] = None
    """a model's predictions, beside them"""
    control: Annotated[tuple[str, ...], Usage("NAME=FILE", repeat=True)] = ()
    """predictions of `predict --control NAME`; may be repeated"""
    save: Annotated[Path | None, Usage("FOLDER")] = None
    """write each baseline's predictions"""


@dataclass(frozen=True, kw_only=True)
class Necessity(Figures, Truth):
    """Ask whether a model listens; exit 1 if it answers as well with wrong sound."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """predictions of `predict --config spoken`"""
    control: Annotated[tuple[str, ...], Usage("NAME=FILE", repeat=True)] = ()
    """predictions of `predict --control NAME`: swapped-audio, silence, text-and-audio; may be repeated"""


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """List what splits share; exit 1 where they share anything."""

    data: Annotated[tuple[str, ...], Usage("DIR", position=True)]
    """one or two data sets: a folder or org/name"""
    config: Annotated[str | None, Usage("CONFIG", default_text="clips, or the only one")] = None
    """config of the data sets"""
    columns: Annotated[str, Usage("case_id=NAME,…")] = ""
    """our names for its columns"""
    out: Annotated[Path | None, Usage("FILE.json")] = None
    """write all that was found as JSON"""


@dataclass(frozen=True, kw_only=True)
class Probes(OneSplit):
    """Write a data set's clips with the sanity suite's questions."""

    data: Annotated[Path, Usage("DIR", position=True)]
    """a folder that surgvqa-build wrote"""
    out: Annotated[Path, Usage("DIR")]
    """folder of the probes, for predict and score"""
    phrasings: Annotated[int, Usage("N")] = 3
    """other wordings of each question"""
    taxonomy: Annotated[str | None, Usage("NAME", default_text="the data's")] = None
    """procedure with the safety gates"""
    seed: Annotated[int, Usage("N")] = 0
    """of the wordings"""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Find what gives the answers of question files away."""

    files: Annotated[tuple[Path, ...], Usage("FILE", position=True)]
    """questions of any layout that score reads"""
    columns: Annotated[str, Usage("kind=NAME,…")] = ""
    """our names for its columns"""
    out: Annotated[Path | None, Usage("PAGE.html")] = None
    """write a page, and its numbers as JSON beside it"""
