"""What a worker's trouble looks like from outside."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from surgvqa.builders.files.process_pool import run_tasks
from surgvqa.builders.pipeline.staging import lock
from surgvqa.cards.command import InputError, MachineError


def full(number: int) -> None:
    """Write to a disk that has no room left, or whose share of it is used up."""
    raise OSError(number, "as the system says it")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_in_a_worker_is_one_line(tmp_path: Path, number: int, workers: int) -> None:
    with (
        pytest.raises((InputError, MachineError), match="free some") as refused,
        lock(tmp_path / "out"),
    ):
        list(run_tasks(full, [(number,)], workers, 60.0))
    assert "\n" not in str(refused.value) and "Traceback" not in str(refused.value)


def test_another_error_of_the_system_stays_a_bug(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in a worker process"), lock(tmp_path / "out"):
        list(run_tasks(full, [(errno.EIO,)], 1, 60.0))
