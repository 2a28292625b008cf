"""The option of one split, for every verb that reads one, and the error where the split isn't there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.command import InputError, nearest


@dataclass(frozen=True, kw_only=True)
class OneSplit:
    """One split of a data set."""

    split: Annotated[str, Usage("SPLIT")] = "test"
    """the data set's split that is asked"""


def absent_split(where: object, split: str, names: Iterable[str]) -> InputError:
    """Return the error of a data set that lacks a split: it names those that are there.

    >>> print(absent_split("data", "tset", ["train", "test"]))
    data has no split 'tset'; did you mean test? It has test, train: give one with --split
    """
    own = sorted(names)
    hint = nearest(split, own)
    close = f"{hint} " if hint.startswith("did you mean") else ""
    return InputError(
        f"{where} has no split {split!r}; {close}{'It' if close else 'it'} has {', '.join(own) or 'none'}: give one with --split"
    )
