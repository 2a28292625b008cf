"""The phase at the latest frame that is seconds clear of a change of phase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.kinds.view import BORDER_S, Draft, Look


def drafts(look: Look) -> Iterator[Draft]:
    """Yield the phase at the last frame that no change is near, and at the first where that is another one."""
    labelled_frames = [at_s for at_s in look.frames if look.view.label(at_s) is not None]
    if not labelled_frames:
        return
    clear = [at_s for at_s in labelled_frames if look.view.phase_clear(at_s, BORDER_S)]
    last = _phase(look, (clear or labelled_frames)[-1], stable=bool(clear))
    yield last
    if clear and (first := _phase(look, clear[0], stable=True)).answer != last.answer:
        yield replace(first, suffix="-start")


def _phase(look: Look, at_s: float, *, stable: bool) -> Draft:
    label = look.taxonomy.canonical("phase", look.view.label(at_s) or "")
    choices = (*look.taxonomy.phases, IDLE)
    slots = {"when": look.when(at_s)}
    return Draft(label, (at_s,), slots, choices, nothing=label == IDLE, visible=True, stable=stable)
