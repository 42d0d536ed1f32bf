"""Tail bounds of χ² variables and of weighted sums of them: what lies beyond has probability at most exp(−t).

Each bound of Chernoff's method holds at every tilt u, so that a minimiser that misses the best u costs sharpness and
never truth. Everything is up to rounding errors of float64, about 1e-12 relative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

_ROUND_OFF = 1e-9
_MOST_DEGREES = 100_000.0
"""Degrees of freedom up to which quantiles are taken: the tails that test them are sums of 2000 terms at most."""
_LEAST_PROBABILITY = 1e-290
"""Below this the tails lose digits as they leave the range of float64."""
_LOG_TILTS = (-80.0, 600.0)


class Bracket(NamedTuple):
    """Two ends between which a variable lies, each missed with probability at most exp(−t).

    Attributes:
        low: the lower end, at least 0.
        high: the upper end.
    """

    low: float
    high: float


class Weights(NamedTuple):
    """The weights of a sum Σ λⱼ ξⱼ² of squares of standard Gaussians, each once with its multiplicity.

    Attributes:
        values: distinct positive weights, shape (m,), float64.
        counts: how often each occurs, shape (m,), float64.
    """

    values: np.ndarray
    counts: np.ndarray

    def trace(self, power: int) -> float:
        """Sum powers of the weights.

        Args:
            power: the power.

        Returns:
            Σ λⱼ^power.
        """
        return float(self.counts @ self.values**power)

    def squared(self) -> Weights:
        """Square the weights.

        Returns:
            The weights of xᵀSx where these are the weights of ‖x‖².
        """
        return Weights(self.values**2, self.counts)


def laurent_massart(weights: Weights, t: float) -> Bracket:
    """Bracket a weighted sum of χ² variables by Lemma 1 of Laurent & Massart (2000).

    Args:
        weights: λ.
        t: minus the logarithm of the probability allowed at each end, positive.

    Returns:
        max(0, Σλ − 2√t |λ|₂) and Σλ + 2√t |λ|₂ + 2t max λ. O(m).
    """
    mean, spread = weights.trace(1), 2 * math.sqrt(t * weights.trace(2))
    return Bracket(max(0.0, mean - spread), mean + spread + 2 * t * float(weights.values.max()))


def sharp(weights: Weights, t: float) -> Bracket:
    """Bracket a weighted sum of χ² variables: by exact quantiles where all weights are equal, else by Chernoff.

    Args:
        weights: λ.
        t: minus the logarithm of the probability allowed at each end, positive.

    Returns:
        The bracket. O(m) for each of some ten tilts.
    """
    if weights.values.size > 1:
        return Bracket(_chernoff_low(weights, t), _chernoff_high(weights, t))
    scale, exact = float(weights.values[0]), _quantiles(float(weights.counts[0]), t)
    # Where a quantile has lost its digits, far in the tail or at many degrees, Chernoff's bound remains.
    low = scale * exact.low if exact.low > 0 else _chernoff_low(weights, t)
    return Bracket(low, scale * exact.high if exact.high < math.inf else _chernoff_high(weights, t))


def _quantiles(degrees: float, t: float) -> Bracket:
    """Return the quantiles of χ² at exp(−t) and 1 − exp(−t), trivial where they do not pass the test of their tails."""
    from scipy import special

    p = math.exp(-t)
    if degrees > _MOST_DEGREES or p < _LEAST_PROBABILITY:
        return Bracket(0.0, math.inf)
    low = 2 * float(special.gammaincinv(degrees / 2, p))
    high = float(special.chdtri(degrees, p))
    allowed = p * (1 + _ROUND_OFF)
    sound_low = float(special.gammainc(degrees / 2, low / 2)) <= allowed
    sound_high = float(special.chdtrc(degrees, high)) <= allowed
    return Bracket(low if sound_low else 0.0, high if sound_high else math.inf)


def _chernoff_high(weights: Weights, t: float) -> float:
    """Minimise (t + Λ(u))/u over 0 < u < 1/(2 max λ), where Λ(u) = log E exp(uW) = −½ Σ log(1 − 2uλ)."""
    import numpy as np

    top = float(weights.values.max())
    shares, counts = weights.values / top, weights.counts

    # With v = 2u max λ the minimum is where uΛ'(u) − Λ(u) = t, and the left side increases.
    def cumulant(v: float) -> float:
        return -0.5 * float(counts @ np.log1p(-v * shares))

    def excess(log_v: float) -> float:
        v = -math.expm1(-math.exp(log_v))
        return 0.5 * float(counts @ (v * shares / (1 - v * shares))) - cumulant(v) - t

    # v = 1 − exp(−e^s) reaches 1 in floating point at s = 3.6.
    guess = 2 * top * math.sqrt(t) / (math.sqrt(weights.trace(2)) + 2 * math.sqrt(t) * top)
    v = -math.expm1(-math.exp(_root(excess, math.log(-math.log1p(-guess)), _LOG_TILTS[0], 3.5)))
    return 2 * top * (t + cumulant(v)) / v


def _chernoff_low(weights: Weights, t: float) -> float:
    """Maximise (½ Σ log(1 + 2uλ) − t)/u over u > 0, at least 0."""
    import numpy as np

    top = float(weights.values.max())
    shares, counts = weights.values / top, weights.counts

    def cumulant(v: float) -> float:
        return 0.5 * float(counts @ np.log1p(v * shares))

    def excess(log_v: float) -> float:
        v = math.exp(log_v)
        return cumulant(v) - 0.5 * float(counts @ (v * shares / (1 + v * shares))) - t

    guess = 2 * top * math.sqrt(t / weights.trace(2))
    v = math.exp(_root(excess, math.log(guess), *_LOG_TILTS))
    return max(0.0, 2 * top * (cumulant(v) - t) / v)


def _root(increasing: Callable[[float], float], guess: float, low: float, high: float) -> float:
    """Find near a guess where an increasing function changes its sign, or the end that is nearer to it."""
    from scipy import optimize

    start = min(high, max(low, guess))
    forward = increasing(start) < 0
    near, step = start, 0.5
    while True:
        far = min(high, near + step) if forward else max(low, near - step)
        if (increasing(far) < 0) != forward:
            break
        if far in {low, high}:
            return far
        near, step = far, 2 * step
    return float(optimize.brentq(increasing, min(near, far), max(near, far), xtol=1e-4))
