"""The layout of structures: directions, distance from the middle, growth; and the place of all instruments together.

Needs masks. Directions are hours of a clock around another structure's middle; sizes are compared between the first and
the last frame; of instruments it is asked what all of them together cover, so that nobody need have drawn them apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from surgvqa.builders.cases import draws
from surgvqa.builders.field_kinds.compare import COVERS, are_nested, cover_answer
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.instrument_tip import clock_hour, is_clear_hour
from surgvqa.builders.kinds.tips import HOURS
from surgvqa.builders.kinds.view import NOISE, Draft, Look, all_large, around, both, single, with_suffixes
from surgvqa.builders.schema import Entity, Scene

APART = 0.08  # of the frame's diagonal: middles closer than that have no clear direction
MOST = 3  # pairs, or things, of a clip
GROWTH, ALIKE = 1.5, 1.2  # times as large, or as small; between the two it isn't asked
SIZES = ("at least half as large again", "about as large", "at most two thirds as large")
QUARTERS = ("top-left", "top-right", "bottom-left", "bottom-right")
CLEAR = 1.25  # a quarter holds so many times what the next one does
OFF = 0.03  # of the frame's diagonal: a structure whose middle is closer to the frame's is centred
WIDTHS = ("under two thirds", "two thirds to four fifths", "over four fifths")
BORDERS = (2 / 3, 4 / 5)  # of the cornea's width, between which lie the answers of `pupil_width`
BESIDE = 0.02  # so close to a border a pupil belongs to neither side


def direction(look: Look) -> Iterator[Draft]:
    """Yield the hour at which the middle of a structure lies around that of another."""
    yield from look.at_ends(lambda scene: with_suffixes(_directions(look, scene)))


def _directions(look: Look, scene: Scene) -> Iterator[Draft]:
    structures = {name: node for name, node in single(scene, "anatomy").items() if node.rle is not None}
    names = sorted(structures)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    for a, b in draws.shuffle(pairs, *look.key("direction"))[:MOST]:
        if draws.fraction(*look.key("direction", a, b)) < 0.5:
            a, b = b, a
        at, of = structures[a].centroid, structures[b].centroid
        if at is None or of is None:
            continue
        hour = clock_hour(at, of)
        far = math.dist(at, of) >= APART * math.hypot(scene.width, scene.height) and is_clear_hour(at, of)
        steady = {clock_hour(one, of) for one in around(*at)} | {clock_hour(at, one) for one in around(*of)}
        whole = look.has_whole_mask(structures[a], scene) and look.has_whole_mask(structures[b], scene)
        yield Draft(
            hour,
            (scene.time_s,),
            {"a": a, "b": b, "when": look.when(scene.time_s)},
            HOURS,
            visible=all_large(look, (structures[a], structures[b]), scene),
            stable=far and whole and steady == {hour} and not are_nested(structures[a], structures[b]),
        )


def off_centre(look: Look) -> Iterator[Draft]:
    """Yield the hour at which the middle of a structure lies, seen from the middle of the frame."""
    yield from look.at_ends(lambda scene: _off_centre(look, scene))


def _off_centre(look: Look, scene: Scene) -> Iterator[Draft]:
    middle = (scene.width / 2, scene.height / 2)
    drafts = []
    for name, node in draws.shuffle(sorted(single(scene, "anatomy").items()), *look.key("off_centre")):
        if node.centroid is None or node.rle is None:
            continue
        hour = clock_hour(node.centroid, middle)
        steady = {clock_hour(at, middle) for at in around(*node.centroid)} == {hour}
        far = math.dist(node.centroid, middle) >= OFF * math.hypot(scene.width, scene.height)
        sure = steady and is_clear_hour(node.centroid, middle)
        stable = far and sure and look.has_whole_mask(node, scene)
        slots = {"a": name, "when": look.when(scene.time_s)}
        visible = look.large(node, scene)
        drafts.append(Draft(hour, (scene.time_s,), slots, HOURS, visible=visible, stable=stable))
    yield from ([draft for draft in drafts if draft.stable] or drafts)[:1]


def pupil_width(look: Look) -> Iterator[Draft]:
    """Yield how wide the pupil is, measured by the cornea."""
    yield from look.at_ends(lambda scene: _pupil_width(look, scene))


def _pupil_width(look: Look, scene: Scene) -> Iterator[Draft]:
    structures = single(scene, "anatomy")
    pupil, cornea = structures.get("pupil"), structures.get("cornea")
    if (
        pupil is None
        or cornea is None
        or not pupil.area
        or not cornea.area
        or not pupil.rle
        or not cornea.rle
        or pupil.bbox is None
        or cornea.bbox is None
    ):
        return
    wide, across = (_width(node) for node in (pupil, cornea))
    share, least, most = (
        wide / across,
        (wide - 2 * NOISE) / (across + 2 * NOISE),
        (wide + 2 * NOISE) / (across - 2 * NOISE),
    )
    clear = share < 1 and all(
        abs(share - border) > BESIDE and not least <= border <= most for border in BORDERS
    )
    whole = all(look.has_whole_mask(node, scene) and _inside_frame(node, scene) for node in (pupil, cornea))
    slots = {"a": "pupil", "b": "cornea", "when": look.when(scene.time_s), "choices": ", ".join(WIDTHS)}
    yield Draft(
        WIDTHS[sum(share > border for border in BORDERS)],
        (scene.time_s,),
        slots,
        WIDTHS,
        visible=all_large(look, (pupil, cornea), scene),
        stable=clear and whole,
    )


def _width(node: Entity) -> float:
    """Return how wide a thing is, from its leftmost pixel to its rightmost."""
    assert node.bbox is not None
    return max(1.0, node.bbox[2] - node.bbox[0])


def _inside_frame(node: Entity, scene: Scene) -> bool:
    """Whether a thing lies in the frame whole."""
    if node.bbox is None:
        return False
    x1, y1, x2, y2 = node.bbox
    return x1 > NOISE and y1 > NOISE and x2 < scene.width - NOISE and y2 < scene.height - NOISE


def size_change(look: Look) -> Iterator[Draft]:
    """Yield whether a thing is larger or smaller in the last frame than in the first."""
    if len(look.moments) < 2:
        return
    first, last = look.moments[0], look.moments[-1]
    if (first.width, first.height) != (last.width, last.height):
        return
    before, after = _masked_things(first), _masked_things(last)
    drafts = []
    for name in draws.shuffle(sorted(before.keys() & after.keys()), *look.key("resized")):
        one, other = before[name], after[name]
        times = (other.area or 0.0) / max(1.0, one.area or 0.0)
        clear = times >= GROWTH or 1 / ALIKE <= times <= ALIKE or times <= 1 / GROWTH
        answer = SIZES[0 if times >= GROWTH else 2 if times <= 1 / GROWTH else 1]
        whole = look.has_whole_mask(one, first) and look.has_whole_mask(other, last)
        visible = both(look.large(one, first), look.large(other, last))
        slots = {"a": name, "choices": ", ".join(SIZES)}
        evidence = (first.time_s, last.time_s)
        drafts.append(Draft(answer, evidence, slots, SIZES, visible=visible, stable=clear and whole))
    yield from with_suffixes([draft for draft in drafts if draft.stable][:MOST] or drafts[:1])


def _masked_things(scene: Scene) -> dict[str, Entity]:
    things = single(scene, "anatomy") | single(scene, "instrument")
    return {name: node for name, node in things.items() if node.rle is not None}


def tools_cover(look: Look) -> Iterator[Draft]:
    """Yield how much of the frame all instruments together cover, in five steps."""
    yield from look.at_ends(lambda scene: _tools_cover(look, scene))


def _tools_cover(look: Look, scene: Scene) -> Iterator[Draft]:
    tools = _tools(scene)
    if tools is not None:
        answer, stable = cover_answer(float(tools.mean()))
        slots = {"when": look.aside(look.when(scene.time_s)), "choices": ", ".join(COVERS)}
        yield Draft(
            answer,
            (scene.time_s,),
            slots,
            COVERS,
            aside=True,
            visible=_tools_visible(look, scene),
            stable=stable,
        )


def tools_quarter(look: Look) -> Iterator[Draft]:
    """Yield the quarter of the frame that instruments cover the most of."""
    yield from look.at_ends(lambda scene: _tools_quarter(look, scene))


def _tools_quarter(look: Look, scene: Scene) -> Iterator[Draft]:
    tools = _tools(scene)
    if tools is None:
        return
    half_y, half_x = scene.height // 2, scene.width // 2
    parts = [
        tools[:half_y, :half_x],
        tools[:half_y, half_x:],
        tools[half_y:, :half_x],
        tools[half_y:, half_x:],
    ]
    areas = [int(part.sum()) for part in parts]
    least, most = sorted(areas)[-2:]
    slots = {"when": look.aside(look.when(scene.time_s)), "choices": ", ".join(QUARTERS)}
    yield Draft(
        QUARTERS[areas.index(most)],
        (scene.time_s,),
        slots,
        QUARTERS,
        aside=True,
        visible=_tools_visible(look, scene),
        stable=most >= CLEAR * least,
    )


def _tools(scene: Scene) -> np.ndarray | None:
    """Return where instruments are, None where there is none or one isn't outlined."""
    nodes = [node for node in scene.nodes if node.type == "instrument"]
    if not nodes or any(node.rle is None for node in nodes):
        return None
    mask = np.zeros((scene.height, scene.width), bool)
    for node in nodes:
        mask |= masks.rle_to_mask(node.rle or "", scene.width, scene.height)
    return mask


def _tools_visible(look: Look, scene: Scene) -> bool | None:
    return all_large(look, (node for node in scene.nodes if node.type == "instrument"), scene)
