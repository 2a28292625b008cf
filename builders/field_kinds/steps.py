"""Steps, finer than phases: which one is under way. Needs ``Case.steps``; scored as text.

A step is asked about at the last frame that no change of step is near, and at the first where that is another one.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.moments import BORDER_S
from surgvqa.builders.kinds.view import Draft, Look


def step(look: Look) -> Iterator[Draft]:
    """Yield the step under way."""
    clear = clear_frames(look)
    last_label: str | None = None
    for number, at_s in enumerate(dict.fromkeys((*clear[-1:], *clear[:1]))):
        label = look.step(at_s) or ""
        if label != last_label:
            slots = {"when": look.when(at_s)}
            suffix = "-start" if number else ""
            yield Draft(label, (at_s,), slots, visible=True, stable=True, suffix=suffix)
        last_label = label


def step_of(look: Look) -> Iterator[Draft]:
    """Yield which of four steps is under way; the others are neighbours of the true one in the cases' order."""
    clear = clear_frames(look)
    names = look.transitions.steps
    if not clear or len(names) < 4:
        return
    at_s = clear[-1]
    true = look.step(at_s) or ""
    ring = list(dict.fromkeys([*names, true]))
    start = ring.index(true) - draws.pick(range(4), *look.key("step_of"))
    run = tuple(ring[(start + place) % len(ring)] for place in range(4))
    shuffled_choices = tuple(draws.shuffle(run, *look.key("step choices")))
    slots = {"when": look.when(at_s), "choices": ", ".join(shuffled_choices)}
    yield Draft(true, (at_s,), slots, shuffled_choices, visible=True, stable=True)


def clear_frames(look: Look) -> list[float]:
    """Return the frames whose step is known and the same for some seconds before and after."""
    if not look.view.case.steps:
        return []
    return [
        at_s for at_s in look.frames if look.step(at_s) is not None and look.view.step_clear(at_s, BORDER_S)
    ]
