"""Where an instrument works: its tip on the clock around the pupil or in the frame, what it is in, where it goes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import CELLS, grid_cell
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.instrument_tip import SIDES, clock_hour
from surgvqa.builders.kinds.view import NOISE, Draft, Look, around, single, tip
from surgvqa.builders.questions.motion import CLEAR, MOVES, towards
from surgvqa.builders.schema import Entity, Point, Scene

HOURS = tuple(f"{hour} o'clock" for hour in range(1, 13))
NOT_VISIBLE = "not visible"
ABSENT = 0.1  # of the questions where something is, so many ask for what isn't there
EYE = "pupil"
NOTHING = "none of them"
INNER = ("lens", "pupil", "iris", "cornea")  # of an eye, the inner ones first


def _drawn(look: Look, scene: Scene | None, kind: str) -> tuple[str, Entity] | None:
    """Return an instrument of a moment that its name alone means and whose tip its mask tells, with its name."""
    if scene is None:
        return None
    found = {name: node for name, node in single(scene, "instrument").items() if tip(node, scene) is not None}
    if not found:
        return None
    name = look.one_of(list(found), kind)
    return name, found[name]


def _eye(scene: Scene) -> Entity | None:
    return next((node for node in scene.nodes if node.name == EYE and node.centroid is not None), None)


def tip_clock(look: Look) -> Iterator[Draft]:
    """Yield the hour of a tip around the pupil's centre."""
    scene = look.last
    eye = _eye(scene) if scene is not None else None
    drawn = _drawn(look, scene, "tip_clock")
    if scene is None or eye is None or eye.centroid is None:
        return
    when = look.when(scene.time_s)
    if draws.fraction(*look.key("absent tip")) < ABSENT and (absent := look.absent(scene, "instrument")):
        name = look.one_of(absent, "tip_clock")
        slots = {"a": name, "b": EYE, "when": when}
        yield Draft(NOT_VISIBLE, (scene.time_s,), slots, (*HOURS, NOT_VISIBLE), nothing=True, stable=True)
    elif drawn is not None and (found := tip(drawn[1], scene)) is not None:
        hour = clock_hour(found.tip, eye.centroid)
        near = math.dist(found.tip, eye.centroid) < 4 * NOISE
        stable = not near and all(clock_hour(at, eye.centroid) == hour for at in around(*found.tip))
        slots = {"a": drawn[0], "b": EYE, "when": when}
        choices = (*HOURS, NOT_VISIBLE)
        yield Draft(
            hour,
            (scene.time_s,),
            slots,
            choices,
            visible=look.large(drawn[1], scene),
            stable=stable,
        )


def tip_cell(look: Look) -> Iterator[Draft]:
    """Yield the cell of the frame that a tip lies in, where there is no eye to go by."""
    scene = look.last
    if scene is None or _eye(scene) is not None or EYE in look.known.roles:
        return
    drawn = _drawn(look, scene, "tip_cell")
    if drawn is None or (found := tip(drawn[1], scene)) is None:
        return
    cells = {grid_cell(at, scene.width, scene.height) for at in around(*found.tip)}
    yield Draft(
        grid_cell(found.tip, scene.width, scene.height),
        (scene.time_s,),
        {"a": drawn[0], "when": look.when(scene.time_s)},
        CELLS,
        visible=look.large(drawn[1], scene),
        stable=len(cells) == 1,
    )


def position(look: Look) -> Iterator[Draft]:
    """Yield the position of an instrument that the source itself states, or that its box has: one word of its own few."""
    scene = look.last
    if scene is None:
        return
    stated = {
        name: node
        for name, node in single(scene, "instrument").items()
        if node.granularity in ("cell", "quadrant", "box") and node.grid in CELLS
    }
    if not stated:
        return
    name = look.one_of(list(stated), "position")
    node = stated[name]
    stable, words = True, "the middle of the {a}"
    if node.granularity == "box" and node.bbox is not None:
        x1, y1, x2, y2 = node.bbox
        cells = {grid_cell(at, scene.width, scene.height) for at in around((x1 + x2) / 2, (y1 + y2) / 2)}
        stable = len(cells) == 1
    else:
        words = "the {a}"
    quarters = ("top-left", "top-right", "center", "bottom-left", "bottom-right")
    choices = quarters if node.granularity == "quadrant" else CELLS
    slots = {"a": words.format(a=name), "when": look.when(scene.time_s), "choices": ", ".join(choices)}
    yield Draft(
        node.grid or "", (scene.time_s,), slots, choices, visible=look.large(node, scene), stable=stable
    )


