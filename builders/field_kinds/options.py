"""Multiple choice with hard distractors: which one of four is in view.

Distractors are things that aren't in view, each drawn the likelier, the more often training shows it in this phase: what
who knows the phase finds plausible. The thing that is there is drawn the likelier, the rarer the phase shows it. Of a
thing in a share s of the phase's moments, s(1-s) then weighs both as the answer and as a distractor: a name on the list
says nothing about whether it is right. Scored as a choice.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.kinds.view import Draft, Look, all_large, nameless
from surgvqa.builders.schema import Role, Scene

CHOICES, FEWEST = 4, 3
SELDOM = 0.2  # of a phase's moments


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
    there = sorted({n.name for n in scene.nodes if not nameless(n.name) and _comes_and_goes(look, n.name)})
    absent = [name for name in look.absent(scene) if _comes_and_goes(look, name)]
    if len(there) < 2 or not absent:
        return
    true = draws.pick_by_weight({name: look.share(name) for name in absent}, *look.key("missing"))
    odds = {name: 1 - look.share(name) for name in there}
    others = draws.several_by_weight(odds, CHOICES - 1, *look.key("missing", "shown"))
    nodes = [node for node in scene.nodes if node.name in others]
    yield _draft(look, scene, true, others, all_large(look, nodes, scene))


def _one(look: Look, scene: Scene, role: Role) -> Iterator[Draft]:
    there = sorted({node.name for node in scene.nodes if node.type == role and not nameless(node.name)})
    odds = look.plausible(role, scene)
    if not there or len(odds) < FEWEST - 1:
        return
    true = draws.pick_by_weight({name: 1 - look.share(name) for name in there}, *look.key("option", role))
    others = draws.several_by_weight(odds, CHOICES - 1, *look.key("option", role, "others"))
    nodes = [node for node in scene.nodes if node.name == true]
    yield _draft(look, scene, true, others, all_large(look, nodes, scene))


def _comes_and_goes(look: Look, name: str) -> bool:
    """Whether the phase shows a thing neither nearly always nor hardly ever.

    On a list of what is missing, who knows the phase strikes out the first and ticks the second: of 641 lists of PitVQA
    with the suction tube it was right in one.
    """
    return SELDOM <= look.share(name) <= 1 - SELDOM


def _draft(look: Look, scene: Scene, true: str, others: list[str], visible: bool | None) -> Draft:
    shuffled_choices = tuple(draws.shuffle([true, *others], *look.key("choices", true, scene.time_s)))
    slots = {"when": look.when(scene.time_s), "choices": ", ".join(shuffled_choices)}
    return Draft(true, (scene.time_s,), slots, shuffled_choices, visible=visible, stable=True)
