"""Windows of a case: short clips that tile every phase and every idle stretch.

A clip lies inside one phase or one idle stretch. Where a stretch has annotated moments, clips are centred
on them and carry their scene (of several close moments, the middle one); the rest is tiled from the left. A leftover under a second joins its
neighbour, so no clip is longer than ``clip_seconds + 1``. All in integer milliseconds.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from surgvqa.builders.cases.timeline import TOLERANCE_MS, Stretch, course, to_ms
from surgvqa.builders.schema import Case, Clip, Omission, Scene
from surgvqa.cards.command import InputError

SECOND = 1000
# Annotated moments closer than this share of clip_seconds to the last clip's share that clip: several
# moments of a densely annotated case in one clip are what questions about motion are asked from. At
# Cataract-1K's five seconds between masks and the default of 5 s every moment has a clip of its own.
SPACING = 0.8


class Windows(NamedTuple):
    """The clips of a case in order, and what of the case is in none of them."""

    clips: tuple[Clip, ...]
    omissions: tuple[Omission, ...]


def windows(case: Case, clip_seconds: float) -> Windows:
    """Tile a case with clips of about ``clip_seconds`` (at least 1), no longer than ``clip_seconds + 1``.

    Clips that the source ships itself are taken as they are. ``case`` should be linked first
    (``scene.link``), for the clips carry its scenes. Times are the annotations' (a video's own second is
    ``video_offset_s`` later).
    """
    if clip_seconds < 1:
        raise InputError(f"--clip-seconds {clip_seconds:g}: a clip lasts a second or more")
    if case.clips:
        return Windows(case.clips, ())
    length = to_ms(clip_seconds)
    stretches, omissions = course(case)
    scenes, scene_omissions = place_scenes(case, stretches)
    times = sorted(scenes)
    clips = tuple(
        Clip(case.case_id, start, end, stretch.label, scenes[at] if at is not None else None)
        for stretch in stretches
        for start, end, at in _tile(stretch, times, length)
    )
    return Windows(clips, (*omissions, *scene_omissions))


def place_scenes(case: Case, stretches: tuple[Stretch, ...]) -> tuple[dict[int, Scene], list[Omission]]:
    """Return a case's scenes by their millisecond, and those that come twice or lie outside the recording."""
    scenes: dict[int, Scene] = {}
    omissions: list[Omission] = []
    for scene in case.scenes:
        at = to_ms(scene.time_s)
        if at in scenes:
            cause = "an earlier scene of the case has the same time"
            omissions.append(Omission(f"{case.case_id}: scene at {scene.time_s:g} s", cause, fault=True))
        scenes.setdefault(at, scene)
    ends = [stretch.end_ms for stretch in stretches]
    for at in sorted(scenes):
        around = bisect_right(ends, at)
        if around == len(ends) or at < stretches[around].start_ms:
            cause = f"it lies outside the recording of {_span(stretches)}"
            late = bool(stretches) and at >= stretches[-1].end_ms + TOLERANCE_MS
            fault = case.video_offset_s >= 0 and (late or not stretches)
            omissions.append(Omission(f"{case.case_id}: scene at {at / SECOND:g} s", cause, fault=fault))
    return scenes, omissions


