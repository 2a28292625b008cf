"""The cases of a user's own source, held to what their types promise: nothing wrong passes in silence.

Sources that ship check their files with their lines; a source of a user's own is Python, and what it yields is looked at here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache

from pydantic import TypeAdapter, ValidationError
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.geometry import checks, masks
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Action, Box, Case, Entity, Omission, Phase, Scene
from surgvqa.cards.command import InputError, nearest


def faults(case: Case) -> list[Omission]:
    """Return what is wrong with a case, each fault with its place: "lap01, scene at 12.0 s, hook".

    Values of another type come first: nothing else is looked at where there are some.
    """
    if type_faults := list(_of_types(case)):
        return type_faults
    try:
        taxonomy = load(case.taxonomy or case.procedure)
    except InputError as error:
        return [Omission(case.case_id, str(error), fault=True)]
    places_and_causes = [
        *_of_stretches(case.phases, "phase", taxonomy),
        *_of_stretches(case.steps, "step", None),
        *_of_scenes(case.scenes, taxonomy),
    ]
    for rating in case.ratings:
        if not 0 <= rating.yes_votes <= rating.raters or rating.raters < 1 or not _is_moment(rating.time_s):
            places_and_causes.append(
                (f"rating at {rating.time_s} s", f"{rating.yes_votes} of {rating.raters} votes")
            )
    for name in ("idle_s", "unknown"):
        for start_s, end_s in getattr(case, name):
            if not _is_stretch(start_s, end_s):
                places_and_causes.append(
                    (name, f"({start_s}, {end_s}): a start from 0 on and a later end are due")
                )
    return [
        Omission(", ".join((case.case_id, place)), cause, fault=True) for place, cause in places_and_causes
    ]


@cache
def _case_type() -> TypeAdapter[Case]:
    return TypeAdapter(Case)


def _of_types(case: Case) -> Iterator[Omission]:
    """Yield the values of another type than the fields say, with the way to them."""
    if not isinstance(case.case_id, str) or not case.case_id.strip():
        yield Omission(repr(case.case_id), "case_id: expected a text that isn't empty", fault=True)
        return
    try:
        _case_type().validate_python(asdict(case))
    except ValidationError as error:
        for one in error.errors(include_url=False):
            way = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in one["loc"])
            if one["type"] == "missing" and one["loc"] and isinstance(one["loc"][-1], int):
                way = way[: way.rindex("[")]
            yield Omission(
                case.case_id, f"{way[1:]}: {one['msg'].lower()}; found {one['input']!r}"[:300], fault=True
            )


def _of_stretches(
    stretches: Sequence[Phase], what: str, taxonomy: Taxonomy | None
) -> Iterator[tuple[str, str]]:
    for one in stretches:
        place = f"{what} {one.label!r}"
        if not one.label.strip():
            yield place, f"a {what} without a name"
        elif one.label == IDLE:
            yield place, "leave it out: seconds that are labelled as without a phase stand in idle_s"
        elif taxonomy is not None and one.label not in taxonomy.phases:
            yield place, _unknown(what, one.label, taxonomy.phases, taxonomy)
        if not _is_stretch(one.start_s, one.end_s):
            yield place, f"from {one.start_s} to {one.end_s} s: a start from 0 on and a later end are due"


def _of_scenes(scenes: Sequence[Scene], taxonomy: Taxonomy) -> Iterator[tuple[str, str]]:
    times = Counter(scene.time_s for scene in scenes)
    for time_s, count in times.items():
        if count > 1:
            yield f"scene at {time_s} s", f"{count} scenes of one moment; put their things into one"
    for scene in scenes:
        place = f"scene at {scene.time_s} s"
        if not _is_moment(scene.time_s):
            yield place, "a time from 0 on is due, in seconds of the case"
        sizes = (scene.width, scene.height)
        if min(sizes) < 1 and (
            sizes != (0, 0) or any(node.granularity != "presence" for node in scene.nodes)
        ):
            yield (
                place,
                f"a frame of {scene.width} x {scene.height} pixels; 0 x 0 where nothing is said of places",
            )
            continue
        for name, count in Counter(node.id for node in scene.nodes).items():
            if count > 1:
                yield (
                    place,
                    f"{count} things have the id {name!r}; ids are unique in a scene, as spatula and spatula#2",
                )
        for node in scene.nodes:
            for cause in _of_thing(node, scene, taxonomy):
                yield f"{place}, {node.id or node.name}", cause
        for action in scene.actions or ():
            yield from ((place, cause) for cause in _of_action(action, taxonomy))


def _of_thing(node: Entity, scene: Scene, taxonomy: Taxonomy) -> Iterator[str]:
    known_names = taxonomy.instruments if node.type == "instrument" else taxonomy.anatomy
    if node.name not in known_names:
        yield _unknown(node.type, node.name, known_names, taxonomy)
    if node.bbox is not None:
        if cause := _box_cause(node.bbox, scene):
            yield (
                f"box {[*node.bbox]}: expected [x1, y1, x2, y2] with x1 < x2 and y1 < y2, in pixels of the "
                f"{scene.width} x {scene.height} frame; {cause}"
            )
    elif node.granularity == "box":
        yield "said to be known by its box, and has no bbox"
    if node.centroid is not None:
        x, y = node.centroid
        if not (0 <= x <= scene.width and 0 <= y <= scene.height):
            yield f"centroid {[x, y]} lies outside the {scene.width} x {scene.height} frame"
        else:
            try:
                checks.point(x, y, scene.width, scene.height)
            except InputError as error:
                yield f"centroid: {error}"
    elif node.granularity == "point":
        yield "said to be known by a point, and has no centroid"
    if node.granularity == "mask" and node.rle is None:
        yield "said to be known by its mask, and has no rle"
    for name in ("rle", "shaft_rle", "wrist_rle", "clasper_rle"):
        if (run_lengths := getattr(node, name)) is not None:
            try:
                masks.rle_to_mask(run_lengths, scene.width, scene.height)
            except InputError as error:
                yield f"{name}: {error}"
    if node.area is not None and not 0 < node.area <= scene.width * scene.height:
        yield f"an area of {node.area} pixels in a {scene.width} x {scene.height} frame"
    if node.confidence is not None and not 0 <= node.confidence <= 1:
        yield f"confidence {node.confidence}: a share from 0 to 1 is due"


def _box_cause(box: Box, scene: Scene) -> str | None:
    """Return what the one check of geometry says of a box; one that it would cut is wrong here, too."""
    try:
        kept_box, _ = checks.inside(box, scene.width, scene.height)
    except InputError as error:
        return str(error)
    return None if kept_box == tuple(box) else "it reaches beyond the edge"


def _of_action(action: Action, taxonomy: Taxonomy) -> Iterator[str]:
    if action.instrument not in taxonomy.instruments:
        yield _unknown("instrument", action.instrument, taxonomy.instruments, taxonomy)
    for name in (action.verb, action.target):
        if name is not None and not name.strip():
            yield f"an action of {action.instrument!r} with an empty name; None says that it does nothing, or to nothing"


def _unknown(role: str, name: str, known_names: Sequence[str], taxonomy: Taxonomy) -> str:
    if not known_names:
        return f"unknown {role} {name!r}: {taxonomy.path} names none; add it there"
    return f"unknown {role} {name!r}: {nearest(name, known_names)}; write it so, or add it to {taxonomy.path}"


def _is_moment(time_s: float) -> bool:
    return math.isfinite(time_s) and time_s >= 0


def _is_stretch(start_s: float, end_s: float) -> bool:
    return _is_moment(start_s) and math.isfinite(end_s) and end_s > start_s
