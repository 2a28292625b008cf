"""Visual bits: what guessers without pixels leave open of the answers of a data set, beside the nine on the same clips.

    python tests/benchmarks/bench_bits.py --realdata ../shared/realdata --out build/bits [SOURCE ...]

Chooses the questions of each source as a build without pixels does, then asks the nine of `--questions nine` on the very
clips and splits that are left, and fits the guessers of `builders/bits` to the training questions of each. Of the held-out
ones: bits of a clip (the best of the most frequent answer, a classifier of question and choices, and all choices alike; log-loss), the same
told the phase, evidence outside the frames, and the kind in which the better guesser is farthest above chance. Bits count
where a question can be answered from its frames: the nine ask which phase came before and comes next, and what has entered
since a moment before the clip; "nine, all" counts these, too. Intervals are 95 %, over cases drawn again (over clips where
one case alone is held out).
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surgvqa.builders.bits.blind import Guesser, QuestionCounts, answer_class, chance, context, usual
from surgvqa.builders.bits.figures import repeats_facts
from surgvqa.builders.cases.windows import frame_times
from surgvqa.builders.pipeline.parameters import complete
from surgvqa.builders.pipeline.prepare import prepare
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import NINE_OF_EVERY_CLIP, ask
from surgvqa.builders.schema import QA, Clip
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import Job

# source -> folder of the real data, the split's protocol; Cholec80's official split trains on all ten cases that are here
SOURCES = {
    "cataract1k": ("cataract1k", None),
    "cholect50": ("cholect50_val", None),
    "cholec80": ("cholec80_phase_tool", "none"),
    "endoscapes": ("endoscapes_seg50", None),
    "multibypass140": ("multibypass140", None),
    "pitvqa": ("pitvqa", None),
}
ELSEWHERE = ("previous_phase", "next_phase")  # what they ask lies before or after the clip
MEASURED = 30  # questions of a kind below which a share says little
DRAWS = 500


@dataclass(slots=True)
class Row:
    """A question as guessers and the table see it."""

    qa: QA
    clip: Clip
    inside: bool
    bits: float = 0.0
    phased: float = 0.0
    above: float = 0.0
    guessed: bool = False


def jobs_of(source: str, realdata: Path) -> list[Job]:
    """Choose the informative questions of a source, as a build without pixels does."""
    place, protocol = SOURCES[source]
    config = Build(
        source=source,
        root=realdata / place,
        out=Path("nowhere"),
        media="none",
        on_error="quarantine",
        questions="informative",
        source_options={"protocol": protocol} if protocol else {},
    )
    return list(prepare(complete(config), workers=1).jobs)


def rows(jobs: Iterable[Job], split: str, questions: Callable[[Job, Clip], Iterable[QA]]) -> list[Row]:
    """Questions of a split, each with its clip."""
    found = []
    for job in jobs:
        for clip in job.clips if job.split == split else ():
            shown = frame_times(clip, job.options.frames)
            for qa in questions(job, clip):
                inside = all(shown[0] <= at <= shown[-1] for at in qa.evidence_s)
                found.append(Row(qa, clip, inside and qa.kind not in ELSEWHERE))
    return found


def nine(job: Job, clip: Clip) -> Iterable[QA]:
    """Ask the nine of a clip."""
    return ask(
        clip, job.case, load(job.case.taxonomy or job.case.procedure), job.transitions, NINE_OF_EVERY_CLIP
    )


def counted(asked: list[Row], *, phase: bool) -> QuestionCounts:
    """Questions of one kind as guessers count them."""
    return Counter((seen(row, phase=phase), answer_class(row.qa.short_answer)) for row in asked)


def seen(row: Row, *, phase: bool) -> Any:
    """What a guesser is told of a question."""
    told = (row.clip.phase or "none") if phase else None
    return context(row.qa.kind, row.qa.question, tuple(sorted(row.qa.choices)), told)


def kind_of(name: str, train: list[Row], held: list[Row]) -> dict[str, Any]:
    """Figures of one kind; bits of each held-out question go into the rows."""
    taught = counted(train, phase=False)
    words, most, told = Guesser(taught), Guesser(usual(taught)), Guesser(counted(train, phase=True))
    known = {answer for _, answer in taught}
    open_ = len({answer_class(row.qa.short_answer) for row in held} | known)
    losses: list[list[float]] = []
    hits: list[list[bool]] = []
    for row in held:
        answer, plain = answer_class(row.qa.short_answer), seen(row, phase=False)
        bare, phased = type(plain)((), plain.choices), seen(row, phase=True)
        even = math.log2(len(plain.choices) or open_)  # who holds all choices for alike
        losses.append([words.bits(plain, answer), most.bits(bare, answer), even, told.bits(phased, answer)])
        hits.append([words.guess(plain) == answer, most.guess(bare) == answer])
    best = min((0, 1, 2), key=lambda i: sum(loss[i] for loss in losses))
    luckier = max((0, 1), key=lambda i: sum(hit[i] for hit in hits))
    base = chance(counted(held, phase=False), known)
    for row, loss, hit in zip(held, losses, hits, strict=True):
        row.bits, row.phased, row.above = loss[best], min(loss[best], loss[3]), hit[luckier] - base
        row.guessed = True
    return {
        "kind": name,
        "n": len(held),
        "bits": mean([row.bits for row in held]),
        "chance": base,
        "best": base + mean([row.above for row in held]),
    }


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


def measured(jobs: list[Job], questions: Callable[[Job, Clip], Iterable[QA]]) -> dict[str, Any]:
    """The figures of one way to ask of the clips of a data set."""
    held_out = {job.split for job in jobs if any(clip.qa for clip in job.clips)}
    split = "test" if "test" in held_out else "validation"
    train, held = rows(jobs, "train", questions), rows(jobs, split, questions)
    taught, asked = defaultdict(list), defaultdict(list)
    for row in train:
        taught[row.qa.kind].append(row)
    for row in held:
        asked[row.qa.kind].append(row)
    kinds = [kind_of(name, taught[name], asked[name]) for name in sorted(asked) if taught[name]]
    clips = [(job.case.case_id, clip) for job in jobs if job.split == split for clip in job.clips]
    cases = len({case_id for case_id, _ in clips})

    def unit(clip: Clip) -> str:
        return clip.case_id if cases > 1 else clip.clip_id

    number = Counter(unit(clip) for _, clip in clips)
    sums = {name: defaultdict(list, {one: [] for one in number}) for name in ("bits", "phased", "all")}
    for row in held:
        if row.guessed and not repeats_facts(row.qa.kind):
            sums["all"][unit(row.clip)].append(row.bits)
            if row.inside:
                sums["bits"][unit(row.clip)].append(row.bits)
                sums["phased"][unit(row.clip)].append(row.phased)
    for one in kinds:
        groups = defaultdict(list)
        for row in asked[one["kind"]]:
            groups[unit(row.clip)].append(row.above)
        one["ci"] = interval(groups)
    large = [one for one in kinds if one["n"] >= MEASURED] or kinds
    return {
        "split": split,
        "cases": cases,
        "clips": len(clips),
        "questions": len(held),
        "outside": sum(not row.inside for row in (*train, *held)),
        "of": len(train) + len(held),
        **{name: sum(map(sum, found.values())) / len(clips) for name, found in sums.items()},
        "ci": interval(sums["bits"], dict(number)),
        "worst": max(large, key=lambda one: one["best"] - one["chance"]),
        "kinds": kinds,
    }


HEADER = (
    "source",
    "held out: cases, clips",
    "bits of a clip",
    "nine",
    "ratio",
    "nine, all",
    "told the phase",
    "nine, told",
    "outside frames",
    "worst kind, points above chance",
)


def line(source: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Return a source's line of the table."""
    worst = ours["worst"]
    low, high = (100 * at for at in worst["ci"])
    above = 100 * (worst["best"] - worst["chance"])
    figures = [f"{one['bits']:.1f} ({one['ci'][0]:.1f}-{one['ci'][1]:.1f})" for one in (ours, theirs)]
    return (
        f"| {source} | {ours['cases']}, {ours['clips']:,} | {figures[0]} | {figures[1]} | "
        f"{ours['bits'] / theirs['bits']:.2f} | {theirs['all']:.1f} | {ours['phased']:.1f} | "
        f"{theirs['phased']:.1f} | {ours['outside']} of {ours['of']:,} | "
        f"{worst['kind']} {above:.0f} ({low:.0f} to {high:.0f}) |"
    )


def main() -> None:
    """Print a table in Markdown and write the figures of all kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--realdata", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("sources", nargs="*")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"| {' | '.join(HEADER)} |\n|---|---|{'---:|' * 7}---|", flush=True)
    for source in args.sources or SOURCES:
        jobs = jobs_of(source, args.realdata)
        ours, theirs = measured(jobs, lambda _, clip: clip.qa), measured(jobs, nine)
        (args.out / f"{source}.json").write_text(json.dumps({"informative": ours, "nine": theirs}, indent=1))
        print(line(source, ours, theirs), flush=True)


if __name__ == "__main__":
    main()
