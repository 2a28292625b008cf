"""The documents of a data set folder as types: ``manifest.json`` and ``report.json``, key by key.

They are dictionaries, because both files are read back and written again as they are; keys that a folder has only
in some cases are ``NotRequired``. ``typing_extensions`` because pydantic, which makes JSON Schemas of these types,
reads no ``typing.TypedDict`` before Python 3.12.
"""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

SPLIT_NOTE = "split: "  # begins the note of a report that says by whom cases were split
SCHEMA = 1  # of both files; a reader refuses a higher number


class Shard(TypedDict):
    """A file of the data set."""

    sha256: str
    """SHA-256 of its bytes, in hexadecimal"""
    bytes: int
    """its size"""


class PlacedShard(TypedDict):
    """A file of a case's shard with its place."""

    sha256: str
    """SHA-256 of its bytes, in hexadecimal"""
    bytes: int
    """its size"""
    path: NotRequired[str]
    """below the folder, "/" between parts; not there before the build is finished"""
    part: NotRequired[int]
    """its number in a file of several cases, from 0; hash and size are then those of the part"""


class CaseShard(TypedDict):
    """The files of one case, or of one split of it."""

    files: dict[str, PlacedShard]
    """by config ("clips", "qa", …), and cut clips by "videos/NAME" """
    dropped: list[list[str]]
    """[item, cause] of what was left out once its pixels were seen"""


class Source(TypedDict):
    """``builders.schema.Facts`` as JSON: what a card must say about where the cases come from."""

    name: str
    """of the source's data set"""
    homepage: str
    """URL"""
    licence: str
    """as its authors word it"""
    access: str
    """how one gets the data"""
    citation: str
    """BibTeX"""
    procedure: str
    """name of the taxonomy"""
    several_outlines: NotRequired[str]
    """what several outlines of a class in one picture are, with the reason"""


class LeftOut(TypedDict):
    """One thing that is not in the data set."""

    item: str
    """a file, a case, a clip"""
    cause: str
    """the reason"""
    fault: NotRequired[bool]
    """whether the input was wrong, and left out by --on-error quarantine"""


class SplitCounts(TypedDict):
    """The size of a split."""

    cases: int
    """recorded operations"""
    clips: NotRequired[int]
    """rows of config ``clips``"""
    qa: NotRequired[int]
    """questions"""
    frames: NotRequired[int]
    """pictures, of instruction data"""
    samples: NotRequired[int]
    """conversations, of instruction data"""


class FrameAudit(TypedDict):
    """The verdict of a person on a random sample of frames."""

    frames: int
    """frames looked at"""
    hits: int
    """frames that showed what they must not"""


class SpokenFacts(TypedDict):
    """The voices of the questions of config ``spoken``."""

    voices: list[str]
    """of training"""
    test_voices: list[str]
    """of validation and test"""
    answers: str
    """"short" or "full" """
    rates: list[int]
    """words per minute"""
    snr_db: list[float]
    """signal-to-noise ratios of added noise, in dB"""
    command: str | None
    """another speech synthesiser's command"""
    seed: int
    """of voices, paces and noise"""
    rows: dict[str, int]
    """rows by split"""


class Manifest(TypedDict):
    """The files of a data set folder, its sources, and the command that made it."""

    schema: NotRequired[int]
    """version of this document; a folder without it has version 1"""
    surgvqa: str
    """version of the package that wrote it"""
    versions: dict[str, str]
    """of Python and of the libraries that the bytes depend on"""
    code: NotRequired[str]
    """SHA-256 over the code and the libraries that a shard's bytes follow from"""
    source: Source
    """where the cases come from"""
    parameters: dict[str, Any]
    """options that decide the data set, by name, without places: {"source": "synthetic", "clip_seconds": 5, …}"""
    commands: NotRequired[list[list[str]]]
    """the commands that made it, in words, with placeholders for places"""
    splits: NotRequired[dict[str, str]]
    """split by case; "train+test" where a source divides a case"""
    counts: NotRequired[dict[str, SplitCounts]]
    """sizes by split"""
    files: dict[str, Shard]
    """by path below the folder, "/" between parts"""
    shards: NotRequired[dict[str, CaseShard]]
    """by the SHA-256 of everything that a shard follows from"""
    source_files: dict[str, str]
    """SHA-256 of every file read, by path below --root"""
    dropped: list[LeftOut]
    """what was left out"""
    derived: NotRequired[dict[str, str]]
    """SHA-256 of report.json and README.md"""
    privacy: NotRequired[FrameAudit]
    """the frame audit, where there was one"""
    spoken: NotRequired[SpokenFacts]
    """config ``spoken``, where there is one"""
    repo: NotRequired[str]
    """repository on the Hub, ORG/NAME, that the card was written for"""
    sha256: NotRequired[str]
    """SHA-256 of this document's own text without this line"""


