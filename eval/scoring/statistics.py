"""How sure a score is: intervals and paired tests in which a case, not a question, is the unit.

Questions on one operation share its light, its surgeon and its mistakes, so ten thousand of them on
three cases are three observations. Everything here sums each case first and then resamples cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
RESAMPLES = 2000
FEWEST = (
    3  # cases for an interval: from two, Student's t has one degree of freedom and reaches nearly everywhere
)
SMALL = 10  # cases below which the scatter of the questions is a lower bound
NORMAL = 1.959964  # two-sided 95 % of the normal distribution
# Two-sided 95 % of Student's t, by degrees of freedom; between them log t is linear in 1/df (to 0.3 %, 1 % below 2).
STUDENT = {
    1: 12.7062, 1.25: 8.0280, 1.5: 6.0167, 1.75: 4.9488, 2: 4.3027, 2.5: 3.5747, 3: 3.1824, 4: 2.7764, 5: 2.5706,
    7: 2.3646, 10: 2.2281, 15: 2.1314, 30: 2.0423, math.inf: NORMAL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sums:
    """What was counted, per case: the sum of the values and how many there were."""

    total: Array
    count: Array

    @property
    def mean(self) -> float:
        """The mean over all values."""
        return float(self.total.sum() / self.count.sum())


def sums(values: Sequence[float] | Array, cases: Sequence[str]) -> Sums:
    """Values summed by case, in the cases' order of name.

    >>> sums([1, 0, 1], ["b", "a", "b"]).total.tolist()
    [0.0, 2.0]
    """
    _, place = np.unique(np.asarray(cases, dtype=str), return_inverse=True)
    total = np.bincount(place, weights=np.asarray(values, dtype=float))
    return Sums(np.asarray(total, dtype=float), np.bincount(place).astype(float))


def interval(data: Sums, seed: int = 0, low: float = 0.0, high: float = 1.0) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean by a bootstrap over cases; None for fewer than three.

    The bootstrap's standard error with Student's t, of as many degrees of freedom as the cases' unequal sizes
    leave, on the logit scale between ``low`` and ``high``. On simulated studies of 10 or 20 cases it covers 93 to
    96 %, where the percentile bootstrap covers 85 to 93 %; a studentised bootstrap covers as well, at up to
    twice the width (tests/eval/test_intervals.py). Where all
    cases agree there is nothing to resample, and the case is the binomial unit.

    >>> interval(Sums(np.array([3.0]), np.array([4.0]))) is None
    True
    >>> [round(end, 3) for end in interval(Sums(np.full(20, 5.0), np.full(20, 5.0)))]
    [0.832, 1.0]
    """
    size = len(data.count)
    if size < FEWEST:
        return None
    error = bootstrap_error(data, seed)
    if error < 1e-12:
        return _binomial(data.mean, size, low, high)
    ends = _on_logits(data.mean, _quantile(data) * error, low, high)
    if size >= SMALL:
        return ends
    # So few cases can agree by luck: never narrower than if every question were a case of its own.
    least = _binomial(data.mean, int(data.count.sum()), low, high)
    return min(ends[0], least[0]), max(ends[1], least[1])


