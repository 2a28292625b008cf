"""The numbers of the pages that ``report`` writes, beside each page as JSON."""

from __future__ import annotations

from typing import Any

from surgvqa.cards.files.documents import Bits, Inspection
from surgvqa.eval.documents.controls import BaselinesFile, Leaks, NecessityFile
from surgvqa.eval.documents.scores import Interval, Scores
from typing_extensions import TypedDict

Stretch = tuple[float, float, str]  # start and end in seconds, and what holds between them


class LiftRow(TypedDict):
    """A row of the lift plot."""

    kind: str
    """kind of question"""
    n: int
    """questions"""
    lift: float
    """accuracy minus blind_majority"""
    lift_ci95: Interval
    """both ends of its 95 % interval"""
    accuracy: float
    """share that is right, 0 to 1"""
    blind_majority: float
    """accuracy of always giving the answer that is most frequent in training"""
    chance: float
    """accuracy of guessing one of the answers at random"""
    single_class: bool
    """whether it has one answer only"""


class LiftPlot(TypedDict):
    """The kinds from the highest lift on, and the ends of the plot's scale."""

    lift: list[LiftRow]
    """a row a kind"""
    low: float
    """left end of the scale"""
    high: float
    """right end of the scale"""


class WrongAnswer(TypedDict):
    """One wrong answer of a confusion."""

    qa_id: str
    """the question's id"""
    clip_id: str
    """the clip's id"""
    kind: str
    """kind of question"""
    question: str
    """its text"""
    short_answer: str
    """the right answer"""
    prediction: str
    """the model's answer"""
    cause: str
    """why it is wrong"""
    confidence: float | None
    """how sure the model is, 0 to 1"""
    times: int
    """how often this confusion happened"""
    of: int
    """questions of the kind"""


class Timeline(TypedDict):
    """Truth and answers along one case."""

    case_id: str
    """the case's id"""
    kind: str
    """kind of question"""
    n: int
    """questions"""
    accuracy: float
    """share that is right, 0 to 1"""
    start_s: float
    """where it starts, seconds"""
    end_s: float
    """where it ends, seconds"""
    truth: list[Stretch]
    """what holds"""
    said: list[Stretch]
    """what the model says"""
    wrong: list[tuple[float, float]]
    """seconds where both differ"""


class PredictionsPage(LiftPlot):
    """The numbers of the page on a predictions file."""

    page: str
    """the template's name"""
    title: str
    """heading of the page"""
    about: list[str]
    """model, data set, date and versions, as the page's head words them"""
    command: str
    """the command that makes the page again"""
    data: str | None
    """the data set's folder or name"""
    model_index: Any
    """of a model card, as the Hub defines it"""
    trained: bool
    """the training questions are known"""
    score: Scores
    """every figure"""
    faults: dict[str, int]
    """faults of the file, and how many"""
    probed: bool
    """whether probes were asked"""
    runs: BaselinesFile | None
    """guessers and control runs"""
    sounds: NecessityFile | None
    """runs with other sounds"""
    timelines: list[Timeline]
    """cases along time"""
    timeline_labels: list[str]
    """what the timelines' colours mean"""
    cases_left: int
    """cases that aren't shown"""
    worst: list[WrongAnswer]
    """wrong answers to look at"""
    confident: bool
    """whether answers have a confidence"""
    frames_note: str
    """why there are no frames, if there are none"""


class SplitContents(TypedDict):
    """The contents of a split."""

    cases: int
    """recorded operations"""
    clips: int
    """clips"""
    qa: int
    """questions"""
    frames: int
    """pictures"""
    minutes: float
    """minutes of video"""


class AnswerCount(TypedDict):
    """An answer and how often it is right."""

    answer: str
    """its text"""
    n: int
    """how often"""


