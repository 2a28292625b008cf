"""Three ways to join a picture and a text, from random weights on rendered operations: captions of unseen cases.

    python tests/benchmarks/bench_scratch.py OUT [SEEDS]

Renders 160 operations (those that `make demo` practises on), builds their clips with captions, and for each join and
seed trains `surgvqa-train scratch --size small` for the same epochs on the same samples. How often a caption of the test split
names the very phase and the very instruments, with intervals over operations; beside a guess that never looks and the
same model with other operations' pictures. Every step that is done already in OUT is skipped. Bar: each join names
phase and instruments more often than both, intervals apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

JOINS = ("prefix", "queries", "cross")
BUILD = ["--render-cases", "160", "--render-seed", "1", "--difficulty", "0.2", "--max-side", "112", "--frames", "1",
         "--kinds", "caption", "--test", "0.15", "--validation", "0.02", "--workers", "2"]  # fmt: skip
TRAIN = ["--size", "small", "--epochs", "12", "--device", "cpu"]


def run(part: str, *words: object) -> None:
    """One of our commands."""
    subprocess.run([sys.executable, "-m", f"surgvqa.{part}", *map(str, words)], check=True)


def told(one: dict[str, Any]) -> str:
    """A share with its interval."""
    low, high = one["ci95"] or (float("nan"), float("nan"))
    return f"{one['value']:.3f} ({low:.3f}-{high:.3f})"


def main() -> int:
    """Build, train, print; 1 where looking isn't clearly better."""
    out, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    data, low = out / "data", 0
    if not (data / "manifest.json").is_file():
        run("builders", "synthetic", "--root", out / "rendered", "--out", data, *BUILD)
    for join in JOINS:
        for seed in range(seeds):
            folder = out / f"{join}-{seed}"
            if not (folder / "scratch.json").is_file():
                run(
                    "train",
                    "scratch",
                    "--data",
                    data,
                    "--out",
                    folder,
                    "--join",
                    join,
                    "--seed",
                    seed,
                    *TRAIN,
                )
            found = json.loads((folder / "scratch.json").read_text("utf-8"))
            print(f"{join} seed {seed}: {found['parameters'] / 1e6:.2f} M weights", flush=True)
            captions = found["captions"]
            for name, one in captions.items():
                print(f"  {name}: phase {told(one['phase'])}, instruments {told(one['instruments'])}, F1 "
                      f"{told(one['instruments_f1'])}", flush=True)  # fmt: skip
            for figure in ("phase", "instruments"):
                least = captions["model"][figure]["ci95"][0]
                low += any(least <= captions[name][figure]["ci95"][1] for name in ("blind", "other pictures"))
    return min(low, 1)


if __name__ == "__main__":
    sys.exit(main())
