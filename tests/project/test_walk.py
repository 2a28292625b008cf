"""The documentation's walk from an empty folder: its own commands, on the real laparoscopy clip."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from datasets import load_dataset
from pages import ROOT, blocks, shell

SECTION = (ROOT / "docs" / "afternoon.md").read_text(encoding="utf-8")
BUILD, TRAIN = list(blocks(SECTION))[:3], list(blocks(SECTION))[3:]


@pytest.fixture
def built(realdata: Path, tmp_path: Path) -> Path:
    """The folder after the steps that need no model."""
    shutil.copy(realdata / "laparoscopy_clip" / "endo.mp4", tmp_path / "endo.mp4")
    for script in BUILD:
        shell(script, tmp_path, 120)
    return tmp_path


def test_from_a_dozen_labels_to_a_llava_data_set(built: Path):
    frames = json.loads((built / "lap_frames" / "frames.json").read_text())
    by_hand = [frame for frame in frames if "tools" in frame and "tools" not in frame.get("made_by", {})]
    assert len(by_hand) == 12 and len(frames) > 12
    rows = load_dataset(
        "parquet", data_files=str(built / "lap_instruct/instruct/*.parquet"), cache_dir=str(built / "c")
    )
    rows = rows["train"]
    assert set(rows["sample"]) == {"conversation", "description", "reasoning"} and any(rows["weak"])
    assert rows[0]["images"][0].size == (512, 288)
    llava = json.loads((built / "lap_llava" / "train.json").read_text())
    assert len(llava) == len(rows)
    for sample in llava:
        assert (built / "lap_llava" / sample["image"]).is_file()
        assert sample["conversations"][0]["value"].startswith("<image>\n")
    last = next(sample for sample in llava if sample["image"].endswith("000008800.jpg"))
    assert "blunt probe" in json.dumps(last)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_to_an_adapter_a_report_and_an_exported_folder(built: Path):
    for script in TRAIN:
        shell(script, built, 1500)
    assert (built / "lap_adapter" / "adapter_model.safetensors").is_file()
    assert "gallbladder" in (built / "lap_report.html").read_text()
    assert (built / "lap_agents" / "smoke.sh").is_file()
    assert "model_name" in (built / "lap_agents" / "configs" / "global.yaml").read_text()
