"""The frame on screen at second t: exact on variable rates and B-frames, upright, in its right colours.

One sequential pass per video. Groups of pictures (GOPs) without a wanted frame are never decoded, in the
others everything after the last wanted frame is dropped, and H.264 frames that no other frame refers to
are skipped unless they are wanted: the pixels are those of a plain decode at 0.6 of its cost.
"""

from __future__ import annotations

import errno
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from surgvqa.builders.video import torchcodec_faults
from surgvqa.builders.video.display import Orientation, Shower, orientation, stretch, wide_colours
from surgvqa.builders.video.timing import DamagedVideoError, Timeline, open_video, read_timeline
from surgvqa.cards.command import InputError, MachineError

Decoder = Literal["pyav", "decord", "torchcodec"]
DECODERS: tuple[Decoder, ...] = ("pyav", "decord", "torchcodec")


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame and its time. ``image`` is height x width x 3, uint8, RGB, as it is meant to be seen."""

    time_s: float  # when the frame begins to be shown, seconds from the first frame of the video
    image: np.ndarray
    requested_s: float  # the second that was asked for; time_s <= requested_s


def read_frames(path: Path, times_s: Sequence[float], decoder: Decoder = "pyav") -> list[Shot]:
    """Return the frames on screen at ``times_s`` (seconds), one per time, in the order of ``times_s``.

    Raises ``InputError`` for a time outside the video and ``DamagedVideoError`` where a frame cannot be had
    exactly; nothing is ever put in a frame's place.
    """
    order = sorted(range(len(times_s)), key=lambda i: times_s[i])
    shots = list(iterate_frames(path, [times_s[i] for i in order], decoder))
    shots_by_place = sorted(zip(order, shots, strict=True), key=lambda pair: pair[0])
    return [shot for _, shot in shots_by_place]


def iterate_frames(
    path: Path, times_s: Sequence[float], decoder: Decoder = "pyav", timeline: Timeline | None = None
) -> Iterator[Shot]:
    """As ``read_frames`` for ascending ``times_s``, one frame at a time, so that memory stays flat."""
    if any(b < a for a, b in pairwise(times_s)):
        raise ValueError("times_s must ascend")
    if decoder not in DECODERS:
        raise InputError(f"--decoder {decoder}: known are {', '.join(DECODERS)}")
    if not times_s:
        return
    timeline = timeline or read_timeline(path)
    ticks = [timeline.at(time_s) for time_s in times_s]
    unique = sorted(set(ticks))
    images = iter({"pyav": _pyav, "decord": _decord, "torchcodec": _torchcodec}[decoder](timeline, unique))
    pts, image = -1, np.empty(0)
    for time_s, tick in zip(times_s, ticks, strict=True):
        while tick != pts or not image.size:
            pts, image = next(images)
        yield Shot(timeline.seconds(pts), image, time_s)


def _pyav(timeline: Timeline, ticks: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    with open_video(timeline.path) as (_, stream):
        show = Shower(timeline.path, stream.sample_aspect_ratio)
    size: tuple[int, int] | None = None
    position = 0
    paths: tuple[Callable[[Timeline, Sequence[int]], Iterator[VideoFrame]], ...]
    paths = (_skipping, _plain) if timeline.key.any() else (_plain,)
    for frames in paths:
        try:
            for frame in frames(timeline, ticks[position:]):
                size = size or (frame.width, frame.height)
                _refuse_other_size(frame, size, timeline)
                yield ticks[position], show(frame)
                position += 1
        except DamagedVideoError as error:
            # A stream that cannot be entered at its "key" frames (intra refresh) decodes from the front; where memory ran
            # out the other path could give other pixels.
            if frames is _plain or getattr(error.__cause__, "errno", None) == errno.ENOMEM:
                raise
        if position == len(ticks):
            return
    raise DamagedVideoError(
        f"{timeline.path}: the frame at {timeline.seconds(ticks[position]):.3f} s is announced but never decoded"
    )


def _plain(timeline: Timeline, ticks: Sequence[int]) -> Iterator[VideoFrame]:
    """Yield the wanted frames out of a decode of everything up to the last of them."""
    with open_video(timeline.path) as (container, stream):
        position = 0
        for number, frame in enumerate(container.decode(stream)):
            _refuse_corrupt(frame, timeline)
            pts = frame.pts if timeline.key.size else int(timeline.shown_pts[number])
            if position < len(ticks) and pts == ticks[position]:
                yield frame
                position += 1
            if position == len(ticks):
                return


def _skipping(timeline: Timeline, ticks: Sequence[int]) -> Iterator[VideoFrame]:
    """Yield the wanted frames, decoding only what they need; stops early where one is missing."""
    last = _last_packets(timeline, ticks)
    starts = np.flatnonzero(timeline.key)
    targets = set(ticks)
    position = 0
    with open_video(timeline.path) as (container, stream):
        gop = -1
        packets = (packet for packet in container.demux(stream) if packet.size)
        for number, packet in enumerate(packets):
            gop = gop + 1 if gop + 1 < len(starts) and number == starts[gop + 1] else gop
            if number > last.get(gop, -1):
                continue
            cut = number == last[gop] and not (gop + 1 in last and number + 1 == starts[gop + 1])
            for frame in _decode(stream, packet, targets, drain=cut):
                _refuse_corrupt(frame, timeline)
                if position < len(ticks) and frame.pts == ticks[position]:
                    yield frame
                    position += 1
            if cut:
                stream.codec_context.flush_buffers()
            if position == len(ticks):
                return


def _decode(
    stream: VideoStream, packet: Packet[VideoStream], targets: set[int], drain: bool
) -> list[VideoFrame]:
    if stream.codec_context.name == "h264":
        # nal_ref_idc 0: no frame refers to it, so leaving it out changes no other. HEVC's notion is looser.
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in targets else "NONREF"
    frames = stream.decode(packet)
    return frames + stream.decode(None) if drain else frames


def _last_packets(timeline: Timeline, ticks: Sequence[int]) -> dict[int, int]:
    """For each GOP that must be decoded, the last packet of it that is needed (both by number)."""
    starts = np.flatnonzero(timeline.key)
    order = np.argsort(timeline.pts)
    numbers = order[np.searchsorted(timeline.pts, ticks, sorter=order)]
    last: dict[int, int] = {}
    for number in (int(n) for n in numbers):
        gop = bisect_right(starts, number) - 1
        last[gop] = max(last.get(gop, -1), number)
        if gop > 0 and timeline.pts[number] < timeline.pts[starts[gop]]:
            # Open GOP: this picture is shown before its key frame and refers to the GOP before, too.
            last[gop - 1] = int(starts[gop]) - 1
    return last


def _refuse_corrupt(frame: VideoFrame, timeline: Timeline) -> None:
    if frame.is_corrupt:
        time_s = timeline.seconds(frame.pts) if frame.pts is not None else float("nan")
        raise DamagedVideoError(f"{timeline.path}: the frame at {time_s:.3f} s is corrupt in the file")


def _refuse_other_size(frame: VideoFrame, size: tuple[int, int], timeline: Timeline) -> None:
    """Refuse a frame of another size than its recording's: boxes are of that size, and two recordings were joined."""
    if (frame.width, frame.height) != size:
        time_s = timeline.seconds(frame.pts) if frame.pts is not None else float("nan")
        raise InputError(
            f"{timeline.path}: the picture changes its size: it is {frame.width}x{frame.height} at {time_s:.3f} s, and "
            f"{size[0]}x{size[1]} before; cut the recording there, or encode it anew in one size"
        )


