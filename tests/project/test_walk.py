"""The documentation's walk from an empty folder: its own commands, on three rendered laparoscopies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import load_dataset
from pages import ROOT, blocks, shell

SECTION = (ROOT / "docs" / "afternoon.md").read_text(encoding="utf-8")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # half a minute of CPU to draw and build
BUILD, TRAIN = list(blocks(SECTION))[:3], list(blocks(SECTION))[3:]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after the steps that need no model."""
    tmp_path = tmp_path_factory.mktemp("walk")
    for script in BUILD:
        shell(script, tmp_path, 600)
    return tmp_path


def numbers_of(table: Path) -> set[tuple[str, ...]]:
    """A table's rows below its header, numbers alike however they are written."""
    return {
        tuple(f"{float(cell):g}" if cell.replace(".", "").isdigit() else cell for cell in line.split(","))
        for line in table.read_text().splitlines()[1:]
    }


def test_the_page_labels_what_is_drawn(built: Path):
    for name in ("phases.csv", "tools.csv"):
        drawn, labels = numbers_of(built / "given" / name), numbers_of(built / "lap" / name)
        assert labels == {row for row in drawn if row[0] in ("lap01", "lap02", "lap03")}


def test_from_a_dozen_labels_to_a_llava_data_set(built: Path):
    frames = json.loads((built / "lap_frames" / "frames.json").read_text())
    by_hand = [frame for frame in frames if "tools" in frame and "tools" not in frame.get("made_by", {})]
    assert len(by_hand) == 19 and len(frames) > 19
    rows = load_dataset(
        "parquet", data_files=str(built / "lap_instruct/instruct/train*.parquet"), cache_dir=str(built / "c")
    )
    rows = rows["train"]
    assert set(rows["sample"]) == {"conversation", "description", "reasoning"} and any(rows["weak"])
    assert rows[0]["images"][0].size == (320, 240)
    llava = json.loads((built / "lap_llava" / "train.json").read_text())
    assert len(llava) == len(rows)
    for sample in llava:
        assert (built / "lap_llava" / sample["image"]).is_file()
        assert sample["conversations"][0]["value"].startswith("<image>\n")
    last = next(sample for sample in llava if sample["image"].endswith("lap01/000026000.jpg"))
    assert "irrigator" in json.dumps(last)


def test_to_an_adapter_a_report_and_an_exported_folder(built: Path):
    for script in TRAIN:
        shell(script, built, 1500)
    for name in ("lap_adapter", "lap_talker"):
        assert (built / name / "adapter_model.safetensors").is_file()
    score = json.loads((built / "lap_score.json").read_text())
    assert score["accuracy"] > 0.1 and score["empty"] == 0, "a score that can be read"
    assert f"{score['n']} questions" in (built / "lap_adapter" / "README.md").read_text()
    assert "gallbladder" in (built / "lap_report.html").read_text()
    assert (built / "lap_agents" / "smoke.sh").is_file()
    assert "model_name" in (built / "lap_agents" / "configs" / "global.yaml").read_text()
