"""Sample covariances of standard Gaussian vectors, and the designs at which statements about them are judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import theory
from simulate import streams
from verify.verdict import Evidence, State

LARGEST_N = 10**12
"""Most samples of a sample covariance: its law is drawn from directly, at a cost that does not depend on them."""


class Place(NamedTuple):
    """Where a statement is judged, before its conditions give a number of samples.

    Attributes:
        eps: ε.
        delta: δ.
        d: dimension.
        family: the family of the covariance.
    """

    eps: float
    delta: float
    d: int
    family: str = "isotropic"

    @property
    def name(self) -> str:
        """The place in words."""
        return f"{self.family}, d = {self.d}, ε = {self.eps:g}, δ = {self.delta:g}"


def samples_asked(statement: theory.Statement, place: Place, most: float) -> int | None:
    """Find the smallest number of samples that a statement's conditions allow.

    Args:
        statement: the statement; its conditions have constants of their own.
        place: gives ε, δ and d.
        most: how many are affordable.

    Returns:
        n, or None where it is above that.
    """
    known = {"eps": place.eps, "delta": place.delta, "d": float(place.d)}
    values = {name: value for name, value in known.items() if name in statement.symbols}
    try:
        asked = statement.required_n(**values)
    except theory.StatementError:
        return None
    return asked if asked <= most else None


def too_large(places: Sequence[Place]) -> list[Evidence]:
    """Say which places were left out.

    Args:
        places: those where the conditions ask for more samples than are affordable.

    Returns:
        One remark, or none.
    """
    if not places:
        return []
    names = "; ".join(place.name for place in places)
    return [Evidence("places left out", f"the conditions ask for too many samples at {names}", State.OBSERVED)]


def sample_covariance(d: int, n: int, seed: int, trial: int) -> np.ndarray:
    """Draw Ŝ = (1/n) Σ zᵢzᵢᵀ of n standard Gaussian vectors.

    Where n ≥ d, nŜ = LLᵀ with L lower triangular, Lᵢᵢ² ~ χ² of n − i + 1 degrees (i = 1…d) and standard Gaussian
    entries below the diagonal, all independent (Bartlett 1933): the law is the same, and no vector need be drawn.

    Args:
        d: dimension.
        n: number of vectors.
        seed: the run's seed.
        trial: number of the data set.

    Returns:
        Shape (d, d), float64, symmetric. O(d³), or O(nd²) where n < d.
    """
    stream = streams.generator(seed, "sample covariance", (d, n), trial)
    if n < d:
        factor = stream.standard_normal((d, n))
    else:
        factor = np.tril(stream.standard_normal((d, d)), -1)
        np.fill_diagonal(factor, np.sqrt(stream.chisquare(n - np.arange(d))))
    factor /= math.sqrt(n)
    return np.asarray(factor @ factor.T)


def recipe(d: int, n: int, seed: int, trial: int) -> dict[str, object]:
    """Say how to draw a sample covariance again.

    Args:
        d: dimension.
        n: number of vectors.
        seed: the run's seed.
        trial: number of the data set.

    Returns:
        The numbers and the Python expression.
    """
    call = f"verify.claims._covariances.sample_covariance({d}, {n}, seed={seed}, trial={trial})"
    return {"d": d, "n": n, "draw": call}
