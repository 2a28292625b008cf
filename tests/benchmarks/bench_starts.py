"""The CPU seconds of each command until its first word, and to its end; commands are read from the standard input.

echo "surgvqa-eval leaks lap_dataset" | python tests/benchmarks/bench_starts.py
"""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds of a process so far, its finished children's among them."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def children_seconds() -> float:
    """Return the CPU seconds of all finished children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print a line per command: seconds until its first word, seconds in all, its exit code."""
    for line in filter(None, map(str.strip, sys.stdin)):
        before = children_seconds()
        with subprocess.Popen(
            shlex.split(line),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        ) as process:
            assert process.stdout is not None
            os.read(process.stdout.fileno(), 1)
            first = cpu_seconds(process.pid)
            process.stdout.read()
        print(
            f"{first:.2f} s  {children_seconds() - before:.2f} s  exit {process.returncode}  {line}",
            flush=True,
        )


if __name__ == "__main__":
    main()
