"""Kinds and wording of a user, from files or from installed packages.

A file given with ``--kinds-from`` is Python with ``KINDS``, a name and a ``Kind`` each, and beside it, or with
``--templates``, their wording; a package does the same with an entry point of the group ``surgvqa.kinds`` that names such a
module. Wording is a YAML file, by the module's ``TEMPLATES``. What is added holds for the process that asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from surgvqa.builders.kinds.view import Kind
from surgvqa.builders.sources import module_of
from surgvqa.cards.command import InputError

GROUP = "surgvqa.kinds"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extensions:
    """Kinds and files of wording beside those that ship, in the order in which they count."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    templates: tuple[Path, ...] = ()


_files: list[tuple[tuple[Path, ...], tuple[Path, ...]]] = [((), ())]


def use(kinds_from: Sequence[Path] = (), templates: Sequence[Path] = ()) -> Extensions:
    """Set the kinds and the wording that this process has beside those that ship, in place of any set before."""
    paths = tuple(path.resolve() for path in kinds_from), tuple(path.resolve() for path in templates)
    extensions = _load(*paths)
    _files[0] = paths
    return extensions


def current() -> Extensions:
    """Return what is added."""
    return _load(*_files[0])


@cache
def _load(kinds_from: tuple[Path, ...], templates: tuple[Path, ...]) -> Extensions:
    modules = [(f"the package's {one.name}", one.load()) for one in sorted(entry_points(group=GROUP))]
    modules += [(path.name, module_of(path)) for path in kinds_from]
    kinds: dict[str, Kind] = {}
    words: list[Path] = []
    for where, module in modules:
        module_kinds = getattr(module, "KINDS", None)
        if not isinstance(module_kinds, Mapping) or not all(
            isinstance(kind, Kind) for kind in module_kinds.values()
        ):
            raise InputError(
                f"{where}: KINDS, a mapping of names to surgvqa.builders.kinds.view.Kind, is due; found {module_kinds!r}"
            )
        kinds.update(module_kinds)
        if (own := getattr(module, "TEMPLATES", None)) is not None:
            words.append(Path(own))
    return Extensions(kinds=kinds, templates=(*words, *templates))
