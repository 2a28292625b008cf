"""Find the limits of the interval of a share (``LIMITS`` in eval/scoring/shares.py) by simulation; minutes.

    python tests/benchmarks/calibrate_shares.py [--studies 4000] [--cases 3,4,5]

For each number of cases and each share: the limit with which the interval's coverage, in studies of five correlations
within cases, is nowhere farther from 95 % than it must be. Printed beside that coverage, and beside the limits with
which it is from 93 to 97 % in all five.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from studies import Study
from surgvqa.eval.scoring.shares import DISTANCES, LIMITS, Likelihood, wilson
from surgvqa.eval.scoring.statistics import NORMAL

CORRELATIONS = (0.02, 0.05, 0.1, 0.2, 0.3)


def statistics(study: Study, studies: int) -> np.ndarray:
    """Return the test statistic of the true share in each study; -1 where Wilson's interval holds it anyway."""
    random = np.random.default_rng(
        [9, study.cases, int(1000 * study.accuracy), int(1000 * study.correlation)]
    )
    found = []
    for _ in range(studies):
        data = study.draw(random)
        low, high = wilson(data.mean, float(data.count.sum()), NORMAL)
        inside = low <= study.accuracy <= high
        own = Likelihood(data)
        statistic = own.statistic(study.accuracy)
        fixed = own.extreme and statistic <= NORMAL**2  # its limit is no smaller than that
        found.append(-1.0 if inside or fixed else statistic)
    return np.array(found)


def main() -> int:
    """Print a line per number of cases and share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--cases", default=",".join(map(str, LIMITS)))
    options = parser.parse_args()
    tried = np.arange(0.6, 7, 0.02)
    for cases in map(int, options.cases.split(",")):
        for distance in DISTANCES:
            every = [
                statistics(Study(cases=cases, accuracy=1 - distance, correlation=one), options.studies)
                for one in CORRELATIONS
            ]
            covered = np.array([[(own <= limit).mean() for own in every] for limit in tried])
            best = int(np.abs(covered - 0.95).max(axis=1).argmin())
            good = tried[((covered >= 0.93) & (covered <= 0.97)).all(axis=1)]
            span = f"{good[0]:.2f} to {good[-1]:.2f}" if len(good) else "none"
            shares = " ".join(f"{100 * share:.1f}" for share in covered[best])
            print(
                f"{cases} cases, share {1 - distance}: limit {tried[best]:.2f}, covers {shares} %; good: {span}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
