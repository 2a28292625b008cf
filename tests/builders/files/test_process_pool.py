"""What a worker's trouble looks like from outside."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
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


def _starve() -> None:
    raise MemoryError


def _below_a_limit(send, soft: int) -> None:
    """In a process of its own, which nothing can give memory back: run a task there."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
    try:
        send.send(repr(list(run_tasks(_starve, [()], 1, 60.0, 8 * 2**30))))
    except MachineError as error:
        send.send(f"machine: {error}")


def test_a_limit_of_the_machines_own_is_no_fault_of_a_task():
    """Under ``ulimit -v`` or a scheduler's limit; below 8 GiB a worker once couldn't even set its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_below_a_limit, args=(theirs, 4 * 2**30))
    process.start()
    assert ours.poll(60)
    assert "machine: this process may take no more memory" in ours.recv()
    process.join()
    (result,) = run_tasks(_starve, [()], 1, 60.0, 8 * 2**30)
    assert "more memory than a worker may take" in result[1].cause


def _die(number: int) -> None:
    os.kill(os.getpid(), number)


def _die_below_a_limit(send, number: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
    try:
        send.send(repr(list(run_tasks(_die, [(number,)], 1, 60.0, 8 * 2**30))))
    except MachineError as error:
        send.send(f"machine: {error}")


def test_a_worker_that_the_machine_ended_is_no_fault_of_its_task():
    """A kernel without memory kills one; counted as bad data, its case would be missing from the data set."""
    with pytest.raises(
        MachineError, match="ended by signal 9, as where memory runs out: give fewer --workers"
    ):
        list(run_tasks(_die, [(signal.SIGKILL,)], 1, 60.0))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_die_below_a_limit, args=(theirs, signal.SIGABRT))
    process.start()
    assert ours.poll(60)
    assert "machine: a worker was ended by signal 6" in ours.recv()
    process.join()
    ((_, result),) = run_tasks(_die, [(signal.SIGABRT,)], 1, 60.0)  # a decoder that a file brought down
    assert "exit code -6" in result.cause
