"""Time bases: seconds, milliseconds, or frames at a stated, a tabled or the recording's own rate."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

from surgvqa.builders.tabular.description import Clock
from surgvqa.builders.video.timing import open_video
from surgvqa.cards.command import InputError

UNITS = {"s": 1.0, "ms": 1000.0}


def rate(clock: Clock, video: Path | None, table_rate: float | None) -> float:
    """Return the growth of a clock in a second."""
    if clock.unit in UNITS:
        return UNITS[clock.unit]
    if not isinstance(clock.fps, str):
        return float(clock.fps)
    if clock.fps == "cases" and table_rate:
        return table_rate
    if clock.fps == "video" and video is not None:
        return recording(video)[0]
    need = "its recording" if clock.fps == "video" else "a row in the table of cases"
    raise InputError(f"its frame numbers need {need}, which says how many frames a second has; or give --fps")


def seconds(text: str, clock: Clock, per_second: float, where: str) -> float:
    """Read a cell of a time column, in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: the time is {text!r}, not a number")
    at = (value - clock.first) / per_second
    if at < 0:
        raise InputError(f"{where}: {text} lies before the first frame, {clock.first:g}")
    return at


@lru_cache(maxsize=512)
def recording(video: Path) -> tuple[float, float]:
    """Return a recording's frames per second and its length in seconds, as its container states them."""
    with open_video(video) as (container, stream):
        per_second = float(stream.average_rate or stream.base_rate or 0)
        length = (
            float(stream.duration * stream.time_base)
            if stream.duration and stream.time_base
            else (container.duration or 0) / 1e6
        )
    if not per_second or not length:
        raise InputError(f"{video}: it states no rate or no length")
    return per_second, length
