"""The moments of a recording that frames are taken at: evenly, or more densely where something happens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from surgvqa.builders.cases.timeline import annotated_course
from surgvqa.builders.files.pictures import resize
from surgvqa.builders.schema import Case
from surgvqa.builders.video.decode import iterate_frames

REACH_S = 5.0  # how far an event is felt
BOOST = 4.0  # how much denser frames are at an event
GRID_S = 0.2  # candidates of a biased choice
LOOK_S = 0.5  # between the frames that scene changes are read from
CHANGE = 6.0  # a change stands out where it is so many times the median one


def length(case: Case) -> float:
    """Seconds that frames can be taken from."""
    if case.video is not None:
        return case.duration_s or 0.0
    return (case.frames[-1].time_s - case.frames[0].time_s) if case.frames else 0.0


def shared_out(lengths: Sequence[float], budget: int | None) -> list[int | None]:
    """Return a budget by lengths, at least one frame each, never more than the budget where it suffices for that.

    >>> shared_out([10.0, 30.0], 8), shared_out([1.0], None)
    ([2, 6], [None])
    """
    if budget is None:
        return [None] * len(lengths)
    whole = sum(lengths) or 1.0
    ends = [round(budget * sum(lengths[: i + 1]) / whole) for i in range(len(lengths))]
    return [max(1, end - start) for start, end in pairwise([0, *ends])]


def choose_times(case: Case, every_s: float, share: int | None, biased: bool) -> list[float]:
    """Seconds of the recording to take frames at, ascending; labelled moments first."""
    if case.video is None:
        stills = [frame.time_s for frame in case.frames]
        return stills if share is None else [stills[i] for i in spread([1.0] * len(stills), share)]
    end = length(case)
    moments = [scene.time_s + case.video_offset_s for scene in case.scenes]
    moments = sorted({at for at in moments if 0 <= at < end})
    if share is not None and len(moments) >= share:
        return [moments[i] for i in spread([1.0] * len(moments), share)]
    left = None if share is None else share - len(moments)
    step = GRID_S if biased else every_s
    grid = [at for i in range(int(end / step) + 1) if (at := i * step) < end]
    if left is not None:
        events = sorted(events_of(case)) if biased else []
        weights = [weight(at, events) for at in grid]
        grid = [grid[i] for i in spread(weights, left)]
    return sorted({*moments, *grid})


def weight(at: float, events: Sequence[float]) -> float:
    """Return the density of frames at a moment: 1, up to 1 + BOOST at an event.

    >>> weight(10.0, [10.0]), weight(12.5, [10.0]), weight(40.0, [10.0])
    (5.0, 3.0, 1.0)
    """
    i = bisect_left(events, at)
    nearest = min((abs(at - event) for event in events[max(0, i - 1) : i + 1]), default=REACH_S)
    return 1.0 + BOOST * max(0.0, 1.0 - nearest / REACH_S)


def spread(weights: Sequence[float], count: int) -> list[int]:
    """``count`` places, as dense as the weights say, evenly otherwise; all of them where there are fewer.

    >>> spread([1, 1, 1, 1], 2), spread([1, 9, 9, 1], 2)
    ([0, 2], [1, 2])
    """
    if count >= len(weights):
        return list(range(len(weights)))
    ends = np.cumsum(weights)
    targets = (np.arange(count) + 0.5) * ends[-1] / count if count else []
    return sorted({int(i) for i in np.searchsorted(ends, targets)})


def events_of(case: Case) -> list[float]:
    """Seconds of the recording at which something changes: phases and instruments, else what is seen."""
    stretches = annotated_course(case).stretches
    seconds = {stretch.start_ms / 1000 for stretch in stretches} | {s.end_ms / 1000 for s in stretches}
    seconds |= {scene.time_s for scene in case.scenes if scene.entered or scene.exited}
    if seconds:
        return [at + case.video_offset_s for at in seconds]
    return scene_changes(case.video, length(case)) if case.video else []


def scene_changes(path: Path, duration_s: float) -> list[float]:
    """Seconds at which the picture changes far more than usual.

    Compared are 16x16 grey pictures, `LOOK_S` apart; a change stands out by its size alone.
    """
    times = [at for i in range(int(duration_s / LOOK_S) + 1) if (at := i * LOOK_S) < duration_s]
    small = [
        np.asarray(resize(shot.image, 32), np.float32).mean(axis=2) for shot in iterate_frames(path, times)
    ]
    jumps = [float(np.abs(b - a).mean()) for a, b in pairwise(small)]
    usual = float(np.median(jumps)) if jumps else 0.0
    return [times[i + 1] for i, jump in enumerate(jumps) if jump > max(CHANGE * usual, CHANGE)]
