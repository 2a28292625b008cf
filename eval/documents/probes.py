"""The sanity suite's part of a score; a probe that the questions don't allow is None."""

from __future__ import annotations

from typing_extensions import TypedDict


class Group(TypedDict):
    """Accuracy on a group of kinds."""

    n: int
    accuracy: float


class Invented(TypedDict):
    """Names given as in view that aren't."""

    answers: int
    rate: float | None
    """share of answers that name at least one"""
    names: int
    invented_names: int
    most_invented: dict[str, int]


class AskedAbsent(TypedDict):
    """Answers to questions on things that are as often absent as present."""

    present: int
    absent: int
    yes_if_present: float
    yes_if_absent: float
    no_answer: int


class Flips(TypedDict):
    """Changes of answer between adjacent clips of one case."""

    pairs: int
    unanswered_pairs: int
    minutes: float
    flips_per_minute: float | None
    true_flips_per_minute: float | None
    unchanged_pairs: int
    agree: float | None


class Stability(TypedDict):
    """Answers to the same question in other words."""

    questions: int
    phrasings: int
    one_answer: float
    always_right: float
    sometimes_right: float
    worst_phrasing: float | None
    best_phrasing: float | None


class Probes(TypedDict):
    """All probes."""

    groups: dict[str, Group | None]
    invented: Invented | None
    asked_absent: AskedAbsent | None
    coherence: dict[str, Flips] | None
    """by kind"""
    stability: Stability | None
