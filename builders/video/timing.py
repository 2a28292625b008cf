"""The times of a video's frames, read from the packets alone, without decoding.

Second 0 is the first frame shown: containers start their clocks anywhere (MPEG-TS at 1.4 s, AVI a frame
late), and an annotation counts from the first picture. Demuxing costs about a hundredth of decoding.
"""

from __future__ import annotations

import errno
import logging
import re
import traceback
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from surgvqa.builders.files.names import require_regular
from surgvqa.builders.video.containers import COPY_AGAIN, HOW_TO_JOIN, KNOWN_CODES, code_of, require_whole
from surgvqa.builders.video.containers import DamagedVideoError as DamagedVideoError
from surgvqa.cards.command import InputError, MachineError, machine_fault

# A time that names a frame's own second may be a float just below it: 1 ns is more than the rounding of
# a float64 at 100 hours (6e-11 s) and less than any container's tick.
ROUNDING_S = Fraction(1, 10**9)

# FFmpeg's own words end up in our error messages, not on the terminal.
av.logging.set_level(av.logging.ERROR)
logging.getLogger("libav").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of a video's first video stream, in ticks of ``time_base``.

    ``pts`` and ``key`` run over the packets in decode order; ``shown_pts`` holds the presentation times of the
    frames that are shown, ascending; ``end`` is where the last of them ends.
    """

    path: Path
    time_base: Fraction
    shown_pts: np.ndarray
    end: int
    pts: np.ndarray
    key: np.ndarray

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame shown to the end of the last."""
        return float((self.end - int(self.shown_pts[0])) * self.time_base)

    def seconds(self, pts: int) -> float:
        """Seconds from the first frame shown."""
        return float((pts - int(self.shown_pts[0])) * self.time_base)

    def at(self, time_s: float) -> int:
        """Return the presentation time (ticks) of the frame on screen at ``time_s``.

        Raises ``InputError`` for a time before the first frame or at or after the end of the last.
        """
        if not time_s >= 0:
            raise InputError(f"{self.path}: a frame was asked for at {time_s} s; times start at 0")
        tick = floor((Fraction(time_s) + ROUNDING_S) / self.time_base) + int(self.shown_pts[0])
        if tick >= self.end:
            raise InputError(
                f"{self.path}: a frame was asked for at {time_s:.3f} s, but the video ends at "
                f"{self.duration_s:.3f} s; check that the annotations belong to this file"
            )
        return int(self.shown_pts[bisect_right(self.shown_pts, tick) - 1])


# Recordings, and nothing that names other files (hls, concat, dash, image sequences).
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,flv,h264,hevc,m4v,ogg,dv,mxf,ivf,obu,vvc,"
    "live_flv,nut,wtv,vob,rm,av1"
)
PLAYLISTS = (b"#EXT", b"ffconcat", b"<?xml", b"<MPD", b"<smil", b"v=0", b"[playlist]", b"[Reference]")
LATE_CLOCKS = re.compile(
    "matroska|flv"
)  # containers whose clock may begin at an hour, and which state its last tick
LIMITS = {"protocol_whitelist": "file", "format_whitelist": FORMATS}


def require_recording(path: Path) -> None:
    """Raise ``InputError`` for what is no file with pictures of its own: nothing, a pipe, a folder, a playlist."""
    if not path.exists():
        raise InputError(f"{path}: no such video file")
    require_regular(path, str(path))
    with path.open("rb") as file:
        begin = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not begin and not path.stat().st_size:
        raise DamagedVideoError(f"{path}: the file is empty (0 bytes); {COPY_AGAIN}")
    if begin.startswith(PLAYLISTS):
        raise DamagedVideoError(
            f"{path}: a playlist, not a recording; it may name other files, so it isn't opened: give those"
        )


