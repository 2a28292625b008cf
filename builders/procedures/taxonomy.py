"""A procedure's vocabulary: phases, anatomy, instruments, safety gates and events, from a YAML file.

`builders/procedures/*.yaml` ship with the package; a user's own file has the same keys. Every mistake in a
file is reported with its line. Spellings are compared without case, `_`, `-`, `/`, and CamelCase.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from surgvqa.builders.cases.timeline import IDLE, NONE
from surgvqa.builders.files.texts import read_text
from surgvqa.cards.command import InputError, nearest

Kind = Literal["phase", "anatomy", "instrument", "event"]
RESERVED = (IDLE, NONE, "not visible", "yes", "no")
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

    def canonical(self, role: Kind, label: str) -> str:
        """Return the name for a label however it is spelled; `UnknownLabel` names the label and the nearest known.

        ``role`` is phase, anatomy, instrument or event. A phase label that means "no phase" gives "idle".
        """
        return _look_up(self.spellings, role, label, self.path)


def _look_up(spellings: Mapping[tuple[str, str], str], role: Kind, label: str, path: str) -> str:
    found = spellings.get((role, plain(label)))
    if found is None:
        known = [spelling for kind, spelling in spellings if kind == role]
        hint = nearest(plain(label), known) if known else f"{path} names no {role} at all"
        raise UnknownLabel(
            f"unknown {role} {label!r}: {hint}; add it, or a synonym of a known one, to {path}"
        )
    return found


def plain(label: str) -> str:
    """Return a spelling without case, separators and CamelCase.

    >>> plain("Viscoelastic_Suction"), plain("CalotTriangleDissection"), plain("Irrigation/Aspiration ")
    ('viscoelastic suction', 'calot triangle dissection', 'irrigation aspiration')
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    return " ".join(re.sub(r"[\s_\-/.,&]+", " ", spaced).casefold().split())


def shipped() -> tuple[str, ...]:
    """Return the procedures that come with the package.

    >>> {"cataract", "cholecystectomy", "hysterectomy"} <= {*shipped()}
    True
    """
    folder = resources.files("surgvqa.builders") / "procedures"
    return tuple(sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".yaml")))


