"""The phase at the latest frame that is seconds clear of a change of phase.

Where instruments are labelled, the frames of that phase must show a thing that speaks for it (`Transitions.tells`): a grasper
alone is in view in all phases. That nothing is under way an empty picture shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surgvqa.builders.cases.moments import BORDER_S
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.kinds.view import CLEAR_S, Draft, Look
from surgvqa.builders.schema import Scene


def drafts(look: Look) -> Iterator[Draft]:
    """Yield the phase at the last frame that no change is near, and at the first where that is another one."""
    labelled_frames = [at_s for at_s in look.frames if look.view.label(at_s) is not None]
    if not labelled_frames:
        return
    clear = [at_s for at_s in labelled_frames if look.view.phase_clear(at_s, BORDER_S)]
    clear = [at_s for at_s in clear if _label(look, at_s) in _choices(look) and _is_told(look, at_s)]
    last = _phase(look, (clear or labelled_frames)[-1], stable=bool(clear))
    yield last
    if clear and (first := _phase(look, clear[0], stable=True)).answer != last.answer:
        yield replace(first, suffix="-start")


def _phase(look: Look, at_s: float, *, stable: bool) -> Draft:
    label, slots = _label(look, at_s), {"when": look.when(at_s)}
    return Draft(label, (at_s,), slots, _choices(look), nothing=label == IDLE, visible=True, stable=stable)


def _is_told(look: Look, at_s: float) -> bool:
    """Whether something that the frames of a phase show speaks for it; where nobody labels any of them, nobody can tell."""
    moments = [
        scene
        for scene in look.view.between(look.frames[0], look.frames[-1])
        if look.view.label(scene.time_s) == look.view.label(at_s)
        and any(abs(scene.time_s - frame_s) <= CLEAR_S for frame_s in look.frames)
    ]
    if not moments or not look.annotates("instrument") or len(look.transitions.phases) < 2:
        return True
    if _label(look, at_s) == IDLE:
        return any(all(node.type != "instrument" for node in scene.nodes) for scene in moments)
    phase = look.view.label(at_s) or ""
    return any(look.transitions.tells(phase, name) for scene in moments for name in _names(scene))


def _names(scene: Scene) -> set[str]:
    return {node.name for node in scene.nodes}


def _label(look: Look, at_s: float) -> str:
    return look.taxonomy.canonical("phase", look.view.label(at_s) or "")


def _choices(look: Look) -> tuple[str, ...]:
    """Return the phases that training shows, in the procedure's order: one that never is the answer is no choice."""
    train_phases = {look.taxonomy.canonical("phase", label) for label in look.transitions.phases}
    return tuple(name for name in (*look.taxonomy.phases, IDLE) if name in train_phases)
