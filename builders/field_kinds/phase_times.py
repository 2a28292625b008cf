"""In which third of the clip a phase or a step changes.

Needs phases or steps that change once within the frames, half a second clear of the thirds' borders and of the clip's
ends, for their labels are no surer; and an instrument in view around it, where these are annotated. One in fifty of the clips without a change is asked, too: "not within the clip".
Scored as a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.field_kinds.spans import NOT_WITHIN
from surgvqa.builders.kinds.view import CLEAR_S, Draft, Look

CHOICES = ("in its first third", "in its middle third", "in its last third", NOT_WITHIN)
BARE_S = 2.0  # seconds around a change of which one must show an instrument, where instruments are annotated
UNCHANGED_SHARE = 0.02  # of the clips without a change


def phase_change(look: Look) -> Iterator[Draft]:
    """Yield the third in which the phase changes."""
    yield from _change(look, look.view.label, "phase_change")


def step_change(look: Look) -> Iterator[Draft]:
    """Yield the third in which the step changes."""
    if look.view.case.steps:
        yield from _change(look, look.step, "step_change")


def _moment(label: Callable[[float], str | None], before: float, after: float) -> float:
    """Return when a label changes, by halves, to less than a millisecond.

    >>> round(_moment(lambda at_s: "a" if at_s < 4 else "b", 3.0, 5.0), 3)
    4.0
    """
    old = label(before)
    while after - before > 0.0005:
        middle = (before + after) / 2
        before, after = (middle, after) if label(middle) == old else (before, middle)
    return after


def is_bare(look: Look, change_s: float) -> bool:
    """Whether the annotations show no instrument around a change: nothing in the frames tells it."""
    moments = look.view.between(change_s - BARE_S, change_s + BARE_S)
    return (
        bool(moments)
        and look.annotates("instrument")
        and not any(node.type == "instrument" for scene in moments for node in scene.nodes)
    )


def _change(look: Look, label: Callable[[float], str | None], kind: str) -> Iterator[Draft]:
    labels = [label(at_s) for at_s in look.frames]
    if None in labels or len(labels) < 4:
        return
    start_s, end_s = look.clip.start_ms / 1000, (look.clip.end_ms - 1) / 1000
    changes = [i for i, (a, b) in enumerate(pairwise(labels), 1) if a != b]
    slots = {"choices": ", ".join(CHOICES)}
    if len(changes) == 1:
        before, after = look.frames[changes[0] - 1], look.frames[changes[0]]
        length = end_s - start_s
        change = _moment(label, before, after)
        bounds = (before + 1e-6, after - 1e-6, change - CLEAR_S, change + CLEAR_S)
        places = {int(3 * (at - start_s) // length) for at in bounds}
        near = [label(at_s) for at_s in (start_s, start_s + CLEAR_S, end_s - CLEAR_S, end_s)]
        clear = near == [labels[0], labels[0], labels[-1], labels[-1]] and length > 4 * CLEAR_S
        answer = CHOICES[min(2, min(places))]
        stable = clear and len(places) == 1
        yield Draft(answer, (before, after), slots, CHOICES, visible=not is_bare(look, change), stable=stable)
    elif not changes and draws.fraction(*look.key(kind)) < UNCHANGED_SHARE:
        evidence = (look.frames[0], look.frames[-1])
        stable = label(start_s) == label(end_s) == labels[0]
        yield Draft(NOT_WITHIN, evidence, slots, CHOICES, nothing=True, visible=True, stable=stable)
