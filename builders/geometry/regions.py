"""Boxes and intervals of time in a text, and whether one overlaps another by half or more."""

from __future__ import annotations

import re
from collections.abc import Sequence

from surgvqa.builders.geometry.coordinates import iou

LEAST = 0.5  # overlap over union from which on a box, or an interval, is the right one
NUMBER = r"(-?\d+(?:\.\d+)?)"
BOX = re.compile(rf"{NUMBER}\s*,\s*{NUMBER}\s*,\s*{NUMBER}\s*,\s*{NUMBER}")
SECONDS = r"(\d+(?:\.\d+)?)\s*(?:s\b|sec\w*)?"
SPAN = re.compile(rf"{SECONDS}\s*(?:-|–|—|\bto\b|\bto the\b|\buntil\b|\band\b)\s*{SECONDS}", re.IGNORECASE)

Box = tuple[float, float, float, float]
Span = tuple[float, float]
Stretch = tuple[Span, frozenset[str]]  # an interval of time, and the names of what it shows


def boxes(text: str) -> set[Box]:
    """Return the boxes of a text: four numbers with commas between them.

    >>> boxes("It is at [10, 20, 30, 40].")
    {(10.0, 20.0, 30.0, 40.0)}
    """
    return {(float(a), float(b), float(c), float(d)) for a, b, c, d in BOX.findall(text)}


def true_box(answer: str) -> Box | None:
    """Return the box that a true answer is, None where it is something else.

    >>> true_box("[1, 2, 3, 4]"), true_box("center")
    ((1.0, 2.0, 3.0, 4.0), None)
    """
    inside = answer.strip()
    candidates = boxes(inside)
    return (
        candidates.pop() if inside.startswith("[") and inside.endswith("]") and len(candidates) == 1 else None
    )


def spans(text: str) -> set[Span]:
    """Return the intervals of a text, in seconds.

    >>> sorted(spans("from 1 s to 3.5 s")), sorted(spans("1.0-3.0 s")), spans("at 2 s")
    ([(1.0, 3.5)], [(1.0, 3.0)], set())
    """
    return {(float(a), float(b)) for a, b in SPAN.findall(text) if float(a) < float(b)}


def true_span(answer: str) -> Span | None:
    """Return the interval that a true answer is, None where it is something else.

    >>> true_span("1.0-3.0 s"), true_span("up to 2 s"), true_span("2 to 4 s")
    ((1.0, 3.0), None, None)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?) s", answer.strip())
    return (float(match[1]), float(match[2])) if match else None


def same_box(box: Box, true: Box) -> bool:
    """Return whether two boxes have an intersection over union of at least 0.5.

    >>> same_box((0, 0, 10, 10), (0, 0, 10, 6)), same_box((0, 0, 10, 10), (0, 0, 10, 4))
    (True, False)
    """
    whole = box[0] < box[2] and box[1] < box[3]
    return whole and iou(box, true) >= LEAST


def same_span(span: Span, true: Span) -> bool:
    """Return whether two intervals have an intersection over union of at least 0.5.

    >>> same_span((0, 4), (1, 4)), same_span((0, 4), (3, 4))
    (True, False)
    """
    return temporal_iou(span, true) >= LEAST


def same_stretches(stretches: Sequence[Stretch], true: Sequence[Stretch]) -> bool:
    """Whether two tellings have the same stretches in the same order: equal names, and a temporal IoU of at least 0.5.

    >>> true = [((0.0, 3.0), frozenset({"hook"})), ((3.0, 6.0), frozenset({"none"}))]
    >>> same_stretches([((0.0, 2.0), true[0][1]), ((2.0, 6.0), true[1][1])], true), same_stretches(true[:1], true)
    (True, False)
    """
    return len(stretches) == len(true) and all(
        names == true_names and same_span(span, true_span)
        for (span, names), (true_span, true_names) in zip(stretches, true, strict=True)
    )


def temporal_iou(window: tuple[float, float], true: tuple[float, float]) -> float:
    """Return the overlap of two windows over their union, in seconds.

    >>> temporal_iou((0, 10), (5, 15))
    0.3333333333333333
    """
    overlap = max(0.0, min(window[1], true[1]) - max(window[0], true[0]))
    union = (window[1] - window[0]) + (true[1] - true[0]) - overlap
    return overlap / union if union > 0 else 0.0