class Packet(NamedTuple):
    """The facts of a packet without decoding; times in ticks of its stream."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    discard: bool


@contextmanager
def open_video(
    path: Path, options: dict[str, str] | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Yield the container and its first video stream that is not a cover picture; one decode thread.

    Anything the libraries raise about the file comes out as ``DamagedVideoError`` with the cause, a decoder
    that isn't there or a full disk as ``MachineError``.
    """
    path = Path(path)
    require_recording(path)
    try:
        # "file:" as FFmpeg takes "a:b.mp4" for a protocol. A playlist may name any file or address: not opened.
        with av.open(
            f"file:{path}", metadata_errors="replace", container_options=LIMITS | (options or {})
        ) as container:
            streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
            if not streams:
                raise DamagedVideoError(f"{path}: there is no video stream in this file")
            stream = streams[0]
            if stream.codec_context is None:
                raise undecodable(path, container.format.name)
            stream.thread_type = "NONE"
            stream.thread_count = 1  # measured: more threads cost CPU, and one process runs per video
            # Without it a broken slice is painted over with its neighbours and no error is raised.
            stream.codec_context.options = {"err_detect": "explode"}
            yield container, stream
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOMEM and memory_left():
            raise DamagedVideoError(f"{path}: a size in it asks for more memory than there is") from error
        if "not on whitelist" in cause(error):
            forms = "MP4, MOV, MKV, WebM, AVI, MPEG, TS, FLV, WMV, MXF and Ogg are"
            raise DamagedVideoError(f"{path}: a file of its form isn't opened; {forms}") from error
        if isinstance(error, av.error.DecoderNotFoundError) or machine_fault(error):
            raise MachineError(f"{path}: {cause(error)}") from error
        raise DamagedVideoError(f"{path}: {cause(error)}") from error
    except IndexError as error:
        if "av" not in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parts:
            raise
        # PyAV looks for a packet's stream in the list that it made when the file was opened.
        raise DamagedVideoError(f"{path}: a stream begins in the middle of the file") from error


def memory_left() -> bool:
    """Whether this process may take 256 MiB more: if so, what a file asked for in vain was absurd."""
    try:
        bytearray(2**28)
    except MemoryError:
        return False
    return True


def undecodable(path: Path, family: str) -> Exception:
    """Say why no decoder takes a file: a registered code is missing in this FFmpeg, another is the file's."""
    code = code_of(path, family)
    if code in KNOWN_CODES:
        return MachineError(
            f"{path}: its video is {code}, for which FFmpeg has no decoder here; install one that has"
        )
    return DamagedVideoError(f"{path}: its video is in a code that FFmpeg doesn't know")


def cause(error: av.error.FFmpegError) -> str:
    """Return the decoder's message, with the line of its own log where there is one."""
    message = str(error.log[-1]).strip() if error.log else ""
    return f"{error.strerror}: {message}" if message else str(error.strerror)


def read_timeline(path: Path) -> Timeline:
    """Return the timeline of a video; decodes it only where its packets carry no presentation times.

    The last two are remembered: a build asks five times for that of a case, each a pass over the file.
    Raises ``DamagedVideoError`` where the file cannot be read or holds fewer frames than its header says.
    """
    path = Path(path)
    require_recording(path)
    stat = path.stat()
    return _read_timeline(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=2)
def _read_timeline(path: Path, version: tuple[int, ...]) -> Timeline:
    with open_video(path) as (container, stream):
        rows = [
            Packet(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, packet.is_discard)
            for packet in container.demux(stream)
            if packet.size
        ]
        time_base, rate = stream.time_base, stream.average_rate
        hides = stream.codec_context.name in ("vp8", "libvpx")  # packets of frames that are never shown
        if not rows:
            raise DamagedVideoError(f"{path}: there is no frame in this file")
        _refuse_cut(path, container, stream, rows)
    refuse_restart(path, rows, float(time_base or 0))
    times = [row.pts for row in rows if row.pts is not None]
    if len(set(times)) < len(rows) or hides:
        return decoded_timeline(path)
    shown_frames = sorted((row.pts, row.duration) for row in rows if not row.discard and row.pts is not None)
    if not shown_frames or time_base is None:
        raise DamagedVideoError(f"{path}: no frame of this file is ever shown")
    return Timeline(
        path=Path(path),
        time_base=time_base,
        shown_pts=np.array([pts for pts, _ in shown_frames], np.int64),
        end=_end([pts for pts, _ in shown_frames], shown_frames[-1][1], time_base, rate),
        pts=np.array(times, np.int64),
        key=np.array([row.key for row in rows], bool),
    )