def frame_times(clip: Clip, n: int) -> tuple[float, ...]:
    """Seconds at the middle of each of ``n`` equal parts of a clip, in the case's time.

    Where the source names the clip's frames it is those, at most ``n``, the middle of each of ``n`` equal parts.

    >>> frame_times(Clip("a", 10_000, 14_000, None), 4)
    (10.5, 11.5, 12.5, 13.5)
    >>> frame_times(Clip("a", 0, 1000, None, frames_s=(0.1, 0.2, 0.5, 0.9)), 2)
    (0.2, 0.9)
    """
    if clip.frames_s:
        count = len(clip.frames_s)
        return (
            tuple(clip.frames_s[(2 * i + 1) * count // (2 * n)] for i in range(n))
            if n < count
            else clip.frames_s
        )
    width = clip.end_ms - clip.start_ms
    return tuple((clip.start_ms + width * (2 * i + 1) / (2 * n)) / SECOND for i in range(n))


def _span(stretches: tuple[Stretch, ...]) -> str:
    if not stretches:
        return "0 s"
    return f"{stretches[0].start_ms / SECOND:g}-{stretches[-1].end_ms / SECOND:g} s"


def _anchors(times: list[int], length: int) -> list[int]:
    """Return the annotated moments that get a clip of their own."""
    anchors: list[int] = []
    for at in times:
        if not anchors or at - anchors[-1] >= SPACING * length:
            anchors.append(at)
    return anchors


def _tile(stretch: Stretch, times: list[int], length: int) -> list[tuple[int, int, int | None]]:
    """(start, end, the annotated moment or None) of every window in a stretch."""
    times = times[bisect_left(times, stretch.start_ms) : bisect_left(times, stretch.end_ms)]
    anchors = _anchors(times, length)
    if not anchors:
        return [(start, end, None) for start, end in chop(stretch.start_ms, stretch.end_ms, length)]
    left = [stretch.start_ms, *((a + b) // 2 for a, b in itertools.pairwise(anchors))]
    right = [*left[1:], stretch.end_ms]
    spans = [
        [max(low, at - length // 2), min(high, at - length // 2 + length)]
        for at, low, high in zip(anchors, left, right, strict=True)
    ]
    for this, following in itertools.pairwise(spans):
        if 0 < following[0] - this[1] < SECOND:  # both take half of it
            this[1] = following[0] = (this[1] + following[0]) // 2
    _join_ends(spans, stretch, length)
    tiles: list[tuple[int, int, int | None]] = []
    at = stretch.start_ms
    for anchor, (start, end) in zip(anchors, spans, strict=True):
        tiles.extend((low, high, _middle(times, low, high)) for low, high in chop(at, start, length))
        tiles.append((start, end, anchor))
        at = end
    tiles.extend((low, high, _middle(times, low, high)) for low, high in chop(at, stretch.end_ms, length))
    return tiles


def _middle(times: list[int], start: int, end: int) -> int | None:
    """Return the annotated moment nearest to the middle of a window, or None where it has none."""
    inside = times[bisect_left(times, start) : bisect_left(times, end)]
    return min(inside, key=lambda at: abs(2 * at - start - end), default=None)


def _join_ends(spans: list[list[int]], stretch: Stretch, length: int) -> None:
    """Give leftovers under a second at either end of a stretch to the window beside them.

    Where a window would pass ``length + 1 s`` that way (leftovers on both sides), it gives up what makes
    the larger leftover a clip of one second instead; its annotated moment stays inside, for then that
    leftover is over half a second long and begins half a clip away.
    """
    first, last = spans[0], spans[-1]
    before, after = first[0] - stretch.start_ms, stretch.end_ms - last[1]
    joins_before, joins_after = 0 < before < SECOND, 0 < after < SECOND
    if joins_before:
        first[0] = stretch.start_ms
    if joins_after:
        last[1] = stretch.end_ms
    limit = length + SECOND
    if (
        joins_before
        and first[1] - first[0] > limit
        and (first is not last or before >= after or not joins_after)
    ):
        first[0] = stretch.start_ms + SECOND
    if joins_after and last[1] - last[0] > limit:
        last[1] = stretch.end_ms - SECOND


def chop(start: int, end: int, length: int) -> list[tuple[int, int]]:
    """Tile from the left; a leftover under a second joins the last tile.

    >>> chop(0, 10_900, 5000), chop(0, 11_000, 5000)
    ([(0, 5000), (5000, 10900)], [(0, 5000), (5000, 10000), (10000, 11000)])
    """
    tiles: list[tuple[int, int]] = []
    while end - start >= length + SECOND:
        tiles.append((start, start + length))
        start += length
    if end > start:
        tiles.append((start, end))
    return tiles
