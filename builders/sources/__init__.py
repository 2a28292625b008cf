"""One file per data set, a module or a description in YAML; being in this folder registers it under its name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

from surgvqa.cards.command import InputError, nearest


def names() -> list[str]:
    """Return the names of all sources, sorted: modules, and descriptions in YAML.

    >>> {"cataract1k", "cholec80"} <= {*names()}
    True
    """
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted({*modules, *(path.stem for path in Path(__path__[0]).glob("*.yaml"))})


def description(name: str) -> Path | None:
    """Return the YAML file of a source that has no module of its own."""
    folder = Path(__path__[0])
    path = folder / f"{name}.yaml"
    return path if path.is_file() and not (folder / f"{name}.py").is_file() else None


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
    return importlib.import_module(full)