def load(name_or_path: str | Path) -> Taxonomy:
    """Return a shipped procedure by its name, or a file by its path (ends in .yaml or .yml)."""
    text = str(name_or_path)
    if not text.endswith((".yaml", ".yml")):
        if text not in shipped():
            raise InputError(f"unknown procedure {text!r}: {nearest(text, shipped())}, or give a .yaml file")
        return _load_shipped(text)
    path = Path(text)
    if not path.is_file():
        raise InputError(f"no procedure file {text}; `surgvqa-build new PROCEDURE` writes one")
    found = path.stat()
    return _load_own(text, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


@lru_cache(maxsize=8)
def _load_own(text: str, version: tuple[int, ...]) -> Taxonomy:
    """Return a user's file; read again when it has changed, not for every clip."""
    return parse(read_text(Path(text), text), text)


@cache
def _load_shipped(name: str) -> Taxonomy:
    file = resources.files("surgvqa.builders") / "procedures" / f"{name}.yaml"
    return parse(file.read_text(encoding="utf-8"), f"{name}.yaml")


class Term(NamedTuple):
    """An entry of a section: its name, its other spellings, and the nodes that extra keys hold."""

    name: str
    synonyms: list[tuple[str, yaml.Node]]
    extra: dict[str, yaml.Node]
    node: yaml.Node


class _File:
    """A YAML document whose every complaint names file and line."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        try:
            self.root = yaml.compose(text, Loader=yaml.SafeLoader)
        except RecursionError:
            raise InputError(f"{path}: nested too deeply to be a procedure") from None
        except yaml.MarkedYAMLError as error:
            mark = error.context_mark or error.problem_mark  # where an unclosed bracket opened, if any
            raise InputError(
                f"{path}, line {mark.line + 1 if mark else 1}: not YAML: {error.problem}"
            ) from error
        except yaml.YAMLError as error:
            raise InputError(f"{path}: not YAML: {error}") from error

    def fault(self, node: yaml.Node, message: str) -> InputError:
        return InputError(f"{self.path}, line {node.start_mark.line + 1}: {message}")

    def mapping(self, node: yaml.Node | None, what: str, known: tuple[str, ...]) -> dict[str, yaml.Node]:
        if node is None:
            raise InputError(f"{self.path}: empty; expected {what} with {', '.join(known)}")
        if not isinstance(node, yaml.MappingNode):
            raise self.fault(node, f"expected {what} with {', '.join(known)}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self.text(key, "a key")
            if name not in known:
                raise self.fault(key, f"unknown key {name!r} in {what}: {nearest(name, known)}")
            if name in found:
                raise self.fault(key, f"{name!r} is there twice in {what}")
            found[name] = value
        return found

    def text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip() or node.tag.endswith(":null"):
            raise self.fault(node, f"expected a text as {what}")
        return " ".join(str(node.value).split())

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.fault(node, f"expected a list of {what}, each on a line with '- '")
        return list(node.value)

    def terms(self, node: yaml.Node, what: str, extra: tuple[str, ...] = ()) -> Iterator[Term]:
        for item in self.items(node, what):
            if isinstance(item, yaml.ScalarNode):
                yield Term(self.text(item, f"the name of one of the {what}"), [], {}, item)
                continue
            entry = self.mapping(item, f"an entry of {what}", ("name", "synonyms", *extra))
            if "name" not in entry:
                raise self.fault(item, f"an entry of {what} has no name")
            spelled = self.items(entry["synonyms"], "synonyms") if "synonyms" in entry else []
            synonyms = [(self.text(one, "a synonym"), one) for one in spelled]
            rest = {key: value for key, value in entry.items() if key in extra}
            yield Term(self.text(entry["name"], "a name"), synonyms, rest, item)


def parse(text: str, path: str) -> Taxonomy:
    """Check a procedure file's text; ``path`` is what error messages call it."""
    file = _File(text, path)
    keys = ("procedure", "title", "idle", *SECTIONS, "safety_gates")
    root = file.mapping(file.root, "a procedure", keys)
    for key in ("procedure", "phases"):
        if key not in root:
            raise InputError(f"{path}: no {key!r}; a procedure has at least 'procedure' and 'phases'")
    spellings: dict[tuple[str, str], str] = {("phase", IDLE): IDLE}
    extras = {"phases": ("instruments",)}
    read = {
        section: [
            _enter(file, spellings, kind, term)
            for term in (
                file.terms(root[section], section, extras.get(section, ())) if section in root else ()
            )
        ]
        for section, kind in SECTIONS.items()
    }
    for node in file.items(root["idle"], "labels") if "idle" in root else ():
        _spell(file, spellings, "phase", file.text(node, "a label that means no phase"), IDLE, node)
    _apart(file, spellings, read)
    names = {section: tuple(term.name for term in terms) for section, terms in read.items()}

    def known(kind: Kind, node: yaml.Node) -> str:
        label = file.text(node, f"a {kind}")
        try:
            return _look_up(spellings, kind, label, path)
        except UnknownLabel as error:
            raise file.fault(node, str(error)) from error

    if not names["phases"]:
        raise file.fault(root["phases"], "a procedure has at least one phase")
    used_in = {
        term.name: tuple(
            known("instrument", node) for node in file.items(term.extra["instruments"], "instruments")
        )
        for term in read["phases"]
        if term.extra
    }
    name = file.text(root["procedure"], "the procedure's name")
    return Taxonomy(
        name=name,
        title=file.text(root["title"], "a title") if "title" in root else name,
        path=path,
        phases=names["phases"],
        anatomy=names["anatomy"],
        instruments=names["instruments"],
        events=names["events"],
        gates=tuple(_gates(file, root["safety_gates"], known)) if "safety_gates" in root else (),
        used_in=used_in,
        spellings=spellings,
    )


def _enter(file: _File, spellings: dict[tuple[str, str], str], kind: Kind, term: Term) -> Term:
    """Note a term's name and synonyms; two terms with one spelling are a mistake."""
    if plain(term.name) in RESERVED:
        raise file.fault(term.node, f"{term.name!r} has a meaning of its own in answers; choose another name")
    if (kind, plain(term.name)) in spellings:
        taken = spellings[kind, plain(term.name)]
        raise file.fault(term.node, f"{term.name!r} already stands for the {kind} {taken!r}")
    spellings[kind, plain(term.name)] = term.name
    for synonym, node in term.synonyms:
        _spell(file, spellings, kind, synonym, term.name, node)
    return term


def _spell(
    file: _File, spellings: dict[tuple[str, str], str], kind: Kind, label: str, name: str, node: yaml.Node
) -> None:
    taken = spellings.setdefault((kind, plain(label)), name)
    if taken != name:
        raise file.fault(node, f"{label!r} already stands for the {kind} {taken!r}")


def _apart(file: _File, spellings: Mapping[tuple[str, str], str], read: Mapping[str, list[Term]]) -> None:
    """No name is both a structure and an instrument: answers name things without saying which they are."""
    for term in read["instruments"]:
        if spellings.get(("anatomy", plain(term.name))) is not None:
            raise file.fault(term.node, f"{term.name!r} is among the anatomy already")


def _gates(file: _File, node: yaml.Node, known: Callable[[Kind, yaml.Node], str]) -> Iterator[Gate]:
    for item in file.items(node, "safety gates"):
        gate = file.mapping(item, "a safety gate", ("name", "before", "event", "conditions"))
        for key in ("name", "conditions"):
            if key not in gate:
                raise file.fault(item, f"a safety gate has no {key!r}")
        conditions = tuple(
            file.text(one, "a condition") for one in file.items(gate["conditions"], "conditions")
        )
        if not conditions:
            raise file.fault(gate["conditions"], "a safety gate has at least one condition")
        yield Gate(
            name=file.text(gate["name"], "a name"),
            conditions=conditions,
            before=known("phase", gate["before"]) if "before" in gate else None,
            event=known("event", gate["event"]) if "event" in gate else None,
        )
