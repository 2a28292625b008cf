"""The clip told in time by its phases, or by its steps: which one is under way, and from which second to which.

Needs a clip of two to four phases, or steps, one after the other without a gap, of two seconds or more each: a border that is
half a second off then leaves more than half of a stretch where it is. Each must hold a frame half a second clear of its
borders, the frames around a border be close enough to show it (`NEAR_S`), and where instruments are annotated one must be
in view around each border, and others before it than after it. A retelling, whose bits aren't counted.
Scored as a whole: each stretch by its name and a temporal IoU of at least 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from surgvqa.builders.cases.timeline import Stretch
from surgvqa.builders.dense_kinds.timed_caption import FEWEST, MOST, SHORTEST_S
from surgvqa.builders.kinds.view import CLEAR_S, NEAR_S, Draft, Look
from surgvqa.builders.schema import Scene

SEEN_S = 2.0  # seconds around a border within which an instrument is in view


def phase_caption(look: Look) -> Iterator[Draft]:
    """Yield the phases of the clip with their seconds."""
    yield from _tell(look, look.view.stretches, "phase")


def step_caption(look: Look) -> Iterator[Draft]:
    """Yield the steps of the clip with their seconds; none where the camera is outside of the body for a part of it."""
    if all(look.step(at_s) is not None for at_s in look.frames):
        yield from _tell(look, look.view.steps, "step")


def _tell(look: Look, stretches: Sequence[Stretch], role: str) -> Iterator[Draft]:
    """Yield the parts of stretches that the clip shows; nothing where one of them isn't known."""
    start_s = look.clip.start_ms / 1000
    parts: list[tuple[float, float, str]] = []
    for stretch in stretches:
        begin, end = max(look.clip.start_ms, stretch.start_ms), min(look.clip.end_ms, stretch.end_ms)
        if begin >= end:
            continue
        if stretch.label is None or (parts and round(1000 * parts[-1][1]) != begin):
            return
        label = look.taxonomy.canonical("phase", stretch.label) if role == "phase" else stretch.label
        first = parts.pop()[0] if parts and parts[-1][2] == label else begin / 1000
        parts.append((first, end / 1000, label))
    if not FEWEST <= len(parts) <= MOST or _covers(look) != (parts[0][0], parts[-1][1]):
        return
    shortest_s = max(SHORTEST_S, 2 * look.view.case.moment_error_s)
    borders = [end for _, end, _ in parts[:-1]]
    spans = [(begin, end) for begin, end, _ in parts]
    yield Draft(
        "; ".join(f"{begin - start_s:.1f}-{end - start_s:.1f} s: {label}" for begin, end, label in parts),
        (look.frames[0], *borders, look.frames[-1]),
        {},
        visible=all(_is_shown(look, before, after) for before, after in pairwise(spans))
        and all(
            any(begin + CLEAR_S <= at_s <= end - CLEAR_S for at_s in look.frames) for begin, end in spans
        ),
        stable=all(b - a >= shortest_s for a, b in pairwise([parts[0][0], *borders, parts[-1][1]])),
    )


def _is_shown(look: Look, before: tuple[float, float], after: tuple[float, float]) -> bool:
    """Whether frames show the border between two stretches: two close to each other, and what is in view changes.

    Where nobody labels what is in view, or not there, frames that are close have to do.
    """
    border = after[0]
    earlier = [at_s for at_s in look.frames if at_s < border]
    later = [at_s for at_s in look.frames if at_s >= border]
    if not earlier or not later or later[0] - earlier[-1] > NEAR_S:
        return False
    moments = look.view.between(border - SEEN_S, border + SEEN_S)
    if not moments or not look.annotates("instrument"):
        return True
    in_view = [
        {frozenset(_tools(scene)) for scene in look.view.between(*span) if span[0] <= scene.time_s < span[1]}
        for span in (before, after)
    ]
    return any(map(_tools, moments)) and in_view[0] != in_view[1]


def _tools(scene: Scene) -> set[str]:
    return {node.name for node in scene.nodes if node.type == "instrument"}


def _covers(look: Look) -> tuple[float, float]:
    """Return the seconds from which to which the clip runs."""
    return look.clip.start_ms / 1000, look.clip.end_ms / 1000
