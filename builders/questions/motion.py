"""Movements during a clip, from annotated moments inside the shown frames; without them nothing is asked.

A thing is followed by its track, or, where the source has none, by a name that each moment holds once.
All lengths are parts of the frame's diagonal; a motion between still and clear is not asked about.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.case_index import of_case
from surgvqa.builders.cases.scene import centre
from surgvqa.builders.cases.windows import frame_times
from surgvqa.builders.schema import Case, Clip, Entity, Point, Scene

MOVES = 0.05  # net way of a thing that moves
STILL = 0.015  # farthest from its first place of a thing that keeps still
STRAIGHT = 0.7  # net way over path: out and back is no direction
CLEAR = 1.5  # a direction, or a target, is clear where it is this many times the next best
MOSTLY = (
    2.0  # times as far along one axis as along the other: of a way between nobody says that it is left, or up
)
AT_EDGE = 0.03  # of the frame's side: a box this close touches the edge
WAYS = ("left", "right", "up", "down", "still")
SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True, slots=True)
class Motion:
    """One thing's motion, as a question's parts."""

    kind: str
    name: str
    answer: str
    choices: tuple[str, ...]
    evidence_s: tuple[float, ...]  # the annotated moments it was read from, all inside the shown frames


Sighting = tuple[Scene, Entity, Point]


def motions(clip: Clip, case: Case, frames: int, seed: int = 0) -> Iterator[Motion]:
    """At most one motion of each kind; instruments before anatomy, else drawn by the clip's id."""
    scenes = _moments(clip, case, frames)
    if len(scenes) < 2:
        return
    tracks = [(name, _sightings(scenes, name)) for name in _singular(scenes)]
    for kind, read in (("motion_direction", _direction), ("entered_from", _side), ("moves_towards", _target)):
        candidates = [
            motion
            for name, sightings in tracks
            if sightings and (motion := read(kind, name, sightings, scenes))
        ]
        if candidates:
            tools = {node.name for scene in scenes for node in scene.nodes if node.type == "instrument"}
            first = [motion for motion in candidates if motion.name in tools] or candidates
            yield draws.pick(first, kind, seed, clip.clip_id)


def directions(clip: Clip, case: Case, frames: int) -> dict[str, str]:
    """Which way every thing of a clip moves, by its name; left out where that is not known or not clear."""
    scenes = _moments(clip, case, frames)
    motions_by_name = {
        name: _direction("motion_direction", name, _sightings(scenes, name), scenes)
        for name in _singular(scenes)
    }
    return {name: motion.answer for name, motion in motions_by_name.items() if motion is not None}


def _moments(clip: Clip, case: Case, frames: int) -> list[Scene]:
    """Return the annotated moments between a clip's first and last shown frame."""
    times = frame_times(clip, frames)
    return list(of_case(case).between(times[0], times[-1]))


def _singular(scenes: Sequence[Scene]) -> list[str]:
    """Names that never stand for two things in these scenes, so that a question can say them."""
    names = sorted({node.name for scene in scenes for node in scene.nodes})
    counts = {name: [[n for n in scene.nodes if n.name == name] for scene in scenes] for name in names}
    single = [name for name in names if all(len(nodes) <= 1 for nodes in counts[name])]
    tracks = {name: {node.track for nodes in counts[name] for node in nodes} for name in single}
    return [name for name in single if len(tracks[name]) == 1]


def _sightings(scenes: Sequence[Scene], name: str) -> list[Sighting]:
    return [
        (scene, node, at)
        for scene in scenes
        for node in scene.nodes
        if node.name == name and (at := centre(node, scene.width, scene.height)) is not None
    ]


def _way(sightings: Sequence[Sighting]) -> tuple[float, float, float] | None:
    """Net way (dx, dy) in pixels and the frame's diagonal, of a straight enough motion; else None."""
    diagonal = math.hypot(sightings[0][0].width, sightings[0][0].height)
    points = [at for _, _, at in sightings]
    dx, dy = points[-1][0] - points[0][0], points[-1][1] - points[0][1]
    path = sum(math.dist(a, b) for a, b in pairwise(points))
    net = math.hypot(dx, dy)
    return (dx, dy, diagonal) if net >= MOVES * diagonal and net >= STRAIGHT * path else None


def towards(dx: float, dy: float) -> str:
    """Which of the four ways a motion mostly goes; y grows downwards.

    >>> towards(3.0, -1.0), towards(0.0, -1.0)
    ('right', 'up')
    """
    if abs(dx) > abs(dy):
        return "right" if dx > 0 else "left"
    return "down" if dy > 0 else "up"


def _direction(kind: str, name: str, sightings: list[Sighting], scenes: Sequence[Scene]) -> Motion | None:
    if len(sightings) < 2 or any(node.granularity in ("cell", "quadrant") for _, node, _ in sightings):
        return None
    evidence = tuple(scene.time_s for scene, _, _ in sightings)
    way = _way(sightings)
    if way is None:
        diagonal = math.hypot(sightings[0][0].width, sightings[0][0].height)
        keeps = all(math.dist(sightings[0][2], at) <= STILL * diagonal for _, _, at in sightings)
        return Motion(kind, name, "still", WAYS, evidence) if keeps else None
    dx, dy, _ = way
    if max(abs(dx), abs(dy)) < CLEAR * min(abs(dx), abs(dy)):
        return None
    return Motion(kind, name, towards(dx, dy), WAYS, evidence)


def _side(kind: str, name: str, sightings: list[Sighting], scenes: Sequence[Scene]) -> Motion | None:
    """Over which edge an instrument comes in that was not there before."""
    scene, node, _ = sightings[0]
    earlier = [other for other in scenes if other.time_s < scene.time_s]
    if not earlier or node.type != "instrument" or node.bbox is None:
        return None
    x1, y1, x2, y2 = node.bbox
    near_x, near_y = AT_EDGE * scene.width, AT_EDGE * scene.height
    touches = (x1 <= near_x, x2 >= scene.width - near_x, y1 <= near_y, y2 >= scene.height - near_y)
    sides = [side for side, is_touched in zip(SIDES, touches, strict=True) if is_touched]
    return (
        Motion(kind, name, sides[0], SIDES, (earlier[-1].time_s, scene.time_s)) if len(sides) == 1 else None
    )


def _target(kind: str, name: str, sightings: list[Sighting], scenes: Sequence[Scene]) -> Motion | None:
    """Return what an instrument comes clearly closer to, of two or more things that are there all the while."""
    if len(sightings) < 2 or sightings[0][1].type != "instrument" or (way := _way(sightings)) is None:
        return None
    net = math.hypot(way[0], way[1])
    first, last = sightings[0], sightings[-1]
    closer: dict[str, float] = {}
    for other in _singular(scenes):
        places = {scene.time_s: at for scene, _, at in _sightings(scenes, other)}
        if other != name and first[0].time_s in places and last[0].time_s in places:
            before = math.dist(first[2], places[first[0].time_s])
            closer[other] = before - math.dist(last[2], places[last[0].time_s])
    ranking = sorted(closer, key=lambda other: -closer[other])
    if len(ranking) < 2 or closer[ranking[0]] < net / 2 or closer[ranking[0]] < CLEAR * closer[ranking[1]]:
        return None
    return Motion(kind, name, ranking[0], tuple(sorted(ranking)), (first[0].time_s, last[0].time_s))
