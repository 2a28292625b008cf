"""How often intervals cover the truth, and how often `compare` sees a difference where there is none.

    python tests/benchmarks/bench_coverage.py [--studies 1000] [--comparisons 10000] [--out coverage.md]
    python tests/benchmarks/bench_coverage.py --comparisons 6000 --equal 20,0.1,0.5

Writes four tables: the interval of a share in studies like those its limits were chosen by, in studies of other kinds,
the interval of a difference, and the type I error of `compare`. A cell outside of 93 to 97 % is measured again in ten
times as many other studies, as a thousand leave an error of 0.7 points; what lies outside then, too, is marked.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from studies import ACCURACIES, CASES, CORRELATIONS, Study
from surgvqa.eval.scoring.shares import share_interval
from surgvqa.eval.scoring.statistics import LEVEL, paired_test

LOW, HIGH = 0.93, 0.97
FIRST = Study(cases=10, accuracy=0.5)
OTHERS = {  # none of them was looked at when the limits were chosen
    "6 cases": replace(FIRST, cases=6),
    "12 cases": replace(FIRST, cases=12),
    "30 cases": replace(FIRST, cases=30),
    "80 cases": replace(FIRST, cases=80),
    "300 cases": replace(FIRST, cases=300),
    "correlation 0": replace(FIRST, correlation=0.0),
    "correlation 0.4": replace(FIRST, correlation=0.4),
    "10 questions a case": replace(FIRST, sizes="ten"),
    "200 questions a case": replace(FIRST, sizes="two hundred"),
    "half of the questions in one case": replace(FIRST, sizes="half in one"),
    "accuracies normal on the logit scale": replace(FIRST, model="logistic"),
    "3 cases, logit scale": replace(FIRST, cases=3, model="logistic"),
    "40 cases, logit scale": replace(FIRST, cases=40, model="logistic"),
    "5 cases, 10 questions a case": replace(FIRST, cases=5, sizes="ten"),
}
OTHER_ACCURACIES = (0.3, 0.6, 0.85, 0.98)


def seeds(study: Study, other: int = 0) -> np.random.Generator:
    """Return the random numbers of a study."""
    name = f"{study.cases} {study.accuracy} {study.correlation} {study.sizes} {study.model}".encode()
    return np.random.default_rng([other, *name])


def coverage(study: Study, studies: int, other: int = 0) -> tuple[float, float]:
    """Return the share of studies whose interval holds the truth, and the intervals' mean width."""
    random = seeds(study, other)
    ends = np.array([share_interval(study.draw(random)) for _ in range(studies)])
    inside = (ends[:, 0] <= study.accuracy + 1e-12) & (study.accuracy - 1e-12 <= ends[:, 1])
    return float(inside.mean()), float((ends[:, 1] - ends[:, 0]).mean())


