"""Windows from annotated moment to annotated moment: what changes, changes between the first and the last frame.

A window takes as many annotated moments as fit into ``clip_seconds`` (plus a second), and the next one begins where
it ends; of stills it takes two that follow each other, however far apart. The first frame shows its first moment,
the last frame its last. A moment with none close enough has a window of its own, centred on it. What lies
between moments too far apart is tiled, phase by phase, for questions about phases.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from surgvqa.builders.cases.timeline import Stretch, course, to_ms
from surgvqa.builders.cases.windows import SECOND, Windows, chop, placed
from surgvqa.builders.schema import Case, Clip, Scene
from surgvqa.cards.command import InputError


def windows(case: Case, clip_seconds: float, frames: int) -> Windows:
    """Return the windows of a linked case, with the very seconds of the ``frames`` that each is shown with.

    A clip's scene and phase are those of its last moment. Clips that the source ships are taken as they are.
    """
    if clip_seconds < 1:
        raise InputError(f"--clip-seconds {clip_seconds:g}: a clip lasts a second or more")
    if case.clips:
        return Windows(case.clips, ())
    stretches, dropped = course(case)
    scenes, repeated = placed(case, stretches)
    pictured = {to_ms(frame.time_s): frame.time_s for frame in case.frames} if case.video is None else {}
    times = sorted(
        at for at in scenes if _stretch(stretches, at) is not None and (not pictured or at in pictured)
    )
    spans = _spans(times, stretches, to_ms(clip_seconds), bool(pictured))
    clips = [_clip(case, scenes, stretches, pictured, span, frames) for span in spans]
    for start, end, label in _between(stretches, spans, to_ms(clip_seconds)):
        seconds = _even(start, end, frames, pictured)
        clips.append(Clip(case.case_id, start, end, label, frames_s=seconds))
    clips.sort(key=lambda clip: (clip.start_ms, clip.end_ms))
    return Windows(tuple(clips), (*dropped, *repeated))


Span = tuple[int, int, tuple[int, ...]]  # start, end (not in it any more), annotated moments


def _spans(times: Sequence[int], stretches: Sequence[Stretch], length: int, stills: bool) -> list[Span]:
    """Which moments share a window, in order."""
    spans: list[Span] = []
    first = 0
    while first < len(times):
        last = bisect_right(times, times[first] + length + SECOND) - 1
        last = min(first + 1, len(times) - 1) if stills else last
        if last > first:
            spans.append((times[first], times[last] + 1, tuple(times[first : last + 1])))
            first = last
            if last == len(times) - 1:
                break
            continue
        if not spans or spans[-1][1] <= times[first]:  # its moment is in no window yet
            spans.append(_alone(times[first], stretches, length, stills))
        first += 1
    return spans


def _alone(at: int, stretches: Sequence[Stretch], length: int, still: bool) -> Span:
    stretch = _stretch(stretches, at)
    if still or stretch is None:
        return at, at + 1, (at,)
    start = max(stretch.start_ms, at - length // 2)
    return start, max(at + 1, min(stretch.end_ms, start + length)), (at,)


def _clip(
    case: Case,
    scenes: dict[int, Scene],
    stretches: Sequence[Stretch],
    pictured: dict[int, float],
    span: Span,
    frames: int,
) -> Clip:
    start, end, moments = span
    last = moments[-1]
    stretch = _stretch(stretches, last)
    label = stretch.label if stretch is not None else None
    seconds: tuple[float, ...]
    if pictured:
        seconds = tuple(pictured[at] for at in moments[-frames:])
    elif frames == 1:
        seconds = (scenes[last].time_s,)
    elif len(moments) > 1:
        first_s, last_s = scenes[moments[0]].time_s, scenes[last].time_s
        inner = [first_s + (last_s - first_s) * i / (frames - 1) for i in range(1, frames - 1)]
        seconds = (first_s, *(round(second, 3) for second in inner), last_s)
    else:
        spread = list(_even(start, end, frames, {}))
        nearest = min(range(frames), key=lambda i: abs(spread[i] - scenes[last].time_s))
        spread[nearest] = scenes[last].time_s
        seconds = tuple(spread)
    return Clip(case.case_id, start, end, label, scenes[last], frames_s=seconds)


def _even(start: int, end: int, frames: int, pictured: dict[int, float]) -> tuple[float, ...]:
    """Seconds at the middle of equal parts of a window; of stills, the pictures inside it."""
    if pictured:
        inside = [second for at, second in sorted(pictured.items()) if start <= at < end]
        count = min(frames, len(inside))
        return tuple(inside[(2 * i + 1) * len(inside) // (2 * count)] for i in range(count))
    return tuple(
        round((start + (end - start) * (2 * i + 1) / (2 * frames)) / SECOND, 3) for i in range(frames)
    )


def _between(
    stretches: Sequence[Stretch], spans: Sequence[Span], length: int
) -> list[tuple[int, int, str | None]]:
    """Yield windows of the time that no window with a moment covers, each inside one stretch."""
    tiles: list[tuple[int, int, str | None]] = []
    ends = [end for _, end, _ in spans]
    for stretch in stretches:
        at = stretch.start_ms
        for start, end, _ in spans[bisect_left(ends, at) :]:
            if start >= stretch.end_ms:
                break
            tiles += [(*tile, stretch.label) for tile in chop(at, min(start, stretch.end_ms), length)]
            at = max(at, end)
        tiles += [(*tile, stretch.label) for tile in chop(at, stretch.end_ms, length)]
    return [tile for tile in tiles if tile[1] - tile[0] >= SECOND]


def _stretch(stretches: Sequence[Stretch], at: int) -> Stretch | None:
    """Return the stretch that holds at a moment; stretches are in order and don't overlap."""
    index = bisect_right(stretches, at, key=lambda one: one.start_ms) - 1
    return stretches[index] if index >= 0 and at < stretches[index].end_ms else None
