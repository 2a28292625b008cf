"""How often intervals cover the truth, and how often `compare` sees a difference where there is none.

    python tests/benchmarks/bench_coverage.py [--studies 1000]

A study is a number of cases with 3 to 300 questions each (log-normal, median 27). Each case has an accuracy of its
own, drawn around the truth (beta; ``correlation`` is that of two answers on one case). For `compare` two models of the
same accuracy answer the same questions.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from surgvqa.eval.scoring.shares import share_interval
from surgvqa.eval.scoring.statistics import Sums, agreeing, paired, sign_flip, sums

CASES = (3, 5, 10, 20, 40)
ACCURACIES = (0.5, 0.8, 0.95, 0.99)
CORRELATIONS = (0.02, 0.1, 0.3)
SIZES = (3.3, 0.8)  # mean and spread of the logarithm of a case's questions
LEVEL = 0.05


def study(random: np.random.Generator, cases: int, accuracy: float, correlation: float) -> Sums:
    """The right answers of one model, per case."""
    count = np.clip(random.lognormal(*SIZES, cases), 3, 300).astype(int)
    return Sums(right(random, count, accuracy, correlation).astype(float), count.astype(float))


def right(random: np.random.Generator, count: np.ndarray, accuracy: float, correlation: float) -> np.ndarray:
    """The number of right answers in each case."""
    shape = 1 / correlation - 1
    return random.binomial(count, random.beta(accuracy * shape, (1 - accuracy) * shape, len(count)))


def coverage(cases: int, accuracy: float, correlation: float, studies: int) -> tuple[float, float]:
    """Return the share of studies whose interval holds the truth, and the intervals' mean width."""
    random = np.random.default_rng([cases, int(1000 * accuracy), int(1000 * correlation)])
    ends = np.array([share_interval(study(random, cases, accuracy, correlation)) for _ in range(studies)])
    inside = (ends[:, 0] <= accuracy + 1e-12) & (accuracy - 1e-12 <= ends[:, 1])
    return float(inside.mean()), float((ends[:, 1] - ends[:, 0]).mean())


def comparisons(cases: int, accuracy: float, correlation: float, studies: int) -> tuple[float, int]:
    """Return how often p falls below 5 % though two models are equally good, and how often interval and p disagree.

    Both are as `compare` prints them, after ``agreeing``. Their answers are drawn apart, within the same cases.
    """
    random = np.random.default_rng([7, cases, int(1000 * accuracy), int(1000 * correlation)])
    rejected = apart = 0
    for seed in range(studies):
        count = np.clip(random.lognormal(*SIZES, cases), 3, 300).astype(int)
        names = np.repeat(np.arange(cases), count).astype(str)
        a, b = (
            np.concatenate(
                [
                    random.permutation(np.arange(n) < k)
                    for n, k in zip(count, right(random, count, accuracy, correlation), strict=True)
                ]
            )
            for _ in range(2)
        )
        differences = b.astype(float) - a.astype(float)
        ends = paired(differences, names, seed)
        p = sign_flip(sums(differences, names), seed, draws=2000)
        shown, p = agreeing(None if ends is None else list(ends), p, LEVEL)
        rejected += p is not None and p < LEVEL
        apart += shown is not None and p is not None and (p < LEVEL) != (shown[0] > 0 or shown[1] < 0)
    return rejected / studies, apart


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    print(f"Coverage in {studies:,} studies, %, and mean width in points\n")
    print(
        f"| correlation | cases | {' | '.join(f'accuracy {one}' for one in ACCURACIES)} |\n|---:|---:|{'---|' * len(ACCURACIES)}"
    )
    for correlation in CORRELATIONS:
        for cases in CASES:
            own = [coverage(cases, accuracy, correlation, studies) for accuracy in ACCURACIES]
            print(
                f"| {correlation} | {cases} | {' | '.join(f'{100 * share:.1f} ({100 * width:.0f})' for share, width in own)} |",
                flush=True,
            )
    print("\nType I error of `compare`, %; interval and p that contradict each other\n")
    print(
        f"| cases | {' | '.join(f'accuracy {one}' for one in ACCURACIES)} | contradictions |\n|---:|{'---|' * len(ACCURACIES)}---:|"
    )
    for cases in CASES:
        found = [comparisons(cases, accuracy, 0.1, studies) for accuracy in ACCURACIES]
        print(
            f"| {cases} | {' | '.join(f'{100 * share:.1f}' for share, _ in found)} | {sum(apart for _, apart in found)} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
