"""The rows of every config as types, key by key; `schema.FEATURES` and its like say how Parquet stores them."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Message(TypedDict):
    """A turn of a conversation, in plain text."""

    role: str  # system, user, assistant
    content: str


class Picture(TypedDict):
    """An encoded picture or sound, as `datasets` stores it."""

    bytes: bytes
    path: str | None


class QAColumns(TypedDict):
    """A question, as the configs ``clips`` and ``qa`` have it."""

    qa_id: str
    kind: str
    reasoning: str
    question: str
    answer: str
    short_answer: str
    choices: list[str]
    evidence_s: list[float]
    support_frames: int | None
    total_frames: int | None
    support_ratio: float | None
    label_confidence: float | None
    answerable: bool | None
    visible: bool | None
    stable: bool | None
    unique: bool | None
    bits: float | None
    weight: float | None
    pair_id: str | None
    references: list[str]


class QARow(QAColumns):
    """A row of config ``qa``."""

    clip_id: str
    case_id: str
    source: str
    phase: str | None
    start_s: float
    end_s: float


class ClipRow(TypedDict):
    """A row of config ``clips``."""

    clip_id: str
    case_id: str
    source: str
    procedure: str
    phase: str | None
    start_s: float
    end_s: float
    frame_times_s: list[float]
    images: list[Picture]
    video: str | None
    video_start_s: float | None
    weight: float
    scene: str | None  # JSON
    qa: list[QAColumns]
    messages: list[Message]
    poster: NotRequired[Picture]  # these two with --media reference alone
    address: NotRequired[str]


class CountedRow(TypedDict):
    """The columns of config ``clips`` that a report counts."""

    clip_id: str
    case_id: str
    source: str
    phase: str | None
    start_s: float
    end_s: float
    frame_times_s: list[float]
    images: list[Picture]
    qa: list[QAColumns]


class PointingRow(TypedDict):
    """A row of config ``pointing``; targets in 0-1 of the frame."""

    row_id: str
    case_id: str
    source: str
    procedure: str
    time_s: float
    kind: str
    granularity: str | None
    form: str
    prompt: list[Message]
    completion: list[Message]
    images: list[Picture]
    width: int
    height: int
    space: list[float]
    phase: str | None
    visible: bool
    labels: list[str]
    points: list[list[float]]
    boxes: list[list[float]]
    positions: list[str | None]
    masks: list[str]
    mask_size: list[int]
    noise_floor: float


class Instance(TypedDict):
    """One outlined thing of a picture."""

    id: str
    name: str
    bbox: list[float]
    mask: str
    phrases: list[str]


class SegmentationRow(TypedDict):
    """A row of config ``segmentation``."""

    row_id: str
    case_id: str
    source: str
    procedure: str
    time_s: float
    task: str
    image: Picture
    label_map: Picture
    width: int
    height: int
    classes: list[str]
    present: list[int]
    instances: list[Instance]
    absent: list[str]


class InstructRow(TypedDict):
    """A row of config ``instruct``."""

    id: str
    case_id: str
    time_s: float | None
    image_names: list[str]
    images: list[Picture]
    messages: list[Message]
    sample: str | None
    scene: str | None  # JSON
    weak: bool | None
    teacher: str | None
    verdict: str
    llava: str | None  # JSON


class SpokenRow(QARow):
    """A row of config ``spoken``: the columns of ``qa``, and the question as sound."""

    audio: Picture
    audio_s: float
    voice: str
    words_per_minute: int
    snr_db: float | None
    messages: list[Message]
