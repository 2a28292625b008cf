"""A procedure's vocabulary: phases, anatomy, instruments, safety gates and events, from a YAML file.

`builders/procedures/*.yaml` ship with the package; a user's own file has the same keys. Every mistake in a
file is reported with its line. Spellings are compared without case, `_`, `-`, `/`, and CamelCase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal

from surgvqa.builders.cases.timeline import IDLE, NONE
from surgvqa.builders.files import user_yaml
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.procedures.procedure_file import ProcedureFile, Term
from surgvqa.cards.command import InputError, nearest

Kind = Literal["phase", "anatomy", "instrument", "event"]
RESERVED_WORDS = (IDLE, NONE, "not visible", "yes", "no")
SECTIONS: Mapping[str, Kind] = {
    "phases": "phase",
    "anatomy": "anatomy",
    "instruments": "instrument",
    "events": "event",
}


class UnknownLabel(InputError):  # noqa: N818 - reads as what it is, like StopIteration
    """A label that the procedure's taxonomy doesn't know."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A safety check: what must hold before a phase begins, and the event that says that it does."""

    name: str
    conditions: tuple[str, ...]
    before: str | None = None  # canonical phase; None: before the operation ends
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The canonical names of a procedure, in usual order, and how other spellings map to them."""

    name: str
    title: str
    path: str
    phases: tuple[str, ...]
    anatomy: tuple[str, ...]
    instruments: tuple[str, ...]
    events: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    used_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # phase -> its usual instruments
    spellings: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (kind, plain spelling) -> name
    between: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # structure -> the two it lies between
    outside: tuple[str, ...] = ()  # phases in which the camera is outside of the body: no frame shows a step

    def canonical(self, role: Kind, label: str) -> str:
        """Return the name for a label however it is spelled; `UnknownLabel` names the label and the nearest known.

        ``role`` is phase, anatomy, instrument or event. A phase label that means "no phase" gives "idle".
        """
        return _look_up(self.spellings, role, label, self.path)


def _look_up(spellings: Mapping[tuple[str, str], str], role: Kind, label: str, path: str) -> str:
    name = spellings.get((role, plain(label)))
    if name is None:
        candidates = [spelling for kind, spelling in spellings if kind == role]
        hint = nearest(plain(label), candidates) if candidates else f"{path} names no {role} at all"
        raise UnknownLabel(
            f"unknown {role} {label!r}: {hint}; add it, or a synonym of a known one, to {path}"
        )
    return name


@lru_cache(maxsize=4096)  # a few labels, thousands of times
def plain(label: str) -> str:
    """Return a spelling without case, separators and CamelCase.

    >>> plain("Viscoelastic_Suction"), plain("CalotTriangleDissection"), plain("Irrigation/Aspiration ")
    ('viscoelastic suction', 'calot triangle dissection', 'irrigation aspiration')
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return " ".join(re.sub(r"[\s_\-/.,&]+", " ", words).casefold().split())


@cache
def shipped_procedures() -> tuple[str, ...]:
    """Return the procedures that come with the package.

    >>> {"cataract", "cholecystectomy", "hysterectomy"} <= {*shipped_procedures()}
    True
    """
    folder = resources.files("surgvqa.builders") / "procedures"
    return tuple(sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".yaml")))


