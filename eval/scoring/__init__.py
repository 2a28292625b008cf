"""Whether answers are right, and what a set of them is worth."""

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
