"""The trend test for statements with unspecified constants (section 4 of docs/theory.md).

Along a ray the conditions of a statement are met with a fixed constant while the scale grows. The ratio ρ compares what
was observed with the room that the bound leaves. If the statement is true for some constant, ρ stays bounded; if log ρ
climbs with the logarithm of the scale, every constant fails at some scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verify.statistics import Interval, quantile_interval, slope_interval
from verify.verdict import State

HOLDS_BELOW = 0.1
"""A ray supports `holds` when the upper end of the slope's interval is below this."""
VIOLATED_ABOVE = 0.05
"""A ray refutes when the lower end of the slope's interval is above this (it takes precedence over `holds`)."""
FLOOR = math.log(0.1)
"""Ratios below 10 % are slack: their logarithm is cut here, so that no noise around zero is mistaken for a trend."""
FAR_BELOW = math.log(1e-6)
SHORTEST = 0.2
"""Smallest difference of log scale over which a slope means anything."""
HOLDS_CONFIDENCE = 0.99
VIOLATED_CONFIDENCE = 0.999


@dataclass(frozen=True)
class Trend:
    """What the trend along one side of one ray says.

    Attributes:
        state: `holds`, `violated` or `inconclusive`.
        slope: slope of log ρ against log scale with its 99 % interval; None where there is only slack.
        top_slope: the same over the upper half of the ray (99.9 %), a check against a trend that sets in late.
        ratios: the (1 − δ) quantile of ρ at each point with one-sided 95 % bounds.
        slack: whether ρ is negligible everywhere.
    """

    state: State
    slope: Interval | None
    top_slope: Interval | None
    ratios: list[Interval]
    slack: bool = False

    def sentence(self) -> str:
        """Say it in words.

        Returns:
            One clause without a full stop.
        """
        if self.slope is None:
            return (
                "the bound has slack at every scale (ρ below 10 %)"
                if self.slack
                else "the scale does not grow along this ray"
            )
        span = f"{self.ratios[0].estimate:.3g} → {self.ratios[-1].estimate:.3g}"
        late = ""
        if self.state is State.VIOLATED and self.top_slope and self.slope.low <= VIOLATED_ABOVE:
            late = f"; in the upper half {self.top_slope.estimate:+.3f}"
        return (
            f"slope of log ρ {self.slope.estimate:+.3f} [{self.slope.low:+.3f}, {self.slope.high:+.3f}], ρ {span}{late}"
        )


def judge_trend(
    log_scales: Sequence[float], log_ratios: Sequence[np.ndarray], level: float, generator: np.random.Generator
) -> Trend:
    """Judge whether the (1 − δ) quantile of ρ stays bounded along a ray.

    Args:
        log_scales: logarithm of the scale at each point, increasing, at least three.
        log_ratios: for each point, log ρ of every data set; −inf is allowed (nothing to cover), +inf is not.
        level: 1 − δ.
        generator: source of the bootstrap.

    Returns:
        The trend.
    """
    x = np.asarray(log_scales, dtype=np.float64)
    samples = [np.maximum(np.asarray(sample, dtype=np.float64), FLOOR) for sample in log_ratios]
    ratios = [Interval(*(math.exp(v) for v in quantile_interval(sample, level))) for sample in samples]
    if all(np.quantile(sample, level) <= FLOOR + 1e-9 for sample in samples):
        raw = [np.maximum(np.asarray(sample, dtype=np.float64), FAR_BELOW) for sample in log_ratios]
        rising = slope_interval(x, raw, level, VIOLATED_CONFIDENCE, generator) if x[-1] - x[0] >= SHORTEST else None
        if rising is not None and rising.low > VIOLATED_ABOVE:
            # A loose bound that is being caught up with: no violation in sight, but no support either.
            return Trend(State.INCONCLUSIVE, rising, None, ratios)
        return Trend(State.HOLDS, None, None, ratios, slack=True)
    if x[-1] - x[0] < SHORTEST:
        return Trend(State.INCONCLUSIVE, None, None, ratios)
    slope = slope_interval(x, samples, level, HOLDS_CONFIDENCE, generator)
    strict = slope_interval(x, samples, level, VIOLATED_CONFIDENCE, generator)
    top = None
    half = len(x) // 2
    if len(x) - half >= 3:
        top = slope_interval(x[half:], samples[half:], level, VIOLATED_CONFIDENCE, generator)
    if strict.low > VIOLATED_ABOVE or (top is not None and top.low > VIOLATED_ABOVE):
        state = State.VIOLATED
    elif slope.high < HOLDS_BELOW:
        state = State.HOLDS
    else:
        state = State.INCONCLUSIVE
    return Trend(state, slope, top, ratios)


def crossing_scales(
    trend: Trend, log_scales: Sequence[float], exponent: float, multiples: Sequence[float] = (1, 2, 4, 8)
) -> list[dict[str, float | str]]:
    """Say at which scale a refuted statement fails, for several constants.

    With the conditions growing like scale ~ C (1/ε)^p, a larger constant C' divides ρ by (C'/C)^(1/p), so the scale
    where ρ passes 1 follows from the fitted line.

    Args:
        trend: a trend with a positive slope.
        log_scales: logarithm of the scale at each point.
        exponent: p, how fast the scale grows with 1/ε along the ray.
        multiples: the constants, as multiples of the ray's.

    Returns:
        For each multiple the scale where ρ passes 1, and whether it was seen or is extrapolated.
    """
    if trend.slope is None or trend.slope.estimate <= 0:
        return []
    x = np.asarray(log_scales)
    middle = float(np.mean([math.log(max(r.estimate, 1e-300)) for r in trend.ratios]))
    rows: list[dict[str, float | str]] = []
    for multiple in multiples:
        needed = math.log(multiple) / max(exponent, 1e-9) - middle
        at = float(x.mean()) + needed / trend.slope.estimate
        seen = "failed at every scale tried" if at <= x[0] else "seen" if at <= x[-1] else "extrapolated"
        rows.append({"constant": float(multiple), "scale": math.exp(min(at, 700.0)), "how": seen})
    return rows
