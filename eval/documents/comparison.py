"""The document of ``compare --out``: two runs on the same questions."""

from __future__ import annotations

from typing import NotRequired

from surgvqa.eval.documents.runs import Provenance
from surgvqa.eval.documents.scores import Interval
from typing_extensions import TypedDict


class Sides(TypedDict):
    """A count of each run."""

    a: int
    b: int


class Difference(TypedDict):
    """Both accuracies on some questions, and how far B's is above A's."""

    n: int
    a: float
    b: float
    difference: float
    ci95: Interval
    p: float | None
    """of a sign-flip test over cases"""
    only_a: int
    """questions that only A has right"""
    only_b: int
    p_holm: NotRequired[float]
    """of one kind: after Holm's correction over all kinds"""


class OtherAnswers(TypedDict):
    """Answers in other words, however right."""

    n: int
    differ: int
    verdict_differs: int
    by_kind: dict[str, int]


class Comparison(TypedDict):
    """How far B is above A."""

    n: int
    n_headline: int
    cases: int
    rule: str
    a: float
    b: float
    difference: float
    ci95: Interval
    p: float | None
    only_a: int
    only_b: int
    difference_by_rule: dict[str, float]
    answers: OtherAnswers
    missing: Sides
    errors: Sides
    moved_kinds: list[str]
    """with p_holm below 0.05"""
    can_move: bool
    """there are enough cases for any kind to be shown to have moved"""
    single_class_kinds: list[str]
    by_kind: dict[str, Difference]
    notes: list[str]


class ComparisonFile(Comparison):
    """What ``compare --out`` writes."""

    schema_version: int
    files: dict[str, str]
    """a, b"""
    runs: dict[str, Provenance]
    """a, b"""
