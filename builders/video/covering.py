"""Black covers over a case's pictures: the moments at which text is looked for, and its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil

import numpy as np
from surgvqa.builders.cases.windows import frame_times
from surgvqa.builders.privacy.burned_text import Region
from surgvqa.builders.privacy.screen import Screen, black_regions
from surgvqa.builders.schema import Case, Clip
from surgvqa.builders.video.case_media import Pixels, sample, still
from surgvqa.builders.video.decode import iterate_frames
from surgvqa.builders.video.timing import read_timeline
from tqdm import tqdm

GAP_S = 1.0  # between two looks at most: text that is shown for longer is seen


def regions(case: Case, how: Screen, pixels: Pixels, seconds: Iterable[float]) -> tuple[Region, ...]:
    """Return the regions of a case's pictures that are black in all of them.

    Args:
        case: its recording or its stills.
        how: what is covered.
        pixels: size and length of the case's media.
        seconds: of the recording, at which a picture of it is published.
    """
    return black_regions(
        how,
        (pixels.width, pixels.height),
        lambda: sample(case, pixels),
        lambda: every_picture(case, pixels, seconds),
    )


def published_seconds(case: Case, clips: Sequence[Clip], frames: int) -> set[float]:
    """Seconds of the recording that clips and annotated moments show."""
    seconds = {at for clip in clips for at in frame_times(clip, frames)}
    seconds |= {scene.time_s for scene in case.scenes}
    seconds |= {scene.time_s for clip in clips if (scene := clip.scene) is not None}
    return {at + case.video_offset_s for at in seconds}


def every_picture(case: Case, pixels: Pixels, seconds: Iterable[float]) -> Iterator[np.ndarray]:
    """Yield every still, or the recording at ``seconds`` and at least every ``GAP_S``; one at a time."""
    if case.video is None:
        for frame in tqdm(case.frames, "text", unit="frame", disable=None, leave=False):
            yield still(case, frame.path)
        return
    times = without_gaps(seconds, pixels.duration_s or 0.0)
    timeline = read_timeline(case.video)
    before = None
    for shot in tqdm(
        iterate_frames(case.video, times, timeline=timeline),
        "text",
        len(times),
        unit="frame",
        disable=None,
        leave=False,
    ):
        if shot.time_s != before:
            yield shot.image
        before = shot.time_s


def without_gaps(seconds: Iterable[float], length_s: float) -> list[float]:
    """Return the seconds inside a recording and as many between them that no gap is longer than ``GAP_S``.

    >>> without_gaps([1.5, 9.0], 3.0)
    [0.0, 0.75, 1.5, 2.25]
    """
    inside = sorted({0.0, *(at for at in seconds if 0 <= at < length_s), length_s})
    times: list[float] = []
    for start, end in pairwise(inside):
        parts = max(1, ceil((end - start) / GAP_S))
        times += [start + (end - start) * i / parts for i in range(parts)]
    return times or [0.0]
