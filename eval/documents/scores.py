"""The document of ``score --out``: figures of one set of answers, as a whole, per kind and per case."""

from __future__ import annotations

from typing import NotRequired

from surgvqa.eval.documents.probes import Probes
from typing_extensions import TypedDict

Interval = list[float] | None  # both ends of the 95 % interval; None from fewer than three cases


class Example(TypedDict):
    """A reply beside its right answer."""

    qa_id: str
    short_answer: str
    prediction: str
    """its first 200 characters"""


class Undecided(TypedDict):
    """Replies in which the rule finds none of the kind's answers."""

    n: int
    share: float
    causes: dict[str, int]
    examples: list[Example]


class Apart(TypedDict):
    """Questions that another measure judges differently than the declared rule."""

    only_there: int
    """right by the other measure only"""
    because: dict[str, int]
    """why the declared rule has them wrong"""
    only_here: int
    """right by the declared rule only"""
    examples: list[Example]


class Differences(Apart):
    """Questions that another rule judges differently than the declared one."""

    because_there: dict[str, int]
    """why the other rule has its own wrong"""


class AsCounted(Apart):
    """What the predictions' file itself counts as right."""

    n: int
    right: int
    accuracy: float
    differ_by_rule: dict[str, int]


class Seconds(TypedDict):
    """How long answers took, of those that say so."""

    n: int
    p50: float
    p99: float


class MadeBy(TypedDict):
    """Where the answers came from, as far as their rows say."""

    paths: dict[str, int]
    """answers by what gave them"""
    fallbacks: dict[str, int]
    """answers that something else gave than was asked, by the reason"""
    fallback_share: float
    seconds: Seconds | None


class Entropy(TypedDict):
    """Shannon entropies in bits."""

    answers: float
    truth: float


class Lists(TypedDict):
    """Names in lists, over all names of a kind."""

    precision: float
    recall: float
    f1: float
    given: int
    true: int


class Distances(TypedDict):
    """How far answers that are places lie from the right ones."""

    n: int
    unreadable: int
    mean_distance: float | None
    median_distance: float | None


class KindFigures(TypedDict):
    """The figures of one kind of question."""

    n: int
    accuracy: float
    ci95: Interval
    macro_accuracy: float
    accuracy_by_rule: dict[str, float]
    chance: float
    blind_majority: float
    blind_answer: str
    blind_from: str
    """train, or scored questions"""
    best_constant: float
    lift: float
    """accuracy minus blind_majority"""
    lift_ci95: Interval
    single_class: bool
    collapsed: bool
    """answers with less than half the truth's entropy"""
    entropy_bits: Entropy
    errors: int
    empty: int
    confusion: dict[str, dict[str, int]]
    """right answer -> answer given -> how often"""
    lists: NotRequired[Lists]
    cells: NotRequired[Distances]
    points: NotRequired[Distances]


class Bin(TypedDict):
    """A bin of the reliability plot."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


class Coverage(TypedDict):
    """Accuracy on the surest share of the answers."""

    coverage: float
    accuracy: float


class Calibration(TypedDict):
    """Confidence against correctness."""

    n: int
    without_confidence: int
    mean_confidence: float
    accuracy: float
    overconfidence: float
    ece: float
    ece_equal_size: float
    brier: float
    auroc: float | None
    reliability: list[Bin]
    selective: list[Coverage]


class Stray(TypedDict):
    """An answer that names no term of the taxonomy."""

    answer: str
    n: int
    nearest: str | None


class Vocabulary(TypedDict):
    """How many answers of a kind use the taxonomy's terms."""

    n: int
    aligned: int
    share: float
    outside: list[Stray]


class Share(TypedDict):
    """An accuracy and the number of its questions."""

    n: int
    accuracy: float


class Headline(TypedDict):
    """The figures over all questions that count."""

    n: int
    n_headline: int
    """questions of kinds with more than one answer"""
    cases: int
    rule: str
    accuracy: float
    ci95: Interval
    macro_accuracy: float
    chance: float
    blind_majority: float
    best_constant: float
    lift: float
    lift_ci95: Interval


class Scores(Headline):
    """Every figure of a set of answers."""

    made_by: MadeBy
    accuracy_by_rule: dict[str, float]
    accuracy_all_kinds: float
    blind_majority_all_kinds: float
    errors: int
    empty: int
    refusals: int
    echoes: int
    undecided: Undecided
    missing: int
    extra: int
    duplicates: int
    single_class_kinds: list[str]
    collapsed_kinds: list[str]
    wrong_because: dict[str, int]
    as_counted: AsCounted | None
    rules_differ: dict[str, Differences]
    """by the other rule"""
    by_kind: dict[str, KindFigures]
    calibration: Calibration | None
    vocabulary: dict[str, Vocabulary] | None
    """by kind"""
    probes: Probes
    by_case: dict[str, Share]
    notes: list[str]


class ScoreFile(Scores):
    """What ``score --out`` writes: the figures and the file they are of."""

    schema_version: int
    file: str
    layout: str
    """how the file was understood"""
    read_as: dict[str, str]
    """our column -> the file's"""
