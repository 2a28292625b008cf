"""A run of `instruct` that was killed while it wrote report or card."""

from __future__ import annotations

import subprocess
import sys

import pytest
from surgvqa.builders.instruct import folder
from surgvqa.cards.command import InputError


def test_what_a_killed_run_left_is_taken_away(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f"README.md.{gone.pid}.tmp").write_text("half of a ca")
    folder.refuse_foreign(tmp_path)
    folder.empty_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [folder.CONFIG]
    (tmp_path / "README.md.1.tmp").write_text("of a process that runs")
    with pytest.raises(InputError, match=r"README\.md\.1\.tmp"):
        folder.refuse_foreign(tmp_path)
