"""Rendered operations whose annotated moments alone are drawn: the pictures of `synthetic` without its videos.

Drawing a moment takes a millisecond, a video of it seconds; a benchmark that learns from single pictures needs
hundreds of operations and no video.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.rendering.draw import Shape, Stage
from surgvqa.builders.rendering.plan import INSTRUMENTS, plan
from surgvqa.builders.schema import Case, Entity, Phase, Scene
from surgvqa.builders.sources.synthetic import moments


def operation(number: int, seed: int, difficulty: float, width: int) -> tuple[Stage, Case]:
    """A rendered case: what draws it, and what is known of it, its instruments with their masks."""
    stage = Stage(plan(number, seed=seed, difficulty=difficulty), width)
    phases = tuple(
        Phase(load("cataract").canonical("phase", name), start, end) for name, start, end in stage.plan.phases
    )
    scenes = tuple(scene(stage, time_s) for time_s in sorted(set(moments(stage.plan))))
    return stage, Case(f"case_{number:04d}", "synthetic", "cataract", phases, scenes)


def scene(stage: Stage, time_s: float) -> Scene:
    """The instruments of a moment with their masks."""
    names = load("cataract")
    nodes = [
        found
        for shape in stage.shapes(time_s)
        if shape.name in INSTRUMENTS
        if (found := entity(stage, shape, names.canonical("instrument", shape.name)))
    ]
    return Scene(time_s, stage.width, stage.height, tuple(nodes))


def entity(stage: Stage, shape: Shape, name: str) -> Entity | None:
    """A shape as the builders know it; None for one that covers no pixel."""
    flat = [value for point in shape.points for value in point]
    rle = masks.polygons_to_rle([flat], stage.width, stage.height)
    if not masks.area_of(rle, stage.width, stage.height):
        return None
    box = (min(flat[::2]), min(flat[1::2]), max(flat[::2]), max(flat[1::2]))
    return Entity(f"{name}#{shape.track}", name, "instrument", "mask", bbox=box, rle=rle)


def middles(stage: Stage, case: Case) -> Iterator[tuple[Scene, np.ndarray]]:
    """One moment of each beat, as a scene and its picture (height x width x 3)."""
    wanted = {round(beat.middle_s, 3) for beat in stage.plan.beats}
    for one in case.scenes:
        if one.time_s in wanted:
            yield one, np.ascontiguousarray(stage.draw(one.time_s))
