"""Rare failures: the lower bound on their probability against sampling, and what the ray in δ refutes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

import theory
from verify.rare_events import (
    SIZES,
    _conditional_draw,
    _log_tail,
    alignment_of,
    failure_probability,
    rare_event_test,
)
from verify.verdict import State

FALSE_ALARM = 1e-6


def with_upper(upper: str) -> theory.Statement:
    return theory.statement("4.3").replace(upper=upper)


def monte_carlo(n: int, bound: float, draws: int) -> tuple[float, float]:
    """Interval for the probability that g at θ − w* parallel to v exceeds the bound."""
    stream = np.random.default_rng(n)
    failed = 0
    for _ in range(10):
        squares = stream.standard_normal((draws // 10, n)) ** 2
        failed += int(np.sum(n * np.sum(squares**2, axis=1) / squares.sum(axis=1) ** 2 > bound))
    interval = scipy.stats.binomtest(failed, draws).proportion_ci(1 - FALSE_ALARM, method="exact")
    return interval.low, interval.high


@pytest.mark.parametrize(("n", "bound"), [(40, 5), (40, 7), (60, 6), (100, 6), (100, 8)])
def test_the_bound_lies_below_the_probability_of_failure(n, bound):
    found = failure_probability(with_upper(str(bound)), n, 0)
    low, high = monte_carlo(n, bound, 200_000)
    assert found is not None
    assert math.exp(found.log_probability) <= high
    # A bound that is many orders of magnitude too small would refute nothing.
    assert math.exp(found.log_probability) >= low / 200


def test_the_parts_of_the_bound():
    n = 80
    found = failure_probability(with_upper("6"), n, 3)
    tail = scipy.stats.chi2.sf(found.threshold, 1)
    alone = scipy.stats.binom.pmf(1, n, tail)
    assert math.exp(found.log_probability) == pytest.approx(alone * found.share, rel=1e-6)
    assert 0.25 < found.share < 1
    again = failure_probability(with_upper("6"), n, 3)
    assert again == found
    assert failure_probability(with_upper("6"), n, 4).log_probability != found.log_probability


@pytest.mark.parametrize("threshold", [1.0, 20.0, 700.0, 1400.0])
def test_tails_that_underflow(threshold):
    assert _log_tail(threshold) == pytest.approx(float(scipy.stats.chi2.logsf(threshold, 1)), rel=1e-9)


def test_conditional_draws_have_one_large_value_with_the_conditional_law():
    threshold, stream = 9.0, np.random.default_rng(0)
    draws = np.array([_conditional_draw(30, threshold, stream) for _ in range(3000)])
    assert (draws[:, 0] ** 2 >= threshold).all()
    assert (draws[:, 1:] ** 2 < threshold).all()
    uniform = scipy.stats.chi2.sf(draws[:, 0] ** 2, 1) / scipy.stats.chi2.sf(threshold, 1)
    assert scipy.stats.kstest(uniform, "uniform").pvalue > FALSE_ALARM
    rest = scipy.stats.chi2.cdf(draws[:, 1:] ** 2, 1) / scipy.stats.chi2.cdf(threshold, 1)
    assert scipy.stats.kstest(rest.ravel(), "uniform").pvalue > FALSE_ALARM


def test_alignment_of_one_direction():
    z = np.random.default_rng(0).standard_normal(17)
    naive = 17 * sum(float(x) ** 4 for x in z) / sum(float(x) ** 2 for x in z) ** 2
    assert alignment_of(z) == pytest.approx(naive, rel=1e-12)
    assert alignment_of(np.array([0.0, 0.0, 2.0])) == pytest.approx(3)
    assert alignment_of(-3 * z) == pytest.approx(naive, rel=1e-12)


@pytest.mark.parametrize("bound", ["2.9", "3", "25"])
def test_bounds_below_the_population_or_beyond_reach_give_nothing(bound):
    assert failure_probability(with_upper(bound), 80, 0) is None


def sample_sizes(*conditions: str) -> theory.Statement:
    return theory.statement("4.3").replace(sample_size=list(conditions))


@pytest.mark.parametrize("condition", ["log(K/delta)", "log(K/delta)**1.5", "d", "log(log(K/delta))*K"])
def test_conditions_short_of_the_square_of_the_logarithm_are_violated(condition):
    statement = sample_sizes("d*log(d)", condition)
    evidence, witness = rare_event_test(statement, 0)
    assert evidence.state is State.VIOLATED
    assert evidence.figures["n"] == list(SIZES)
    assert evidence.figures["top_slope"] > 0.1
    example = witness["example"]
    assert len(example["large_row"]) == example["d"] == 2


@pytest.mark.parametrize(
    "conditions",
    [
        ("d*log(d)", "(d + log(K/delta))*log(K/delta)"),
        ("d*log(d)", "log(K/delta)**2"),
        ("d*log(d)", "log(K/delta)**3"),
        ("d**2*log(1/delta)**2",),
        ("K/delta",),
    ],
)
def test_conditions_with_the_square_of_the_logarithm_are_not(conditions):
    evidence, witness = rare_event_test(sample_sizes(*conditions), 0)
    assert evidence.state is State.OBSERVED
    assert witness is None
    assert evidence.figures["top_slope"] < 0.05


def test_without_an_upper_bound_there_is_nothing_to_exceed():
    evidence, witness = rare_event_test(theory.statement("4.3").replace(upper=None), 0)
    assert (evidence.state, witness) == (State.OBSERVED, None)
    evidence, witness = rare_event_test(theory.statement("4.3").replace(upper="n"), 0)
    assert (evidence.state, witness) == (State.OBSERVED, None)


def test_the_example_is_drawn_again_from_its_recipe():
    from simulate import streams

    _, witness = rare_event_test(sample_sizes("d*log(d)", "log(K/delta)"), 5)
    example = witness["example"]
    n = example["n"]
    stream = streams.generator(example["seed"], "rare events", (n, "witness"), example["trial"])
    first = failure_probability(sample_sizes("d*log(d)", "log(K/delta)"), n, 5)
    z = _conditional_draw(n, first.threshold, stream)
    value = n * float(np.sum(z**4)) / float(np.sum(z**2)) ** 2
    assert z[0] == example["large_row"][0]
    assert value == pytest.approx(example["value"], rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_example_leaves_the_bound(seed):
    _, witness = rare_event_test(sample_sizes("d*log(d)", "log(K/delta)"), seed)
    assert witness["example"]["value"] > witness["example"]["bound"]
