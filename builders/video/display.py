"""Stored pictures as a player shows them: upright, with square pixels, in standard dynamic range.

A display matrix has eight orientations: four turns, each of them mirrored or not. Pixels that aren't square are
stretched in width. PQ, HLG and BT.2020 are brought to BT.709 by FFmpeg's own tone mapping. An interlaced frame holds two
moments, one in every second line: the one that comes first is shown, at full height.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from surgvqa.builders.video.containers import DamagedVideoError, clean_aperture

SQUARE = Fraction(1)
NEARLY_SQUARE = 0.01  # 854x480 for 853.3: what rounding to whole pixels makes of a shape
STRETCH = (Fraction(1, 4), Fraction(4))  # past it a header is broken
EXACT = 0.01  # of a display matrix against the quarter turn nearest to it
HDR = {16: "PQ (SMPTE ST 2084)", 18: "HLG (ARIB STD-B67)"}
BT2020 = 9  # the number of its primaries and of its matrix
UNSPECIFIED_COLOURS = 2
INTERLACED_NOTE = (
    "interlaced: each frame holds two moments; the first is shown, its missing lines are interpolated"
)
TO_SDR = "out_transfer=bt709:out_primaries=bt709:out_color_matrix=bt709:out_range=pc"


@dataclass(frozen=True, slots=True)
class Orientation:
    """The turns of a stored picture, in this order."""

    transposed: bool = False
    mirrored: bool = False  # left and right change places
    flipped: bool = False  # top and bottom change places

    @property
    def degrees(self) -> int | None:
        """Degrees clockwise; None for a mirrored picture."""
        turns = {
            (False, False, False): 0,
            (True, True, False): 90,
            (False, True, True): 180,
            (True, False, True): 270,
        }
        return turns.get((self.transposed, self.mirrored, self.flipped))

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return the picture upright."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        return np.ascontiguousarray(pixels[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1])

    def describe(self) -> str:
        """Say in words what a player does; empty where it does nothing."""
        if self.degrees is not None:
            return f"turned by {self.degrees} degrees clockwise" if self.degrees else ""
        if not self.transposed:
            return "mirrored left to right" if self.mirrored else "mirrored top to bottom"
        return "turned by 90 degrees clockwise and mirrored " + (
            "top to bottom" if self.mirrored else "left to right"
        )


def orientation(frame: VideoFrame, path: Path) -> Orientation:
    """Return the orientation of a frame by its display matrix; refused where that is no quarter turn."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix)[:36])  # type: ignore[call-overload]
    along, across = max(abs(a), abs(d)), max(abs(b), abs(c))
    if not along and not across:  # some writers leave it empty
        return Orientation()
    if min(along, across) > EXACT * max(along, across):
        raise DamagedVideoError(
            f"{path}: to be shown turned by {-frame.rotation} degrees; only quarter turns can be"
        )
    if across > along:  # x' = c y, y' = b x
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


def stretch(ratio: Fraction | None, path: Path) -> Fraction:
    """Return the width of a shown pixel over its height; 1 where it is square, nearly, or nothing is stated."""
    if ratio is None or ratio <= 0 or abs(float(ratio) - 1) <= NEARLY_SQUARE:
        return SQUARE
    if not STRETCH[0] <= ratio <= STRETCH[1]:
        raise DamagedVideoError(f"{path}: its pixels are said to be {float(ratio):g} times as wide as high")
    return ratio


ALPHA = (
    "rgba",
    "bgra",
    "argb",
    "abgr",
    "yuva",
    "gbrap",
    "ya8",
    "ya16",
)  # the formats of FFmpeg with an alpha channel


def wide_colours(frame: VideoFrame) -> str | None:
    """Say what of a frame's colours a plain screen can't show; None where it can."""
    if frame.color_trc in HDR:
        return HDR[frame.color_trc]
    return "BT.2020" if frame.color_primaries == BT2020 else None


