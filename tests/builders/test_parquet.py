"""Row groups of a data set: as many rows as asked for, fewer where their pictures are large."""

from pathlib import Path

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
