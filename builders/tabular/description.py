"""The description of a data set: its YAML file, checked, as dataclasses with the same names.

Every key is a field below; an unknown one is refused with the nearest known. ``docs/data.md`` explains them,
``builders/sources/cholec80.yaml`` is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.schema import Facts
from surgvqa.cards.command import InputError, nearest

T = TypeVar("T")
Patterns = tuple[str, ...]
Ids = Mapping[str, str]  # what a file says -> a label of the taxonomy


@dataclass(frozen=True, slots=True)
class Clock:
    """How a file counts time; seconds are ``(value - first) / fps``."""

    column: str | None = None  # of a moment, or of a start; None: the row's place in the file
    end: str | None = None  # of an end
    unit: Literal["s", "ms", "frames"] = "frames"
    fps: float | Literal["video", "cases"] = "cases"  # the recording's own rate, or the table of cases'
    first: float = 0  # the first frame's number

    def __post_init__(self) -> None:
        """Refuse a rate that is none."""
        if isinstance(self.fps, str) and self.fps not in ("video", "cases"):
            raise InputError(f"time: fps is {self.fps!r}; a number, video or cases")
        if self.unit not in ("s", "ms", "frames"):
            raise InputError(f"time: unit is {self.unit!r}; s, ms or frames")


@dataclass(frozen=True, slots=True)
class Names:
    """A table of ids and what they mean."""

    files: Patterns
    id: str  # column
    label: str  # column


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of files with rows, and what a row says."""

    files: Patterns
    time: Clock = Clock()
    rows: str | None = None  # of JSON: the dotted way to the list of rows
    header: tuple[str, ...] = ()  # of files whose first line is data
    case: str | None = None  # column; None: the file's name says it
    split: str | None = None  # column
    label: str | None = None  # column
    ids: Ids = field(default_factory=dict)
    names: Names | None = None  # a file that says what ids mean; `ids` correct it
    leave_out: Ids = field(default_factory=dict)  # label or id -> why rows with it aren't read
    holds: Literal["row", "start", "interval"] = "row"  # until the next row, the next start, its own end
    columns: Ids = field(default_factory=dict)  # of presence: column -> label; empty: all but the others
    unsure: tuple[str, ...] = ()  # of presence: values nobody can use
    every: float = 0.0  # of presence: seconds from one moment that is read to the next; 0: all

    def __post_init__(self) -> None:
        """Refuse a meaning of rows that is none."""
        if self.holds not in ("row", "start", "interval"):
            raise InputError(f"holds is {self.holds!r}; row, start or interval")


@dataclass(frozen=True, slots=True)
class Masks:
    """Label pictures: a grey value, or a colour ``r,g,b``, is a class."""

    files: Patterns
    time: Clock
    values: Ids
    pictures: Patterns = ()
    background: tuple[str, ...] = ("0",)
    leave_out: Ids = field(default_factory=dict)  # value -> why its pixels aren't read


@dataclass(frozen=True, slots=True)
class Coco:
    """COCO files of several cases; a picture's name says which case and which frame."""

    files: Patterns
    time: Clock
    name: Patterns


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that a column answers."""

    label: str  # the column
    kind: str
    question: str
    answer: str = "{x}"  # a sentence with {x}
    reasoning: str = "recognition"
    ids: Ids = field(default_factory=dict)
    choices: tuple[str, ...] = ()  # the labels of ids where not given


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions that a table answers, a row a case."""

    table: Table
    ask: tuple[Ask, ...]
    seconds: float = 0.0  # of the clip they are on, where neither video nor labels say


@dataclass(frozen=True, slots=True)
class Frames:
    """Still pictures of a case."""

    files: Patterns
    time: Clock


@dataclass(frozen=True, slots=True)
class Cases:
    """A table with a row a case: its rate and length."""

    files: Patterns
    case: str
    fps: str | None = None
    frames: str | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """A data set."""

    source: str
    facts: Facts
    tried: str  # on what this description was tried
    synonyms: Ids = field(default_factory=dict)  # label of this data set alone -> name of the taxonomy
    case: str = "{case}"  # a case's name, from what the patterns capture
    videos: Patterns = ()
    frames: Frames | None = None
    cases: Cases | None = None
    phases: tuple[Table, ...] = ()
    steps: tuple[Table, ...] = ()
    presence: tuple[Table, ...] = ()
    masks: tuple[Masks, ...] = ()
    coco: tuple[Coco, ...] = ()
    questions: tuple[Questions, ...] = ()
    splits: Mapping[str, Any] = field(default_factory=dict)  # protocol -> split -> cases, or how it is told
    split_names: Ids = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)  # what the whole data set has
    known: tuple[str, ...] = ()  # what a user of its scores must know

    def reads(self) -> str:
        """Say what is read, for a list of all sources."""
        named = ("phases", "steps", "presence", "masks", "coco", "questions", "videos", "frames")
        return ", ".join(name for name in named if getattr(self, name))

    def name_of(self, case: str) -> str:
        """Return a case's name.

        >>> Description("x", None, "", case="clip{case:03}").name_of("7")
        'clip007'
        """
        return self.case.format(case=int(case) if ":" in self.case and case.isdigit() else case)


FACTS = ("name", "homepage", "licence", "access", "citation", "procedure")
NESTED: Mapping[str, type] = {
    "phases": Table,
    "steps": Table,
    "presence": Table,
    "masks": Masks,
    "coco": Coco,
    "questions": Questions,
}


def read(path: Path) -> Description:
    """Return the checked description in a YAML file."""
    try:
        node = yaml.safe_load(read_text(path, path.name))
        return parse(node, path.stem)
    except (InputError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path.name}: {error}") from error


def parse(node: Mapping[str, Any], source: str) -> Description:
    """Check what a YAML file holds."""
    if missing := [key for key in FACTS if key not in node]:
        raise InputError(f"no {', '.join(missing)}; a data set states them")
    rest = {key: value for key, value in node.items() if key not in FACTS}
    for key, kind in NESTED.items():
        if key in rest:
            rest[key] = tuple(_of(kind, one, key) for one in _many(rest[key]))
    for key, kind in (("frames", Frames), ("cases", Cases)):
        if key in rest:
            rest[key] = _of(kind, rest[key], key)
    facts = Facts(**{key: str(node[key]).strip() for key in FACTS})
    return _of(Description, rest | {"source": source, "facts": facts}, "the description")


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _of(kind: type[T], node: Mapping[str, Any], where: str) -> T:
    """Return a dataclass from a mapping with its fields' names."""
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in node.items():
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; {nearest(key, known)}")
        values[key] = _value(key, value, str(known[key].type), where)
    for name, one in known.items():
        if name not in values and one.default is MISSING and one.default_factory is MISSING:
            raise InputError(f"{where}: no {name!r}")
    return kind(**values)


def _value(key: str, value: Any, said: str, where: str) -> Any:
    """Return a field's value: nested mappings as their dataclasses, one text as a tuple of one."""
    if key == "time":
        return _of(Clock, value, f"{where}: time")
    if key == "names":
        return _of(Names, value, f"{where}: names")
    if key == "ask":
        return tuple(_of(Ask, one, f"{where}: ask") for one in _many(value))
    if key == "table":
        return _of(Table, value, f"{where}: table")
    if said == "Ids":
        pairs = enumerate(value) if isinstance(value, list) else value.items()
        return {str(one): str(label) for one, label in pairs}
    if said in ("Patterns", "tuple[str, ...]"):
        return tuple(str(one) for one in _many(value))
    return value