class KindFigures(TypedDict):
    """The size of a kind of question and what guessers without pixels score on it."""

    n: int
    """questions in all splits"""
    n_blind: int
    """questions that the guessers are asked"""
    majority_answer: str | None
    """training's most frequent answer"""
    blind_majority: float | None
    """share right of a guesser that gives that answer, or the most frequent of a question's choices"""
    blind_by_text: float | None
    """share right of a guesser that gives the most frequent answer to the question's very words"""
    single_class: bool
    """whether there is one answer only"""
    single_answer_texts: int
    """texts of training that are asked more than once and always have the same answer"""
    answers: dict[str, int]
    """how often each answer is right, the most frequent first"""
    chance: NotRequired[float | None]
    """share right of a guesser that draws among the choices"""
    blind_best: NotRequired[float | None]
    """share right of the better of two guessers: most frequent answer, classifier of question and choices"""
    bits: NotRequired[float | None]
    """what the better of them leaves open of an answer"""
    blind_with_phase: NotRequired[float | None]
    """share right of the classifier that is told the phase, too"""
    bits_with_phase: NotRequired[float | None]
    """what that one leaves open of an answer"""


class Bits(TypedDict, total=False):
    """The bits that guessers without pixels leave open of the held-out split; empty where nothing is held out."""

    total: float
    """bits of all questions"""
    per_clip: float
    """bits of a clip's questions"""
    per_question: float
    """bits of a question"""
    per_clip_with_phase: float
    """bits of a clip's questions where the phase is told"""


class Verdicts(TypedDict):
    """The verdicts of a person on the questions of a kind."""

    right: int
    """the answer is right"""
    wrong: int
    """it is wrong"""
    unclear: int
    """the frames don't show it, or the question can be read in several ways"""


class Inspection(TypedDict):
    """The verdicts of a person who looked at questions with their frames."""

    right: int
    """the answer is right"""
    wrong: int
    """it is wrong"""
    unclear: int
    """nobody can tell from the frames"""
    n: int
    """questions judged"""
    error_rate: float
    """share that is wrong or unclear"""
    ci95: list[float]
    """Wilson's 95 % interval of that share"""
    by_kind: dict[str, Verdicts]
    """verdicts by kind of question"""


class LeakCounts(TypedDict):
    """The numbers of windows of the later split that show something of the earlier."""

    shared_cases: int
    """cases that both splits have"""
    overlapping_windows: int
    """windows that share a millisecond of a recording"""
    shared_frames: int
    """windows with the very same frame"""
    near_duplicates: int
    """windows with a frame that looks like one of the other split"""


class Leaks(TypedDict):
    """The leaks between splits, in total and by pair."""

    shared_cases: int
    """cases that two splits have"""
    overlapping_windows: int
    """windows that share a millisecond of a recording with an earlier split"""
    shared_frames: int
    """windows with the very same frame"""
    near_duplicates: int
    """windows with a frame that looks like one of an earlier split"""
    frames_compared: int
    """frames that had a picture to compare"""
    pairs: dict[str, LeakCounts]
    """by "train/test" """
    examples: list[str]
    """up to ten of each kind and pair, in words"""


class Report(TypedDict):
    """The counts of a data set, the scores of guessers without pixels, and the leaks between its splits."""

    schema: NotRequired[int]
    """version of this document; a report without it has version 1"""
    splits: dict[str, SplitCounts]
    """sizes by split"""
    kinds: dict[str, KindFigures]
    """figures by kind of question"""
    blind_on: str | None
    """the split that guessers are asked: test, without one validation, without that train"""
    bits: Bits
    """what guessers leave open of that split"""
    left_out: dict[str, dict[str, int]]
    """questions not asked, by kind and cause"""
    inspected: NotRequired[Inspection]
    """what a person found of a sample; absent until ``surgvqa-build inspect --result``"""
    leaks: Leaks
    """what splits show of each other"""
    dropped: list[LeftOut]
    """what was left out"""
    notes: list[str]
    """what readers and recordings ask to be known"""
    warnings: list[str]
    """kinds that measure little, and leaks"""


class InstructReport(TypedDict):
    """The counts of instruction data, and the share that a verifier refused."""

    schema: NotRequired[int]
    """version of this document; a report without it has version 1"""
    splits: dict[str, SplitCounts]
    """sizes by split"""
    teacher: str
    """the model that wrote the conversations, or the format of an imported file"""
    samples: dict[str, dict[str, int]]
    """turns accepted and refused, by kind of sample"""
    accepted_share: float | None
    """turns accepted, of all; null of imported files, which nobody judges"""
    reasons: dict[str, int]
    """refused turns by reason, the most frequent first"""
    weak: int
    """samples from labels that were not made by hand at that very moment"""
    lost: NotRequired[dict[str, int]]
    """samples of an imported file whose form could not be kept whole, by what is lost"""
