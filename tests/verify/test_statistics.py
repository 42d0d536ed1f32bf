"""Intervals against SciPy, exact enumeration and simulation; statistical tests fail falsely less than once in 10⁶."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from verify.statistics import Interval, clopper_pearson, harrell_davis_weights, quantile_interval, slope_interval

FALSE_ALARM = 1e-6
finite = st.floats(-1e6, 1e6, allow_nan=False)


def exact_coverage(probability: float, trials: int, confidence: float) -> float:
    """Probability that the interval contains the truth, summed over every outcome."""
    masses = scipy.stats.binom.pmf(np.arange(trials + 1), trials, probability)
    inside = [
        interval.low <= probability <= interval.high
        for interval in (clopper_pearson(k, trials, confidence) for k in range(trials + 1))
    ]
    return float(masses[inside].sum())


@pytest.mark.parametrize("trials", [1, 7, 40])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.998])
def test_clopper_pearson_is_scipys_exact_interval(trials, confidence):
    for failures in range(trials + 1):
        interval = clopper_pearson(failures, trials, confidence)
        expected = scipy.stats.binomtest(failures, trials).proportion_ci(confidence, method="exact")
        assert interval.estimate == failures / trials
        assert interval.low == pytest.approx(expected.low, abs=1e-9)
        assert interval.high == pytest.approx(expected.high, abs=1e-9)


@pytest.mark.parametrize("probability", [0.003, 0.1, 0.1001, 0.37, 0.5, 0.95])
def test_clopper_pearson_covers_whatever_the_proportion(probability):
    assert exact_coverage(probability, 40, 0.95) >= 0.95
    assert exact_coverage(probability, 40, 0.5) >= 0.5


@given(st.integers(1, 300), st.data())
def test_clopper_pearson_rises_with_failures_and_widens_with_confidence(trials, data):
    failures = data.draw(st.integers(0, trials))
    narrow, wide = (clopper_pearson(failures, trials, c) for c in (0.8, 0.99))
    assert 0 <= wide.low <= narrow.low <= narrow.estimate <= narrow.high <= wide.high <= 1
    if failures < trials:
        more = clopper_pearson(failures + 1, trials, 0.8)
        assert more.low > narrow.low
        assert more.high > narrow.high or more.high == 1


@pytest.mark.parametrize(("trials", "level"), [(1, 0.3), (5, 0.5), (29, 0.9), (118, 0.95), (944, 0.95)])
def test_harrell_davis_weights_by_the_beta_distribution(trials, level):
    a, b = (trials + 1) * level, (trials + 1) * (1 - level)
    expected = [
        scipy.stats.beta.cdf((i + 1) / trials, a, b) - scipy.stats.beta.cdf(i / trials, a, b) for i in range(trials)
    ]
    weights = harrell_davis_weights(trials, level)
    np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-14)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert weights.min() >= 0


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_the_estimate_is_scipys_harrell_davis_quantile(level):
    sample = np.random.default_rng(0).exponential(size=37)
    expected = float(scipy.stats.mstats.hdquantiles(sample, prob=[level])[0])
    assert quantile_interval(sample, level).estimate == pytest.approx(expected, rel=1e-12)


def brute_force_bounds(sample: list[float], level: float, confidence: float) -> tuple[float, float]:
    """Try every order statistic: P[X_(k) ≥ q] = P[at most k − 1 of n lie below q], for a continuous law."""
    ordered, n = sorted(sample), len(sample)
    high, low = math.inf, -math.inf
    for k in range(n, 0, -1):
        above = sum(math.comb(n, j) * level**j * (1 - level) ** (n - j) for j in range(k))
        if above >= confidence:
            high = ordered[k - 1]
    for k in range(1, n + 1):
        not_below = sum(math.comb(n, j) * level**j * (1 - level) ** (n - j) for j in range(k))
        if not_below <= 1 - confidence:
            low = ordered[k - 1]
    return low, high


@pytest.mark.parametrize("n", [1, 2, 10, 28, 29, 40, 58, 59, 100])
@pytest.mark.parametrize("level", [0.05, 0.5, 0.9, 0.95])
def test_quantile_bounds_by_trying_every_order_statistic(n, level):
    sample = np.random.default_rng(n).standard_normal(n).tolist()
    interval = quantile_interval(sample, level)
    assert (interval.low, interval.high) == brute_force_bounds(sample, level, 0.95)


@pytest.mark.parametrize(("level", "enough"), [(0.9, 29), (0.95, 59)])
def test_the_upper_bound_needs_the_promised_number_of_data_sets(level, enough):
    assert quantile_interval(np.arange(enough - 1.0), level).high == math.inf
    assert quantile_interval(np.arange(float(enough)), level).high == enough - 1
    assert quantile_interval(-np.arange(float(enough)), 1 - level).low == -(enough - 1)
    assert quantile_interval(-np.arange(enough - 1.0), 1 - level).low == -math.inf


@given(st.lists(finite, min_size=1, max_size=80), st.sampled_from([0.1, 0.5, 0.9]), st.randoms(use_true_random=False))
def test_quantile_intervals_do_not_depend_on_the_order(values, level, random):
    shuffled = random.sample(values, len(values))
    assert quantile_interval(shuffled, level) == quantile_interval(values, level)


@given(st.lists(finite, min_size=1, max_size=80), st.data())
def test_quantile_intervals_rise_with_a_value(values, data):
    at = data.draw(st.integers(0, len(values) - 1))
    raised = list(values)
    raised[at] += data.draw(st.floats(0, 1e6))
    before, after = quantile_interval(values, 0.9), quantile_interval(raised, 0.9)
    slack = 1e-9 * (1 + max(map(abs, raised)))
    assert after.low >= before.low
    assert after.high >= before.high
    assert after.estimate >= before.estimate - slack


@given(st.lists(finite, min_size=1, max_size=60), st.floats(0.1, 10), st.floats(-100, 100))
def test_quantile_intervals_follow_a_change_of_units(values, factor, shift):
    before = quantile_interval(values, 0.9)
    after = quantile_interval(factor * np.array(values) + shift, 0.9)
    tolerance = 1e-9 * (1 + max(map(abs, values)) * factor + abs(shift))
    for old, new in zip(before, after, strict=True):
        assert new == factor * old + shift or new == pytest.approx(factor * old + shift, abs=tolerance)


def test_infinite_values_move_the_bounds_but_give_no_nan():
    sample = [1.0] * 60 + [math.inf] * 40
    assert quantile_interval(sample, 0.9) == Interval(math.inf, math.inf, math.inf)
    assert quantile_interval(sample, 0.5).estimate == 1.0
    below = quantile_interval([-math.inf] * 95 + [1.0] * 5, 0.9)
    assert below.estimate == -math.inf
    assert not any(math.isnan(end) for end in below)


def test_quantile_bounds_cover_in_simulation():
    repeats, n, level = 4000, 40, 0.9
    stream = np.random.default_rng(1)
    samples = stream.exponential(size=(repeats, n))
    truth = -math.log(1 - level)
    found = [quantile_interval(sample, level) for sample in samples]
    allowed = scipy.stats.binom.isf(FALSE_ALARM / 2, repeats, 0.05)
    assert sum(interval.high < truth for interval in found) <= allowed
    assert sum(interval.low > truth for interval in found) <= allowed
    # Neither bound is needlessly wide: they are exact up to the discreteness of the order statistics.
    assert sum(interval.high < truth for interval in found) > 0.001 * repeats
    assert sum(interval.low > truth for interval in found) > 0.001 * repeats


def draw_ray(stream: np.random.Generator, slope: float, trials: int = 40) -> tuple[np.ndarray, list[np.ndarray]]:
    x = np.linspace(3.0, 6.0, 5)
    return x, [slope * at + 0.3 * np.log(stream.chisquare(6, size=trials)) for at in x]


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_slope_intervals_cover_in_simulation(slope):
    repeats, confidence, misses, widths = 300, 0.99, 0, []
    stream = np.random.default_rng(2)
    for _ in range(repeats):
        x, samples = draw_ray(stream, slope)
        interval = slope_interval(x, samples, 0.9, confidence, stream, resamples=200)
        misses += not interval.low <= slope <= interval.high
        widths.append(interval.high - interval.low)
    # The bootstrap of a quantile is not exact: twice the nominal rate is tolerated, and no more.
    assert misses <= scipy.stats.binom.isf(FALSE_ALARM, repeats, 2 * (1 - confidence))
    assert np.median(widths) < 0.3


def test_the_slope_is_the_least_squares_line_through_the_quantiles():
    stream = np.random.default_rng(3)
    x, samples = draw_ray(stream, 0.2)
    quantiles = [quantile_interval(sample, 0.9).estimate for sample in samples]
    found = slope_interval(x, samples, 0.9, 0.99, stream)
    assert found.estimate == pytest.approx(np.polyfit(x, quantiles, 1)[0], rel=1e-10)
    assert found.high - found.estimate == pytest.approx(found.estimate - found.low)
    wider = slope_interval(x, samples, 0.9, 0.999, np.random.default_rng(3))
    assert wider.high - wider.low > found.high - found.low


def test_the_slope_interval_ignores_order_and_level_and_follows_tilts():
    stream = np.random.default_rng(4)
    x, samples = draw_ray(stream, 0.0)
    found = slope_interval(x, samples, 0.9, 0.99, np.random.default_rng(5))
    shuffled = [stream.permutation(sample) for sample in samples]
    assert slope_interval(x, shuffled, 0.9, 0.99, np.random.default_rng(5)) == pytest.approx(found, abs=1e-12)
    lifted = [sample + 7 for sample in samples]
    assert slope_interval(x, lifted, 0.9, 0.99, np.random.default_rng(5)) == pytest.approx(found, abs=1e-9)
    tilted = [sample + 0.4 * at for at, sample in zip(x, samples, strict=True)]
    assert slope_interval(x, tilted, 0.9, 0.99, np.random.default_rng(5)) == pytest.approx(
        tuple(end + 0.4 for end in found), abs=1e-9
    )


def test_constant_samples_have_a_slope_without_error():
    x = np.array([0.0, 1.0, 2.0])
    found = slope_interval(x, [np.full(30, 0.5 * at) for at in x], 0.9, 0.99, np.random.default_rng(0))
    assert found == pytest.approx((0.5, 0.5, 0.5), abs=1e-9)
