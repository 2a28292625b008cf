"""The phase at the latest frame that is seconds clear of a change of phase.

A phase that has instruments of its own is asked where the clip shows one of them: a grasper that holds still for two
minutes while a clip is due is there in every phase.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surgvqa.builders.cases.moments import BORDER_S
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.kinds.view import Draft, Look, nameless


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
    nothing = label == IDLE
    visible = nothing or _is_marked(look, look.view.label(at_s) or "")
    return Draft(label, (at_s,), slots, _choices(look), nothing=nothing, visible=visible, stable=stable)


def _is_marked(look: Look, label: str) -> bool:
    """Whether the clip shows one of the instruments that a phase has of its own; True where it has none, or nobody says."""
    names = {
        node.name
        for scene in look.moments
        if look.view.label(scene.time_s) == label
        for node in scene.nodes
        if node.type == "instrument"
    }
    unknown = not look.moments or any(map(nameless, names))
    own_names = look.transitions.own_instruments(label)
    return unknown or not own_names or not own_names.isdisjoint(names)


def _label(look: Look, at_s: float) -> str:
    return look.taxonomy.canonical("phase", look.view.label(at_s) or "")


def _choices(look: Look) -> tuple[str, ...]:
    """Return the phases that training shows, in the procedure's order: one that never is the answer is no choice."""
    train_phases = {look.taxonomy.canonical("phase", label) for label in look.transitions.phases}
    return tuple(name for name in (*look.taxonomy.phases, IDLE) if name in train_phases)