def _refuse_cut(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    rows: Sequence[Packet],
) -> None:
    """Raise ``DamagedVideoError`` where the header promises more than the file holds."""
    family, size = container.format.name, path.stat().st_size
    if "mp4" in family:
        # Its index counts every frame, those that an edit list trims, too; that of fragments is known by now.
        # An entry points into its container's memory: it is read while that is open.
        ends = [one.pos + one.size for one in stream.index_entries]
        with open_video(path, {"ignore_editlist": "1"}) as (_, full_stream):
            untrimmed_ends = [one.pos + one.size for one in full_stream.index_entries]
            stated_frames = max(stream.frames, len(untrimmed_ends))
        most = max(ends, untrimmed_ends, key=len)
        frames_in_file = sum(end <= size for end in most)
        if frames_in_file < max(stated_frames, len(most)):
            raise DamagedVideoError(
                f"{path}: cut short: {frames_in_file} of the {max(stated_frames, len(most))} frames its header states; {COPY_AGAIN}"
            )
    require_whole(path, family)
    if "mp4" in family:
        return
    stated_s = stated_duration(container, stream)
    times = [row.pts for row in rows if row.pts is not None]
    if stated_s is not None and times and stream.time_base is not None:
        held_s = float((max(times) - min(times)) * stream.time_base)
        first_s = float(min(times) * stream.time_base)
        if LATE_CLOCKS.search(family) and stated_s > first_s > 0:
            stated_s -= first_s  # most writers state where the last frame ends on the file's own clock
        if held_s < 0.98 * stated_s - 1:  # headers round, and leave the last frame's length out
            raise DamagedVideoError(
                f"{path}: cut short: {held_s:.1f} of the {stated_s:.1f} s its header states"
            )


def refuse_restart(path: Path, rows: Sequence[Packet], tick_s: float) -> None:
    """Raise ``DamagedVideoError`` where a recording's clock starts again inside its file.

    Packets are decoded in ascending order, and key frames are shown in it.
    """
    last_dts: int | None = None
    key: int | None = None
    first = latest = next((row.pts for row in rows if row.pts is not None), 0)
    for row in rows:
        back = row.dts is not None and last_dts is not None and row.dts < last_dts
        back |= row.key and row.pts is not None and key is not None and row.pts < key
        if back:
            raise DamagedVideoError(
                f"{path}: its clock starts again after {(latest - first) * tick_s:.3f} s; {HOW_TO_JOIN}"
            )
        last_dts = row.dts if row.dts is not None else last_dts
        key = row.pts if row.key and row.pts is not None else key
        latest = max(latest, row.pts) if row.pts is not None else latest


def stated_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds of video that the header promises; None where it speaks of sound and video together."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    clock = stream.metadata.get("DURATION", "")  # Matroska's "00:00:09.666000000"
    if clock.count(":") == 2 and clock.replace(":", "").replace(".", "").isdigit():
        hours, minutes, seconds = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def decoded_timeline(path: Path) -> Timeline:
    """Return the timeline of a video whose packets don't tell it: AVI with B-frames, VP8's hidden frames.

    Its ``pts`` and ``key`` are empty: the n-th frame that comes out of the decoder is ``shown[n]``.
    Raises ``InputError`` for a raw stream, which has no times at all.
    """
    with open_video(path) as (container, stream):
        shown_pts: list[int | None] = []
        clock: list[int | None] = []
        for packet in container.demux(stream):
            if packet.size:
                clock.append(packet.dts)
            shown_pts += [frame.pts for frame in packet.decode()]
        time_base, rate, name = stream.time_base, stream.average_rate, stream.codec_context.name
    if not shown_pts or time_base is None:
        raise DamagedVideoError(f"{path}: there is no frame in this file")
    if not _ascends(shown_pts):
        # AVI has one clock, that of decoding, at a fixed rate: the n-th frame is shown at its n-th tick.
        if not _ascends(clock) or len(clock) != len(shown_pts):
            raise InputError(
                f"{path}: this {name} stream has no presentation times, so no second of it can be found; "
                "put it into a container (MP4, MKV) with its true frame rate"
            )
        shown_pts = clock
    ticks = [pts for pts in shown_pts if pts is not None]
    return Timeline(
        path=Path(path),
        time_base=time_base,
        shown_pts=np.array(ticks, np.int64),
        end=_end(ticks, 0, time_base, rate),
        pts=np.empty(0, np.int64),
        key=np.empty(0, bool),
    )


def _ascends(ticks: Sequence[int | None]) -> bool:
    return all(a is not None and b is not None and a < b for a, b in pairwise([-(2**63), *ticks]))


def _end(ticks: Sequence[int], last: int, time_base: Fraction, rate: Fraction | None) -> int:
    """Return the end of the last frame: by its own duration, else the gap before it, else a frame of the rate."""
    if last > 0:
        return ticks[-1] + last
    if len(ticks) > 1:
        return ticks[-1] + ticks[-1] - ticks[-2]
    return ticks[-1] + max(1, round(1 / (rate * time_base))) if rate else ticks[-1] + 1
