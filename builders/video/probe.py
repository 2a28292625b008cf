"""Probe every video of a folder: its facts, and whether all of it can be decoded; the check before anything else."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from surgvqa.builders.files.names import VIDEO_SUFFIXES
from surgvqa.builders.files.process_pool import MEMORY_BYTES, Failure, run_tasks
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.video.display import INTERLACED_NOTE, orientation, remarks, stretch
from surgvqa.builders.video.timing import (
    Timeline,
    cause,
    memory_left,
    open_video,
    read_timeline,
    stated_duration,
)
from surgvqa.cards.command import InputError, MachineError
from tqdm import tqdm

PROBE_S = 3600.0  # of one file; an hour of 1024x768 at 60 fps decodes in ten minutes


@dataclass(frozen=True, slots=True)
class VideoReport:
    """One video file, as it was found. Width and height are those of the upright picture."""

    path: str
    codec: str | None
    width: int | None
    height: int | None
    fps: float | None  # mean over the file
    vfr: bool | None  # whether frames are shown for different times
    rotation: int | None  # degrees clockwise that the stored picture is turned to be upright
    duration_s: float | None  # stated by the header
    decoded_duration_s: float | None  # from the first to the end of the last frame that came out
    frames: int  # decoded without fault
    unreadable: bool  # no frame at all can be had
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()


LATE_S = 0.2  # sound may begin earlier by the length of its own frames, and a recorder's by some pictures
LONG_S = 10.0  # a frame that stands longer is worth a note: a pause, or a part that is missing


def probe(path: Path) -> VideoReport:
    """Decode a whole video and say what it is and all that is wrong with it; raises for a missing file only."""
    if not path.exists():
        raise InputError(f"{path}: no such video file")
    findings = _Findings()
    try:
        _decode_all(path, findings)
        if findings.times:
            timeline = read_timeline(path)
            findings.notes += timing_notes(timeline)
            findings.decoded_duration_s = timeline.duration_s
            steps = [b - a for a, b in pairwise(timeline.shown_pts.tolist())]
            # One tick more or less is how containers round (Matroska's milliseconds at 30 fps).
            findings.vfr = max(steps) - min(steps) > 1 if steps else None
    except InputError as error:
        findings.add(_without(path, str(error)))
    if findings.decoded_duration_s is None and findings.fps and findings.frames:
        span = (
            (findings.times[-1] - findings.times[0]) * findings.tick_s + 1 / findings.fps
            if findings.times
            else None
        )
        findings.decoded_duration_s = span if span is not None else findings.frames / findings.fps
    notes = findings.notes
    if findings.vfr:
        notes.append("variable frame rate: frame numbers are no measure of time")
    if findings.streams > 1:
        notes.append(f"{findings.streams} video streams; the first is taken")
    if findings.is_interlaced and INTERLACED_NOTE not in notes:
        notes.append(INTERLACED_NOTE)
    return VideoReport(
        path=str(path),
        codec=findings.codec,
        width=findings.width,
        height=findings.height,
        fps=findings.fps,
        vfr=findings.vfr,
        rotation=findings.rotation,
        duration_s=findings.duration_s,
        decoded_duration_s=findings.decoded_duration_s,
        frames=findings.frames,
        unreadable=not findings.frames,
        faults=tuple(findings.faults),
        notes=tuple(notes),
    )


def timing_notes(timeline: Timeline) -> list[str]:
    """State what must be known of when the frames of a video are shown."""
    notes = []
    hidden_frames = len(timeline.pts) - len(timeline.shown_pts)
    if hidden_frames > 0:
        notes.append(f"trimmed: {hidden_frames} of its {len(timeline.pts)} frames are never shown")
    steps = np.diff(timeline.shown_pts) * float(timeline.time_base)
    if len(steps) and steps.max() > LONG_S:
        at = timeline.seconds(int(timeline.shown_pts[int(steps.argmax())]))
        notes.append(f"one frame stands for {steps.max():.1f} s, from second {at:.1f} on")
    return notes


class _Findings:
    """The findings on a file so far; kept when the rest of it cannot be read."""

    def __init__(self) -> None:
        self.codec: str | None = None
        self.width: int | None = None
        self.height: int | None = None
        self.fps: float | None = None
        self.vfr: bool | None = None
        self.rotation: int | None = None
        self.duration_s: float | None = None
        self.decoded_duration_s: float | None = None
        self.tick_s = 0.0
        self.frames = self.streams = 0
        self.is_interlaced = self.is_untimed = False
        self.times: list[int] = []
        self.faults: list[str] = []
        self.notes: list[str] = []

    def add(self, fault: str) -> None:
        """Note a fault, once."""
        if fault not in self.faults:
            self.faults.append(fault)


def _decode_all(path: Path, findings: _Findings) -> None:
    # FFmpeg mentions a reference picture that never came only at this level, and goes on without it.
    with open_video(path) as (container, stream), _listening(av.logging.DEBUG) as messages:
        findings.codec = stream.codec_context.name
        films = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
        findings.streams = len(films)
        findings.notes += late_pictures(container, stream)
        findings.width, findings.height = stream.codec_context.width, stream.codec_context.height
        findings.fps = float(stream.average_rate) if stream.average_rate else None
        findings.tick_s = float(stream.time_base or 0)
        findings.duration_s = stated_duration(container, stream)
        if findings.duration_s is None and container.duration:
            findings.duration_s = container.duration / av.time_base
        packets = bad_packets = corrupt = sizes = gaps = 0
        first: str | None = None
        shown_size = None
        for packet in container.demux(stream):
            packets += bool(packet.size) and not packet.is_discard
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                if error.errno == errno.ENOMEM and not memory_left():  # the machine's, not the packet's
                    raise MachineError(f"{path}: {cause(error)}") from error
                bad_packets, first = bad_packets + 1, first or cause(error)
                continue
            gaps += sum("Frame num gap" in text for _, _, text in messages)
            messages.clear()
            for frame in frames:
                corrupt += frame.is_corrupt
                findings.frames += not frame.is_corrupt
                findings.is_interlaced |= frame.interlaced_frame
                findings.is_untimed |= frame.pts is None
                if frame.pts is not None:
                    findings.times.append(frame.pts)
                if shown_size is not None and (frame.width, frame.height) != shown_size:
                    sizes += 1
                shown_size = (frame.width, frame.height)
                if findings.rotation is None:
                    way = orientation(frame, path)
                    findings.rotation = way.degrees if way.degrees is not None else 90 * way.transposed
                    wide = round(frame.width * stretch(stream.sample_aspect_ratio, path)), frame.height
                    findings.width, findings.height = wide[::-1] if way.transposed else wide
                    findings.notes += remarks(stream, frame, path)
        if bad_packets:
            findings.add(f"{bad_packets} of {packets} packets cannot be decoded: {first}")
        if corrupt:
            findings.add(f"{corrupt} of {packets} frames are corrupt")
        silent = packets - findings.frames - corrupt
        if not bad_packets and silent > 0 and findings.codec not in ("vp8", "libvpx"):
            findings.add(f"{silent} of {packets} packets gave no frame")
        if gaps:
            findings.add(f"pictures are missing: the stream's own count jumps {gaps} times")
        if sizes:
            findings.add(f"the picture changes its size {sizes} times")
        if not findings.frames:
            findings.add("no frame can be decoded")
        if findings.is_untimed:
            findings.notes.append(
                "a raw stream has no presentation times: no build can take it, put it into MP4 or MKV"
            )
        findings.times.sort()


def late_pictures(container: InputContainer, stream: VideoStream) -> list[str]:
    """Note a first picture that comes well after a player's clock begins: with the sound, or with an empty edit of MP4."""
    sounds = [
        float(one.start_time * one.time_base)
        for one in container.streams.audio
        if one.start_time is not None and one.time_base
    ]
    if stream.start_time is None or not stream.time_base or not (sounds or "mp4" in container.format.name):
        return []
    late = float(stream.start_time * stream.time_base) - min(sounds, default=0.0)
    if late <= LATE_S:
        return []
    begin = "its sound" if sounds else "its clock begins (an edit list)"
    return [f"its first picture comes {late:.1f} s after {begin}; second 0 is the first picture"]


