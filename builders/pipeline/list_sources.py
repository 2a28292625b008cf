"""The list of all data sets that can be read: licence, access, what is read, and on what the reader was tried."""

from __future__ import annotations

from typing import NamedTuple

from surgvqa.builders import sources


class Listed(NamedTuple):
    """One data set."""

    source: str
    name: str
    licence: str
    access: str
    reads: str
    tried: str  # on real files, or on an invented tree alone


def listed() -> list[Listed]:
    """Every source, in order of its name."""
    found = []
    for name in sources.names():
        module = sources.load(name)
        facts, said = module.FACTS, getattr(module, "DESCRIPTION", None)
        reads = said.reads() if said is not None else module.READS
        tried = said.tried if said is not None else module.TRIED
        found.append(Listed(name, facts.name, facts.licence, " ".join(facts.access.split()), reads, tried))
    return found


def table(found: list[Listed]) -> str:
    """The list as lines to print, a block a data set.

    >>> print(table([Listed("a", "A", "CC0", "a form", "phases", "invented tree")]))
    a                   A
                        phases; tried: invented tree
                        CC0; a form
    """
    return "\n".join(
        f"{one.source:<20}{one.name}\n{'':<20}{one.reads}; tried: {one.tried}\n{'':<20}{one.licence}; {one.access}"
        for one in found
    )
