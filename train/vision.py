"""A vision tower learns from masks, before any words: what lies under each of its tokens, what comes and what goes.

surgvqa-build … --segmentation instruments --out DIR
surgvqa-train vision --data DIR --model runs/random --out runs/seeing --max-pixels 5880
torchrun --nproc-per-node 2 -m surgvqa.train vision …      # the same batches, divided

From random weights the answers to questions teach a tower slowly: one word of an answer has to find its place in the
picture by itself. A mask says of every token what lies there. Two annotated moments in a row are a video of two
frames, which the tower merges into one step of time. One linear layer reads from each token what lies under it in the
first and in the second frame, which of the nine parts of the frame that is (the language model's rotary frequencies
tell it badly), and which way the thing there moves; and from all of them the phase, and what came and what went between
the two frames. It is thrown away in the end. The language model stays as it was, and the tower takes part in
`surgvqa-train sft` as ever.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import torch
from surgvqa.builders.motion import CLEAR, WAYS, towards
from surgvqa.builders.scene import CELLS
from surgvqa.builders.segmentation import decode_labels, labels_of
from surgvqa.cards.command import InputError
from surgvqa.eval import run_segmentation
from surgvqa.eval.budget import Budget
from surgvqa.eval.encode import Encoder
from surgvqa.eval.pixels import decode_all, patchify, to_float
from surgvqa.train import together
from surgvqa.train.base import load
from surgvqa.train.optimizer import Together, divided, part_of
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm
from transformers import PreTrainedModel, get_cosine_schedule_with_warmup
from trl import ModelConfig

COLUMNS = ("row_id", "case_id", "time_s", "classes", "image", "label_map")
FRAMES = 2  # that the towers of Qwen-VL merge into one step of time
SHARE = 0.2  # of a token's area that a thing must cover to be what lies under it
CLASSES_WEIGH = 3.0  # against the rest: most tokens are background and soon right
CELLS_WEIGH = 1.0
CHANGES_WEIGH = 2.0
REPEATED = 3  # times in an epoch, at most
WARM_UP = 0.04  # of all steps
# Of the frame's diagonal: what moves, and what keeps still; between them nothing is said.
MOVED, KEPT = 0.02, 0.005
FAR = 0.12  # a thing that got farther than this in one step was taken out and put back
UNKNOWN = -100  # what cross-entropy leaves out
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
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


class Reader(nn.Module):
    """Reads what the tower's tokens tell: one linear layer."""

    def __init__(self, width: int, classes: int, phases: int) -> None:
        super().__init__()
        self.parts = (FRAMES * classes, len(CELLS), len(WAYS), max(1, phases), 2 * classes)
        self.linear = nn.Linear(width, sum(self.parts))

    def forward(self, tokens: Tensor) -> Read:
        """(n, tokens, width) to logits."""
        classes, cells, ways, *whole = self.linear(tokens).split(self.parts, -1)
        # A sum over n tokens that vary alike varies by the root of n: so the whole is as loud as a token.
        phases, changes = (part.sum(1) / math.sqrt(part.shape[1]) for part in whole)
        return Read(classes.unflatten(-1, (FRAMES, -1)), cells, ways, phases, changes.unflatten(-1, (2, -1)))


