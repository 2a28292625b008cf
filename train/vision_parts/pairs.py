"""Pairs of annotated moments, and what their label maps say of every token of a vision tower.

What lies under a token in either frame, which part of the frame it is, which way the thing there moves, what came and
what went from the first frame to the second, and which phase it is: what ``surgvqa-train vision`` teaches.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import torch
from surgvqa.builders.configs.segmentation import labels_of, same_classes
from surgvqa.builders.questions.motion import CLEAR, WAYS, towards
from surgvqa.cards.command import InputError
from surgvqa.eval.commands import run_segmentation
from surgvqa.eval.data.row_media import decode
from surgvqa.eval.models.pixels import patchify
from surgvqa.train.steps import distributed
from torch import Tensor
from tqdm import tqdm

COLUMNS = ("row_id", "case_id", "time_s", "height", "width", "classes", "image", "label_map")
SHARE = 0.2  # of a token's area that a thing must cover to be what lies under it
MOST_REPEATS = 3  # times in an epoch, at most
# Of the frame's diagonal: what moves, and what keeps still; between them nothing is said.
LEAST_MOTION, MOST_DRIFT = 0.02, 0.005
FAR = 0.12  # a thing that got farther than this in one step was taken out and put back
UNKNOWN = -100  # what cross-entropy leaves out


class Moment(NamedTuple):
    """An annotated moment: its picture, and what its label map says of it."""

    row_id: str
    time_s: float
    names: tuple[str, ...]  # of all classes; the first is the background
    picture: bytes
    shape: tuple[int, ...]  # height and width
    tokens: np.ndarray  # (tokens,), uint8: the class under each
    centres: np.ndarray  # (classes, 2): row and column, in diagonals; NaN where there is nothing of a class


class Pair(NamedTuple):
    """Two annotated moments in a row of a case, and the phase of the later one by its index."""

    before: Moment
    after: Moment
    phase: int

    @property
    def changes(self) -> np.ndarray:
        """(2, classes), bool: what came, and what went."""
        before, after = (~np.isnan(one.centres[:, 0]) for one in (self.before, self.after))
        return np.stack([after & ~before, before & ~after])


class Read(NamedTuple):
    """The labels of n pairs, or a reader's logits with one more dimension, the last."""

    classes: Tensor  # (n, tokens, frames)
    cells: Tensor  # (n, tokens), of 3 x 3
    ways: Tensor  # (n, tokens), of WAYS
    phases: Tensor  # (n,)
    changes: Tensor  # (n, 2, classes): what is in the second frame only, what in the first only; 0 and 1, or logits


def pairs(
    folder: Path,
    split: str,
    part: Any,
    phases: Mapping[str, Sequence[tuple[float, float, str]]],
    phase_names: Sequence[str],
) -> list[Pair]:
    """Every annotated moment of a split with the one before it in its case.

    ``part`` is the video processor whose tokens are asked for; ``phases`` are those of ``phases_of``, ``phase_names`` all names.

    Raises:
        InputError: no config ``segmentation``, label maps of several lists of classes or sizes, or no two moments in a row.
    """
    by_case: dict[str, list[Moment]] = {}
    grids: dict[tuple[int, ...], tuple[int, int]] = {}
    rows = run_segmentation.rows(folder, split, COLUMNS)
    for row in tqdm(rows, desc=f"label maps, {split}", disable=None if distributed.first() else True):
        by_case.setdefault(row["case_id"], []).append(moment(row, part, grids))
    if by_case:
        same_classes((one.names for moments in by_case.values() for one in moments), folder)
    if len(grids) > 1:
        sizes = ", ".join(f"{width}x{height}" for height, width in sorted(grids))
        raise InputError(f"{folder}: label maps of several sizes ({sizes}); train on cases of one size")
    moment_pairs = []
    for case, moments in sorted(by_case.items()):
        moments.sort(key=lambda one: one.time_s)
        for before, after in pairwise(moments):
            name = phase_at(phases.get(case, ()), after.time_s)
            moment_pairs.append(
                Pair(before, after, phase_names.index(name) if name in phase_names else UNKNOWN)
            )
    if not moment_pairs:
        raise InputError(f"{folder}, {split}: no case with two annotated moments; there is nothing to learn")
    return moment_pairs


