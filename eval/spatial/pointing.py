"""Score the config ``pointing``: places in answers, beside guessers that saw no pixel.

Every figure has a fixed denominator: an answer that can't be read, or is missing, or comes on top of the
right ones, counts as off by the whole frame. Two objects of an answer never share a target (Hungarian
matching), so pointing everywhere hits nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from surgvqa.builders.configs.pointing import STEP
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.coordinate_text import Location, ParsedText, parse
from surgvqa.builders.geometry.coordinates import Space, box_centre, cell, iou, quadrant
from surgvqa.builders.schema import Box, Point

Row = Mapping[str, Any]  # a row of builders.pointing.POINTING_FEATURES
NEAR = 0.05  # of the diagonal: as good as a hit where a source knows no more than a point


@dataclass(frozen=True, slots=True)
class Truth:
    """One target of a row, in 0-1 of the frame."""

    label: str
    position: str
    point: Point | None
    box: Box | None
    mask: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A target and the object matched to it; one of them None for what is missing or superfluous."""

    truth: Truth | None
    item: Location | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The reading of an answer to a row: parsed, matched, and the step it names."""

    answer: ParsedText
    pairs: tuple[Pair, ...]
    step: str | None


def truths(row: Row) -> tuple[Truth, ...]:
    """Return the targets of a row."""
    return tuple(
        Truth(label, position, tuple(point) or None, tuple(box) or None, mask)
        for label, position, point, box, mask in zip(
            row["labels"], row["positions"], row["points"], row["boxes"], row["masks"], strict=True
        )
    )


def read(row: Row, text: str) -> Reading:
    """Return an answer to a row, its objects matched to the row's targets."""
    step = None
    if row["kind"] == "grounded":
        first, _, rest = text.strip().partition("\n")
        if first.startswith(STEP):
            step, text = first.removeprefix(STEP).strip(), rest
    answer = parse(text, row["form"], Space(*row["space"]))
    return Reading(answer, match(row, truths(row), answer.objects), step)


def match(row: Row, targets: Sequence[Truth], items: Sequence[Location]) -> tuple[Pair, ...]:
    """Each target with at most one object, at the least total distance; then what is left of either."""
    if not targets or not items:
        return (*(Pair(target, None) for target in targets), *(Pair(None, item) for item in items))
    cost = np.array([[_cost(row, target, item) for item in items] for target in targets])
    rows, columns = (places.tolist() for places in linear_sum_assignment(cost))
    pairs = [Pair(targets[i], items[j]) for i, j in zip(rows, columns, strict=True)]
    pairs += [Pair(target, None) for i, target in enumerate(targets) if i not in rows]
    return (*pairs, *(Pair(None, item) for j, item in enumerate(items) if j not in columns))


def _cost(row: Row, target: Truth, item: Location) -> float:
    stranger = 0.0 if same_label(row, target, item) else 0.01  # of two as near, the one with the right name
    if item.box and target.box:
        return 1 - iou(item.box, target.box) + stranger
    at = place(item)
    if at and target.point:
        return distance(row, at, target.point) + stranger
    return stranger + (0.0 if word(row, item) == target.position else 1.0)


def place(item: Location | None) -> Point | None:
    """Return the point of an object, or the middle of its box."""
    return None if item is None else item.point or (box_centre(item.box) if item.box else None)


def distance(row: Row, a: Point, b: Point) -> float:
    """Between two points, as a part of the picture's diagonal.

    >>> distance({"width": 300, "height": 400}, (0, 0), (1, 1))
    1.0
    """
    width, height = row["width"], row["height"]
    return math.hypot((a[0] - b[0]) * width, (a[1] - b[1]) * height) / math.hypot(width, height)


def word(row: Row, item: Location) -> str | None:
    """Return the position an object is at, in the words the row's source uses: cells, or quadrants."""
    point = place(item)
    if point is None:
        return item.word
    return quadrant(point) if row["granularity"] == "quadrant" else cell(point)


