"""The number of instruments visible at a moment of the clip, where each is outlined."""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.kinds.view import Draft, Look, all_large
from surgvqa.builders.schema import Scene


def count(look: Look) -> Iterator[Draft]:
    """Yield the instruments of a moment, counted; not where some are only named or drawn as a crowd."""
    if look.annotates("instrument") and look.transitions.located and not look.transitions.crowded:
        yield from look.at_ends(lambda scene: _count(look, scene))


def _count(look: Look, scene: Scene) -> Iterator[Draft]:
    nodes = [node for node in scene.nodes if node.type == "instrument"]
    if not any(node.granularity == "presence" for node in nodes):
        yield Draft(
            str(len(nodes)),
            (scene.time_s,),
            {"when": look.aside(look.when(scene.time_s))},
            nothing=not nodes,
            aside=True,
            visible=all_large(look, nodes, scene),
            stable=True,
            unique=not any(node.crowd for node in nodes),
        )


def count_class(look: Look) -> Iterator[Draft]:
    """Yield how many of one class are visible; only classes of which training ever shows two at once."""
    scene = look.last
    if scene is None or look.transitions.crowded:
        return
    nodes = [node for node in scene.nodes if node.type == "instrument"]
    if any(node.granularity == "presence" or node.crowd for node in nodes):
        return
    for number, name in enumerate(look.transitions.several, 1):
        own = [node for node in nodes if node.name == name]
        yield Draft(
            str(len(own)),
            (scene.time_s,),
            {"a": name, "when": look.when(scene.time_s)},
            nothing=not own,
            visible=all_large(look, own, scene),
            stable=True,
            suffix="" if number == 1 else f"-{number}",
        )


def classes(look: Look) -> Iterator[Draft]:
    """Yield how many different instruments are in view, where they are only named."""
    if look.names("instrument") and not look.transitions.located:
        yield from look.at_ends(lambda scene: _different(look, scene))


def _different(look: Look, scene: Scene) -> Iterator[Draft]:
    names = {node.name for node in scene.nodes if node.type == "instrument"}
    slots = {"when": look.aside(look.when(scene.time_s))}
    yield Draft(str(len(names)), (scene.time_s,), slots, nothing=not names, aside=True, stable=True)
