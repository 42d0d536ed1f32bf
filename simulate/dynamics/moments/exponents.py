"""Powers of two carried beside the numbers, because second moments grow or shrink exponentially."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...validation import Array

LARGEST_EXPONENT = 2046
"""Two factors of 2^1023 turn any float64 that is not tiny into infinity."""


class RateFactors(NamedTuple):
    """Learning rate of a step that is divided by max(1, η)², so that no coefficient overflows.

    Attributes:
        shrink: r, a power of two, 1 where η is below 1.
        rate: h = η r, below 1.
        exponent: Power of two that the result of the step is to be multiplied by: r^(-2).
    """

    shrink: float
    rate: float
    exponent: int


def rate_factors(rate: float) -> RateFactors:
    """Divide a learning rate by a power of two.

    Args:
        rate: Learning rate η, positive.

    Returns:
        The factors.
    """
    power = max(0, math.frexp(rate)[1])
    shrink = 2.0**-power
    return RateFactors(shrink, rate * shrink, 2 * power)


def times_power(values: Array, exponent: int) -> Array:
    """Multiply by a power of two, by two factors because one of them might overflow by itself.

    Args:
        values: A number or an array of any library.
        exponent: The power of two.

    Returns:
        The product, infinite where it is beyond the range of float64.
    """
    exponent = max(-LARGEST_EXPONENT, min(LARGEST_EXPONENT, exponent))
    half = exponent // 2
    with np.errstate(over="ignore", under="ignore"):
        return values * 2.0**half * 2.0 ** (exponent - half)
