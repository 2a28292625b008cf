"""The description of a data set: its YAML file, checked, as classes with the same names.

Every key is a field below; an unknown one is refused with the nearest known. ``docs/data.md`` explains them,
``builders/sources/cholec80.yaml`` is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Tag
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.files import user_yaml
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.files.user_yaml import StrictModel
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import Facts
from surgvqa.cards.command import InputError

T = TypeVar("T")


def _many(value: Any) -> Any:
    """Return one text or mapping as a list of it."""
    return [value] if isinstance(value, str | Mapping) else value


def _by_number(value: Any) -> Any:
    """Return a list as a mapping from each entry's number, from 0."""
    return {str(number): one for number, one in enumerate(value)} if isinstance(value, list) else value


def _rate(value: Any) -> Any:
    """Return the name of a rate as it is, a number as a number."""
    try:
        return value if value in ("video", "cases") else float(value)
    except (TypeError, ValueError):
        raise ValueError("expected a number, video or cases") from None


def _protocol_tag(value: Any) -> str:
    """Return whether a split is told elsewhere, or says its cases."""
    return "said" if isinstance(value, str) else "cases"


def _texts(value: Any) -> Any:
    """Return one text as a list of it."""
    return [value] if isinstance(value, str) else value


def _by_protocol(value: Any) -> Any:
    """Return splits that stand without a protocol's name as those of `official`."""
    return (
        {"official": value} if isinstance(value, Mapping) and value and set(value) <= set(SPLITS) else value
    )


Many = Annotated[tuple[T, ...], BeforeValidator(_many)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Ids = Annotated[Mapping[str, str], BeforeValidator(_by_number)]  # what a file says -> a label of the taxonomy
Line = Annotated[str, BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)]
Split = Literal["train", "validation", "test"]
Protocol = Annotated[
    Annotated[Literal["said"], Tag("said")] | Annotated[Mapping[Split, str | tuple[str, ...]], Tag("cases")],
    Discriminator(_protocol_tag),
]


class Clock(StrictModel):
    """The clock of a file; seconds are ``(value - first) / fps``."""

    column: str | None = None  # of a moment, or of a start; None: the row's place in the file
    end: str | None = None  # of an end
    unit: Literal["s", "ms", "frames"] = "frames"
    fps: Annotated[float | Literal["video", "cases"], BeforeValidator(_rate)] = (
        "cases"  # the recording's own rate, or the table of cases'
    )
    first: float = 0  # the first frame's number


class Names(StrictModel):
    """A table of ids and what they mean."""

    files: Patterns
    id: str  # column
    label: str  # column


class Table(StrictModel):
    """A kind of files with rows, and what a row says."""

    files: Patterns
    time: Clock = Clock()
    rows: str | None = None  # of JSON: the dotted way to the list of rows
    header: Patterns = ()  # of files whose first line is data; `...` at its end: further columns aren't read
    case: str | None = None  # column; None: the file's name says it
    split: str | None = None  # column
    label: str | None = None  # column
    ids: Ids = Field(default_factory=dict)
    names: Names | None = None  # a file that says what ids mean; `ids` correct it
    leave_out: Ids = Field(default_factory=dict)  # label or id -> why rows with it aren't read
    holds: Literal["row", "start", "interval"] = "row"  # until the next row, the next start, its own end
    columns: Ids = Field(default_factory=dict)  # of presence: column -> label; empty: all but the others
    unsure: Patterns = ()  # of presence: values nobody can use
    every: float = 0.0  # of presence: seconds from one moment that is read to the next; 0: all


class Masks(StrictModel):
    """Label pictures: a grey value, or a colour ``r,g,b``, is a class."""

    files: Patterns
    time: Clock
    values: Ids
    pictures: Patterns = ()
    background: Patterns = ("0",)
    leave_out: Ids = Field(default_factory=dict)  # value -> why it is no class; its pixels are background
    unknown: Ids = Field(default_factory=dict)  # value -> why nobody knows what its pixels show
    wrong: Ids = Field(default_factory=dict)  # value -> why a picture that holds it isn't read