@contextmanager
def _listening(level: int) -> Iterator[list[tuple[int, str, str]]]:
    """Collect FFmpeg's messages up to a level; the caller empties the list."""
    usual = av.logging.get_level()
    av.logging.set_level(level)
    try:
        with av.logging.Capture() as messages:
            yield messages
    finally:
        av.logging.set_level(usual)


def _without(path: Path, message: str) -> str:
    return message.removeprefix(f"{path}: ")


def files(root: Path) -> list[Path]:
    """Every video file at or below ``root``, by its name's ending, sorted."""
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise InputError(f"no file or folder {root}")
    return files_below(root, *(f"*{ending}" for ending in VIDEO_SUFFIXES))


def probe_all(paths: Sequence[Path], workers: int = 1) -> Iterator[VideoReport]:
    """Yield a report per file, in order; a file that brings its decoder down is reported, too."""
    reports: dict[int, VideoReport] = {}
    results = run_tasks(probe, [(path,) for path in paths], workers, PROBE_S, MEMORY_BYTES)
    for index, result in tqdm(results, total=len(paths), desc="probe", unit="file", disable=None):
        if isinstance(result, Failure):
            result = VideoReport(
                path=str(paths[index]),
                codec=None,
                width=None,
                height=None,
                fps=None,
                vfr=None,
                rotation=None,
                duration_s=None,
                decoded_duration_s=None,
                frames=0,
                unreadable=True,
                faults=(result.cause,),
            )
        reports[index] = result
    for index in range(len(paths)):
        yield reports[index]


def table(reports: Sequence[VideoReport], root: Path) -> str:
    """Return the reports as lines to read."""
    lines = [
        f"{'file':<40} {'codec':<10} {'size':>9} {'fps':>7} {'vfr':>4} {'turn':>4} {'stated':>9} {'decoded':>9}  faults"
    ]
    for one in reports:
        name = Path(one.path).relative_to(root).as_posix() if Path(one.path) != root else Path(one.path).name
        size = f"{one.width}x{one.height}" if one.width else "-"
        lines.append(
            f"{name:<40} {one.codec or '-':<10} {size:>9} {_figure(one.fps, 2):>7} "
            f"{ {True: 'yes', False: 'no', None: '-'}[one.vfr]:>4} {one.rotation or 0:>4} "
            f"{_figure(one.duration_s, 2):>9} {_figure(one.decoded_duration_s, 2):>9}  {'; '.join(one.faults) or 'none'}"
        )
        lines += [f"    note: {note}" for note in one.notes]
    return "\n".join(lines)


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def as_json(reports: Sequence[VideoReport]) -> str:
    """Return the reports as a JSON list."""
    return json.dumps([asdict(one) for one in reports], indent=1, ensure_ascii=False) + "\n"
