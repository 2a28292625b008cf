"""Odd recordings, second set: several streams, clocks that wrap or begin apart, edit lists, depths, other containers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from conftest import barcode, write_video
from odd_videos import EVEN, FAST, FRAMES, MATRICES, Odd, changed, even, turned, video

TICK = Fraction(1, 1000)
SOUND_RATE = 8000
INTRA = {"g": "1", "bf": "0", "preset": "ultrafast"}


def _frames(
    stream: av.VideoStream, pts: list[int], draw: Callable[[int], np.ndarray] = barcode
) -> list[av.Packet]:
    packets = []
    for number, tick in enumerate(pts):
        frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
        frame.pts, frame.time_base = tick, TICK
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _pictures(container: av.container.OutputContainer, size: tuple[int, int] = (128, 96)) -> av.VideoStream:
    stream = container.add_stream("libx264", rate=25, options={"threads": "1", "bf": "0"} | FAST)
    stream.width, stream.height = size
    stream.pix_fmt, stream.codec_context.time_base = "yuv420p", TICK
    return stream


def with_sound(name: str, first_ms: int, sound_s: float, codec: str = "aac") -> Callable[[Path], Path]:
    """Silence from second 0, and the even pictures from ``first_ms`` on."""

    def make(folder: Path) -> Path:
        with av.open(str(folder / name), "w") as container:
            pictures = _pictures(container)
            sound = container.add_stream(codec, rate=SOUND_RATE, layout="mono")
            packets = _frames(pictures, [first_ms + at for at in EVEN])
            size = sound.codec_context.frame_size or 400
            for at in range(0, int(sound_s * SOUND_RATE), size):
                frame = av.AudioFrame.from_ndarray(
                    np.zeros((1, size), np.float32), format="fltp", layout="mono"
                )
                frame.pts, frame.rate, frame.time_base = at, SOUND_RATE, Fraction(1, SOUND_RATE)
                packets += sound.encode(frame)
            packets += sound.encode(None)
            for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
                container.mux(packet)
        return folder / name

    return make


def two_views(name: str) -> Callable[[Path], Path]:
    """Two streams of pictures: the even ones, and the same numbered from 100."""

    def make(folder: Path) -> Path:
        with av.open(str(folder / name), "w") as container:
            streams = [_pictures(container), _pictures(container)]
            packets = _frames(streams[0], EVEN) + _frames(streams[1], EVEN, lambda n: barcode(n + 100))
            for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
                container.mux(packet)
        return folder / name

    return make


def edits(*entries: tuple[int, int, int]) -> Callable[[bytes], bytes]:
    """An edit list of (milliseconds shown, first tick of the media, rate) in place of the file's own."""

    def change(data: bytes) -> bytes:
        at = data.index(b"elst") - 4
        old = struct.unpack(">I", data[at : at + 4])[0]
        body = b"".join(struct.pack(">IiHH", shown, first, rate, 0) for shown, first, rate in entries)
        new = struct.pack(">I4sII", 16 + len(body), b"elst", 0, len(entries)) + body
        whole = bytearray(data[:at] + new + data[at + old :])
        for box in (b"edts", b"trak", b"moov"):
            place = data.rindex(box, 0, at) - 4
            size = struct.unpack(">I", data[place : place + 4])[0] + len(new) - old
            whole[place : place + 4] = struct.pack(">I", size)
        return bytes(whole)

    return change


