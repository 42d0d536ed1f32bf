"""Theorems 3.2 and 4.2 with the constant of their proof: how many data sets leave the bounds where it is met?

With an explicit constant a data set of the size that the conditions ask for may leave the bounds with probability δ at
most; the failures are counted with the interval of Clopper and Pearson (1934). The same data sets against the bounds at
a far smaller ε, for which they are too few, are a control: the test says nothing where it survives.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import theory
from verify.claims._context import Context
from verify.designs import Design
from verify.explicit_intervals import DOUBT, FALSE_ALARM
from verify.statistics import clopper_pearson
from verify.uniform_rays import uniform_extremes, uniform_range
from verify.verdict import Evidence, State
from verify.witness import dense_directional_alignment

TEST = "explicit constants: failures where the conditions are met"
DIMENSION, EPS, DELTA, CONTROL_EPS = 2, 0.5, 0.5, 0.001
DATA_SETS = 20
"""Twenty failures show a share above 0.5 with error 10⁻⁶, none a share below 0.3 with error 10⁻³."""


def explicit_condition_test(
    statement: theory.Statement, context: Context, most_starts: int
) -> tuple[list[Evidence], dict[str, Any] | None]:
    """Count how many data sets leave the bounds at the smallest n that the proof's constant allows.

    Args:
        statement: the statement; only one of the catalogue with both bounds and an explicit absolute constant counts.
        context: the run.
        most_starts: starts of each search.

    Returns:
        The evidence, none for another statement, and a witness where the bounds are refuted. Certified extremes
        support and found ones refute.
    """
    if statement.altered or statement.constants != "absolute" or statement.explicit_constants is None:
        return [], None
    n = statement.required_n("explicit", eps=EPS, delta=DELTA, d=DIMENSION)
    design = Design("isotropic", n, DIMENSION)
    work = partial(uniform_extremes, context.seed, most_starts)
    rows = np.array(context.mapper(work, [(design, trial) for trial in range(DATA_SETS)]))
    found, certified = rows[:, :2], rows[:, 2:]
    failing, open_, control = (
        _outside(statement, extremes, eps) for extremes, eps in ((found, EPS), (certified, EPS), (found, CONTROL_EPS))
    )
    least = clopper_pearson(failing, DATA_SETS, 1 - 2 * FALSE_ALARM).low
    most = clopper_pearson(open_, DATA_SETS, 1 - 2 * DOUBT).high
    refuted = clopper_pearson(control, DATA_SETS, 1 - 2 * FALSE_ALARM).low > DELTA
    supported = refuted and most <= DELTA
    state = State.VIOLATED if least > DELTA else State.HOLDS if supported else State.INCONCLUSIVE
    finding = (
        f"{failing} of {DATA_SETS} data sets of n = {n} and d = {DIMENSION} leave the bounds at ε = {EPS:g}, at most "
        f"{most:.3g} where {DELTA:g} is allowed; g runs from {found[:, 0].min():.3g} to {found[:, 1].max():.3g}; of "
        f"the bounds at ε = {CONTROL_EPS:g}, a control, {control} are left"
    )
    figures = {"n": n, "d": DIMENSION, "eps": EPS, "delta": DELTA, "data_sets": DATA_SETS, "failures": failing}
    figures |= {"at_most": most, "at_least": least, "control_failures": control}
    witness = _witness(statement, design, found, context.seed, most_starts) if state is State.VIOLATED else None
    return [Evidence(TEST, finding, state, figures)], witness


def _witness(
    statement: theory.Statement, design: Design, found: np.ndarray, seed: int, most_starts: int
) -> dict[str, Any]:
    """Take the data set that is furthest outside, and compute g there by the definition."""
    lower, upper = statement.bounds(eps=EPS)
    above, below = found[:, 1] / upper, lower / np.maximum(found[:, 0], 1e-300)
    high = bool(above.max() >= below.max())
    trial = int(np.argmax(above if high else below))
    extremes = uniform_range(seed, most_starts, design, trial)
    u, v = extremes.sup_witness if high else extremes.inf_witness
    value = dense_directional_alignment(design.draw(seed, trial), u, v)
    bound = {"eps": EPS, "delta": DELTA, "bound": upper if high else lower, "value": value}
    return design.recipe(seed, trial) | bound | {"u": u.tolist(), "v": v.tolist()}


def _outside(statement: theory.Statement, extremes: np.ndarray, eps: float) -> int:
    """Count the data sets whose extremes leave the bounds at ε."""
    lower, upper = statement.bounds(eps=eps)
    return int(np.sum((extremes[:, 0] < lower) | (extremes[:, 1] > upper)))
