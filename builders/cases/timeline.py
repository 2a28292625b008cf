"""A case's time line: nested phases laid flat, the stretches between them, what came before and after.

Phases of real cases have gaps (Cataract-1K), nest and overlap (MultiBypass140: an `out_of_body` inside a
`preparation`). At every moment the phase that started last holds, of two that start together the shorter
one; when it ends, the one around it resumes. Everything here counts in integer milliseconds.

Where no phase is annotated the operation is idle only where the source says so (``Case.idle``) and none of its tables
contradicts it; otherwise nothing is known there, and nothing is asked.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from surgvqa.builders.cases import times
from surgvqa.builders.schema import Case, Omission, Phase
from surgvqa.cards.command import InputError

IDLE = "idle"
NONE = "none"
UNREAD = ""  # the label of a stretch whose row could not be read, while it is laid flat
SHORTEST_MS = 40  # one frame at 25 fps: a shorter stretch (rounding between two phases) may hold no frame
TOLERANCE_MS = 1000  # annotations that run this much past the video's end are cut, later ones are a fault


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a case with one label; half-open, ``[start_ms, end_ms)``."""

    label: str | None  # a phase, "idle", or None where nothing is known
    start_ms: int
    end_ms: int
    hides: bool = (
        False  # nothing is known, and it is long enough for a phase, or a row that can't be read is here
    )


class Timeline(NamedTuple):
    """Stretches in order, without overlap, and the phases or parts of them that aren't in there."""

    stretches: tuple[Stretch, ...]
    omissions: tuple[Omission, ...]


LONGEST_S = 1e9  # thirty years: what is longer is a mistake, and infinity has no milliseconds


def to_ms(seconds: float) -> int:
    """Seconds as the nearest whole millisecond.

    >>> to_ms(13.2804)
    13280
    """
    if not abs(seconds) < LONGEST_S:
        raise InputError(f"second {seconds:g} is no moment of an operation; times are seconds from its start")
    return round(seconds * 1000)


class _Flat(NamedTuple):
    """Which phase holds when, as (place in the given phases, start, end), and how long several hold at once."""

    intervals: list[tuple[int, int, int]]
    overlap_ms: int


def _flatten(phases: Sequence[Phase]) -> _Flat:
    """Which phase holds when: maximal intervals of one phase each, in order; n log n steps."""
    spans = [(to_ms(phase.start_s), to_ms(phase.end_s)) for phase in phases]
    # The innermost is the last of this order among those that hold.
    order = sorted(range(len(phases)), key=lambda i: (spans[i][0], -spans[i][1], phases[i].label))
    cuts = sorted({at for span in spans for at in span})
    ends = sorted(end for _, end in spans)
    intervals: list[tuple[int, int, int]] = []
    heap: list[int] = []
    begun = overlap = 0
    for start, end in itertools.pairwise(cuts):
        while begun < len(order) and spans[order[begun]][0] <= start:
            heapq.heappush(heap, -begun)
            begun += 1
        while heap and spans[order[-heap[0]]][1] <= start:
            heapq.heappop(heap)
        if not heap:
            continue
        if begun - bisect_right(ends, start) > 1:
            overlap += end - start
        innermost = order[-heap[0]]
        if intervals and intervals[-1][0] == innermost and intervals[-1][2] == start:
            intervals[-1] = (innermost, intervals[-1][1], end)
        else:
            intervals.append((innermost, start, end))
    return _Flat(intervals, overlap)


class _Layout(NamedTuple):
    phases: tuple[Phase, ...]
    facts: tuple[object, ...]
    timeline: Timeline
    overlap_ms: int


_MOST_LAYOUTS = 64
_layouts: dict[
    int, _Layout
] = {}  # by the identity of a case's phases: hashing 10^4 of them per question is too slow


def annotated_course(case: Case) -> Timeline:
    """Return the whole annotated course of a case, with the stretches between its phases, whether its video shows it or not.

    A phase that ends before it starts is a fault; one without length, or of which nothing is left under
    the phases inside it, is left out.
    """
    return _lay(case).timeline


def overlap_ms(case: Case) -> int:
    """Return the milliseconds in which two or more phases of a case overlap."""
    return _lay(case).overlap_ms


