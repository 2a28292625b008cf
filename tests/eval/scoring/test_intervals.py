"""The statistics against simulations and reference implementations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from surgvqa.eval.scoring.statistics import (
    Sums,
    bootstrap_error,
    holm,
    interval,
    paired_test,
    sign_flip,
    student,
    sums,
)

STUDIES, CASES = 1000, 20


def study(random: np.random.Generator, truth: float, spread: float, sizes: tuple[int, int]) -> Sums:
    """20 cases of different size whose own accuracies scatter around the truth (beta-binomial)."""
    count = random.integers(*sizes, size=CASES).astype(float)
    shape = (1 - spread) / spread
    own = random.beta(truth * shape, (1 - truth) * shape, size=CASES)
    return Sums(random.binomial(count.astype(int), own).astype(float), count)


@pytest.mark.parametrize(
    ("truth", "spread", "sizes"),
    [
        (0.5, 0.1, (5, 200)),
        pytest.param(0.9, 0.05, (20, 80), marks=pytest.mark.slow),
        pytest.param(0.8, 0.1, (30, 31), marks=pytest.mark.slow),
        pytest.param(0.65, 0.02, (5, 200), marks=pytest.mark.slow),
    ],
)
def test_coverage(truth: float, spread: float, sizes: tuple[int, int]) -> None:
    """The 95 % interval covers 93-97 % of 1,000 simulated studies of 20 cases."""
    random = np.random.default_rng(3)
    hits = 0
    for seed in range(STUDIES):
        ends = interval(study(random, truth, spread, sizes), seed)
        assert ends is not None
        hits += ends[0] <= truth <= ends[1]
    assert 0.93 <= hits / STUDIES <= 0.97


def test_unequal_cases_do_not_blow_the_interval_up() -> None:
    """Ten cases, some of which hold most questions: still narrower than from 0 to 1, and it still covers."""
    count = np.array([290.0, 30, 1500, 900, 1200, 100, 300, 60, 800, 500])
    random = np.random.default_rng(4)
    hits, widths = 0, []
    for seed in range(500):
        total = random.binomial(count.astype(int), random.beta(4.5, 4.5, size=10)).astype(float)
        low, high = interval(Sums(total, count), seed) or (0.0, 1.0)
        hits += low <= 0.5 <= high
        widths.append(high - low)
    assert 0.92 <= hits / 500 <= 0.98
    assert np.quantile(widths, 0.98) < 0.65  # the studentised bootstrap reaches 0.8 here


def test_an_interval_over_questions_would_not_cover() -> None:
    """The simulation can fail: treating each question as a case covers far too little."""
    random = np.random.default_rng(3)
    hits = 0
    for seed in range(200):
        data = study(random, 0.5, 0.1, (5, 200))
        right = np.repeat([1.0, 0.0], [int(data.total.sum()), int((data.count - data.total).sum())])
        ends = interval(Sums(right, np.ones(len(right))), seed)
        assert ends is not None
        hits += ends[0] <= 0.5 <= ends[1]
    assert hits / 200 < 0.8


@pytest.mark.slow
def test_coverage_of_a_difference() -> None:
    random = np.random.default_rng(5)
    hits = 0
    for seed in range(STUDIES):
        count = random.integers(10, 60, size=CASES).astype(float)
        data = Sums(count * random.normal(0.1, 0.2, size=CASES).clip(-1, 1), count)
        ends = interval(data, seed, low=-1.0)
        assert ends is not None
        hits += ends[0] <= 0.1 <= ends[1]
    assert 0.93 <= hits / STUDIES <= 0.97


@pytest.mark.slow
def test_error_is_the_clustered_one_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(0)
    cases = random.integers(0, 60, size=3000)
    right = (random.random(3000) < 0.3 + 0.006 * cases).astype(float)
    fit = api.OLS(right, np.ones(3000)).fit(cov_type="cluster", cov_kwds={"groups": cases})
    data = sums(right, [str(case) for case in cases])
    assert bootstrap_error(data) == pytest.approx(fit.bse[0], rel=0.06)


def test_student_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 1.1, 1.4, 1.9, 2, 2.2, 2.8, 3.5, 6, 8.8, 12, 19, 24, 50, 400, 1e6):
        assert student(freedom) == pytest.approx(
            stats.t.ppf(0.975, freedom), rel=0.003 if freedom >= 2 else 0.01
        )


def test_interval_agrees_with_scipy_where_cases_are_many_and_alike() -> None:
    stats = pytest.importorskip("scipy.stats")
    right = (np.random.default_rng(1).random(3000) < 0.7).astype(float)
    ends = interval(Sums(right, np.ones(3000)), 0)
    reference = stats.bootstrap(
        (right,), np.mean, n_resamples=4000, rng=np.random.default_rng(0), method="BCa"
    )
    assert ends == pytest.approx(tuple(reference.confidence_interval), abs=0.002)


def test_all_cases_alike_is_clopper_pearson_over_cases() -> None:
    stats = pytest.importorskip("scipy.stats")
    for size in (3, 5, 20, 300):
        ends = interval(Sums(np.full(size, 7.0), np.full(size, 7.0)))
        exact = stats.binomtest(size, size).proportion_ci(0.95, method="exact")
        assert ends == pytest.approx((exact.low, exact.high))
        none = interval(Sums(np.zeros(size), np.full(size, 7.0)))
        assert none == pytest.approx((1 - exact.high, 1 - exact.low))


def test_sign_flip_is_scipys_permutation_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    total = np.random.default_rng(2).normal(0.6, 1, size=10)
    reference = stats.permutation_test(
        (total,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert sign_flip(Sums(total, np.ones(10))) == pytest.approx(reference.pvalue)


def test_sign_flip_is_uniform_without_a_difference() -> None:
    random = np.random.default_rng(8)
    p = [sign_flip(Sums(random.normal(size=20), np.ones(20)), seed) or 1.0 for seed in range(500)]
    assert 0.03 <= np.mean(np.array(p) <= 0.05) <= 0.07


def test_holm_is_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = [0.001, 0.2, 0.03, 0.9, 0.012]
    assert holm(p) == pytest.approx(list(multitest.multipletests(p, method="holm")[1]))


def test_two_cases_have_no_interval() -> None:
    """Student's t of one degree of freedom is 12.7: it would reach from nearly nothing to nearly everything."""
    assert interval(Sums(np.array([30.0, 10.0]), np.array([40.0, 40.0]))) is None
    assert paired_test([1.0, -1.0, 1.0, 0.0], ["a", "a", "b", "b"]) == (None, 1.0)


