"""The instruments and the structures visible at a moment of the clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from surgvqa.builders.cases.timeline import NONE
from surgvqa.builders.kinds.view import Draft, Look, all_large, nameless
from surgvqa.builders.questions import wording
from surgvqa.builders.questions.captions import listed_names
from surgvqa.builders.schema import Role, Scene

FEWEST_CLASSES = 2  # of which it is asked which are in view
# Of the picture, below which nobody lists a structure for sure. In Endoscapes a triangle of 0.33 % was seen by none of two
# readers; half of its triangles are smaller than 0.6 %.
CLEAR_SHARE = 0.005
NEAR_S = 10.0  # between two moments, of which the one shows a structure and the other doesn't


def instruments(look: Look) -> Iterator[Draft]:
    """Yield the instruments of the last moment."""
    if look.names("instrument"):
        yield from look.at_ends(lambda scene: _instruments(look, scene))


def _instruments(look: Look, scene: Scene) -> Iterator[Draft]:
    names = listed_names(scene, "instrument", look.taxonomy.instruments)
    slots = {"when": look.aside(look.when(scene.time_s))}
    yield from _list_names(look, scene, "instrument", names, Draft("", (scene.time_s,), slots, aside=True))


def anatomy(look: Look) -> Iterator[Draft]:
    """Yield the structures of the last moment, of those that training shows: others are in view and never outlined."""
    if look.names("anatomy"):
        yield from look.at_ends(lambda scene: _anatomy(look, scene))


def _anatomy(look: Look, scene: Scene) -> Iterator[Draft]:
    roles = look.transitions.roles
    known_names = sorted(name for name in roles if roles[name] == "anatomy" and not nameless(name))
    classes = sorted(known_names, key=lambda name: _place(name, look.taxonomy.anatomy))
    names = listed_names(scene, "anatomy", look.taxonomy.anatomy)
    if len(classes) < FEWEST_CLASSES or not {*names} <= {*classes}:
        return
    slots = {"when": look.when(scene.time_s), "choices": ", ".join(classes)}
    unique = not look.hidden_structures(scene) and _are_clear(look, scene, names)
    yield from _list_names(look, scene, "anatomy", names, Draft("", (scene.time_s,), slots, unique=unique))


def _are_clear(look: Look, scene: Scene, names: list[str]) -> bool:
    """Whether each structure is clearly in view, or clearly out of it: large, or lacking in a moment right before or after, too."""
    least = CLEAR_SHARE * scene.width * scene.height
    areas: dict[str, float] = {}
    for node in scene.nodes:
        if node.type == "anatomy":
            areas[node.name] = areas.get(node.name, 0.0) + (least if node.area is None else node.area)
    if any(area < least for area in areas.values()):
        return False
    around = [
        {node.name for node in one.nodes if node.type == "anatomy"}
        for one in look.view.between(scene.time_s - NEAR_S, scene.time_s + NEAR_S)
        if one is not scene
    ]
    before_and_after = set.intersection(*around) if len(around) > 1 else set()
    return before_and_after <= {*names}


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _list_names(look: Look, scene: Scene, role: Role, names: list[str], draft: Draft) -> Iterator[Draft]:
    """Yield a draft with some names as its answer."""
    if any(map(nameless, names)):  # which ones, nobody said
        return
    yield replace(
        draft,
        answer=", ".join(names) or NONE,
        answer_phrase=wording.join_names(names),
        nothing=not names,
        visible=all_large(look, (node for node in scene.nodes if node.type == role), scene),
        stable=True,
    )
