"""The first tutorial runs as it stands, in an empty folder, and ends with a score that isn't nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pages import ROOT, blocks, shell

LABELS, DATA, ADAPTER, WORTH = list(blocks((ROOT / "docs" / "first.md").read_text(encoding="utf-8")))


@pytest.mark.slow
def test_from_nothing_to_a_scored_adapter(tmp_path: Path) -> None:
    assert "✓ surgvqa" in shell(LABELS, tmp_path, 120)
    said = shell(DATA, tmp_path, 120)
    assert "None" not in said and "files are as they were written" in said
    for script in (ADAPTER, WORTH):
        shell(script, tmp_path, 600)
    score = json.loads((tmp_path / "lap_score.json").read_text())
    assert score["accuracy"] > 0.15 and score["errors"] == 0
    assert (tmp_path / "lap_report.html").is_file() and (tmp_path / "lap_adapter" / "README.md").is_file()
