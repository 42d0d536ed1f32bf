"""The step of the diagonal of the second moment online: A = diag(a) + gain · s sᵀ for x ~ N(0, diag(s)).

a_i = (1 − ηs_i)² + η²s_i²/B and gain = η²/B. Off-diagonal entries (i, j) move by themselves, by the factor
(1 − ηs_i)(1 − ηs_j) + η²s_i s_j/B, which by Cauchy–Schwarz is at most √(a_i a_j): less than the spectral radius of A.
"""

from __future__ import annotations

import math

import numpy as np

from ...arrays import rescaled
from ...validation import check_integer, check_real
from .exponents import rate_factors
from .inputs import host_spectrum, scaled_rate


class OnlineStep:
    """A, divided by the power of two that ``rate_factors`` gives.

    Attributes:
        values: Eigenvalues of S over ``scale``, in the order given, shape (d,).
        scale: A power of two.
        own: Diagonal a, scaled, shape (d,).
        gain: Coefficient of s sᵀ, scaled.
        exponent: A is 2^exponent times what ``apply`` gives.
    """

    def __init__(self, spectrum: object, lr: object, batch: object) -> None:
        """Check the arguments and prepare the coefficients.

        Args:
            spectrum: Eigenvalues of S, shape (d,), positive.
            lr: Learning rate, positive.
            batch: Samples per minibatch, at least 1.

        Raises:
            InputError: If an argument is not as described.
        """
        self.values, self.scale = rescaled(np, host_spectrum(spectrum))
        rate = check_real("lr", lr, minimum=0.0, exclusive=True)
        weight = 1 / check_integer("batch", batch, minimum=1)
        factors = rate_factors(scaled_rate(rate, math.sqrt(self.scale)))
        self.exponent = factors.exponent
        noise = factors.rate * self.values
        self.own = (factors.shrink - noise) ** 2 + weight * noise**2
        self.gain = factors.rate * factors.rate * weight

    def apply(self, diagonals: np.ndarray) -> np.ndarray:
        """Apply A to each of several diagonals; all terms are positive where these are.

        Args:
            diagonals: Shape (..., d).

        Returns:
            Shape (..., d).
        """
        return self.own * diagonals + self.gain * (diagonals @ self.values)[..., None] * self.values
