"""Verdicts on answers, and the figures of a set of them."""

__all__ = [
    "board",
    "calibration",
    "compare",
    "kinds",
    "match",
    "probes",
    "score",
    "shares",
    "statistics",
    "stretches",
    "verdicts",
    "vocabulary",
]
