"""How the fraction of ã that falls on one sample depends on one neuron of a two-layer network.

With all other neurons fixed it is a ratio of two polynomials of degree 2 in the neuron's squared outer weight, whose
coefficients are forms in the derivatives of its activation and their squares (``two_layer_patterns``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .two_layer_climb import FLOOR


class Ratios(NamedTuple):
    """Fractions (noise + 2 c n₁ + c² n₂)/(total + 2 c t₁ + c² t₂) of ã on the target, for several patterns of a neuron.

    Attributes:
        noise: ã of the target from the other neurons alone.
        total: Sum of ã from the other neurons alone.
        n1: Coefficients n₁, shape (m,).
        n2: Coefficients n₂, shape (m,).
        t1: Coefficients t₁, shape (m,).
        t2: Coefficients t₂, shape (m,).
    """

    noise: float
    total: float
    n1: np.ndarray
    n2: np.ndarray
    t1: np.ndarray
    t2: np.ndarray

    def merits(self, strengths: np.ndarray, sign: int) -> np.ndarray:
        """Signed logarithms of the fractions.

        Args:
            strengths: c, non-negative, shape (m,).
            sign: 1 for the supremum, −1 for the infimum.

        Returns:
            Merits, shape (m,); −∞ where all of ã is 0.
        """
        above = self.noise + strengths * (2 * self.n1 + strengths * self.n2)
        below = self.total + strengths * (2 * self.t1 + strengths * self.t2)
        return signed_logarithms(above, below, sign)

    def best(self, strength: float, free: bool, sign: int) -> tuple[float, int, float]:
        """The best pattern, with the best outer weight for it.

        Args:
            strength: The neuron's c.
            free: Whether the outer weight may change.
            sign: 1 for the supremum, −1 for the infimum.

        Returns:
            The merit, the pattern's place, and c; ∞ where the neuron should be alone.
        """
        if not free:
            merits = self.merits(np.full_like(self.n1, strength), sign)
            return float(merits.max()), int(np.argmax(merits)), strength
        # The derivative of a ratio of two quadratics has a quadratic for numerator.
        square, middle = self.n2 * self.t1 - self.n1 * self.t2, self.n2 * self.total - self.noise * self.t2
        constant = self.n1 * self.total - self.noise * self.t1
        root = np.sqrt(np.maximum(middle * middle - 4 * square * constant, 0.0))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            stationary = [(-middle + root) / (2 * square), (-middle - root) / (2 * square)]
        candidates = [np.full_like(self.n1, strength), np.zeros_like(self.n1)]
        candidates += [np.where((one > 0) & (one < 1e12), one, strength) for one in stationary]
        merits = np.stack([*(self.merits(one, sign) for one in candidates), signed_logarithms(self.n2, self.t2, sign)])
        which, place = divmod(int(np.argmax(merits)), self.n1.size)
        chosen = float(candidates[which][place]) if which < len(candidates) else math.inf
        return float(merits[which, place]), place, chosen


def signed_logarithms(above: np.ndarray, below: np.ndarray, sign: int) -> np.ndarray:
    """Signed logarithms of fractions.

    Args:
        above: Numerators, shape (m,).
        below: Denominators, shape (m,).
        sign: 1 for the supremum, −1 for the infimum.

    Returns:
        sign · log(fraction), fractions below ``FLOOR`` counted as that; −∞ where the denominator is 0.
    """
    positive = below > 0
    fractions = above / np.where(positive, below, 1.0)
    return np.where(positive, sign * np.log(np.maximum(fractions, FLOOR)), -math.inf)


def forms_along(
    matrix: np.ndarray,
    start: np.ndarray,
    change: np.ndarray,
    met: np.ndarray,
    order: np.ndarray,
    row: int,
    mirror: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Quadratic forms vᵀ A v, and one entry of A v, along a path on which entries of v change one after the other.

    Args:
        matrix: Symmetric matrix A, shape (n, n).
        start: First v, shape (n,).
        change: What each entry changes by, shape (n,).
        met: For each entry, what the earlier changes have done to its entry of A v, shape (n,).
        order: All entries, in the order in which they change.
        row: The entry of A v.
        mirror: Value γ such that γ − v follow as further vectors; None for none.

    Returns:
        The forms and the entries, each of shape (n + 1,), or (2n + 2,) with mirror.
    """
    image = matrix @ start
    gained = change * (2 * (image + met) + change * matrix.diagonal())
    forms = _summed(float(start @ image), gained[order])
    entries = _summed(float(image[row]), (matrix[row] * change)[order])
    if mirror is None:
        return forms, entries
    sums = matrix.sum(axis=1)
    mixed = _summed(float(sums @ start), (sums * change)[order])
    mirrored = mirror * mirror * float(sums.sum()) - 2 * mirror * mixed + forms
    return np.concatenate([forms, mirrored]), np.concatenate([entries, mirror * float(sums[row]) - entries])


def _summed(first: float, steps: np.ndarray) -> np.ndarray:
    """Running sums.

    Args:
        first: Where they start.
        steps: What is added, shape (n,).

    Returns:
        Sums, shape (n + 1,).
    """
    return np.concatenate([[first], first + np.cumsum(steps)])
