"""The `datasets` builder gives the rows of the command."""

from pathlib import Path

import pytest
from building import build
from datasets import load_dataset
from surgvqa.builders import sources
from surgvqa.builders.schema import FEATURES
from surgvqa.builders.sources import synthetic
from surgvqa.builders.surgical_vqa import SurgicalVQA
from surgvqa.cards.command import InputError

RENDER = {"render_cases": 3, "phase_seconds": 5.0, "size": 64, "frame_rate": 4}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rendered") / "root"
    list(synthetic.cases(path, **RENDER))
    return path


def test_the_same_rows_as_the_command(root, tmp_path):
    builder = SurgicalVQA(
        "synthetic", root=root, cache_dir=str(tmp_path / "cache"), frames=2, source_options=RENDER
    )
    builder.download_and_prepare()
    ours = builder.as_dataset()
    build("synthetic", root, tmp_path / "rows", frames=2, workers=0, source_options=RENDER)
    theirs = load_dataset(str(tmp_path / "rows"), "clips", cache_dir=str(tmp_path / "cache"))
    assert set(ours) == set(theirs)
    for split in ours:
        assert ours[split].features == FEATURES
        assert (
            ours[split].with_format("arrow")[:].to_pylist()
            == theirs[split].with_format("arrow")[:].to_pylist()
        )
    streamed = builder.as_streaming_dataset(split="train")
    assert [row["clip_id"] for row in streamed] == ours["train"]["clip_id"]


def test_a_corrected_annotation_is_not_answered_from_the_cache(root, tmp_path):
    def labels():
        builder = SurgicalVQA(
            "synthetic", root=root, cache_dir=str(tmp_path), media="none", source_options=RENDER
        )
        builder.download_and_prepare()
        clips = builder.as_dataset().values()
        return {row["clip_id"]: row["phase"] for rows in clips for row in rows}

    before = labels()
    table = next(root.rglob("case_0001_annotations_phases.csv"))
    text = table.read_text()
    table.write_text(text.replace("Phacoemulsification", "Incision"))
    try:
        assert text != table.read_text()
        assert labels() != before
    finally:
        table.write_text(text)


def test_a_config_per_source():
    assert sorted(SurgicalVQA.builder_configs) == sources.names()
    with pytest.raises(InputError, match="did you mean cataract1k"):
        SurgicalVQA("cataract1", root="x")
