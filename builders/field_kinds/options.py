"""Multiple choice with hard distractors: which one of four is in view.

Distractors are drawn from what isn't in view, the likelier, the more often the phase shows it: what who knows the phase
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
    if look.names("anatomy"):
        yield from look.at_ends(lambda scene: _one(look, scene, "anatomy"))


def missing(look: Look) -> Iterator[Draft]:
    """Yield which one of some things is not in view, where the others are."""
    scene = look.last
    if scene is None:
        return
    # What is in view all the time is never what is missing: offered, it would only tell.
    there = sorted({n.name for n in scene.nodes if not nameless(n.name) and not look.trivial(n.name)})
    absent = look.absent(scene)
    if len(there) < CHOICES - 1 or not absent:
        return  # of two in view, one of them always there, who never looks knows the half
    true = look.distractors(absent, 1, "missing")[0]
    rarity = {name: 1 - look.transitions.share(look.clip.phase, name) for name in there}
    others: list[str] = []
    while rarity and len(others) < CHOICES - 1:
        others.append(draws.pick_by_weight(rarity, *look.key("missing", "shown", len(others))))
        del rarity[others[-1]]
    nodes = [node for node in scene.nodes if node.name in others]
    yield _draft(look, scene, true, others, all_large(look, nodes, scene))


def _one(look: Look, scene: Scene, role: Role) -> Iterator[Draft]:
    there = sorted({node.name for node in scene.nodes if node.type == role and not nameless(node.name)})
    if not there:
        return
    absent = set(look.likely(role)) - {*there, *look.hidden_structures(scene)}
    others = look.distractors(absent, CHOICES - 1, "option", "others", role, scene.time_s)
    if len(others) < CHOICES - 1:
        return
    odds = {name: 1 - look.transitions.share(look.clip.phase, name) for name in there}
    true = draws.pick_by_weight(odds, *look.key("option", role))
    nodes = [node for node in scene.nodes if node.name == true]
    yield _draft(look, scene, true, others, all_large(look, nodes, scene))


def _draft(look: Look, scene: Scene, true: str, others: list[str], visible: bool | None) -> Draft:
    shuffled_choices = tuple(draws.shuffle([true, *others], *look.key("choices", true, scene.time_s)))
    slots = {"when": look.when(scene.time_s), "choices": ", ".join(shuffled_choices)}
    return Draft(true, (scene.time_s,), slots, shuffled_choices, visible=visible, stable=True)
