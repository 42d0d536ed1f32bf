"""Families of Gaussian designs along which statements are tested, and the exact extremes on one draw of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

import simulate
from simulate import streams

FAMILIES = {
    "isotropic": "S = I",
    "masked": "m unit eigenvalues and a vanishing tail that makes rank X = n: d_eff = m, d >= n",
    "tailed": "m unit eigenvalues and a tiny tail of n^(2/3): d_eff = m",
    "spiked": "one eigenvalue 1 and d - 1 equal smaller ones, d = 2 d_eff",
}
TAIL = 1e-8
"""Tail of the spectrum that is written out; of a masked design in the limit 0 the first m columns are enough."""


class Design(NamedTuple):
    """A Gaussian design, by the few numbers that fix it.

    Attributes:
        family: a key of `FAMILIES`.
        n: number of samples.
        rank: the family's parameter: d (isotropic), the number of unit eigenvalues (masked, tailed), d_eff rounded
            (spiked).
    """

    family: str
    n: int
    rank: int

    @property
    def d(self) -> int:
        """Dimension of the inputs."""
        if self.family == "masked":
            return self.rank + self.n
        if self.family == "tailed":
            return self.rank + round(self.n ** (2 / 3))
        return 2 * self.rank if self.family == "spiked" else self.rank

    def spectrum(self) -> np.ndarray:
        """Eigenvalues of the covariance.

        Returns:
            Shape (d,), float64.
        """
        values = np.ones(self.d)
        if self.family in {"masked", "tailed"}:
            values[self.rank :] = TAIL
        elif self.family == "spiked":
            values[1:] = math.sqrt((self.rank - 1) / (self.d - 1)) if self.rank > 1 else TAIL
        return values

    @property
    def d_eff(self) -> float:
        """Effective dimension srk(S²)."""
        return float(self.rank) if self.family in {"masked", "tailed"} else float(np.sum(self.spectrum() ** 2))

    def draw(self, seed: int, trial: int) -> np.ndarray:
        """Draw the inputs of one data set.

        Args:
            seed: the run's seed.
            trial: number of the data set.

        Returns:
            X, shape (n, d), float64.
        """
        X = self.leading_columns(seed, trial)
        if self.family != "masked":
            return X
        tail = streams.generator(seed, "tail", tuple(self), trial)
        return np.hstack([X, simulate.gaussian_inputs(self.n, np.full(self.n, TAIL), tail)])

    def leading_columns(self, seed: int, trial: int) -> np.ndarray:
        """Draw one data set without the tail that a masked design has.

        Args:
            seed: the run's seed.
            trial: number of the data set.

        Returns:
            The first m columns of X for a masked design, all of X for the others, float64.
        """
        spectrum = np.ones(self.rank) if self.family == "masked" else self.spectrum()
        return simulate.gaussian_inputs(self.n, spectrum, streams.generator(seed, "inputs", tuple(self), trial))

    def loss_extremes(self, seed: int, trial: int) -> tuple[float, float]:
        """Compute the range of the loss alignment over all θ on one data set.

        Args:
            seed: the run's seed.
            trial: number of the data set.

        Returns:
            inf and sup, exact; for a masked design in the limit of a vanishing tail, where every residual is possible.
        """
        X = self.leading_columns(seed, trial)
        found = simulate.label_free_range(X) if self.family == "masked" else simulate.loss_alignment_range(X)
        return found[0], found[1]

    def recipe(self, seed: int, trial: int) -> dict[str, object]:
        """Say how to draw this data set again.

        Args:
            seed: the run's seed.
            trial: number of the data set.

        Returns:
            The design's numbers and the Python expression that draws X.
        """
        return {
            "family": self.family,
            "meaning": FAMILIES[self.family],
            "n": self.n,
            "d": self.d,
            "d_eff": self.d_eff,
            "seed": seed,
            "trial": trial,
            "draw": f"verify.designs.Design({self.family!r}, {self.n}, {self.rank}).draw(seed={seed}, trial={trial})",
        }