def paired(
    values: Sequence[float] | Array, cases: Sequence[str], seed: int = 0
) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean of paired differences (-1, 0 or 1 a question), as ``interval``.

    Where all cases differ by the same, the questions' own scatter is what is left to judge by: two runs that are
    right on the very same questions give None, and not the reach of three cases of which nothing is known.

    >>> paired([0.0] * 40, ["a", "b", "c", "d"] * 10) is None
    True
    >>> low, high = paired([1.0, 1.0, -1.0, -1.0] * 10, ["a"] * 12 + ["b"] * 12 + ["c"] * 16)
    >>> round(low, 2), round(high, 2)
    (-0.61, 0.61)
    """
    differences = np.asarray(values, dtype=float)
    data = sums(differences, cases)
    if len(data.count) < FEWEST or not differences.any():
        return None
    error = bootstrap_error(data, seed)
    if error < 1e-12:
        error = float(differences.std(ddof=1) / math.sqrt(len(differences)))
        if error < 1e-12:  # every question by one and the same
            return _binomial(data.mean, len(data.count), -1.0, 1.0)
    return _on_logits(data.mean, _quantile(data) * error, -1.0, 1.0)


def _quantile(data: Sums) -> float:
    """Student's t for as many degrees of freedom as the cases' unequal sizes leave."""
    effective = float(data.count.sum() ** 2 / (data.count @ data.count))
    return student(max(1.0, effective - 1))


def student(freedom: float) -> float:
    """Return the two-sided 95 % quantile of Student's t, for degrees of freedom that need not be whole.

    >>> round(student(9), 2), round(student(1.0), 2)
    (2.26, 12.71)
    """
    known = sorted(STUDENT, reverse=True)  # 1/df rises
    return float(
        np.exp(np.interp(1 / freedom, [1 / df for df in known], [math.log(STUDENT[df]) for df in known]))
    )


def bootstrap_error(data: Sums, seed: int = 0) -> float:
    """Return the standard error of the mean from resampling cases, with the correction for few of them.

    Cases with equal sums are drawn together, so that a hundred thousand cases cost what a hundred do.
    """
    pairs, times = np.unique(np.stack([data.total, data.count]), axis=1, return_counts=True)
    total, count = pairs
    size = int(times.sum())
    random = np.random.default_rng(seed)
    means: list[Array] = []
    chunk = max(1, min(RESAMPLES, 4_000_000 // len(times)))
    for start in range(0, RESAMPLES, chunk):
        draws = random.multinomial(size, times / size, size=min(chunk, RESAMPLES - start)).astype(float)
        means.append((draws @ total) / (draws @ count))
    return float(np.concatenate(means).std() * math.sqrt(size / (size - 1)))


def _on_logits(mean: float, reach: float, low: float, high: float) -> tuple[float, float]:
    """``mean`` give or take ``reach``, on the logit scale: it stays within the bounds, and leans off them."""
    share = (mean - low) / (high - low)
    if not 1e-9 < share < 1 - 1e-9:
        return max(low, mean - reach), min(high, mean + reach)
    logit, reach = math.log(share / (1 - share)), reach / (high - low) / (share * (1 - share))
    lower, upper = (1 / (1 + math.exp(-max(-700.0, min(700.0, logit + sign * reach)))) for sign in (-1, 1))
    return low + lower * (high - low), low + upper * (high - low)


def _binomial(mean: float, size: int, low: float, high: float) -> tuple[float, float]:
    """Clopper-Pearson's ends at 0 and 1, Wilson's interval between; the unit is the case."""
    share = (mean - low) / (high - low)
    if share >= 1 - 1e-12:
        ends = 0.025 ** (1 / size), 1.0
    elif share <= 1e-12:
        ends = 0.0, 1 - 0.025 ** (1 / size)
    else:
        spread = NORMAL * math.sqrt(share * (1 - share) / size + NORMAL**2 / (4 * size**2))
        middle = share + NORMAL**2 / (2 * size)
        scale = 1 + NORMAL**2 / size
        ends = (middle - spread) / scale, (middle + spread) / scale
    return low + ends[0] * (high - low), low + ends[1] * (high - low)


def sign_flip(data: Sums, seed: int = 0, draws: int = 20_000) -> float | None:
    """Return the two-sided p that the mean is 0 by flipping the sign of whole cases; None for a single case.

    All 2^n flips are tried up to 14 cases, else ``draws`` random ones (which count the observed one too).

    >>> sign_flip(Sums(np.array([1.0, 2.0, 3.0, 1.0, 2.0]), np.ones(5)))
    0.0625
    """
    size = len(data.total)
    if size < 2:
        return None
    observed = abs(data.total.sum())
    exact = size <= 14
    if exact:
        signs = 1 - 2 * ((np.arange(2**size)[:, None] >> np.arange(size)) & 1)
        return float((np.abs(signs @ data.total) >= observed - 1e-9).mean())
    random = np.random.default_rng(seed)
    extreme = 0
    chunk = max(1, min(draws, 4_000_000 // size))
    for start in range(0, draws, chunk):
        signs = random.choice((-1.0, 1.0), size=(min(chunk, draws - start), size))
        extreme += int((np.abs(signs @ data.total) >= observed - 1e-9).sum())
    return (extreme + 1) / (draws + 1)


def least(cases: int) -> float:
    """Return the smallest p that flipping the signs of so many cases can give.

    >>> least(8)
    0.0078125
    """
    return min(1.0, 2.0 / 2.0 ** min(cases, 1000))


def needed(tests: int, level: float = 0.05) -> int:
    """Return the cases that one of so many tests needs to reach a level after Holm's correction.

    >>> needed(1), needed(11)
    (6, 9)
    """
    return next(cases for cases in range(1, 1000) if tests * least(cases) < level)


def agreeing(
    ends: list[float] | None, p: float | None, level: float
) -> tuple[list[float] | None, float | None]:
    """Return an interval and a p that say the same of no difference: the more cautious of the two speaks for both.

    The interval is the bootstrap's, p is from flipping signs; near the level they can disagree. Either alone keeps
    its error, so where one of them can't tell, the pair can't.

    >>> agreeing([0.01, 0.3], 0.0625, 0.05), agreeing([-0.01, 0.3], 0.04, 0.05)
    (([0.0, 0.3], 0.0625), ([-0.01, 0.3], 0.05))
    """
    if ends is None or p is None:
        return ends, p
    low, high = ends
    if p >= level:
        return [min(low, 0.0), max(high, 0.0)], p
    return ends, p if low > 0 or high < 0 else level


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for asking several questions at once, in the order given.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = worst
    return adjusted