def answers(study: Study, count: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw right and wrong answers, case after case."""
    right = study.right(random, count)
    return np.concatenate(
        [random.permutation(np.arange(n) < k) for n, k in zip(count, right, strict=True)]
    ).astype(float)


def comparisons(study: Study, other: Study, studies: int) -> tuple[float, float, int]:
    """Return how often p falls below 5 %, how often the interval holds the true difference, how often they disagree."""
    random = seeds(study, 7)
    truth = other.accuracy - study.accuracy
    rejected = covered = shown = apart = 0
    for seed in range(studies):
        count = study.count(random)
        names = np.repeat(np.arange(study.cases), count).astype(str)
        difference = answers(other, count, random) - answers(study, count, random)
        ends, p = paired_test(difference, names, seed)
        rejected += p is not None and p < LEVEL
        if ends is not None and p is not None:
            shown += 1
            covered += ends[0] <= truth + 1e-12 and truth - 1e-12 <= ends[1]
            apart += (p < LEVEL) != (ends[0] > 0 or ends[1] < 0)
    return rejected / studies, covered / max(1, shown), apart


def marked(share: float, studies: int) -> str:
    """Return a coverage in %, with a mark where it is surely outside of 93 to 97 %."""
    error = 2 * np.sqrt(0.05 * 0.95 / studies)
    return f"{100 * share:.1f}" + (" *" if share < LOW - error or share > HIGH + error else "")


def covered(study: Study, studies: int) -> str:
    """Return the coverage in % and the intervals' width; outside of 93 to 97 % with that of ten times the studies."""
    share, width = coverage(study, studies)
    text = f"{100 * share:.1f}"
    if not LOW <= share <= HIGH:
        again = coverage(study, 10 * studies, 1)[0]
        text += f", again {100 * again:.1f}" + ("" if LOW <= again <= HIGH else " *")
    return f"{text} ({100 * width:.0f})"


def table(heads: Sequence[str], rows: Sequence[tuple[str, Callable[[], list[str]]]]) -> list[str]:
    """Return a table's lines; prints them as they come."""
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) - 1)}"]
    print("\n".join(lines))
    for name, cells in rows:
        lines.append(f"| {name} | {' | '.join(cells())} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def main() -> int:
    """Print the tables and write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--comparisons", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--equal",
        nargs="+",
        metavar="CASES,CORRELATION,ACCURACY",
        help="only `compare` of two equal models, in these studies",
    )
    options = parser.parse_args()
    if options.equal:
        for one in options.equal:
            cases, correlation, accuracy = one.split(",")
            study = Study(cases=int(cases), correlation=float(correlation), accuracy=float(accuracy))
            wrong, _, apart = comparisons(study, study, options.comparisons)
            print(
                f"{one}: p below 5 % in {100 * wrong:.1f} % of {options.comparisons:,}; p and interval apart: {apart}"
            )
        return 0
    number = options.studies
    heads = [f"accuracy {one}" for one in ACCURACIES]
    lines = [f"Interval of a share: coverage in {number:,} studies, % (mean width in points)", ""]
    lines += table(
        ["correlation, cases", *heads],
        [
            (f"{one}, {cases}", lambda one=one, cases=cases: row(number, Study(cases=cases, accuracy=0.5, correlation=one), ACCURACIES))
            for one in CORRELATIONS
            for cases in CASES
        ],
    )  # fmt: skip
    lines += [
        "Studies of other kinds (10 cases, correlation 0.1, unequal sizes, where nothing else is said)",
        "",
    ]
    lines += table(
        ["study", *(f"accuracy {one}" for one in OTHER_ACCURACIES)],
        [(name, lambda study=study: row(number, study, OTHER_ACCURACIES)) for name, study in OTHERS.items()],
    )
    lines += differences(options.comparisons)
    if options.out:
        options.out.write_text("\n".join(lines))
    return 0


def row(number: int, study: Study, accuracies: Sequence[float]) -> list[str]:
    """Return one row of coverages, with the intervals' mean width in brackets."""
    return [covered(replace(study, accuracy=accuracy), number) for accuracy in accuracies]


def differences(number: int) -> list[str]:
    """Return the tables of two equal models, and of two of which one is better."""
    lines = [f"`compare` of two equally good models: p below 5 %, in % of {number:,} studies", ""]

    def equal(cases: int, accuracy: float, correlation: float) -> tuple[float, float, int]:
        study = Study(cases=cases, accuracy=accuracy, correlation=correlation)
        return comparisons(study, study, number)

    def errors(cases: int, correlation: float) -> list[str]:
        found = [equal(cases, accuracy, correlation) for accuracy in ACCURACIES]
        return [f"{100 * wrong:.1f}" for wrong, _, _ in found] + [str(sum(apart for *_, apart in found))]

    heads = [f"accuracy {one}" for one in ACCURACIES]
    rows = [
        (f"{one}, {cases}", lambda one=one, cases=cases: errors(cases, one))
        for one in CORRELATIONS
        for cases in CASES
    ]
    lines += table(["correlation, cases", *heads, "p and interval apart"], rows)
    few = number // 10
    lines += [f"Interval of a difference: coverage in {few:,} studies, %", ""]

    def better(cases: int, accuracy: float, gain: float) -> str:
        study = Study(cases=cases, accuracy=accuracy)
        return marked(comparisons(study, replace(study, accuracy=accuracy + gain), few)[1], few)

    pairs = ((0.5, 0.1), (0.8, 0.05), (0.8, 0.15), (0.95, 0.04))
    lines += table(
        ["cases", *(f"{a} against {a + gain:.2f}" for a, gain in pairs)],
        [(str(cases), lambda cases=cases: [better(cases, a, gain) for a, gain in pairs]) for cases in CASES],
    )
    return lines


if __name__ == "__main__":
    sys.exit(main())
