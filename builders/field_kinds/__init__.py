"""Kinds that the field asks beyond what is where, a file each: what it needs, its answer, its certificate."""

__all__ = [
    "actions",
    "boxes",
    "compare",
    "criteria",
    "layout",
    "options",
    "phase_times",
    "rewordings",
    "seen_when",
    "spans",
    "steps",
]
