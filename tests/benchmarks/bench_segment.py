"""Segmenters from random weights on rendered operations: Dice on cases they have not seen.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_segment.py OUT [SEEDS]

Draws 270 operations at difficulty 0.2 as the demo's (240 to learn from, 10 to choose the epoch, 20 to test on), one
picture of every beat, as config `segmentation` has them; for each seed trains a U-Net on instrument-or-not and a
text-prompted U-Net on the ten instruments, both with the real commands. Figures are means over the test pictures,
intervals over the test cases. What is done already in OUT is skipped. Bars: U-Net Dice 0.90; text-prompted Dice 0.80,
false masks below 5 %.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from drawn import middles, operation
from surgvqa.builders.configs import segmentation
from surgvqa.builders.files.parquet import writer
from surgvqa.builders.procedures.taxonomy import load

SPLITS = {"train": range(1, 241), "validation": range(241, 251), "test": range(251, 271)}
DIFFICULTY, WIDTH = 0.2, 112
SMALL = ["--decoder", "64", "32", "16", "--batch-size", "16", "--learning-rate", "2e-3", "--precision", "bf16",
         "--augment", "light", "--device", "cpu"]  # fmt: skip
RUNS = {
    "unet": ("binary", ["--size", "64", "--epochs", "3"]),
    "text-unet": ("instruments", ["--size", "96", "--epochs", "10"]),
}


def draw(folder: Path, task: str) -> None:
    """Config `segmentation` of all three splits, as `surgvqa-build --segmentation` lays it out."""
    how, names = segmentation.Segmentation(task), load("cataract")
    (folder / "segmentation").mkdir(parents=True)
    for split, numbers in SPLITS.items():
        path = folder / "segmentation" / f"{split}-00000-of-00001.parquet"
        with writer(path.with_suffix(".part"), segmentation.SEGMENTATION_FEATURES, 128) as write:
            for number in numbers:
                stage, case = operation(number, 0, DIFFICULTY, WIDTH)
                for scene, picture in middles(stage, case):
                    write(segmentation.row(case, scene, how, names, picture))
        path.with_suffix(".part").rename(path)


def command(part: str, *words: object) -> float:
    """Run one of our commands; the wall seconds it took."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", f"surgvqa.{part}", *map(str, words)], check=True)
    return time.perf_counter() - start


def scored(out: Path, model: str, seed: int) -> dict[str, Any]:
    """The figures of one model and seed on the test split."""
    task, options = RUNS[model]
    data, run = out / task, out / f"{model}-{seed}"
    if not (data / "segmentation" / "test-00000-of-00001.parquet").is_file():
        draw(data, task)
    if not (run / "score.json").is_file():
        taught = ("--data", data, "--out", run, "--model", model, "--seed", seed, *SMALL, *options)
        took = command("train", "segment", *taught)
        command("eval", "segmentation", run / "masks.jsonl", "--data", data, "--out", run / "score.json")
        (run / "seconds.txt").write_text(f"{took:.0f}\n", "utf-8")
    found: dict[str, Any] = json.loads((run / "score.json").read_text("utf-8"))
    return found


def main() -> int:
    """Train, score, print; 1 below a bar."""
    out = Path(sys.argv[1])
    low = 0
    for seed in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
        for model in RUNS:
            found = scored(out, model, seed)
            dice, false = found["dice"], found["false_masks"]
            ends = "-".join(f"{end:.3f}" for end in dice["ci95"])
            print(
                f"{model} seed {seed}: Dice {dice['value']:.3f} ({ends}, {found['sequences']} cases), false "
                f"masks {false['value']:.1%} of {false['n']}, {found['ms_per_image']:.1f} ms per image",
                flush=True,
            )
            good = dice["value"] >= 0.9 if model == "unet" else dice["value"] >= 0.8 and false["value"] < 0.05
            low += not good
    return min(low, 1)


if __name__ == "__main__":
    sys.exit(main())
