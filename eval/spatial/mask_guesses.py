"""Masks of those who hardly look: the mean mask of training, and the masks of the training frame nearest in colour.

The mean mask says where each class usually lies: what it gets right is position, not sight. A model has to beat it before
anybody may say that it looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from surgvqa.eval.controls.colour import signature

GRID = (64, 112)  # height and width that masks are averaged in
LEVELS = np.linspace(0.02, 0.9, 45)  # of the mean mask, from which on it counts as the class
Row = Mapping[str, Any]
Masks = dict[str, np.ndarray]


class MeanMasks:
    """The mean mask of every class, cut where it overlaps best with the training masks themselves."""

    def __init__(self, frames: Iterable[Masks]) -> None:
        small = [{name: resize(mask, GRID) for name, mask in masks.items()} for masks in frames]
        self.masks: Masks = {}
        for name in sorted({name for masks in small for name in masks}):
            each = np.stack([masks.get(name, np.zeros(GRID, bool)) for masks in small])
            mean, total = each.mean(0), int(each.sum())
            cuts = [mean >= level for level in LEVELS if (mean >= level).any()]
            if cuts:
                self.masks[name] = max(cuts, key=lambda cut: _dice(each, total, cut))

    def of(self, row: Row) -> Masks:
        """Return the masks for a row of any size; they are the same for all."""
        return {name: resize(mask, (row["height"], row["width"])) for name, mask in self.masks.items()}


def _dice(each: np.ndarray, total: int, cut: np.ndarray) -> float:
    """Return the Dice of one mask against many, over all their pixels together."""
    return float(2 * (each & cut).sum() / (total + len(each) * int(cut.sum())))


class NearestColours:
    """The masks of the training frame whose 4 x 4 mean colours are the nearest."""

    def __init__(self, rows: Sequence[tuple[bytes, Masks]]) -> None:
        self.table = np.stack([signature([picture]) for picture, _ in rows])
        self.masks = [masks for _, masks in rows]

    def of(self, row: Row) -> Masks:
        """Return the masks of the nearest frame, in the row's size."""
        distances = np.square(self.table - signature([row["image"]["bytes"]])).sum(1)
        masks = self.masks[int(distances.argmin())]
        return {name: resize(mask, (row["height"], row["width"])) for name, mask in masks.items()}


def resize(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a boolean mask in another size (height, width), by the nearest pixel.

    >>> resize(np.array([[True, False]]), (2, 4)).astype(int).tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0]]
    """
    picture = Image.fromarray(mask.astype(np.uint8)).resize(shape[::-1], Image.Resampling.NEAREST)
    return np.asarray(picture) > 0
