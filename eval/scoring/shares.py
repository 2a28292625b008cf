"""The interval of a share of right answers, in which a case is the unit, also for three cases and at 99 %.

Each case has an accuracy of its own, drawn around the true one (the beta-binomial model); the correlation of two
answers on one case says how far cases lie apart. Three cases hardly tell that correlation, so the likelihood of a
share is averaged over all correlations, each weighed by a prior. The interval holds the shares whose averaged
likelihood lies near enough to the largest one (a likelihood ratio test, inverted). How near, ``LIMITS`` says: limits
of the test statistic, found by simulation for so many cases and such a share. The docs (statistics.md) say which
studies the limits come from and how often the interval covers the truth in those and in others.
"""

from __future__ import annotations

import math

import numpy as np
from surgvqa.eval.scoring.statistics import FEWEST, NORMAL, Array, Sums, student

MANY = 200  # cases above which Wilson's interval with a measured design effect says the same, and is faster
MIXED_CASES = 30  # as long as so many of them have both right and wrong answers

# The prior of the correlation: Beta(a, b), with a chance of its own for none at all. From three or four cases the
# prior decides, so it must expect more correlation there to cover the truth where cases do lie apart.
FEW_CASES = 4
PRIOR_OF_FEW = (4.0, 2.0, 0.05)
PRIOR = (1.0, 0.5, 0.05)
CORRELATIONS = np.exp(np.linspace(math.log(0.003), math.log(0.9), 19))

# Limits of the test statistic by number of cases (rows) and by the distance of the share from 0 or 1 (columns),
# found by `tests/benchmarks/calibrate_shares.py`; for ever more cases they become 3.84, as those of any such test.
DISTANCES = (0.5, 0.35, 0.2, 0.1, 0.05, 0.03, 0.01, 0.005)
LIMITS = {
    3: (4.20, 4.26, 4.28, 4.04, 3.18, 2.46, 1.72, 1.46),
    4: (4.92, 5.06, 4.82, 4.60, 3.52, 2.60, 1.70, 1.46),
    5: (4.02, 4.02, 3.84, 3.38, 2.68, 2.24, 1.84, 1.50),
    7: (4.10, 4.06, 3.88, 3.70, 2.82, 2.28, 1.72, 1.42),
    10: (4.02, 4.24, 4.08, 3.92, 3.44, 2.88, 1.90, 1.48),
    15: (3.92, 3.92, 4.06, 3.84, 3.68, 3.12, 1.76, 1.46),
    20: (4.06, 3.84, 4.06, 3.78, 3.66, 3.44, 2.00, 1.52),
    40: (3.92, 3.86, 3.92, 3.86, 3.78, 3.56, 2.88, 1.84),
}
STEPS = 9  # points of one round of a search


def share_interval(data: Sums) -> tuple[float, float] | None:
    """Return the 95 % interval of a share (of values from 0 to 1); None for fewer than three cases.

    Never narrower than Wilson's interval of as many independent questions.

    >>> [round(end, 3) for end in share_interval(Sums(np.full(20, 5.0), np.full(20, 5.0)))]
    [0.941, 1.0]
    >>> [round(end, 3) for end in share_interval(Sums(np.array([9.0, 5.0, 8.0]), np.full(3, 10.0)))]
    [0.325, 0.902]
    """
    size, total = len(data.count), float(data.count.sum())
    if size < FEWEST:
        return None
    independent = wilson(data.mean, total, NORMAL)
    mixed_cases = min(int((data.total < data.count).sum()), int((data.total > 0).sum()))
    if size > MANY and mixed_cases >= MIXED_CASES:
        wide = wilson(data.mean, total / design_effect(data), student(size - 1))
    else:
        wide = Likelihood(data).ends()
    return min(wide[0], independent[0]), max(wide[1], independent[1])


