"""Kinds of questions on what is there, where it is and what changes, a file a topic: what each needs, its certificate."""

__all__ = [
    "changes",
    "count",
    "in_place",
    "phase",
    "places",
    "presence",
    "things",
    "tip_moves",
    "tip_pairs",
    "tips",
    "view",
]
