"""The statistics, figure by figure: against scipy, statsmodels and every way to flip signs, and pinned where they draw."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from surgvqa.eval.scoring import statistics
from surgvqa.eval.scoring.statistics import (
    Sums,
    bootstrap_error,
    holm,
    interval,
    least,
    least_cases,
    paired_test,
    sign_flip,
    student,
    sums,
)


def of(total: list[float], count: list[float]) -> Sums:
    return Sums(np.array(total, float), np.array(count, float))


def drawn(seed: int, cases: int) -> tuple[list[float], list[str]]:
    """Differences of -1, 0 and 1 on cases of unequal size, some of which go one way."""
    draw = random.Random(seed)
    values, names = [], []
    for case in range(cases):
        lean = draw.choice([0.1, 0.3, 0.5])
        for _ in range(draw.randint(1, 9)):
            values.append(float(draw.choices([-1, 0, 1], [0.2, 0.8 - lean, lean])[0]))
            names.append(f"c{case:02d}")
    return values, names


def test_sums_are_by_case_in_order_of_name():
    data = sums([1.0, 0.5, 0.0, 1.0], ["b", "a", "b", "c"])
    assert data.total.tolist() == [0.5, 1.0, 1.0] and data.count.tolist() == [1.0, 2.0, 1.0]
    assert data.mean == 2.5 / 4


@pytest.mark.parametrize(
    "freedom", [1, 1.1, 1.3, 1.6, 1.9, 2, 2.2, 2.7, 3, 3.5, 4, 6, 8, 12, 19, 25, 60, 500, 1e9]
)
def test_students_t_is_that_of_scipy(freedom: float):
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01 if freedom < 2 else 0.004)


@pytest.mark.parametrize(("right", "size"), [(0, 3), (3, 3), (0, 12), (12, 12), (1, 3), (7, 11), (40, 41)])
def test_the_binomial_interval_is_that_of_statsmodels(right: int, size: int):
    method = "beta" if right in (0, size) else "wilson"
    low, high = statistics._binomial(right / size, size, 0.0, 1.0)
    expected = proportion_confint(right, size, 0.05, method)
    if right in (0, size):  # two-sided at an end of the scale
        expected = (expected[0], expected[1])
    assert (low, high) == pytest.approx(tuple(map(float, expected)), abs=2e-6)
    wide = statistics._binomial(2 * right / size - 1, size, -1.0, 1.0)
    assert wide == pytest.approx((2 * low - 1, 2 * high - 1), abs=1e-12)


def test_holm_is_that_of_statsmodels():
    draw = random.Random(1)
    for length in (1, 2, 5, 12):
        p_values = [draw.random() ** 3 for _ in range(length)]
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
    assert holm([]) == [] and holm([0.7, 0.9]) == [1.0, 1.0]


def every_flip(data: Sums, value: float) -> float:
    """The p of a mean difference: the share of ways to flip the cases' residuals that lie as far from 0."""
    left = data.total - value * data.count
    own = abs(left.sum())
    far = [
        abs((np.array(signs) * left).sum()) >= own - 1e-9
        for signs in itertools.product((1, -1), repeat=len(left))
    ]
    return sum(far) / len(far)


@pytest.mark.parametrize("seed", range(12))
def test_the_p_is_that_of_every_way_to_flip(seed: int):
    values, names = drawn(seed, 2 + seed % 9)
    data = sums(values, names)
    assert sign_flip(data) == pytest.approx(every_flip(data, 0.0))
    if any(values):
        assert paired_test(values, names)[1] == pytest.approx(every_flip(data, 0.0))


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_of_a_difference_holds_what_the_test_does_not_reject(seed: int):
    values, names = drawn(100 + seed, 6 + seed % 5)
    data = sums(values, names)
    ends, p = paired_test(values, names)
    assert ends is not None and p is not None
    # The flips alone; both ends may lie further out, as far as those of independent questions.
    low, high = statistics._not_rejected(*statistics._halves(data, 0))
    for end, outward in ((low, -1), (high, 1)):
        assert every_flip(data, end) >= 0.05 > every_flip(data, end + outward * 1e-6)
    assert (not ends[0] <= 0 <= ends[1]) == (p < 0.05)
    assert ends[0] <= max(low, 0.0) and ends[1] >= min(high, 0.0)


def test_many_cases_are_flipped_at_random_and_agree_with_the_normal_distribution():
    values, names = drawn(7, 60)
    data = sums(values, names)
    error = math.sqrt(float((data.total**2).sum()))
    far = (abs(data.total.sum()) - 1) / error  # flips change a sum of whole numbers by steps of two
    assert sign_flip(data) == pytest.approx(2 * stats.norm.sf(far), abs=0.015)
    assert sign_flip(data) == sign_flip(data, 0) != sign_flip(data, 1)


def test_the_error_of_the_mean_is_that_of_resampled_cases():
    data = of([3, 9, 1, 7, 5, 8], [10, 10, 4, 9, 20, 8])
    ratio = data.mean
    linear = (
        math.sqrt(float(((data.total - ratio * data.count) ** 2).sum())) / data.count.sum() * math.sqrt(6 / 5)
    )
    assert bootstrap_error(data) == pytest.approx(linear, rel=0.1)
    assert bootstrap_error(data, 0) == bootstrap_error(data) != bootstrap_error(data, 1)
    assert bootstrap_error(of([2, 4], [4, 8])) == pytest.approx(0.0, abs=1e-12)


