"""Visual bits: what guessers without pixels leave open of the answers of a data set, beside `--questions nine`.

    python tests/benchmarks/bench_bits.py --realdata ../shared/realdata --out build/bits [SOURCE ...]

Builds each source twice without pixels, informative questions and the nine, of the same cases; reads both back and fits
the guessers of `builders/bits` to the training rows. Of the held-out rows: bits of a clip (the better of the most frequent
answer and a classifier of question and choices; log-loss), the same told the phase, evidence outside the frames, and the kind
in which the better guesser is farthest above chance. Bits count only where a question can be answered from its frames:
the nine ask which phase came before and comes next, and what has entered since a moment before the clip, and these are no
pixels' bits. Intervals are 95 %, over cases drawn again (over clips where only one is held out).
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from surgvqa.builders.bits.blind import Asked, Guesser, chance, context, meant, usual
from surgvqa.builders.bits.figures import REWORDED

SOURCES = {
    "cataract1k": ("cataract1k", ()),
    "cholect50": ("cholect50_val", ()),
    "cholec80": (
        "cholec80_phase_tool",
        ("--protocol", "none"),
    ),  # of its ten cases the official split trains on all
    "endoscapes": ("endoscapes_seg50", ()),
    "multibypass140": ("multibypass140", ()),
    "pitvqa": ("pitvqa", ()),
}
ELSEWHERE = ("previous_phase", "next_phase")  # what they ask lies before or after the clip
DRAWS = 500
Row = dict[str, Any]


def built(source: str, how: str, realdata: Path, out: Path) -> Path:
    """Build a source one way, if it isn't there yet."""
    folder = out / f"{source}-{how}"
    place, more = SOURCES[source]
    if not (folder / "report.json").is_file():
        words = [source, "--root", str(realdata / place), "--out", str(folder), "--media", "none", *more]
        words += ["--on-error", "quarantine", "--questions", how]
        subprocess.run(
            [sys.executable, "-m", "surgvqa.builders", *words], check=True, stdout=subprocess.DEVNULL
        )
    return folder


def rows(folder: Path, split: str) -> list[Row]:
    """Questions of a split, each with its clip's frames."""
    found = []
    columns = ["clip_id", "case_id", "phase", "start_s", "end_s", "frame_times_s", "qa"]
    for path in sorted((folder / "clips").glob(f"{split}-*.parquet")):
        for clip in pq.read_table(path, columns=columns).to_pylist():
            shown = clip["frame_times_s"] or [clip["start_s"], clip["end_s"]]
            for qa in clip.pop("qa"):
                inside = all(shown[0] <= at <= shown[-1] for at in qa["evidence_s"] or ())
                found.append(clip | qa | {"inside": inside and qa["kind"] not in ELSEWHERE})
    return found


def counted(asked: list[Row], *, phase: bool) -> Asked:
    """Questions of one kind as guessers count them."""
    return Counter((seen(row, phase=phase), meant(row["short_answer"])) for row in asked)


def seen(row: Row, *, phase: bool) -> Any:
    """What a guesser is told of a question."""
    told = (row["phase"] or "none") if phase else None
    return context(row["kind"], row["question"], tuple(sorted(row["choices"] or ())), told)


def kind_of(name: str, train: list[Row], held: list[Row]) -> dict[str, Any]:
    """Figures of one kind; bits of each held-out question go into the rows."""
    taught = counted(train, phase=False)
    words, most, told = Guesser(taught), Guesser(usual(taught)), Guesser(counted(train, phase=True))
    losses: list[list[float]] = []
    hits: list[list[bool]] = []
    for row in held:
        answer, plain = meant(row["short_answer"]), seen(row, phase=False)
        bare, phased = type(plain)((), plain.choices), seen(row, phase=True)
        losses.append([words.bits(plain, answer), most.bits(bare, answer), told.bits(phased, answer)])
        hits.append([words.guess(plain) == answer, most.guess(bare) == answer])
    best = min((0, 1), key=lambda i: sum(loss[i] for loss in losses))
    luckier = max((0, 1), key=lambda i: sum(hit[i] for hit in hits))
    base = chance(counted(held, phase=False), {answer for _, answer in taught})
    for row, loss, hit in zip(held, losses, hits, strict=True):
        row["bits"], row["phased"], row["above"] = loss[best], min(loss[best], loss[2]), hit[luckier] - base
    return {"kind": name, "n": len(held), "chance": base, "best": base + mean([row["above"] for row in held])}


