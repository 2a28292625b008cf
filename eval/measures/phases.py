"""Phases over time: segmental F1 at an overlap, and the edit score (Lea et al., CVPR 2017), from labels a frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from surgvqa.eval.measures.values import temporal_iou

Segment = tuple[str, int, int]


def segments(labels: Sequence[str]) -> list[Segment]:
    """Return the stretches of one label: its name, first frame, and the frame behind its last.

    >>> segments(["a", "a", "b"])
    [('a', 0, 2), ('b', 2, 3)]
    """
    stretches, start = [], 0
    for label, own in groupby(labels):
        end = start + len(list(own))
        stretches.append((label, start, end))
        start = end
    return stretches


def segmental_f1(predictions: Sequence[str], true: Sequence[str], overlap: float) -> float:
    """Return the F1 of stretches: one is found where a true one of its label, not found before, overlaps by as much.

    >>> segmental_f1("aabb", "aaab", 0.5), segmental_f1("abab", "aabb", 0.5)
    (1.0, 0.6666666666666666)
    """
    predicted_segments, true_segments = segments(predictions), segments(true)
    matched_indices: set[int] = set()
    for label, start, end in predicted_segments:
        overlaps = [
            (temporal_iou((start, end), (s, e)), i)
            for i, (name, s, e) in enumerate(true_segments)
            if name == label
        ]
        best = max(overlaps, default=(0.0, -1))
        if best[0] >= overlap and best[1] not in matched_indices:
            matched_indices.add(best[1])
    return (
        2 * len(matched_indices) / (len(predicted_segments) + len(true_segments))
        if predicted_segments or true_segments
        else 1.0
    )


def edit_score(predictions: Sequence[str], true: Sequence[str]) -> float:
    """Return how alike two orders of stretches are: 1 less the Levenshtein distance over the longer one.

    >>> edit_score("aabb", "ab"), edit_score("ab", "ba")
    (1.0, 0.0)
    """
    a, b = [label for label, *_ in segments(predictions)], [label for label, *_ in segments(true)]
    row = list(range(len(b) + 1))
    for i, label in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (label != other))
    return 1 - row[-1] / max(len(a), len(b), 1)
