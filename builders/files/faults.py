"""Faults as a person reads them: grouped by kind, the first ones in the message, all of them in a file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from surgvqa.builders.schema import Omission
from surgvqa.cards.command import InputError

MOST_FAULTS = 20  # faults in one message
LONGEST = 400  # characters of a cause in a message; in the file it is whole
_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\S*\d\S*")


def kind(cause: str) -> str:
    """Return a cause without names and numbers, which equal kinds of causes share.

    >>> kind("row 3: hook=2; 0 or 1 say") == kind("row 17: grasper=5; 0 or 1 say")
    True
    """
    return _PARTICULARS.sub("*", cause)


def summarise(faults: Sequence[Omission], most: int = MOST_FAULTS) -> str:
    """Faults on one line, those of a kind together; where there are more than ``most``, all of them in a file.

    >>> summarise([Omission("a.csv row 2", "hook=5; 0 or 1"), Omission("a.csv row 9", "hook=7; 0 or 1")])
    'a.csv row 2: hook=5; 0 or 1; a.csv row 9: hook=7; 0 or 1'
    """
    kinds: dict[str, dict[str, list[str]]] = {}  # kind -> cause -> items
    for one in faults:
        kinds.setdefault(kind(one.cause), {}).setdefault(one.cause, []).append(one.item)
    # every kind has its turn before one has a second: a thousand of one don't hide the single one of another
    turns = [
        (turn, place) for place, same in enumerate(kinds.values()) for turn in range(min(most, len(same)))
    ]
    shares = [0] * len(kinds)
    for _, place in sorted(turns)[:most]:
        shares[place] += 1
    parts = []
    for same, share in zip(kinds.values(), shares, strict=True):
        for cause, items in list(same.items())[:share]:
            parts.append(
                f"{items[0]}{f' and {len(items) - 1} more' if len(items) > 1 else ''}: {_short(cause)}"
            )
        if 0 < share < len(same):
            parts.append(f"and {len(same) - share} more of this kind")
    if hidden_kinds := sum(share == 0 for share in shares):
        parts.append(f"and {hidden_kinds} more kinds")
    if len(faults) > len(parts) or len(parts) > most:
        parts.append(f"all {len(faults)} are in {write(faults)}")
    return "; ".join(parts)


def _short(cause: str) -> str:
    return cause if len(cause) <= LONGEST else f"{cause[:LONGEST]}…"


def write(faults: Sequence[Omission]) -> Path:
    """Write every fault on a line of its own: where, and what is wrong; returns the new file."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="surgvqa-faults-", suffix=".txt", delete=False
    ) as file:
        for one in faults:
            file.write(f"{' '.join(one.item.split())}\t{' '.join(one.cause.split())}\n")
    return Path(file.name)


def list_faults(omissions: Sequence[Omission]) -> str:
    """Faults on one line, those of a kind together."""
    return summarise(omissions) or "no case was found"


def refuse_faults(omissions: Sequence[Omission], root: Path, on_error: str) -> None:
    """Raise with one list of everything that is wrong, unless it is to be left out."""
    faults = [one for one in omissions if one.fault]
    if faults and on_error == "fail":
        raise InputError(
            f"{len(faults)} fault{'s' if len(faults) > 1 else ''} below {root}: {list_faults(faults)}. Correct them, "
            "or leave them out with --on-error quarantine"
        )