def remarks(stream: VideoStream, frame: VideoFrame, path: Path) -> tuple[str, ...]:
    """Say what of a recording isn't stored as it is shown, or is doubtful, for people to know."""
    notes: list[str] = []
    if way := orientation(frame, path).describe():
        notes.append(f"stored {'mirrored' if 'mirrored' in way else 'turned'}; shown {way}")
    wider = stretch(stream.sample_aspect_ratio, path)
    if wider != SQUARE:
        size = f"{max(1, round(frame.width * wider))}x{frame.height}"
        notes.append(f"its {frame.width}x{frame.height} pixels aren't square ({wider}); shown as {size}")
    if colours := wide_colours(frame):
        notes.append(f"its colours are {colours}; shown mapped to BT.709")
    if frame.interlaced_frame:
        notes.append(INTERLACED_NOTE)
    views = frame.side_data.get("STEREO3D")
    if views is not None and bytes(views)[:4] != bytes(4):  # type: ignore[call-overload]
        notes.append(
            "two views in one frame (stereo 3D); shown as they are stored, so every thing is seen twice"
        )
    beside = {key.lower(): value for key, value in stream.metadata.items()}.get(
        "alpha_mode"
    )  # WebM's second picture
    if frame.format.name.startswith(ALPHA) or beside == "1":
        notes.append("it has transparency, which isn't applied: what is hidden by it is shown")
    cut = clean_aperture(path, stream.container.format.name)
    if cut is not None and cut != (frame.width, frame.height):
        notes.append(
            f"it asks to be cut to {cut[0]}x{cut[1]} (clap), which QuickTime does and most players don't; shown whole"
        )
    return tuple(notes)


class Shower:
    """Turns the frames of one stream into what a player shows: height x width x 3, uint8, RGB."""

    def __init__(self, path: Path, pixel_shape: Fraction | None = None) -> None:
        self.path, self.pixel_shape = path, stretch(pixel_shape, path)
        self.reformatter = VideoReformatter()
        self.tone_maps: dict[tuple[int, int, str], Callable[[VideoFrame], VideoFrame]] = {}

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """RGB by the frame's own range and matrix (BT.601 where it states none, as FFmpeg does), upright."""
        way, height = orientation(frame, self.path), None
        if frame.interlaced_frame and frame.height > 1:
            frame, height = first_field(frame), frame.height
        if wide_colours(frame) is not None:
            frame = self._to_sdr(frame)
        width = max(1, round(frame.width * self.pixel_shape)) if self.pixel_shape != SQUARE else None
        pixels: np.ndarray = self.reformatter.reformat(
            frame, width=width, height=height, format="rgb24", threads=1
        ).to_ndarray()
        return way(pixels) if way != Orientation() else pixels

    def _to_sdr(self, frame: VideoFrame) -> VideoFrame:
        key = (frame.width, frame.height, frame.format.name)
        if key not in self.tone_maps:
            self.tone_maps[key] = tone_mapper(*key)
        if frame.color_primaries == UNSPECIFIED_COLOURS:
            frame.color_primaries = BT2020
        if frame.colorspace == UNSPECIFIED_COLOURS:
            frame.colorspace = BT2020
        return self.tone_maps[key](frame)


def first_field(frame: VideoFrame) -> VideoFrame:
    """Return the lines of an interlaced frame that are shown first, half as many.

    A deinterlacer that looks at the neighbours in time would need frames that are never decoded here.
    """
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
    )
    steps = [source, graph.add("separatefields"), graph.add("buffersink")]
    for one, following in pairwise(steps):
        one.link_to(following)
    graph.configure()
    graph.push(frame)
    graph.push(None)
    field = graph.pull()
    assert isinstance(field, VideoFrame)
    return field


def tone_mapper(width: int, height: int, pixel_format: str) -> Callable[[VideoFrame], VideoFrame]:
    """FFmpeg's scaler as a function from frames of high dynamic range or wide gamut to BT.709, full range."""
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=width,
        height=height,
        format=av.VideoFormat(pixel_format, width, height),
        time_base=Fraction(1, 1000),
    )
    steps = [source, graph.add("scale", TO_SDR), graph.add("format", "rgb24"), graph.add("buffersink")]
    for one, following in pairwise(steps):
        one.link_to(following)
    graph.configure()

    def map_tones(frame: VideoFrame) -> VideoFrame:
        graph.push(frame)  # by the graph: its steps hold no reference to it, and outlive it into a crash
        mapped_frame = graph.pull()
        assert isinstance(mapped_frame, VideoFrame)
        return mapped_frame

    return map_tones