def _lay(case: Case) -> _Layout:
    facts = _facts(case)
    earlier_layout = _layouts.get(id(case.phases))
    if earlier_layout is not None and earlier_layout.phases is case.phases and earlier_layout.facts == facts:
        return earlier_layout
    if len(_layouts) >= _MOST_LAYOUTS:
        _layouts.clear()
    _layouts[id(case.phases)] = layout = _laid_flat(case)
    return layout


def _laid_flat(case: Case) -> _Layout:
    omissions: list[Omission] = []
    phases: list[Phase] = []
    for phase in case.phases:
        item = f"{case.case_id}: phase {phase.label} {phase.start_s:g}-{phase.end_s:g} s"
        if to_ms(phase.end_s) < to_ms(phase.start_s):
            omissions.append(Omission(item, "it ends before it starts", fault=True))
        elif to_ms(phase.end_s) == to_ms(phase.start_s):
            omissions.append(Omission(item, "it has no length"))
        else:
            phases.append(phase)
    others = [
        Phase(label, start, end)
        for label, spans in ((IDLE, case.idle_s), (UNREAD, case.unknown))
        for start, end in spans
        if to_ms(end) > to_ms(start)
    ]
    everything = [*phases, *others]
    flat = _flatten(everything)
    visible_numbers = {number for number, _, _ in flat.intervals}
    for number, phase in enumerate(phases):
        if number not in visible_numbers:
            item = f"{case.case_id}: phase {phase.label} {phase.start_s:g}-{phase.end_s:g} s"
            omissions.append(Omission(item, "other phases that start later cover all of it"))
    stretches: list[Stretch] = []
    between = None if case.idle == "stated" else IDLE
    for number, start, end in flat.intervals:
        if stretches and stretches[-1].end_ms < start:
            gap = stretches[-1].end_ms
            stretches.append(Stretch(between, gap, start, between is None and start - gap > TOLERANCE_MS))
        label = everything[number].label
        if stretches and label == IDLE == stretches[-1].label:
            stretches[-1] = replace(stretches[-1], end_ms=end)  # a stated idle stretch beside a gap is one
        else:
            stretches.append(Stretch(label or None, start, end, label == UNREAD))
    return _Layout(
        case.phases,
        _facts(case),
        Timeline(tuple(_without_contradictions(stretches, case)), tuple(omissions)),
        flat.overlap_ms,
    )


def _facts(case: Case) -> tuple[object, ...]:
    """Return what a case's layout rests on beside its phases."""
    return case.case_id, case.idle, case.idle_s, case.unknown, case.steps


def _without_contradictions(stretches: Sequence[Stretch], case: Case) -> Iterator[Stretch]:
    """Yield stretches; what is idle by one table, while a step or a row that can't be read holds by another, is unknown."""
    spans = sorted(
        (to_ms(start), to_ms(end))
        for start, end in (*((step.start_s, step.end_s) for step in case.steps), *case.unknown)
        if start < end < LONGEST_S
    )
    ends = list(itertools.accumulate((end for _, end in spans), max))
    for stretch in stretches:
        at = stretch.start_ms
        for start, end in spans[bisect_right(ends, at) :] if stretch.label == IDLE else ():
            if start >= stretch.end_ms:
                break
            low, high = max(at, start), min(end, stretch.end_ms)
            if low < high:
                yield from (Stretch(IDLE, at, low),) if at < low else ()
                yield Stretch(None, low, high, high - low > TOLERANCE_MS)
                at = high
        if at < stretch.end_ms:
            yield replace(stretch, start_ms=at)


def _before(case: Case) -> str | None:
    """Return what holds before a case's first phase."""
    return None if case.idle == "stated" else IDLE


def _after(case: Case) -> str | None:
    """Return what holds after a case's last phase."""
    return IDLE if case.idle == "throughout" else None


