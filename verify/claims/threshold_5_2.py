"""The learning rate at which SGD becomes unstable: what the condition of Theorem 5.2 implies, and a sandwich.

Problem:
    β* = η*‖G‖_F ≤ √(1 + 2/A₁), and 1/A₂ ≤ h(η*) ≤ 1/A₁ with h(η) = Σ ηλᵢ/(2 − ηλᵢ), are claimed for any inputs.

Method:
    The threshold of each data set is exact: 1/η* is an eigenvalue (`simulate.stability_threshold`; online the root of a
    scalar equation). It is compared with the bounds for spectra of several shapes and for n below, near and far above
    d. How far the condition of Theorem 5.2 is from the threshold is reported besides: c₁/β* grows like √d.

Guarantee:
    `holds` rests on the proof, executed step by step, and on no data set beyond a bound. A violation is recomputed from
    a dense matrix of r² × r² entries, summed over the samples.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

import simulate
import theory
from verify.claims._context import Context
from verify.claims._points import Again, Points, judge_points
from verify.escape_data import Constants, EscapeData
from verify.escape_witness import plain_model
from verify.verdict import Evidence, Plot, State, Verdict

CURVE = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1000)
"""Dimensions of the curves drawn for online SGD on isotropic inputs."""
OVERSAMPLED = 20
"""Samples a dimension from which on finite data sets are drawn beside the curves."""


def judge(statement: theory.Statement, context: Context, data: EscapeData, stop_early: bool) -> Verdict:
    """Judge a statement on the threshold of stability or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        data: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    context.progress(0.1, "thresholds of every data set")
    found = data.constants()
    points = [_points(one, statement.quantity, data.seed) for one in found]
    remarks = [] if stop_early else [_sufficient(found)]
    if stop_early:
        plots = []
    elif statement.quantity == "stability_threshold":
        plots = [_dimension_plot(found)]
    else:
        plots = [_sandwich_plot(found)]
    return judge_points(statement, context, points, plots, remarks)


def table(data: EscapeData) -> pd.DataFrame:
    """List the observations.

    Args:
        data: the data sets.

    Returns:
        One row for each data set.
    """
    rows = [(*c.design, c.A1, c.A2, c.sufficient, c.threshold, c.threshold_sum) for c in data.constants()]
    return pd.DataFrame(rows, columns=["family", "n", "d", "A1", "A2", "c1", "beta_star", "h_star"])


def _points(one: Constants, quantity: str, seed: int) -> Points:
    """Make the point of one data set."""
    value = np.array([one.threshold if quantity == "stability_threshold" else one.threshold_sum])
    return Points(
        name=one.design.name,
        symbols={"A1": one.A1, "A2": one.A2},
        low=value,
        high=value,
        again=partial(_again, one, quantity, seed),
        # A dense matrix for each sample; online one of d × d entries.
        cost=float(one.design.d**3 if one.design.online else one.design.n * one.design.rank**4),
    )


def _again(one: Constants, quantity: str, seed: int, index: tuple[int, ...], side: str) -> Again:
    """Compute the threshold of a data set from a dense matrix."""
    del index, side
    design = one.design
    model = plain_model(design, seed)
    eta = model.threshold()
    steps = eta * model.eigenvalues
    value = eta * model.norm if quantity == "stability_threshold" else float(np.sum(steps / (2 - steps)))
    A1, A2 = model.constants()
    recipe = {**design.recipe(seed), "lr": eta, "recompute": "model.threshold()"}
    return Again({"A1": A1, "A2": A2}, value, recipe)


def _sufficient(found: list[Constants]) -> Evidence:
    """Say how far the condition of Theorem 5.2 is from the threshold."""
    told = [one for one in found if one.A1 > 0]
    ratios = np.array([one.sufficient / one.threshold for one in told])
    least, most = told[int(np.argmin(ratios))], told[int(np.argmax(ratios))]
    traces = np.array([one.threshold / one.norm * float(np.sum(one.eigenvalues)) for one in found])
    finding = (
        f"c₁/β* runs from {ratios.min():.3g} ({least.design.name}) to {ratios.max():.3g} ({most.design.name}): SGD is "
        f"unstable far below the learning rates that the theorem asks for; η* Tr G is {traces.min():.3g} to "
        f"{traces.max():.3g}"
    )
    figures = {"least": float(ratios.min()), "largest": float(ratios.max())}
    return Evidence("the sufficient condition beside the threshold", finding, State.OBSERVED, figures)


def _dimension_plot(found: list[Constants]) -> Plot:
    """Draw threshold and sufficient condition against the dimension."""
    online = [simulate.online_stability_threshold(np.ones(d)) * np.sqrt(d) for d in CURVE]
    chosen = [one for one in found if not one.design.online and one.A1 > 0 and one.design.family != "digits"]
    chosen = sorted((one for one in chosen if one.design.n >= OVERSAMPLED * one.design.d), key=lambda one: one.design.d)
    x = [one.design.d for one in chosen]
    return Plot(
        title="Threshold of stability and the condition of Theorem 5.2 against the dimension",
        alt="The exact threshold falls like one over the square root of the dimension, while the sufficient condition "
        "stays near √3.",
        x_label="dimension d",
        y_label="β = η‖G‖_F",
        series=[
            {"label": "β*, online, isotropic", "x": list(CURVE), "y": online, "style": "line"},
            {"label": "β*, data sets", "x": x, "y": [one.threshold for one in chosen], "style": "points"},
            {"label": "c₁, data sets", "x": x, "y": [one.sufficient for one in chosen], "style": "points"},
            {"label": "c₁, online", "x": [2, CURVE[-1]], "y": [np.sqrt(3.0)] * 2, "style": "bound"},
        ],
    )


def _sandwich_plot(found: list[Constants]) -> Plot:
    """Draw h(η*) of every data set between its bounds."""
    ordered = sorted((one for one in found if one.A1 > 0), key=lambda one: one.A1)
    x = [1 / one.A1 for one in ordered]
    return Plot(
        title="The sandwich of the threshold, one point for each data set",
        alt="The sum over curvatures at the exact threshold lies between the reciprocals of the two constants.",
        x_label="1/A₁",
        y_label="h(η*)",
        series=[
            {"label": "h(η*)", "x": x, "y": [one.threshold_sum for one in ordered], "style": "points"},
            {"label": "1/A₁", "x": x, "y": x, "style": "bound"},
            {"label": "1/A₂", "x": x, "y": [1 / one.A2 for one in ordered], "style": "points"},
        ],
    )
