"""Metadata in picture files: segments of JPEG, chunks of PNG, and bytes after the end."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
START, SCAN, END = 0xD8, 0xDA, 0xD9
MARKER = re.compile(
    b"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL
)  # FF00 and D0-D7 belong to the pixels of a scan
# APP0 says JFIF, APP14 says which colours; EXIF, XMP, IPTC, profiles and comments are the others.
NAMING = {*range(0xE1, 0xF0), 0xFE} - {0xEE}


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
    place = 2
    while match := MARKER.search(data, place):
        marker, place = match[1][0], match.end()
        if marker == END:
            if rest := data[place:].strip(b"\0"):
                yield "bytes after a picture's end", len(rest)
            return
        if marker == START:
            continue
        size = int.from_bytes(data[place : place + 2])
        if marker in NAMING:
            yield f"a picture's header segment {marker:02X}", size
        place += size
    yield "a picture without an end", len(data)


def _png(data: bytes) -> Iterator[tuple[str, int]]:
    place = 8
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        place += 12 + size
        if kind not in PNG_CHUNKS:
            yield f"a picture's header chunk {kind.decode('latin-1')}", size
        if kind == b"IEND":
            if rest := data[place:].strip(b"\0"):
                yield "bytes after a picture's end", len(rest)
            return
    yield "a picture without an end", len(data)
