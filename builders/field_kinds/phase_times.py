"""Where in the clip a phase or a step changes: the second of the first frame of the new one.

Needs phases or steps that change between two frames. One of the clips without a change in twenty is asked, too: "not
within the clip". Scored as a choice among the frames' seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.field_kinds.spans import NOT_WITHIN
from surgvqa.builders.kinds.view import Draft, Look

UNCHANGED = 0.02  # of the clips without a change


def phase_change(look: Look) -> Iterator[Draft]:
    """Yield the second at which the phase changes."""
    yield from _change(look, look.view.label, "phase_change")


def step_change(look: Look) -> Iterator[Draft]:
    """Yield the second at which the step changes."""
    if look.view.case.steps:
        yield from _change(look, look.view.step, "step_change")


def _change(look: Look, label: Callable[[float], str | None], kind: str) -> Iterator[Draft]:
    labels = [label(at_s) for at_s in look.frames]
    if None in labels or len(labels) < 4:
        return
    changes = [i for i, (a, b) in enumerate(pairwise(labels), 1) if a != b]
    seconds = [f"{at_s - look.frames[0]:.1f} s" for at_s in look.frames[1:]]
    choices = (*seconds, NOT_WITHIN)
    slots = {"choices": ", ".join(choices)}
    if len(changes) == 1:
        at = changes[0]
        yield Draft(
            seconds[at - 1], (look.frames[at - 1], look.frames[at]), slots, choices, visible=True, stable=True
        )
    elif not changes and draws.fraction(*look.key(kind)) < UNCHANGED:
        evidence = (look.frames[0], look.frames[-1])
        yield Draft(NOT_WITHIN, evidence, slots, choices, nothing=True, visible=True, stable=True)
