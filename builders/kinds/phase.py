"""Which phase is shown, at the latest frame that is clear of a change of phase."""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.kinds.view import CLEAR_S, Draft, Look

NAME = "phase"
REASONING = "recognition"


def drafts(look: Look) -> Iterator[Draft]:
    """Yield the phase at the last frame that no change is near, where the case's phases are known there."""
    known = [at_s for at_s in look.frames if look.view.label(at_s) is not None]
    if not known:
        return
    clear = [at_s for at_s in known if _clear(look, at_s)]
    at_s = (clear or known)[-1]
    stable, label = bool(clear), look.view.label(at_s) or ""
    label = look.taxonomy.canonical("phase", label)
    choices = (*look.taxonomy.phases, IDLE)
    slots = {"when": look.when(at_s)}
    yield Draft(label, (at_s,), slots, choices, nothing=label == IDLE, visible=True, stable=stable)


def _clear(look: Look, at_s: float) -> bool:
    """Whether the phase is the same a little before and after; beyond what is annotated nothing is known."""
    label = look.view.label(at_s)
    return all(look.view.label(at_s + by) in (label, None) for by in (-CLEAR_S, CLEAR_S))
