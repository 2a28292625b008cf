"""A clip cut exactly out of a video: re-encoded from its first to its last frame, with their own times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from surgvqa.builders.files.parquet import pending_path, replace
from surgvqa.builders.files.pictures import resize
from surgvqa.builders.privacy.burned_text import Region, cover
from surgvqa.builders.privacy.screen import Detector
from surgvqa.builders.video.decode import Decoder, iterate_frames
from surgvqa.builders.video.timing import memory_left, read_timeline
from surgvqa.cards.command import InputError, MachineError, machine_fault

MILLISECOND = Fraction(1, 1000)
# Without no-mbtree the same frames give other bytes from run to run: the assembly of x264's macroblock tree
# reads memory that nobody set (7 files in 8 runs at 96x128, 2 at 160x120; one with it, or with no-asm).
ENCODING = {"crf": "20", "preset": "fast", "threads": "1", "x264-params": "no-mbtree=1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The inputs and steps of a clip's pictures."""

    max_side: int | None = None  # longest side
    decoder: Decoder = "pyav"
    covered_regions: Sequence[Region] = ()  # black
    detector: Detector | None = None  # of frames outside the body


def cut(video: Path, start_ms: int, end_ms: int, out: Path, how: Cut = Cut()) -> tuple[float, ...] | None:
    """Write ``[start_ms, end_ms)`` of a video to ``out`` (MP4, H.264, no sound); returns its frames' seconds.

    The seconds are the source's. The clip begins with the frame on screen at its start, at its own second 0;
    every later frame keeps its distance. The same input gives the same bytes: one thread, no dates.
    None, and no file, where the detector finds a frame outside the body.
    """
    timeline = read_timeline(video)
    first = timeline.at(start_ms / 1000)
    ticks = [
        int(pts) for pts in timeline.shown_pts if pts >= first and timeline.seconds(int(pts)) * 1000 < end_ms
    ]
    times = tuple(timeline.seconds(pts) for pts in ticks)
    # An asked time must not fall before its own frame by rounding; `at` allows a nanosecond.
    shots = iterate_frames(video, times, how.decoder, timeline)
    pending = pending_path(out)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(pending), "w", format="mp4", options=options) as container:
        stream = None
        outside = False
        for shot in shots:
            picture = even(resize(cover(shot.image, how.covered_regions), how.max_side))
            if how.detector is not None and how.detector(picture):
                outside = True
                break
            if stream is None:
                stream = _encoder(container)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = MILLISECOND
                stream.codec_context.flags |= av.codec.context.Flags.bitexact
                stream.codec_context.colorspace, stream.codec_context.color_range = 5, 1  # BT.601, limited
            if picture.shape[:2] != (stream.height, stream.width):
                raise InputError(f"{video}: the picture changes its size at {shot.time_s:.3f} s")
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = max(0, round(shot.time_s * 1000) - start_ms)
            frame.time_base = MILLISECOND
            container.mux(_encode(stream, frame))
        if stream is not None:
            container.mux(_encode(stream, None))
    if outside:
        pending.unlink(missing_ok=True)
        return None
    replace(pending, out)
    return times


def _encoder(container: OutputContainer) -> VideoStream:
    try:
        return container.add_stream("libx264", rate=25, options=ENCODING)
    except (UnknownCodecError, av.error.EncoderNotFoundError) as error:
        raise MachineError("FFmpeg has no encoder libx264 here, which --media clips needs") from error


def _encode(stream: VideoStream, frame: av.VideoFrame | None) -> list[Packet[VideoStream]]:
    """Encode a frame, or what is left; where x264 has no memory it says "Generic error in an external library"."""
    try:
        return stream.encode(frame)
    except av.error.ExternalError as error:
        if memory_left():
            raise
        raise MachineError(f"the encoder: {machine_fault(MemoryError())}") from error


def even(picture: np.ndarray) -> np.ndarray:
    """Without its last odd row or column, which H.264's colour planes cannot hold.

    >>> even(np.zeros((5, 8, 3))).shape
    (4, 8, 3)
    """
    return picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
