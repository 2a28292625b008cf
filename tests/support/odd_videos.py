"""Odd recordings, made: each with the value that its making says, whatever a reader thinks of it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from conftest import write_video

FRAMES = 12
EVEN = [40 * number for number in range(FRAMES)]
UNEVEN = [0, 30, 95, 100, 190, 240, 245, 330, 400, 460, 470, 480]
FAST = {"g": "4", "preset": "ultrafast"}
FIXED = Fraction(1, 65536)


@dataclass(frozen=True)
class Odd:
    """How a file is made, and what is right."""

    make: Callable[[Path], Path]  # in a folder
    frames: tuple[tuple[float, int], ...] = ()  # (second, number of the picture on screen)
    stored: Callable[[np.ndarray], np.ndarray] = lambda shown: shown  # undoes what a player does
    size: tuple[int, int] | None = None  # width and height as shown
    fault: str | None = None  # what is said of a file that can't be used
    note: str | None = None


def even(skip: int = 0) -> tuple[tuple[float, int], ...]:
    """Three moments of pictures that are 40 ms apart, the first ``skip`` of which are trimmed."""
    return tuple((0.04 * number + 0.01, number + skip) for number in (0, 5, FRAMES - 1 - skip))


def uneven() -> tuple[tuple[float, int], ...]:
    return tuple((UNEVEN[number] / 1000 + 0.001, number) for number in (0, 3, 7, 10))


def video(name: str, pts: list[int] = EVEN, **options: object) -> Callable[[Path], Path]:
    options.setdefault("options", FAST if str(options.get("codec", "libx264")) == "libx264" else {"g": "4"})
    return lambda folder: write_video(folder / name, pts, **options)  # type: ignore[arg-type]


# (a, b, c, d) of a display matrix: x' = a x + c y, y' = b x + d y; and what puts a shown picture back
MATRICES: dict[str, tuple[tuple[int, int, int, int], Callable[[np.ndarray], np.ndarray]]] = {
    "upright": ((1, 0, 0, 1), lambda shown: shown),
    "hflip": ((-1, 0, 0, 1), np.fliplr),
    "vflip": ((1, 0, 0, -1), np.flipud),
    "half-turn": ((-1, 0, 0, -1), lambda shown: np.rot90(shown, 2)),
    "clockwise": ((0, 1, -1, 0), lambda shown: np.rot90(shown, 1)),
    "counter-clockwise": ((0, -1, 1, 0), lambda shown: np.rot90(shown, -1)),
    "transposed": ((0, 1, 1, 0), lambda shown: shown.transpose(1, 0, 2)),
    "anti-transposed": ((0, -1, -1, 0), lambda shown: np.rot90(shown, 2).transpose(1, 0, 2)),
}


def turned(name: str, matrix: tuple[int, int, int, int], **options: object) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = video(name, **options)(folder)
        data = bytearray(path.read_bytes())
        a, b, c, d = (int(value / FIXED) for value in matrix)
        at = data.index(b"tkhd") + 44
        data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(data)
        return path

    return make


def remuxed(
    name: str, options: dict[str, str], shift: int = 0, suffix: str = ".mp4"
) -> Callable[[Path], Path]:
    """The even video in another container, ``shift`` frames earlier: what is before 0 is trimmed by an edit list."""

    def make(folder: Path) -> Path:
        source = video(f"source{suffix}", options=FAST | {"bf": "0"})(folder)
        with av.open(str(source)) as given, av.open(str(folder / name), "w", options=options) as out:
            stream = out.add_stream_from_template(given.streams.video[0])
            for packet in given.demux(video=0):
                if packet.dts is not None:
                    ticks = round(shift * Fraction(1, 25) / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, stream
                    out.mux(packet)
        source.unlink()
        return folder / name

    return make


def changed(made: Callable[[Path], Path], change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = made(folder)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * share)]


def twice(data: bytes) -> bytes:
    return data + data


def written(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        video("real.mp4")(folder)
        (folder / name).write_text(text)
        return folder / name

    return make


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def subfolder(folder: Path) -> Path:
    (folder / "folder.mp4").mkdir()
    return folder / "folder.mp4"


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
INDEXED = {"movflags": "frag_keyframe+empty_moov+default_base_moof+global_sidx"}
FASTSTART = {"movflags": "faststart"}


def timings() -> Iterator[tuple[str, Odd]]:
    codecs = {
        "mp4": ("libx264", "mpeg4", "libx265"), "mov": ("libx264", "mjpeg", "mpeg4"),
        "mkv": ("libx264", "mpeg4", "ffv1", "mjpeg", "libx265"), "webm": ("libvpx", "libvpx-vp9"),
    }  # fmt: skip
    own: dict[str, dict[str, str]] = {
        "libx265": {"x265-params": "log-level=none:keyint=6", "preset": "ultrafast"},
        "libvpx": {"g": "4", "cpu-used": "8", "deadline": "realtime"},
        "libvpx-vp9": {"g": "4", "cpu-used": "8", "deadline": "realtime"},
        "mjpeg": {"strict": "-2"},
    }
    for suffix, names in codecs.items():
        for codec in names:
            options: dict[str, object] = {"codec": codec}
            if codec in own:
                options["options"] = own[codec]
            yield f"even {codec} {suffix}", Odd(video(f"v.{suffix}", **options), even())
            yield f"uneven {codec} {suffix}", Odd(video(f"v.{suffix}", UNEVEN, **options), uneven())
    rate = {"time_base": Fraction(1, 25)}
    for codec in ("libx264", "mpeg4", "mpeg2video"):
        for name, first in (("even", 0), ("late", 35)):
            pts = list(range(first, first + FRAMES))
            yield f"{name} {codec} ts", Odd(video("v.ts", pts, codec=codec, **rate), even())
        if codec != "mpeg2video":  # FFmpeg's writer stops at half of it
            yield f"even {codec} avi", Odd(video("v.avi", list(range(FRAMES)), codec=codec, **rate), even())
    hour = [3_600_000 + at for at in EVEN]
    for suffix in ("mp4", "mov", "mkv", "webm", "flv", "ts"):
        codec = "libvpx-vp9" if suffix == "webm" else "libx264"
        late = video(f"v.{suffix}", hour, codec=codec)
        yield f"a clock that starts at an hour, {suffix}", Odd(late, even())
    for suffix in ("mp4", "mkv", "mov"):
        for frames in ("0", "1", "3"):
            options = {"options": {"bf": frames, "g": "6"}}
            yield f"b-frames {frames} {suffix}", Odd(video(f"v.{suffix}", UNEVEN, **options), uneven())
        yield f"name with letters {suffix}", Odd(video(f"Fall 3 – Müller: 患者.{suffix}"), even())
        yield f"name like a pattern {suffix}", Odd(video(f"op%03d.{suffix}"), even())
        interlaced = {"options": {"x264-params": "tff=1", "g": "4"}}
        yield f"interlaced {suffix}", Odd(video(f"v.{suffix}", **interlaced), even(), note="interlaced")


def shapes() -> Iterator[tuple[str, Odd]]:
    for suffix in ("mp4", "mov"):
        for codec in ("libx264", "mpeg4"):
            for name, (matrix, back) in MATRICES.items():
                size = (96, 128) if matrix[0] == 0 else (128, 96)
                note = None if name == "upright" else "shown"
                odd = Odd(turned(f"v.{suffix}", matrix, codec=codec), even(), back, size, note=note)
                yield f"{name} {codec} {suffix}", odd
    for suffix in ("mp4", "mkv"):
        for wide, width in ((Fraction(64, 45), 182), (Fraction(4, 3), 171), (Fraction(16, 15), 137),
                            (Fraction(8, 9), 114), (Fraction(1, 2), 64), (Fraction(1280, 1281), 128)):  # fmt: skip
            note = None if width == 128 else "aren't square"
            made = video(f"v.{suffix}", sample_aspect_ratio=wide)
            yield f"pixels {wide} {suffix}", Odd(made, size=(width, 96), note=note)
    packed = {"options": FAST | {"x264-params": "frame-packing=3"}}
    yield "two views side by side", Odd(video("v.mp4", **packed), even(), note="two views in one frame")
    clear = video("v.mov", codec="png", pix_fmt="rgba", options={})
    yield "transparency", Odd(clear, even(), note="it has transparency")
    beside = video("v.webm", codec="libvpx-vp9", pix_fmt="yuva420p", metadata={"alpha_mode": "1"})
    yield "transparency beside, webm", Odd(beside, note="it has transparency")
    skewed = turned("v.mp4", (1, 1, -1, 1))
    yield "an eighth turn", Odd(skewed, fault="only quarter turns")


def wholeness() -> Iterator[tuple[str, Odd]]:
    yield "fragmented", Odd(remuxed("v.mp4", FRAGMENTS), even())
    yield "fragmented, indexed", Odd(remuxed("v.mp4", INDEXED), even())
    yield "index first", Odd(remuxed("v.mp4", FASTSTART), even())
    for skip in (1, 3, 5):
        trim = {"avoid_negative_ts": "disabled"}
        yield f"trimmed by {skip}", Odd(remuxed("v.mp4", trim, skip), even(skip))
    for suffix, zeros in (("mp4", 64), ("mkv", 64), ("mp4", 5000)):
        padded = changed(video(f"v.{suffix}"), lambda data, zeros=zeros: data + b"\0" * zeros)
        yield f"{zeros} zeros behind {suffix}", Odd(padded, even())
    for share in (0.3, 0.5, 0.7, 0.8, 0.9, 0.97):
        for name, options in (("fragments", FRAGMENTS), ("index first", FASTSTART), ("indexed", INDEXED)):
            said = "cut short|Invalid data|no frame"
            yield f"{name} cut at {share}", Odd(changed(remuxed("v.mp4", options), cut(share)), fault=said)
        for suffix in ("mkv", "webm"):
            made = video(f"v.{suffix}", codec="libvpx" if suffix == "webm" else "libx264")
            yield f"{suffix} cut at {share}", Odd(changed(made, cut(share)), fault="cut short")
        for name, packet in (("ts", 188), ("flv", 0)):  # a cut between two packets of TS is like an end
            made = video(
                f"v.{name}", **({"time_base": Fraction(1, 25), "pts": list(range(FRAMES))} if packet else {})
            )
            part = cut(share)
            ragged = changed(
                made, lambda data, part=part, packet=packet: part(data)[: -1 if packet else None]
            )
            yield f"{name} cut at {share}", Odd(ragged, fault="cut short")
        avi = video("v.avi", codec="mpeg4", time_base=Fraction(1, 25), pts=list(range(FRAMES)))
        yield f"avi cut at {share}", Odd(changed(avi, cut(share)), fault="cut short|Invalid data")
    for suffix in ("mp4", "mov", "mkv", "webm", "ts"):
        made = video(f"v.{suffix}", codec="libvpx" if suffix == "webm" else "libx264")
        yield (
            f"{suffix} twice",
            Odd(changed(made, twice), fault="second recording|clock starts again after 0.4"),
        )
    yield "fragments twice", Odd(changed(remuxed("v.mp4", FRAGMENTS), twice), fault="second recording")
    again = changed(remuxed("v.mp4", FRAGMENTS), lambda data: data + data[data.index(b"moof") - 4 :])
    yield "fragments start again", Odd(again, fault="clock starts again after 0.320 s")
    yield "empty", Odd(changed(video("v.mp4"), lambda data: b""), fault="empty")
    yield (
        "text",
        Odd(changed(video("v.mp4"), lambda data: b"no video\n" * 99), fault="Invalid data|isn't opened"),
    )
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.mp4\n#EXT-X-ENDLIST\n"
    yield "playlist", Odd(written("list.mp4", playlist), fault="isn't opened")
    yield (
        "concat list",
        Odd(written("list.mp4", "ffconcat version 1.0\nfile real.mp4\n"), fault="isn't opened"),
    )
    yield "pipe", Odd(pipe, fault="a pipe or a device")
    yield "folder", Odd(subfolder, fault="a folder")
    strange = changed(video("v.mp4"), lambda data: data.replace(b"avc1", b"zzzz"))
    yield "code of nobody", Odd(strange, fault="doesn't know")


CORPUS = dict([*timings(), *shapes(), *wholeness()])
