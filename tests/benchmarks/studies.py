"""Simulated studies: cases of unequal size, each with an accuracy of its own, as intervals and tests meet them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from surgvqa.eval.scoring.statistics import Sums

CASES = (3, 5, 10, 20, 40)
ACCURACIES = (0.5, 0.8, 0.95, 0.99)
CORRELATIONS = (0.02, 0.1, 0.3)
LOGNORMAL = (3.3, 0.8)  # mean and spread of the logarithm of a case's questions: median 27, from 3 to 300


@dataclass(frozen=True, kw_only=True)
class Study:
    """How a study is drawn."""

    cases: int
    accuracy: float
    correlation: float = 0.1  # of two answers on one case
    sizes: str = (
        "unequal"  # or "ten", "two hundred" each, or "half in one": one case has half of the questions
    )
    model: str = "beta"  # how accuracies of cases scatter; or "logistic": normally on the logit scale

    def count(self, random: np.random.Generator) -> np.ndarray:
        """Draw the number of questions of each case."""
        if self.sizes in ("ten", "two hundred"):
            return np.full(self.cases, 10 if self.sizes == "ten" else 200)
        count = np.clip(random.lognormal(*LOGNORMAL, self.cases), 3, 300).astype(int)
        if self.sizes == "half in one":
            count[0] = count[1:].sum()
        return count

    def right(self, random: np.random.Generator, count: np.ndarray) -> np.ndarray:
        """Draw the number of right answers in each case."""
        if self.correlation == 0:
            return random.binomial(count, self.accuracy)
        if self.model == "logistic":
            return random.binomial(count, random.choice(self._logistic(), len(count)))
        shape = 1 / self.correlation - 1
        return random.binomial(
            count, random.beta(self.accuracy * shape, (1 - self.accuracy) * shape, len(count))
        )

    def draw(self, random: np.random.Generator) -> Sums:
        """Draw the right answers of one model, per case."""
        count = self.count(random)
        return Sums(self.right(random, count).astype(float), count.astype(float))

    def _logistic(self) -> np.ndarray:
        """Return accuracies on a normal grid of logits whose mean and correlation are the study's."""
        quantiles = (np.arange(400) + 0.5) / 400
        normal = np.sqrt(2) * _erfinv(2 * quantiles - 1)
        low, high = 0.0, 8.0
        for _ in range(40):  # the spread that gives the correlation
            spread = (low + high) / 2
            middle = _middle(normal, spread, self.accuracy)
            own = 1 / (1 + np.exp(-(middle + spread * normal)))
            wide = own.var() / (self.accuracy * (1 - self.accuracy)) > self.correlation
            low, high = (low, spread) if wide else (spread, high)
        return own


def _middle(normal: np.ndarray, spread: float, mean: float) -> float:
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        above = (1 / (1 + np.exp(-(middle + spread * normal)))).mean() > mean
        low, high = (low, middle) if above else (middle, high)
    return middle


def _erfinv(y: np.ndarray) -> np.ndarray:
    from scipy.special import erfinv

    return np.asarray(erfinv(y))
