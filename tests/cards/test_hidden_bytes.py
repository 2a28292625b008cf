"""Places in a file that no viewer shows, and that a search must not pass over."""

from __future__ import annotations

import datetime
import json
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from surgvqa.builders.files.pictures import encode_jpeg
from surgvqa.cards.command import InputError
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.publish.pictures import beside_pixels

WHO = "patient John Smith, MRN 1234567"


def hits(folder: Path, name: str, data: bytes) -> list[str]:
    """What the audit says of one file."""
    (folder / name).write_bytes(data)
    return [hit.what for hit in audit(folder, [name])]


def jpeg(*segments: bytes) -> bytes:
    """A picture with bytes of somebody's own behind its start."""
    whole = encode_jpeg(np.zeros((32, 32, 3), np.uint8))
    return whole[:2] + b"".join(segments) + whole[2:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes, behind: bytes = b"", colours: int = 0) -> bytes:
    """A grey picture of four by four pixels, or one with a palette."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, colours, 0, 0, 0))
    pixels = zlib.compress(bytes(20)) + behind
    middle = len(pixels) // 2
    parts = chunk(b"IDAT", pixels[:middle]), chunk(b"IDAT", pixels[middle:])
    return b"\x89PNG\r\n\x1a\n" + head + b"".join((*chunks, *parts)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        jpeg(segment(0xE0, b"JFXX\0\x10" + WHO.encode())),
        jpeg(segment(0xEE, b"Adobe" + WHO.encode())),
        jpeg(segment(0xF0, WHO.encode())),
        jpeg(WHO.encode()),
        png(behind=WHO.encode()),
        png(chunk(b"PLTE", WHO.encode())),
    ],
    ids=[
        "a thumbnail",
        "behind Adobe's",
        "a reserved segment",
        "between segments",
        "behind pixels",
        "a palette",
    ],
)
def test_pictures_hide_nothing(data):
    assert list(beside_pixels(data))


@pytest.mark.parametrize("data", [jpeg(), png(), png(chunk(b"PLTE", bytes(768)), colours=3)])
def test_plain_pictures_are_plain(data):
    assert list(beside_pixels(data)) == []


def test_json_beside_the_manifest_has_no_spared_keys(tmp_path):
    assert "a person's name" in hits(tmp_path, "x.json", json.dumps({"source": {"note": WHO}}).encode())
    assert hits(tmp_path, "x.json", json.dumps({"a": {"mrn": ["1234567"]}}).encode())
    with pytest.raises(InputError, match="not valid JSON"):
        hits(tmp_path, "x.json", b"{")


def weights(names: tuple[str, ...] = ("w",), behind: bytes = b"") -> bytes:
    places = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    header = json.dumps(dict.fromkeys(names, places)).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4) + behind


def test_weights_hide_nothing(tmp_path):
    assert hits(tmp_path, "w.safetensors", weights()) == []
    assert "a person's name" in hits(tmp_path, "w.safetensors", weights((WHO,)))
    assert "bytes behind the last tensor" in hits(tmp_path, "w.safetensors", weights(behind=WHO.encode()))
    for wrong in (b"ab", struct.pack("<Q", 2**62) + b"{}", struct.pack("<Q", 2) + b"[]"):
        with pytest.raises(InputError, match="no file of safetensors"):
            hits(tmp_path, "w.safetensors", wrong)


def test_text_in_another_encoding_is_read(tmp_path):
    assert "a person's name" in hits(tmp_path, "x.txt", WHO.encode("utf-16"))
    assert "a file that isn't text, whatever its name says" in hits(
        tmp_path, "x.md", b"PK\x03\x04\0" + WHO.encode()
    )


@pytest.mark.parametrize(
    ("array", "metadata"),
    [
        (pa.array([1]), {"who": WHO}),
        (pa.array([{WHO: 1}]), None),
        (pa.array([{"mrn": 12345678}]), None),
        (pa.array([datetime.date(2021, 4, 5)]), None),
        (pa.array([[datetime.datetime(2021, 4, 5)]]), None),
        (pa.array([WHO.encode()], pa.binary(len(WHO))), None),
    ],
    ids=[
        "metadata of a field",
        "name of a field",
        "a column of numbers",
        "dates",
        "times",
        "bytes of one length",
    ],
)
def test_tables_hide_nothing(tmp_path, array, metadata):
    field = pa.field("a", array.type, metadata=metadata)
    pq.write_table(pa.table([array], schema=pa.schema([field])), tmp_path / "x.parquet")
    assert audit(tmp_path, ["x.parquet"])


@pytest.mark.parametrize("unit", ["a", "1-", "a.", "A", "Dr. A "])
def test_the_search_of_a_long_line_takes_time_by_its_length(tmp_path, unit):
    began = time.process_time()
    hits(tmp_path, "x.md", (unit * 100_000)[:100_000].encode())
    assert time.process_time() - began < 20  # 2 s; it was minutes


def test_a_name_at_the_border_of_two_parts_is_found(tmp_path):
    for before in range(1900, 2100, 7):
        assert "an e-mail address" in hits(
            tmp_path, "x.md", b"x" * before + b" john@clinic.org " + b"y" * 3000
        )
