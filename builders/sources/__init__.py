"""One file per data set, a module or a description in YAML; being in this folder, or in ``text_sources`` or
``action_sources`` beside it, registers it under its name.

A user's own source is such a file elsewhere: given to the command with ``--source FILE``, or named by an installed package as
an entry point of the group ``surgvqa.sources``.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from surgvqa.cards.command import InputError, nearest

if TYPE_CHECKING:
    from surgvqa.builders.schema import Case, Facts

GROUP = "surgvqa.sources"
FOLDERS = (
    Path(__path__[0]),
    *(Path(__path__[0]).parent / name for name in ("text_sources", "action_sources")),
)
_user_files: dict[str, Path] = {}  # by name, files that this process was given


def names() -> list[str]:
    """Return the names of all sources, sorted: modules, descriptions in YAML, and those that users add.

    >>> {"cataract1k", "cholec80"} <= {*names()}
    True
    """
    return sorted({*_shipped_names(), *_package_modules(), *_user_files})


@cache
def _shipped_names() -> frozenset[str]:
    modules = (module.name for module in pkgutil.iter_modules([str(folder) for folder in FOLDERS]))
    return frozenset({*modules, *(path.stem for path in Path(__path__[0]).glob("*.yaml"))})


@cache
def _package_modules() -> dict[str, str]:
    """Modules of installed packages by the name of their source; what ships goes before them."""
    return {one.name: one.value for one in entry_points(group=GROUP) if one.name not in _shipped_names()}


def add(path: Path) -> str:
    """Make a file a source of this process, under its own name without the ending; return that name."""
    if path.suffix not in (".py", ".yaml") or not path.is_file():
        raise InputError(
            f"--source {path}: a file of Python with FACTS and cases, or a description in YAML, is due"
        )
    if path.stem in _shipped_names():
        raise InputError(f"--source {path}: {path.stem} is the name of a source that ships; rename the file")
    _user_files[path.stem] = path.resolve()
    load.cache_clear()
    return path.stem


def ships(name: str) -> bool:
    """Whether a source is one of ours."""
    return name in _shipped_names()


def is_user_file(name: str) -> bool:
    """Whether a source is a file that this process was given."""
    return name in _user_files


def file_of(name: str) -> Path:
    """Return the file of a source: its module, or its description where it has no module."""
    if name in _user_files:
        return _user_files[name]
    if name in _package_modules():
        spec = importlib.util.find_spec(_package_modules()[name])
        if spec is None or spec.origin is None:
            raise InputError(
                f"the entry point of source {name} names {_package_modules()[name]}, which isn't installed"
            )
        return Path(spec.origin)
    own = next((path for folder in FOLDERS if (path := folder / f"{name}.py").is_file()), None)
    return own or FOLDERS[0] / f"{name}.yaml"


def description(name: str) -> Path | None:
    """Return the YAML file of a source that has no module of its own."""
    path = file_of(name)
    return path if path.suffix == ".yaml" and path.is_file() else None


@cache
def load(name: str) -> ModuleType:
    """Return the module of one source: it has ``FACTS`` and ``cases(root, **options)``.

    Raises:
        InputError: there is no source of that name; the message names the nearest one.
    """
    if name not in names():
        raise InputError(f"no source named {name!r}; {nearest(name, names())}")
    full = f"{__name__}.{name}"
    if (path := description(name)) is not None:
        return importlib.import_module("surgvqa.builders.tabular.source").module(path, full)  # type: ignore[no-any-return]
    if name in _user_files:
        return check_module(module_of(_user_files[name]), name)
    if name in _package_modules():
        return check_module(importlib.import_module(_package_modules()[name]), name)
    return importlib.import_module(f"surgvqa.builders.{file_of(name).parent.name}.{name}")


def facts_of(name: str, cases: Sequence[Case]) -> Facts:
    """Return what a card says of a source: its ``FACTS``, or what one of ours makes of the cases it read."""
    module = load(name)
    own = getattr(module, "facts_of", None) if ships(name) else None
    facts: Facts = own(cases) if own else module.FACTS
    return facts


def check_module(module: ModuleType, name: str) -> ModuleType:
    """Return a user's module; it has ``FACTS`` and ``cases``."""
    from surgvqa.builders.schema import Facts  # imports datasets; `--help` lists the names of sources, too

    if not isinstance(getattr(module, "FACTS", None), Facts) or not callable(getattr(module, "cases", None)):
        raise InputError(f"source {name}: FACTS = surgvqa.builders.schema.Facts(...) and cases(root) are due")
    return module


def module_of(path: Path) -> ModuleType:
    """Return a file of Python as a module; what it raises on the way is its user's and is said in one line."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"{path}: no file of Python; give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # its dataclasses look themselves up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's own code may raise anything
        raise InputError(f"{path.name}: it can't be imported: {type(error).__name__}: {error}") from error
    return module
