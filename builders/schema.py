"""The types that cross every boundary; the one ``FEATURES`` of the data sets we write comes from ``features.py``.

Said once, here: boxes are ``[x1, y1, x2, y2]`` in pixels of the scene's ``width x height``, origin top
left; times are seconds from the start of the source (clips also carry integer milliseconds, so that
no two of them are ever compared as floats).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from surgvqa.builders.features import FEATURES as FEATURES
    from surgvqa.builders.features import QA_COLUMNS as QA_COLUMNS
    from surgvqa.builders.features import QA_FEATURES as QA_FEATURES
    from surgvqa.builders.features import REFERENCE_FEATURES as REFERENCE_FEATURES
    from surgvqa.builders.features import STRING as STRING


Role = Literal["anatomy", "instrument"]
Granularity = Literal["mask", "box", "point", "cell", "quadrant", "presence"]
Idle = Literal["stated", "until_last", "throughout"]
Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Phase:
    """A labelled stretch of a case."""

    label: str  # canonical, from the procedure's taxonomy
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing annotated in a scene: an instrument or a piece of anatomy. Instances stay apart."""

    id: str  # unique in its scene, "pupil", "spatula", "spatula#2"
    name: str  # canonical, from the procedure's taxonomy
    type: Role
    granularity: Granularity  # how finely the source says where it is; nothing pretends to be finer
    bbox: Box | None = None
    centroid: Point | None = None
    area: float | None = None  # pixels^2 of the mask, or of the box where there is no mask
    grid: str | None = None  # 3x3 cell of the centroid, "top-left" … "center" … "bottom-right"
    rle: str | None = None  # the mask as COCO compressed RLE counts (ASCII), column-major height x width
    rank: int | None = None  # 1 for the primary instrument, 2 for the secondary, where the source says
    confidence: float | None = None  # of a machine-made label; None where a person made it
    track: str | None = None  # the same thing at another moment of the case, where the source tracks it
    crowd: bool | None = None  # the outline is a region of several things that nobody drew apart
    shaft_rle: str | None = None  # parts of a robotic instrument, run lengths as `rle`'s, where annotated
    wrist_rle: str | None = None
    clasper_rle: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """``src`` stands in relation ``rel`` to ``dst`` (both ids of entities of the scene)."""

    src: str
    rel: str  # left-of, right-of, above, below, inside, surrounds, overlaps, near
    dst: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action triplet: instrument, verb and target, as the source gives them."""

    instrument: str  # canonical, from the procedure's taxonomy
    verb: str | None  # None: it does nothing
    target: str | None  # None: to nothing


@dataclass(frozen=True, slots=True)
class Rating:
    """The votes of several raters on a criterion at one moment."""

    time_s: float
    criterion: str  # a sentence that holds or doesn't: "the hepatocystic triangle is cleared of fat"
    yes_votes: int  # raters who hold it to be met
    raters: int


@dataclass(frozen=True, slots=True)
class Scene:
    """The annotations of one moment: a scene graph. Directions follow the frame's own axes."""

    time_s: float
    width: int  # of the annotated frame, pixels
    height: int
    nodes: tuple[Entity, ...] = ()
    edges: tuple[Relation, ...] = ()
    entered: tuple[str, ...] = ()  # names of instruments, against the previous scene of the case
    exited: tuple[str, ...] = ()
    persisting: tuple[str, ...] = ()
    anatomy_entered: tuple[str, ...] = ()  # the same for structures
    anatomy_exited: tuple[str, ...] = ()
    anatomy_persisting: tuple[str, ...] = ()
    events: tuple[str, ...] = ()  # "phase: incision -> viscoelastic", "entered: spatula", a source's own
    first: bool = False  # no earlier scene in this case: entered/exited are unknown, not empty
    previous_s: float | None = None  # when the previous scene of the case was
    confidence: float | None = None  # of a machine-made scene, its least sure thing's; None: a person made it
    actions: tuple[Action, ...] | None = None  # None where nobody annotated what is done; empty: nothing is
    unsaid_rle: str | None = None  # pixels of which nobody says what they show, run lengths as `rle`'s


@dataclass(frozen=True, slots=True)
class QA:
    """One question on a clip. ``choices`` is empty for an open question."""

    qa_id: str  # "{clip_id}#{kind}" or with a suffix; unique in the data set
    kind: str
    reasoning: str  # recognition, spatial, temporal, verification, …
    question: str
    answer: str  # a sentence, what training teaches
    short_answer: str  # what is scored
    choices: tuple[str, ...] = ()
    evidence_s: tuple[float, ...] = ()  # the annotated moments that the answer rests on, seconds of the case
    support_frames: int | None = None  # of total_frames, how many bear the answer out, where the source says
    total_frames: int | None = None
    support_ratio: float | None = None  # as the source states it, also where it isn't support / total
    # Of the least sure machine-made moment it rests on, None where persons made all; a prediction has its own.
    label_confidence: float | None = None
    # The certificate: evidence in the frames, large enough to see, the same under noise, one right answer.
    # None where nobody judged it: the source's own questions, and those asked without choosing.
    answerable: bool | None = None
    visible: bool | None = None
    stable: bool | None = None
    unique: bool | None = None
    bits: float | None = None  # of the answer, what the best guesser without pixels leaves open
    weight: float = 1.0  # in training: evens the answers of a kind out; the mean of a kind is 1
    pair_id: str | None = None  # shared by questions that ask for one fact in other words
    references: tuple[str, ...] = ()  # right answers as the source writes them, where it writes several