def limit(share: Array, cases: int) -> Array:
    """Return how large the test statistic of a true share may become, by linear interpolation between ``LIMITS``.

    >>> limit(np.array([0.5, 0.99]), 3).tolist()
    [4.2, 1.72]
    """
    nodes = sorted(LIMITS, reverse=True)  # 1/cases rises
    distance = np.log(np.maximum(np.minimum(share, 1 - share), 1e-300))
    steps = [math.log(one) for one in DISTANCES[::-1]]
    rows = [np.full(len(share), NORMAL**2)] + [np.interp(distance, steps, LIMITS[n][::-1]) for n in nodes]
    at = np.interp(1 / cases, [0.0] + [1 / n for n in nodes], np.arange(len(rows)))
    low = min(int(at), len(rows) - 2)
    return np.asarray(rows[low] + (at - low) * (rows[low + 1] - rows[low]))


class Likelihood:
    """The averaged likelihood of a share, given what was counted in each case; shares are on the logit scale."""

    def __init__(self, data: Sums) -> None:
        """Count equal cases together."""
        self.cases = len(data.count)
        self.share = data.mean
        self.right, self.total = float(data.total.sum()), float(data.count.sum())
        self.parts = [_tally(own) for own in (data.total, data.count - data.total, data.count)]
        a, b, none = PRIOR_OF_FEW if self.cases <= FEW_CASES else PRIOR
        weights = CORRELATIONS**a * (1 - CORRELATIONS) ** (
            b - 1
        )  # times the correlation: its grid is logarithmic
        self.weights = np.concatenate([[math.log(none)], np.log((1 - none) * weights / weights.sum())])

    def log(self, logit: Array) -> Array:
        """Return the logarithm of the averaged likelihood of each share, up to a constant."""
        rows = self._rows(logit)
        top = rows.max(axis=1)
        return np.asarray(top + np.log(np.exp(rows - top[:, None]).sum(axis=1)))

    def _rows(self, logit: Array) -> Array:
        """Return the same for each correlation, its weight in it."""
        wrong_is, right_is = -np.logaddexp(0, logit), -np.logaddexp(0, -logit)  # log (1 - share), log share
        spread = (1 - CORRELATIONS) / CORRELATIONS
        rows = np.empty((len(logit), len(spread) + 1))
        rows[:, 0] = self.right * right_is + (self.total - self.right) * wrong_is
        rows[:, 1:] = (
            _rising(np.exp(right_is)[:, None] * spread, *self.parts[0])
            + _rising(np.exp(wrong_is)[:, None] * spread, *self.parts[1])
            - _rising(spread[None], *self.parts[2])
        )
        return rows + self.weights

    def statistic(self, share: float) -> float:
        """Return twice the logarithm of how much likelier the likeliest share is, after the move of ``_place``."""
        _, values = self._search()
        logit = math.log(share / (1 - share))
        at = logit if self.extreme else self.top + (logit - self.centre) / self.stretch
        return float(2 * (values.max() - self.log(np.array([at]))[0]))

    def ends(self) -> tuple[float, float]:
        """Return the lowest and the highest share that the test does not reject; 0 and 1 where nothing lies beyond."""
        points, values = self._search()
        best = float(values.max())
        inside = np.flatnonzero(self._beyond(points, values, best) <= 0)
        low = self._crossing(points, int(inside[0]), -1, best)
        high = self._crossing(points, int(inside[-1]), 1, best)
        return min(low, self.share), max(high, self.share)

    def _search(self) -> tuple[Array, Array]:
        """Return shares on a grid, denser about the likeliest, with their likelihood; set what ``_place`` needs."""
        reach = math.log(4 * self.total + 40)
        points = np.linspace(-reach, reach, 41)
        values = self.log(points)
        for _ in range(2):
            best = int(values.argmax())
            near = np.linspace(points[max(0, best - 1)], points[min(len(points) - 1, best + 1)], STEPS)
            points, order = np.unique(np.concatenate([points, near]), return_index=True)
            values = np.concatenate([values, self.log(near)])[order]
        self.extreme = not 0 < self.share < 1
        if not self.extreme:
            self.top = float(points[values.argmax()])
            self.centre = math.log(self.share / (1 - self.share))
            self.stretch = self._stretch()
        return points, values

    def _place(self, points: Array) -> Array:
        """Return the shares that points on the scale of the likelihood stand for.

        The likelihood counts large cases for less than their questions. The share that is reported counts questions,
        so the interval is moved to it, and stretched by how much larger its error is.
        """
        logits = points if self.extreme else self.centre + self.stretch * (points - self.top)
        return np.asarray(1 / (1 + np.exp(-logits)))

    def _stretch(self) -> float:
        """Return the standard error of the share by questions over that of the likeliest one."""
        weights = self._rows(np.array([self.top]))[0]
        weights = np.exp(weights - weights.max())
        alike = np.concatenate([[0.0], CORRELATIONS])[:, None]
        size, times = self.parts[2]
        questions = (times * size * (1 + (size - 1) * alike)).sum(axis=1) / self.total**2
        likeliest = 1 / (times * size / (1 + (size - 1) * alike)).sum(axis=1)
        return math.sqrt(float(weights @ questions) / float(weights @ likeliest))

    def _beyond(self, points: Array, values: Array, best: float) -> Array:
        """Return how far the test statistic lies above its limit."""
        limits = limit(self._place(points), self.cases)
        if (
            self.extreme
        ):  # no case tells how far cases lie apart: the limit of a test that knows of no correlation
            limits = np.maximum(limits, NORMAL**2)
        return np.asarray(2 * (best - values) - limits)

    def _crossing(self, points: Array, last: int, step: int, best: float) -> float:
        """Return the share at which the test begins to reject, beyond the last point that it does not."""
        if not 0 <= last + step < len(points):
            return 0.0 if step < 0 else 1.0
        inner, outer = float(points[last]), float(points[last + step])
        for _ in range(2):
            near = np.linspace(inner, outer, STEPS)
            beyond = self._beyond(near, self.log(near), best)
            first = max(1, int(np.argmax(beyond > 0)))
            inner, outer = float(near[first - 1]), float(near[first])
            part = float(beyond[first - 1]), float(beyond[first])
        at = inner + (outer - inner) * min(1.0, max(0.0, part[0] / (part[0] - part[1])))
        return float(self._place(np.array([at]))[0])