class KindContents(TypedDict):
    """The questions of one kind in a data set."""

    kind: str
    """kind of question"""
    n: int
    """questions"""
    by_split: dict[str, int]
    """the same for each split"""
    texts: int
    """different question texts"""
    answers: list[AnswerCount]
    """the most frequent ones"""
    answers_left: int
    """answers that aren't listed"""
    single_class: bool
    """whether it has one answer only"""


class KindGuess(TypedDict):
    """The scores of guessers on one kind."""

    kind: str
    """kind of question"""
    n: int
    """questions"""
    chance: float
    """accuracy of guessing one of the answers at random"""
    majority: float
    """accuracy of the most frequent answer"""
    text: float
    """accuracy of a guesser that reads the question"""
    single_class: bool
    """whether it has one answer only"""


class BlindGuess(TypedDict):
    """The scores of guessers that never look."""

    split: str
    """split of the data set"""
    rule: str
    """how answers were matched"""
    accuracy: dict[str, float]
    """of each guesser"""
    by_kind: list[KindGuess]
    """the same for each kind of question"""


class PhaseShare(TypedDict):
    """The share of one phase in a data set."""

    phase: str
    """name of the phase"""
    clips: int
    """clips"""
    minutes: float
    """minutes of video"""
    by_split: dict[str, int]
    """the same for each split"""


class CaseContents(TypedDict):
    """One case with its phases along time."""

    case_id: str
    """the case's id"""
    split: str
    """split of the data set"""
    clips: int
    """clips"""
    qa: int
    """questions"""
    start_s: float
    """where it starts, seconds"""
    end_s: float
    """where it ends, seconds"""
    phases: list[Stretch]
    """phases along time"""


class SampleQuestion(TypedDict):
    """A question of a sample."""

    kind: str
    """kind of question"""
    question: str
    """its text"""
    answer: str
    """the sentence that is taught"""
    short_answer: str
    """the right answer"""


class Sample(TypedDict):
    """A clip to look at."""

    clip_id: str
    """the clip's id"""
    case_id: str
    """the case's id"""
    phase: str | None
    """name of the phase"""
    start_s: float
    """where it starts, seconds"""
    end_s: float
    """where it ends, seconds"""
    split: str
    """split of the data set"""
    qa: list[SampleQuestion]
    """questions"""


class KindBits(TypedDict):
    """The bits that guessers without pixels leave open of a kind's answers."""

    kind: str
    """kind of question"""
    bits: float
    """of an answer"""
    phased: float | None
    """the same where the phase is told"""


class BuildNotes(TypedDict):
    """The omissions of a build, and the bits that guessers leave open."""

    dropped: int
    """items left out"""
    examples: list[Any]
    """as the build's report.json has them"""
    notes: list[str]
    """what a reader must know"""
    bits: Bits | None
    """over the whole data set"""
    kinds: list[KindBits]
    """bits of each kind"""
    inspected: Inspection | None
    """what persons found in a sample"""


class DatasetPage(TypedDict):
    """The numbers of the page on a data set."""

    page: str
    """name of the page's template"""
    title: str
    """heading of the page"""
    command: str
    """the command that makes the page again"""
    splits: dict[str, SplitContents]
    """every split"""
    kinds: list[KindContents]
    """every kind of question"""
    blind: BlindGuess | None
    """what guessers score"""
    phases: list[PhaseShare]
    """how much each phase takes"""
    phase_labels: list[str]
    """what the timelines' colours mean"""
    cases: list[CaseContents]
    """the first cases, with their phases"""
    cases_left: int
    """cases that aren't shown"""
    leaks: Leaks | None
    """what splits share"""
    built: BuildNotes | None
    """what the build noted"""
    samples: list[Sample]
    """clips to look at"""
    frames: int
    """frames"""
    videos: int
    """videos"""


class PredictionsPageFile(PredictionsPage):
    """The document beside ``report``'s page on a predictions file."""

    schema_version: int
    """version of this document"""


class DatasetPageFile(DatasetPage):
    """The document beside ``report``'s page on a data set."""

    schema_version: int
    """version of this document"""
