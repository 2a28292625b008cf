"""A case's time line: nested phases laid flat, the idle stretches between them, what came before and after.

Phases of real cases have gaps (Cataract-1K), nest and overlap (MultiBypass140: an `out_of_body` inside a
`preparation`). At every moment the phase that started last holds, of two that start together the shorter
one; when it ends, the one around it resumes. Everything here counts in integer milliseconds.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from surgvqa.builders.schema import Case, Dropped, Phase
from surgvqa.cards.command import InputError

IDLE = "idle"
NONE = "none"
SHORTEST_MS = 40  # one frame at 25 fps: a shorter stretch (rounding between two phases) may hold no frame
TOLERANCE_MS = 1000  # annotations that run this much past the video's end are cut, later ones are a fault


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a case with one label; half-open, ``[start_ms, end_ms)``."""

    label: str | None  # a phase, "idle", or None where the case has no phases at all
    start_ms: int
    end_ms: int


class Timeline(NamedTuple):
    """Stretches in order, without overlap, and the phases or parts of them that aren't in there."""

    stretches: tuple[Stretch, ...]
    dropped: tuple[Dropped, ...]


LONGEST_S = 1e9  # thirty years: what is longer is a mistake, and infinity has no milliseconds


def to_ms(seconds: float) -> int:
    """Seconds as the nearest whole millisecond.

    >>> to_ms(13.2804)
    13280
    """
    if not abs(seconds) < LONGEST_S:
        raise InputError(f"second {seconds:g} is no moment of an operation; times are seconds from its start")
    return round(seconds * 1000)


def _flatten(phases: list[Phase]) -> list[tuple[Phase, int, int]]:
    """Which phase holds when: maximal intervals of one phase each, in order."""
    cuts = sorted({to_ms(at) for phase in phases for at in (phase.start_s, phase.end_s)})
    flat: list[tuple[Phase, int, int]] = []
    for start, end in itertools.pairwise(cuts):
        holding = [phase for phase in phases if to_ms(phase.start_s) <= start and end <= to_ms(phase.end_s)]
        if not holding:
            continue
        innermost = max(holding, key=lambda phase: (to_ms(phase.start_s), -to_ms(phase.end_s), phase.label))
        if flat and flat[-1][0] is innermost and flat[-1][2] == start:
            flat[-1] = (innermost, flat[-1][1], end)
        else:
            flat.append((innermost, start, end))
    return flat


def annotated(case: Case) -> Timeline:
    """The whole annotated course of a case, with the idle stretches, whether its video shows it or not.

    A phase that ends before it starts is a fault; one without length, or of which nothing is left under
    the phases inside it, is left out.
    """
    return _laid_flat(case.case_id, case.phases)


@lru_cache(maxsize=256)  # asked for once per clip
def _laid_flat(case_id: str, given: tuple[Phase, ...]) -> Timeline:
    dropped: list[Dropped] = []
    phases: list[Phase] = []
    for phase in given:
        item = f"{case_id}: phase {phase.label} {phase.start_s:g}-{phase.end_s:g} s"
        if to_ms(phase.end_s) < to_ms(phase.start_s):
            dropped.append(Dropped(item, "it ends before it starts", fault=True))
        elif to_ms(phase.end_s) == to_ms(phase.start_s):
            dropped.append(Dropped(item, "it has no length"))
        else:
            phases.append(phase)
    flat = _flatten(phases)
    shown = {id(phase) for phase, _, _ in flat}
    for phase in phases:
        if id(phase) not in shown:
            item = f"{case_id}: phase {phase.label} {phase.start_s:g}-{phase.end_s:g} s"
            dropped.append(Dropped(item, "other phases that start later cover all of it"))
    stretches: list[Stretch] = []
    for phase, start, end in flat:
        if stretches and stretches[-1].end_ms < start:
            stretches.append(Stretch(IDLE, stretches[-1].end_ms, start))
        stretches.append(Stretch(phase.label, start, end))
    return Timeline(tuple(stretches), tuple(dropped))


