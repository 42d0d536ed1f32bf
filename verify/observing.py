"""Observing a ray: worst cases on as many data sets as it takes, and what their trend says about a bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

import theory
from simulate import streams
from verify.claims._context import Context
from verify.designs import Design
from verify.failure import quantile_level
from verify.ratios import NO_ROOM, SIDES, log_ratio, room, says_nothing, share_beyond
from verify.rays import Ray, RayPoint
from verify.statistics import Interval
from verify.trend import Trend, judge_trend
from verify.verdict import Evidence, Plot, State


class Extremes(NamedTuple):
    """Worst cases at one point of a ray.

    Attributes:
        found: inf and sup that are attained, shape (data sets, 2).
        certified: what no θ can go below or beyond, shape (data sets, 2); the same array where the worst case is exact.
        tight: whether what is found tends to the population's range: only then its trend, or a bound inside that range,
            refutes.
    """

    found: np.ndarray
    certified: np.ndarray
    tight: bool = True


class Source(Protocol):
    """Where worst cases come from; each is computed once for a statement and all its controls."""

    def extremes(self, designs: list[Design], trials: int) -> list[Extremes]:
        """Compute the worst cases of the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            The worst cases for each design.
        """
        ...


class Observed(NamedTuple):
    """One ray with what was observed on it.

    Attributes:
        ray: the ray.
        extremes: for each point the worst cases.
        trends: the trend on each side that the statement bounds with room to spare.
        certified: for each of these sides where the worst case is not exact, the trend of the certified values.
        closed: for each side whose bound leaves no room beside the population's range, the share of data sets beyond it
            at each point, with 99.8 % intervals.
    """

    ray: Ray
    extremes: list[Extremes]
    trends: dict[str, Trend]
    certified: dict[str, Trend]
    closed: dict[str, list[Interval]]


def observe(
    ray: Ray,
    statement: theory.Statement,
    context: Context,
    source: Source,
    delta: float,
    rounds: Sequence[int],
    sides: Sequence[str] = SIDES,
) -> Observed:
    """Observe a ray with as many data sets as it takes to decide it.

    Args:
        ray: the ray.
        statement: the statement that is judged.
        context: the run.
        source: what was observed before, and the place for more.
        delta: δ.
        rounds: data sets a point; a ray that stays undecided gets the next larger number.
        sides: the sides that this ray is meant for.

    Returns:
        The ray with its worst cases and trends.
    """
    designs = [point.design for point in ray.points]
    judged = [side for side in sides if getattr(statement, side) is not None]
    for trials in (ray.plan.repeats * count for count in rounds):
        extremes = source.extremes(designs, trials)
        trends: dict[str, Trend] = {}
        certified: dict[str, Trend] = {}
        closed: dict[str, list[Interval]] = {}
        for side in judged:
            if side == "lower" and all(says_nothing(statement, point, delta) for point in ray.points):
                trends[side] = Trend(State.HOLDS, None, None, [Interval(0.0, 0.0, 0.0)] * len(ray.points), slack=True)
            elif any(room(statement, side, point, delta)[0] <= NO_ROOM for point in ray.points):
                closed[side] = [
                    share_beyond(statement, side, p, e.found, delta) for p, e in zip(ray.points, extremes, strict=True)
                ]
            else:
                trends[side], bounded = _trends(ray, statement, side, extremes, context.seed, delta)
                certified |= {side: bounded} if bounded else {}
        if not any(_may_change(trend, certified.get(side)) for side, trend in trends.items()):
            break
    return Observed(ray, extremes, trends, certified, closed)


def _may_change(trend: Trend, certified: Trend | None) -> bool:
    """Whether more data sets may decide a side: certificates that climb will not come to support it."""
    if trend.state is State.NOT_REFUTED:
        return certified is not None and certified.state is State.INCONCLUSIVE
    return trend.state is State.INCONCLUSIVE


def _trends(
    ray: Ray, statement: theory.Statement, side: str, extremes: list[Extremes], seed: int, delta: float
) -> tuple[Trend, Trend | None]:
    """Judge one side: what was found may refute, what is certified may support; in between it is not refuted.

    Returns:
        The trend that decides, and that of the certified values where the worst case is not exact.
    """

    def along(values: list[np.ndarray], name: str) -> Trend:
        ratios = [log_ratio(statement, side, p, v, delta) for p, v in zip(ray.points, values, strict=True)]
        trials = len(values[0])
        stream = streams.generator(seed, "bootstrap", (ray.plan.name, side, trials, *([name] if name else [])))
        return judge_trend([math.log(p.scale) for p in ray.points], ratios, quantile_level(statement, delta), stream)

    found = along([e.found for e in extremes], "")
    if all(e.certified is e.found for e in extremes):
        bends = found.state is State.VIOLATED and ray.bends
        return (replace(found, state=State.INCONCLUSIVE) if bends else found), None
    certified = along([e.certified for e in extremes], "certified")
    if not all(e.tight for e in extremes):
        open_ = replace(certified, state=State.INCONCLUSIVE)
        return (certified if certified.state is State.HOLDS else open_), certified
    if found.state is State.VIOLATED or certified.state is State.HOLDS:
        return (found if found.state is State.VIOLATED else certified), certified
    return (replace(found, state=State.NOT_REFUTED) if found.state is State.HOLDS else found), certified


def trend_evidence(one: Observed, side: str) -> Evidence:
    """Say what one side of one ray showed.

    Args:
        one: the ray.
        side: "upper" or "lower".

    Returns:
        The evidence.
    """
    trend, ray = one.trends[side], one.ray
    figures = {
        "ray": ray.plan.name,
        "side": side,
        "family": ray.plan.family,
        "scale": ray.scale_name,
        "trials": len(one.extremes[0].found),
        "constants": ray.constants,
        "points": point_rows(ray.points),
        "ratio": [list(r) for r in trend.ratios],
        "slope": list(trend.slope) if trend.slope else None,
        "top_slope": list(trend.top_slope) if trend.top_slope else None,
    }
    finding = trend.sentence()
    if trend.state is State.INCONCLUSIVE and ray.bends:
        finding += "; n and d_eff pass each other here, or slack shrinks: that moves ρ, and climbing refutes nothing"
    if side in one.certified and trend.state is State.HOLDS:
        finding += "; of the certified values"
    elif side in one.certified:
        bounded = one.certified[side].slope
        finding += f"; of the values found (certified: {f'{bounded.estimate:+.3f}' if bounded else 'no trend'})"
    return Evidence(f"ray: {ray.plan.name}; {side} bound", finding, trend.state, figures)


def closed_evidence(one: Observed, side: str, level: float) -> Evidence:
    """Say what a bound without room beside the population's range showed: every fluctuation breaks it.

    Args:
        one: the ray.
        side: "upper" or "lower".
        level: probability with which the bound is claimed.

    Returns:
        The evidence.
    """
    shares = one.closed[side]
    if not all(e.tight for e in one.extremes):
        finding = "the bound is inside the range that is certified, and beyond what was found with growing constants"
        return Evidence(f"ray: {one.ray.plan.name}; {side} bound", finding, State.INCONCLUSIVE)
    certain = all(share.low > 1 - level for share in shares)
    finding = (
        f"the bound leaves no room beside the population's range, and at least "
        f"{min(share.estimate for share in shares):.0%} of the data sets lie beyond it at every scale "
        f"(a share of {1 - level:.2g} is allowed)"
    )
    state = State.VIOLATED if certain else State.INCONCLUSIVE
    return Evidence(f"ray: {one.ray.plan.name}; {side} bound", finding, state, {"share": [list(s) for s in shares]})


def point_rows(points: Sequence[RayPoint]) -> list[dict[str, Any]]:
    """List the points of a ray.

    Args:
        points: the points.

    Returns:
        ε, n, d and d_eff of each.
    """
    return [{"eps": p.eps, "n": p.design.n, "d": p.design.d, "d_eff": p.design.d_eff} for p in points]


def ratio_plot(observed: Sequence[Observed], side: str) -> Plot:
    """Draw ρ along every ray.

    Args:
        observed: the rays.
        side: "upper" or "lower".

    Returns:
        The figure.
    """
    series: list[dict[str, Any]] = []
    for one in observed:
        if side in one.trends:
            ratios = one.trends[side].ratios
            series.append({
                "label": one.ray.plan.name,
                "x": [p.scale / one.ray.points[0].scale for p in one.ray.points],
                "y": [r.estimate for r in ratios],
                "low": [max(r.low, 1e-3) for r in ratios],
                "high": [min(r.high, 1e6) for r in ratios],
                "style": "line",
            })
    return Plot(
        title=f"{side} bound: ρ along the rays",
        alt=f"The ratio of observed deviation to room under the {side} bound against the scale, one line a ray. "
        "Level lines support the statement, climbing ones refute it.",
        x_label="scale relative to the ray's first point",
        y_label="ρ",
        series=series,
    )
