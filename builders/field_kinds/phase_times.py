"""In which third of the clip a phase or a step changes.

Needs phases or steps that change once within the frames, half a second clear of the thirds' borders and of the clip's
ends, for their labels are no surer. One in fifty of the clips without a change, and with none seconds before or after
them, is asked, too: "not within the clip".
Scored as a choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.moments import BORDER_S
from surgvqa.builders.field_kinds.spans import NOT_WITHIN
from surgvqa.builders.kinds.view import CLEAR_S, Draft, Look

CHOICES = ("in its first third", "in its middle third", "in its last third", NOT_WITHIN)
SEEN_S = 2.0  # of a change, within which an instrument must be in view
LOOK_S = 0.25  # between two looks at the label: no stretch is shorter
UNCHANGED_SHARE = 0.02  # of the clips without a change


def phase_change(look: Look) -> Iterator[Draft]:
    """Yield the third in which the phase changes."""
    for draft in _change(look, look.view.label, look.view.phase_clear, "phase_change"):
        plain = draft.nothing or _something_seen(look, draft.evidence)
        yield draft if plain else replace(draft, stable=False)


def _something_seen(look: Look, around_s: tuple[float, ...]) -> bool:
    """Whether an instrument is in view near a change, where anybody says what is: nothing else marks a phase."""
    scenes = look.view.between(min(around_s) - SEEN_S, max(around_s) + SEEN_S)
    tools = [node for scene in scenes for node in scene.nodes if node.type == "instrument"]
    return bool(tools) or not scenes or not look.annotates("instrument")


def step_change(look: Look) -> Iterator[Draft]:
    """Yield the third in which the step changes."""
    if look.view.case.steps:
        yield from _change(look, look.step, look.view.step_clear, "step_change")


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


def _changes_once(look: Look, label: Callable[[float], str | None]) -> bool:
    """Whether a label changes once from the first frame to the last, between two frames, too."""
    start_s, lasts_s = look.frames[0], look.frames[-1] - look.frames[0]
    looks = math.ceil(lasts_s / LOOK_S)
    labels = [label(start_s + lasts_s * i / looks) for i in range(looks + 1)]
    return sum(a != b for a, b in pairwise(labels)) == 1


def _change(
    look: Look, label: Callable[[float], str | None], clear_of: Callable[[float, float], bool], kind: str
) -> Iterator[Draft]:
    labels = [label(at_s) for at_s in look.frames]
    if None in labels or len(labels) < 4:
        return
    changes = [i for i, (a, b) in enumerate(pairwise(labels), 1) if a != b]
    slots = {"choices": ", ".join(CHOICES)}
    clear_s = max(CLEAR_S, look.view.case.moment_error_s)
    if look.frames[-1] - look.frames[0] <= 4 * clear_s and look.view.case.moment_error_s:
        return
    if len(changes) == 1:
        before, after = look.frames[changes[0] - 1], look.frames[changes[0]]
        third, length = (look.frames[-1] - look.frames[0]) / 3, look.frames[-1] - look.frames[0]
        change = _moment(label, before, after)
        bounds = (before + 1e-6, after - 1e-6, change - clear_s, change + clear_s)
        places = {int((at - look.frames[0]) // third) for at in bounds}
        near = [label(at_s) for at_s in (look.frames[0] + clear_s, look.frames[-1] - clear_s)]
        clear = near == [labels[0], labels[-1]] and length > 4 * clear_s and _changes_once(look, label)
        answer = CHOICES[min(2, min(places))]
        yield Draft(answer, (before, after), slots, CHOICES, visible=True, stable=clear and len(places) == 1)
    elif (
        not changes
        and all(clear_of(at_s, BORDER_S) for at_s in look.frames)
        and draws.fraction(*look.key(kind)) < UNCHANGED_SHARE
    ):
        evidence = (look.frames[0], look.frames[-1])
        yield Draft(NOT_WITHIN, evidence, slots, CHOICES, nothing=True, visible=True, stable=True)
