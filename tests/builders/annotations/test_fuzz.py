"""Broken files of every kind: one clear error, no traceback, no hang. See `fuzz_readers.py`."""

from __future__ import annotations

import copy
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fuzz_readers import Reader, attempt, readers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = (
    "coco", "labelme", "labels-json", "labels-xml", "labels-csv", "labels-darwin", "labels-voc", "labels-cvat-video",
    "labels-studio-video", "labels-darwin-video", "labels-detections", "labels-yolo", "labels-yolo-names", "labels-mot",
    "labels-mot-sequence", "labels-masks", "labels-mask-colours", "ts", "flv", "frames", "llava", "csv", "described-rows",
    "rows-without-header", "workbook", "phases", "tools", "pitvqa", "stretches", "yaml", "manifest", "sums", "predictions", "jpeg", "png", "label-map", "mp4", "mkv", "avi", "outlines",
    "cataract1k-masks", "cataract1k-phases", "surgvivqa", "surgvivqa-rates", "endovis-vqa", "endovis-talk",
    "endovis-labels", "endovis-scene", "columns-csv", "columns-json", "columns-inspect", "masks", "taught", "pseudonyms",
    "wav", "flac",
)  # fmt: skip
STRUCTURED = (
    "coco", "labelme", "labels-json", "labels-darwin", "labels-studio-video",
    "labels-darwin-video", "labels-detections", "frames", "llava", "manifest", "outlines", "cataract1k-masks", "surgvivqa",
    "endovis-talk", "columns-json", "masks", "taught", "pseudonyms",
)  # fmt: skip
# What has broken readers before: wrong types, infinities, sizes beyond memory, paths, markup, control characters.
HOSTILE: tuple[Any, ...] = (
    None, True, "", "x", 0, -1, 1e308, math.inf, math.nan, 10**30, 2**63, [], {}, [[]], [{}], {"a": []}, "9" * 400,
    "../../etc/passwd", "/etc/passwd", "<script>", "\u0000", "\ud800", "\x1b[2J", "=cmd()", [1, 2], [None], [1e9] * 4,
)  # fmt: skip
ONCE = settings(
    max_examples=30, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@cache
def known() -> dict[str, Reader]:
    return readers()


def test_every_reader_is_fuzzed_and_its_sound_file_is_read(tmp_path: Path) -> None:
    assert set(known()) == set(NAMES)
    for name, reader in known().items():
        if name != "sums":  # it names a file that isn't there
            folder = tmp_path / name
            folder.mkdir()
            (folder / reader.name).write_bytes(reader.data)
            reader.read(folder / reader.name)


damage = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(("flip", "cut", "insert", "repeat", "drop")),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def damaged(data: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    for where, how, what in changes:
        at = int(where * len(data))
        if how == "flip":
            data = data[:at] + what + data[at + len(what) :]
        elif how == "cut":
            data = data[:at]
        elif how == "insert":
            data = data[:at] + what * 3 + data[at:]
        elif how == "repeat":
            data = data[:at] + data[max(0, at - 40) : at] * 5 + data[at:]
        else:
            data = data[:at] + data[at + 10 * len(what) :]
    return data


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes(name: str, tmp_path: Path) -> None:
    @ONCE
    @given(damage)
    def check(changes: list[tuple[float, str, bytes]]) -> None:
        attempt(known()[name], damaged(known()[name].data, changes), tmp_path)

    check()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a JSON value can be changed."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inside for found in places(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    value = copy.deepcopy(value)
    at = value
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return value


# read through a whole tree each time, 30 s; what they share with "coco" is tried there
TREES = ("outlines", "cataract1k-masks")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in TREES else ()) for name in STRUCTURED]
)
def test_a_hostile_value_in_every_place(name: str, tmp_path: Path) -> None:
    """Every place of the file with every hostile value: no sampling."""
    reader = known()[name]
    for path in places(reader.seed):
        for value in HOSTILE:
            try:
                text = json.dumps(replaced(reader.seed, path, value))
                attempt(reader, text.encode(), tmp_path)
            except Exception as error:
                raise AssertionError(
                    f"{name}: {path} = {value!r}: {type(error).__name__}: {error}"
                ) from error


@pytest.mark.parametrize("length", [0, 5, 2**31])
@pytest.mark.parametrize("name", ["png", "label-map", "endovis-labels", "endovis-scene"])
def test_a_picture_whose_first_chunk_is_short(name: str, length: int, tmp_path: Path) -> None:
    """Pillow ends in a ValueError there, not in one of its own; atheris found it."""
    png = b"\x89PNG\r\n\x1a\n" + length.to_bytes(4, "big") + b"IHDR" + bytes(9)
    attempt(known()[name], png, tmp_path)


@pytest.mark.parametrize(("width", "height"), [(0, 48), (64, 0), (0, 0), (-64, 48), (64, 2**31)])
@pytest.mark.parametrize("name", ["coco", "labels-coco", "outlines", "cataract1k-masks", "labelme"])
def test_a_picture_without_a_pixel(name: str, width: int, height: int, tmp_path: Path) -> None:
    """COCO's C code would end the process; everything that reads outlines names it as a fault or refuses it."""
    reader = known()["labels-json" if name == "labels-coco" else name]
    seed = copy.deepcopy(known()["coco"].seed if name == "labels-coco" else reader.seed)
    if name == "labelme":
        seed |= {"imageWidth": width, "imageHeight": height}
    else:
        seed["images"][0] |= {"width": width, "height": height}
        seed["annotations"][1]["segmentation"] = {"size": [height, width], "counts": "22"}
    attempt(reader, json.dumps(seed).encode(), tmp_path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *((name, b"[" * 200_000) for name in ("coco", "labels-json", "frames", "llava", "manifest", "predictions")),
        *((name, b'{"a":' * 100_000) for name in ("labelme", "frames", "manifest", "predictions")),
        ("yaml", b"- " * 5_000),
        ("yaml", b"{" * 5_000),
        ("yaml", b"procedure: !!python/object/apply:os.system [touch /tmp/owned]\nphases: [a]\n"),
        ("yaml", b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
            b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(12)) + b"phases: *m\nprocedure: x\n"),
        ("labels-xml", b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">' + b"".join(
            b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(10)) + b"]><annotations><image name='&k;'/></annotations>"),
        ("labels-xml", b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations><image id="0" name="&x;"/></annotations>'),
        ("labels-xml", b"<a>" * 100_000),
        ("csv", b"case,phase\n" + b'"' + b"x" * 200_000),
        ("phases", "case,phase,start,end\na,access,0,5\n".encode("utf-16")),
        ("phases", b"case,phase,start,end\na,access,nan,inf\n"),
        ("phases", b"case,phase,start,end\n../../x,access,0,5\n"),
        ("phases", b"case,phase,start,end\na,access,0,1e300\n"),
        ("tools", b"case,time,hook\na,1e300,1\na,-5,1\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_bombs(name: str, data: bytes, tmp_path: Path) -> None:
    """Nesting, entities, anchors, infinities: refused in bounded time and memory."""
    import resource
    import time

    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attempt(known()[name], data, tmp_path)
    assert time.process_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert not Path("/tmp/owned").exists()
