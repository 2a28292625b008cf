"""A case and its time: scenes, phases laid flat, windows, splits, and what splits share."""

__all__ = [
    "agreement",
    "balance",
    "draws",
    "leakage",
    "scene",
    "splits",
    "timeline",
    "times",
    "transitions",
    "windows",
]
