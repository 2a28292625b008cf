"""Boxes: where the box of a thing is at a moment, and what a box holds.

Needs boxes or masks. A box is ``[x1, y1, x2, y2]`` in thousandths of the frame's sides; what it holds is a
choice among four of its own role, the others plausible in this phase.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.field_kinds.options import CHOICES
from surgvqa.builders.kinds.view import Draft, Look, numbered, single
from surgvqa.builders.schema import Entity, Scene

NOT_VISIBLE = "not visible"
ABSENT = 0.15
MOST = 3  # boxes asked for of a clip
ALONE = 0.5  # IoU with any other box from which on a box doesn't tell which thing is meant


def text(node: Entity, scene: Scene) -> str:
    """Return a thing's box in thousandths of the frame."""
    assert node.bbox is not None
    sides = (scene.width, scene.height) * 2
    numbers = [min(1000, max(0, round(1000 * at / side))) for at, side in zip(node.bbox, sides, strict=True)]
    return f"[{', '.join(map(str, numbers))}]"


def box(look: Look) -> Iterator[Draft]:
    """Yield the box of a thing that its name alone means."""
    scene = look.last
    if scene is None or not look.known.boxed:
        return
    absent = look.absent(scene, "instrument")
    if absent and draws.fraction(*look.key("absent box")) < ABSENT:
        slots = {"a": look.one_of(absent, "box"), "when": look.when(scene.time_s)}
        yield Draft(NOT_VISIBLE, (scene.time_s,), slots, nothing=True, stable=True)
        return
    yield from look.at_ends(lambda scene: numbered(_boxes(look, scene)))


def _boxes(look: Look, scene: Scene) -> Iterator[Draft]:
    found = {
        name: node
        for role in ("instrument", "anatomy")
        for name, node in single(scene, role).items()
        if node.bbox is not None and node.granularity in ("box", "mask")
    }
    tools = [name for name, node in found.items() if node.type == "instrument"]
    asked = draws.shuffled(tools or list(found), *look.key("box"))[:MOST]
    for name in asked:
        yield Draft(
            text(found[name], scene),
            (scene.time_s,),
            {"a": name, "when": look.when(scene.time_s)},
            visible=look.large(found[name], scene),
            stable=look.outlined(found[name], scene),
        )


def in_box(look: Look) -> Iterator[Draft]:
    """Yield what the box of an instrument holds, of four instruments."""
    yield from look.at_ends(lambda scene: numbered(_held(look, scene)))


def _held(look: Look, scene: Scene) -> Iterator[Draft]:
    nodes = [
        node
        for node in scene.nodes
        if node.type == "instrument"
        and node.bbox is not None
        and node.granularity in ("box", "mask")
        and not node.crowd
    ]
    there = {node.name for node in nodes}
    others = [name for name in look.likely("instrument") if name not in there]
    for node in draws.shuffled([node.id for node in nodes], *look.key("in_box")):
        one = next(other for other in nodes if other.id == node)
        if any(_iou(one, other) >= ALONE for other in nodes if other is not one):
            continue
        wrong = [*sorted(there - {one.name}), *others][: CHOICES - 1]
        if len(wrong) < CHOICES - 1:
            continue
        mixed = tuple(draws.shuffled([one.name, *wrong], *look.key("in_box", node, scene.time_s)))
        slots = {"a": text(one, scene), "when": look.when(scene.time_s), "choices": ", ".join(mixed)}
        visible = look.large(one, scene)
        yield Draft(one.name, (scene.time_s,), slots, mixed, visible=visible, stable=True)


def _iou(a: Entity, b: Entity) -> float:
    assert a.bbox is not None and b.bbox is not None
    across = min(a.bbox[2], b.bbox[2]) - max(a.bbox[0], b.bbox[0])
    down = min(a.bbox[3], b.bbox[3]) - max(a.bbox[1], b.bbox[1])
    both = max(0.0, across) * max(0.0, down)
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a.bbox, b.bbox)]
    return both / max(1e-9, sum(areas) - both)