def moment(row: Mapping[str, Any], part: Any, grids: dict[tuple[int, ...], tuple[int, int]]) -> Moment:
    """Return a row of the config ``segmentation``; ``grids`` remembers a size's rows and columns of tokens.

    Raises:
        InputError: as ``labels_of``.
    """
    labels, count = labels_of(row, (row["height"], row["width"])), len(row["classes"])
    if labels.shape not in grids:
        _, grid = patchify(np.zeros((2, *labels.shape, 3), np.uint8), part, "video")
        grids[labels.shape] = (int(grid[0, 1]) // part.merge_size, int(grid[0, 2]) // part.merge_size)
    rows, columns = grids[labels.shape]
    return Moment(
        row["row_id"],
        row["time_s"],
        tuple(row["classes"]),
        row["image"]["bytes"],
        labels.shape,
        under(labels, rows, columns, count).ravel().astype(np.uint8),
        centres(labels, count),
    )


def phases_of(folder: Path, split: str) -> dict[str, list[tuple[float, float, str]]]:
    """(start, end, phase) of a split's clips in order of time, by case."""
    by_case: dict[str, list[tuple[float, float, str]]] = {}
    for path in sorted((folder / "clips").glob(f"{split}-*.parquet")):
        table = pq.read_table(path, columns=["case_id", "start_s", "end_s", "phase"])
        for row in table.to_pylist():
            if row["phase"] is not None:
                by_case.setdefault(row["case_id"], []).append((row["start_s"], row["end_s"], row["phase"]))
    return {case: sorted(stretches) for case, stretches in by_case.items()}


def phase_at(stretches: Sequence[tuple[float, float, str]], time_s: float) -> str | None:
    """Return the phase of the clip that a moment lies in.

    >>> phase_at([(0.0, 5.0, "incision"), (7.0, 9.0, "idle")], 4.0), phase_at([(0.0, 5.0, "incision")], 6.0)
    ('incision', None)
    """
    at = bisect_right(stretches, time_s, key=lambda one: one[0]) - 1
    return stretches[at][2] if at >= 0 and time_s <= stretches[at][1] else None


def batches(train: Sequence[Pair], size: int, epochs: int, seed: int) -> Iterator[list[Pair]]:
    """Whole batches of every epoch, in an order that follows from the seed.

    An epoch has as many pairs as there are. Half of them are pairs in which something comes or goes, as far as
    ``MOST_REPEATS`` times each goes: they are few, and nothing else teaches what a change looks like.
    """
    changes = [bool(pair.changes.any()) for pair in train]
    with_change = [pair for pair, one in zip(train, changes, strict=True) if one]
    others = [pair for pair, one in zip(train, changes, strict=True) if not one]
    whole, rest = divmod(min(len(train) // 2, MOST_REPEATS * len(with_change)), max(1, len(with_change)))
    for epoch in range(epochs):
        draw = random.Random(f"{seed} {epoch}")
        order = with_change * max(1, whole) + draw.sample(with_change, rest if whole else 0)
        order += draw.sample(others, len(train) - len(order))
        draw.shuffle(order)
        for start in range(0, len(order) - size + 1, size):
            yield order[start : start + size]


def encode_pairs(some: Sequence[Pair], part: Any) -> tuple[Tensor, Tensor, Read]:
    """uint8 patches, grids (n, 3), and what lies under the tokens; all pictures of one size.

    Raises:
        InputError: a picture that its label map doesn't fit.
    """
    patches, grids = [], []
    for pair in some:
        cut, grid = patchify(np.stack([frame(one) for one in (pair.before, pair.after)]), part, "video")
        patches.append(cut)
        grids.append(grid)
    rows, columns = (int(value) // part.merge_size for value in grids[0][0, 1:])
    row, column = (
        (2 * np.arange(count) + 1) * 3 // (2 * count) for count in (rows, columns)
    )  # by its middle
    cells = row[:, None] * 3 + column
    ways = [class_ways(pair.before.centres, pair.after.centres)[pair.after.tokens] for pair in some]
    truth = Read(
        torch.from_numpy(np.stack([[pair.before.tokens, pair.after.tokens] for pair in some])).mT.long(),
        torch.from_numpy(cells.ravel()).expand(len(some), -1),
        torch.from_numpy(np.stack(ways)),
        torch.tensor([pair.phase for pair in some]),
        torch.from_numpy(np.stack([pair.changes for pair in some])).float(),
    )
    return torch.cat(patches), torch.cat(grids), truth


def frame(moment: Moment) -> np.ndarray:
    """Return a moment's picture, height x width x 3. Raises ``InputError`` where its label map doesn't fit it."""
    picture = decode(moment.picture)
    if picture.shape[:2] != moment.shape:
        raise InputError(
            f"{moment.row_id}: picture {picture.shape[:2]} and label map {moment.shape} differ in size"
        )
    return picture


def under(labels: np.ndarray, rows: int, columns: int, classes: int) -> np.ndarray:
    """Return the class under each token of a grid over a label map: the commonest but 0 that covers ``SHARE`` of it, else 0.

    >>> under(np.array([[0, 0, 2, 2], [0, 1, 2, 3]], np.uint8), 1, 2, 4).tolist()
    [[1, 2]]
    """
    height, width = labels.shape
    row, column = np.arange(height) * rows // height, np.arange(width) * columns // width
    place = (row[:, None] * columns + column) * classes + labels
    counts = np.bincount(place.ravel(), minlength=rows * columns * classes).reshape(rows * columns, classes)
    least = SHARE * counts.sum(1)
    counts[:, 0] = 0
    commonest: np.ndarray = np.where(counts.max(1) >= np.maximum(least, 1), counts.argmax(1), 0)
    return commonest.reshape(rows, columns)


def centres(labels: np.ndarray, classes: int) -> np.ndarray:
    """(classes, 2): the mean row and column of each class in a label map, in diagonals; NaN where there is nothing of it.

    >>> centres(np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 0, 0]], np.uint8), 3)[1:].round(2).tolist()
    [[nan, nan], [0.1, 0.5]]
    """
    flat = labels.ravel()
    counts = np.bincount(flat, minlength=classes)
    place = np.indices(labels.shape).reshape(2, -1)
    sums = np.stack([np.bincount(flat, weights=one, minlength=classes) for one in place], -1)
    sums[counts == 0] = np.nan
    means: np.ndarray = sums / np.maximum(counts, 1)[:, None] / math.hypot(*labels.shape)
    return means


def class_ways(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which way each class moves from its centre to the next, as an index of ``WAYS``; UNKNOWN where that isn't clear.

    >>> one, two = np.zeros((2, 30, 40), np.uint8)
    >>> one[10:20, 5:15], two[10:20, 8:18] = 3, 3
    >>> ways = class_ways(centres(one, 4), centres(two, 4))
    >>> WAYS[ways[3]], WAYS[class_ways(centres(one, 4), centres(one, 4))[3]], int(ways[1])
    ('right', 'still', -100)
    """
    ways = np.full(len(before), UNKNOWN)
    for value, (dy, dx) in enumerate(after - before):
        far, near = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
        if far <= MOST_DRIFT:
            ways[value] = WAYS.index("still")
        elif LEAST_MOTION <= far <= FAR and far > CLEAR * near:
            ways[value] = WAYS.index(towards(dx, dy))
    ways[0] = UNKNOWN
    return ways
