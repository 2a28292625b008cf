"""The JSON that the app's page gets, as types."""

from __future__ import annotations

from typing import TypedDict


class NameInWords(TypedDict):
    """A name for the program, and its words for people."""

    name: str
    words: str


class Figures(TypedDict):
    """One line of the table by kind, each figure as text."""

    kind: str
    questions: str
    right: str
    majority: str
    best: str
    """of the guessers who never look; – where the file doesn't say"""
    note: str
    """what makes the line worthless, or nothing"""


class Start(TypedDict):
    """The data sets and answerers of the app."""

    data: list[str]
    answerers: list[str]
    """models, which are asked, and files of answers, which are read"""
    files: list[str]
    """those of the answerers that are files"""
    recogniser: bool


class DataFacts(TypedDict):
    """A data set: what it can be searched by."""

    splits: list[str]
    split: str
    cases: list[str]
    kinds: list[NameInWords]
    figures: list[Figures]
    title: str
    """of the figures"""
    first: str
    """the clip to begin with: the first whose scene says where things are, or nothing"""


class Tally(TypedDict):
    """The numbers of a clip's questions that an answerer got right and wrong so far."""

    right: int
    wrong: int


class PhasePart(TypedDict):
    """A phase of a clip, and the second of the case from which it holds there."""

    label: str
    from_s: float


class ClipLine(TypedDict):
    """A clip in the strip."""

    clip: str
    case: str
    start_s: float
    end_s: float
    phases: list[PhasePart]
    pictures: bool
    """whether there is a frame to show"""
    a: Tally
    b: Tally


class FoundClips(TypedDict):
    """A part of the clips that were searched for."""

    total: int
    first: int
    """the place of the first one here among all that were found"""
    at: int
    """the place of the clip that was named, or -1"""
    clips: list[ClipLine]
    reason: str
    """why nothing was found, or nothing"""


class Stretch(TypedDict):
    """A stretch of a track, or a moment where both ends are the same."""

    start_s: float
    end_s: float
    label: str
    clip: str
    """the clip that a click leads to"""


class Track(TypedDict):
    """One line of the time line."""

    name: str
    kind: str
    """phases, tool or events"""
    stretches: list[Stretch]


class TimeLine(TypedDict):
    """Everything that is known of a case over its time."""

    case: str
    end_s: float
    tracks: list[Track]


class Place(TypedDict):
    """The clip at a moment."""

    clip: str


class Shape(TypedDict):
    """A box or a point over the picture, as shares of its sides."""

    box: list[float]
    label: str
    role: str


class AnnotatedFrame(TypedDict):
    """The annotations of a moment, and the frame nearest to it."""

    index: int
    time_s: float
    marks: list[Shape]
    present: list[str]
    """what is there, nobody says where"""
    own: bool
    """whether the clip's own questions are about this moment"""


class QuestionLine(TypedDict):
    """One question of a clip."""

    question: str
    kind: str
    words: str
    """the kind in words"""
    evidence_s: list[float]
    """seconds of the case at which the answer can be seen"""
    a: bool | None
    """whether the first answerer is right; None where it hasn't answered"""
    b: bool | None


class ClipPage(TypedDict):
    """Everything about one clip but its pixels."""

    clip: str
    case: str
    split: str
    start_s: float
    end_s: float
    phases: list[PhasePart]
    pictures: bool
    width: int
    height: int
    times: list[float]
    """seconds of the case, one for each frame of the film; without pictures those of the annotations"""
    pace_s: float
    annotated: list[AnnotatedFrame]
    questions: list[QuestionLine]


class Card(TypedDict):
    """One answer."""

    text: str
    seconds: float | None
    confidence: float | None
    error: str | None
    right: bool | None
    marks: list[Shape]


class KnownAnswers(TypedDict):
    """The known answers to a question before any model is asked."""

    truth: str | None
    """None of a question of one's own"""
    blind: str | None
    blind_note: str | None
    """Why the guess is too good: it learned from the answers that are shown"""
    a: Card | None
    b: Card | None


class Transcript(TypedDict):
    """A recording in words."""

    text: str
    note: str
