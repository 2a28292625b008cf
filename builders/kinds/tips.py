"""The place of an instrument's tip: its hour around the pupil, its cell, the structure it lies in, its way."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import CELLS, grid_cell
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.instrument_tip import SIDES, Tip, clock_hour, is_clear_hour, step_of
from surgvqa.builders.kinds.view import NOISE, Draft, Look, around, both, single, tip, with_suffixes
from surgvqa.builders.questions.motion import MOSTLY, MOVES, towards
from surgvqa.builders.schema import Entity, Point, Scene

HOURS = tuple(f"{hour} o'clock" for hour in range(1, 13))
NOT_VISIBLE = "not visible"
ABSENT = 0.15  # of the questions where something is, so many ask for what isn't there
EYE = "pupil"
QUARTERS = ("top-left", "top-right", "center", "bottom-left", "bottom-right")  # of sources that know no finer
NOTHING = "none of them"


def instrument_tips(look: Look, scene: Scene, kind: str) -> list[tuple[str, Entity, Tip]]:
    """Return the instruments of a moment that their names alone mean and whose tips their masks tell, in drawn order."""
    instruments = single(scene, "instrument")
    ends = [
        (name, instruments[name], tip(instruments[name], scene))
        for name in draws.shuffle(list(instruments), *look.key(kind))
    ]
    return [(name, node, end) for name, node, end in ends if end is not None]


def step_at(scene: Scene) -> int:
    """Return the pixels that a tip may be off by its grid alone."""
    return step_of(scene.width, scene.height)


def eye_of(scene: Scene) -> Entity | None:
    """Return the pupil of a scene, where its middle is known."""
    return next((node for node in scene.nodes if node.name == EYE and node.centroid is not None), None)


def tip_clock(look: Look) -> Iterator[Draft]:
    """Yield the hour of a tip around the pupil's centre."""
    scene = look.last
    if scene is None or eye_of(scene) is None:
        return
    if draws.fraction(*look.key("absent tip")) < ABSENT and (absent := look.absent(scene, "instrument")):
        name = look.one_of(absent, "tip_clock")
        slots = {"a": name, "b": EYE, "when": look.when(scene.time_s)}
        yield Draft(NOT_VISIBLE, (scene.time_s,), slots, (*HOURS, NOT_VISIBLE), nothing=True, stable=True)
        return
    yield from look.at_ends(lambda scene: with_suffixes(_hours(look, scene)))


def _hours(look: Look, scene: Scene) -> Iterator[Draft]:
    eye = eye_of(scene)
    if eye is None or eye.centroid is None:
        return
    for name, node, tool in instrument_tips(look, scene, "tip_clock"):
        hour = clock_hour(tool.tip, eye.centroid)
        near = math.dist(tool.tip, eye.centroid) < 4 * (NOISE + step_at(scene))
        stable = (
            not near
            and is_clear_hour(tool.tip, eye.centroid)
            and all(clock_hour(at, eye.centroid) == hour for at in around(*tool.tip, more=step_at(scene)))
        )
        yield Draft(
            hour,
            (scene.time_s,),
            {"a": name, "b": EYE, "when": look.when(scene.time_s)},
            (*HOURS, NOT_VISIBLE),
            visible=look.large(node, scene),
            stable=stable,
        )


def tip_cell(look: Look) -> Iterator[Draft]:
    """Yield the cell of the frame that a tip lies in, where there is no eye to go by."""
    if EYE not in look.transitions.roles:
        yield from look.at_ends(lambda scene: with_suffixes(_cells(look, scene)))


def _cells(look: Look, scene: Scene) -> Iterator[Draft]:
    for name, node, tool in instrument_tips(look, scene, "tip_cell") if eye_of(scene) is None else ():
        cells = {grid_cell(at, scene.width, scene.height) for at in around(*tool.tip, more=step_at(scene))}
        yield Draft(
            grid_cell(tool.tip, scene.width, scene.height),
            (scene.time_s,),
            {"a": name, "when": look.when(scene.time_s)},
            CELLS,
            visible=look.large(node, scene),
            stable=len(cells) == 1,
        )


def position(look: Look) -> Iterator[Draft]:
    """Yield the position of an instrument that the source itself states, or that its box has: one word of its own few."""
    yield from look.at_ends(lambda scene: with_suffixes(_positions(look, scene)))


def instrument_places(scene: Scene) -> Iterator[tuple[str, Entity, bool]]:
    """Yield the instruments that have a place, and whether it is sure: the middle of a box clear of the cells' borders."""
    for name, node in single(scene, "instrument").items():
        if node.granularity not in ("cell", "quadrant", "box") or node.grid not in CELLS:
            continue
        stable = True
        if node.granularity == "box" and node.bbox is not None:
            x1, y1, x2, y2 = node.bbox
            cells = {grid_cell(at, scene.width, scene.height) for at in around((x1 + x2) / 2, (y1 + y2) / 2)}
            stable = len(cells) == 1
        yield name, node, stable


def _positions(look: Look, scene: Scene) -> Iterator[Draft]:
    places = {name: (node, stable) for name, node, stable in instrument_places(scene)}
    for name in draws.shuffle(list(places), *look.key("position")):
        node, stable = places[name]
        words = f"middle of the {look.boxed_part(name)}" if node.granularity == "box" else name
        choices = QUARTERS if node.granularity == "quadrant" else CELLS
        slots = {"a": f"the {words}", "when": look.when(scene.time_s), "choices": ", ".join(choices)}
        visible = look.large(node, scene)
        yield Draft(node.grid or "", (scene.time_s,), slots, choices, visible=visible, stable=stable)


