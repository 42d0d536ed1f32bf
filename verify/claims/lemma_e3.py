"""Lemma E.3: the sample covariance of standard Gaussian vectors is close to the identity.

Problem:
    ‖Ŝ − I‖ ≤ ε is claimed with probability 1 − δ once n meets a condition whose constant is explicit.

Method:
    At several ε and d the smallest n that the condition allows is taken, and Ŝ is drawn by Bartlett's decomposition, at
    a cost that does not depend on n. The norm is the largest absolute eigenvalue of Ŝ − I: the worst case over all
    directions, exactly. Failures are counted and compared with δ (Clopper–Pearson).

Guarantee:
    A true statement is refuted with probability at most 10⁻⁶; each point supports a false one with probability at most
    10⁻³ a round.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import theory
from verify.claims._context import Context
from verify.claims._covariances import LARGEST_N, Place, recipe, sample_covariance, samples_asked, too_large
from verify.claims._failures import judge_failures
from verify.claims._trials import Item, Observations, Sampled, Worst
from verify.verdict import Verdict

PLACES = (
    Place(0.9, 0.1, 1),
    Place(0.5, 0.1, 2),
    Place(0.5, 0.1, 60),
    Place(0.1, 0.1, 10),
    Place(0.001, 0.1, 2),
)


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma E.3 or a variant of it.

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
        name=f"d = {place.d}, n = {n}, ε = {place.eps:g}, δ = {place.delta:g}",
        symbols={"eps": place.eps, "delta": place.delta, "n": float(n), "d": float(place.d)},
        design=(place.d, n),
        draw=error,
        again=_again,
        centre=0.0,
    )


def error(item: Item) -> Worst:
    """Compute ‖Ŝ − I‖ on one data set.

    Args:
        item: the data set; its design is (d, n).

    Returns:
        The norm, exact. O(d³).
    """
    d, n = item.design
    deviations = np.linalg.eigvalsh(sample_covariance(d, n, item.seed, item.trial) - np.eye(d))
    norm = float(np.max(np.abs(deviations)))
    return Worst(norm, norm, norm, norm)


def _again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Compute it along its worst direction, by the definition."""
    del side
    d, n = item.design
    deviation = sample_covariance(d, n, item.seed, item.trial) - np.eye(d)
    values, vectors = np.linalg.eigh(deviation)
    u = vectors[:, int(np.argmax(np.abs(values)))]
    how = {"recompute": "|uᵀ(draw − I)u| for the unit vector u that makes it largest"}
    return float(abs(u @ (deviation @ u)) / (u @ u)), recipe(d, n, item.seed, item.trial) | how
