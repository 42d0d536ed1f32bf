"""Theorem 3.3 with explicit constants, against the data sets of its rays: how many leave their explicit interval?

The statement leaves its constant open, so that a single data set cannot refute it. With explicit constants it is a
claim about each design: μ stays within `theory.explicit_bounds` for every θ with probability 1 − δ. Data sets of
different designs are independent, and each fails with probability at most δ: so do their failures together, counted
with the interval of Clopper and Pearson (1934). The same interval with the brackets of a single sample, at δ = 1/2, is
a control: the test says nothing where it survives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import simulate
import theory
from verify.designs import Design
from verify.observing import Observed
from verify.statistics import clopper_pearson
from verify.verdict import Evidence, State
from verify.witness import dense_loss_alignment

TEST = "explicit constants: failures of the interval at its n and spectrum"
FALSE_ALARM = 1e-6
"""Probability with which a true bound is refuted."""
DOUBT = 1e-3
"""Probability with which a bound that fails more often than δ is supported."""
LARGEST_WITNESS = 1500
"""Largest n at which a violation is computed again from p×p matrices."""


class _Counted(NamedTuple):
    """Data sets of one design.

    Attributes:
        design: the design.
        interval: the explicit bounds.
        extremes: inf and sup of μ, shape (data sets, 2).
        failures: data sets that leave the interval.
        control_failures: data sets that leave the control's.
    """

    design: Design
    interval: theory.ExplicitBounds
    extremes: np.ndarray
    failures: int
    control_failures: int


def explicit_test(
    observed: Sequence[Observed], statement: theory.Statement, data_sets: int, delta: float, seed: int
) -> tuple[list[Evidence], dict[str, Any] | None]:
    """Count how many data sets leave the explicit interval of Theorem 3.3.

    Designs with n > d count for nothing unless every residual is possible on them: the range over linear teachers is
    narrower there than the interval, which holds for all labels, and even the control would survive.

    Args:
        observed: the rays with their extremes.
        statement: the statement; only Theorem 3.3 as it is in the catalogue has explicit constants.
        data_sets: data sets of each point that count, in units of the ray's `repeats`: those that every ray has. How
            many more there are depends on what was observed.
        delta: δ.
        seed: the run's seed.

    Returns:
        The evidence, none for another statement, and a witness where the interval is refuted.
    """
    if statement.id != "3.3" or statement.altered:
        return [], None
    counted = [
        _count(point.design, extremes.found[: one.ray.plan.repeats * data_sets], delta)
        for one in observed
        for point, extremes in zip(one.ray.points, one.extremes, strict=True)
        if point.design.family == "masked" or point.design.n <= point.design.d
    ]
    total = sum(len(one.extremes) for one in counted)
    if not total:
        return [], None
    failures, control = (sum(getattr(one, name) for one in counted) for name in ("failures", "control_failures"))
    evidence = _evidence(counted, total, failures, control, delta)
    return [evidence], _witness(counted, delta, seed) if evidence.state is State.VIOLATED else None


def interval_of(design: Design, delta: float, union: bool = True) -> theory.ExplicitBounds:
    """Compute the explicit interval of a design.

    Args:
        design: the design; a masked one in the limit of a vanishing tail, in which its extremes are taken.
        delta: δ.
        union: False for the brackets of a single sample, the control.

    Returns:
        The interval.
    """
    spectrum = np.ones(design.rank) if design.family == "masked" else design.spectrum()
    return theory.explicit_bounds("3.3", n=design.n, spectrum=spectrum, delta=delta, union=union)


def _count(design: Design, extremes: np.ndarray, delta: float) -> _Counted:
    """Count the data sets of a design that leave its interval, and the control's."""
    interval = interval_of(design, delta)
    failures, control = (
        int(np.sum((extremes[:, 0] < one.lower) | (extremes[:, 1] > one.upper)))
        for one in (interval, interval_of(design, 0.5, union=False))
    )
    return _Counted(design, interval, extremes, failures, control)


def _evidence(counted: list[_Counted], total: int, failures: int, control: int, delta: float) -> Evidence:
    """Compare the counts with δ."""
    least, most = (clopper_pearson(failures, total, 1 - 2 * error) for error in (FALSE_ALARM, DOUBT))
    refuted = clopper_pearson(control, total, 1 - 2 * FALSE_ALARM).low > delta
    finding = (
        f"{failures} of {total} data sets leave it, at most {most.high:.3g} where {delta:g} is allowed; without the "
        f"union bound and at δ = 0.5 {control} do, which {'refutes' if refuted else 'does not refute'} that control"
    )
    if least.low > delta:
        state = State.VIOLATED
        finding = f"{failures} of {total} data sets leave it, at least {least.low:.3g} where {delta:g} is allowed"
    else:
        state = State.HOLDS if refuted and most.high <= delta else State.INCONCLUSIVE
    widths = [float(np.mean(np.diff(one.extremes)) / (one.interval.upper - one.interval.lower)) for one in counted]
    figures = {
        "data_sets": total,
        "failures": failures,
        "allowed": delta,
        "at_least": least.low,
        "at_most": most.high,
        "control_failures": control,
        "control_refuted": refuted,
        "points": [
            {
                "family": one.design.family,
                "n": one.design.n,
                "d": one.design.d,
                "d_eff": one.design.d_eff,
                "lower": one.interval.lower,
                "upper": one.interval.upper,
                "observed": [float(np.mean(one.extremes[:, side])) for side in (0, 1)],
                "share_of_width": share,
                "failures": one.failures,
            }
            for one, share in zip(counted, widths, strict=True)
        ],
    }
    finding += f"; the ranges observed take {min(widths):.0%} to {max(widths):.0%} of its width"
    return Evidence(TEST, finding, state, figures)


def _witness(counted: list[_Counted], delta: float, seed: int) -> dict[str, Any]:
    """Take a data set that leaves the interval, the smallest there is, and compute μ there by the definition."""
    one = min((c for c in counted if c.failures), key=lambda c: c.design.n)
    low, high = one.extremes[:, 0] / one.interval.lower, one.extremes[:, 1] / one.interval.upper
    side = "upper" if (high > 1).any() else "lower"
    column, trial = (1, int(np.argmax(high))) if side == "upper" else (0, int(np.argmin(low)))
    witness = one.design.recipe(seed, trial) | {
        "delta": delta,
        "side": side,
        "bound": one.interval.upper if side == "upper" else one.interval.lower,
        "value": float(one.extremes[trial, column]),
        "failures": one.failures,
        "data_sets": len(one.extremes),
    }
    if one.design.n <= LARGEST_WITNESS:
        X = one.design.draw(seed, trial)
        witness["value"] = dense_loss_alignment(X, simulate.loss_alignment_range(X).witnesses[column])
        witness["u"] = f"row {column} of simulate.loss_alignment_range(X).witnesses"
    return witness
