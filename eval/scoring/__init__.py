"""Whether answers are right, and what a set of them is worth."""

__all__ = [
    "calibration",
    "compare",
    "kinds",
    "match",
    "probes",
    "score",
    "shares",
    "statistics",
    "verdicts",
    "vocabulary",
]
