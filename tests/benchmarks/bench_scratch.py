"""Three ways to join a picture and a text, from random weights on rendered operations: captions of unseen cases.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_scratch.py OUT [SEEDS]

Renders 160 operations (those that `make demo` practises on), builds their clips with captions, and for each join and
seed trains `surgvqa-train scratch` as it is by default, but for fewer epochs, on the same samples. How often a caption
of the test split names the very phase and the very instruments, with intervals over operations, of each seed and of
all (a caption's figure is then its mean over the seeds); beside a guess that never looks and the same model with other
operations' pictures. What is done already in OUT is skipped. Bar: each join, with each seed, names the phase more
often than both, and its instruments come closer (F1 of the sets), intervals apart.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_segment import command
from surgvqa.eval.spatial.segmentation import figure

JOINS = ("prefix", "queries", "cross")
WHO = ("model", "other pictures", "blind")
BUILD = "--render-cases 160 --render-seed 1 --difficulty 0.2 --max-side 112 --frames 1 --kinds caption --test 0.15 --validation 0.02 --workers 2"  # fmt: skip
TRAIN = "--epochs 10 --device cpu"


def told(one: dict[str, Any]) -> str:
    """A share with its interval."""
    low, high = one["ci95"] or (float("nan"), float("nan"))
    return f"{one['value']:.3f} ({low:.3f}-{high:.3f})"


def shown(name: str, figures: dict[str, dict[str, Any]]) -> None:
    """The three figures as a row of a table in Markdown."""
    print("|", name, "|", " | ".join(told(one) for one in figures.values()), "|", flush=True)


def pooled(folders: Sequence[Path], who: str) -> dict[str, dict[str, Any]]:
    """The figures of several seeds: every caption's mean over them, with intervals over operations."""
    runs = [
        [json.loads(line) for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()]
        for folder in folders
    ]
    cases = [row["case_id"] for row in runs[0]]
    return {
        name: figure(
            [sum(row["right"][who][name] for row in rows) / len(rows) for rows in zip(*runs, strict=True)],
            cases,
        )
        for name in runs[0][0]["right"][who]
    }


def main() -> int:
    """Build, train, print; 1 where looking isn't clearly better."""
    out, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    data, missed = out / "data", 0
    if not (data / "manifest.json").is_file():
        command("builders", "synthetic", "--root", out / "rendered", "--out", data, *BUILD.split())
    for seed in range(seeds):
        for join in JOINS:
            folder = out / f"{join}-{seed}"
            if not (folder / "scratch.json").is_file():
                one = ["--data", data, "--out", folder, "--join", join, "--seed", seed]
                command("train", "scratch", *one, *TRAIN.split())
    print("| join, seed | phase | instruments | F1 of instruments |\n|---|---|---|---|")
    for join in JOINS:
        folders = [out / f"{join}-{seed}" for seed in range(seeds)]
        for seed, folder in enumerate(folders):
            captions = json.loads((folder / "scratch.json").read_text("utf-8"))["captions"]
            shown(f"{join}, seed {seed}", captions["model"])
            for name in ("phase", "instruments_f1"):
                least = captions["model"][name]["ci95"][0]
                missed += any(least <= captions[who][name]["ci95"][1] for who in WHO[1:])
        for who in WHO:
            shown(f"{join}, all: {who}", pooled(folders, who))
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
