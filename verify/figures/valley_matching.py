"""SGD and gradient descent of Figure 4 compared: at equal learning rates and at equal peak losses."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from verify.figures.valley_runs import Cycle, Runs, Settings, curvature, descend, initial_loss, named
from verify.statistics import clopper_pearson, quantile_interval

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RISE = 1e-9
"""A loss this much above the start, relatively, counts as a rise."""
DRIFT, BY_PEAK = "drift", "drift by peak loss"
"""Kinds of rows in the table."""
_BISECTIONS = 40
_FEWEST = 20


def compare(
    settings: Settings, curves: dict[Cycle, pd.DataFrame], item: tuple[tuple[Cycle, float], Runs]
) -> dict[str, object]:
    """Compare the runs of SGD at one learning rate with gradient descent.

    Args:
        settings: the figure's settings.
        curves: gradient descent over learning rates, for each cycle.
        item: cycle and height, and the runs of SGD.

    Returns:
        A row of the table.
    """
    (cycle, height), runs = item
    same = descend(settings, (cycle, height))
    typical = float(np.median(runs.peak))
    matched, matched_run = match(settings, cycle, curves[cycle], typical)
    own = drift_at(curves[cycle], runs.peak, initial_loss(settings))
    known = np.isfinite(own)
    quantiles = dict(zip(("q05", "q25", "median", "q75", "q95"), np.quantile(runs.drift, QUANTILES), strict=True))
    median = quantile_interval(runs.drift, 0.5, 0.975)
    return {
        "kind": DRIFT,
        **named(cycle),
        "height": height,
        "learning_rate": height / curvature(settings),
        "replicas": len(runs.drift),
        "drift": quantiles["median"],
        "drift_low": median.low,
        "drift_high": median.high,
        **{f"drift_{name}": value for name, value in quantiles.items() if name != "median"},
        "drift_mean": runs.drift.mean(),
        "drift_standard_error": runs.drift.std(ddof=1) / np.sqrt(len(runs.drift)),
        "drift_least": runs.drift.min(),
        "peak": typical,
        "across_q95": np.quantile(runs.across, 0.95),
        "gd_drift": same.drift[0],
        "gd_peak": same.peak[0],
        "matched_height": matched,
        "matched_drift": matched_run.drift[0],
        "matched_peak": matched_run.peak[0],
        **_share("beyond_gd", runs.drift > same.drift[0]),
        **_share("beyond_matched", (runs.drift > matched_run.drift[0]) if np.isfinite(matched) else np.empty(0)),
        **_share("beyond_own", runs.drift[known] > own[known]),
    }


def match(settings: Settings, cycle: Cycle, curve: pd.DataFrame, peak: float) -> tuple[float, Runs]:
    """Find the smallest learning rate with which gradient descent reaches a peak loss.

    Args:
        settings: the figure's settings.
        cycle: the cycle.
        curve: gradient descent over learning rates.
        peak: the peak loss.

    Returns:
        The height, to 1e-9 relatively at most, and the run; NaN where the peak is the start itself or is not reached.
    """
    nothing = np.array([np.nan])
    heights, peaks = curve["height"].to_numpy(), curve["peak"].to_numpy()
    if peak <= initial_loss(settings) * (1 + RISE) or not np.any(peaks >= peak):
        return np.nan, Runs(nothing, nothing, nothing)
    first = int(np.argmax(peaks >= peak))
    low, high = float(heights[max(first - 1, 0)]), float(heights[first])
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if descend(settings, (cycle, middle)).peak[0] >= peak else (middle, high)
    return high, descend(settings, (cycle, high))


def drift_at(curve: pd.DataFrame, peaks: np.ndarray, start: float) -> np.ndarray:
    """Read off how far gradient descent drifts at the smallest learning rate that has a given peak loss.

    Args:
        curve: gradient descent over learning rates.
        peaks: peak losses, shape (m,).
        start: the loss at the start.

    Returns:
        Drifts, interpolated between learning rates, linearly in the logarithm of the peak, shape (m,); NaN for peaks
        that are no rise or that gradient descent does not reach.
    """
    reached, drifts = curve["peak"].to_numpy(), curve["drift"].to_numpy()
    # Where the largest peak so far first passes a value, that learning rate's own peak does.
    first = np.searchsorted(np.maximum.accumulate(reached), peaks)
    known = (peaks > start * (1 + RISE)) & (first > 0) & (first < len(reached))
    upper = first[known]
    low, high = np.log(reached[upper - 1]), np.log(reached[upper])
    share = (np.log(peaks[known]) - low) / (high - low)
    found = np.full(len(peaks), np.nan)
    found[known] = (1 - share) * drifts[upper - 1] + share * drifts[upper]
    return found


def by_peak(settings: Settings, cycle: Cycle, runs: list[Runs]) -> list[dict[str, object]]:
    """Sort all runs of SGD by their peak loss, and summarise their drift.

    Args:
        settings: the figure's settings.
        cycle: the cycle.
        runs: the runs at every learning rate.

    Returns:
        A row for each class of peak losses above the start that has at least 20 runs.
    """
    peaks, drifts = (np.concatenate([getattr(one, name) for one in runs]) for name in ("peak", "drift"))
    edges = np.geomspace(initial_loss(settings) * (1 + RISE), np.quantile(peaks, 0.999), settings.bins + 1)
    rows = []
    for low, high in itertools.pairwise(edges):
        inside = (peaks > low) & (peaks <= high)
        if inside.sum() < _FEWEST:
            continue
        quantiles = np.quantile(drifts[inside], QUANTILES)
        names = ("drift_q05", "drift_q25", "drift", "drift_q75", "drift_q95")
        rows.append({
            "kind": BY_PEAK,
            **named(cycle),
            "replicas": int(inside.sum()),
            "peak": float(np.exp(np.mean(np.log(peaks[inside])))),
            **dict(zip(names, quantiles, strict=True)),
        })
    return rows


def _share(name: str, beyond: np.ndarray) -> dict[str, float]:
    """Share of runs, with its interval; NaN where there are none."""
    if not len(beyond):
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan, f"{name}_runs": 0}
    interval = clopper_pearson(int(beyond.sum()), len(beyond))
    return {
        name: float(beyond.mean()),
        f"{name}_low": interval.low,
        f"{name}_high": interval.high,
        f"{name}_runs": len(beyond),
    }