def same_label(row: Row, target: Truth, item: Location) -> bool:
    """Whether an object is called as its target; one without a name answers the one name asked for."""
    plain = item.label.strip().lower().replace("_", " ")
    return plain == target.label.lower() or (not plain and row["kind"] == "locate")


def in_mask(row: Row, target: Truth, point: Point) -> bool:
    """Whether a point lies on a pixel of the target's mask."""
    width, height = row["mask_size"]
    x, y = min(width - 1, int(point[0] * width)), min(height - 1, int(point[1] * height))
    return bool(_mask(target.mask, width, height)[y, x])


@lru_cache(maxsize=256)
def _mask(rle: str, width: int, height: int) -> np.ndarray:
    return masks.rle_to_mask(rle, width, height)


def is_located(row: Row, pair: Pair) -> bool:
    """Whether an object is where its target is, as finely as the target is known and the form can say."""
    target, item = pair.truth, pair.item
    if target is None or item is None:
        return False
    point = place(item)
    if item.box and target.box:
        return iou(item.box, target.box) >= 0.5
    if point is None or row["granularity"] in ("cell", "quadrant"):
        return word(row, item) == target.position
    if target.mask:
        return in_mask(row, target, point)
    if target.box:
        return target.box[0] <= point[0] <= target.box[2] and target.box[1] <= point[1] <= target.box[3]
    return target.point is not None and distance(row, point, target.point) <= NEAR


def measures(row: Row, reading: Reading) -> dict[str, float]:
    """Every figure that applies to a row, each in 0-1."""
    pairs, answer = reading.pairs, reading.answer
    out: dict[str, float] = {"unreadable": float(answer.error is not None)}
    if not row["visible"]:
        out["false_pointing"] = float(bool(answer.objects))
        out["right_abstention"] = float(answer.absent)
        return out
    out["wrong_abstention"] = float(answer.absent)
    if row["kind"] == "grounded":
        out["step_accuracy"] = float(reading.step == row["phase"])
    fine = row["granularity"] not in ("cell", "quadrant")
    both = [(p.truth, p.item) for p in pairs if p.truth and p.item]
    points = [(t.point, place(i)) for t, i in both]
    point_pairs = [(a, b) for a, b in points if a and b]
    words = row["form"] == "words"
    if any(p.truth.mask for p in pairs if p.truth) and not words:
        hits = [t.mask != "" and (q := place(i)) is not None and in_mask(row, t, q) for t, i in both]
        out["point_in_mask"] = sum(hits) / len(pairs)
    if any(p.truth.point for p in pairs if p.truth) and not words:
        off = len(pairs) - len(point_pairs)  # each by the whole frame
        out["distance"] = (sum(distance(row, a, b) for a, b in point_pairs) + off) / len(pairs)
        out["mae_x"] = (sum(abs(a[0] - b[0]) for a, b in point_pairs) + off) / len(pairs)
        out["mae_y"] = (sum(abs(a[1] - b[1]) for a, b in point_pairs) + off) / len(pairs)
        if point_pairs:
            out["distance_where_answered"] = sum(distance(row, a, b) for a, b in point_pairs) / len(
                point_pairs
            )
    metric = "cell_accuracy" if fine or row["granularity"] == "cell" else "quadrant_accuracy"
    out[metric] = sum(word(row, i) == t.position for t, i in both) / len(pairs)
    if fine and not words:
        right = [a is not None and b is not None and quadrant(a) == quadrant(b) for a, b in points]
        out["quadrant_accuracy"] = sum(right) / len(pairs)
    if any(p.truth.box for p in pairs if p.truth) and any(i.box for _, i in both):
        out["iou"] = sum(iou(i.box, t.box) for t, i in both if i.box and t.box) / len(pairs)
    elif row["form"] in ("box", "tokens"):
        out["iou"] = 0.0
    return out
