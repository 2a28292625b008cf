"""Multiple choice with hard distractors: which one of four is in view.

Distractors are the things that training shows most often in this phase and that aren't in view: what who knows the phase
finds plausible. The thing that is there is drawn the likelier, the rarer the phase shows it. Scored as a choice.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.view import Draft, Look, all_large, nameless
from surgvqa.builders.schema import Role, Scene

CHOICES = 4


def option(look: Look) -> Iterator[Draft]:
    """Yield which one of four instruments is in view."""
    yield from look.at_ends(lambda scene: _one(look, scene, "instrument"))


def option_anatomy(look: Look) -> Iterator[Draft]:
    """Yield which one of four structures is in view."""
    yield from look.at_ends(lambda scene: _one(look, scene, "anatomy"))


def missing(look: Look) -> Iterator[Draft]:
    """Yield which one of some things is not in view, where the others are."""
    scene = look.last
    if scene is None:
        return
    # What is in view all the time is never what is missing: offered, it would only tell.
    there = sorted({n.name for n in scene.nodes if not nameless(n.name) and not look.trivial(n.name)})
    absent = look.absent(scene)
    if len(there) < 2 or not absent:
        return
    true = look.one_of(absent[:3], "missing")
    others = draws.shuffle(there, *look.key("missing", "shown"))[: CHOICES - 1]
    nodes = [node for node in scene.nodes if node.name in others]
    yield _draft(look, scene, true, others, all_large(look, nodes, scene))


def _one(look: Look, scene: Scene, role: Role) -> Iterator[Draft]:
    there = sorted({node.name for node in scene.nodes if node.type == role and not nameless(node.name)})
    others = [name for name in look.likely(role) if name not in {*there, *look.hidden_structures(scene)}][
        : CHOICES - 1
    ]
    if not there or len(others) < CHOICES - 1:
        return
    odds = {name: 1 - look.transitions.share(look.clip.phase, name) for name in there}
    true = draws.pick_by_weight(odds, *look.key("option", role))
    nodes = [node for node in scene.nodes if node.name == true]
    yield _draft(look, scene, true, others, all_large(look, nodes, scene))


def _draft(look: Look, scene: Scene, true: str, others: list[str], visible: bool | None) -> Draft:
    shuffled_choices = tuple(draws.shuffle([true, *others], *look.key("choices", true, scene.time_s)))
    slots = {"when": look.when(scene.time_s), "choices": ", ".join(shuffled_choices)}
    return Draft(true, (scene.time_s,), slots, shuffled_choices, visible=visible, stable=True)
