"""The documents of ``baselines``, ``necessity`` and ``leaks``."""

from __future__ import annotations

from surgvqa.eval.documents.scores import Interval
from typing_extensions import TypedDict


class KindAccuracy(TypedDict):
    """The accuracy on one kind."""

    n: int
    accuracy: float
    ci95: Interval


class BriefScore(TypedDict):
    """The part of a score that a table of several runs shows."""

    accuracy: float
    ci95: Interval
    macro_accuracy: float
    errors: int
    empty: int
    missing: int
    extra: int
    by_kind: dict[str, KindAccuracy]


class Worth(TypedDict):
    """How far the model stands above another run."""

    difference: float
    ci95: Interval


class Baselines(TypedDict):
    """Guessers and control runs on the same questions as the model."""

    n: int
    n_headline: int
    cases: int
    rule: str
    best_blind: str
    """the best guesser that never looks"""
    runs: dict[str, BriefScore]
    model_minus: dict[str, Worth]
    verdicts: list[str]
    """what the differences don't show"""
    not_run: dict[str, str]
    """name -> cause"""


class BaselinesFile(Baselines):
    """What ``baselines --out`` writes."""

    schema_version: int


class HeardRun(TypedDict):
    """A run with other sounds, and how far it falls below the right ones."""

    accuracy: float
    by_kind: dict[str, float]
    fall: float
    fall_ci95: Interval


class Necessity(TypedDict):
    """Whether a model needs its questions' sound."""

    n: int
    rule: str
    blind_majority: float
    blind_by_kind: dict[str, float]
    runs: dict[str, HeardRun]
    failed: list[str]
    listens: bool


class NecessityFile(Necessity):
    """What ``necessity --out`` writes."""

    schema_version: int


class LeakExample(TypedDict):
    """Two clips that share something."""

    clip_id: str
    like: str
    amount: float


class Shared(TypedDict):
    """What one check finds."""

    n: int
    examples: list[str | LeakExample]


class SharedByPair(TypedDict):
    """What two splits share."""

    a: str
    b: str
    shared_cases: Shared
    overlapping_windows: Shared
    shared_frames: Shared
    near_duplicates: Shared


class OneAnswerText(TypedDict):
    """A question text that always has the same answer."""

    question: str
    answer: str
    times: int


class OneAnswerTexts(TypedDict):
    """Question texts that always have the same answer."""

    n: int
    share: float | None
    examples: list[OneAnswerText]


class SplitSize(TypedDict):
    """What a split was compared by."""

    windows: int
    cases: int
    frames_compared: int
    blank_frames: int
    questions: int


class Leaks(TypedDict):
    """What the splits of data sets share."""

    ok: bool
    leaks: dict[str, int]
    pairs: list[SharedByPair]
    one_answer_questions: OneAnswerTexts
    splits: dict[str, SplitSize]
    columns: dict[str, dict[str, str]]
    not_checked: list[str]


class LeaksFile(Leaks):
    """What ``leaks --out`` writes."""

    schema_version: int
