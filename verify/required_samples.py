"""The smallest n from which on a bound holds, and how it grows: the trend test where constants may depend on ε."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy

import theory
from verify.direction_profiles import Profile, RayPlan
from verify.failure import quantile_level
from verify.statistics import Interval, clopper_pearson, quantile_interval
from verify.trend import Trend, judge_trend
from verify.verdict import State

NO_ROOM = 1e-12
ENDPOINTS = {"upper": 3.0, "lower": 1.0}
"""Population range of g, Lemma C.2."""


class SideOfRay(NamedTuple):
    """What one side of one ray showed at one ε.

    Attributes:
        plan: the ray.
        side: "upper" or "lower".
        eps: ε.
        state: what it says; `observed` where the smallest n lies beyond the grid.
        trend: the trend of needed n over the conditions; None where there is none.
        needed: (1 − δ) quantile of the smallest n at each point.
        constants: needed n over the largest condition at each point, not normalised.
        trials: data sets a point.
        failures: share of data sets that fail at the largest n, at each point.
    """

    plan: RayPlan
    side: str
    eps: float
    state: State
    trend: Trend | None
    needed: list[Interval]
    constants: list[float]
    trials: int
    failures: list[float]


def judge_side(
    statement: theory.Statement,
    plan: RayPlan,
    side: str,
    eps: float,
    delta: float,
    profiles: Sequence[Sequence[Profile]],
    generator: np.random.Generator,
) -> SideOfRay:
    """Judge one side of a ray at one ε.

    The smallest n that serves is compared with the largest of the conditions, each in units of its value at the first
    point where it is positive: with constants of their own that is the most lenient reading of "n ≥ C_j f_j for all j".
    The ratio is floored where the conditions, with their constants, ask for d + 1 samples at the first point: growth
    below that is the onset of failures (g ≤ n always), and says nothing about whether some constants serve.

    Args:
        statement: gives the bound and the conditions.
        plan: the ray.
        side: "upper" or "lower".
        eps: ε.
        delta: δ.
        profiles: for each point of the ray, the profile of each data set.
        generator: source of the bootstrap.

    Returns:
        What it says.
    """
    bounds = [
        [_bound(statement, side, eps, delta, point, p.sizes) for p in at]
        for point, at in zip(plan.points, profiles, strict=True)
    ]
    margins = [
        [_margin(side, p, bound) for p, bound in zip(at, b, strict=True)]
        for at, b in zip(profiles, bounds, strict=True)
    ]
    failing = [[bool(m[-1] < 0) for m in at] for at in margins]
    trials, level = len(failing[0]), quantile_level(statement, delta)
    failures = [sum(at) / trials for at in failing]
    if any(_without_room(statement, side, eps, delta, point) for point in plan.points):
        certain = all(clopper_pearson(sum(at), trials, 0.998).low > 1 - level for at in failing)
        state = State.VIOLATED if certain else State.INCONCLUSIVE
        return SideOfRay(plan, side, eps, state, None, [], [], trials, failures)
    needed = [
        np.array([smallest_serving(p.sizes, m) for p, m in zip(at, margin, strict=True)])
        for at, margin in zip(profiles, margins, strict=True)
    ]
    quantiles = [quantile_interval(sample, level) for sample in needed]
    if not all(np.isfinite(sample).all() for sample in needed):
        return SideOfRay(plan, side, eps, State.OBSERVED, None, quantiles, [], trials, failures)
    ratios = _log_ratios(statement, [(eps, point) for point in plan.points], delta, needed)
    anchor = math.log(plan.points[0][0] + 1)
    growth = [math.log(K) if plan.points[0][0] == plan.points[-1][0] else math.log(d) for d, K in plan.points]
    trend = judge_trend(growth, [ratio - anchor for ratio in ratios], level, generator)
    constants = [
        q.estimate / max([f for f in _conditions(statement, eps, delta, point, q.estimate) if f > 0], default=1.0)
        for q, point in zip(quantiles, plan.points, strict=True)
    ]
    return SideOfRay(plan, side, eps, trend.state, trend, quantiles, constants, trials, failures)


def judge_in_eps(
    statement: theory.Statement,
    point: tuple[int, int],
    side: str,
    eps: Sequence[float],
    delta: float,
    profiles: Sequence[Profile],
    generator: np.random.Generator,
) -> tuple[Trend | None, list[Interval]]:
    """Judge how the needed n grows as ε falls, for statements whose constants may not depend on ε.

    Args:
        statement: gives the bound and the conditions.
        point: d and K, fixed.
        side: "upper" or "lower".
        eps: values of ε, falling.
        delta: δ.
        profiles: the profile of each data set.
        generator: source of the bootstrap.

    Returns:
        The trend of needed n over the conditions against 1/ε, None where fewer than three ε are within reach, and the
        needed n at these ε.
    """
    reached, needed = [], []
    for one in eps:
        margins = [_margin(side, p, _bound(statement, side, one, delta, point, p.sizes)) for p in profiles]
        sample = np.array([smallest_serving(p.sizes, m) for p, m in zip(profiles, margins, strict=True)])
        if np.isfinite(sample).all():
            reached.append(one)
            needed.append(sample)
    level = quantile_level(statement, delta)
    quantiles = [quantile_interval(sample, level) for sample in needed]
    if len(reached) < 3:
        return None, quantiles
    ratios = _log_ratios(statement, [(one, point) for one in reached], delta, needed)
    anchor = math.log(point[0] + 1)
    growth = [math.log(1 / one) for one in reached]
    return judge_trend(growth, [ratio - anchor for ratio in ratios], level, generator), quantiles


def smallest_serving(sizes: np.ndarray, margin: np.ndarray) -> float:
    """Find the smallest n from which on a bound holds on the grid.

    Args:
        sizes: increasing n, shape (m,).
        margin: positive where the bound holds, shape (m,); −inf is allowed.

    Returns:
        n, interpolated in log n where the margin changes sign between two sizes; the first size if the bound never
        fails, infinity if it fails at the last one.
    """
    failing = np.flatnonzero(margin < 0)
    if not failing.size:
        return float(sizes[0])
    last = int(failing[-1])
    if last == len(sizes) - 1:
        return math.inf
    below, above = max(float(margin[last]), -1.0), float(margin[last + 1])
    share = -below / (above - below) if above > below else 1.0
    return float(sizes[last] * (sizes[last + 1] / sizes[last]) ** share)


def _margin(side: str, profile: Profile, bound: np.ndarray) -> np.ndarray:
    """Distance to the bound on a logarithmic scale, positive where it holds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if side == "upper":
            margin = np.log(bound) - np.log(profile.sup[:, 0])
        else:
            margin = np.where(bound <= 0, np.inf, np.log(profile.inf[:, 0]) - np.log(np.maximum(bound, 1e-300)))
    return np.where(np.isnan(margin), -np.inf, margin)


