"""One file per data set; being in this folder registers it under the file's name."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from surgvqa.cards.command import InputError, nearest


def names() -> list[str]:
    """The names of all sources, sorted.

    >>> "cataract1k" in names()
    True
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> ModuleType:
    """The module of one source: it has ``FACTS`` and ``cases(root, **options)``.

    Raises:
        InputError: there is no source of that name; the message names the nearest one.
    """
    if name not in names():
        raise InputError(f"no source named {name!r}; {nearest(name, names())}")
    return importlib.import_module(f"{__name__}.{name}")