def _tally(values: Array) -> tuple[Array, Array]:
    """Return the values above 0, each once, and how often each occurs."""
    own, times = np.unique(values[values > 0], return_counts=True)
    return own, times.astype(float)


def _rising(start: Array, steps: Array, times: Array) -> Array:
    """Return the sum over ``steps`` of log(start (start + 1) … (start + steps - 1)), each ``times`` over."""
    if not len(steps):
        return np.zeros(start.shape)
    return np.asarray(log_gamma(start[..., None] + steps) @ times - times.sum() * log_gamma(start))


def log_gamma(x: Array) -> Array:
    """Return the logarithm of the gamma function of positive numbers, to nine digits.

    Stirling's series six steps higher (Abramowitz and Stegun 6.1.41); numpy has none, and scipy is no dependency.

    >>> round(float(log_gamma(np.array(5.0))), 6) == round(math.log(24), 6)
    True
    """
    high = x + 6
    inverse = 1 / high
    series = inverse * (1 / 12 - inverse**2 * (1 / 360 - inverse**2 / 1260))
    product = x * (x + 5) * ((x + 1) * (x + 4)) * ((x + 2) * (x + 3))
    return np.asarray(
        (high - 0.5) * np.log(high) - high + 0.5 * math.log(2 * math.pi) + series - np.log(product)
    )


def wilson(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of ``size`` independent answers, which need not be whole.

    >>> [round(end, 3) for end in wilson(0.5, 10, NORMAL)]
    [0.237, 0.763]
    """
    square = quantile**2
    middle = share + square / (2 * size)
    reach = math.sqrt(square * (share * (1 - share) / size + square / (4 * size**2)))
    scale = 1 + square / size
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def design_effect(data: Sums) -> float:
    """Return how many answers are worth one independent one, from how far cases lie apart: at least 1.

    >>> design_effect(Sums(np.full(20, 4.0), np.full(20, 5.0)))  # all cases alike: one for one
    1.0
    """
    size, total = len(data.count), float(data.count.sum())
    mean = data.mean
    scatter = size / (size - 1) * float(((data.total - mean * data.count) ** 2).sum())
    binomial = mean * (1 - mean) * total
    return max(1.0, scatter / binomial) if binomial > 0 else 1.0
