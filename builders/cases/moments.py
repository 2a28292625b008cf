"""Windows from annotated moment to annotated moment: what changes, changes between the first and the last frame.

A window takes as many annotated moments as fit into ``clip_seconds`` (plus a second), and the next one begins where
it ends; of stills it takes two that follow each other, however far apart. The first frame shows its first moment,
the last frame its last. A moment with none close enough has a window of its own, centred on it. What lies
between moments too far apart is tiled, across changes of phase, for questions about phases and steps. Where labels
may be seconds early or late a window is several times as long, and what is annotated so close to a change counts for nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from surgvqa.builders.cases.case_index import of_case
from surgvqa.builders.cases.timeline import Stretch, course, to_ms
from surgvqa.builders.cases.windows import SECOND, Windows, chop, place_scenes
from surgvqa.builders.schema import Case, Clip
from surgvqa.cards.command import InputError

# Seconds from the border of a phase or a step within which nobody can tell by the picture which side it is: in real labels
# the same instruments work on both sides for one to two seconds, and the rule must hold for labels of whole seconds.
BORDER_S = 3.0
ERRORS = 6  # times the error of a case's labels that a window lasts at the least: room for what is clear of every change


def windows(case: Case, clip_seconds: float, frames: int) -> Windows:
    """Return the windows of a linked case, with the very seconds of the ``frames`` that each is shown with.

    A clip's scene and phase are those of its last moment. Clips that the source ships with questions of its own are
    taken as they are; where it ships clips without, they only say that nothing is known between its moments.
    """
    if clip_seconds < 1:
        raise InputError(f"--clip-seconds {clip_seconds:g}: a clip lasts a second or more")
    if asks_itself(case):
        return Windows(case.clips, ())
    stretches, omissions = course(case)
    scenes, scene_omissions = place_scenes(case, stretches)
    picture_times = {to_ms(frame.time_s): frame.time_s for frame in case.frames} if case.video is None else {}
    seconds = {at: scene.time_s for at, scene in scenes.items()}
    seconds = {to_ms(rating.time_s): rating.time_s for rating in case.ratings} | seconds
    times = sorted(
        at
        for at in seconds
        if (_stretch(stretches, at) is not None or at not in scenes)
        and (not picture_times or at in picture_times)
        and is_sure(case, seconds[at])
    )
    length = to_ms(length_s(case, clip_seconds))
    spans = _spans(times, stretches, length, bool(picture_times))
    clips = [
        Clip(
            case.case_id,
            start,
            end,
            _label(stretches, moments[-1]),
            scenes.get(moments[-1]),
            frames_s=_frame_seconds((start, end, moments), seconds, picture_times, frames),
        )
        for start, end, moments in spans
    ]
    if not case.clips:
        for start, end in _between(stretches, spans, length):
            frames_s = _even(start, end, frames, picture_times)
            label = _label(stretches, to_ms(frames_s[-1]) if frames_s else start)
            clips.append(Clip(case.case_id, start, end, label, frames_s=frames_s))
    clips.sort(key=lambda clip: (clip.start_ms, clip.end_ms))
    return Windows(tuple(clips), (*omissions, *scene_omissions))


def length_s(case: Case, clip_seconds: float) -> float:
    """Return how long a window of a case is: longer than it is asked to be where the case's labels may be seconds off."""
    error_s = case.moment_error_s if case.scenes or case.ratings else BORDER_S
    return max(clip_seconds, ERRORS * error_s)


def length_notes(cases: Sequence[Case], clip_seconds: float) -> Iterator[str]:
    """Say of how many cases the clips are longer than they are asked to be, and why."""
    counts = Counter(length_s(case, clip_seconds) for case in cases if not asks_itself(case))
    for length, n in sorted(counts.items()):
        if length > clip_seconds:
            yield (
                f"clips of {n} cases last {length:g} s or so, not {clip_seconds:g} s: in a shorter one nobody could tell by "
                "labels that may be seconds off when anything changes"
            )


def is_sure(case: Case, at_s: float) -> bool:
    """Whether no instrument comes or goes within the error of a case's labels around a moment."""
    return not case.moment_error_s or of_case(case).steady(at_s, case.moment_error_s, frozenset())


def asks_itself(case: Case) -> bool:
    """Whether a source ships the questions of a case; those that a reader derives from ratings are asked anew."""
    return bool(case.clips) and not case.ratings and any(clip.qa for clip in case.clips)


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


