"""Segmenters from random weights on rendered operations: Dice on cases they have not seen.

    python tests/benchmarks/bench_segment.py OUT [SEEDS]

Renders 40 operations at difficulty 0.5 (28 to learn from, 4 to choose the epoch, 8 to test on), builds the config
`segmentation`, and for each seed trains a U-Net on instrument-or-not and a text-prompted U-Net on the ten instruments,
both with the real commands. Figures are means over the test frames, intervals over the test cases. Every step that
is done already in OUT is skipped. Bars: U-Net Dice 0.90; text-prompted Dice 0.80, false masks below 5 %.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RENDERED = ["--render-cases", "40", "--size", "160", "--frame-pngs", "--frames", "1", "--max-side", "160"]
SMALL = ["--decoder", "64", "32", "16", "--size", "64", "--batch-size", "16", "--learning-rate", "2e-3",
         "--precision", "bf16", "--augment", "light", "--device", "cpu"]  # fmt: skip
RUNS = {"unet": ("binary", ["--epochs", "12"]), "text-unet": ("instruments", ["--epochs", "20"])}


def command(part: str, *words: object) -> float:
    """Run one of our commands; the CPU-and-wall seconds it took are its wall seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", f"surgvqa.{part}", *map(str, words)], check=True)
    return time.perf_counter() - start


def scored(out: Path, model: str, seed: int) -> dict[str, Any]:
    """The figures of one model and seed on the test split."""
    task, options = RUNS[model]
    data, run = out / task, out / f"{model}-{seed}"
    if not (data / "manifest.json").is_file():
        command("builders", "synthetic", "--root", out / "rendered", "--out", data, *RENDERED, "--segmentation", task,
                "--kinds", "phase", "--workers", 2)  # fmt: skip
    if not (run / "score.json").is_file():
        took = command(
            "train",
            "segment",
            "--data",
            data,
            "--out",
            run,
            "--model",
            model,
            "--seed",
            seed,
            *SMALL,
            *options,
        )
        command("eval", "segmentation", run / "masks.jsonl", "--data", data, "--out", run / "score.json")
        (run / "seconds.txt").write_text(f"{took:.0f}\n", "utf-8")
    found: dict[str, Any] = json.loads((run / "score.json").read_text("utf-8"))
    return found


def main() -> int:
    """Train, score, print; 1 below a bar."""
    out = Path(sys.argv[1])
    low = 0
    for model in RUNS:
        for seed in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
            found = scored(out, model, seed)
            dice, false = found["dice"], found["false_masks"]
            ends = [f"{end:.3f}" for end in dice["ci95"]]
            print(
                f"{model} seed {seed}: Dice {dice['value']:.3f} ({'-'.join(ends)}, {found['sequences']} cases), false "
                f"masks {false['value']:.1%} of {false['n']}, {found['ms_per_image']:.1f} ms per image",
                flush=True,
            )
            good = dice["value"] >= 0.9 if model == "unet" else dice["value"] >= 0.8 and false["value"] < 0.05
            low += not good
    return min(low, 1)


if __name__ == "__main__":
    sys.exit(main())
