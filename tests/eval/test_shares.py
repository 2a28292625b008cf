"""The interval of a share covers, for few cases and where nearly all answers are right; `compare` doesn't cry wolf."""

from __future__ import annotations

import numpy as np
import pytest
from surgvqa.eval.scoring.shares import design_effect, share_interval
from surgvqa.eval.scoring.statistics import Sums, agreeing, paired, sign_flip, student, sums


def sizes(random: np.random.Generator, cases: int) -> np.ndarray:
    return np.clip(random.lognormal(3.3, 0.8, cases), 3, 300).astype(int)


def right(random: np.random.Generator, count: np.ndarray, accuracy: float) -> np.ndarray:
    """Cases of accuracies of their own, two answers on one of them correlated by 0.1."""
    return random.binomial(count, random.beta(accuracy * 9, (1 - accuracy) * 9, len(count)))


@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("cases", [3, 5, 10, 20, 40])
def test_coverage(cases: int, accuracy: float) -> None:
    """1,000 studies: never under 93 % less twice the simulation's own error; from ten cases on at most 99 %."""
    random = np.random.default_rng(cases)
    inside = 0
    for _ in range(1000):
        count = sizes(random, cases)
        ends = share_interval(Sums(right(random, count, accuracy).astype(float), count.astype(float)))
        assert ends is not None
        inside += ends[0] - 1e-12 <= accuracy <= ends[1] + 1e-12
    assert inside >= 916
    assert cases < 10 or inside <= 990


def test_all_right_is_less_sure_on_fewer_cases() -> None:
    lows = [
        (share_interval(Sums(np.full(n, 20.0), np.full(n, 20.0))) or (1.0, 0.0))[0]
        for n in (3, 5, 10, 20, 40)
    ]
    assert lows == sorted(lows)
    assert 0.3 < lows[0] < 0.7
    assert share_interval(Sums(np.ones(2), np.ones(2))) is None


def test_never_narrower_than_the_binomial() -> None:
    """Wilson's interval over the questions, as if each were a case of its own."""
    random = np.random.default_rng(0)
    for _ in range(300):
        count = sizes(random, int(random.integers(3, 30)))
        data = Sums(random.binomial(count, 0.8).astype(float), count.astype(float))
        n, mean, z = count.sum(), data.mean, student(1e9)
        reach = z / (1 + z * z / n) * np.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
        ends = share_interval(data)
        assert ends is not None
        assert ends[1] - ends[0] >= min(2 * reach, 1.0) - 1e-9 or ends[1] == 1.0


def test_design_effect_is_the_scatter_between_cases() -> None:
    """All or nothing in each of 40 cases of ten: ten answers are worth one."""
    alike = Sums(np.tile([10.0, 0.0], 20), np.full(40, 10.0))
    assert design_effect(alike) == pytest.approx(10, rel=0.05)
    assert design_effect(Sums(np.full(40, 5.0), np.full(40, 10.0))) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("cases", [5, 10, 20])
def test_two_equal_models(cases: int) -> None:
    """`compare` calls one better in at most 5 % of studies (of 300: 8 %), and its interval says what its p says."""
    random = np.random.default_rng(cases)
    rejected = 0
    for seed in range(300):
        count = sizes(random, cases)
        names = np.repeat(np.arange(cases), count).astype(str)
        a, b = (
            np.concatenate(
                [np.arange(n) < k for n, k in zip(count, right(random, count, 0.8), strict=True)]
            ).astype(float)
            for _ in range(2)
        )
        ends = paired(b - a, names, seed)
        p = sign_flip(sums(b - a, names), seed, draws=1000)
        shown, p = agreeing(None if ends is None else list(ends), p, 0.05)
        rejected += p is not None and p < 0.05
        assert shown is None or p is None or (p < 0.05) == (shown[0] > 0 or shown[1] < 0)
    assert rejected <= 24
