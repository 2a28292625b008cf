"""The name of an operation that several public data sets show under names of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

TABLE = Path(__file__).with_suffix(".yaml")
SEPARATOR = "."  # between a set and its case, in the ids of a mix


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSet:
    """A public data set that shares operations with others of its group."""

    name: str
    group: str
    sources: tuple[str, ...]  # spellings of its name, in small letters and digits alone
    cases: re.Pattern[str] | None  # finds the number in a case id; None where nobody published which is which
    numbers: Mapping[int, int] | None  # its own number -> the group's; None: the same
    operations: frozenset[int] | None  # what it holds; None where that isn't known
    reference: str

    def number(self, case_id: str) -> int | None:
        """Return the operation's number in the group, None where the case is in no other set or isn't named so."""
        match = self.cases.fullmatch(case_id) if self.cases is not None else None
        if match is None:
            return None
        own = int(match[1])
        return own if self.numbers is None else self.numbers.get(own)


@cache
def table() -> tuple[PublicSet, ...]:
    """Read the table of sets that share operations."""
    sets = []
    for group in yaml.safe_load(TABLE.read_text("utf-8")):
        for name, one in group["sets"].items():
            pattern = one.get("cases", group.get("cases"))
            sets.append(
                PublicSet(
                    name=name,
                    group=group["group"],
                    sources=tuple(plain(source) for source in one["sources"]),
                    cases=re.compile(pattern, re.IGNORECASE) if pattern else None,
                    numbers=one.get("numbers"),
                    operations=_operations_of(one),
                    reference=one["said"],
                )
            )
    return tuple(sets)


def _operations_of(one: Mapping[str, Any]) -> frozenset[int] | None:
    """Return the group's numbers of the operations that a set holds.

    >>> sorted(_operations_of({"operations": "1-3 7"}))
    [1, 2, 3, 7]
    """
    if "numbers" in one:
        return frozenset(cast(Mapping[int, int], one["numbers"]).values())
    if "operations" not in one:
        return None
    numbers: set[int] = set()
    for word in str(one["operations"]).split():
        first, _, last = word.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


def plain(name: str) -> str:
    """Return a name in small letters and digits alone.

    >>> plain("CAMMA/Cholec-80_VQA")
    'cammacholec80vqa'
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def public_set(name: str) -> PublicSet | None:
    """Return the set of a name: of a source, of a repository or of a folder; None where the table has none.

    >>> public_set("cholec80").name, public_set("CAMMA/cholect50-v2").name, public_set("ours")
    ('Cholec80', 'CholecT50', None)
    """
    bare = plain(name.rstrip("/").rpartition("/")[2])
    matches = [(source, one) for one in table() for source in one.sources if source in bare]
    return max(matches, key=lambda pair: len(pair[0]), default=(None, None))[1]


@cache
def operation(name: str, case_id: str) -> str | None:
    """Return the operation that a set's case shows, under one name for all sets; None where no other set shows it.

    >>> operation("cholect50", "VID68"), operation("endoscapes", "2"), operation("endoscapes", "5")
    ('CAMMA cholecystectomy 68', 'CAMMA cholecystectomy 68', None)
    """
    own_set = public_set(name)
    number = own_set.number(case_id.rpartition(SEPARATOR)[2]) if own_set is not None else None
    return f"{own_set.group} {number}" if own_set is not None and number is not None else None


def shared_with(name: str, case_ids: Iterable[str]) -> list[str]:
    """Say which other public sets show operations of a set, a sentence a set, with the place where it is said."""
    mine = public_set(name)
    if mine is None:
        return []
    numbers = {case_id: mine.number(case_id) for case_id in sorted(case_ids)}
    sentences = []
    for other in table():
        if other.group != mine.group or other.name == mine.name:
            continue
        if mine.cases is None or other.cases is None or other.operations is None:
            sentences.append(
                f"{other.name} shows operations of {mine.name}, too; which ones isn't known here"
            )
            continue
        both = [case_id for case_id, number in numbers.items() if number in other.operations]
        if both:
            sentences.append(
                f"{other.name} shows {len(both)} of these operations, too: {list_first(both)} ({other.reference})"
            )
    return sentences


def mapping_gap(a: str, b: str) -> str | None:
    """Say that two sets show the same operations and nobody can tell which; None where that isn't so."""
    one, other = public_set(a), public_set(b)
    if one is None or other is None or one.group != other.group or one.name == other.name:
        return None
    if one.cases is not None and other.cases is not None:
        return None
    return f"{one.name} and {other.name} show the same operations; which case shows which isn't published"


def list_first(names: Sequence[str], most: int = 10) -> str:
    """Name the first of several.

    >>> list_first(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
