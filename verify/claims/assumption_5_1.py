"""Assumption 5.1 with the exact constants of a data set: alignment along the eigenvectors of G, for every θ.

Problem:
    A₁ ≤ g_centred(θ; uᵢ) ≤ A₂ is claimed for every θ and every eigenvector uᵢ of G, with the constants that
    `simulate.alignment_constants` computes for the data set.

Method:
    Along each eigenvector the extremes over all θ are computed by another route (dense pencils), and looked for among
    random θ, whose weight on flat and sharp directions varies over many orders of magnitude.

Guarantee:
    `holds` rests on the proof, executed step by step, and on no value beyond the constants. Both are attained, so any
    tighter constant is refuted.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

import theory
from verify.claims._context import Context
from verify.claims._points import Again, Points, judge_points
from verify.escape_data import Constants, EscapeData
from verify.escape_witness import plain_model
from verify.verdict import Plot, Verdict

MOST_DRAWN = 2
"""Data sets that are drawn: those of most dimensions, one of each family."""


def judge(statement: theory.Statement, context: Context, data: EscapeData, stop_early: bool) -> Verdict:
    """Judge Assumption 5.1 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        data: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    context.progress(0.1, "constants of every data set")
    found = [one for one in data.constants() if not one.design.online]
    points = [_points(one, data.seed) for one in found]
    plots = [] if stop_early else [_plot(one) for one in _drawn(found)]
    return judge_points(statement, context, points, plots)


def table(data: EscapeData) -> pd.DataFrame:
    """List the observations.

    Args:
        data: the data sets.

    Returns:
        One row for each eigenvector of each data set.
    """
    rows = [
        (*one.design, one.A1, one.A2, i, value, low, high)
        for one in data.constants()
        for i, (value, low, high) in enumerate(zip(one.eigenvalues, one.low, one.high, strict=False), start=1)
    ]
    return pd.DataFrame(rows, columns=["family", "n", "d", "A1", "A2", "i", "eigenvalue", "inf_g", "sup_g"])


def _points(one: Constants, seed: int) -> Points:
    """Make the points of one data set: one for each eigenvector."""
    return Points(
        name=f"{one.design.name}: every eigenvector, every θ",
        symbols={"A1": one.A1, "A2": one.A2},
        low=one.low,
        high=one.high,
        again=partial(_again, one, seed),
        cost=one.design.n * one.design.rank**2,
        # The second moment of the gradients less the square of their mean.
        unit=1.0,
    )


def _again(one: Constants, seed: int, index: tuple[int, ...], side: str) -> Again:
    """Compute the extreme along an eigenvector from the gradients of the samples."""
    model = plain_model(one.design, seed)
    (i,) = index
    ends = model.alignment_ends(i)
    w = ends.low_at if side == "lower" else ends.high_at
    A1, A2 = model.constants()
    recipe = {**one.design.recipe(seed), "eigenvector": i + 1, "w": w.tolist()}
    recipe["recompute"] = f"model.alignment(w, {i})"
    return Again({"A1": A1, "A2": A2}, model.alignment(w, i), recipe)


def _drawn(found: list[Constants]) -> list[Constants]:
    """Choose the data sets to be drawn."""
    by_family = {one.design.family: one for one in sorted(found, key=lambda one: len(one.eigenvalues)) if one.A1 > 0}
    return sorted(by_family.values(), key=lambda one: -len(one.eigenvalues))[:MOST_DRAWN]


def _plot(one: Constants) -> Plot:
    """Draw the range along each eigenvector."""
    index = np.arange(1, len(one.eigenvalues) + 1).tolist()
    ends = [index[0], index[-1]]
    return Plot(
        title=f"Range of the alignment over all θ along each eigenvector: {one.design.name}",
        alt="Smallest and largest centred alignment along every eigenvector of G, with the constants A₁ and A₂.",
        x_label="eigenvector i",
        y_label="g_centred(θ; u_i)",
        series=[
            {"label": "largest", "x": index, "y": one.high.tolist(), "style": "points"},
            {"label": "smallest", "x": index, "y": one.low.tolist(), "style": "points"},
            {"label": "A₂", "x": ends, "y": [one.A2] * 2, "style": "bound"},
            {"label": "A₁", "x": ends, "y": [one.A1] * 2, "style": "bound"},
        ],
        x_log=False,
    )
