"""The configurations of ``score`` and ``compare``, and what they share with others: where the right answers are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.eval.settings.one_split import OneSplit


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The file of the figures."""

    out: Annotated[Path | None, Usage("FILE.json")] = None
    """write every figure as JSON; of score the table, to .csv or .tex"""
    seed: Annotated[int, Usage("N")] = 0
    """of what is drawn: intervals, guesses"""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The rule that answers are judged by."""

    rule: Annotated[str | None, Usage("RULE", default_text="choice where choices are known")] = None
    """exact, word, substring or choice"""


@dataclass(frozen=True, kw_only=True)
class Truth(Rule, OneSplit):
    """The columns of predictions, and where the right answers are."""

    columns: Annotated[str, Usage("FIELD=COLUMN,…")] = ""
    """our fields in your file: kind=question_type,…"""
    data: Annotated[str | None, Usage("DIR")] = None
    """the data set: its questions are the denominator"""
    train: Annotated[str | None, Usage("DIR", default_text="--data's")] = None
    """training questions for the blind guess"""
    data_columns: Annotated[str, Usage("FIELD=COLUMN,…")] = ""
    """as --columns, for --data, --train"""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms that answers are held against."""

    taxonomy: Annotated[str | None, Usage("NAME")] = None
    """the procedure whose terms answers should use"""


@dataclass(frozen=True, kw_only=True)
class Score(Figures, Terms, Truth):
    """Score predictions: accuracy beside chance and a blind guess."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """predictions: JSONL, JSON, CSV, an Inspect log"""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Let a language model judge free answers, and measure how far people agree with it."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """predictions: JSONL, JSON, CSV"""
    url: Annotated[str, Usage("URL")]
    """an OpenAI-compatible server, as http://127.0.0.1:8000/v1"""
    model: Annotated[str, Usage("NAME", default_text="the first one served")] = ""
    """which of its models judges"""
    human: Annotated[str, Usage("COLUMN")] = ""
    """a column with people's verdicts: true or false"""
    columns: Annotated[str, Usage("FIELD=COLUMN,…")] = ""
    """our fields in your file: prediction=reply,…"""
    out: Annotated[Path | None, Usage("FILE.json")] = None
    """write figures, prompts and verdicts as JSON"""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Measure answers that may be nearly right, beside their floors."""

    file: Annotated[Path, Usage("FILE", position=True)]
    """predictions: JSONL, JSON, CSV"""
    columns: Annotated[str, Usage("FIELD=COLUMN,…")] = ""
    """our fields in your file: prediction=reply,…"""
    references: Annotated[str, Usage("COLUMN")] = ""
    """a column with a list of right answers; the best counts"""
    data: Annotated[str, Usage("DIR")] = ""
    """a data set whose questions have several right answers (SurgVU's): they are found by `qa_id`"""
    split: str = "test"
    """with --data: its split"""
    measures: Annotated[str, Usage("NAME,…", default_text="those of free texts")] = ""
    """exact, token_f1, bleu, rouge_l, chrf, meteor, bertscore:FOLDER, set_f1, number:2 or number:10%, time:5, temporal_iou, segmental_f1:50, edit, map"""
    out: Annotated[Path | None, Usage("FILE.json")] = None
    """write every figure as JSON"""


@dataclass(frozen=True, kw_only=True)
class Board(Figures, Truth):
    """Rank models, several seeds each, on the same questions."""

    files: Annotated[tuple[str, ...], Usage("[NAME=]FILE", position=True)]
    """predictions; files of one NAME, or NAME-seed1, are seeds"""
    buckets: Annotated[str, Usage("COLUMN")] = ""
    """the first file's column by which questions are kept apart"""


@dataclass(frozen=True, kw_only=True)
class Compare(Figures, Truth):
    """Compare two predictions files, paired, by case."""

    a: Annotated[Path, Usage("A", position=True)]
    """predictions of A"""
    b: Annotated[Path, Usage("B", position=True)]
    """predictions of B; differences are B - A"""
