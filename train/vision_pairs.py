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
from surgvqa.builders.motion import CLEAR, WAYS, towards
from surgvqa.builders.segmentation import decode_labels, labels_of
from surgvqa.cards.command import InputError
from surgvqa.eval import run_segmentation
from surgvqa.eval.pixels import decode_all, patchify
from torch import Tensor

COLUMNS = ("row_id", "case_id", "time_s", "classes", "image", "label_map")
SHARE = 0.2  # of a token's area that a thing must cover to be what lies under it
REPEATED = 3  # times in an epoch, at most
# Of the frame's diagonal: what moves, and what keeps still; between them nothing is said.
MOVED, KEPT = 0.02, 0.005
FAR = 0.12  # a thing that got farther than this in one step was taken out and put back
UNKNOWN = -100  # what cross-entropy leaves out
Row = Mapping[str, Any]


class Pair(NamedTuple):
    """Two annotated moments in a row of a case, and the phase of the later one by its index."""

    before: Row
    after: Row
    phase: int
    changed: bool  # something is in one of the two frames only


class Read(NamedTuple):
    """What n pairs show: labels, or a reader's logits with one more dimension, the last."""

    classes: Tensor  # (n, tokens, frames)
    cells: Tensor  # (n, tokens), of 3 x 3
    ways: Tensor  # (n, tokens), of WAYS
    phases: Tensor  # (n,)
    changes: Tensor  # (n, 2, classes): what is in the second frame only, what in the first only; 0 and 1, or logits


def pairs(
    folder: Path, split: str, phases: Mapping[str, Sequence[tuple[float, float, str]]], known: Sequence[str]
) -> list[Pair]:
    """Every annotated moment of a split with the one before it in its case.

    Raises:
        InputError: no config ``segmentation``, label maps of several lists of classes, or no two moments in a row.
    """
    by_case: dict[str, list[Row]] = {}
    for row in run_segmentation.rows(folder, split, COLUMNS):
        by_case.setdefault(row["case_id"], []).append(row)
    if len({tuple(row["classes"]) for rows in by_case.values() for row in rows}) > 1:
        raise InputError(f"{folder}: label maps of several lists of classes; train on one procedure and task")
    found = []
    for case, rows in sorted(by_case.items()):
        rows.sort(key=lambda row: row["time_s"])
        shown = [{*np.unique(decode_labels(row["label_map"]["bytes"]))} for row in rows]
        for at, (before, after) in enumerate(pairwise(rows)):
            name = phase_at(phases.get(case, ()), after["time_s"])
            phase = known.index(name) if name in known else UNKNOWN
            found.append(Pair(before, after, phase, shown[at] != shown[at + 1]))
    if not found:
        raise InputError(f"{folder}, {split}: no case with two annotated moments; there is nothing to learn")
    return found


