"""Official splits: numbers of cases, lists of names, a folder's name or a table's column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.tabular.description import Description, Protocol
from surgvqa.cards.command import InputError, nearest

NONE = "none"
OFFICIAL = "official"
BY_FILES: Literal["said"] = "said"  # by a folder's name or a column


def choose(description: Description, protocol: str) -> Protocol | None:
    """Return the protocol of a name; ``official`` is the first one."""
    if protocol == NONE or not description.splits:
        if protocol not in (NONE, OFFICIAL):
            raise InputError(f"--protocol {protocol}: {description.source} has no official split")
        return None
    if protocol == OFFICIAL:
        protocol = next(iter(description.splits))
    if protocol not in description.splits:
        raise InputError(f"--protocol {protocol}: {nearest(protocol, [*description.splits, NONE])}")
    return description.splits[protocol]


def split_of(
    description: Description, split_protocol: Protocol | None, case_id: str, stated_split: str | None
) -> str | None:
    """Return a case's split, or None where none is stated for it."""
    if split_protocol is None:
        return None
    if split_protocol == BY_FILES:
        if stated_split is None:
            return None
        name = description.split_names.get(stated_split, stated_split).lower()
        if name not in SPLITS:
            raise InputError(
                f"{case_id}: its split is {stated_split!r}; {nearest(stated_split, description.split_names)}"
            )
        return name
    return next((split for split, cases in split_protocol.items() if holds(cases, case_id)), None)


def holds(cases: str | Sequence[str], case_id: str) -> bool:
    """Whether a case is among others: a list of numbers and names (with ``*``), or its last number in ranges.

    >>> holds("1-40,45", "video07"), holds("1-40,45", "video45"), holds(["VID30"], "VID31"), holds(["*_B*"], "S_B01")
    (True, True, False, True)
    """
    number = _number(case_id)
    if not isinstance(cases, str):
        return any(fnmatchcase(case_id, one) or one == str(number) for one in cases)
    for part in cases.split(","):
        first, _, last = part.strip().partition("-")
        if number is not None and int(first) <= number <= int(last or first):
            return True
    return False


def _number(case_id: str) -> int | None:
    numbers = re.findall(r"\d+", case_id)
    return int(numbers[-1]) if numbers else None
