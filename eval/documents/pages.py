"""The numbers of the pages that ``report`` writes, beside each page as JSON."""

from __future__ import annotations

from typing import Any

from surgvqa.cards.files.documents import Bits, Inspected
from surgvqa.eval.documents.controls import BaselinesFile, Leaks, NecessityFile
from surgvqa.eval.documents.scores import Interval, Scores
from typing_extensions import TypedDict

Stretch = tuple[float, float, str]  # start and end in seconds, and what holds between them


class LiftRow(TypedDict):
    """A row of the lift plot."""

    kind: str
    n: int
    lift: float
    lift_ci95: Interval
    accuracy: float
    blind_majority: float
    chance: float
    single_class: bool


class LiftPlot(TypedDict):
    """The kinds from the highest lift on, and the ends of the plot's scale."""

    lift: list[LiftRow]
    low: float
    high: float


class WrongAnswer(TypedDict):
    """One wrong answer of a confusion."""

    qa_id: str
    clip_id: str
    kind: str
    question: str
    short_answer: str
    prediction: str
    cause: str
    confidence: float | None
    times: int
    """how often this confusion happened"""
    of: int
    """questions of the kind"""


class Timeline(TypedDict):
    """Truth and answers along one case."""

    case_id: str
    kind: str
    n: int
    accuracy: float
    start_s: float
    end_s: float
    truth: list[Stretch]
    said: list[Stretch]
    wrong: list[tuple[float, float]]


class PredictionsPage(LiftPlot):
    """The numbers of the page on a predictions file."""

    page: str
    """the template's name"""
    title: str
    command: str
    data: str | None
    model_index: Any
    """of a model card, as the Hub defines it"""
    trained: bool
    """the training questions are known"""
    score: Scores
    faults: dict[str, int]
    probed: bool
    runs: BaselinesFile | None
    sounds: NecessityFile | None
    timelines: list[Timeline]
    timeline_labels: list[str]
    cases_left: int
    worst: list[WrongAnswer]
    confident: bool
    frames_note: str


class SplitContents(TypedDict):
    """What a split holds."""

    cases: int
    clips: int
    qa: int
    frames: int
    minutes: float


class AnswerCount(TypedDict):
    """An answer and how often it is right."""

    answer: str
    n: int


class KindContents(TypedDict):
    """What a data set asks of one kind."""

    kind: str
    n: int
    by_split: dict[str, int]
    texts: int
    answers: list[AnswerCount]
    answers_left: int
    single_class: bool


class KindGuess(TypedDict):
    """What guessers score on one kind."""

    kind: str
    n: int
    chance: float
    majority: float
    text: float
    single_class: bool


class BlindGuess(TypedDict):
    """What guessers score who never look."""

    split: str
    rule: str
    accuracy: dict[str, float]
    by_kind: list[KindGuess]


class PhaseShare(TypedDict):
    """How much of a data set is one phase."""

    phase: str
    clips: int
    minutes: float
    by_split: dict[str, int]


class CaseContents(TypedDict):
    """One case with its phases along time."""

    case_id: str
    split: str
    clips: int
    qa: int
    start_s: float
    end_s: float
    phases: list[Stretch]


class SampleQuestion(TypedDict):
    """A question of a sample."""

    kind: str
    question: str
    answer: str
    short_answer: str


class Sample(TypedDict):
    """A clip to look at."""

    clip_id: str
    case_id: str
    phase: str | None
    start_s: float
    end_s: float
    split: str
    qa: list[SampleQuestion]


class KindBits(TypedDict):
    """What guessers without pixels leave open of a kind's answers."""

    kind: str
    bits: float
    phased: float | None
    """the same where the phase is told"""


class BuildNotes(TypedDict):
    """What a build left out, and what guessers leave open of what it asks."""

    dropped: int
    examples: list[Any]
    """as the build's report.json has them"""
    notes: list[str]
    bits: Bits | None
    kinds: list[KindBits]
    inspected: Inspected | None


class DatasetPage(TypedDict):
    """The numbers of the page on a data set."""

    page: str
    title: str
    command: str
    splits: dict[str, SplitContents]
    kinds: list[KindContents]
    blind: BlindGuess | None
    phases: list[PhaseShare]
    phase_labels: list[str]
    cases: list[CaseContents]
    cases_left: int
    leaks: Leaks | None
    built: BuildNotes | None
    samples: list[Sample]
    frames: int
    videos: int


class PredictionsPageFile(PredictionsPage):
    """What ``report`` writes beside the page on a predictions file."""

    schema_version: int


class DatasetPageFile(DatasetPage):
    """What ``report`` writes beside the page on a data set."""

    schema_version: int
