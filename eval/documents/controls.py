"""The documents of ``baselines``, ``necessity`` and ``leaks``."""

from __future__ import annotations

from surgvqa.eval.documents.scores import Interval
from typing_extensions import TypedDict


class KindAccuracy(TypedDict):
    """The accuracy on one kind."""

    n: int
    """questions"""
    accuracy: float
    """share that is right, 0 to 1"""
    ci95: Interval
    """both ends of its 95 % interval"""


class BriefScore(TypedDict):
    """The part of a score that a table of several runs shows."""

    accuracy: float
    """share that is right, 0 to 1"""
    ci95: Interval
    """both ends of its 95 % interval"""
    macro_accuracy: float
    """mean over right answers, each counted the same"""
    errors: int
    """lines that say that the model failed"""
    empty: int
    """answers without a word"""
    missing: int
    """questions without an answer"""
    extra: int
    """answers to questions that aren't in the data set"""
    by_kind: dict[str, KindAccuracy]
    """the same for each kind of question"""


class Worth(TypedDict):
    """The difference of the model over another run."""

    difference: float
    """the model's accuracy minus the other run's"""
    ci95: Interval
    """both ends of its 95 % interval"""


class Baselines(TypedDict):
    """Guessers and control runs on the same questions as the model."""

    n: int
    """questions"""
    n_headline: int
    """questions of kinds with more than one answer"""
    cases: int
    """recorded operations"""
    rule: str
    """how answers were matched"""
    best_blind: str
    """the best guesser that never looks"""
    runs: dict[str, BriefScore]
    """each run by its name"""
    model_minus: dict[str, Worth]
    """the model's accuracy minus each run's"""
    verdicts: list[str]
    """what the differences don't show"""
    not_run: dict[str, str]
    """name -> cause"""


class BaselinesFile(Baselines):
    """The document of ``baselines --out``."""

    schema_version: int
    """version of this document"""


class HeardRun(TypedDict):
    """A run with other sounds, and how far it falls below the right ones."""

    accuracy: float
    """share that is right, 0 to 1"""
    by_kind: dict[str, float]
    """accuracy on each kind"""
    fall: float
    """accuracy with the right sounds minus this"""
    fall_ci95: Interval
    """both ends of its 95 % interval"""


class Necessity(TypedDict):
    """Whether a model needs its questions' sound."""

    n: int
    """questions"""
    rule: str
    """how answers were matched"""
    blind_majority: float
    """accuracy of always giving the answer that is most frequent in training"""
    blind_by_kind: dict[str, float]
    """the guesser's accuracy on each kind"""
    runs: dict[str, HeardRun]
    """each run by its name"""
    failed: list[str]
    """runs that weren't possible"""
    listens: bool
    """whether every other sound makes it worse"""


class NecessityFile(Necessity):
    """The document of ``necessity --out``."""

    schema_version: int
    """version of this document"""


class LeakExample(TypedDict):
    """Two clips that share something."""

    clip_id: str
    """the clip's id"""
    like: str
    """what it is like"""
    amount: float
    """seconds of overlap, bits of difference, or points in common"""


class CheckFinding(TypedDict):
    """The finding of one check."""

    n: int
    """how many"""
    examples: list[str | LeakExample]
    """some of them"""


class SharedByPair(TypedDict):
    """The parts that two splits share."""

    a: str
    """one split"""
    b: str
    """the other"""
    shared_cases: CheckFinding
    """cases in both"""
    overlapping_windows: CheckFinding
    """clips that overlap in time"""
    shared_frames: CheckFinding
    """clips with the same frame"""
    near_duplicates: CheckFinding
    """clips with frames that look alike"""
    turned_frames: CheckFinding
    """clips with frames that look alike once turned, mirrored or without bars"""
    cropped_frames: CheckFinding
    """clips with frames that show a part of the same picture"""


class OneAnswerText(TypedDict):
    """A question text that always has the same answer."""

    question: str
    """its text"""
    answer: str
    """its text"""
    times: int
    """how often"""


class OneAnswerTexts(TypedDict):
    """Question texts that always have the same answer."""

    n: int
    """texts"""
    share: float | None
    """part of all questions, 0 to 1"""
    examples: list[OneAnswerText]
    """some of them"""


class SplitSize(TypedDict):
    """The size of a split that was compared."""

    windows: int
    """clips"""
    cases: int
    """recorded operations"""
    frames_compared: int
    """frames with a picture"""
    blank_frames: int
    """frames without structure, not compared"""
    questions: int
    """questions"""


class Leaks(TypedDict):
    """The leaks between the splits of data sets."""

    ok: bool
    """whether nothing is shared"""
    leaks: dict[str, int]
    """how many of each"""
    pairs: list[SharedByPair]
    """pairs that were compared"""
    one_answer_questions: OneAnswerTexts
    """texts that give the answer away"""
    splits: dict[str, SplitSize]
    """what each split was compared by"""
    columns: dict[str, dict[str, str]]
    """how each file was understood"""
    not_checked: list[str]
    """checks that weren't possible, and why"""


class LeaksFile(Leaks):
    """The document of ``leaks --out``."""

    schema_version: int
    """version of this document"""
