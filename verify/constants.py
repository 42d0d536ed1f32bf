"""The constant of a statement that leaves it unspecified, fitted to what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import theory
from verify.failure import quantile_level
from verify.rays import RayPoint, symbol_values
from verify.statistics import quantile_interval

EPS_GRID = np.geomspace(0.01, 0.999, 300)


def fitted_constant(
    statement: theory.Statement, points: Sequence[tuple[RayPoint, np.ndarray]], delta: float
) -> dict[str, Any] | None:
    """Find the smallest C for which the statement is true on every design observed.

    A data set contradicts a constant C at ε if its extremes leave the bounds although every condition is met with C. So
    each data set asks for a constant above the largest of min_j q_j/f_j(ε) over the ε at which it fails, where the
    conditions are q_j ≥ C f_j(ε). The statement allows a share δ of failures: the fitted constant is the (1 − δ)
    quantile over data sets, at the most demanding design.

    Args:
        statement: the statement.
        points: designs with the extremes of their data sets, shape (data sets, 2).
        delta: δ.

    Returns:
        Estimate, one-sided 95 % bounds and the design that decides; None if the statement has no conditions.
    """
    if not statement.sample_size and not statement.dimension:
        return None
    best: dict[str, Any] | None = None
    low = high = 0.0
    for point, extremes in points:
        needed = quantile_interval(_needed(statement, point, extremes, delta), quantile_level(statement, delta))
        low, high = max(low, needed.low), max(high, needed.high)
        if best is None or needed.estimate > best["estimate"]:
            design = point.design
            best = {"estimate": needed.estimate, "family": design.family, "n": design.n, "d": design.d}
    if best is not None:
        best |= {"low": low, "high": high, "meaning": "smallest C with at most a share δ of failures on every design"}
    return best


def _needed(statement: theory.Statement, point: RayPoint, extremes: np.ndarray, delta: float) -> np.ndarray:
    """Largest constant that each data set contradicts; 0 where it contradicts none."""
    design = point.design
    values = symbol_values(statement, design, EPS_GRID, delta)
    allowed = np.full(EPS_GRID.size, np.inf)
    for field, quantity in (("sample_size", float(design.n)), ("dimension", design.d_eff)):
        for f in statement.evaluate(field, **values):
            allowed = np.minimum(allowed, quantity / np.maximum(f, 1e-300))
    lower, upper = (np.broadcast_to(statement.evaluate(side, **values), EPS_GRID.shape) for side in ("lower", "upper"))
    stated = statement.largest_eps >= EPS_GRID
    fails = ((extremes[:, :1] < lower) | (extremes[:, 1:] > upper)) & stated
    return np.max(np.where(fails, allowed, 0.0), axis=1)
