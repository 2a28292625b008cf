"""``surgvqa-build sources``: all data sets that can be read: licence, access, what is read, on what it was tried."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

from surgvqa.builders import sources


@dataclass(frozen=True, kw_only=True)
class Sources:
    """List every data set: licence, access, what is read, how it was tried."""

    json: bool = False
    """the list as JSON"""


def run(config: Sources) -> None:
    """List every data set that can be read."""
    entries = list_entries()
    print(json.dumps([one._asdict() for one in entries], indent=1) if config.json else table(entries))


class SourceEntry(NamedTuple):
    """One data set."""

    source: str
    name: str
    licence: str
    access: str
    reads: str
    tried: str  # on real files, or on an invented tree alone


def list_entries() -> list[SourceEntry]:
    """Every source, in order of its name."""
    entries = []
    for name in sources.names():
        module = sources.load(name)
        facts, description = module.FACTS, getattr(module, "DESCRIPTION", None)
        reads = description.reads() if description is not None else module.READS
        tried_on = description.tried if description is not None else module.TRIED_ON
        entries.append(
            SourceEntry(name, facts.name, facts.licence, " ".join(facts.access.split()), reads, tried_on)
        )
    return entries


def table(entries: list[SourceEntry]) -> str:
    """Return the list as lines to print, a block a data set.

    >>> print(table([SourceEntry("a", "A", "CC0", "a form", "phases", "invented tree")]))
    a                   A
                        phases; tried: invented tree
                        CC0; a form
    """
    return "\n".join(
        f"{one.source:<20}{one.name}\n{'':<20}{one.reads}; tried: {one.tried}\n{'':<20}{one.licence}; {one.access}"
        for one in entries
    )
