"""Faults of the machine, raised inside a command at the n-th change that it makes below a folder.

Of a command that only reads a folder (push) every file that it opens there counts.

The command runs in a fork of the test's process, in a session of its own. An audit hook of Python sees every file that
it opens, moves or deletes, before that happens, and raises or kills there.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FAULTS = (
    "SIGKILL",
    "SIGTERM",
    "Ctrl-C",
    "full disk",
    "read-only",
    "source changes",
    "clock jumps",
    "two at once",
    "memory",
)
MOVES = ("os.rename", "os.link", "os.symlink", "os.truncate", "os.remove", "os.rmdir", "os.mkdir")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
DAY_S = 86_400.0
LONGEST_S = 240.0  # for a command of a second, on a machine that others use, too
BUG = 70  # the exit code of a traceback, which no command of ours has


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int | None  # None where a signal ended it
    err: str
    points: int  # changes that it made below the folder
    orphans: int  # processes of its session that outlived it

    @property
    def clear(self) -> bool:
        """Whether it ended by a signal, well, or with one line."""
        lines = [line for line in self.err.splitlines() if line.startswith("surgvqa-")]
        return "Traceback" not in self.err and (
            self.code in (None, 0) or (self.code in (2, 130) and len(lines) <= 1)
        )


def run(
    command: Callable[[], int],
    watched: Path,
    fault: str | None = None,
    at: int = 0,
    change: Callable[[], None] | None = None,
    reads: bool = False,
) -> Ended:
    """Run a command with a fault at its ``at``-th change below ``watched`` (1 for the first); None for none."""
    log, count = watched.with_name(f"{watched.name}.stderr"), watched.with_name(f"{watched.name}.points")
    pid = os.fork()
    if pid == 0:
        os.setsid()
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        second = _second(command) if fault == "two at once" else None
        points = _hook(command, str(watched), fault, at, second or change, reads)
        code = BUG
        try:
            code = command()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        at_end = points[0]
        points[0] = -(10**9)  # no more faults
        count.write_text(str(at_end))
        os._exit(code)
    ended, status = 0, 0
    deadline = time.monotonic() + LONGEST_S
    while not ended:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended and time.monotonic() > deadline:
            raise AssertionError(f"{fault} at {at}: it hangs: {log.read_text('utf-8', 'replace')[-600:]}")
        time.sleep(0.01)
    time.sleep(0.05)
    left = orphans(pid)
    for one in left:
        os.kill(one, signal.SIGKILL)
    made = int(count.read_text()) if count.exists() else 0
    count.unlink(missing_ok=True)
    err = log.read_text("utf-8", "replace")
    log.unlink()
    return Ended(os.WEXITSTATUS(status) if os.WIFEXITED(status) else None, err, made, len(left))


def orphans(session: int) -> list[int]:
    """Processes of a session that are still there, zombies aside."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, sid = stat.read_text().rsplit(")", 1)[1].split()[:4]
        except (OSError, ValueError):
            continue
        if int(sid) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def _hook(
    command: Callable[[], int],
    watched: str,
    fault: str | None,
    at: int,
    change: Callable[[], None] | None,
    reads: bool,
) -> list[int]:
    points = [0]

    def hook(event: str, args: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(args[2], int) and (reads or bool(args[2] & WRITES))
        if not (writes or event in MOVES) or not any(str(arg).startswith(watched) for arg in args[:2]):
            return
        points[0] += 1
        frees = event in ("os.remove", "os.rmdir")
        if fault in ("full disk", "read-only") and points[0] >= at and not (frees and fault == "full disk"):
            number = errno.ENOSPC if fault == "full disk" else errno.EROFS
            raise OSError(number, os.strerror(number), str(args[0]))
        if fault is not None and points[0] == at:
            _strike(fault, change)

    sys.addaudithook(hook)
    return points


def _second(command: Callable[[], int]) -> Callable[[], None]:
    """Return what runs the command in another process, forked here, before this one has threads, and waits for it."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        if not os.read(read, 1):
            os._exit(0)  # it was never wanted
        try:
            code = command()
        except BaseException:
            traceback.print_exc()
            code = BUG
        sys.stderr.flush()
        os._exit(code)
    os.close(read)

    def go() -> None:
        os.write(write, b"x")
        if os.WEXITSTATUS(os.waitpid(pid, 0)[1]) not in (0, 2):
            print("Traceback: the second command", file=sys.stderr)

    return go


def _strike(fault: str, change: Callable[[], None] | None) -> None:
    if fault == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "SIGTERM":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    elif fault == "Ctrl-C":
        signal.raise_signal(signal.SIGINT)
    elif fault in ("source changes", "two at once") and change is not None:
        change()
    elif fault == "clock jumps":
        real = time.time
        time.time = lambda: real() - DAY_S
    elif fault == "memory":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, resource.RLIM_INFINITY))
