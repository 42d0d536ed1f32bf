"""Lemma C.5: the inputs vary along every direction about as much in the sample as in the population.

Problem:
    uᵀŜu/uᵀSu is claimed to lie within explicit bounds for all u at once, for every covariance S, with probability
    1 − δ.

Method:
    The extremes over all u are the generalised eigenvalues of (Ŝ, S), computed for covariances that are not diagonal:
    equal eigenvalues, a power law, one large eigenvalue. In law they do not depend on S; the computation does not use
    it. n is the smallest that the condition allows; failures are counted and compared with δ (Clopper–Pearson).

Guarantee:
    A true statement is refuted with probability at most 10⁻⁶; each point supports a false one with probability at most
    10⁻³ a round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

import simulate
import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._covariances import LARGEST_N, Place, recipe, sample_covariance, samples_asked, too_large
from verify.claims._failures import judge_failures
from verify.claims._trials import Item, Observations, Sampled, Worst
from verify.verdict import Verdict

PLACES = (
    Place(0.9, 0.1, 1),
    Place(0.5, 0.1, 3, "power law"),
    Place(0.5, 0.1, 60, "spiked"),
    Place(0.1, 0.1, 10, "power law"),
    Place(0.001, 0.1, 2),
)
EXPONENT, STRENGTH = 1.5, 100.0
LONGEST_WITNESS = 64
"""Entries of a direction that a witness writes out."""


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma C.5 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    sizes = [(place, samples_asked(statement, place, LARGEST_N)) for place in PLACES]
    points = [_point(place, n) for place, n in sizes if n is not None]
    left_out = too_large([place for place, n in sizes if n is None])
    return judge_failures(statement, context, observations, points, stop_early, left_out)


def _point(place: Place, n: int) -> Sampled:
    return Sampled(
        name=f"{place.family}, d = {place.d}, n = {n}, ε = {place.eps:g}, δ = {place.delta:g}",
        symbols={"eps": place.eps, "delta": place.delta, "n": float(n), "d": float(place.d)},
        design=(place.family, place.d, n),
        draw=ratios,
        again=_again,
        centre=1.0,
    )


def factor(family: str, d: int, seed: int) -> np.ndarray:
    """Make R with S = RRᵀ, the covariance of a family in a random basis.

    Args:
        family: "isotropic", "power law" or "spiked".
        d: dimension.
        seed: the run's seed.

    Returns:
        Shape (d, d), float64.
    """
    spectrum = {
        "isotropic": simulate.isotropic(d),
        "power law": simulate.power_law(d, EXPONENT),
        "spiked": simulate.spiked(d, 1, STRENGTH),
    }[family]
    basis, _ = np.linalg.qr(streams.generator(seed, "basis", (family, d)).standard_normal((d, d)))
    return basis * np.sqrt(spectrum)


def ratios(item: Item) -> Worst:
    """Compute the range of uᵀŜu/uᵀSu over all u on one data set.

    Args:
        item: the data set; its design is (family, d, n).

    Returns:
        The extremes, exact. O(d³).
    """
    sample, population = _covariances(item)
    values = linalg.eigh(sample, population, eigvals_only=True)
    low, high = float(values[0]), float(values[-1])
    return Worst(low, high, low, high)


def _covariances(item: Item) -> tuple[np.ndarray, np.ndarray]:
    """Draw Ŝ, and give S."""
    family, d, n = item.design
    R = factor(family, d, item.seed)
    return R @ sample_covariance(d, n, item.seed, item.trial) @ R.T, R @ R.T


def _again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Compute the ratio along its worst direction, by the definition."""
    sample, population = _covariances(item)
    _, vectors = linalg.eigh(sample, population)
    u = vectors[:, 0 if side == "lower" else -1]
    family, d, n = item.design
    how: dict[str, Any] = {
        "family": family,
        "factor": f"R = verify.claims.lemma_c5.factor({family!r}, {d}, seed={item.seed}); S = R Rᵀ, Ŝ = R draw Rᵀ",
        "recompute": "uᵀŜu/uᵀSu",
        "u": u.tolist() if d <= LONGEST_WITNESS else f"the {side} end's eigenvector of (Ŝ, S)",
    }
    return float((u @ sample @ u) / (u @ population @ u)), recipe(d, n, item.seed, item.trial) | how
