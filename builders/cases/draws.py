"""Draws that come out the same everywhere: from the sha256 of a key, never from a generator's state."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def fraction(*key: object) -> float:
    """Return a number in [0, 1), evenly spread over keys.

    >>> round(fraction("a clip", 0), 4), fraction("a clip", 0) == fraction("a clip", 0)
    (0.6718, True)
    """
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def pick(items: Sequence[T], *key: object) -> T:
    """One of the items.

    >>> pick(["a", "b", "c"], "some id")
    'a'
    """
    return items[int(fraction(*key) * len(items))] if len(items) != 1 else items[0]


def shuffle(items: Sequence[T], *key: object) -> list[T]:
    """Return the items in an order that depends on the key and on what they are, not on how they came.

    >>> shuffle([1, 2, 3], "k") == shuffle([3, 2, 1], "k")
    True
    """
    if len(items) < 2:
        return list(items)
    return sorted(items, key=lambda item: (fraction(*key, item), str(item)))


def pick_by_weight(weights: Mapping[str, float], *key: object) -> str:
    """One of the names, each as likely as its weight.

    >>> pick_by_weight({"often": 9.0, "never": 0.0}, "k")
    'often'
    """
    names = sorted(weights)
    at = fraction(*key) * sum(weights.values())
    for name in names:
        at -= weights[name]
        if at < 0:
            return name
    return max(names, key=lambda name: weights[name])