def tip_in(look: Look) -> Iterator[Draft]:
    """Yield the innermost structure that a tip lies in, of those outlined in the picture."""
    yield from look.at_ends(lambda scene: with_suffixes(_tip_in(look, scene)))


def _tip_in(look: Look, scene: Scene) -> Iterator[Draft]:
    structures = single(scene, "anatomy")
    names_by_area = sorted(structures, key=lambda name: (structures[name].area or 0.0, name))
    masked_structures = {name: structures[name] for name in names_by_area if structures[name].rle is not None}
    if len(masked_structures) < 2:
        return
    choices = (*sorted(masked_structures), NOTHING)
    for name, node, tool in instrument_tips(look, scene, "tip_in"):
        inside = {_innermost(masked_structures, at, scene) for at in around(*tool.tip, more=step_at(scene))}
        yield Draft(
            _innermost(masked_structures, tool.tip, scene),
            (scene.time_s,),
            {"a": name, "when": look.when(scene.time_s), "choices": ", ".join(choices)},
            choices,
            visible=look.large(node, scene),
            stable=len(inside) == 1,
        )


def _innermost(masked_structures: dict[str, Entity], at: Point, scene: Scene) -> str:
    for name, node in masked_structures.items():
        if masks.holds(node.rle or "", at, scene.width, scene.height):
            return name
    return NOTHING


def tip_shift(look: Look) -> Iterator[Draft]:
    """Which way a tip lies at the last frame from where it was at the first."""
    if len(look.moments) < 2:
        return
    first, last = look.moments[0], look.moments[-1]
    before, after = single(first, "instrument"), single(last, "instrument")
    shifts = {}
    for name in sorted(before.keys() & after.keys()):
        one, other = tip(before[name], first), tip(after[name], last)
        if before[name].track == after[name].track and one is not None and other is not None:
            shifts[name] = (one.tip, other.tip)
    if (first.width, first.height) != (last.width, last.height):
        return
    drafts = [
        Draft(
            towards(x2 - x1, y2 - y1),
            (first.time_s, last.time_s),
            {"a": name},
            ("left", "right", "up", "down"),
            visible=both(look.large(before[name], first), look.large(after[name], last)),
            stable=_clear_shift(x2 - x1, y2 - y1, last),
        )
        for name in draws.shuffle(list(shifts), *look.key("tip_shift"))
        for (x1, y1), (x2, y2) in [shifts[name]]
    ]
    yield from with_suffixes(drafts)


def _clear_shift(dx: float, dy: float, scene: Scene) -> bool:
    """Whether a way is long enough to be seen and clearly one of four."""
    far = math.hypot(dx, dy) >= max(
        MOVES * math.hypot(scene.width, scene.height), 4 * (NOISE + step_at(scene))
    )
    return far and max(abs(dx), abs(dy)) >= MOSTLY * min(abs(dx), abs(dy))


def entry_side(look: Look) -> Iterator[Draft]:
    """Over which side of the frame an instrument reaches in."""
    yield from look.at_ends(lambda scene: with_suffixes(_sides(look, scene)))


def _sides(look: Look, scene: Scene) -> Iterator[Draft]:
    for name, node, tool in instrument_tips(look, scene, "entry_side"):
        slots = {"a": name, "when": look.when(scene.time_s)}
        visible, stable = look.large(node, scene), tool.side is not None
        yield Draft(tool.side or "", (scene.time_s,), slots, SIDES, visible=visible, stable=stable)


def points_to(look: Look) -> Iterator[Draft]:
    """Yield the hour that an instrument points to, from where it comes in to its tip, 12 o'clock being up."""
    yield from look.at_ends(lambda scene: with_suffixes(_pointing(look, scene)))


def _pointing(look: Look, scene: Scene) -> Iterator[Draft]:
    for name, node, tool in instrument_tips(look, scene, "points_to"):
        hour = clock_hour(tool.tip, tool.entry)
        ends = [clock_hour(at, tool.entry) for at in around(*tool.tip, more=step_at(scene))]
        ends += [clock_hour(tool.tip, at) for at in around(*tool.entry, more=step_at(scene))]
        yield Draft(
            hour,
            (scene.time_s,),
            {"a": name, "when": look.when(scene.time_s)},
            HOURS,
            visible=look.large(node, scene),
            stable=set(ends) == {hour} and is_clear_hour(tool.tip, tool.entry),
        )


def tip_order(look: Look) -> Iterator[Draft]:
    """Which of two tips lies further to the left."""
    yield from _compare_tips(look, "tip_order", 0)


def tip_height(look: Look) -> Iterator[Draft]:
    """Which of two tips lies higher in the frame."""
    yield from _compare_tips(look, "tip_height", 1)


def _compare_tips(look: Look, kind: str, axis: int) -> Iterator[Draft]:
    scene = look.last
    if scene is None:
        return
    places = {name: tool.tip[axis] for name, _, tool in instrument_tips(look, scene, kind)}
    names = sorted(places)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if not pairs:
        return
    a, b = draws.pick(pairs, *look.key(kind))
    if draws.fraction(*look.key("turn", *(() if axis == 0 else (kind,)))) < 0.5:
        a, b = b, a
    apart = places[a] - places[b]
    size = scene.width if axis == 0 else scene.height
    yield Draft(
        a if apart < 0 else b,
        (scene.time_s,),
        {"a": a, "b": b, "when": look.when(scene.time_s)},
        (a, b),
        visible=all(look.large(node, scene) is not False for node in scene.nodes if node.name in (a, b)),
        stable=abs(apart) >= max(0.02 * size, 2 * (NOISE + step_at(scene))),
    )
