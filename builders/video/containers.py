"""The wholeness of a recording by its container's own sizes: all of it in the file, and only one recording.

MP4 and MOV are boxes, Matroska and WebM elements, AVI chunks, FLV tags: each says how long it is; packets of MPEG-TS
have one length. A file that was cut short ends
inside one, or in front of fragments that its index promises; two files joined end to end have two beginnings.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from surgvqa.cards.command import InputError


class DamagedVideoError(InputError):
    """A video whose frames cannot all be had; the message keeps the decoder's own cause."""


MP4_TOP = {
    b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"sidx", b"ssix", b"mfra", b"uuid",
    b"meta", b"pnot", b"udta", b"pdin", b"emsg", b"prft", b"meco",
}  # fmt: skip
EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
VIDEO = int.from_bytes(b"vide", "big")
NORMAL_SPEED = 1 << 16  # of an edit list, 16.16 bits
SYNC = 0x47  # the first byte of a packet of MPEG-TS
# Codes that FFmpeg knows; which of them it decodes depends on how it was built.
KNOWN_CODES = {
    "avc1", "avc3", "hvc1", "hev1", "vvc1", "vvi1", "av01", "vp08", "vp09", "evc1", "lvc1", "apv1", "avs3", "mp4v",
    "apch", "apcn", "apcs", "apco", "ap4h", "ap4x", "mjp2", "jpeg", "mjpa", "CFHD", "AVdn", "AVdh", "icod",
    "V_AV1", "V_VP8", "V_VP9", "V_MPEG4/ISO/AVC", "V_MPEGH/ISO/HEVC", "V_MPEGI/ISO/VVC", "V_MPEG4/ISO/ASP",
    "V_MPEG1", "V_MPEG2", "V_THEORA", "V_PRORES", "V_FFV1", "V_AVS2", "V_AVS3",
}  # fmt: skip
COPY_AGAIN = "copy it again from its source"
HOW_TO_JOIN = "join recordings with FFmpeg's concat demuxer, not byte by byte"


class Box(NamedTuple):
    """A box of an MP4 file: its kind, where its content begins and where it ends."""

    kind: bytes
    start: int
    end: int


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes of a stretch of a file; the last may end beyond it."""
    at = start
    while at + 8 <= end:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:  # an outer box that says it is longer than the file
            return
        size, kind = struct.unpack(">I4s", head)
        content = at + 8
        if size == 1:
            size, content = int.from_bytes(file.read(8), "big"), at + 16
        size = size or end - at  # 0: up to the end
        if size < content - at:
            return
        yield Box(kind, content, at + size)
        at += size


def require_whole(path: Path, family: str) -> None:
    """Raise ``DamagedVideoError`` for a file that ends too early, or in which a second recording begins.

    ``family`` is FFmpeg's name of the container; of a stream without sizes (MPEG-PS, Ogg) nothing can be said, of
    MPEG-TS only that it ends inside a packet.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if "mp4" in family:
            _mp4(path, file, size)
        elif "matroska" in family:
            _matroska(path, file, size)
        elif family == "avi":
            _avi(path, file, size)
        elif family == "flv":
            _flv(path, file, size)
        elif family == "mpegts":
            _mpegts(path, file, size)


def _cut(path: Path, what: str, end: int, size: int) -> DamagedVideoError:
    return DamagedVideoError(
        f"{path}: cut short: its {what} reaches to byte {end}, the file ends at {size}; {COPY_AGAIN}"
    )


def _mp4(path: Path, file: BinaryIO, size: int) -> None:
    movie: Box | None = None
    clocks: dict[int, int] = {}
    scales: dict[int, int] = {}
    end = 0
    for box in boxes(file, 0, size):
        if box.kind not in MP4_TOP and (not box.kind.isalnum() or box.end > size):
            break  # what some programs leave behind the last box
        end = box.end
        if end > size:
            raise _cut(path, f"box {box.kind.decode()}", end, size)
        if box.kind == b"moov":
            if movie is not None:
                raise DamagedVideoError(
                    f"{path}: a second recording begins at byte {box.start}; {HOW_TO_JOIN}"
                )
            movie, scales = box, time_scales(file, box)
            _refuse_other_speed(path, file, box)
        elif box.kind == b"moof":
            for track, clock in fragment_clocks(file, box):
                if clock < clocks.get(track, 0):
                    at_s = clocks[track] / scales.get(track, 1)
                    raise DamagedVideoError(
                        f"{path}: its clock starts again after {at_s:.3f} s; {HOW_TO_JOIN}"
                    )
                clocks[track] = clock
        elif box.kind == b"sidx" and (promised_end := indexed_end(file, box)) > size:
            raise _cut(path, "index (sidx)", promised_end, size)
    file.seek(end)
    if 0 < size - end < 8 and any(file.read()):
        raise _cut(path, "last box", end + 8, size)