def from_within(folder: Path) -> Path:
    """A transport stream that begins three frames behind a key frame: the next one is frame 4."""
    source = video("source.mp4", options=FAST | {"bf": "0"})(folder)
    with av.open(str(source)) as given, av.open(str(folder / "v.ts"), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in [one for one in given.demux(video=0) if one.dts is not None][3:]:
            packet.stream = stream
            out.mux(packet)
    source.unlink()
    return folder / "v.ts"


def other_size(folder: Path) -> Path:
    """A transport stream whose second half has pictures of another size."""
    parts = []
    for name, size, first in (("a.ts", (128, 96), 0), ("b.ts", (160, 96), 240)):
        ticks = [first + 40 * number for number in range(6)]
        write_video(folder / name, ticks, options=INTRA, draw=lambda n, size=size: barcode(n, *size))
        parts.append((folder / name).read_bytes())
        (folder / name).unlink()
    (folder / "v.ts").write_bytes(b"".join(parts))
    return folder / "v.ts"


def with_cover(name: str) -> Callable[[Path], Path]:
    """The even pictures, and a cover in front of them; in Matroska, a stream of one picture."""
    return lambda folder: _with_cover(folder / name)


def _with_cover(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=25, options={"strict": "-2"})
        cover.width, cover.height, cover.pix_fmt = 128, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        pictures = _pictures(container)
        packets = _frames(cover, [0], lambda n: barcode(999)) + _frames(pictures, EVEN)
        for packet in packets:
            container.mux(packet)
    return path


def in_matroska(folder: Path) -> Path:
    """A quarter turn that MP4 states, copied to Matroska."""
    source = turned("source.mp4", MATRICES["clockwise"][0], options=FAST | {"bf": "0"})(folder)
    with av.open(str(source)) as given, av.open(str(folder / "v.mkv"), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    source.unlink()
    return folder / "v.mkv"


def odd_size(name: str, **options: object) -> Callable[[Path], Path]:
    return video(name, draw=lambda n: np.ascontiguousarray(barcode(n)[:95, :127]), **options)


WRAP = (2**33 - 18_000) // 90  # milliseconds: 0.2 s before the clock of a transport stream wraps
HLG = {
    "options": {
        "preset": "ultrafast",
        "x265-params": "log-level=none:transfer=arib-std-b67:colorprim=bt2020:colormatrix=bt2020nc",
    }
}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=6"}
AV1 = {"preset": "12", "svtav1-params": "keyint=6", "g": "6"}
LATE = ((0.41, 0), (0.61, 5), (0.85, 11))

STREAMS: dict[str, Odd] = {
    "sound 0.4 s before the pictures, mkv": Odd(with_sound("v.mkv", 400, 1.0), even(), note="after its sound"),
    "sound 0.4 s before the pictures, mp4": Odd(with_sound("v.mp4", 400, 1.0), even(), note="after its sound"),
    "sound 0.4 s before the pictures, ts": Odd(with_sound("v.ts", 400, 1.0), even(), note="after its sound"),
    "sound that goes on for 2 s": Odd(with_sound("v.mp4", 0, 2.5), even()),
    "an edit list that leaves out the middle": Odd(
        changed(video("v.mp4", options=INTRA), edits((160, 0, 1), (160, 320 * 16, 1))),
        ((0.01, 0), (0.13, 3), (0.17, 8), (0.29, 11)),
    ),
    "an edit list at double speed": Odd(changed(video("v.mp4", options=INTRA), edits((240, 0, 2))), fault="plays a part at 2 times its speed"),
    "a stream that begins behind its key frame": Odd(from_within, fault="never decoded|gave no frame"),
    "10 bits, h264": Odd(video("v.mp4", pix_fmt="yuv420p10le"), even()),
    "10 bits, h265": Odd(video("v.mp4", codec="libx265", pix_fmt="yuv420p10le", options=X265), even()),
    "hlg": Odd(video("v.mp4", codec="libx265", pix_fmt="yuv420p10le", **HLG), note="HLG"),
    "an odd size, vp9": Odd(odd_size("v.webm", codec="libvpx-vp9"), even(), size=(127, 95)),
    "an odd size, h264 in full colour": Odd(odd_size("v.mp4", pix_fmt="yuv444p"), even(), size=(127, 95)),
    "two streams of pictures, mp4": Odd(two_views("v.mp4"), even(), note="stream"),
    "two streams of pictures, mkv": Odd(two_views("v.mkv"), even(), note="stream"),
    "a cover": Odd(with_cover("v.mp4"), even()),
    "a still before the pictures": Odd(with_cover("v.mkv"), note="2 video streams; the first is taken"),
    "turned, and pixels that aren't square": Odd(
        turned("v.mp4", MATRICES["clockwise"][0], sample_aspect_ratio=Fraction(64, 45)), size=(96, 182), note="shown turned"
    ),
    "turned, in matroska": Odd(in_matroska, even(), MATRICES["clockwise"][1], (96, 128), note="shown turned"),
    "pictures of two sizes": Odd(other_size, ((0.01, 0), (0.29, 1)), fault="the picture changes its size"),
    "one picture": Odd(video("v.mp4", [0]), ((0.0, 0),)),
    "av1": Odd(video("v.mp4", codec="libsvtav1", options=AV1), even()),
    "a clock that wraps, ts": Odd(video("v.ts", [WRAP + at for at in EVEN], options=FAST | {"bf": "0"}), even()),
    "prores": Odd(video("v.mov", codec="prores_ks", pix_fmt="yuv422p10le", options={}), even()),
    "a still of 5 s between pictures": Odd(
        video("v.mp4", [0, 40, 80, 5080, 5120]), ((0.05, 1), (2.5, 2), (5.0, 2), (5.09, 3), (5.13, 4))
    ),
    "windows media": Odd(video("v.wmv", codec="wmv2", options={"g": "4"}), even()),
    "a program stream": Odd(
        video("v.mpg", list(range(FRAMES)), codec="mpeg2video", time_base=Fraction(1, 25), options={"g": "4"}), even()
    ),
}  # fmt: skip
