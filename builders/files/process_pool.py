"""A pool of processes that outlives its workers: one may crash, hang or eat memory."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

from surgvqa.cards.command import InputError, MachineError, machine_fault

MEMORY_BYTES = 8 * 2**30  # address space of a worker; decoding 4K HEVC takes 1.5 GB of it


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task has no result; ``expected`` where its input is at fault."""

    cause: str
    expected: bool = True


def run_tasks(
    function: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    workers: int,
    timeout_s: float,
    memory_bytes: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yield ``(index, result)`` of ``function(*task)`` as they finish; the result of a bad one is ``Failure``.

    With 0 workers everything runs here, without protection. An ``InputError`` is the task's own; a worker
    that dies, takes longer than ``timeout_s`` or more than ``memory_bytes`` costs its task and is replaced.
    A fault of the machine (a full disk, a missing codec) stops everything, as ``MachineError``; so does any other
    exception, which is a bug.
    """
    if workers == 0:
        for index, task in enumerate(tasks):
            try:
                yield index, function(*task)
            except InputError as error:
                yield index, Failure(str(error))
        return
    context: Any = multiprocessing.get_context("spawn")
    if begin(function.__module__):
        context = multiprocessing.get_context("forkserver")
    waiting = deque(enumerate(tasks))
    busy: dict[Connection, _Worker] = {}
    try:
        while waiting or any(worker.task is not None for worker in busy.values()):
            while waiting and len(busy) < min(workers, len(tasks)):
                worker = _start(context, function, memory_bytes)
                busy[worker.pipe] = worker
            for worker in busy.values():
                if worker.task is None and waiting:
                    worker.task, worker.until = waiting.popleft(), time.monotonic() + timeout_s
                    worker.pipe.send(worker.task[1])
            soonest = min(worker.until for worker in busy.values() if worker.task is not None)
            ready = wait(list(busy), max(0.0, soonest - time.monotonic()))
            for pipe in [pipe for pipe in busy if pipe in ready]:
                yield _answer(busy, pipe)
            late = [(w, w.task[0]) for w in busy.values() if w.task and time.monotonic() > w.until]
            for worker, index in late:
                _end(busy, worker)
                yield index, Failure(f"no result after {timeout_s:.0f} s; the worker was ended")
    finally:
        for worker in list(busy.values()):
            _end(busy, worker)


def begin(module: str) -> bool:
    """Start the server that workers are forked from, if it isn't there yet; False where there is none.

    A worker forked from here would inherit locks that other threads hold; one forked from a server without
    threads is safe, and starts in 10 ms instead of the 2 s that the imports of a new interpreter take. The
    server imports ``module`` first, for all of them. A command calls this before its own imports, as two
    seconds of both at once are over sooner than one after the other.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return False
    forkserver.set_forkserver_preload([module])
    forkserver.ensure_running()
    return True


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    task: tuple[int, tuple[Any, ...]] | None = None
    until: float = 0.0


def _start(context: Any, function: Callable[..., Any], memory_bytes: int | None) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, function, memory_bytes), daemon=True)
    with _main_unseen(function):
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _main_unseen(function: Callable[..., Any]) -> Iterator[None]:
    """Keep a worker from importing the caller's script, which it has no need of: ``function`` lies in a module.

    A script without ``if __name__ == "__main__"`` would begin again in every worker, and one that Python reads from a
    pipe can't be found at all.
    """
    main = sys.modules["__main__"]
    attributes = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    if function.__module__ == "__main__":
        attributes = {}
    try:
        for name in attributes:
            setattr(main, name, None)
        yield
    finally:
        for name, value in attributes.items():
            setattr(main, name, value)


def _answer(busy: dict[Connection, _Worker], pipe: Connection) -> tuple[int, Any]:
    worker = busy[pipe]
    index = worker.task[0] if worker.task is not None else -1
    try:
        kind, value = pipe.recv()
    except (EOFError, ConnectionResetError):  # the second where it left a task unread
        worker.process.join()
        code = worker.process.exitcode
        _end(busy, worker)
        if index < 0:
            raise RuntimeError(f"a worker ended by itself with {code} before it had anything to do") from None
        # A kernel without memory kills; a library that gets none under the machine's own limit aborts (Arrow).
        if code == -signal.SIGKILL or (code == -signal.SIGABRT and _is_bounded()):
            raise MachineError(
                f"a worker was ended by signal {-code}, as where memory runs out: give fewer --workers, or run it where "
                "there is more; the command goes on where it stopped"
            ) from None
        return index, Failure(f"the decoder brought its process down (exit code {code})")
    worker.task = None
    if kind == "machine":
        raise MachineError(value)
    if kind == "bug":
        raise RuntimeError(f"in a worker process:\n{value}")
    return index, Failure(value) if kind == "bad input" else value


def _is_bounded() -> bool:
    """Whether the machine bounds a process's memory to less than a worker may take."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return resource.RLIM_INFINITY != soft < MEMORY_BYTES


def _end(busy: dict[Connection, _Worker], worker: _Worker) -> None:
    del busy[worker.pipe]
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _serve(pipe: Connection, function: Callable[..., Any], memory_bytes: int | None) -> None:
    """Take tasks and send back what came of each: a worker's whole life."""
    import traceback

    is_ours = memory_bytes is not None and _limit_memory(memory_bytes)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            pipe.send(("done", function(*task)))
        except InputError as error:
            pipe.send(("bad input", str(error)))
        except MemoryError as error:
            # Under a limit of the machine's own, another task or another day would have had room.
            cause = "it needs more memory than a worker may take" if is_ours else machine_fault(error)
            pipe.send(("bad input" if is_ours else "machine", cause))
        except KeyboardInterrupt:
            return
        except BaseException as error:
            cause = machine_fault(error)
            pipe.send(("machine", cause) if cause is not None else ("bug", traceback.format_exc()))


def _limit_memory(memory_bytes: int) -> bool:
    """Bound this process's memory; False where the machine bounds it to less already (``ulimit -v``, a scheduler)."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    lowest = min(limit for limit in (soft, hard, memory_bytes) if limit != resource.RLIM_INFINITY)
    if lowest < memory_bytes:
        return False
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    return True