def symbol_values(
    statement: theory.Statement, eps: float, delta: float, point: tuple[int, int], n: Any
) -> dict[str, Any]:
    """Give a statement's symbols their values.

    Args:
        statement: the statement.
        eps: ε.
        delta: δ.
        point: d and K.
        n: number of samples, a number or an array.

    Returns:
        Values by name.
    """
    known = {"eps": eps, "delta": delta, "d": float(point[0]), "K": float(point[1]), "n": n}
    return {name: value for name, value in known.items() if name in statement.symbols}


def _bound(
    statement: theory.Statement, side: str, eps: float, delta: float, point: tuple[int, int], sizes: np.ndarray
) -> np.ndarray:
    """Evaluate a bound at every n."""
    values = symbol_values(statement, eps, delta, point, sizes.astype(np.float64))
    return np.broadcast_to(np.asarray(statement.evaluate(side, **values)), sizes.shape)


def _without_room(statement: theory.Statement, side: str, eps: float, delta: float, point: tuple[int, int]) -> bool:
    """Whether a bound lies on the end of the population range, or beyond, as n → ∞."""
    bound = float(np.asarray(statement.evaluate(side, **symbol_values(statement, eps, delta, point, 1e15))))
    return (bound - ENDPOINTS[side] if side == "upper" else ENDPOINTS[side] - bound) <= NO_ROOM


def _conditions(statement: theory.Statement, eps: float, delta: float, point: tuple[int, int], n: Any) -> list[Any]:
    """Evaluate the right-hand sides of the conditions on n."""
    return statement.evaluate("sample_size", **symbol_values(statement, eps, delta, point, n))  # type: ignore[return-value]


def _separated(statement: theory.Statement) -> theory.Statement:
    """Split conditions into their terms: n ≥ C (f + g) serves for some C exactly if n ≥ C₁ f and n ≥ C₂ g do."""
    terms = [sympy.expand(f, log=False).as_ordered_terms() for f in statement.sample_size]
    return statement.replace(sample_size=[term for of_one in terms for term in of_one]) if terms else statement


def positive_conditions(
    statement: theory.Statement, eps: float, delta: float, point: tuple[int, int], n: float
) -> list[float]:
    """Evaluate the conditions, sums split into their terms.

    Args:
        statement: gives the conditions.
        eps: ε.
        delta: δ.
        point: d and K.
        n: number of samples.

    Returns:
        Right-hand sides f of n ≥ C f.
    """
    return [float(f) for f in _conditions(_separated(statement), eps, delta, point, n)]


def _log_ratios(
    statement: theory.Statement, at: Sequence[tuple[float, tuple[int, int]]], delta: float, needed: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Compare the needed n at each (ε, point) with the largest condition, each in units of its first positive value."""
    typical = float(np.median(needed[0]))
    split = _separated(statement)
    if all(np.min(f) >= 0 for eps, point in at for f in _conditions(split, eps, delta, point, typical)):
        statement = split
    units = [0.0] * len(statement.sample_size)
    for eps, point in at:
        here = _conditions(statement, eps, delta, point, typical)
        units = [unit if unit > 0 else float(f) for unit, f in zip(units, here, strict=True)]
    ratios = []
    for (eps, point), sample in zip(at, needed, strict=True):
        conditions = _conditions(statement, eps, delta, point, sample)
        scaled = [f / unit for f, unit in zip(conditions, units, strict=True) if unit > 0]
        largest = np.max(scaled, axis=0) if scaled else np.ones_like(sample)
        ratio = np.log(sample) - np.log(np.where(largest > 0, largest, 1.0))
        ratios.append(np.maximum(ratio, math.log(at[0][1][0] + 1)))
    return ratios
