"""What can be derived about the toy valley L(a, b) = b²/(2s), s = a² + 1, of Figure 4.

One step with input x and h = ηx²/s (gradient descent: x² = 1) is

    b ← b (1 − h),    a ← a (1 + h b²/s),

so every step with b ≠ 0 pushes |a| outwards, whether the gradient is noisy or not.

Conserved quantity: along gradient flow da/db = −ab/s, hence C = a² + 2 log|a| + b² is constant. SGD's gradient is
x²∇L: its noise only changes how fast that orbit is run through, and with small learning rates SGD and gradient descent
end at the same point. One step of either changes C, with u = hb²/s, by

    ΔC = h²b² + u²a² + 2 (log(1 + u) − u) ≥ h²b² + u²(a² − 1),

since log(1 + u) ≥ u − u²/2. That is positive wherever |a| ≥ 1, and h²b² = (Δb)²: whoever moves farther across the
valley drifts farther out. For b²/s small the drift is the sum of the squared jumps of b.

Threshold: while a stands still, log|b| of gradient descent grows by log|1 − h| a step and that of SGD by
E log|1 − hx²| on average. They pass 0 at h = 2 and at h = 2.42: typical runs of SGD are the more stable ones, although
their second moment grows from h = 2/3 on. In a long triangular cycle log|b| therefore falls first, rises where h is
above the threshold, and is largest where h falls back to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

_LARGEST_INPUT = 12.0
_NODES = 200_001
GD_EDGE = 2.0
"""h at which gradient descent stops contracting."""


def conserved(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray | float:
    """Evaluate what gradient flow conserves.

    Args:
        a: position along the valley, not 0.
        b: position across it.

    Returns:
        a² + 2 log|a| + b².
    """
    return a**2 + 2 * np.log(np.abs(a)) + b**2


def flow_end(a: float, b: float) -> float:
    """Find where gradient flow ends.

    Args:
        a: start along the valley, not 0.
        b: start across it.

    Returns:
        |a| on the orbit's end, b = 0.
    """
    wanted = float(conserved(a, b))
    return float(brentq(lambda end: float(conserved(end, 0.0)) - wanted, abs(a), np.hypot(a, b) + 1e-12, xtol=1e-14))


@functools.cache
def sgd_edge() -> float:
    """Find where typical runs of SGD stop contracting.

    Returns:
        h at which E log|1 − hx²| = 0, x standard Gaussian; 2.42.
    """
    # The mean logarithm is the slope of its integral, which has no singularity.
    width = 1e-3
    return float(brentq(lambda h: _mean_integral(h + width) - _mean_integral(h - width), 1.5, 4.0, xtol=1e-9))


@functools.cache
def rise_threshold(low: float, stochastic: bool) -> float:
    """Find the height of a long cycle at which the loss just comes back to its initial value.

    Args:
        low: smallest learning rate as a share of the largest one.
        stochastic: whether for a typical run of SGD, by its mean logarithm, or for gradient descent.

    Returns:
        The largest learning rate times the curvature 1/s at the start, for b/√s small and cycles of many steps.
    """
    integral, edge = (_mean_integral, sgd_edge()) if stochastic else (_plain_integral, GD_EDGE)
    return float(brentq(lambda height: _net_growth(integral, low, height, edge), edge, 60.0))


def _net_growth(integral: Callable[[float], float], low: float, height: float, edge: float) -> float:
    """Integrate the growth of log|b| from the bottom of a cycle to its top and back down to the edge."""
    bottom = low * height
    if bottom >= edge:
        return integral(height) - integral(bottom)
    return 2 * integral(height) - integral(bottom) - integral(edge)


def _plain_integral(h: float) -> float:
    """Antiderivative of log|1 − h|."""
    return (h - 1) * float(np.log(abs(h - 1))) - h if h != 1 else -h


def _mean_integral(h: float) -> float:
    """Antiderivative of E log|1 − hx²|, by the trapezoidal rule in x."""
    x = np.linspace(0.0, _LARGEST_INPUT, _NODES)[1:]
    shift = h * x**2 - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(shift == 0, 0.0, shift * np.log(np.abs(shift))) / x**2 - h
    density = np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)
    return float(np.trapezoid(values * density, x))