class Coco(StrictModel):
    """COCO files of several cases; a picture's name says which case and which frame."""

    files: Patterns
    time: Clock
    name: Patterns


class Ask(StrictModel):
    """A question that a column answers."""

    label: str  # the column
    kind: str
    question: str
    answer: str = "{x}"  # a sentence with {x}
    reasoning: str = "recognition"
    ids: Ids = Field(default_factory=dict)
    choices: Patterns = ()  # the labels of ids where not given


class Questions(StrictModel):
    """Questions that a table answers, a row a case."""

    table: Table
    ask: Many[Ask]
    seconds: float = 0.0  # of the clip they are on, where neither video nor labels say


class Frames(StrictModel):
    """Still pictures of a case."""

    files: Patterns
    time: Clock


class Cases(StrictModel):
    """A table with a row a case: its rate and length."""

    files: Patterns
    case: str
    fps: str | None = None
    frames: str | None = None


class Description(StrictModel):
    """A data set."""

    source: str  # its short name: the file's
    name: Line
    homepage: Line
    licence: Line
    access: Line
    citation: Line
    procedure: Line  # a taxonomy that ships, or a YAML file beside the description
    tried: Line = "not stated"  # on what this description was tried, for `surgvqa-build sources`
    synonyms: Ids = Field(default_factory=dict)  # label of this data set alone -> name of the taxonomy
    case: str = "{case}"  # a case's name, from what the patterns capture
    videos: Patterns = ()
    frames: Frames | None = None
    cases: Cases | None = None
    phases: Many[Table] = ()
    steps: Many[Table] = ()
    presence: Many[Table] = ()
    masks: Many[Masks] = ()
    coco: Many[Coco] = ()
    questions: Many[Questions] = ()
    splits: Annotated[Mapping[str, Protocol], BeforeValidator(_by_protocol)] = Field(
        default_factory=dict
    )  # by protocol: the cases of each split, or told by files; without a name: official
    split_names: Ids = Field(default_factory=dict)
    expected: Mapping[str, int] = Field(default_factory=dict)  # what the whole data set has
    known: Many[Line] = ()  # what a user of its scores must know

    @property
    def facts(self) -> Facts:
        """The facts of the data set for its card."""
        procedure = load(self.procedure).name if self.own_taxonomy else self.procedure
        return Facts(self.name, self.homepage, self.licence, self.access, self.citation, procedure)

    @property
    def own_taxonomy(self) -> Path | None:
        """The file of the taxonomy, where it isn't one that ships."""
        return Path(self.procedure) if self.procedure.endswith((".yaml", ".yml")) else None

    def reads(self) -> str:
        """Say what is read, for a list of all sources."""
        kinds = ("phases", "steps", "presence", "masks", "coco", "questions", "videos", "frames")
        return ", ".join(name for name in kinds if getattr(self, name))

    def name_of(self, case: str) -> str:
        """Return a case's name.

        >>> facts = dict.fromkeys(("name", "homepage", "licence", "access", "citation", "procedure", "tried"), "x")
        >>> Description(source="x", case="clip{case:03}", **facts).name_of("7")
        'clip007'
        """
        return self.case.format(case=int(case) if ":" in self.case and case.isdigit() else case)


def read(path: Path) -> Description:
    """Return the checked description in a YAML file.

    Raises:
        InputError: everything that is wrong with it, each with its line.
    """
    file = user_yaml.read(read_text(path, path.name), path.name)
    if not isinstance(file.data, dict):
        raise InputError(f"{path.name}: expected keys with values: {', '.join(Description.model_fields)}")
    description = file.check(Description, source=path.stem)
    if (own := description.own_taxonomy) is not None:  # beside the description, wherever the command runs
        description = description.model_copy(update={"procedure": str(path.parent / own)})
    return description
