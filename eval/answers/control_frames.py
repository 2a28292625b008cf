"""Frames of the pixel controls: the clip's own in another order, or another case's clip; drawn from a seed."""

from __future__ import annotations

import hashlib

import numpy as np
from datasets import Dataset
from surgvqa.cards.command import InputError


def generator_of(*words: object) -> np.random.Generator:
    """Random numbers that follow from words."""
    digest = hashlib.sha256("\0".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def disorder(count: int, clip_id: str, seed: int) -> list[int]:
    """Return an order of ``count`` frames that isn't theirs.

    >>> sorted(disorder(4, "c@0-5", 0)), disorder(1, "c@0-5", 0)
    ([0, 1, 2, 3], [0])
    """
    generator = generator_of("shuffled-frames", clip_id, seed)
    order = list(range(count))
    while count > 1 and order == sorted(order):
        order = generator.permutation(count).tolist()
    return order


def stranger(rows: Dataset, index: int, seed: int) -> int:
    """Return a clip of another case.

    Raises:
        InputError: the split has one case only.
    """
    cases: list[str] = rows["case_id"]
    others = [place for place, case in enumerate(cases) if case != cases[index]]
    if not others:
        raise InputError(
            f"--control wrong-video needs two cases in the split; all clips are of {cases[index]}"
        )
    return others[int(generator_of("wrong-video", rows[index]["clip_id"], seed).integers(len(others)))]