def phases_of(folder: Path, split: str) -> dict[str, list[tuple[float, float, str]]]:
    """(start, end, phase) of a split's clips in order of time, by case."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    for path in sorted((folder / "clips").glob(f"{split}-*.parquet")):
        table = pq.read_table(path, columns=["case_id", "start_s", "end_s", "phase"])
        for row in table.to_pylist():
            if row["phase"] is not None:
                found.setdefault(row["case_id"], []).append((row["start_s"], row["end_s"], row["phase"]))
    return {case: sorted(stretches) for case, stretches in found.items()}


def phase_at(stretches: Sequence[tuple[float, float, str]], time_s: float) -> str | None:
    """The phase of the clip that a moment lies in.

    >>> phase_at([(0.0, 5.0, "incision"), (7.0, 9.0, "idle")], 4.0), phase_at([(0.0, 5.0, "incision")], 6.0)
    ('incision', None)
    """
    at = bisect_right(stretches, time_s, key=lambda one: one[0]) - 1
    return stretches[at][2] if at >= 0 and time_s <= stretches[at][1] else None


def batches(train: Sequence[Pair], size: int, epochs: int, seed: int) -> Iterator[list[Pair]]:
    """Whole batches of every epoch, in an order that follows from the seed.

    An epoch has as many pairs as there are. Half of them are pairs in which something comes or goes, as far as
    ``REPEATED`` times each goes: they are few, and nothing else teaches what a change looks like.
    """
    changed = [pair for pair in train if pair.changed]
    others = [pair for pair in train if not pair.changed]
    whole, rest = divmod(min(len(train) // 2, REPEATED * len(changed)), max(1, len(changed)))
    for epoch in range(epochs):
        draw = random.Random(f"{seed} {epoch}")
        order = changed * max(1, whole) + draw.sample(changed, rest if whole else 0)
        order += draw.sample(others, len(train) - len(order))
        draw.shuffle(order)
        for start in range(0, len(order) - size + 1, size):
            yield order[start : start + size]


def encoded(some: Sequence[Pair], part: Any) -> tuple[Tensor, Tensor, Read]:
    """uint8 patches, grids (n, 3), and what lies under the tokens; all pictures of one size.

    Raises:
        InputError: a label map that doesn't fit its picture, or holds a class that isn't listed.
    """
    patches, grids, labels, ways, changes = [], [], [], [], []
    for pair in some:
        frames = decode_all([pair.before["image"]["bytes"], pair.after["image"]["bytes"]])
        cut, grid = patchify(frames, part, "video")
        patches.append(cut)
        grids.append(grid)
        rows, columns = (int(value) // part.merge_size for value in grid[0, 1:])
        count = len(pair.after["classes"])
        maps = [labels_of(row, frames[0].shape) for row in (pair.before, pair.after)]
        names = np.stack([under(one, rows, columns, count).ravel() for one in maps], -1)
        labels.append(names)
        ways.append(moved(maps[0], maps[1], count)[names[:, 1]])
        before, after = (np.isin(np.arange(count), one) for one in maps)
        changes.append(np.stack([after & ~before, before & ~after]))
    row, column = (
        (2 * np.arange(count) + 1) * 3 // (2 * count) for count in (rows, columns)
    )  # by its middle
    cells = row[:, None] * 3 + column
    truth = Read(
        torch.from_numpy(np.stack(labels)),
        torch.from_numpy(cells.ravel()).expand(len(some), -1),
        torch.from_numpy(np.stack(ways)),
        torch.tensor([pair.phase for pair in some]),
        torch.from_numpy(np.stack(changes)).float(),
    )
    return torch.cat(patches), torch.cat(grids), truth


def under(labels: np.ndarray, rows: int, columns: int, classes: int) -> np.ndarray:
    """The class under each token of a grid over a label map: the commonest but 0 that covers ``SHARE`` of it, else 0.

    >>> under(np.array([[0, 0, 2, 2], [0, 1, 2, 3]], np.uint8), 1, 2, 4).tolist()
    [[1, 2]]
    """
    height, width = labels.shape
    row, column = np.arange(height) * rows // height, np.arange(width) * columns // width
    place = (row[:, None] * columns + column) * classes + labels
    counts = np.bincount(place.ravel(), minlength=rows * columns * classes).reshape(rows * columns, classes)
    least = SHARE * counts.sum(1)
    counts[:, 0] = 0
    found: np.ndarray = np.where(counts.max(1) >= np.maximum(least, 1), counts.argmax(1), 0)
    return found.reshape(rows, columns)


def moved(before: np.ndarray, after: np.ndarray, classes: int) -> np.ndarray:
    """Which way each class moves from one label map to the next, as an index of ``WAYS``; UNKNOWN where that isn't clear.

    >>> one, two = np.zeros((2, 30, 40), np.uint8)
    >>> one[10:20, 5:15], two[10:20, 8:18] = 3, 3
    >>> WAYS[moved(one, two, 4)[3]], WAYS[moved(one, one, 4)[3]], int(moved(one, two, 4)[1])
    ('right', 'still', -100)
    """
    found = np.full(classes, UNKNOWN)
    diagonal = math.hypot(*before.shape)
    for value in np.intersect1d(before, after):
        (y, x), (to_y, to_x) = (np.argwhere(labels == value).mean(0) for labels in (before, after))
        dx, dy = (to_x - x) / diagonal, (to_y - y) / diagonal
        far, near = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
        if far <= KEPT:
            found[value] = WAYS.index("still")
        elif MOVED <= far <= FAR and far > CLEAR * near:
            found[value] = WAYS.index(towards(dx, dy))
    found[0] = UNKNOWN
    return found
