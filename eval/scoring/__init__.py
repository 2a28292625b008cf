"""Whether answers are right, and what a set of them is worth."""

__all__ = [
    "calibration",
    "compare",
    "grid_answers",
    "kinds",
    "lists",
    "match",
    "negation",
    "probes",
    "score",
    "statistics",
    "verdicts",
    "vocabulary",
]
