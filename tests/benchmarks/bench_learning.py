"""What the model of `make demo` has learned to see, by kind, over several seeds of its weights and of its training.

    make demo BASE=learned DEMO=learned && OMP_NUM_THREADS=1 python tests/benchmarks/bench_learning.py learned [SEEDS]

Trains the demo's chain (tower, base, adapter: `make demo` itself, with SEED=n) on the data that lies in the folder and
answers the held-out operations, once more with the frames in another order. Beside the accuracies stand those of a
guesser who never looks, of one who is told the phase, and of one who sees colours only. Instruments as F1 of the sets;
entered and exited also as whether anything has. Wall time of the three trainings. Bars: those of BARS, in each seed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

from bench_segment import command
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.rendering.plan import INSTRUMENTS
from surgvqa.train.vision_parts.scratch_captions import f1, names_in

BARS = {
    "phase": 0.80,
    "presence": 0.85,
    "instruments, F1 of the sets": 0.75,
    "absolute_position": 0.75,
    "relative_position": 0.75,
    "motion_direction": 0.75,
    "entered, anything or nothing": 0.90,
    "exited, anything or nothing": 0.90,
}
ROOT = Path(__file__).parents[2]
DATA = ("dataset", "masks", "practice")
TRAINED = ("seeing/vision.json", "base/model.safetensors", "adapter/adapter_model.safetensors")
RENDERED = [load("cataract").canonical("instrument", name) for name in INSTRUMENTS]


def trained(folder: Path, seed: int) -> tuple[Path, float | None]:
    """The chain of one seed on the folder's data, and the seconds that the trainings took; None where they lay ready."""
    here = folder if seed == 0 else folder / f"seed{seed}"
    here.mkdir(exist_ok=True)
    for name in DATA:
        if not (here / name).exists():
            (here / name).symlink_to((folder / name).resolve())
    seconds = None
    for target in TRAINED:
        if not (here / target).exists():
            start = time.perf_counter()
            make(here, seed, target)
            seconds = (seconds or 0.0) + time.perf_counter() - start
    make(here, seed, "baselines.json")
    if not (here / "shuffled.jsonl").exists():
        command("eval", "predict", here / "dataset", "--model", here / "adapter", "--control", "shuffled-frames",
                 "--out", here / "shuffled.jsonl")  # fmt: skip
    return here, seconds


def make(folder: Path, seed: int, target: str) -> None:
    """A target of the Makefile in a folder of its own."""
    # -o: what was linked is there, however new
    ready = (part for name in DATA for part in ("-o", f"{folder.resolve()}/{name}/manifest.json"))
    subprocess.run(["make", "-C", ROOT, "BASE=learned", f"DEMO={folder.resolve()}", f"SEED={seed}", *ready,
                    f"{folder.resolve()}/{target}"], check=True)  # fmt: skip


def answered(file: Path) -> list[dict[str, Any]]:
    """The questions of a file of predictions."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def figures(here: Path) -> dict[str, float]:
    """Accuracy by kind, and the figures that look at sets."""
    kinds = json.loads((here / "score.json").read_text("utf-8"))["by_kind"]
    found = {kind: one["accuracy"] for kind, one in kinds.items()}
    rows = answered(here / "predictions.jsonl")
    for kind in ("instruments", "entered", "exited"):
        pairs = [
            (names_in(row["prediction"], RENDERED), names_in(row["answer"], RENDERED))
            for row in rows
            if row["kind"] == kind
        ]
        found[f"{kind}, F1 of the sets"] = mean(f1(*pair) for pair in pairs)
        if kind != "instruments":
            found[f"{kind}, anything or nothing"] = mean(bool(a) == bool(b) for a, b in pairs)
    return found


def shuffled(here: Path) -> tuple[float, float]:
    """Accuracy on motion with the frames in another order, of all things and of those that move.

    That a thing keeps still shows in any order, and so does the axis along which another moves, but not its sense.
    """
    motion = [row for row in answered(here / "shuffled.jsonl") if row["kind"] == "motion_direction"]
    moving = [row for row in motion if row["short_answer"] != "still"]
    of_all, of_moving = (
        mean(row["prediction"] == row["answer"] for row in rows) for rows in (motion, moving)
    )
    return of_all, of_moving


def guessed(here: Path) -> dict[str, dict[str, float]]:
    """What guessers reach who see nothing, the phase, or colours, by kind."""
    runs: dict[str, Any] = json.loads((here / "baselines.json").read_text("utf-8"))["runs"]
    return {
        name: {kind: one["accuracy"] for kind, one in runs[name]["by_kind"].items()}
        for name in ("majority", "phase", "colour")
    }


def main() -> int:
    """Train what is missing, print the table; 1 where a seed misses a bar."""
    folder, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    done = [trained(folder, seed) for seed in range(seeds)]
    found = [figures(here) for here, _ in done]
    blind = guessed(done[0][0])
    heads = [f"seed {seed}" for seed in range(seeds)]
    print(f"| | bar | {' | '.join(heads)} | blind | told the phase | colours |")
    print("|---" * (seeds + 5) + "|")
    for kind in [*BARS, *(kind for kind in found[0] if kind not in BARS)]:
        bar = f"{BARS[kind]:.2f}" if kind in BARS else ""
        values = " | ".join(f"{one[kind]:.3f}" for one in found)
        guesses = " | ".join(f"{blind[name][kind]:.3f}" if kind in blind[name] else "" for name in blind)
        print(f"| {kind} | {bar} | {values} | {guesses} |")
    names = ("motion_direction, frames shuffled", "of these, which way what moves (one of four)")
    for name, values in zip(names, zip(*(shuffled(here) for here, _ in done), strict=True), strict=True):
        print(f"| {name} | | {' | '.join(f'{value:.3f}' for value in values)} | | | |")
    print("trained in", *(f"{seconds / 60:.1f} min" if seconds else "(lay ready)" for _, seconds in done))
    return int(any(one[kind] < bar for one in found for kind, bar in BARS.items()))


if __name__ == "__main__":
    sys.exit(main())
