"""The interval of a share covers, for few cases and where nearly all answers are right; `compare` doesn't cry wolf."""

from __future__ import annotations

import math

import numpy as np
import pytest
from surgvqa.eval.scoring.shares import (
    LIMITS,
    MANY,
    Likelihood,
    design_effect,
    limit,
    log_gamma,
    share_interval,
    wilson,
)
from surgvqa.eval.scoring.statistics import NORMAL, Sums, paired_test

STUDIES = 300


def sizes(random: np.random.Generator, cases: int) -> np.ndarray:
    return np.clip(random.lognormal(3.3, 0.8, cases), 3, 300).astype(int)


def right(
    random: np.random.Generator, count: np.ndarray, accuracy: float, correlation: float = 0.1
) -> np.ndarray:
    """Cases of accuracies of their own."""
    shape = 1 / correlation - 1
    return random.binomial(count, random.beta(accuracy * shape, (1 - accuracy) * shape, len(count)))


def covered(cases: int, accuracy: float, correlation: float) -> int:
    random = np.random.default_rng([cases, int(1000 * accuracy), int(100 * correlation)])
    inside = 0
    for _ in range(STUDIES):
        count = sizes(random, cases)
        ends = share_interval(
            Sums(right(random, count, accuracy, correlation).astype(float), count.astype(float))
        )
        assert ends is not None
        inside += ends[0] - 1e-12 <= accuracy <= ends[1] + 1e-12
    return inside


@pytest.mark.parametrize(
    ("cases", "accuracy", "correlation"),
    [(3, 0.99, 0.02), (3, 0.5, 0.3), (5, 0.95, 0.1), (10, 0.99, 0.3), (20, 0.5, 0.02), (40, 0.95, 0.3)],
)
def test_coverage(cases: int, accuracy: float, correlation: float) -> None:
    """From 93 to 97 % of studies, give or take 2.6 errors of so few; bench_coverage.py has 1,000 of each cell and more."""
    inside = covered(cases, accuracy, correlation)
    assert 0.93 - 0.033 <= inside / STUDIES <= 0.97 + 0.026


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("cases", [3, 5, 10, 20, 40])
def test_coverage_everywhere(cases: int, accuracy: float, correlation: float) -> None:
    assert 0.93 - 0.033 <= covered(cases, accuracy, correlation) / STUDIES <= 0.97 + 0.026


def test_the_simulation_can_fail() -> None:
    """Questions as if each were a case of its own: the truth is missed twice as often and more."""
    random = np.random.default_rng(3)
    inside = 0
    for _ in range(STUDIES):
        count = sizes(random, 10)
        own = right(random, count, 0.8)
        low, high = wilson(own.sum() / count.sum(), float(count.sum()), NORMAL)
        inside += low <= 0.8 <= high
    assert inside / STUDIES < 0.8


def test_all_right_is_less_sure_on_fewer_cases() -> None:
    lows = [
        (share_interval(Sums(np.full(n, 20.0), np.full(n, 20.0))) or (1.0, 0.0))[0]
        for n in (3, 5, 10, 20, 40, 201, 400)
    ]
    assert lows == sorted(lows)
    assert 0.6 < lows[0] < 0.8
    assert share_interval(Sums(np.ones(2), np.ones(2))) is None


def test_never_narrower_than_the_binomial() -> None:
    """Wilson's interval over the questions, as if each were a case of its own."""
    random = np.random.default_rng(0)
    for _ in range(300):
        count = sizes(random, int(random.integers(3, 30)))
        data = Sums(random.binomial(count, 0.8).astype(float), count.astype(float))
        low, high = wilson(data.mean, float(count.sum()), NORMAL)
        ends = share_interval(data)
        assert ends is not None
        assert ends[0] <= low <= data.mean <= high <= ends[1]


def test_right_and_wrong_mirror_each_other() -> None:
    data = Sums(np.array([9.0, 30, 4]), np.array([10.0, 40, 20]))
    low, high = share_interval(data) or (0, 0)
    assert share_interval(Sums(data.count - data.total, data.count)) == pytest.approx((1 - high, 1 - low))


