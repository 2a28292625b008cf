"""The interval of a share of right answers, in which a case is the unit, also where nearly all answers are right.

Wilson's interval for as many answers as the questions are worth. Questions on one case are alike, so N of them are
worth N / D: D, the design effect, is measured by how much the cases' sums scatter (Kish, Survey Sampling, 1965).
Near 0 or 1 hardly any case shows a scatter, and a D measured on one or two such cases is far too small: it is
mixed with the D of an assumed correlation within cases (`CORRELATION`), which counts as much as `BELIEF` squared
mixed cases and is forgotten where many cases have right and wrong answers. Student's t stands for the normal
quantile, of as many degrees of freedom as the cases' unequal sizes leave.

How often it covers, and what a bootstrap covers beside it: ``tests/benchmarks/bench_coverage.py``.
"""

from __future__ import annotations

import math

from surgvqa.eval.scoring.statistics import FEWEST, Sums, student

CORRELATION = 0.2  # assumed between answers on one case, until cases show their own
BELIEF = 9.0  # weight of that assumption, against the square of the number of mixed cases
FREEDOM = 2.0  # degrees of freedom that the assumption adds


def share_interval(data: Sums) -> tuple[float, float] | None:
    """Return the 95 % interval of a share (of values that are 0 or 1); None for fewer than three cases.

    >>> import numpy as np
    >>> [round(end, 3) for end in share_interval(Sums(np.full(20, 5.0), np.full(20, 5.0)))]
    [0.928, 1.0]
    >>> [round(end, 3) for end in share_interval(Sums(np.array([9.0, 5.0, 8.0]), np.full(3, 10.0)))]
    [0.35, 0.933]
    """
    size, total = len(data.count), float(data.count.sum())
    if size < FEWEST:
        return None
    mean = data.mean
    worth = total / design_effect(data)
    kish = total**2 / float(data.count @ data.count)  # cases of equal size that would be worth as much
    square = student(max(1.0, kish - 1) + FREEDOM) ** 2
    middle = mean + square / (2 * worth)
    reach = math.sqrt(square * (mean * (1 - mean) / worth + square / (4 * worth**2)))
    scale = 1 + square / worth
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def design_effect(data: Sums) -> float:
    """Return how many answers are worth one independent one: at least 1.

    >>> import numpy as np
    >>> round(design_effect(Sums(np.full(20, 4.0), np.full(20, 5.0))), 2)  # all cases alike: one for one
    1.02
    """
    size, total = len(data.count), float(data.count.sum())
    mean = data.mean
    assumed = 1 + (float(data.count @ data.count) / total - 1) * CORRELATION
    scatter = size / (size - 1) * float(((data.total - mean * data.count) ** 2).sum())
    binomial = mean * (1 - mean) * total
    measured = max(1.0, scatter / binomial) if binomial > 0 else 1.0
    mixed = min(int((data.total < data.count).sum()), int((data.total > 0).sum()))
    weight = BELIEF / (mixed**2 + BELIEF)
    return (1 - weight) * measured + weight * assumed
