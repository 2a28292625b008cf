"""Confidence against correctness, as a part of a score."""

from __future__ import annotations

from typing_extensions import TypedDict


class Bin(TypedDict):
    """A bin of the reliability plot."""

    low: float
    """lower end"""
    high: float
    """upper end"""
    n: int
    """answers"""
    confidence: float
    """mean confidence in it"""
    accuracy: float
    """share that is right, 0 to 1"""


class Coverage(TypedDict):
    """Accuracy on the surest share of the answers."""

    coverage: float
    """share of the surest answers"""
    accuracy: float
    """share that is right, 0 to 1"""


class Calibration(TypedDict):
    """Confidence against correctness."""

    n: int
    """answers with a confidence"""
    without_confidence: int
    """answers without"""
    mean_confidence: float
    """0 to 1"""
    accuracy: float
    """share that is right, 0 to 1"""
    overconfidence: float
    """mean confidence minus accuracy"""
    ece: float
    """expected calibration error, bins of equal width"""
    ece_equal_size: float
    """the same with bins of equal size"""
    brier: float
    """mean squared distance of confidence and correctness"""
    auroc: float | None
    """how well confidence tells right from wrong"""
    reliability: list[Bin]
    """bins of confidence"""
    selective: list[Coverage]
    """accuracy on the surest shares"""