def test_the_likelihood_is_scipys() -> None:
    """Averaged over correlations, of binomial and beta-binomial counts."""
    stats = pytest.importorskip("scipy.stats")
    data = Sums(np.array([9.0, 30, 4]), np.array([10.0, 40, 20]))
    own = Likelihood(data)
    shares = np.array([0.2, 0.5, 0.7])
    logs = own.log(np.log(shares / (1 - shares)))
    weights = np.exp(own.weights)
    from surgvqa.eval.scoring.shares import CORRELATIONS

    def likelihood(share: float) -> float:
        rows = [np.prod(stats.binom.pmf(data.total, data.count, share))]
        for one in CORRELATIONS:
            shape = 1 / one - 1
            rows.append(
                np.prod(stats.betabinom.pmf(data.total, data.count, share * shape, (1 - share) * shape))
            )
        return float(weights @ np.array(rows))

    expected = np.log([likelihood(share) for share in shares])
    assert logs - logs[0] == pytest.approx(expected - expected[0], abs=1e-6)


def test_the_ends_are_where_the_test_begins_to_reject() -> None:
    random = np.random.default_rng(5)
    for cases in (3, 7, 30):
        count = sizes(random, cases)
        data = Sums(right(random, count, 0.8).astype(float), count.astype(float))
        own = Likelihood(data)
        for end in own.ends():
            assert own.statistic(end) == pytest.approx(float(limit(np.array([end]), cases)[0]), abs=0.03)


def test_limits_between_those_of_the_table() -> None:
    assert float(limit(np.array([0.5]), 40)[0]) == LIMITS[40][0]
    assert LIMITS[40][0] > float(limit(np.array([0.5]), 10**6)[0]) == pytest.approx(NORMAL**2, abs=1e-3)
    assert float(limit(np.array([1e-9]), 3)[0]) == LIMITS[3][-1]


def test_the_interval_lies_about_the_share_by_questions() -> None:
    """Where large cases are harder, it is still the reported share whose interval is shown, and it covers that."""
    random = np.random.default_rng(11)
    inside = 0
    for _ in range(STUDIES):
        count = np.where(random.random(20) < 0.5, 10, 150)
        hard = np.where(count == 10, 0.9, 0.7)
        data = Sums(random.binomial(count, random.beta(9 * hard, 9 * (1 - hard))).astype(float), count * 1.0)
        low, high = share_interval(data) or (0, 0)
        assert low < data.mean < high
        inside += low <= (10 * 0.9 + 150 * 0.7) / 160 <= high
    assert 0.92 <= inside / STUDIES <= 0.99


def test_many_cases_by_the_shorter_way_say_the_same() -> None:
    random = np.random.default_rng(2)
    count = sizes(random, MANY + 50)
    total = right(random, count, 0.8).astype(float)
    short = share_interval(Sums(total, count.astype(float)))
    long = Likelihood(Sums(total, count.astype(float))).ends()
    assert short == pytest.approx(long, abs=0.004)


def test_log_gamma_is_pythons() -> None:
    places = np.exp(np.linspace(-15, 12, 200))
    expected = [math.lgamma(place) for place in places]
    assert log_gamma(places) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_design_effect_is_the_scatter_between_cases() -> None:
    """All or nothing in each of 40 cases of ten: ten answers are worth one."""
    alike = Sums(np.tile([10.0, 0.0], 20), np.full(40, 10.0))
    assert design_effect(alike) == pytest.approx(10, rel=0.05)
    assert design_effect(Sums(np.full(40, 5.0), np.full(40, 10.0))) == 1.0


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
        ends, p = paired_test(b - a, names, seed)
        assert p is not None
        rejected += p < 0.05
        assert ends is None or (p < 0.05) == (ends[0] > 0 or ends[1] < 0)
    assert rejected <= 24
