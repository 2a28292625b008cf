"""The pictures of a clip, and the same as a film that a browser plays."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from surgvqa.builders.video.decode import read_frames
from surgvqa.cards.command import InputError
from surgvqa.eval.data.row_media import decode, video_of

Shot = NDArray[np.uint8]
RATE = 12  # frames a second of a film that is read from a video
MOST = 240  # frames of a film
WIDEST = 960  # pixels of a film


@dataclass(frozen=True, slots=True)
class Moments:
    """The seconds of a film's pictures in the case, and the duration of each."""

    times: tuple[float, ...]
    pace_s: float


def moments(row: Mapping[str, Any]) -> Moments:
    """Return when the frames of a clip are: those of its row, or those that are read from its video.

    Raises:
        InputError: a row without frames and without a video.
    """
    start, end = float(row["start_s"]), float(row["end_s"])
    count = len(row["images"] or ())
    if count:
        times = tuple(row["frame_times_s"] or ())
        if len(times) != count:  # the row doesn't say when: evenly spread
            times = tuple(start + (index + 0.5) * (end - start) / count for index in range(count))
        pace = (times[-1] - times[0]) / (count - 1) if count > 1 else end - start
        return Moments(times, max(pace, 0.04))
    if not row.get("video"):
        raise InputError(
            f"{row['clip_id']} has no frames in its row: the data set was built without --media frames"
        )
    count = max(1, min(MOST, round(RATE * (end - start))))
    pace = (end - start) / count
    return Moments(tuple(start + (index + 0.5) * pace for index in range(count)), pace)


def pictures(row: Mapping[str, Any], root: Path | None, times: Sequence[float]) -> list[Shot]:
    """Return the pixels of a clip's frames at its ``moments``, or at some of those of a video."""
    if row["images"]:
        own = moments(row).times
        return [decode(row["images"][own.index(time)]["bytes"]) for time in times]
    path, begins = video_of(row, row["video"], root)
    shift = begins - float(row["start_s"])
    return [shot.image for shot in read_frames(path, [time + shift for time in times])]


def picture(row: Mapping[str, Any], root: Path | None, index: int) -> tuple[bytes, str]:
    """Return one frame as a file of JPEG or PNG, and its type."""
    times = moments(row).times
    index = max(0, min(index, len(times) - 1))
    if row["images"]:
        data: bytes = row["images"][index]["bytes"]
        return data, "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    shot = pictures(row, root, [times[index]])[0]
    return simplejpeg.encode_jpeg(np.ascontiguousarray(shot), quality=88, colorspace="RGB"), "image/jpeg"


def size(row: Mapping[str, Any], root: Path | None) -> tuple[int, int]:
    """Return the width and height of a clip's pictures."""
    shot = pictures(row, root, moments(row).times[:1])[0]
    return int(shot.shape[1]), int(shot.shape[0])


def film(row: Mapping[str, Any], root: Path | None) -> bytes:
    """Return a clip as an MP4 file at its real pace."""
    when = moments(row)
    shots = pictures(row, root, when.times)
    height, width = shots[0].shape[:2]
    scale = min(1.0, WIDEST / max(width, height))
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        rate = Fraction(1 / when.pace_s).limit_denominator(1000)
        stream = container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
        stream.pix_fmt = "yuv420p"
        for shot in shots:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shot), format="rgb24")
            container.mux(stream.encode(frame.reformat(stream.width, stream.height)))
        container.mux(stream.encode(None))
    return out.getvalue()
