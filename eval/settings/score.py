"""The configurations of ``score`` and ``compare``, and what they share with others: where the right answers are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Given


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Where the figures go."""

    out: Annotated[Path | None, Given("FILE.json")] = None
    """write every figure as JSON; of score the table, to .csv or .tex"""
    seed: Annotated[int, Given("N")] = 0
    """of what is drawn: intervals, guesses"""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The rule that answers are judged by."""

    rule: Annotated[str | None, Given("RULE", shown="choice where choices are known")] = None
    """exact, word, substring or choice"""


@dataclass(frozen=True, kw_only=True)
class Truth(Judged):
    """The columns of predictions, and where the right answers are."""

    columns: Annotated[str, Given("FIELD=COLUMN,…")] = ""
    """our fields in your file: kind=question_type,…"""
    data: Annotated[str | None, Given("DIR")] = None
    """the data set: its questions are the denominator"""
    split: Annotated[str, Given("SPLIT")] = "test"
    """the data set's split that was asked"""
    train: Annotated[str | None, Given("DIR", shown="--data's")] = None
    """training questions for the blind guess"""
    data_columns: Annotated[str, Given("FIELD=COLUMN,…")] = ""
    """as --columns, for --data, --train"""


@dataclass(frozen=True, kw_only=True)
class Termed:
    """The terms that answers are held against."""

    taxonomy: Annotated[str | None, Given("NAME")] = None
    """the procedure whose terms answers should use"""


@dataclass(frozen=True, kw_only=True)
class Score(Figures, Termed, Truth):
    """Score predictions: accuracy beside chance and a blind guess."""

    file: Annotated[Path, Given("FILE", position=True)]
    """predictions: JSONL, JSON, CSV, an Inspect log"""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Let a language model judge free answers, and measure how far people agree with it."""

    file: Annotated[Path, Given("FILE", position=True)]
    """predictions: JSONL, JSON, CSV"""
    url: Annotated[str, Given("URL")]
    """an OpenAI-compatible server, as http://127.0.0.1:8000/v1"""
    model: Annotated[str, Given("NAME", shown="the first one served")] = ""
    """which of its models judges"""
    human: Annotated[str, Given("COLUMN")] = ""
    """a column with people's verdicts: true or false"""
    columns: Annotated[str, Given("FIELD=COLUMN,…")] = ""
    """our fields in your file: prediction=reply,…"""
    out: Annotated[Path | None, Given("FILE.json")] = None
    """write figures, prompts and verdicts as JSON"""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Measure free answers: BLEU, ROUGE-L, chrF, token F1, beside their floors."""

    file: Annotated[Path, Given("FILE", position=True)]
    """predictions: JSONL, JSON, CSV"""
    columns: Annotated[str, Given("FIELD=COLUMN,…")] = ""
    """our fields in your file: prediction=reply,…"""
    references: Annotated[str, Given("COLUMN")] = ""
    """a column with a list of right answers; the best counts"""
    out: Annotated[Path | None, Given("FILE.json")] = None
    """write every figure as JSON"""


@dataclass(frozen=True, kw_only=True)
class Board(Figures, Truth):
    """Rank models, several seeds each, on the same questions."""

    files: Annotated[tuple[str, ...], Given("[NAME=]FILE", position=True)]
    """predictions; files of one NAME, or NAME-seed1, are seeds"""
    buckets: Annotated[str, Given("COLUMN")] = ""
    """the first file's column by which questions are kept apart"""


@dataclass(frozen=True, kw_only=True)
class Compare(Figures, Truth):
    """Compare two predictions files, paired, by case."""

    a: Annotated[Path, Given("A", position=True)]
    """predictions of A"""
    b: Annotated[Path, Given("B", position=True)]
    """predictions of B; differences are B - A"""