def mean(values: list[float]) -> float:
    """Return the mean, 0 of none."""
    return sum(values) / len(values) if values else 0.0


def interval(groups: dict[str, list[float]], over: dict[str, float] | None = None) -> tuple[float, float]:
    """95 % of the sums of drawn groups over what they count (their values' number, where nothing is given)."""
    draw, names = random.Random(0), sorted(groups)
    found = []
    for _ in range(DRAWS):
        taken = draw.choices(names, k=len(names))
        size = sum(over[name] if over else len(groups[name]) for name in taken)
        found.append(sum(sum(groups[name]) for name in taken) / max(1e-9, size))
    found.sort()
    return found[int(0.025 * DRAWS)], found[int(0.975 * DRAWS)]


def measured(folder: Path) -> dict[str, Any]:
    """The figures of one data set."""
    report = json.loads((folder / "report.json").read_text())
    split = "test" if report["splits"].get("test", {}).get("qa") else "validation"
    train, held = rows(folder, "train"), rows(folder, split)
    taught, asked = defaultdict(list), defaultdict(list)
    for row in train:
        taught[row["kind"]].append(row)
    for row in held:
        asked[row["kind"]].append(row)
    kinds = [kind_of(name, taught[name], asked[name]) for name in sorted(asked) if taught[name]]
    unit = "case_id" if report["splits"][split]["cases"] > 1 else "clip_id"
    clips: dict[str, set[str]] = defaultdict(set)
    bits, phased = defaultdict(list), defaultdict(list)
    for row in held:
        clips[row[unit]].add(row["clip_id"])
        if row["inside"] and not row["kind"].endswith(REWORDED) and "bits" in row:
            bits[row[unit]].append(row["bits"])
            phased[row[unit]].append(row["phased"])
    number = {name: float(len(found)) for name, found in clips.items()}
    total = sum(number.values())
    for one in kinds:
        groups = defaultdict(list)
        for row in asked[one["kind"]]:
            groups[row[unit]].append(row["above"])
        one["ci"] = interval(groups)
    large = [one for one in kinds if one["n"] >= 30] or kinds
    worst = max(large, key=lambda one: one["best"] - one["chance"])
    return {
        "split": split,
        "cases": report["splits"][split]["cases"],
        "clips": int(total),
        "questions": len(held),
        "outside": sum(not row["inside"] for row in (*train, *held)),
        "of": len(train) + len(held),
        "bits": sum(map(sum, bits.values())) / total,
        "ci": interval({name: bits[name] for name in number}, number),
        "phased": sum(map(sum, phased.values())) / total,
        "worst": worst,
        "kinds": kinds,
    }


def main() -> None:
    """Print a table in Markdown and write the figures of all kinds beside the data sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--realdata", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("sources", nargs="*")
    args = parser.parse_args()
    print(
        "| source | held out: cases, clips | bits of a clip | nine | ratio | told the phase | nine, told | outside frames | worst kind, points above chance |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---|")
    for source in args.sources or SOURCES:
        ours, nine = (
            measured(built(source, how, args.realdata, args.out)) for how in ("informative", "nine")
        )
        (args.out / f"{source}.json").write_text(json.dumps({"informative": ours, "nine": nine}, indent=1))
        worst = ours["worst"]
        low, high = (100 * at for at in worst["ci"])
        above = 100 * (worst["best"] - worst["chance"])
        figures = [f"{one['bits']:.1f} ({one['ci'][0]:.1f}-{one['ci'][1]:.1f})" for one in (ours, nine)]
        print(
            f"| {source} | {ours['cases']}, {ours['clips']:,} | {figures[0]} | {figures[1]} | "
            f"{ours['bits'] / nine['bits']:.1f} | {ours['phased']:.1f} | {nine['phased']:.1f} | "
            f"{ours['outside']} of {ours['of']:,} | {worst['kind']} {above:.0f} ({low:.0f} to {high:.0f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
