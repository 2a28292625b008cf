"""Distances of a tip: from the pupil's middle, and from another tip.

Needs masks of instruments, for distances the pupil's mask, too. Scored as a choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from surgvqa.builders.cases import draws
from surgvqa.builders.geometry.instrument_tip import clock_hour, is_clear_hour
from surgvqa.builders.kinds.tips import EYE, HOURS, eye_of, instrument_tips, step_at
from surgvqa.builders.kinds.view import NOISE, Draft, Look, all_large, around, both, with_suffixes
from surgvqa.builders.schema import Entity, Scene

REACHES = (
    "within half its radius",
    "between that and its border",
    "up to half a radius beyond it",
    "further away",
)
BORDERS = (0.5, 1.0, 1.5)  # radii of a circle of the pupil's area
NEARS = ("nearer", "further away")
NEARER = 0.25  # of the pupil's radius; a tip that gets less far has stayed
APART = 0.05  # of the diagonal: of two tips that are closer no direction is asked


def tip_reach(look: Look) -> Iterator[Draft]:
    """Yield how far from the middle of the pupil a tip lies, in radii of the pupil."""
    yield from look.at_ends(lambda scene: with_suffixes(_reaches(look, scene)))


def _reaches(look: Look, scene: Scene) -> Iterator[Draft]:
    eye = eye_of(scene)
    if eye is None or eye.centroid is None or eye.rle is None or not eye.area:
        return
    radius = math.sqrt(eye.area / math.pi)
    noise = NOISE + step_at(scene)
    for name, node, tool in instrument_tips(look, scene, "tip_reach"):
        away = math.dist(tool.tip, eye.centroid)
        answer = REACHES[sum(away / radius > border for border in BORDERS)]
        stable = all(abs(away - border * radius) > noise for border in BORDERS) and look.has_whole_mask(
            eye, scene
        )
        slots = {"a": name, "b": eye.name, "when": look.when(scene.time_s), "choices": ", ".join(REACHES)}
        visible = all_large(look, (node, eye), scene)
        yield Draft(answer, (scene.time_s,), slots, REACHES, visible=visible, stable=stable)


def tip_nears(look: Look) -> Iterator[Draft]:
    """Yield whether a tip is nearer to the middle of the pupil at the last frame than at the first, or further away."""
    if len(look.moments) < 2:
        return
    first, last = look.moments[0], look.moments[-1]
    before, after = _away(look, first), _away(look, last)
    drafts = []
    for name in draws.shuffle(sorted(before.keys() & after.keys()), *look.key("tip_nears")):
        (one, away, radius), (other, then, wide) = before[name], after[name]
        change = then / wide - away / radius
        noise = 2 * (NOISE + step_at(last)) / min(radius, wide)
        drafts.append(
            Draft(
                NEARS[change > 0],
                (first.time_s, last.time_s),
                {"a": name, "b": EYE, "choices": ", ".join(NEARS)},
                NEARS,
                visible=both(look.large(one, first), look.large(other, last)),
                stable=abs(change) > max(NEARER, noise) and one.track == other.track,
            )
        )
    yield from with_suffixes(drafts)


def _away(look: Look, scene: Scene) -> dict[str, tuple[Entity, float, float]]:
    """Return each instrument of which a tip is known, its distance from the pupil's middle and the pupil's radius."""
    eye = eye_of(scene)
    if (
        eye is None
        or eye.centroid is None
        or eye.rle is None
        or not eye.area
        or not look.has_whole_mask(eye, scene)
    ):
        return {}
    radius, middle = math.sqrt(eye.area / math.pi), eye.centroid
    return {
        name: (node, math.dist(tool.tip, middle), radius)
        for name, node, tool in instrument_tips(look, scene, "tip_nears")
    }


def tip_from_tip(look: Look) -> Iterator[Draft]:
    """Yield the hour at which one tip lies around another one."""
    yield from look.at_ends(lambda scene: _between(look, scene))


def _between(look: Look, scene: Scene) -> Iterator[Draft]:
    tips = {name: (node, tool.tip) for name, node, tool in instrument_tips(look, scene, "tip_from_tip")}
    if len(tips) < 2:
        return
    a, b = draws.shuffle(sorted(tips), *look.key("tip_from_tip"))[:2]
    (one, at), (other, of) = tips[a], tips[b]
    hour, more = clock_hour(at, of), step_at(scene)
    steady = {clock_hour(p, of) for p in around(*at, more=more)} | {
        clock_hour(at, p) for p in around(*of, more=more)
    }
    far = math.dist(at, of) >= APART * math.hypot(scene.width, scene.height) and is_clear_hour(at, of)
    slots = {"a": a, "b": b, "when": look.when(scene.time_s)}
    visible = all_large(look, (one, other), scene)
    yield Draft(hour, (scene.time_s,), slots, HOURS, visible=visible, stable=far and steady == {hour})
