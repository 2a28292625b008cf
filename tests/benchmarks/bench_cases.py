"""Many cases: CPU and memory of a build, of its check and of reading it, at rising numbers of cases of an hour.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_cases.py [--engine local] [CASES ...]

Invented cases of an hour, seven phases each, in one `phases.csv`; no pixels, the nine kinds, a clip every 5 s. Every step is a
process of its own; its CPU seconds are those of all processes that it waited for, its memory the largest of them at its peak.
With ``--engine datatrove-ray`` a cluster of this machine is started by the build itself, and its workers are in neither figure.
The bar: four times the cases take at most five times the CPU and 1.5 times the memory of a process.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PHASES = (
    "preparation",
    "calot triangle dissection",
    "clipping and cutting",
    "gallbladder dissection",
    "gallbladder packaging",
    "cleaning and coagulation",
    "gallbladder retraction",
)
HOUR_S, CLIP_S = 3600.0, 5
MORE_TIME, MORE_MEMORY = 1.25, 1.5
READ = """
import sys
from datasets import load_dataset
clips = load_dataset(sys.argv[1], "clips", cache_dir=sys.argv[2])
print(sum(len(split) for split in clips.values()), len({case for split in clips.values() for case in split["case_id"]}))
"""


class Cost(NamedTuple):
    """What a process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def write_labels(root: Path, cases: int) -> None:
    """Write the table of all cases."""
    draw = random.Random(0)
    root.mkdir()
    lines = ["case,phase,start,end"]
    for number in range(cases):
        cuts = sorted(draw.uniform(60, HOUR_S - 60) for _ in PHASES[1:])
        for phase, start, end in zip(PHASES, [0.0, *cuts], [*cuts, HOUR_S], strict=True):
            lines.append(f"op{number:05d},{phase},{start:.2f},{end:.2f}")
    (root / "phases.csv").write_text("\n".join(lines) + "\n")


def run(words: list[str], log: Path) -> Cost:
    """Run a command to its end."""
    begin = time.monotonic()
    with log.open("wb") as file:
        actions = [(os.POSIX_SPAWN_DUP2, file.fileno(), 1), (os.POSIX_SPAWN_DUP2, file.fileno(), 2)]
        pid = os.posix_spawn(sys.executable, [sys.executable, *words], os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(words)}: {log.read_text()[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1024)


def measure(cases: int, engine: str) -> dict[str, Cost]:
    """Build, check and read a number of cases."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        root, out = place / "labels", place / "data"
        write_labels(root, cases)
        build = ["-m", "surgvqa.builders", "procedure", "--root", str(root), "--out", str(out)]
        build += ["--taxonomy", "cholecystectomy", "--media", "none", "--questions", "nine"]
        build += ["--clip-seconds", str(CLIP_S), "--engine", engine, "--workers", "2"]
        costs = {"build": run(build, place / "build.log")}
        costs["verify"] = run(["-m", "surgvqa.builders", "verify", str(out)], place / "verify.log")
        costs["load"] = run(["-c", READ, str(out), str(place / "cache")], place / "load.log")
        print(f"  {(place / 'load.log').read_text().split(chr(10))[-2]} (clips, cases)", flush=True)
    return costs


def main() -> int:
    """Print a row a number of cases and step; 1 where a step misses the bar between the first and the last number."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--engine", default="local")
    words.add_argument("cases", nargs="*", type=int, default=[250, 1000])
    given = words.parse_args()
    rows = {}
    for cases in given.cases:
        rows[cases] = measure(cases, given.engine)
        for step, cost in rows[cases].items():
            print(
                f"| {cases:,} | {step} | {cost.cpu_s:.1f} | {1000 * cost.cpu_s / cases:.0f} | {cost.peak_mb:.0f} | {cost.wall_s:.0f} |",
                flush=True,
            )
    first, last = given.cases[0], given.cases[-1]
    late = [
        step
        for step in rows[last]
        if rows[last][step].cpu_s > MORE_TIME * rows[first][step].cpu_s * last / first
        or rows[last][step].peak_mb > MORE_MEMORY * rows[first][step].peak_mb
    ]
    print(f"over the bar: {', '.join(late) or 'none'}")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
