"""The frames of a clip's row: embedded in it, or read from its video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from surgvqa.cards.command import InputError
from surgvqa.eval.data.row_media import name, video_of
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.pixels import Frames, SizeError, decode_all, evenly
from transformers.video_utils import VideoMetadata


def frames_of(row: Mapping[str, Any], budget: Budget, root: Path | None) -> tuple[Frames, list[float]]:
    """Return the budget's frames of a row, embedded or read from its video, and their seconds in the clip.

    Raises:
        InputError: fewer frames than the budget, frames of several sizes, or no media at all.
    """
    count = budget.frames
    images, video = row.get("images") or [], row.get("video")
    times = list(row.get("frame_times_s") or [])
    if count == 0:
        return np.zeros((0, 1, 1, 3), np.uint8), []
    if images:
        if len(images) < count:
            raise InputError(
                f"{name(row)} has {len(images)} frames, the model is to see {count}; "
                f"build the data set with --frames {count} or more"
            )
        picks = evenly(len(images), count)
        try:
            frames = decode_all([images[index]["bytes"] for index in picks])
        except SizeError:
            raise InputError(
                f"{name(row)} has frames of several sizes; a clip comes from one video"
            ) from None
        times = [times[index] for index in picks] if len(times) == len(images) else []
    elif video:
        frames, times = read_video(row, video, budget, root)
    else:
        raise InputError(f"{name(row)} has neither frames nor a video; build with --media frames")
    start = row.get("start_s") or 0.0
    return frames, [time - start for time in times]


def read_video(
    row: Mapping[str, Any], video: str, budget: Budget, root: Path | None
) -> tuple[Frames, list[float]]:
    """Return the budget's frames at the middles of equal parts of the row's window, exact in time.

    The window is ``video_start_s .. + (end_s - start_s)`` of the file.
    """
    path, begins = video_of(row, video, root)
    start = float(row["start_s"])
    part = (float(row["end_s"]) - start) / budget.frames
    middles = [begins + (index + 0.5) * part for index in range(budget.frames)]
    from surgvqa.builders.video.decode import read_frames  # PyAV is only needed here

    shots = read_frames(path, middles)
    if len({shot.image.shape for shot in shots}) > 1:
        raise InputError(f"{name(row)} has frames of several sizes; a clip comes from one video")
    return np.stack([shot.image for shot in shots]), [start + shot.time_s - begins for shot in shots]


def spacing(times: Sequence[float]) -> float:
    """Seconds from one frame to the next, on average.

    >>> spacing([0.5, 1.0, 1.5])
    0.5
    """
    if len(times) < 2:
        raise InputError("a video needs at least two frames with known times (column frame_times_s)")
    return (times[-1] - times[0]) / (len(times) - 1)


def metadata(times: Sequence[float]) -> VideoMetadata:
    """Return the frames' times relative to the clip, in the form processors take them.

    They count frame indices and divide by a rate; at a rate of 1000, an index is a millisecond, so that
    ``<t seconds>`` in Qwen3-VL's text is the real time also where frames aren't equally far apart.
    """
    milliseconds = [round(1000 * time) for time in times]
    return VideoMetadata(
        total_num_frames=max(milliseconds) + 1,
        fps=1000.0,
        duration=(max(milliseconds) + 1) / 1000,
        frames_indices=milliseconds,
    )
