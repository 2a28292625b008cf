"""What the documentation says of real files, held to these files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

import real_folders  # noqa: E402 - found by the line above

ROWS = {
    cells[0]: cells
    for line in (ROOT / "docs" / "data.md").read_text("utf-8").split("## Tried on real files")[1].split("\n")
    if len(cells := [cell.strip() for cell in line.strip("| ").split(" | ")]) == 4
}


def test_every_folder_has_a_row() -> None:
    assert {name for name in ROWS if name in real_folders.FOLDERS} == set(real_folders.FOLDERS)


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(real_folders.FOLDERS))
def test_a_folder_reads_as_documented(folder: str, realdata: Path) -> None:
    found = real_folders.reading(real_folders.FOLDERS[folder], realdata / folder)
    _, source, documented, _ = ROWS[folder]
    assert source == real_folders.FOLDERS[folder] and not found.faults
    if documented.startswith("refused"):
        assert documented.split(": ", 1)[1] in found.found
    else:
        assert documented == found.found
