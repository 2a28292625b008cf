"""The phase at the latest frame that is seconds clear of a change of phase.

Where instruments are labelled, the frames of that phase must show a thing that speaks for it (`Transitions.tells`): a grasper
alone is in view in all phases. That nothing is under way an empty picture shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from surgvqa.builders.cases.moments import BORDER_S
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.cases.transitions import Transitions
from surgvqa.builders.kinds.view import CLEAR_S, Draft, Look
from surgvqa.builders.procedures.taxonomy import Taxonomy


def drafts(look: Look) -> Iterator[Draft]:
    """Yield the phase at the last frame that no change is near, and at the first where that is another one."""
    labels = {at_s: label for at_s in look.frames if (label := look.view.label(at_s)) is not None}
    if not labels:
        return
    choices = _choices(look.taxonomy, look.transitions)
    names = {label: look.taxonomy.canonical("phase", label) for label in set(labels.values())}
    fit = {label for label, name in names.items() if name in choices and _is_told(look, label, name)}
    clear = [at_s for at_s in labels if labels[at_s] in fit and look.view.phase_clear(at_s, BORDER_S)]

    def phase(at_s: float) -> Draft:
        name, slots = names[labels[at_s]], {"when": look.when(at_s)}
        stable = bool(clear)
        return Draft(name, (at_s,), slots, choices, nothing=name == IDLE, visible=True, stable=stable)

    yield (last := phase((clear or [*labels])[-1]))
    if clear and (first := phase(clear[0])).answer != last.answer:
        yield replace(first, suffix="-start")


def _is_told(look: Look, label: str, name: str) -> bool:
    """Whether something that the frames of a phase show speaks for it; where nobody labels any of them, nobody can tell."""
    if not look.annotates("instrument") or len(look.transitions.phases) < 2:
        return True
    moments = [
        scene
        for scene in look.view.between(look.frames[0], look.frames[-1])
        if look.view.label(scene.time_s) == label and look.near_frame(scene.time_s, CLEAR_S)
    ]
    if not moments:
        return True
    if name == IDLE:
        return any(all(node.type != "instrument" for node in scene.nodes) for scene in moments)
    in_view = {node.name for scene in moments for node in scene.nodes}
    return any(look.transitions.tells(label, thing) for thing in in_view)


def _choices(taxonomy: Taxonomy, transitions: Transitions) -> tuple[str, ...]:
    """Return the phases that training shows, in the procedure's order: one that never is the answer is no choice."""
    train_phases = {taxonomy.canonical("phase", label) for label in transitions.phases}
    return tuple(name for name in (*taxonomy.phases, IDLE) if name in train_phases)