def main(args: argparse.Namespace) -> None:
    """Train, then say how well the tower tells what it sees in operations it hasn't seen, and write the model."""
    device = together.device(args.device)
    together.join(device)
    torch.manual_seed(args.seed)
    processor, model = load(ModelConfig(model_name_or_path=args.model, dtype="float32"))
    budget = Budget(FRAMES, "video", min(Budget(FRAMES).min_pixels, args.max_pixels), args.max_pixels)
    part = Encoder(processor, budget).part
    phases = phases_of(args.data, "train")
    known = sorted({name for stretches in phases.values() for _, _, name in stretches})
    train = pairs(args.data, "train", phases, known)
    classes = train[0].after["classes"]
    reader = Reader(model.config.get_text_config().hidden_size, len(classes), len(known)).to(device)
    model = model.to(device)
    learn(model, reader, train, part, args, device)
    if not together.first():
        return
    told: dict[str, Any] = {"pairs": len(train), "classes": list(classes), "phases": known}
    if list((args.data / "segmentation").glob("validation-*.parquet")):
        held_out = pairs(args.data, "validation", phases_of(args.data, "validation"), known)
        told["validation"] = figures(model, reader, held_out, part, args.batch_size, device)
        print(json.dumps(told["validation"]))
    model.save_pretrained(args.out)
    processor.save_pretrained(args.out)
    (args.out / "vision.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


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


def looked(model: PreTrainedModel, patches: Tensor, grids: Tensor, part: Any) -> Tensor:
    """(n, tokens, width): what the tower hands to the language model of n videos of one size."""
    found = model.get_video_features(to_float(patches, part), video_grid_thw=grids).pooler_output
    return torch.cat(list(found)).view(len(grids), -1, found[0].shape[-1])


def learn(
    model: PreTrainedModel,
    reader: Reader,
    train: Sequence[Pair],
    part: Any,
    args: argparse.Namespace,
    device: torch.device,
) -> None:
    """All epochs; every process takes its part of each batch."""
    for name, one in model.named_parameters():
        one.requires_grad_(part_of(name) in ("vision", "projector"))
    both = nn.ModuleDict({"model": model, "reader": reader})
    muon, rest = divided([(name, one) for name, one in model.named_parameters() if one.requires_grad])
    rest += reader.parameters()
    optimizer = Together(
        [
            torch.optim.Muon(muon, args.muon_learning_rate, weight_decay=0.05),
            torch.optim.AdamW(rest, args.learning_rate, betas=(0.9, 0.95), weight_decay=0.05),
        ]
    )
    steps = len(train) // args.batch_size * args.epochs
    if steps < 1:
        raise InputError(
            f"{len(train)} pairs of moments for batches of {args.batch_size}; give a smaller --batch-size"
        )
    schedule = get_cosine_schedule_with_warmup(optimizer, round(WARM_UP * steps), steps)
    model.train()
    bar = tqdm(
        batches(train, args.batch_size, args.epochs, args.seed),
        total=steps,
        desc="vision",
        disable=None if together.first() else True,
    )
    for number, batch in enumerate(bar, 1):
        loss = lost(model, reader, batch[together.rank() :: together.size()], part, device)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        together.mean_gradients(both)
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if number % 50 == 0 or number == steps:
            bar.set_postfix(loss=f"{float(loss.detach()):.3f}")


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


def lost(
    model: PreTrainedModel, reader: Reader, some: Sequence[Pair], part: Any, device: torch.device
) -> Tensor:
    """The loss of some pairs."""
    patches, grids, truth = encoded(some, part)
    read = reader(looked(model, patches.to(device), grids.to(device), part))
    summed = functional.binary_cross_entropy_with_logits(
        read.changes, truth.changes.to(device), reduction="sum"
    )
    total = CHANGES_WEIGH * together.mean(summed, len(some))
    weights = (CLASSES_WEIGH, CELLS_WEIGH, 1.0, 1.0)
    for logits, labels, weight in zip(read[:-1], truth[:-1], weights, strict=True):
        flat = labels.to(device).flatten()
        summed = functional.cross_entropy(logits.flatten(0, -2), flat, ignore_index=UNKNOWN, reduction="sum")
        total = total + weight * together.mean(summed, int((flat != UNKNOWN).sum()))
    return total


@torch.no_grad()
def figures(
    model: PreTrainedModel,
    reader: Reader,
    held_out: Sequence[Pair],
    part: Any,
    size: int,
    device: torch.device,
) -> dict[str, float]:
    """Of unseen operations, how much is read right: of things' tokens and of the rest, of cells, ways and phases; and
    in how many of the pairs in which something comes or goes all that does, and in how many others that nothing does.
    """
    model.eval()
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for start in range(0, len(held_out), size):
        patches, grids, truth = encoded(held_out[start : start + size], part)
        read = reader(looked(model, patches.to(device), grids.to(device), part))
        things = truth.classes > 0
        for name, logits, labels, wanted in (
            ("things", read.classes, truth.classes, things),
            ("background", read.classes, truth.classes, ~things),
            ("cells", read.cells, truth.cells, truth.cells != UNKNOWN),
            ("ways", read.ways, truth.ways, truth.ways != UNKNOWN),
            ("phases", read.phases, truth.phases, truth.phases != UNKNOWN),
        ):
            right[name] += int((logits.argmax(-1).cpu() == labels)[wanted].sum())
            asked[name] += int(wanted.sum())
        exact = ((read.changes.cpu() > 0) == (truth.changes > 0)).flatten(1).all(1)
        changed = truth.changes.flatten(1).any(1)
        for name, wanted in (("changes", changed), ("unchanged", ~changed)):
            right[name] += int(exact[wanted].sum())
            asked[name] += int(wanted.sum())
    return {name: right[name] / count for name, count in asked.items() if count}