def load(name_or_path: str | Path) -> Taxonomy:
    """Return a shipped procedure by its name, or a file by its path (ends in .yaml or .yml)."""
    text = str(name_or_path)
    if not text.endswith((".yaml", ".yml")):
        if text not in shipped_procedures():
            raise InputError(
                f"unknown procedure {text!r}: {nearest(text, shipped_procedures())}, or give a .yaml file"
            )
        return _load_shipped(text)
    path = Path(text)
    if not path.is_file():
        raise InputError(f"no procedure file {text}; `surgvqa-build new PROCEDURE` writes one")
    status = path.stat()
    return _load_own(text, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


@lru_cache(maxsize=8)
def _load_own(text: str, version: tuple[int, ...]) -> Taxonomy:
    """Return a user's file; read again when it has changed, not for every clip."""
    return parse(read_text(Path(text), text), text)


@cache
def _load_shipped(name: str) -> Taxonomy:
    file = resources.files("surgvqa.builders") / "procedures" / f"{name}.yaml"
    return parse(file.read_text(encoding="utf-8"), f"{name}.yaml")


def parse(text: str, path: str) -> Taxonomy:
    """Check a procedure file's text; ``path`` is what error messages call it.

    Raises:
        InputError: everything that is wrong, each with its line.
    """
    file = user_yaml.read(text, path)
    content = file.check(ProcedureFile)
    spellings = _Spellings(path)
    for section, role in SECTIONS.items():
        for number, term in enumerate(getattr(content, section)):
            spellings.enter(role, term, (section, number))
    for number, label in enumerate(content.idle):
        spellings.spell("phase", label, IDLE, ("idle", number))
    for number, term in enumerate(content.instruments):
        if ("anatomy", plain(term.name)) in spellings.names:
            spellings.faults.append((("instruments", number), f"{term.name!r} is among the anatomy already"))
    used_in = {
        phase.name: tuple(
            spellings.resolve("instrument", label, ("phases", number, "instruments", place))
            for place, label in enumerate(phase.instruments)
        )
        for number, phase in enumerate(content.phases)
        if phase.instruments is not None
    }
    gates = tuple(
        Gate(
            gate.name,
            gate.conditions,
            gate.before and spellings.resolve("phase", gate.before, ("safety_gates", number, "before")),
            gate.event and spellings.resolve("event", gate.event, ("safety_gates", number, "event")),
        )
        for number, gate in enumerate(content.safety_gates)
    )
    between = {
        term.name: tuple(
            spellings.resolve("anatomy", label, ("anatomy", number, "between", place))
            for place, label in enumerate(term.between)
        )
        for number, term in enumerate(content.anatomy)
        if term.between is not None
    }
    file.refuse(spellings.faults)
    return Taxonomy(
        name=content.procedure,
        title=content.title or content.procedure,
        path=path,
        phases=tuple(term.name for term in content.phases),
        anatomy=tuple(term.name for term in content.anatomy),
        instruments=tuple(term.name for term in content.instruments),
        events=tuple(term.name for term in content.events),
        gates=gates,
        used_in=used_in,
        spellings=spellings.names,
        between=between,
        outside=tuple(term.name for term in content.phases if term.outside),
    )


@dataclass(slots=True)
class _Spellings:
    """The names of a file by their spellings, and every spelling that stands for two things or for none."""

    path: str
    names: dict[tuple[str, str], str] = field(default_factory=lambda: {("phase", IDLE): IDLE})
    faults: list[user_yaml.Fault] = field(default_factory=list)

    def enter(self, role: Kind, term: Term, place: user_yaml.Place) -> None:
        """Note a term's name and synonyms."""
        if plain(term.name) in RESERVED_WORDS:
            self.faults.append(
                (place, f"{term.name!r} has a meaning of its own in answers; choose another name")
            )
        elif owner := self.names.get((role, plain(term.name))):
            self.faults.append((place, f"{term.name!r} already stands for the {role} {owner!r}"))
        else:
            self.names[role, plain(term.name)] = term.name
            for number, label in enumerate(term.synonyms):
                self.spell(role, label, term.name, (*place, "synonyms", number))

    def spell(self, role: Kind, label: str, name: str, place: user_yaml.Place) -> None:
        """Note another spelling of a name."""
        owner = self.names.setdefault((role, plain(label)), name)
        if owner != name:
            self.faults.append((place, f"{label!r} already stands for the {role} {owner!r}"))

    def resolve(self, role: Kind, label: str, place: user_yaml.Place) -> str:
        """Return the name that a label stands for."""
        try:
            return _look_up(self.names, role, label, self.path)
        except UnknownLabel as error:
            self.faults.append((place, str(error)))
            return label
