"""Writing questions: our streaming writer against a list of dicts, `Dataset.from_list`, `to_parquet`. CPU and memory.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_qa_writer.py [--rounds 5] [--graphs 11000]

Nine questions of every scene graph, the same rows for both, made on the way. CPU time without the imports, A B A B,
median of the rounds' ratios. Bars: 3 times less CPU per question; 8 times the graphs take at most 1.2 times the memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset
from surgvqa.builders.files.parquet import ROWS_PER_GROUP, writer
from surgvqa.builders.schema import QA_FEATURES

EACH = 9
KINDS = ("phase", "anatomy", "instruments", "relative_position", "absolute_position", "previous_phase", "next_phase", "entered", "exited")  # fmt: skip
THINGS = ("spatula", "phaco tip", "cannula", "slit knife", "pupil", "cornea", "lens")


def rows(graphs: int) -> Iterator[dict[str, Any]]:
    """The questions of ``graphs`` scenes."""
    for graph in range(graphs):
        clip = f"case_{graph // 700:04d}@{graph % 700 * 5000}-{graph % 700 * 5000 + 5000}"
        for number in range(EACH):
            one, other = THINGS[(graph + number) % 7], THINGS[(graph * 3 + number) % 7]
            yield {
                "qa_id": f"{clip}#{KINDS[number]}", "kind": KINDS[number], "reasoning": "spatial",
                "question": f"Where is the {one} relative to the {other} in this part of the operation?",
                "answer": f"The {one} is to the left of the {other}.", "short_answer": "left of",
                "choices": ["left of", "right of", "above", "below"], "evidence_s": [graph * 5.0 + 2.5],
                "support_frames": None, "total_frames": None, "support_ratio": None, "clip_id": clip,
                "case_id": clip.split("@")[0], "source": "bench", "phase": "incision",
                "start_s": graph * 5.0, "end_s": graph * 5.0 + 5.0,
            }  # fmt: skip


def ours(graphs: int, path: Path) -> None:
    """As a build writes config qa."""
    with writer(path, QA_FEATURES, ROWS_PER_GROUP) as write:
        for row in rows(graphs):
            write(row)


def theirs(graphs: int, path: Path) -> None:
    """As one writes it without thinking about it."""
    Dataset.from_list(list(rows(graphs)), features=QA_FEATURES.features()).to_parquet(path)


def peak_mb(graphs: int) -> float:
    """The most memory of a process that writes the questions of so many graphs."""
    told = subprocess.run(
        [sys.executable, __file__, "--peak", str(graphs)], capture_output=True, text=True, check=True
    )
    return float(json.loads(told.stdout))


def main() -> int:
    """Measure; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--graphs", type=int, default=11_000)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if args.peak:
            ours(args.peak, Path(name) / "qa.parquet")
            # Not ru_maxrss: a child inherits that of the process that started it.
            status = Path("/proc/self/status").read_text()
            print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
            return 0
        ratios, spent = [], []
        for _ in range(args.rounds):
            pair = []
            for work in (theirs, ours):
                begin = time.process_time()
                work(args.graphs, Path(name) / f"{work.__name__}.parquet")
                pair.append(1e6 * (time.process_time() - begin) / (args.graphs * EACH))
            begin = time.process_time()
            for _row in rows(args.graphs):  # both pay for making the rows; neither writer does it
                pass
            made = 1e6 * (time.process_time() - begin) / (args.graphs * EACH)
            ratios.append((pair[0] - made) / (pair[1] - made))
            spent.append((*pair, made))
        a, b, made = (statistics.median(one) for one in zip(*spent, strict=True))
        few, many = peak_mb(args.graphs), peak_mb(8 * args.graphs)
        ratio = statistics.median(ratios)
        print(
            f"CPU per question beside making its row ({made:.1f} us): from_list {a - made:.1f} us, ours {b - made:.1f} us, "
            f"{ratio:.2f} times less [{min(ratios):.2f}-{max(ratios):.2f}] n={len(ratios)} (bar 3); with the row "
            f"{a / b:.2f}; memory {few:.0f} MB, of 8 times the graphs {many:.0f} MB: {many / few:.2f} times (bar 1.2)"
        )
    return 0 if ratio >= 3 and many / few <= 1.2 else 1


if __name__ == "__main__":
    sys.exit(main())