def _frame_seconds(
    span: Span, moment_times: Mapping[int, float], picture_times: Mapping[int, float], frames: int
) -> tuple[float, ...]:
    """Return the seconds of a clip's frames: its annotated moments among them, the last one at the end."""
    start, end, moments = span
    last = moments[-1]
    seconds: tuple[float, ...]
    if picture_times:
        seconds = tuple(picture_times[at] for at in moments[-frames:])
    elif frames == 1:
        seconds = (moment_times[last],)
    elif len(moments) > 1:
        seconds = _fill_gaps([moment_times[at] for at in moments], frames)
    else:
        spread = list(_even(start, end, frames, {}))
        nearest = min(range(frames), key=lambda i: abs(spread[i] - moment_times[last]))
        spread[nearest] = moment_times[last]
        seconds = tuple(spread)
    return seconds


def _fill_gaps(moments: Sequence[float], frames: int) -> tuple[float, ...]:
    """Return the seconds of ``frames`` from the first moment to the last: the moments, and middles of the widest gaps.

    Where there are more moments than frames, these are evenly spread, each at the nearest moment, if one is near.

    >>> _fill_gaps([0.0, 4.0, 5.0], 5), _fill_gaps([0.0, 1.0, 2.0, 3.0], 3), _fill_gaps([0.0, 1.0, 2.0, 90.0], 3)
    ((0.0, 1.333, 2.667, 4.0, 5.0), (0.0, 1.0, 3.0), (0.0, 45.0, 90.0))
    """
    first, last = moments[0], moments[-1]
    if len(moments) > frames:
        step = (last - first) / (frames - 1)
        inner = [_nearest(moments, first + step * i, step / 3) for i in range(1, frames - 1)]
        return (first, *inner, last)
    parts = [1] * (len(moments) - 1)  # of each gap
    gaps = [b - a for a, b in pairwise(moments)]
    for _ in range(frames - len(moments)):
        widest = max(range(len(parts)), key=lambda i: gaps[i] / parts[i])
        parts[widest] += 1
    seconds: list[float] = []
    for (a, b), number in zip(pairwise(moments), parts, strict=True):
        seconds += [a, *(round(a + (b - a) * i / number, 3) for i in range(1, number))]
    return (*seconds, last)


def _nearest(moments: Sequence[float], at_s: float, within_s: float) -> float:
    """Return the moment nearest to a second, the second itself where none is close."""
    index = bisect_left(moments, at_s)
    near = min(moments[max(0, index - 1) : index + 1], key=lambda moment: abs(moment - at_s))
    return near if abs(near - at_s) <= within_s else round(at_s, 3)


def _even(start: int, end: int, frames: int, picture_times: dict[int, float]) -> tuple[float, ...]:
    """Seconds at the middle of equal parts of a window; of stills, the pictures inside it."""
    if picture_times:
        inside = [second for at, second in sorted(picture_times.items()) if start <= at < end]
        count = min(frames, len(inside))
        return tuple(inside[(2 * i + 1) * len(inside) // (2 * count)] for i in range(count))
    return tuple(
        round((start + (end - start) * (2 * i + 1) / (2 * frames)) / SECOND, 3) for i in range(frames)
    )


def _between(stretches: Sequence[Stretch], spans: Sequence[Span], length: int) -> list[tuple[int, int]]:
    """Return windows of the time that no window with a moment covers, across changes of phase, not across the unknown."""
    tiles: list[tuple[int, int]] = []
    ends = [end for _, end, _ in spans]
    for run_start, run_end in _runs(stretches):
        at = run_start
        for start, end, _ in spans[bisect_left(ends, at) :]:
            if start >= run_end:
                break
            tiles += chop(at, min(start, run_end), length)
            at = max(at, end)
        tiles += chop(at, run_end, length)
    return [tile for tile in tiles if tile[1] - tile[0] >= SECOND]


def _runs(stretches: Sequence[Stretch]) -> list[tuple[int, int]]:
    """Return the stretches that follow each other without a break, those of known phases apart from the others."""
    runs: list[tuple[int, int]] = []
    before: Stretch | None = None
    for stretch in stretches:
        if (
            before is not None
            and before.end_ms == stretch.start_ms
            and (before.label is None) == (stretch.label is None)
        ):
            runs[-1] = (runs[-1][0], stretch.end_ms)
        else:
            runs.append((stretch.start_ms, stretch.end_ms))
        before = stretch
    return runs


def _label(stretches: Sequence[Stretch], at: int) -> str | None:
    stretch = _stretch(stretches, at)
    return stretch.label if stretch is not None else None


def _stretch(stretches: Sequence[Stretch], at: int) -> Stretch | None:
    """Return the stretch that holds at a moment; stretches are in order and don't overlap."""
    index = bisect_right(stretches, at, key=lambda one: one.start_ms) - 1
    return stretches[index] if index >= 0 and at < stretches[index].end_ms else None
