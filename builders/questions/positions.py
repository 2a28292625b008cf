"""Positions that a question may name: words for one thing alone, and one true relation.

A relation is asked for in one word, so it must be the only right one: containment comes first, else the
larger offset of the two centres, preferring pairs whose offset is clearly along one axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import centre
from surgvqa.builders.schema import Entity, Scene

SAME_PLACE = "at the same place"
RELATION_WORDS = {"left-of": "left of", "right-of": "right of", "inside": "inside", "surrounds": "around"}
RELATIVE = ("left of", "right of", "above", "below", "inside", "around", SAME_PLACE)
CLEAR = 1.25  # a direction is clear where one offset is this many times the other
FINE = ("mask", "box", "point")


def references(scene: Scene) -> dict[str, Entity]:
    """Located entities by words that mean one of them alone: "pupil", of two gauges the "leftmost gauge"."""
    things: dict[str, Entity] = {}
    for name in dict.fromkeys(node.name for node in scene.nodes):
        same = [node for node in scene.nodes if node.name == name]
        across = {
            node.id: at[0] for node in same if (at := centre(node, scene.width, scene.height)) is not None
        }
        from_left = sorted(
            (node for node in same if node.id in across), key=lambda node: (across[node.id], node.id)
        )
        if len(from_left) < len(same) or any(node.crowd for node in same):
            continue
        if len(from_left) == 1:
            things[name] = from_left[0]
        elif across[from_left[0].id] < across[from_left[1].id]:
            things[f"leftmost {name}"] = from_left[0]
    return things


def clearest_pair(scene: Scene, things: Mapping[str, Entity], *key: object) -> tuple[str, str, str] | None:
    """Words for two things and how the first lies to the second; None where no pair has one true answer.

    Clear ones before unclear ones, an instrument to a structure before two of a role; else drawn by the key.
    """
    pairs = [(a, b) for a, b in combinations(things, 2) if things[a].name != things[b].name]
    ranking: list[tuple[bool, bool, str, str, str]] = []
    for a, b in draws.shuffle(pairs, *key):
        same_role = things[a].type == things[b].type
        if things[b].type == "instrument" if not same_role else draws.fraction("flip", *key) < 0.5:
            a, b = b, a
        short, clear = relative(scene, things[a], things[b])
        if short:
            ranking.append((not clear, same_role, a, b, short))
    best = min(ranking, key=lambda one: one[:2], default=None)
    return best[2:] if best else None


def relative(scene: Scene, a: Entity, b: Entity) -> tuple[str, bool]:
    """Return the direction of ``a`` from ``b`` by the scene's edges, and whether it is clear.

    "" where cells are all that is known and both directions hold.
    """
    rels = {edge.rel for edge in scene.edges if edge.src == a.id and edge.dst == b.id}
    for rel in ("inside", "surrounds"):
        if rel in rels:
            return RELATION_WORDS[rel], True
    sides = rels & {"left-of", "right-of", "above", "below"}
    if not sides:
        return SAME_PLACE, False
    if len(sides) == 1:
        side = sides.pop()
        return RELATION_WORDS.get(side, side), True
    at, to = centre(a, scene.width, scene.height), centre(b, scene.width, scene.height)
    if at is None or to is None or a.granularity not in FINE or b.granularity not in FINE:
        return "", False
    across, down = abs(at[0] - to[0]), abs(at[1] - to[1])
    axis = {"left-of", "right-of"} if across >= down else {"above", "below"}
    side = (sides & axis).pop()
    return RELATION_WORDS.get(side, side), max(across, down) >= CLEAR * min(across, down)
