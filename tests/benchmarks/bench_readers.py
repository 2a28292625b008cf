"""Readers on large files: CPU seconds at n and 4 n elements, and peak memory, each in a process of its own.

    python tests/benchmarks/bench_readers.py
    python tests/benchmarks/bench_readers.py COCO phases.csv

prints a line per kind of file of `tests/support/large_files.py`, or of those whose names hold one of the words given. The
bound is a minute of CPU and 2 GB for 10^6 points or annotations and 10^5 phases, or a refusal; four times as much may take
six times as long.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from large_files import FILES, imports, read

MINUTE_S, MOST_MB = 60.0, 2048.0


def child(*words: str) -> str:
    """Run this file with some words in a new process; returns what it prints."""
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:])
    return done.stdout.strip()


def measured(name: str, n: int) -> tuple[float, float, str]:
    """CPU seconds, peak megabytes and what came of a file of n elements, made by another process."""
    with tempfile.TemporaryDirectory() as folder:
        path = child("--make", name, str(n), folder)
        seconds, megabytes, said = child("--read", path).split("\t")
    return float(seconds), float(megabytes), said


def main(words: list[str]) -> int:
    """Print the table; 1 where a bound is broken."""
    if words[:1] == ["--make"]:
        print(FILES[words[1]].make(Path(words[3]), int(words[2])))
        return 0
    if words[:1] == ["--read"]:
        imports()
        before = time.process_time()
        said = read(Path(words[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(time.process_time() - before, peak, said, sep="\t")
        return 0
    print("| file | n | CPU s | a quarter | ratio | MB | result |\n|---|---|---|---|---|---|---|")
    broken = 0
    for name, one in FILES.items():
        if words and not any(word in name for word in words):
            continue
        quarter, _, _ = measured(name, one.measured // 4)
        seconds, megabytes, said = measured(name, one.measured)
        ratio = seconds / quarter
        over = seconds > MINUTE_S or megabytes > MOST_MB
        broken += over
        row = (
            name,
            f"{one.measured:,}",
            f"{seconds:.1f}",
            f"{quarter:.1f}",
            f"{ratio:.1f}",
            f"{megabytes:.0f}",
            said,
        )
        print(f"| {' | '.join(row)} |{' over' if over else ''}", flush=True)
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
