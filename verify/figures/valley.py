"""Figure 4: the toy valley under a cyclical learning rate, SGD against gradient descent.

Problem:
    The valley b = 0 of L(a, b) = b²/(2(a² + 1)) is flatter where |a| is larger. SGD with a cyclical learning rate is
    said to drift outwards, gradient descent is not. The noise is parallel to the gradient here, so that this is not
    obvious; is it true, at equal learning rates and at equal peak losses?

Method:
    Online SGD with batch 1 and gradient descent on the population's loss, from one start, with a triangular learning
    rate whose largest value times the curvature at the start is the height H. The drift is |a| at the end less the |a|
    at which gradient flow ends, which is what both do with small learning rates (`verify.figures.valley_laws`). The
    peak loss is the largest loss of a run, its start included; a typical run of SGD has the median over the seeds. The
    matched learning rate is the smallest one, by a logarithmic grid and bisection, with which gradient descent has that
    peak loss. It is defined where a typical run of SGD rises above its start at all. Each run is also compared with
    gradient descent at its own peak loss.

Guarantee:
    Shares have Clopper-Pearson intervals, medians have intervals by order statistics, at 95 %. Means have heavy tails:
    their standard error is a guide only.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

import simulate
from verify.figures._context import Context, Made
from verify.figures.valley_matching import QUANTILES, by_peak, compare
from verify.figures.valley_runs import Cycle, Runs, Settings, descend, gd_path, named, run_sgd, sgd_path

DESCENT, PATHS = "gradient descent", "path"
"""Further kinds of rows in the table."""
HEIGHTS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0)
SIZES = {
    "default": Settings((1.0, 0.3), (Cycle(100, 0.1, 10), Cycle(20, 0.5, 10)), HEIGHTS, 3.0, 4.0, 4000, 400),
    "tiny": Settings((1.0, 0.3), (Cycle(10, 0.1, 3), Cycle(6, 0.5, 3)), (1.5, 3.0, 4.0), 3.0, 4.0, 60, 30, bins=3),
}


def make(context: Context) -> Made:
    """Make Figure 4.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import valley_drawing

    settings = SIZES[context.size]
    context.begin("gradient descent over learning rates", 0.0, 0.4)
    grid = np.geomspace(settings.least, settings.most, settings.rates)
    items = [(cycle, float(height)) for cycle in settings.cycles for height in grid]
    descents = context.mapper(partial(descend, settings), items)
    table = pd.DataFrame([
        {"kind": DESCENT, **named(cycle), "height": height, "drift": run.drift[0], "peak": run.peak[0]}
        for (cycle, height), run in zip(items, descents, strict=True)
    ])
    context.begin("SGD over learning rates and seeds", 0.4, 0.9)
    points = [(cycle, height) for cycle in settings.cycles for height in settings.heights]
    runs = context.mapper(partial(run_sgd, context.seed, settings), points)
    context.begin("matching peak losses", 0.9, 0.95)
    curves = {
        cycle: table[(table["period"] == cycle.period) & (table["low"] == cycle.low)] for cycle in settings.cycles
    }
    compared = partial(compare, settings, curves)
    rows = context.mapper(compared, list(zip(points, runs, strict=True)))
    drift = pd.DataFrame(rows)
    classes = pd.DataFrame([
        row
        for cycle in settings.cycles
        for row in by_peak(settings, cycle, [r for (c, _), r in zip(points, runs, strict=True) if c == cycle])
    ])
    paths = walk(context.seed, settings, drift, dict(zip(points, runs, strict=True)))
    return valley_drawing.draw(settings, pd.concat([drift, classes, table, paths], ignore_index=True))


def walk(seed: int, settings: Settings, drift: pd.DataFrame, runs: dict[tuple[Cycle, float], Runs]) -> pd.DataFrame:
    """Follow single runs: SGD at quantiles of the drift, and gradient descent at the same and the matched rate.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        drift: the rows of `compare`.
        runs: the runs of SGD.

    Returns:
        A row for each step of the first cycle.
    """
    cycle = settings.cycles[0]
    parts = []
    for matched, height in ((False, settings.equal_height), (True, settings.matched_height)):
        order = np.argsort(runs[cycle, height].drift, kind="stable")
        for quantile in QUANTILES[2:]:
            number = int(order[round(quantile * (len(order) - 1))])
            path = sgd_path(seed, settings, (cycle, height), number, 1, parameters=True)
            parts.append(_path(cycle, path, matched, height, f"SGD, {quantile:.0%} quantile"))
        row = drift[(drift["period"] == cycle.period) & (drift["low"] == cycle.low) & (drift["height"] == height)]
        other = float(row["matched_height"].iloc[0]) if matched else height
        if np.isfinite(other):
            parts.append(_path(cycle, gd_path(settings, (cycle, other), parameters=True), matched, other, "GD"))
    return pd.concat(parts, ignore_index=True)


def _path(cycle: Cycle, path: simulate.Ensemble, matched: bool, height: float, name: str) -> pd.DataFrame:
    """List the first steps of one run."""
    shown = slice(0, cycle.period + 1)
    a, b = path.values["parameters"][shown, 0].T
    return pd.DataFrame({
        "kind": PATHS,
        **named(cycle),
        "height": height,
        "run": name,
        "matched": matched,
        "step": path.times[shown],
        "a": a,
        "b": b,
        "loss": path.values["loss"][shown, 0],
    })
