"""The trend test on synthetic rays whose truth is known; false-alarm rates of the statistical tests are below 1e-6."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.statistics import Interval
from verify.trend import FLOOR, HOLDS_BELOW, VIOLATED_ABOVE, Trend, crossing_scales, judge_trend
from verify.verdict import State

SCALES = np.log(np.geomspace(100, 6000, 5))
LEVEL = 0.9


def ray(slope: float, noise: float, seed: int, trials: int = 40, scales: np.ndarray = SCALES) -> list[np.ndarray]:
    """Log ρ of data sets whose every quantile climbs with the slope."""
    stream = np.random.default_rng(seed)
    return [slope * (at - scales[0]) + noise * stream.standard_normal(trials) for at in scales]


def judge(samples: list[np.ndarray], scales: np.ndarray = SCALES, seed: int = 0) -> Trend:
    return judge_trend(scales, samples, LEVEL, np.random.default_rng(seed))


def test_a_level_ray_is_never_violated():
    # Violated takes a 99.9 % interval above 0.05, on the whole ray or its upper half: at noise 0.1 and 0.2 on 40 data
    # sets that lies more than 5 and 2 standard errors above the truth, so that at most 3 in 100 fail on each of them.
    for noise, probability in ((0.1, 1e-4), (0.2, 0.01)):
        states = [judge(ray(0.0, noise, seed)).state for seed in range(60)]
        assert states.count(State.VIOLATED) <= scipy.stats.binom.isf(1e-6, 60, probability)
    assert states.count(State.HOLDS) >= 30


@pytest.mark.parametrize("slope", [-0.5, -0.05])
def test_falling_rays_hold(slope):
    states = [judge(ray(slope, 0.1, seed)).state for seed in range(30)]
    assert State.VIOLATED not in states
    assert states.count(State.HOLDS) >= 27


@pytest.mark.parametrize("slope", [0.3, 0.5, 1.0])
def test_climbing_rays_are_violated(slope):
    for seed in range(30):
        trend = judge(ray(slope, 0.2, seed))
        assert trend.state is State.VIOLATED
        assert trend.slope.estimate == pytest.approx(slope, abs=0.2)


@pytest.mark.parametrize("slope", [0.15, 0.3])
def test_climbing_rays_never_hold(slope):
    # The upper end of the 99 % interval would have to lie below 0.1: more than 2.6 standard errors below the truth.
    states = [judge(ray(slope, 0.1, seed)).state for seed in range(60)]
    assert states.count(State.HOLDS) <= scipy.stats.binom.isf(1e-6, 60, 0.005)


def test_a_trend_that_sets_in_late_is_violated():
    late = np.array([0, 0, 0, 0.4, 0.8])
    scales = SCALES
    samples = [lift + 0.05 * np.random.default_rng(7).standard_normal(40) for lift in late]
    assert judge(samples, scales).state is State.VIOLATED
    falling_then_climbing = np.array([2.0, 1.0, 0.0, 0.4, 0.8])
    trend = judge([lift + 0.05 * np.random.default_rng(8).standard_normal(40) for lift in falling_then_climbing])
    assert trend.slope.high < HOLDS_BELOW
    assert trend.state is State.VIOLATED
    assert trend.top_slope.low > VIOLATED_ABOVE
    assert "upper half" in trend.sentence()


def test_noise_leaves_a_ray_undecided():
    assert judge(ray(0.07, 1.5, 3)).state is State.INCONCLUSIVE


def test_nothing_to_cover_is_slack():
    trend = judge([np.full(40, -math.inf)] * 5)
    assert (trend.state, trend.slack, trend.slope, trend.top_slope) == (State.HOLDS, True, None, None)
    assert "slack" in trend.sentence()
    assert all(ratio.estimate == pytest.approx(math.exp(FLOOR)) for ratio in trend.ratios)
    # Fewer than a share δ of data sets beyond the floor leave the quantile at the floor.
    few = [np.concatenate([np.full(38, -math.inf), [0.0, 0.0]]) for _ in range(5)]
    assert judge(few).slack


def test_data_sets_without_deviation_do_not_hide_a_climb():
    samples = [np.concatenate([np.full(20, -math.inf), sample[:20]]) for sample in ray(0.5, 0.1, 1)]
    trend = judge(samples)
    assert trend.state is State.VIOLATED
    assert all(math.isfinite(end) for end in trend.slope)


def test_a_climb_far_below_a_loose_bound_is_neither_a_violation_nor_support():
    samples = [sample - 9 for sample in ray(0.9, 0.01, 2)]
    assert judge(samples).state is State.INCONCLUSIVE


@settings(max_examples=20)
@given(st.floats(-0.5, 1), st.integers(0, 10**6))
def test_the_order_of_the_data_sets_and_the_unit_of_the_scale_do_not_matter(slope, seed):
    samples = ray(slope, 0.1, seed)
    found = judge(samples)
    shuffled = [np.random.default_rng(seed).permutation(sample) for sample in samples]
    assert judge(shuffled).state is found.state
    assert judge(samples, SCALES + 3).state is found.state


def test_three_points_are_enough_and_have_no_upper_half():
    trend = judge(ray(1.0, 0.05, 0, scales=SCALES[:3]), SCALES[:3])
    assert trend.state is State.VIOLATED
    assert trend.top_slope is None


def test_the_ratios_are_quantiles_of_rho():
    samples = ray(0.0, 0.3, 4, trials=100)
    trend = judge(samples)
    for sample, ratio in zip(samples, trend.ratios, strict=True):
        assert ratio.low <= math.exp(np.quantile(sample, LEVEL)) <= ratio.high
        assert ratio.low <= ratio.estimate <= ratio.high


def power_law(slope: float, first: float, scales: np.ndarray) -> Trend:
    ratios = [Interval(*[first * math.exp(slope * (at - scales[0]))] * 3) for at in scales]
    return Trend(State.VIOLATED, Interval(slope, slope, slope), None, ratios)


@pytest.mark.parametrize(("slope", "exponent"), [(0.25, 2.0), (0.5, 1.0), (1.0, 4.0)])
def test_crossings_by_walking_along_the_ray(slope, exponent):
    # ρ = first (scale/scale₀)^slope at the ray's constant; with C' times the constant, ρ is C'^(−1/p) of that.
    first = 0.6
    for row in crossing_scales(power_law(slope, first, SCALES), SCALES, exponent):
        scale = math.exp(SCALES[0])
        while first * (scale / math.exp(SCALES[0])) ** slope * row["constant"] ** (-1 / exponent) < 1:
            scale *= 1.0001
        assert row["scale"] == pytest.approx(scale, rel=1e-3)
        expected = "seen" if scale <= math.exp(SCALES[-1]) else "extrapolated"
        assert row["how"] == expected


def test_crossings_before_the_ray_and_without_a_climb():
    rows = crossing_scales(power_law(0.5, 3.0, SCALES), SCALES, 2.0)
    assert rows[0]["how"] == "failed at every scale tried"
    assert [row["scale"] for row in rows] == sorted(row["scale"] for row in rows)
    assert crossing_scales(power_law(-0.1, 3.0, SCALES), SCALES, 2.0) == []
    assert crossing_scales(Trend(State.HOLDS, None, None, [], slack=True), SCALES, 2.0) == []