def _indices(timeline: Timeline, ticks: Sequence[int]) -> list[int]:
    return [int(i) for i in np.searchsorted(timeline.shown_pts, ticks)]


def _require_plain(path: Path, decoder: Decoder) -> None:
    """Refuse a file that another decoder than ours shows otherwise than a player does."""
    with open_video(path) as (container, stream):
        frame = next(container.decode(stream), None)
        way = Orientation() if frame is None else orientation(frame, path)
        unlike = {
            "is mirrored": way.degrees is None,
            "has pixels that aren't square": stretch(stream.sample_aspect_ratio, path) != 1,
            "is interlaced": frame is not None and frame.interlaced_frame,
            "is of high dynamic range or wide gamut": frame is not None and wide_colours(frame) is not None,
        }
        if differences := [what for what, true in unlike.items() if true]:
            raise InputError(
                f"{path}: {', '.join(differences)}, which {decoder} doesn't show as a player does; use --decoder pyav"
            )


def _require_first_stream(path: Path, decoder: Decoder) -> None:
    _require_plain(path, decoder)
    with open_video(path) as (container, _):
        if len(container.streams.video) > 1:
            raise InputError(
                f"{path}: has {len(container.streams.video)} video streams and {decoder} chooses by itself; "
                "use --decoder pyav or torchcodec, which take the first"
            )


def _decord(timeline: Timeline, ticks: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    try:
        import decord
    except ImportError as error:
        raise MachineError(
            f"--decoder decord needs decord (pip install 'surgvqa[decoders]'): {error}"
        ) from error

    _require_first_stream(timeline.path, "decord")
    try:
        # fault_tol: without it decord repeats a neighbour for a frame that it cannot decode
        reader = decord.VideoReader(str(timeline.path), num_threads=1, fault_tol=1)
        if len(reader) != len(timeline.shown_pts):
            raise DamagedVideoError(
                f"{timeline.path}: decord counts {len(reader)} frames, the file shows {len(timeline.shown_pts)}; "
                "use --decoder pyav"
            )
        # In order, never by its seek: that lands on other frames in AVI and some HEVC files (0.6.0).
        pictures = enumerate(iter(reader.next, None))
        for pts, index in zip(ticks, _indices(timeline, ticks), strict=True):
            yield pts, next(picture for number, picture in pictures if number == index).asnumpy()
    except (decord.DECORDError, decord.DECORDLimitReachedError) as error:
        message = str(error).splitlines()[0]
        raise DamagedVideoError(f"{timeline.path}: decord cannot read it: {message}") from error


def _torchcodec(timeline: Timeline, ticks: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    try:
        from torchcodec.decoders import VideoDecoder  # type: ignore[attr-defined]
    except (ImportError, RuntimeError, OSError) as error:
        raise torchcodec_faults.loading_fault(error) from error

    if not timeline.key.size:
        raise InputError(
            f"{timeline.path}: torchcodec finds frames by packet times, which this file lacks; use pyav"
        )
    _require_plain(timeline.path, "torchcodec")
    with open_video(timeline.path) as (_, stream):
        number = stream.index
    try:
        decoder = VideoDecoder(
            str(timeline.path), stream_index=number, num_ffmpeg_threads=1, dimension_order="NHWC"
        )
        if len(decoder) != len(timeline.shown_pts):
            raise DamagedVideoError(
                f"{timeline.path}: torchcodec counts {len(decoder)} frames, the file shows "
                f"{len(timeline.shown_pts)}; use --decoder pyav"
            )
        # By number, not get_frame_played_at: that one is a frame late on some files with B-frames
        # (0.17 with FFmpeg 5.1).
        for pts, index in zip(ticks, _indices(timeline, ticks), strict=True):
            yield pts, decoder.get_frame_at(index).data.numpy()
    except RuntimeError as error:
        raise torchcodec_faults.file_fault(error, timeline.path) from error
