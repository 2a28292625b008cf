"""The document of ``compare --out``: two runs on the same questions."""

from __future__ import annotations

from typing import NotRequired

from surgvqa.eval.documents.runs import Provenance
from surgvqa.eval.documents.scores import Interval
from typing_extensions import TypedDict


class Sides(TypedDict):
    """A count of each run."""

    a: int
    """in run A"""
    b: int
    """in run B"""


class Difference(TypedDict):
    """Both accuracies on some questions, and how far B's is above A's."""

    n: int
    """questions"""
    a: float
    """accuracy of A"""
    b: float
    """accuracy of B"""
    difference: float
    """B's accuracy minus A's"""
    ci95: Interval
    """both ends of its 95 % interval"""
    p: float | None
    """of a sign-flip test over cases"""
    only_a: int
    """questions that only A has right"""
    only_b: int
    """questions that only B has right"""


class KindDifference(Difference):
    """The difference on one kind of question."""

    p_holm: NotRequired[float]
    """after Holm's correction over all kinds"""


class OtherAnswers(TypedDict):
    """Answers in other words, however right."""

    n: int
    """questions that both answered"""
    differ: int
    """answers in other words"""
    verdict_differs: int
    """of these, one right and one wrong"""
    by_kind: dict[str, int]
    """answers in other words, by kind"""


class Comparison(Difference):
    """The difference of B over A: `n` counts all questions, the figures are of the headline's."""

    n_headline: int
    """questions of kinds with more than one answer"""
    cases: int
    """recorded operations"""
    rule: str
    """how answers were matched"""
    difference_by_rule: dict[str, float]
    """B minus A by every rule of matching"""
    answers: OtherAnswers
    """answers in other words"""
    missing: Sides
    """questions without an answer"""
    errors: Sides
    """lines that say that the model failed"""
    moved_kinds: list[str]
    """with p_holm below 0.05"""
    can_move: bool
    """there are enough cases for any kind to be shown to have moved"""
    single_class_kinds: list[str]
    """kinds with one answer only, which don't count"""
    by_kind: dict[str, KindDifference]
    """the same for each kind of question"""
    notes: list[str]
    """what a reader must know"""


class ComparisonFile(Comparison):
    """The document of ``compare --out``."""

    schema_version: int
    """version of this document"""
    files: dict[str, str]
    """a, b"""
    runs: dict[str, Provenance]
    """a, b"""
