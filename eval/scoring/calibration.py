"""Calibration: a model's confidence against its correctness.

A prediction's confidence is the mean probability of its answer's tokens, 0 to 1. Expected calibration
error after Guo et al. 2017 (arXiv:1706.04599) with bins of equal width, and with bins of equal size, which
a model that is always nearly sure cannot hide in; selective accuracy after Geifman & El-Yaniv 2017
(arXiv:1705.08500): how good the answers are if only the surest are given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from surgvqa.cards.command import InputError
from surgvqa.eval.documents.calibration import Bin, Calibration, Coverage
from surgvqa.eval.scoring.verdicts import Judgement

Array = npt.NDArray[np.float64]
BINS = 10
COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def calibration(every: Sequence[Judgement], rule: str) -> Calibration | None:
    """All figures of the answers that carry a confidence; None where none does.

    Raises:
        InputError: a confidence that is not between 0 and 1.
    """
    sure = [judgement for judgement in every if judgement.row.confidence is not None]
    if not sure:
        return None
    confidence = np.array([judgement.row.confidence for judgement in sure], dtype=float)
    if wrong := [judgement.row for judgement in sure if not 0 <= float(judgement.row.confidence or 0) <= 1]:
        raise InputError(
            f"confidence {wrong[0].confidence} of {wrong[0].qa_id!r} is not a mean probability: expected 0 to 1"
        )
    right = np.array([judgement.verdicts[rule].correct for judgement in sure], dtype=float)
    return {
        "n": len(sure),
        "without_confidence": len(every) - len(sure),
        "mean_confidence": float(confidence.mean()),
        "accuracy": float(right.mean()),
        "overconfidence": float(confidence.mean() - right.mean()),
        "ece": ece(confidence, right),
        "ece_equal_size": ece(confidence, right, equal_size=True),
        "brier": float(((confidence - right) ** 2).mean()),
        "auroc": auroc(confidence, right),
        "reliability": reliability(confidence, right),
        "selective": selective(confidence, right),
    }


def reliability(confidence: Array, right: Array, equal_size: bool = False) -> list[Bin]:
    """Return the points of the reliability plot: per bin how sure and how right; empty bins are left out.

    >>> reliability(np.array([0.1, 0.15, 0.95]), np.array([0.0, 1.0, 1.0]))[0]
    {'low': 0.1, 'high': 0.2, 'n': 2, 'confidence': 0.125, 'accuracy': 0.5}
    """
    edges = np.linspace(0, 1, BINS + 1)
    if equal_size:
        edges = np.unique(np.quantile(confidence, edges))
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, max(0, len(edges) - 2))
    return [
        {
            "low": round(float(edges[bin_]), 6),
            "high": round(float(edges[min(bin_ + 1, len(edges) - 1)]), 6),
            "n": int((place == bin_).sum()),
            "confidence": float(confidence[place == bin_].mean()),
            "accuracy": float(right[place == bin_].mean()),
        }
        for bin_ in np.unique(place)
    ]


def ece(confidence: Array, right: Array, equal_size: bool = False) -> float:
    """Return the mean distance of sureness and correctness over bins, each answer counting once.

    >>> round(ece(np.array([0.9, 0.9, 0.9, 0.9]), np.array([1.0, 0.0, 1.0, 0.0])), 3)
    0.4
    """
    bins = reliability(confidence, right, equal_size)
    return sum(one["n"] * abs(one["confidence"] - one["accuracy"]) for one in bins) / len(right)


def auroc(confidence: Array, right: Array) -> float | None:
    """Return the share of pairs in which the right answer is surer than the wrong one (ties half); None without pairs.

    >>> auroc(np.array([0.9, 0.8, 0.3]), np.array([1.0, 0.0, 0.0]))
    1.0
    """
    hits, misses = int(right.sum()), int(len(right) - right.sum())
    if not hits or not misses:
        return None
    _, place, count = np.unique(confidence, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]  # ties share their mean rank
    return float((rank[right == 1].sum() - hits * (hits + 1) / 2) / (hits * misses))


def selective(confidence: Array, right: Array) -> list[Coverage]:
    """Accuracy if only the surest share is answered; where sureness ties, the share takes them evenly.

    >>> selective(np.array([0.9, 0.8, 0.3, 0.2]), np.array([1.0, 1.0, 0.0, 0.0]))[4]
    {'coverage': 0.5, 'accuracy': 1.0}
    """
    _, place, count = np.unique(-confidence, return_inverse=True, return_counts=True)
    even = (np.bincount(place, weights=right) / count)[place]  # each answer as right as those as sure as it
    running = np.cumsum(even[np.argsort(place, kind="stable")]) / np.arange(1, len(right) + 1)
    sizes = [max(1, round(coverage * len(right))) for coverage in COVERAGES]
    return [
        {"coverage": coverage, "accuracy": float(running[size - 1])}
        for coverage, size in zip(COVERAGES, sizes, strict=True)
    ]
