"""The Hub's store of chunks, as its client speaks to it: blocks of chunks come in, files are lists of chunks of them.

The client cuts a file into chunks where its content says, sends the chunks that the store doesn't hold in blocks
(xorbs), and a table (shard) that says of which chunks each file consists. A file is put together here and must have
the SHA-256 that the client states. What the client doesn't send again is what it knows to lie in an earlier block.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

HASH, ROW = 32, 48  # bytes
HEADER = ROW  # of a table: 32 bytes of its kind, a version, the size of a footer
VERIFIED, HAS_SHA256 = 1 << 31, 1 << 30  # flags of a file's rows
LZ4, REGROUPED_LZ4 = 1, 2  # how a chunk is compressed; 0: not at all


def name_of(raw: bytes) -> str:
    """A hash as the client writes it: four little-endian numbers of eight bytes.

    >>> name_of(bytes(range(32)))[:16]
    '0706050403020100'
    """
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))


def chunks_of(block: bytes) -> Iterator[bytes]:
    """The chunks of a block; behind them, where there is one, lies a table of contents that begins with its name."""
    place = 0
    while place < len(block) and not block.startswith(b"XETBLOB", place):
        packed = int.from_bytes(block[place + 1 : place + 4], "little")
        scheme, size = block[place + 4], int.from_bytes(block[place + 5 : place + 8], "little")
        data = block[place + 8 : place + 8 + packed]
        if scheme:
            data = pa.Codec("lz4").decompress(data, size).to_pybytes()
        if scheme == REGROUPED_LZ4:  # all first bytes of groups of four, then all second ones, and so on
            whole = np.empty(size, np.uint8)
            ends = np.cumsum([0, *((size + 3 - part) // 4 for part in range(4))])
            for part in range(4):
                whole[part::4] = np.frombuffer(data, np.uint8)[ends[part] : ends[part + 1]]
            data = whole.tobytes()
        yield data
        place += 8 + packed


def files_of(table: bytes) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """The files that a table describes: SHA-256, and (block, first chunk, end) of every stretch."""
    place = HEADER
    while table[place : place + HASH] != b"\xff" * HASH:
        flags, count = struct.unpack_from("<II", table, place + HASH)
        place += ROW
        stretches = []
        for row in range(count):
            at = place + row * ROW
            _, _, first, end = struct.unpack_from("<IIII", table, at + HASH)
            stretches.append((name_of(table[at : at + HASH]), first, end))
        place += ROW * count * (2 if flags & VERIFIED else 1)
        assert flags & HAS_SHA256, "a file without its SHA-256"
        yield name_of(table[place : place + HASH]), stretches
        place += ROW


class ChunkStore:
    """Blocks by their hash."""

    def __init__(self) -> None:
        self.blocks: dict[str, list[bytes]] = {}

    def put_block(self, name: str, body: bytes) -> bool:
        """Keep a block; whether it was new."""
        new = name not in self.blocks
        self.blocks[name] = list(chunks_of(body))
        return new

    def put_together(self, table: bytes) -> dict[str, bytes]:
        """The files of a table by their SHA-256. A file that doesn't have it was cut or sent wrongly."""
        contents = {}
        for sha256, stretches in files_of(table):
            content = b"".join(b"".join(self.blocks[block][first:end]) for block, first, end in stretches)
            assert hashlib.sha256(content).hexdigest() == sha256
            contents[sha256] = content
        return contents