def test_cases_that_differ_alike_are_judged_by_their_questions() -> None:
    """Four cases, in each of which A wins a question and B one: no reach of half the scale, as of four coin tosses."""
    values = [1.0, -1.0, *[0.0] * 48] * 4
    (low, high), p = paired_test(values, [case for case in "abcd" for _ in range(50)])
    error = np.std(values, ddof=1) / np.sqrt(200)
    assert (low, high) == pytest.approx((-3.1824 * error, 3.1824 * error), abs=1e-3)
    assert p == 1.0
    assert paired_test([0.0] * 200, ["a", "b", "c", "d"] * 50) == (None, 1.0)  # right on the same questions
    always, p = paired_test([1.0] * 200, ["a", "b", "c", "d"] * 50)
    assert always[0] < 0 < always[1] == 1.0  # four cases can't tell: p is 1 in 8
    assert p == 0.125
    eight, p = paired_test([1.0] * 40, [case for case in "abcdefgh" for _ in range(5)])
    assert (round(eight[0], 2), eight[1], p) == (0.26, 1.0, 2 / 2**8)


@pytest.mark.parametrize("size", [6, 9, 14, 15, 25])
def test_the_interval_holds_what_the_test_does_not_reject(size: int) -> None:
    """Every difference inside has a p of 5 % or more, every one outside less; p is that of flipping signs, done by hand."""
    random = np.random.default_rng(size)
    count = random.integers(5, 40, size)
    cases = np.repeat(np.arange(size), count).astype(str)
    values = random.choice([-1.0, 0.0, 1.0], size=len(cases), p=[0.2, 0.3, 0.5])
    (low, high), _ = paired_test(values, cases, 3)
    data = sums(values, cases)
    for difference in (low - 0.01, low + 0.01, high - 0.01, high + 0.01):
        shifted = Sums(data.total - difference * data.count, data.count)
        p = sign_flip(shifted, 3)
        assert p is not None
        assert (p >= 0.05) == (low < difference < high)
        if size <= 9:
            signs = np.array(list(itertools.product((-1, 1), repeat=size)))
            by_hand = np.mean(np.abs(signs @ shifted.total) >= abs(shifted.total.sum()) - 1e-9)
            assert p == pytest.approx(by_hand)


def test_p_and_interval_never_contradict_each_other() -> None:
    """Cases of few questions, many ties, differences of one sign: where a lattice makes two tests disagree."""
    random = np.random.default_rng(1)
    for trial in range(300):
        size = int(random.integers(2, 20))
        count = random.integers(1, 12, size)
        values = random.integers(-1, 2, count.sum()) * (random.random(count.sum()) < 0.4) + 0.0
        values = abs(values) if trial % 3 == 0 else values
        ends, p = paired_test(values, np.repeat(np.arange(size), count).astype(str), trial)
        if ends is not None and p is not None:
            assert ends[0] - 1e-9 <= values.mean() <= ends[1] + 1e-9
            assert (p < 0.05) == (ends[0] > 0 or ends[1] < 0)


def test_one_case_has_no_interval() -> None:
    assert interval(Sums(np.array([30.0]), np.array([40.0]))) is None
    assert sign_flip(Sums(np.array([3.0]), np.array([40.0]))) is None


@pytest.mark.parametrize("size", range(3, 13))
def test_few_cases_stay_within_bounds(size: int) -> None:
    for seed, (right, spread) in enumerate(itertools.product((1, 3, 9), (0, 1))):
        data = Sums(np.minimum(10.0, right + spread * np.arange(size)), np.full(size, 10.0))
        ends = interval(data, seed)
        assert ends is not None
        assert 0 <= ends[0] <= data.mean <= ends[1] <= 1
        assert ends[0] < ends[1]


def test_same_seed_same_interval() -> None:
    data = study(np.random.default_rng(0), 0.6, 0.1, (5, 50))
    assert interval(data, 4) == interval(data, 4) != interval(data, 5)


@pytest.mark.parametrize("size", [3, 5])
def test_the_bootstrap_error_of_few_cases_is_not_too_small(size: int) -> None:
    """Where cases are of one size, it is the standard error of their means, n - 1 in its denominator."""
    total = np.random.default_rng(size).integers(0, 10, size).astype(float)
    expected = float((total / 10).std(ddof=1) / np.sqrt(size))
    assert bootstrap_error(Sums(total, np.full(size, 10.0))) == pytest.approx(expected, rel=0.06)