def course(case: Case) -> Timeline:
    """The stretches of a case that its recording covers, idle ones included; what clips are cut from.

    The recording lasts ``duration_s``; annotation second ``-video_offset_s`` is its first. Where no duration
    is known it lasts until the last phase or scene. Phases outside an excerpt (a negative offset) are
    left out by design; a phase that ends more than a second beyond the recording's end is a fault.
    """
    whole = annotated(case)
    dropped = list(whole.dropped)
    offset = to_ms(case.video_offset_s)
    first = -offset
    last = first + to_ms(case.duration_s) if case.duration_s is not None else None
    ends = [stretch.end_ms for stretch in whole.stretches] + [
        to_ms(scene.time_s) + 1 for scene in case.scenes
    ]
    end = last if last is not None else max(ends, default=0)
    start = first if last is not None else max(0, first)
    stretches: list[Stretch] = []
    at = start
    outer = None if not whole.stretches else IDLE
    for stretch in whole.stretches:
        if stretch.label != IDLE:
            beyond = _outside(case, stretch, start, end)
            dropped.extend([beyond] if beyond else [])
        low, high = max(stretch.start_ms, start), min(stretch.end_ms, end)
        if low >= high:
            continue
        if at < low:
            stretches.append(Stretch(outer, at, low))
        stretches.append(Stretch(stretch.label, low, high))
        at = high
    if at < end:
        stretches.append(Stretch(outer, at, end))
    for stretch in stretches:
        if stretch.end_ms - stretch.start_ms < SHORTEST_MS and not _has_scene(case, stretch):
            cause = f"{stretch.label} for {stretch.end_ms - stretch.start_ms} ms, less than a frame"
            dropped.append(Dropped(f"{case.case_id}@{stretch.start_ms}-{stretch.end_ms}", cause))
    kept = [s for s in stretches if s.end_ms - s.start_ms >= SHORTEST_MS or _has_scene(case, s)]
    return Timeline(tuple(kept), tuple(dropped))


def _has_scene(case: Case, stretch: Stretch) -> bool:
    return any(stretch.start_ms <= to_ms(scene.time_s) < stretch.end_ms for scene in case.scenes)


def _outside(case: Case, stretch: Stretch, start: int, end: int) -> Dropped | None:
    """What of a phase lies outside the recording, or None."""
    item = f"{case.case_id}: phase {stretch.label} {stretch.start_ms / 1000:g}-{stretch.end_ms / 1000:g} s"
    excerpt = case.video_offset_s < 0
    if stretch.end_ms > end:
        cause = f"the recording ends at {end / 1000:g} s of the annotations"
        return Dropped(item, cause, fault=not excerpt and stretch.end_ms > end + TOLERANCE_MS)
    if stretch.start_ms < start:
        return Dropped(item, f"the recording starts at {start / 1000:g} s of the annotations")
    return None


def label_at(stretches: tuple[Stretch, ...], time_ms: int) -> str | None:
    """The label that holds at a moment; "idle" outside all stretches, None where there are none.

    >>> label_at((Stretch("incision", 0, 4000),), 4000)
    'idle'
    """
    for stretch in stretches:
        if stretch.start_ms <= time_ms < stretch.end_ms:
            return stretch.label
    return IDLE if stretches else None


def neighbours(stretches: tuple[Stretch, ...], time_ms: int) -> tuple[str, str]:
    """The phase before and the phase after the one at a moment; "none" at either end of the case.

    A phase that is interrupted by an idle stretch and goes on is one phase, so the phase before it is a
    different one. Between phases, it is the phase that just ended and the one that follows.

    >>> stretches = (Stretch("a", 0, 9), Stretch("idle", 9, 12), Stretch("a", 12, 20), Stretch("b", 20, 30))
    >>> neighbours(stretches, 15), neighbours(stretches, 10), neighbours(stretches, 25)
    (('none', 'b'), ('a', 'a'), ('a', 'none'))
    """
    here = label_at(stretches, time_ms)
    phases = [stretch for stretch in stretches if stretch.label not in (None, IDLE, here)]
    before = [stretch.label for stretch in phases if stretch.end_ms <= time_ms]
    after = [stretch.label for stretch in phases if stretch.start_ms > time_ms]
    return (before[-1] if before else None) or NONE, (after[0] if after else None) or NONE
