"""Boxes: where the box of a thing is at a moment, and what a box holds.

Needs boxes or masks. A box is ``[x1, y1, x2, y2]`` in thousandths of the frame's sides; what it holds is a
choice among four of its own role, the others plausible in this phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.field_kinds.options import CHOICES
from surgvqa.builders.kinds.view import Draft, Look, single, with_suffixes
from surgvqa.builders.schema import Entity, Scene

NOT_VISIBLE = "not visible"
ABSENT = 0.15
MOST = 3  # boxes asked for of a clip
ALONE = 0.5  # IoU with any other box from which on a box doesn't tell which thing is meant
INSIDE = 0.5  # of another instrument's box, from which on that one is in the box, too
APART = 0.1  # of the same, up to which nobody takes it for being in the box


def text(node: Entity, scene: Scene) -> str:
    """Return a thing's box in thousandths of the frame."""
    assert node.bbox is not None
    sides = (scene.width, scene.height) * 2
    numbers = [min(1000, max(0, round(1000 * at / side))) for at, side in zip(node.bbox, sides, strict=True)]
    return f"[{', '.join(map(str, numbers))}]"


def box(look: Look) -> Iterator[Draft]:
    """Yield the box of a thing that its name alone means."""
    scene = look.last
    if scene is None or not look.transitions.boxed:
        return
    absent = look.absent(scene, "instrument")
    if absent and draws.fraction(*look.key("absent box")) < ABSENT:
        slots = {"a": look.boxed_part(look.one_of(absent, "box")), "when": look.when(scene.time_s)}
        yield Draft(NOT_VISIBLE, (scene.time_s,), slots, nothing=True, stable=True)
        return
    yield from look.at_ends(lambda scene: with_suffixes(_boxes(look, scene)))


def _boxes(look: Look, scene: Scene) -> Iterator[Draft]:
    nodes = {
        name: node
        for role in ("instrument", "anatomy")
        for name, node in single(scene, role).items()
        if node.bbox is not None and node.granularity in ("box", "mask")
    }
    tools = [name for name, node in nodes.items() if node.type == "instrument"]
    names = draws.shuffle(tools or list(nodes), *look.key("box"))[:MOST]
    for name in names:
        yield Draft(
            text(nodes[name], scene),
            (scene.time_s,),
            {
                "a": look.boxed_part(name) if nodes[name].type == "instrument" else name,
                "when": look.when(scene.time_s),
            },
            visible=look.large(nodes[name], scene),
            stable=look.has_whole_mask(nodes[name], scene),
        )


def in_box(look: Look) -> Iterator[Draft]:
    """Yield which of the instruments in view the box of one holds; of one alone in view, which of four."""
    yield from look.at_ends(lambda scene: with_suffixes(_contents(look, scene)))


def _contents(look: Look, scene: Scene) -> Iterator[Draft]:
    nodes = [
        node
        for node in scene.nodes
        if node.type == "instrument"
        and node.bbox is not None
        and node.granularity in ("box", "mask")
        and not node.crowd
    ]
    there = {node.name for node in nodes}
    absent = set(look.likely("instrument")) - there
    others = look.distractors(absent, CHOICES - 1, "in_box", "others", scene.time_s)
    for node in draws.shuffle([node.id for node in nodes], *look.key("in_box")):
        one = next(other for other in nodes if other.id == node)
        beside = [other for other in nodes if other is not one]
        if not alone(one, beside):
            continue
        in_part = {
            other.name
            for other in beside
            if _held_share(other, one) > APART or _held_share(one, other) > INSIDE
        }
        # Whoever knows which instruments are used together guesses between those in view: only they are choices. Of 493
        # boxes of Cataract-1K with the tip and the spatula beside two that weren't there, the latter were right in 4.
        wrong = sorted(there - {one.name} - in_part)[: CHOICES - 1] or others
        least = 1 if there - {one.name} else CHOICES - 1
        if len(wrong) < least:
            continue
        shuffled_choices = tuple(draws.shuffle([one.name, *wrong], *look.key("in_box", node, scene.time_s)))
        slots = {
            "a": text(one, scene),
            "when": look.when(scene.time_s),
            "choices": ", ".join(shuffled_choices),
        }
        visible = look.large(one, scene)
        yield Draft(one.name, (scene.time_s,), slots, shuffled_choices, visible=visible, stable=True)


def alone(one: Entity, others: Iterable[Entity]) -> bool:
    """Whether a thing's box means that thing: no other one has nearly the same box, or lies in it."""
    boxed_others = [other for other in others if other.bbox is not None]
    return all(_iou(one, other) < ALONE and _held_share(other, one) < INSIDE for other in boxed_others)


def _held_share(a: Entity, b: Entity) -> float:
    """Return the part of a thing's box that lies in another one's."""
    assert a.bbox is not None
    x1, y1, x2, y2 = a.bbox
    return _overlap(a, b) / max(1e-9, (x2 - x1) * (y2 - y1))


def _iou(a: Entity, b: Entity) -> float:
    assert a.bbox is not None and b.bbox is not None
    both = _overlap(a, b)
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a.bbox, b.bbox)]
    return both / max(1e-9, sum(areas) - both)


def _overlap(a: Entity, b: Entity) -> float:
    assert a.bbox is not None and b.bbox is not None
    across = min(a.bbox[2], b.bbox[2]) - max(a.bbox[0], b.bbox[0])
    down = min(a.bbox[3], b.bbox[3]) - max(a.bbox[1], b.bbox[1])
    return max(0.0, across) * max(0.0, down)
