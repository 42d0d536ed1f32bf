"""Data sets on which Section 5 is judged: linear models on few or many samples, on images, and online."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import simulate
from simulate import streams

FAMILIES = {
    "isotropic": "N(0, I)",
    "power law": "N(0, diag(1, 1/2, 1/3, ...))",
    "steep": "N(0, diag(1, 1/4, 1/9, ...))",
    "spiked": "N(0, diag(20, 1, ..., 1))",
    "signs": "every entry +1 or -1, column j times j^(-1/2)",
    "long row": "N(0, I), the first row times 6",
    "digits": "handwritten digits, in coordinates of the range of G",
}
ONLINE = 0
"""Number of samples that stands for a fresh sample in every step; Gaussian families only."""
DIGITS_RANK = 61
"""Dimension of the range of G for all images: three pixels never vary."""


class EscapeDesign(NamedTuple):
    """A data set, by the few numbers that fix it.

    Attributes:
        family: a key of `FAMILIES`.
        n: number of samples; 0 for online SGD.
        d: dimension of the inputs.
    """

    family: str
    n: int
    d: int

    @property
    def online(self) -> bool:
        """Whether every step sees a fresh sample."""
        return self.n == ONLINE

    @property
    def rank(self) -> int:
        """Number of positive eigenvalues of G, for inputs in general position."""
        return self.d if self.online else min(self.n, self.d)

    @property
    def name(self) -> str:
        """Name in reports."""
        return f"{self.family}, online, d = {self.d}" if self.online else f"{self.family}, n = {self.n}, d = {self.d}"

    def spectrum(self) -> np.ndarray:
        """Eigenvalues of the inputs' covariance, in the population.

        Returns:
            Shape (d,), float64, descending; not meant for images.
        """
        if self.family in {"power law", "steep", "signs"}:
            return simulate.power_law(self.d, 2.0 if self.family == "steep" else 1.0)
        return simulate.spiked(self.d, 1 if self.family == "spiked" else 0, 20.0)

    def draw(self, seed: int) -> np.ndarray:
        """Draw the inputs.

        Args:
            seed: the run's seed.

        Returns:
            X, shape (n, d), float64.
        """
        stream = streams.generator(seed, "escape inputs", tuple(self))
        if self.family == "digits":
            images = simulate.digits()[0] if self.n == 1797 else simulate.digits(n=self.n, seed=stream)[0]
            return images @ np.linalg.svd(images, full_matrices=False)[2][: self.d].T
        if self.family == "signs":
            return np.sign(stream.random((self.n, self.d)) - 0.5) * np.sqrt(self.spectrum())
        X = np.asarray(simulate.gaussian_inputs(self.n, self.spectrum(), stream))
        if self.family == "long row":
            X[0] *= 6.0
        return X

    def recipe(self, seed: int) -> dict[str, object]:
        """Say how to get this data set again.

        Args:
            seed: the run's seed.

        Returns:
            The design's numbers, the Python expression that draws X, online the one of its spectrum, and the one of the
            plain model in which a witness is computed again.
        """
        made = f"verify.escape_designs.EscapeDesign({self.family!r}, {self.n}, {self.d})"
        if self.online:
            draw = {"spectrum": f"{made}.spectrum()", "model": "verify.escape_witness.PlainModel(None, spectrum)"}
        else:
            draw = {"draw": f"{made}.draw(seed={seed})", "model": "verify.escape_witness.PlainModel(draw)"}
        return {"family": self.family, "meaning": FAMILIES[self.family], "n": self.n, "d": self.d, "seed": seed} | draw
