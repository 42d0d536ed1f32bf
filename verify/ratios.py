"""ρ: how far the worst case lies beyond the population's range, in units of the room that a bound leaves there.

Above, the deviation is sup/high − 1 and the room bound/high − 1, with [low, high] the range to which the worst case
tends; below they are −log(inf/low) and 1 − bound/low. If the room shrinks like ε^k near that ε, ρ is the k-th root of
their quotient, and so a ratio of ε's (section 4 of docs/theory.md); for k below 1 it is the quotient itself, since a
root of less than 1 would only magnify the noise.
"""

from __future__ import annotations

import math

import numpy as np

import theory
from verify.rays import RayPoint, symbol_values
from verify.statistics import Interval, clopper_pearson

SIDES = ("upper", "lower")
NO_ROOM = 1e-12
"""Relative distance of a bound from the population's range up to which it lies on it (or inside)."""
MOST = 1e300
"""What stands for an infinite deviation, of an infimum of 0."""


def population_ends(statement: theory.Statement) -> tuple[float, float]:
    """Range to which the worst cases tend as n and d_eff grow.

    Args:
        statement: a statement about "mu", "mu_olm", "g_fixed" or "g_uniform".

    Returns:
        Its ends: 1 and 1 for the linear model, 1 and 3 along the worst direction (Lemma C.2).
    """
    return (1.0, 1.0) if statement.quantity == "mu" else (1.0, 3.0)


def log_ratio(
    statement: theory.Statement, side: str, point: RayPoint, extremes: np.ndarray, delta: float
) -> np.ndarray:
    """Compare the deviation from the population's range with the room that a bound leaves, in units of ε.

    Args:
        statement: gives the bound.
        side: "upper" or "lower".
        point: gives ε and the design.
        extremes: inf and sup of the alignment, shape (data sets, 2).
        delta: δ.

    Returns:
        log ρ for each data set; −inf where there is no deviation on this side or no bound.
    """
    space, exponent = room(statement, side, point, delta)
    if not space < math.inf:
        return np.full(len(extremes), -math.inf)
    beyond = _deviation(statement, side, extremes)
    with np.errstate(divide="ignore"):
        return (np.log(np.maximum(beyond, 0.0)) - math.log(space)) / exponent


def room(statement: theory.Statement, side: str, point: RayPoint, delta: float) -> tuple[float, float]:
    """Relative distance of a bound from the population's range, and the power of ε with which it shrinks there.

    Args:
        statement: gives the bound.
        side: "upper" or "lower".
        point: gives ε and the design.
        delta: δ.

    Returns:
        The room, infinite where there is no bound, and the power.
    """
    low, high = population_ends(statement)
    at = np.array([point.eps, 0.8 * point.eps])
    values = np.asarray(statement.evaluate(side, **symbol_values(statement, point.design, at, delta)))
    space = np.broadcast_to(values / high - 1 if side == "upper" else 1 - values / low, (2,))
    if not math.isfinite(space[0]) or space.min() <= NO_ROOM:
        return float(space[0]), 1.0
    exponent = math.log(space[0] / space[1]) / math.log(1 / 0.8)
    return float(space[0]), exponent if 1 <= exponent <= 4 else 1.0


def says_nothing(statement: theory.Statement, point: RayPoint, delta: float) -> bool:
    """Whether a lower bound is at most 0, where alignments always are.

    Args:
        statement: gives the bound.
        point: gives ε and the design.
        delta: δ.

    Returns:
        Whether it is.
    """
    values = symbol_values(statement, point.design, point.eps, delta)
    return float(np.asarray(statement.evaluate("lower", **values))) <= 0


def share_beyond(
    statement: theory.Statement, side: str, point: RayPoint, extremes: np.ndarray, delta: float
) -> Interval:
    """Share of the data sets that lie beyond a bound without room.

    A bound on the population's range is broken by any fluctuation beyond it, and so is one inside it; but one far
    inside, which a search may have missed, is compared as it is.

    Args:
        statement: gives the bound.
        side: "upper" or "lower".
        point: gives ε and the design.
        extremes: values that were attained, shape (data sets, 2).
        delta: δ.

    Returns:
        The share with its 99.8 % interval.
    """
    low, high = population_ends(statement)
    values = symbol_values(statement, point.design, point.eps, delta)
    bound = float(np.asarray(statement.evaluate(side, **values)))
    if side == "upper":
        beyond = extremes[:, 1] / high > bound / high + 1e-9
    else:
        beyond = extremes[:, 0] / low < bound / low - 1e-9
    return clopper_pearson(int(np.sum(beyond)), len(extremes), 0.998)


def _deviation(statement: theory.Statement, side: str, extremes: np.ndarray) -> np.ndarray:
    """Deviation of the supremum as it is, of the infimum on a logarithmic scale, where it does not saturate."""
    low, high = population_ends(statement)
    if side == "upper":
        return np.minimum(extremes[:, 1] / high - 1, MOST)
    return -np.log(np.maximum(extremes[:, 0] / low, 1e-300))