@dataclass(frozen=True, slots=True)
class Clip:
    """A window of one case; half-open, ``[start_ms, end_ms)``."""

    case_id: str
    start_ms: int
    end_ms: int
    phase: str | None  # canonical; "idle" between phases; None where the source has no phases
    scene: Scene | None = None
    qa: tuple[QA, ...] = ()
    frames_s: tuple[float, ...] = ()  # the very frames that the source asks about; empty: evenly spread
    split: str | None = (
        None  # where the source divides a case: its part of the clips, while the case is in train
    )

    @property
    def clip_id(self) -> str:
        """The clip's name everywhere, ``{case_id}@{start_ms}-{end_ms}``."""
        return f"{self.case_id}@{self.start_ms}-{self.end_ms}"


@dataclass(frozen=True, slots=True)
class Frame:
    """A still picture of a case on disk and the second it was taken at."""

    time_s: float
    path: Path


@dataclass(frozen=True, slots=True)
class Transform:
    """The map from the annotated frame to a picture's pixels: ``x' = x * scale_x + offset_x``, same for y."""

    scale_x: float
    scale_y: float
    offset_x: float = 0.0
    offset_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded operation, the unit of splitting. What a source yields."""

    case_id: str
    source: str
    procedure: str  # the taxonomy's name
    phases: tuple[Phase, ...] = ()
    scenes: tuple[Scene, ...] = ()  # nodes only; builders/cases/scene.py draws the edges
    video: Path | None = None
    frames: tuple[Frame, ...] = ()  # stills, where the source ships no video
    duration_s: float | None = None
    seconds_stated: bool = (
        False  # its source says that times are seconds: nobody asks whether they are minutes
    )
    video_offset_s: float = 0.0  # second of the video at which the annotations' second 0 lies
    transform: Transform | None = None  # annotated frame -> media pixels, where it isn't a scaled copy
    squeezed: bool = False  # media that are square are the whole frame, squeezed
    crop: tuple[int, int, int, int] | None = None  # x, y, width, height of the stills that is kept
    clips: tuple[Clip, ...] = ()  # windows and QA that the source ships itself
    split: str | None = None  # the source's official split of this case, where it has one
    split_list: str | None = (
        None  # the list of the source that says so, where it has several, and what lacks of it
    )
    files: tuple[Path, ...] = ()  # every file this case was read from; hashed into the manifest
    covered_regions: tuple[
        tuple[int, int, int, int], ...
    ] = ()  # x1, y1, x2, y2 of its pictures that are painted black
    taxonomy: Path | None = None  # the procedure's own file, where it isn't one of those that ship
    # Where no phase is labelled the operation is idle only where the source says so, else nothing is known there:
    # "stated": in `idle_s`; "until_last": before the first and between two phases, too; "throughout": after the last, too.
    idle: Idle = "stated"
    idle_s: tuple[tuple[float, float], ...] = ()  # seconds that the source labels as without a phase
    unknown: tuple[
        tuple[float, float], ...
    ] = ()  # seconds of rows that could not be read: any phase, or none
    steps: tuple[Phase, ...] = ()  # finer than the phases, where the source has both
    ratings: tuple[Rating, ...] = ()  # in order of time
    end_boxes: bool = False  # boxes of instruments hold their working ends alone, without the shafts
    notes: tuple[
        str, ...
    ] = ()  # what its reader and its recording ask to be known of it; no name of it in them


@dataclass(frozen=True, slots=True)
class Omission:
    """Something a reader left out, and why; listed in the manifest and counted in the report.

    A ``fault`` is bad input: it stops the build unless ``--on-error quarantine``. The rest is left out
    by design (a byte-equal copy, a near-duplicate first image).
    """

    item: str
    cause: str
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """The survey of a case before any heavy work."""

    case: Case
    clips: tuple[Clip, ...]
    omissions: tuple[Omission, ...]
    digests: dict[str, str]  # sha256 of every file, by path below the root


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a source that a card must state."""

    name: str
    homepage: str
    licence: str
    access: str  # how one gets it
    citation: str  # BibTeX
    procedure: str
    several_outlines: str = "of a class in a picture are several things"  # or one, with the measured reason


def __getattr__(name: str) -> Any:
    """Return a table's columns: importing ``datasets`` takes a second that most verbs don't need."""
    if name in ("FEATURES", "QA_COLUMNS", "QA_FEATURES", "REFERENCE_FEATURES", "STRING"):
        from surgvqa.builders import features

        return getattr(features, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