def _refuse_other_speed(path: Path, file: BinaryIO, movie: Box) -> None:
    """Refuse an edit list that plays or holds a part at another speed: players differ, and FFmpeg ignores it."""
    for edits in inside(file, movie, b"trak", b"edts", b"elst"):
        wide = 8 if _version(file, edits) else 4
        entry = 2 * wide + 4
        count = min(_int(file, edits.start + 4, 4), (edits.end - edits.start - 8) // entry)
        for at in range(edits.start + 8, edits.start + 8 + count * entry, entry):
            begin, rate = _int(file, at + wide, wide), _int(file, at + 2 * wide, 4)
            if rate != NORMAL_SPEED and begin != (1 << 8 * wide) - 1:  # -1: nothing is shown
                raise DamagedVideoError(
                    f"{path}: its edit list plays a part at {rate / NORMAL_SPEED:g} times its speed, so players show "
                    "other seconds of it; encode it anew"
                )


def code_of(path: Path, family: str) -> str | None:
    """Return the name under which an MP4 or Matroska file says how its first video is coded."""
    with path.open("rb") as file:
        if "matroska" in family:
            match = re.search(rb"V_[A-Z0-9/_]+", file.read(1 << 16))
            return match[0].decode() if match else None
        size = path.stat().st_size
        whole = Box(b"", 0, size)
        for table in video_tables(file, whole) if "mp4" in family else ():
            file.seek(table.start + 12)
            return file.read(4).decode("latin-1")
    return None


def video_tables(file: BinaryIO, whole: Box) -> Iterator[Box]:
    """Yield the sample descriptions of an MP4 file's video tracks."""
    for media in inside(file, whole, b"moov", b"trak", b"mdia"):
        handler = next(inside(file, media, b"hdlr"), None)
        table = next(inside(file, media, b"minf", b"stbl", b"stsd"), None)
        if handler is not None and table is not None and _int(file, handler.start + 8, 4) == VIDEO:
            yield table


def clean_aperture(path: Path, family: str) -> tuple[int, int] | None:
    """Return the size to which an MP4 or QuickTime file says that its picture is to be cut (``clap``), or None."""
    if "mp4" not in family:
        return None
    with path.open("rb") as file:
        for table in video_tables(file, Box(b"", 0, path.stat().st_size)):
            # a description of video has 86 bytes before its own boxes, ISO/IEC 14496-12, 12.1.3
            for box in boxes(file, table.start + 8 + 86, table.end):
                if box.kind == b"clap":
                    width, below, height, beneath = (_int(file, box.start + 4 * i, 4) for i in range(4))
                    return (width // below, height // beneath) if below and beneath else None
    return None


def inside(file: BinaryIO, box: Box, *kinds: bytes) -> Iterator[Box]:
    """Yield the boxes at a path of kinds below a box."""
    for child in boxes(file, box.start, box.end):
        if child.kind == kinds[0]:
            if kinds[1:]:
                yield from inside(file, child, *kinds[1:])
            else:
                yield child


def time_scales(file: BinaryIO, movie: Box) -> dict[int, int]:
    """Ticks a second of every track."""
    scales: dict[int, int] = {}
    for track in inside(file, movie, b"trak"):
        head = next(inside(file, track, b"tkhd"), None)
        media = next(inside(file, track, b"mdia", b"mdhd"), None)
        if head is not None and media is not None:
            number = _int(file, head.start + (20 if _version(file, head) else 12), 4)
            scales[number] = _int(file, media.start + (20 if _version(file, media) else 12), 4) or 1
    return scales


def fragment_clocks(file: BinaryIO, fragment: Box) -> Iterator[tuple[int, int]]:
    """(track, tick at which it goes on) of a fragment that says so."""
    for part in inside(file, fragment, b"traf"):
        head = next(inside(file, part, b"tfhd"), None)
        clock = next(inside(file, part, b"tfdt"), None)
        if head is not None and clock is not None:
            width = 8 if _version(file, clock) else 4
            yield _int(file, head.start + 4, 4), _int(file, clock.start + 4, width)


def indexed_end(file: BinaryIO, index: Box) -> int:
    """Return the byte up to which a segment index promises media."""
    wide = _version(file, index)
    at = index.start + 12 + (8 if wide else 4)
    first = _int(file, at, 8 if wide else 4)
    at += 8 if wide else 4
    count = _int(file, at + 2, 2)
    sizes = (_int(file, at + 4 + 12 * i, 4) & 0x7FFFFFFF for i in range(count))
    return index.end + first + sum(sizes)


def _version(file: BinaryIO, box: Box) -> int:
    return _int(file, box.start, 1)


def _int(file: BinaryIO, at: int, width: int) -> int:
    file.seek(at)
    return int.from_bytes(file.read(width), "big")


def _matroska(path: Path, file: BinaryIO, size: int) -> None:
    at = 0
    while at < size:
        element = _element(file, at)
        if element is None:
            if size - at < 12 and at:  # not even a head fits
                raise _cut(path, "last element", at + 12, size)
            return
        name, start, length = element
        if name == EBML and at:
            raise DamagedVideoError(f"{path}: a second recording begins at byte {at}; {HOW_TO_JOIN}")
        if length is not None and start + length > size:
            raise _cut(path, "segment" if name == SEGMENT else f"element {name:X}", start + length, size)
        if name == SEGMENT or (name == CLUSTER and length is None):
            at = start  # look at what is inside
        elif length is None:
            return
        else:
            at = start + length


def _element(file: BinaryIO, at: int) -> tuple[int, int, int | None] | None:
    """(id, where its content begins, its length or None for an open one) of a Matroska element."""
    file.seek(at)
    head = file.read(12)
    if not head or not head[0] or head[0] < 0x10:
        return None
    width = 9 - head[0].bit_length()
    name = int.from_bytes(head[:width], "big")
    rest = head[width:]
    if not rest or not rest[0]:
        return None
    bits = 9 - rest[0].bit_length()
    if len(rest) < bits:
        return None
    length = int.from_bytes(rest[:bits], "big") & ((1 << 7 * bits) - 1)
    return name, at + width + bits, None if length == (1 << 7 * bits) - 1 else length


def _avi(path: Path, file: BinaryIO, size: int) -> None:
    at = 0
    while at + 12 <= size:
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        form = file.read(4)
        if kind != b"RIFF":
            return
        if at and form == b"AVI ":
            raise DamagedVideoError(f"{path}: a second recording begins at byte {at}; {HOW_TO_JOIN}")
        if not length:  # a recorder that was switched off
            return
        if at + 8 + length > size:
            raise _cut(path, "RIFF chunk", at + 8 + length, size)
        at += 8 + length + length % 2


def _flv(path: Path, file: BinaryIO, size: int) -> None:
    at = 9 + 4  # the head, and the length of the tag before the first: 0
    while at < size:
        end = at + 11 + _int(file, at + 1, 3) + 4
        if end > size:
            raise _cut(path, "last tag", end, size)
        at = end


def _mpegts(path: Path, file: BinaryIO, size: int) -> None:
    for packet, before in ((188, 0), (192, 4), (204, 0)):  # plain, of Blu-ray recorders, with check bytes
        starts = range(before, min(size, 8 * packet), packet)
        if len(starts) > 1 and all(_int(file, at, 1) == SYNC for at in starts):
            last = (size - 1) // packet * packet
            rest = size - last
            # what some programs leave behind the last packet begins with another byte
            if rest < packet and (rest <= before or _int(file, last + before, 1) == SYNC):
                raise _cut(path, "last packet", last + packet, size)
            return
