"""The first tutorial runs as it stands, in an empty folder, and ends with a score that isn't nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hints import next_commands
from pages import ROOT, blocks, shell

LABELS, DATA, ADAPTER, WORTH = list(blocks((ROOT / "docs" / "first.md").read_text(encoding="utf-8")))


def run_next(output: str, folder: Path) -> set[str]:
    """Run every command that an output names as the next one, as printed; returns their verbs."""
    for command in next_commands(output):
        shell(command, folder, 600)
    return {" ".join(command.split()[:2]) for command in next_commands(output)}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_from_nothing_to_a_scored_adapter(tmp_path: Path) -> None:
    assert "✓ surgvqa" in shell(LABELS, tmp_path, 600)
    said = shell(DATA, tmp_path, 600)
    assert run_next(said, tmp_path) == {"surgvqa-card dataset", "surgvqa-eval leaks"}, "and nothing leaks"
    assert "None" not in said and "files are as they were written" in said
    trained = shell(ADAPTER, tmp_path, 600)
    assert [" ".join(line.split()[:2]) for line in next_commands(trained)] == ["surgvqa-eval predict"]
    worth = shell(WORTH, tmp_path, 600)
    assert run_next(worth, tmp_path) == {"surgvqa-eval score", "surgvqa-eval report", "surgvqa-card audit"}
    score = json.loads((tmp_path / "lap_score.json").read_text())
    assert score["accuracy"] > 0.15 and score["errors"] == 0
    assert (tmp_path / "lap_report.html").is_file() and (tmp_path / "lap_adapter" / "README.md").is_file()
