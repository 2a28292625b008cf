"""Metadata in picture files: segments of JPEG, chunks of PNG, and bytes after the end."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any

# What a PNG needs to be shown; every other chunk is text, a profile, a time, or of somebody's own.
PNG_CHUNKS = {
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"sBIT",
    b"bKGD",
    b"pHYs",
}
PNG = b"\x89PNG\r\n\x1a\n"
MOST_AT_ONCE = 2**20  # bytes of pixels in memory: a small file may unpack to gigabytes
START, SCAN, END = 0xD8, 0xDA, 0xD9
MARKER = re.compile(
    b"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL
)  # FF00 and D0-D7 belong to the pixels of a scan
# APP0 says JFIF, APP14 says which colours; EXIF, XMP, IPTC, profiles and comments are the others.
NAMING = {*range(0xE1, 0xF0), *range(0xF0, 0xFF)} - {0xEE}
# Bytes of these two where they say that and no more; a longer one holds a thumbnail, or a text.
LONGEST = {0xE0: 16, 0xEE: 14}
WITH_PALETTE = 3  # PNG's colour type; the others that may have one suggest colours, which nobody needs


def beside_pixels(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield (what, how many bytes) of everything in a picture file but the picture.

    >>> list(beside_pixels(b"GIF89a"))
    [('bytes that are neither JPEG nor PNG', 6)]
    """
    if data[:2] == b"\xff\xd8":
        yield from _jpeg(data)
    elif data[:8] == PNG:
        yield from _png(data)
    else:
        yield "bytes that are neither JPEG nor PNG", len(data)


def _jpeg(data: bytes) -> Iterator[tuple[str, int]]:
    place, in_scan = 2, False
    while match := MARKER.search(data, place):
        if match.start() > place and not in_scan:
            yield "bytes between a picture's segments", match.start() - place
        marker, place = match[1][0], match.end()
        if marker == END:
            if rest := data[place:].strip(b"\0"):
                yield "bytes after a picture's end", len(rest)
            return
        if marker == START:
            continue
        size = int.from_bytes(data[place : place + 2])
        in_scan = marker == SCAN
        if marker in NAMING or size > LONGEST.get(marker, size):
            yield f"a picture's header segment {marker:02X}", size
        place += size
    yield "a picture without an end", len(data)


def _png(data: bytes) -> Iterator[tuple[str, int]]:
    place, pixels, colours = 8, zlib.decompressobj(), data[25:26]
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        place += 12 + size
        if kind not in PNG_CHUNKS:
            yield f"a picture's header chunk {kind.decode('latin-1')}", size
        elif kind == b"PLTE" and colours != bytes([WITH_PALETTE]):
            yield "a picture's palette that no pixel uses", size
        elif kind == b"IDAT" and (extra_bytes := _behind(pixels, data[place - 4 - size : place - 4])):
            yield "bytes behind a picture's pixels", extra_bytes
        if kind == b"IEND":
            if rest := data[place:].strip(b"\0"):
                yield "bytes after a picture's end", len(rest)
            return
    yield "a picture without an end", len(data)


def _behind(pixels: Any, part: bytes) -> int:
    """Return how many bytes of a part of a compressed picture come behind its end; damage is for those who decode it."""
    try:
        while part and not pixels.eof:
            pixels.decompress(part, MOST_AT_ONCE)
            part = pixels.unconsumed_tail
    except zlib.error:
        return 0
    return len(pixels.unused_data or part)
