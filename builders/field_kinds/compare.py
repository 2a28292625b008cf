"""Things held against each other: which lies further left, higher, is larger; how much of the frame one covers.

Needs masks, or boxes for the middles of things. A difference is asked where it is clear: a twentieth of the frame between
middles, half as much again between areas. Scored as a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import CELLS, grid_cell
from surgvqa.builders.geometry import masks
from surgvqa.builders.kinds.view import Draft, Look, all_large, around, both, single, with_suffixes
from surgvqa.builders.questions.motion import MOSTLY, MOVES, towards
from surgvqa.builders.schema import Entity, Scene

APART = 0.05  # of the frame's side
LARGER, MUCH = 1.5, 5.0  # times; from five on nobody needs to look
SHARES = (0.02, 0.06, 0.15, 0.30)  # of the frame; between these lie the answers of `cover`
COVERS = ("under 2 %", "2 to 6 %", "6 to 15 %", "15 to 30 %", "over 30 %")
CLEAR_SHARE = 0.1  # of a border, within which a share belongs to neither side
MOST = 3  # pairs of a clip
MOST_OF_IT = 0.75  # of a mask's pixels


def left_of(look: Look) -> Iterator[Draft]:
    """Yield which of two structures has its middle further to the left."""
    yield from _pairs(look, "left_of", lambda node: node.centroid[0] if node.centroid else None, APART)


def higher(look: Look) -> Iterator[Draft]:
    """Yield which of two structures has its middle higher."""
    yield from _pairs(look, "higher", lambda node: node.centroid[1] if node.centroid else None, APART)


def larger(look: Look) -> Iterator[Draft]:
    """Yield which of two things covers more of the frame."""
    yield from _pairs(look, "larger", lambda node: node.area, None)


def _masked_things(scene: Scene) -> dict[str, Entity]:
    """Return the things of a moment that their names alone mean, and that have a mask."""
    both = single(scene, "anatomy") | single(scene, "instrument")
    return {name: node for name, node in both.items() if node.rle is not None}


def _pairs(
    look: Look, kind: str, value: Callable[[Entity], float | None], apart: float | None
) -> Iterator[Draft]:
    scene = look.last
    things = _masked_things(scene) if scene is not None else {}
    if scene is None:
        return
    values = {name: at for name, node in things.items() if (at := value(node)) is not None}
    if apart is not None:
        values = {name: at for name, at in values.items() if things[name].type == "anatomy"}
    names = sorted(values)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    drafts = []
    for a, b in draws.shuffle(pairs, *look.key(kind)):
        one, other = (a, b) if draws.fraction(*look.key(kind, a, b)) < 0.5 else (b, a)
        if apart is None:
            low, high = sorted((values[a], values[b]))
            # Of an implanted lens in the pupil nobody can say whether the pupil is what is left of it.
            clear = LARGER * low <= high <= MUCH * low and not are_nested(things[a], things[b])
            answer = max(a, b, key=lambda name: values[name])
        else:
            side = scene.width if kind == "left_of" else scene.height
            first, second = sorted((a, b), key=lambda name: values[name])
            clear = values[second] - values[first] >= apart * side and not are_nested(things[a], things[b])
            clear = clear and _is_beyond(things[first], things[second], scene, 0 if kind == "left_of" else 1)
            answer = first
        slots = {"a": one, "b": other, "when": look.when(scene.time_s)}
        visible = all_large(look, (things[a], things[b]), scene)
        clear = clear and look.has_whole_mask(things[a], scene) and look.has_whole_mask(things[b], scene)
        drafts.append(Draft(answer, (scene.time_s,), slots, (one, other), visible=visible, stable=clear))
    clear_ones = [draft for draft in drafts if draft.stable] or drafts[
        :1
    ]  # the first tells why none is asked
    yield from with_suffixes(clear_ones[:MOST])


def _is_beyond(first: Entity, second: Entity, scene: Scene, axis: int) -> bool:
    """Whether most of one mask lies before the middle of the other, and most of the other behind its middle.

    A structure in two pieces, one above and one below another, lies neither higher nor lower.
    """
    for node, other, is_before in ((first, second, True), (second, first, False)):
        if node.rle is None or other.centroid is None:
            return False
        counts = masks.rle_to_mask(node.rle, scene.width, scene.height).sum(axis)
        before = counts[: round(other.centroid[axis])].sum() / counts.sum()
        if (before if is_before else 1 - before) < MOST_OF_IT:
            return False
    return True


def are_nested(a: Entity, b: Entity) -> bool:
    """Whether the middle of one lies in the box of the other: to say which is further left would be odd."""
    return any(
        one.centroid is not None
        and other.bbox is not None
        and other.bbox[0] <= one.centroid[0] <= other.bbox[2]
        and other.bbox[1] <= one.centroid[1] <= other.bbox[3]
        for one, other in ((a, b), (b, a))
    )


def middle(look: Look) -> Iterator[Draft]:
    """Yield the cell of the frame that the middle of a structure lies in."""
    yield from look.at_ends(lambda scene: with_suffixes(_middles(look, scene)))


def _middles(look: Look, scene: Scene) -> Iterator[Draft]:
    structures = single(scene, "anatomy")
    for name in draws.shuffle(list(structures), *look.key("middle")):
        node = structures[name]
        if node.centroid is None or node.rle is None:
            continue
        cell = grid_cell(node.centroid, scene.width, scene.height)
        cells = {grid_cell(at, scene.width, scene.height) for at in around(*node.centroid)}
        slots = {"a": name, "when": look.when(scene.time_s)}
        visible = look.large(node, scene)
        stable = cells == {cell} and look.has_whole_mask(node, scene)
        yield Draft(cell, (scene.time_s,), slots, CELLS, visible=visible, stable=stable)


def cover(look: Look) -> Iterator[Draft]:
    """Yield how much of the frame a thing covers, in five steps."""
    yield from look.at_ends(lambda scene: with_suffixes(_covers(look, scene)))


def _covers(look: Look, scene: Scene) -> Iterator[Draft]:
    things = _masked_things(scene)
    for name in draws.shuffle(list(things), *look.key("cover"))[:MOST]:
        node = things[name]
        share = (node.area or 0.0) / (scene.width * scene.height)
        answer, clear = cover_answer(share)
        stable = clear and look.has_whole_mask(node, scene)
        slots = {"a": name, "when": look.when(scene.time_s), "choices": ", ".join(COVERS)}
        yield Draft(answer, (scene.time_s,), slots, COVERS, visible=look.large(node, scene), stable=stable)


def cover_answer(share: float) -> tuple[str, bool]:
    """Return the answer that a share of the frame is, and whether it is clear of the borders between answers.

    >>> cover_answer(0.1), cover_answer(0.151)
    (('6 to 15 %', True), ('15 to 30 %', False))
    """
    clear = all(abs(share - border) >= CLEAR_SHARE * border for border in SHARES)
    return COVERS[sum(share >= border for border in SHARES)], clear


def shift(look: Look) -> Iterator[Draft]:
    """Yield which way the middle of a structure lies at the last frame from where it was at the first."""
    if len(look.moments) < 2:
        return
    first, last = look.moments[0], look.moments[-1]
    before, after = single(first, "anatomy"), single(last, "anatomy")
    if (first.width, first.height) != (last.width, last.height):
        return
    drafts = []
    for name in draws.shuffle(sorted(before.keys() & after.keys()), *look.key("moved")):
        one, other = before[name].centroid, after[name].centroid
        if one is None or other is None or before[name].rle is None or after[name].rle is None:
            continue
        dx, dy = other[0] - one[0], other[1] - one[1]
        far = max(abs(dx), abs(dy)) >= MOVES * (last.width**2 + last.height**2) ** 0.5
        clear = max(abs(dx), abs(dy)) >= MOSTLY * min(abs(dx), abs(dy))
        clear = clear and look.has_whole_mask(before[name], first) and look.has_whole_mask(after[name], last)
        visible = both(look.large(before[name], first), look.large(after[name], last))
        way = towards(dx, dy)
        evidence = (first.time_s, last.time_s)
        ways = ("left", "right", "up", "down")
        drafts.append(Draft(way, evidence, {"a": name}, ways, visible=visible, stable=far and clear))
    yield from with_suffixes([draft for draft in drafts if draft.stable][:1] or drafts[:1])
