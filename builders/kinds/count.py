"""How many instruments are visible at a moment of the clip, where each is outlined."""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.kinds.view import Draft, Look


def count(look: Look) -> Iterator[Draft]:
    """Yield the instruments of the last moment, counted; not where some are only named or drawn as a crowd."""
    scene = look.last
    if scene is None or not look.annotates("instrument") or not look.known.located:
        return
    nodes = [node for node in scene.nodes if node.type == "instrument"]
    if any(node.granularity == "presence" for node in nodes):
        return
    sizes = [look.large(node, scene) for node in nodes]
    yield Draft(
        str(len(nodes)),
        (scene.time_s,),
        {"when": look.when(scene.time_s)},
        nothing=not nodes,
        visible=None if None in sizes else all(sizes),
        stable=True,
        unique=not any(node.crowd for node in nodes),
    )
