"""The trend test for statements about the loss alignment of the linear model: what is observed along a ray, and ρ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

import theory
from simulate import streams
from verify.claims._context import Context
from verify.designs import Design
from verify.failure import quantile_level
from verify.rays import Ray, RayPoint, symbol_values
from verify.statistics import Interval, clopper_pearson
from verify.trend import Trend, judge_trend
from verify.verdict import State

SIDES = ("upper", "lower")
NO_ROOM = 1e-12
"""Distance of a bound from the population value up to which it lies on it (or beyond)."""


class Observed(NamedTuple):
    """One ray with what was observed on it.

    Attributes:
        ray: the ray.
        extremes: for each point the extremes of μ, shape (data sets, 2).
        trends: the trend on each side that the statement bounds with room to spare.
        closed: for each side whose bound leaves no room beside the population value, the share of data sets beyond it
            at each point, with 99.8 % intervals.
    """

    ray: Ray
    extremes: list[np.ndarray]
    trends: dict[str, Trend]
    closed: dict[str, list[Interval]]


class Observations:
    """Extremes of μ over θ by design and data set; each is computed once for a statement and all its controls.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._known: dict[tuple[Design, int], tuple[float, float]] = {}

    def extremes(self, designs: list[Design], trials: int) -> list[np.ndarray]:
        """Compute the extremes for the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            For each design inf and sup of μ, shape (trials, 2).
        """
        missing = [(design, t) for design in designs for t in range(trials) if (design, t) not in self._known]
        # Largest first, so that no process is left with a long point at the end.
        missing.sort(key=lambda item: -item[0].n * item[0].rank * min(item[0].n, item[0].rank))
        found = self.context.mapper(partial(loss_extremes, self.context.seed), missing)
        self._known.update(zip(missing, found, strict=True))
        return [np.array([self._known[design, t] for t in range(trials)]) for design in designs]

    def table(self) -> pd.DataFrame:
        """List everything that was observed.

        Returns:
            One row a data set: family, n, d, d_eff, trial, inf, sup.
        """
        rows = [(*design, design.d, design.d_eff, trial, *ends) for (design, trial), ends in self._known.items()]
        columns = ["family", "n", "rank", "d", "d_eff", "trial", "inf_loss_alignment", "sup_loss_alignment"]
        return pd.DataFrame(rows, columns=columns).sort_values(["family", "n", "rank", "trial"], ignore_index=True)


def loss_extremes(seed: int, item: tuple[Design, int]) -> tuple[float, float]:
    """Compute the range of μ over all θ on one data set.

    Args:
        seed: the run's seed.
        item: a design and the number of the data set.

    Returns:
        inf and sup of μ.
    """
    design, trial = item
    return design.loss_extremes(seed, trial)


def observe(
    ray: Ray,
    statement: theory.Statement,
    context: Context,
    observations: Observations,
    delta: float,
    rounds: Sequence[int],
) -> Observed:
    """Observe a ray with as many data sets as it takes to decide it.

    Args:
        ray: the ray.
        statement: the statement that is judged.
        context: the run.
        observations: what was observed before, and the place for more.
        delta: δ.
        rounds: data sets a point; a ray that stays undecided gets the next larger number.

    Returns:
        The ray with its extremes and trends.
    """
    designs = [point.design for point in ray.points]
    for trials in (ray.plan.repeats * count for count in rounds):
        extremes = observations.extremes(designs, trials)
        trends, closed = {}, {}
        for side in SIDES:
            if getattr(statement, side) is None:
                continue
            if side == "lower" and all(_says_nothing(statement, point, delta) for point in ray.points):
                trends[side] = Trend(State.HOLDS, None, None, [Interval(0.0, 0.0, 0.0)] * len(ray.points), slack=True)
                continue
            if any(_room(statement, side, point, delta)[0] <= NO_ROOM for point in ray.points):
                closed[side] = [_share_beyond(side, e) for e in extremes]
                continue
            ratios = [log_ratio(statement, side, p, e, delta) for p, e in zip(ray.points, extremes, strict=True)]
            stream = streams.generator(context.seed, "bootstrap", (ray.plan.name, side, trials))
            scales = [math.log(p.scale) for p in ray.points]
            trend = judge_trend(scales, ratios, quantile_level(statement, delta), stream)
            climbs = trend.state is State.VIOLATED
            trends[side] = replace(trend, state=State.INCONCLUSIVE) if climbs and ray.bends else trend
        if all(trend.state is not State.INCONCLUSIVE for trend in trends.values()):
            break
    return Observed(ray, extremes, trends, closed)


def log_ratio(
    statement: theory.Statement, side: str, point: RayPoint, extremes: np.ndarray, delta: float
) -> np.ndarray:
    """Compare the deviation from the population value 1 with the room that the bound leaves, in units of ε.

    Args:
        statement: gives the bound.
        side: "upper" or "lower".
        point: gives ε and the design.
        extremes: inf and sup of μ, shape (data sets, 2).
        delta: δ.

    Returns:
        log ρ for each data set; −inf where there is no deviation on this side or no bound.
    """
    room, exponent = _room(statement, side, point, delta)
    deviation = _deviation(side, extremes)
    with np.errstate(divide="ignore"):
        return (
            (np.log(np.maximum(deviation, 0.0)) - math.log(room)) / exponent
            if room < math.inf
            else np.full(len(extremes), -math.inf)
        )


def _says_nothing(statement: theory.Statement, point: RayPoint, delta: float) -> bool:
    """Whether a lower bound is at most 0, where μ always is."""
    values = symbol_values(statement, point.design, point.eps, delta)
    return float(np.asarray(statement.evaluate("lower", **values))) <= 0


def _deviation(side: str, extremes: np.ndarray) -> np.ndarray:
    """Deviation from 1: of the supremum as it is, of the infimum on a logarithmic scale, where it does not saturate."""
    return extremes[:, 1] - 1 if side == "upper" else -np.log(np.maximum(extremes[:, 0], 1e-300))


def _share_beyond(side: str, extremes: np.ndarray) -> Interval:
    """Share of the data sets that lie beyond the population value at all."""
    return clopper_pearson(int(np.sum(_deviation(side, extremes) > 1e-9)), len(extremes), 0.998)


def _room(statement: theory.Statement, side: str, point: RayPoint, delta: float) -> tuple[float, float]:
    """Distance of a bound from 1 at a point, and the power of ε with which it shrinks there."""
    at = np.array([point.eps, 0.8 * point.eps])
    values = np.asarray(statement.evaluate(side, **symbol_values(statement, point.design, at, delta)))
    room = np.broadcast_to(values - 1 if side == "upper" else 1 - values, (2,))
    if not math.isfinite(room[0]) or room.min() <= NO_ROOM:
        return float(room[0]), 1.0
    exponent = math.log(room[0] / room[1]) / math.log(1 / 0.8)
    return float(room[0]), exponent if 0.25 <= exponent <= 4 else 1.0
