"""Theorem 5.2, the growth of the loss in a step.

Problem:
    E L(t+1)/E L(t) ≥ β² A₁ is claimed for every start, every t and every β, on any inputs.

Method:
    The extremes of the growth over all starts are generalised eigenvalues of the exact second moments
    (`simulate.worst_growth`). They are compared with the bound for the first steps at learning rates from far below the
    threshold of stability to far beyond.

Guarantee:
    `holds` rests on the proof, executed step by step, and on no start that grows less. A violation is recomputed from
    its start, sample by sample.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

import theory
from verify.claims._context import Context
from verify.claims._points import Again, Points, judge_points
from verify.escape_data import EscapeData, Growth, growth_range
from verify.escape_designs import EscapeDesign
from verify.escape_witness import plain_model
from verify.verdict import Plot, Verdict

DRAWN = EscapeDesign("isotropic", 1000, 20)


def judge(statement: theory.Statement, context: Context, data: EscapeData, stop_early: bool) -> Verdict:
    """Judge the growth of the loss or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        data: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    context.progress(0.1, "least and largest growth of every data set")
    found = data.growth()
    points = [_points(one, data.seed) for one in found]
    drawn = [one for one in found if one.constants.design == DRAWN] or found[:1]
    plots = [] if stop_early else [_plot(drawn[0], statement)]
    return judge_points(statement, context, points, plots)


def table(data: EscapeData) -> pd.DataFrame:
    """List the observations.

    Args:
        data: the data sets.

    Returns:
        One row for each data set, learning rate and t.
    """
    rows = [
        (*one.constants.design, one.constants.A1, one.constants.A2, beta, t, low, high)
        for one in data.growth()
        for beta, lows, highs in zip(one.betas, one.low, one.high, strict=True)
        for t, (low, high) in enumerate(zip(lows, highs, strict=True))
    ]
    return pd.DataFrame(rows, columns=["family", "n", "d", "A1", "A2", "beta", "t", "inf_growth", "sup_growth"])


def _points(one: Growth, seed: int) -> Points:
    """Make the points of one data set: one for each learning rate and t."""
    design = one.constants.design
    return Points(
        name=f"{design.name}: every start, {len(one.betas)} learning rates, t = 0…{one.low.shape[1] - 1}",
        symbols={"A1": one.constants.A1, "A2": one.constants.A2, "beta": one.betas[:, None]},
        low=one.low,
        high=one.high,
        again=partial(_again, one, seed),
        cost=np.arange(1, one.low.shape[1] + 1) * max(design.n, design.d) * design.d**2,
    )


def _again(one: Growth, seed: int, index: tuple[int, ...], side: str) -> Again:
    """Follow the start of least or largest growth, sample by sample."""
    design, (number, time) = one.constants.design, index
    beta = float(one.betas[number])
    model = plain_model(design, seed)
    chosen = growth_range(one.constants, seed, beta, time + 1).step_witnesses[time, 0 if side == "lower" else 1]
    w = np.eye(design.d)[int(chosen)] if design.online else np.asarray(chosen)
    rate = beta / one.constants.norm
    A1, A2 = model.constants()
    recipe = {
        **design.recipe(seed),
        "lr": rate,
        "t": time,
        "start": f"unit vector of coordinate {int(chosen)}, from 0" if design.online else w.tolist(),
        "recompute": f"model.growth(start, lr, {time})",
    }
    return Again({"A1": A1, "A2": A2, "beta": rate * model.norm}, model.growth(w, rate, time), recipe)


def _plot(one: Growth, statement: theory.Statement) -> Plot:
    """Draw the extremes of the first step and the bound against β."""
    betas = np.sort(one.betas)
    order = np.argsort(one.betas)
    bound = _points(one, 0).bound(statement, "lower")[order, 0]
    x = betas.tolist()
    return Plot(
        title=f"Growth of the loss in the first step over all starts: {one.constants.design.name}",
        alt="Smallest and largest growth of the expected loss over all starts against the learning rate, with the "
        "lower bound.",
        x_label="β = η‖G‖_F",
        y_label="E L(1) / E L(0)",
        series=[
            {"label": "smallest over all starts", "x": x, "y": one.low[order, 0].tolist()},
            {"label": "largest over all starts", "x": x, "y": one.high[order, 0].tolist()},
            {"label": "lower bound", "x": x, "y": bound.tolist(), "style": "bound"},
        ],
    )
