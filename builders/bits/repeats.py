"""Repeated clips: a held-out clip that shows only what the clip before it shows is left out.

A phase of a quarter of an hour gives 180 clips of 5 s with one answer; a guesser who has it for one has it for all, and
a model is measured no better on 180 than on a few. After a clip in which one phase gives way to another, a clip of the
second one alone shows nothing new, either.
"""

from __future__ import annotations

from collections.abc import Sequence

from surgvqa.builders.schema import QA, Clip

STATE = ("phase", "step", "instruments", "anatomy")  # what such a clip shows
# Kinds that follow from the state alone; a clip with a question of another kind shows more and stays.
FOLLOWS = {*STATE, "step_of", "classes", "presence", "option", "option_anatomy", "missing"}
NOTHING = {"entered": ("none",), "exited": ("none",), "seen_when": ("at both ends", "at neither end")}


def fresh(
    clips: Sequence[Clip], pool: Sequence[tuple[QA, ...]]
) -> tuple[tuple[Clip, ...], tuple[tuple[QA, ...], ...]]:
    """Return the clips of a case, in order of time, that show something that the one before doesn't, with their pools."""
    kept_indices: list[int] = []
    before: frozenset[tuple[str, str]] = frozenset()
    for index, questions in enumerate(pool):
        shows = frozenset((qa.kind, qa.short_answer) for qa in questions if qa.kind in STATE)
        still = all(qa.kind in FOLLOWS or qa.short_answer in NOTHING.get(qa.kind, ()) for qa in questions)
        if not (still and shows and shows <= before):
            kept_indices.append(index)
        before = shows
    return tuple(clips[i] for i in kept_indices), tuple(pool[i] for i in kept_indices)
