"""The sanity suite's part of a score; a probe that the questions don't allow is None."""

from __future__ import annotations

from typing_extensions import TypedDict


class Group(TypedDict):
    """Accuracy on a group of kinds."""

    n: int
    """questions"""
    accuracy: float
    """share that is right, 0 to 1"""


class InventedNames(TypedDict):
    """Names given as in view that aren't."""

    answers: int
    """answers with names"""
    rate: float | None
    """share of answers that name at least one"""
    names: int
    """names in answers"""
    invented_names: int
    """names of what isn't in view"""
    most_invented: dict[str, int]
    """the most frequent of these"""


class AskedAbsent(TypedDict):
    """Answers to questions on things that are as often absent as present."""

    present: int
    """questions on what is in view"""
    absent: int
    """questions on what isn't"""
    yes_if_present: float
    """share of yes where it is in view"""
    yes_if_absent: float
    """share of yes where it isn't"""
    no_answer: int
    """answers that are neither yes nor no"""


class Flips(TypedDict):
    """Changes of answer between adjacent clips of one case."""

    pairs: int
    """adjacent clips with an answer each"""
    unanswered_pairs: int
    """adjacent clips of which one has no answer"""
    minutes: float
    """minutes between them"""
    flips_per_minute: float | None
    """how often the answer changes"""
    true_flips_per_minute: float | None
    """how often the truth changes"""
    unchanged_pairs: int
    """pairs whose truth is the same"""
    agree: float | None
    """share of these with the same answer"""


class Stability(TypedDict):
    """Answers to the same question in other words."""

    questions: int
    """facts asked in several ways"""
    phrasings: int
    """questions on them"""
    one_answer: float
    """share of facts with one answer only"""
    always_right: float
    """share of facts right in every way"""
    sometimes_right: float
    """share of facts right in some ways"""
    worst_phrasing: float | None
    """accuracy of the worst way to ask"""
    best_phrasing: float | None
    """accuracy of the best way to ask"""


class Probes(TypedDict):
    """All probes."""

    groups: dict[str, Group | None]
    """accuracy on groups of kinds"""
    invented: InventedNames | None
    """names of what isn't in view"""
    asked_absent: AskedAbsent | None
    """questions on things as often absent as present"""
    coherence: dict[str, Flips] | None
    """by kind"""
    stability: Stability | None
    """the same fact asked in other words"""
