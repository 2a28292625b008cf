"""A case and its time: scenes, phases laid flat, windows, splits, and what splits share."""

__all__ = [
    "agreement",
    "balance",
    "case_index",
    "draws",
    "leakage",
    "moments",
    "scene",
    "splits",
    "timeline",
    "times",
    "transitions",
    "windows",
]
