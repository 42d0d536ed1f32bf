"""Ratios of two programs' times from their rounds, with intervals that assume no distribution."""

from __future__ import annotations

import numpy as np
from scipy import special

from verify.statistics import Interval

_MOST_ROUNDS = 400
_EXACT_UP_TO = 60


def time_ratio(theirs: np.ndarray, ours: np.ndarray, confidence: float = 0.95) -> Interval:
    """How many times as long one program takes as another (Hodges and Lehmann, 1963, on logarithms).

    The estimate is the median of the ratios of all pairs of rounds. The interval inverts the rank-sum test of Wilcoxon,
    Mann and Whitney: it is exact for independent rounds if the two programs' times differ by a factor, whatever their
    distribution. Of more than 400 rounds, 400 spread evenly count. O(r² log r) for r rounds.

    Args:
        theirs: seconds of each round of the one, shape (rounds,), positive.
        ours: seconds of each round of the other, shape (rounds,), positive.
        confidence: two-sided confidence of the interval.

    Returns:
        The ratio theirs/ours and its interval, from 0 to infinity where there are too few rounds: at 95 % both need 4,
        or one 3 and the other 5, or one 2 and the other 8.
    """
    first, second = _spread_evenly(theirs), _spread_evenly(ours)
    pairs = np.sort((first[:, None] / second[None, :]).ravel())
    cut = rank_cut(first.size, second.size, (1 - confidence) / 2)
    if cut == 0:
        return Interval(float(np.median(pairs)), 0.0, np.inf)
    return Interval(float(np.median(pairs)), float(pairs[cut - 1]), float(pairs[-cut]))


def rank_cut(first: int, second: int, tail: float) -> int:
    """Find how many of the smallest differences of pairs may be left out.

    Args:
        first: size of one sample, at least 1.
        second: size of the other, at least 1.
        tail: probability that may be lost, below a half.

    Returns:
        The largest c with P[U < c] ≤ tail for the statistic U of Mann and Whitney, 0 to first·second; exact up to 60
        in each sample, by the normal approximation with a correction of 1 to the safe side beyond.
    """
    if max(first, second) > _EXACT_UP_TO:
        pairs = first * second
        deviation = np.sqrt(pairs * (first + second + 1) / 12)
        return max(0, int(np.floor(pairs / 2 + special.ndtri(tail) * deviation)) - 1)
    below = np.cumsum(_rank_sum_probabilities(first, second))
    return int(np.searchsorted(below, tail, side="right"))


def _rank_sum_probabilities(first: int, second: int) -> np.ndarray:
    """Distribution of Mann and Whitney's U: coefficients of a Gaussian binomial, as probabilities."""
    counts = np.zeros(first * second + 1)
    counts[0] = 1.0
    for i in range(1, second + 1):
        # Times (1 − q^(first+i)), divided by (1 − q^i); scaled, so that the sum stays 1.
        if first + i <= first * second:
            counts[first + i :] -= counts[: -(first + i)].copy()
        for start in range(i):
            counts[start::i] = np.cumsum(counts[start::i])
        counts *= i / (first + i)
    return counts


def _spread_evenly(seconds: np.ndarray) -> np.ndarray:
    """Keep at most 400 rounds, evenly spaced in time."""
    if seconds.size <= _MOST_ROUNDS:
        return seconds
    return seconds[np.linspace(0, seconds.size - 1, _MOST_ROUNDS).round().astype(int)]
