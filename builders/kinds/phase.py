"""The phase at the latest frame that is seconds clear of a change of phase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surgvqa.builders.cases.moments import BORDER_S
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.kinds.view import Draft, Look


def drafts(look: Look) -> Iterator[Draft]:
    """Yield the phase at the last frame that no change is near, and at the first where that is another one."""
    labelled_frames = [at_s for at_s in look.frames if look.view.label(at_s) is not None]
    if not labelled_frames:
        return
    clear = [at_s for at_s in labelled_frames if look.view.phase_clear(at_s, BORDER_S)]
    clear = [at_s for at_s in clear if _label(look, at_s) in _choices(look)]
    last = _phase(look, (clear or labelled_frames)[-1], stable=bool(clear))
    yield last
    if clear and (first := _phase(look, clear[0], stable=True)).answer != last.answer:
        yield replace(first, suffix="-start")


def _phase(look: Look, at_s: float, *, stable: bool) -> Draft:
    label, slots = _label(look, at_s), {"when": look.when(at_s)}
    return Draft(label, (at_s,), slots, _choices(look), nothing=label == IDLE, visible=True, stable=stable)


def _label(look: Look, at_s: float) -> str:
    return look.taxonomy.canonical("phase", look.view.label(at_s) or "")


def _choices(look: Look) -> tuple[str, ...]:
    """Return the phases that training shows, in the procedure's order: one that never is the answer is no choice."""
    train_phases = {look.taxonomy.canonical("phase", label) for label in look.transitions.phases}
    return tuple(name for name in (*look.taxonomy.phases, IDLE) if name in train_phases)