def tip_in(look: Look) -> Iterator[Draft]:
    """Yield the innermost structure that a tip lies in, of those outlined in the picture."""
    scene = look.last
    drawn = _drawn(look, scene, "tip_in")
    if scene is None or drawn is None or (found := tip(drawn[1], scene)) is None:
        return
    structures = single(scene, "anatomy")
    ordered = sorted(structures, key=lambda name: (structures[name].area or 0.0, name))
    outlined = {name: structures[name] for name in ordered if structures[name].rle is not None}
    if len(outlined) < 2:
        return
    inside = {_innermost(outlined, at, scene) for at in around(*found.tip)}
    yield Draft(
        _innermost(outlined, found.tip, scene),
        (scene.time_s,),
        {"a": drawn[0], "when": look.when(scene.time_s), "choices": ", ".join((*sorted(outlined), NOTHING))},
        (*sorted(outlined), NOTHING),
        visible=look.large(drawn[1], scene),
        stable=len(inside) == 1,
    )


def _innermost(outlined: dict[str, Entity], at: Point, scene: Scene) -> str:
    for name, node in outlined.items():
        if masks.holds(node.rle or "", at, scene.width, scene.height):
            return name
    return NOTHING


def tip_shift(look: Look) -> Iterator[Draft]:
    """Which way a tip lies at the last frame from where it was at the first."""
    if len(look.moments) < 2:
        return
    first, last = look.moments[0], look.moments[-1]
    before, after = single(first, "instrument"), single(last, "instrument")
    found = {}
    for name in sorted(before.keys() & after.keys()):
        one, other = tip(before[name], first), tip(after[name], last)
        if before[name].track == after[name].track and one is not None and other is not None:
            found[name] = (one.tip, other.tip)
    if not found or (first.width, first.height) != (last.width, last.height):
        return
    name = look.one_of(list(found), "tip_shift")
    (x1, y1), (x2, y2) = found[name]
    dx, dy = x2 - x1, y2 - y1
    far = math.hypot(dx, dy) >= max(MOVES * math.hypot(last.width, last.height), 4 * NOISE)
    clear = max(abs(dx), abs(dy)) >= CLEAR * min(abs(dx), abs(dy))
    sizes = [look.large(before[name], first), look.large(after[name], last)]
    yield Draft(
        towards(dx, dy),
        (first.time_s, last.time_s),
        {"a": name},
        ("left", "right", "up", "down"),
        visible=None if None in sizes else all(sizes),
        stable=far and clear,
    )


def entry_side(look: Look) -> Iterator[Draft]:
    """Over which side of the frame an instrument reaches in."""
    scene = look.last
    drawn = _drawn(look, scene, "entry_side")
    if scene is None or drawn is None or (found := tip(drawn[1], scene)) is None:
        return
    slots = {"a": drawn[0], "when": look.when(scene.time_s)}
    visible = look.large(drawn[1], scene)
    yield Draft(
        found.side or "", (scene.time_s,), slots, SIDES, visible=visible, stable=found.side is not None
    )


def tip_order(look: Look) -> Iterator[Draft]:
    """Which of two tips lies further to the left."""
    scene = look.last
    if scene is None:
        return
    places = {
        name: found.tip
        for name, node in single(scene, "instrument").items()
        if (found := tip(node, scene)) is not None
    }
    names = sorted(places)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if not pairs:
        return
    a, b = draws.pick(pairs, *look.key("tip_order"))
    if draws.fraction(*look.key("turn")) < 0.5:
        a, b = b, a
    apart = places[a][0] - places[b][0]
    yield Draft(
        a if apart < 0 else b,
        (scene.time_s,),
        {"a": a, "b": b, "when": look.when(scene.time_s)},
        (a, b),
        visible=all(look.large(node, scene) is not False for node in scene.nodes if node.name in (a, b)),
        stable=abs(apart) >= max(0.02 * scene.width, 2 * NOISE),
    )
