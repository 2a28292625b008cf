"""The document of ``score --out``: figures of one set of answers, as a whole, per kind and per case."""

from __future__ import annotations

from typing import NotRequired

from surgvqa.eval.documents.calibration import Calibration
from surgvqa.eval.documents.probes import Probes
from typing_extensions import TypedDict

Interval = list[float] | None  # both ends of the 95 % interval; None from fewer than three cases


class Example(TypedDict):
    """A reply beside its right answer."""

    qa_id: str
    """the question's id"""
    short_answer: str
    """the right answer"""
    prediction: str
    """its first 200 characters"""


class UndecidedReplies(TypedDict):
    """Replies in which the rule finds none of the kind's answers."""

    n: int
    """answers"""
    share: float
    """part of all, 0 to 1"""
    causes: dict[str, int]
    """how often for which cause"""
    examples: list[Example]
    """some of them"""


class Apart(TypedDict):
    """Questions that another measure judges differently than the declared rule."""

    only_there: int
    """right by the other measure only"""
    because: dict[str, int]
    """why the declared rule has them wrong"""
    only_here: int
    """right by the declared rule only"""
    examples: list[Example]
    """some of them"""


class Differences(Apart):
    """Questions that another rule judges differently than the declared one."""

    because_there: dict[str, int]
    """why the other rule has its own wrong"""


class FileVerdicts(Apart):
    """The verdicts that the predictions' file itself holds."""

    n: int
    """answers with its own verdict"""
    right: int
    """how many it counts as right"""
    accuracy: float
    """by its own verdict"""
    differ_by_rule: dict[str, int]
    """how many each of our rules judges differently"""


class Seconds(TypedDict):
    """The seconds of answers, where rows state them."""

    n: int
    """questions"""
    p50: float
    """half of the answers took no longer"""
    p99: float
    """99 of 100 answers took no longer"""


class MadeBy(TypedDict):
    """The origin of the answers, as far as their rows state it."""

    paths: dict[str, int]
    """answers by what gave them"""
    fallbacks: dict[str, int]
    """answers that something else gave than was asked, by the reason"""
    fallback_share: float
    """part of the answers that another path gave, 0 to 1"""
    seconds: Seconds | None
    """how long answers took"""


class Entropy(TypedDict):
    """Shannon entropies in bits."""

    answers: float
    """of the model's answers"""
    truth: float
    """of the right answers"""


class Lists(TypedDict):
    """Names in lists, over all names of a kind."""

    precision: float
    """share of given names that are right"""
    recall: float
    """share of right names that are given"""
    f1: float
    """harmonic mean of precision and recall"""
    given: int
    """names given"""
    true: int
    """names that are right"""


class Distances(TypedDict):
    """The distances of answered places from the right ones."""

    n: int
    """answers"""
    unreadable: int
    """answers that are no place"""
    mean_distance: float | None
    """as a share of the picture's side"""
    median_distance: float | None
    """as a share of the picture's side"""


class KindFigures(TypedDict):
    """The figures of one kind of question."""

    n: int
    """questions"""
    accuracy: float
    """share that is right, 0 to 1"""
    ci95: Interval
    """both ends of its 95 % interval"""
    macro_accuracy: float
    """mean over right answers, each counted the same"""
    accuracy_by_rule: dict[str, float]
    """accuracy by every rule of matching"""
    chance: float
    """accuracy of guessing one of the answers at random"""
    blind_majority: float
    """accuracy of always giving the answer that is most frequent in training"""
    blind_answer: str
    """that answer"""
    blind_from: str
    """train, or scored questions"""
    best_constant: float
    """accuracy of the best single answer, known only afterwards"""
    lift: float
    """accuracy minus blind_majority"""
    lift_ci95: Interval
    """both ends of its 95 % interval"""
    single_class: bool
    """whether it has one answer only"""
    collapsed: bool
    """answers with less than half the truth's entropy"""
    entropy_bits: Entropy
    """how varied the answers are"""
    errors: int
    """lines that say that the model failed"""
    empty: int
    """answers without a word"""
    confusion: dict[str, dict[str, int]]
    """right answer -> answer given -> how often"""
    lists: NotRequired[Lists]
    """names in lists"""
    cells: NotRequired[Distances]
    """answers that are cells"""
    points: NotRequired[Distances]
    """answers that are points"""


class Stray(TypedDict):
    """An answer that names no term of the taxonomy."""

    answer: str
    """its text"""
    n: int
    """how often"""
    nearest: str | None
    """nearest term of the taxonomy"""


class Vocabulary(TypedDict):
    """The numbers of a kind's answers that use the taxonomy's terms."""

    n: int
    """answers"""
    aligned: int
    """answers that are terms"""
    share: float
    """part of all, 0 to 1"""
    outside: list[Stray]
    """answers that aren't"""


class Share(TypedDict):
    """An accuracy and the number of its questions."""

    n: int
    """questions"""
    accuracy: float
    """share that is right, 0 to 1"""


class Headline(TypedDict):
    """The figures over all questions that count."""

    n: int
    """questions"""
    n_headline: int
    """questions of kinds with more than one answer"""
    cases: int
    """recorded operations"""
    rule: str
    """how answers were matched"""
    accuracy: float
    """share that is right, 0 to 1"""
    ci95: Interval
    """both ends of its 95 % interval"""
    macro_accuracy: float
    """mean over right answers, each counted the same"""
    chance: float
    """accuracy of guessing one of the answers at random"""
    blind_majority: float
    """accuracy of always giving the answer that is most frequent in training"""
    best_constant: float
    """accuracy of the best single answer, known only afterwards"""
    lift: float
    """accuracy minus blind_majority"""
    lift_ci95: Interval
    """both ends of its 95 % interval"""


class Scores(Headline):
    """Every figure of a set of answers."""

    made_by: MadeBy
    """what gave the answers, where the file says so"""
    accuracy_by_rule: dict[str, float]
    """accuracy by every rule of matching"""
    accuracy_all_kinds: float
    """with kinds of one answer"""
    blind_majority_all_kinds: float
    """with kinds of one answer"""
    errors: int
    """lines that say that the model failed"""
    empty: int
    """answers without a word"""
    refusals: int
    """answers that decline"""
    echoes: int
    """answers that repeat the question"""
    undecided: UndecidedReplies
    """answers that no rule can read"""
    missing: int
    """questions without an answer"""
    extra: int
    """answers to questions that aren't in the data set"""
    duplicates: int
    """questions answered more than once"""
    single_class_kinds: list[str]
    """kinds with one answer only, which don't count"""
    collapsed_kinds: list[str]
    """kinds whose answers have less than half the truth's entropy"""
    wrong_because: dict[str, int]
    """how often for which cause"""
    as_counted: FileVerdicts | None
    """what the file itself counts as right"""
    rules_differ: dict[str, Differences]
    """by the other rule"""
    by_kind: dict[str, KindFigures]
    """the same for each kind of question"""
    calibration: Calibration | None
    """confidence against correctness"""
    vocabulary: dict[str, Vocabulary] | None
    """by kind"""
    probes: Probes
    """the sanity suite"""
    by_case: dict[str, Share]
    """the same for each case"""
    notes: list[str]
    """what a reader must know"""


class ScoreFile(Scores):
    """The document of ``score --out``: the figures and the file they are of."""

    schema_version: int
    """version of this document"""
    file: str
    """the file that was read"""
    layout: str
    """how the file was understood"""
    read_as: dict[str, str]
    """our column -> the file's"""