def course(case: Case) -> Timeline:
    """Return the stretches of a case that its recording covers, those without a phase included; what clips are cut from.

    The recording lasts ``duration_s``; annotation second ``-video_offset_s`` is its first. Where no duration
    is known it lasts until the last phase or scene. Phases outside an excerpt (a negative offset) are
    left out by design; a phase that ends more than a second beyond the recording's end is a fault.

    Raises ``InputError`` where the times are no seconds.
    """
    whole = annotated_course(case)
    omissions = list(whole.omissions)
    offset = to_ms(case.video_offset_s)
    first = -offset
    last = first + to_ms(case.duration_s) if case.duration_s is not None else None
    times.refuse(
        [(phase.start_s + case.video_offset_s, phase.end_s + case.video_offset_s) for phase in case.phases],
        [scene.time_s + case.video_offset_s for scene in case.scenes],
        case.duration_s if offset >= 0 else None,
        recorded=case.duration_s is not None or case.video is not None,
        stated=case.seconds_stated,
    )
    ends = [stretch.end_ms for stretch in whole.stretches] + [
        to_ms(scene.time_s) + 1 for scene in case.scenes
    ]
    end = last if last is not None else max(ends, default=0)
    start = first if last is not None else max(0, first)
    stretches: list[Stretch] = []
    at = start
    outer = _before(case) if whole.stretches else None
    for stretch in whole.stretches:
        if stretch.label not in (None, IDLE):
            beyond = _outside(case, stretch, start, end)
            omissions.extend([beyond] if beyond else [])
        low, high = max(stretch.start_ms, start), min(stretch.end_ms, end)
        if low >= high:
            continue
        if at < low:
            stretches.append(Stretch(outer, at, low))
        stretches.append(replace(stretch, start_ms=low, end_ms=high))
        at = high
    if at < end:
        after = _after(case) if whole.stretches else None
        begun = any(stretch.end_ms > start for stretch in whole.stretches)
        stretches.append(Stretch(after if begun else outer, at, end))
    kept_stretches: list[Stretch] = []
    moments = sorted(to_ms(scene.time_s) for scene in case.scenes)
    for stretch in stretches:
        lasts = stretch.end_ms - stretch.start_ms
        if lasts >= SHORTEST_MS or _any_in(moments, stretch):
            kept_stretches.append(stretch)
            continue
        cause = f"{stretch.label or 'unlabelled_tools'} for {lasts} ms, less than a frame"
        omissions.append(Omission(f"{case.case_id}@{stretch.start_ms}-{stretch.end_ms}", cause))
    return Timeline(tuple(kept_stretches), tuple(omissions))


def _any_in(moments: Sequence[int], stretch: Stretch) -> bool:
    at = bisect_left(moments, stretch.start_ms)
    return at < len(moments) and moments[at] < stretch.end_ms


def _outside(case: Case, stretch: Stretch, start: int, end: int) -> Omission | None:
    """Say what of a phase lies outside the recording; None where nothing does."""
    item = f"{case.case_id}: phase {stretch.label} {stretch.start_ms / 1000:g}-{stretch.end_ms / 1000:g} s"
    excerpt = case.video_offset_s < 0
    if stretch.end_ms > end:
        cause = f"the recording ends at {end / 1000:g} s of the annotations"
        return Omission(item, cause, fault=not excerpt and stretch.end_ms > end + TOLERANCE_MS)
    if stretch.start_ms < start:
        cause = f"the recording starts at {start / 1000:g} s of the annotations"
        return Omission(item, cause, fault=not excerpt and stretch.start_ms < start - TOLERANCE_MS)
    return None


def label_at(stretches: Sequence[Stretch], time_ms: int) -> str | None:
    """Return the label that holds at a moment; None outside all stretches.

    >>> label_at((Stretch("incision", 0, 4000),), 3999), label_at((Stretch("incision", 0, 4000),), 4000)
    ('incision', None)
    """
    at = bisect_right(stretches, time_ms, key=lambda stretch: stretch.start_ms) - 1
    if at >= 0 and time_ms < stretches[at].end_ms:
        return stretches[at].label
    return None


def phase_at(case: Case, time_ms: int) -> str | None:
    """Return the phase of a case at a moment, "idle" where the source says that there is none, None where it says nothing."""
    stretches = annotated_course(case).stretches
    if not stretches or stretches[0].start_ms <= time_ms < stretches[-1].end_ms:
        return label_at(stretches, time_ms)
    return _before(case) if time_ms < stretches[0].start_ms else _after(case)
