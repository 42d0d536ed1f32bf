"""Intervals that verdicts rest on: proportions, quantiles, and the slope of a quantile along a ray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special


class Interval(NamedTuple):
    """An estimate with the ends of its interval.

    Attributes:
        estimate: the point estimate.
        low: lower end.
        high: upper end.
    """

    estimate: float
    low: float
    high: float


def clopper_pearson(failures: int, trials: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson, 1934).

    Args:
        failures: number of failures.
        trials: number of trials, at least 1.
        confidence: confidence level; each end fails with probability at most (1 - confidence)/2.

    Returns:
        The observed proportion and the interval.
    """
    tail = (1 - confidence) / 2
    low = 0.0 if failures == 0 else float(special.betaincinv(failures, trials - failures + 1, tail))
    high = 1.0 if failures == trials else float(special.betaincinv(failures + 1, trials - failures, 1 - tail))
    return Interval(failures / trials, low, high)


def harrell_davis_weights(trials: int, level: float) -> np.ndarray:
    """Weights of the order statistics in the quantile estimator of Harrell and Davis (1982).

    Args:
        trials: sample size, at least 1.
        level: level of the quantile, strictly between 0 and 1.

    Returns:
        Weights, shape (trials,), that sum to 1.
    """
    edges = special.betainc((trials + 1) * level, (trials + 1) * (1 - level), np.arange(trials + 1) / trials)
    return np.diff(edges)


def quantile_interval(sample: Sequence[float] | np.ndarray, level: float, confidence: float = 0.95) -> Interval:
    """Estimate a quantile, with distribution-free one-sided bounds from order statistics.

    The upper bound needs n with level**n <= 1 - confidence (59 at the 0.95 quantile, 29 at the 0.9 quantile) and is
    infinite below that; likewise the lower bound.

    Args:
        sample: values, shape (n,), n >= 1; infinite ones are allowed.
        level: level of the quantile, strictly between 0 and 1.
        confidence: confidence of each of the two one-sided bounds.

    Returns:
        The Harrell-Davis estimate (an order statistic where values are infinite) and the two bounds.
    """
    ordered = np.sort(np.asarray(sample, dtype=np.float64))
    n = ordered.size
    # P[the k-th smallest lies at or above the quantile] = P[Binomial(n, level) <= k - 1].
    below = special.bdtr(np.arange(n), n, level)
    above = np.flatnonzero(below >= confidence)
    high = float(ordered[above[0]]) if above.size else math.inf
    under = np.flatnonzero(below <= 1 - confidence)
    low = float(ordered[under[-1]]) if under.size else -math.inf
    if np.isfinite(ordered).all():
        estimate = float(harrell_davis_weights(n, level) @ ordered)
    else:
        estimate = float(ordered[min(n - 1, math.ceil(level * n) - 1)])
    return Interval(estimate, low, high)


def slope_interval(
    positions: np.ndarray,
    samples: Sequence[np.ndarray],
    level: float,
    confidence: float,
    generator: np.random.Generator,
    resamples: int = 800,
) -> Interval:
    """Slope of a quantile against a position, by least squares with a bootstrap interval.

    At each position the quantile is the Harrell-Davis estimate of that position's sample; the data sets are resampled
    within each position. The interval is the normal one with the bootstrap's standard error, inflated by Student's
    quantile for the smallest sample.

    Args:
        positions: horizontal coordinates, shape (m,), m >= 2, not all equal.
        samples: m arrays of finite values.
        level: level of the quantile.
        confidence: two-sided confidence of the interval.
        generator: source of the resampling.
        resamples: number of bootstrap resamples.

    Returns:
        The slope and its interval.
    """
    x = np.asarray(positions, dtype=np.float64)
    direction = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    ordered = [np.sort(np.asarray(sample, dtype=np.float64)) for sample in samples]
    estimate = sum(c * harrell_davis_weights(s.size, level) @ s for c, s in zip(direction, ordered, strict=True))
    drawn = np.zeros(resamples)
    for coefficient, sample in zip(direction, ordered, strict=True):
        # Sorted indices into a sorted sample: the resample is sorted without sorting the values again.
        indices = np.sort(generator.integers(sample.size, size=(resamples, sample.size)), axis=1)
        drawn += coefficient * (sample[indices] @ harrell_davis_weights(sample.size, level))
    error = float(np.std(drawn, ddof=1))
    smallest = min(sample.size for sample in ordered)
    quantile = float(special.stdtrit(max(smallest - 1, 1), (1 + confidence) / 2))
    return Interval(float(estimate), float(estimate) - quantile * error, float(estimate) + quantile * error)
