"""Files of several cases: the same rows in the same order, and every flipped bit is found and mended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from building import build
from datasets import load_dataset
from surgvqa.builders.files.parquet import CLIPS_PER_GROUP, join, writer
from surgvqa.builders.pipeline import staging
from surgvqa.builders.pipeline.repair import repair
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.schema import FEATURES
from surgvqa.builders.shards import joined
from surgvqa.builders.sources import synthetic
from surgvqa.cards.command import InputError

RENDER = {"render_cases": 6, "phase_seconds": 5.0, "frame_rate": 2, "size": 64}
OPTIONS = {"workers": 0, "source_options": RENDER, "frames": 1, "pointing": "box"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rendered") / "root"
    list(synthetic.cases(path, **RENDER))
    return path


@pytest.fixture(scope="module")
def apart(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build("synthetic", root, tmp_path_factory.mktemp("apart") / "out", **OPTIONS)
    return tmp_path_factory.getbasetemp() / "apart0" / "out"


@pytest.fixture
def two_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most two files of a config and split."""
    monkeypatch.setattr(joined, "MOST_FILES", 2)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_rows_are_those_of_files_of_one_case(
    root: Path, apart: Path, tmp_path: Path, two_files: None
) -> None:
    build("synthetic", root, tmp_path / "out", **OPTIONS)
    assert not (tmp_path / "out" / ".build").exists()
    verify(tmp_path / "out")
    assert len(list((apart / "clips").glob("train-*"))) == 4
    names = sorted(path.name for path in (tmp_path / "out" / "clips").glob("train-*"))
    assert names == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    for config in ("clips", "qa", "pointing"):
        ours, theirs = (load_dataset(str(folder), config) for folder in (tmp_path / "out", apart))
        assert ours["train"].features == theirs["train"].features
        for split, rows in theirs.items():
            assert ours[split].data.to_pylist() == rows.data.to_pylist()
    again = tmp_path / "again"
    build("synthetic", root, again, **OPTIONS | {"workers": 2})
    assert tree(again) == tree(tmp_path / "out"), "whoever builds it"
    before = (again / "manifest.json").stat().st_mtime_ns
    build("synthetic", root, again, **OPTIONS)
    assert (again / "manifest.json").stat().st_mtime_ns == before, "what is whole is not built again"
    build("synthetic", root, again, **OPTIONS | {"seed": 1})
    build("synthetic", root, again, **OPTIONS)
    assert tree(again) == tree(tmp_path / "out")


def test_a_flipped_bit_of_such_a_file_is_mended(root: Path, tmp_path: Path, two_files: None) -> None:
    out = tmp_path / "out"
    build("synthetic", root, out, **OPTIONS)
    want = tree(out)
    shutil.copytree(out, tmp_path / "whole")
    clips, pointing = (
        out / "clips/train-00001-of-00002.parquet",
        out / "pointing/train-00000-of-00002.parquet",
    )
    clips.write_bytes(clips.read_bytes()[:-1] + b"x")
    pointing.unlink()
    with pytest.raises(InputError, match="train-00001-of-00002"):
        verify(out)
    assert repair(out, root) == [
        "clips/train-00001-of-00002.parquet",
        "pointing/train-00000-of-00002.parquet",
    ]
    assert tree(out) == want


def test_the_manifest_says_what_each_part_was(root: Path, tmp_path: Path, two_files: None) -> None:
    out = tmp_path / "out"
    build("synthetic", root, out, **OPTIONS)
    files = [
        file for shard in json.loads((out / "manifest.json").read_text())["shards"].values()
        for file in shard["files"].values()
    ]  # fmt: skip
    train = [file for file in files if file["path"].startswith("clips/train")]
    assert sorted(file["part"] for file in train) == [0, 0, 1, 1]
    assert len({file["sha256"] for file in train}) == 4
    assert all("part" not in file for file in files if "/test-" in file["path"])


def test_a_build_killed_while_files_get_their_places_goes_on(
    root: Path, tmp_path: Path, two_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("synthetic", root, tmp_path / "whole", **OPTIONS)
    want, out = tree(tmp_path / "whole"), tmp_path / "out"
    real, moves = Path.replace, []

    def replace(self: Path, target: Path) -> Path:
        if self.name.startswith("joined.") and target.parent.name != staging.STAGING:
            moves.append(target)
            if len(moves) == 2:
                raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        build("synthetic", root, out, **OPTIONS)
    monkeypatch.undo()
    monkeypatch.setattr(joined, "MOST_FILES", 2)
    assert (out / staging.STAGING / "plan.json").is_file() and not (out / "manifest.json").exists()
    build("synthetic", root, out, **OPTIONS)
    assert tree(out) == want


def test_tables_are_joined_row_group_by_row_group(tmp_path: Path) -> None:
    for name in "ab":
        with writer(tmp_path / name, FEATURES, CLIPS_PER_GROUP) as write:
            for number in range(CLIPS_PER_GROUP + 3):
                write(dict.fromkeys(FEATURES) | {"clip_id": f"{name}{number}", "images": []})
    join([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    both = pq.ParquetFile(tmp_path / "both")
    assert [both.metadata.row_group(at).num_rows for at in range(both.num_row_groups)] == [32, 3, 32, 3]
    assert both.schema_arrow.metadata == pq.ParquetFile(tmp_path / "a").schema_arrow.metadata
    assert both.read()["clip_id"].to_pylist() == [f"{name}{number}" for name in "ab" for number in range(35)]
