"""Row groups of a data set: as many rows as asked for, fewer where their pictures are large."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from drawn_clips import clip
from surgvqa.builders.files.parquet import CLIPS_PER_GROUP, GROUP_BYTES, writer
from surgvqa.builders.schema import FEATURES


@pytest.mark.parametrize(
    ("size", "groups"), [(10, [CLIPS_PER_GROUP, 3]), (GROUP_BYTES // 16, [8, 8, 8, 8, 3])]
)
def test_a_group_of_large_pictures_ends_sooner(tmp_path: Path, size: int, groups: list[int]):
    with writer(tmp_path / "clips.parquet", FEATURES, CLIPS_PER_GROUP) as write:
        for number in range(sum(groups)):
            write({**clip("a", number), "images": [{"bytes": bytes(size), "path": None}] * 2})
    file = pq.ParquetFile(tmp_path / "clips.parquet")
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == groups


GEAR = np.random.default_rng(0).integers(0, 2**16, 256, np.uint16)
LEAST, MOST = 8_192, 131_072  # bytes of a chunk; 64 kB in the mean, as the Hub's store cuts them


def chunks(content: bytes) -> dict[bytes, int]:
    """Cut a file where a rolling hash of its last 16 bytes is zero; digest and size of every piece."""
    data = GEAR[np.frombuffer(content, np.uint8)]
    value = np.zeros(len(data), np.uint16)
    for back in range(16):
        value[back:] += data[: len(data) - back] << np.uint16(back)
    found: dict[bytes, int] = {}
    start = 0
    for cut in [*(np.flatnonzero(value == 0) + 1).tolist(), len(content)]:
        while cut - start > MOST:
            found[hashlib.sha256(content[start : start + MOST]).digest()] = MOST
            start += MOST
        if cut - start >= LEAST or cut == len(content):
            found[hashlib.sha256(content[start:cut]).digest()] = cut - start
            start = cut
    return found


def test_one_edited_label_sends_under_a_hundredth_of_the_bytes_again(tmp_path: Path):
    rng = np.random.default_rng(1)
    pictures = [rng.bytes(10_000) for _ in range(3_200)]  # as JPEG: nothing repeats
    contents = []
    for name, phase in (("before", "incision"), ("after", "a phase with a longer name")):
        with writer(tmp_path / name, FEATURES, CLIPS_PER_GROUP) as write:
            for number in range(400):
                images = [{"bytes": one, "path": None} for one in pictures[8 * number : 8 * number + 8]]
                row = {**clip("a", number), "images": images}
                write(row | ({"phase": phase} if number == 170 else {}))
        contents.append((tmp_path / name).read_bytes())
        assert pq.read_metadata(tmp_path / name).row_group(0).column(0).has_offset_index
    before, after = (chunks(content) for content in contents)
    sent = sum(size for digest, size in after.items() if digest not in before)
    print(f"{sent} of {len(contents[1])} bytes, {sent / len(contents[1]):.2%}")
    assert 0 < sent < len(contents[1]) * 0.01