def test_no_interval_of_too_few_cases():
    assert interval(of([1, 2], [2, 3])) is None and interval(of([1, 2, 2], [2, 3, 3])) is not None
    assert paired_test([1.0], ["a"]) == (None, None)
    assert paired_test([1.0, 0.0], ["a", "b"])[0] is None and paired_test([1.0, 0.0], ["a", "b"])[1] == 1.0
    assert paired_test([0.0, 0.0, 0.0], ["a", "b", "c"]) == (None, 1.0)
    assert sign_flip(of([1], [1])) is None


def test_the_smallest_p_and_the_cases_that_it_takes():
    assert [least(n) for n in (1, 2, 5, 6)] == [1.0, 0.5, 0.0625, 0.03125] and least(5000) > 0
    assert [least_cases(tests) for tests in (1, 2, 3, 11, 20)] == [
        next(n for n in range(1, 40) if tests * 2 / 2**n < 0.05) for tests in (1, 2, 3, 11, 20)
    ]
    assert least_cases(1, 0.01) == 8


@pytest.mark.parametrize(("mean", "reach"), [(0.5, 0.1), (0.97, 0.2), (0.02, 0.3), (0.0, 0.1), (1.0, 0.2)])
def test_an_interval_stays_within_its_scale(mean: float, reach: float):
    low, high = statistics._on_logits(mean, reach, 0.0, 1.0)
    assert 0 <= low <= mean <= high <= 1
    if 0 < mean < 1:
        logit = math.log(mean / (1 - mean))
        step = reach / (mean * (1 - mean))
        assert low == pytest.approx(1 / (1 + math.exp(step - logit)))
        assert high == pytest.approx(1 / (1 + math.exp(-step - logit)))
    else:
        assert (low, high) == (max(0.0, mean - reach), min(1.0, mean + reach))
    wide = statistics._on_logits(2 * mean - 1, 2 * reach, -1.0, 1.0)
    assert wide == pytest.approx((2 * low - 1, 2 * high - 1))


def test_figures_stay_as_they_are():
    """A score that was published is made again by a later version, to nine digits."""
    figures = []
    for seed in range(60):
        values, names = drawn(seed, 2 + seed % 25)
        right = [float(value > 0) for value in values]
        ends, p = paired_test(values, names)
        same = paired_test([abs(value) for value in values], names)
        shares = interval(sums(right, names)), interval(sums(values, names), 3, -1.0, 1.0)
        alike = interval(of([1.0] * (3 + seed % 12), [1.0 + seed % 2] * (3 + seed % 12)))
        figures.append([ends, p, same, *shares, alike])

    def rounded(value: object) -> object:
        if isinstance(value, tuple | list):
            return [rounded(one) for one in value]
        return round(value, 9) + 0.0 if isinstance(value, float) else value

    assert (
        hashlib.sha256(json.dumps(rounded(figures)).encode()).hexdigest()
        == "47b2d113fd1059faf7e60cbcc9ffcf301350f49f17d5eaad5ea34781442c428e"
    )


@pytest.mark.parametrize("cases", [3, 5, 6, 9, 14, 15, 30])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cases_that_all_differ_by_one_and_the_same(cases: int, sign: float):
    """Nothing to flip and nothing to resample: the interval is the binomial one of as many cases, on the scale from -1 to 1."""
    names = [f"c{n:02d}" for n in range(cases) for _ in range(3)]
    ends, p = paired_test([sign] * len(names), names)
    far = 2 * 0.025 ** (1 / cases) - 1
    expected = (min(far, 0.0) if cases < 6 else far, 1.0)
    assert ends == pytest.approx(expected if sign > 0 else (-expected[1], -expected[0]))
    assert p is not None and (p == pytest.approx(2 / 2**cases) if cases <= 14 else p < 0.001)


def test_the_interval_leaves_out_zero_where_the_test_does_though_questions_alone_would_not():
    """Six cases, each with one question more for B of forty: p is 0.03, and 40 questions a case scatter far more than that."""
    values = ([1.0] + [1.0, -1.0] * 12 + [0.0] * 15) * 6
    names = [f"c{n}" for n in range(6) for _ in range(40)]
    ends, p = paired_test(values, names)
    assert p == 0.03125 and ends is not None and 0 < ends[0] <= 1 / 40 < ends[1]
    mirrored, _ = paired_test([-value for value in values], names)
    assert mirrored is not None and mirrored[1] < 0 and mirrored == pytest.approx((-ends[1], -ends[0]))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_of_so_few_cases_that_no_p_can_be_small_the_interval_holds_zero(sign: float) -> None:
    """Four cases, each far on one side: Student's interval alone would leave 0 out."""
    values = np.repeat([0.9, 0.92, 0.88, 0.9], 50) * sign
    (low, high), p = paired_test(values, np.repeat(list("abcd"), 50))
    assert p >= 0.05 and low <= 0.0 <= high
    assert (low == 0.0) is (sign > 0) and (high == 0.0) is (sign < 0)
