"""The fitted constant against trying every constant."""

from __future__ import annotations

import math

import numpy as np
import pytest

import theory
from verify.constants import EPS_GRID, fitted_constant
from verify.designs import Design
from verify.rays import RayPoint

DELTA = 0.1


def point(n: int, rank: int, family: str = "isotropic") -> RayPoint:
    return RayPoint(0.3, Design(family, n, rank), float(n))


def extremes(seed: int, trials: int = 60) -> np.ndarray:
    stream = np.random.default_rng(seed)
    return np.column_stack([1 - 0.5 * stream.uniform(size=trials), 1 + stream.uniform(size=trials)])


def contradicts(constant: float, n: int, d_eff: float, inf: float, sup: float) -> bool:
    """Whether one data set contradicts Theorem 3.3 with this constant: all conditions are met at an ε that fails."""
    for eps in EPS_GRID:
        needed = constant * math.log(n / DELTA) / eps**2
        if n >= needed and d_eff >= needed and not 1 - eps <= inf <= sup <= 1 + eps:
            return True
    return False


@pytest.mark.parametrize(("n", "rank"), [(400, 50), (50, 400), (100, 100)])
def test_the_constant_by_trying_every_constant(n, rank):
    found = extremes(n)
    fitted = fitted_constant(theory.statement("3.3"), [(point(n, rank), found)], DELTA)
    # A constant serves a data set if it is not contradicted by it; the needed constants are the suprema of the others.
    candidates = np.geomspace(1e-3, 1e3, 1200)
    needed = []
    for inf, sup in found:
        against = [c for c in candidates[::40] if contradicts(c, n, rank, inf, sup)]
        fine = candidates[(candidates >= against[-1]) & (candidates <= against[-1] * candidates[40] / candidates[0])]
        needed.append(max(c for c in fine if contradicts(c, n, rank, inf, sup)))
    step = candidates[1] / candidates[0]
    ordered = np.sort(needed)
    # The order statistics that bound the 0.9 quantile of 60 values from both sides.
    assert fitted["low"] / step <= ordered[53] * step
    assert ordered[53] <= fitted["high"] * step
    assert ordered[48] / step <= fitted["estimate"] <= ordered[58] * step
    assert min(abs(math.log(fitted["high"] / c)) for c in needed) < 2 * math.log(step)
    assert min(abs(math.log(fitted["low"] / c)) for c in needed) < 2 * math.log(step)


def test_the_most_demanding_design_decides():
    easy, hard = (point(400, 50), extremes(0) * 0 + 1.0), (point(60, 60, "masked"), extremes(1))
    alone = fitted_constant(theory.statement("3.3"), [hard], DELTA)
    both = fitted_constant(theory.statement("3.3"), [easy, hard], DELTA)
    assert both == alone
    assert (both["family"], both["n"], both["d"]) == ("masked", 60, 120)
    assert both["low"] <= both["estimate"] <= both["high"]
    assert fitted_constant(theory.statement("3.3"), [easy], DELTA)["estimate"] == 0


def test_the_constant_scales_with_the_conditions_and_falls_with_the_room():
    points = [(point(100, 80), extremes(2))]
    fitted = fitted_constant(theory.statement("3.3"), points, DELTA)["estimate"]
    doubled = theory.statement("3.3").replace(
        sample_size=["2*log(n/delta)/eps**2"], dimension=["2*log(n/delta)/eps**2"]
    )
    assert fitted_constant(doubled, points, DELTA)["estimate"] == pytest.approx(fitted / 2)
    wide = theory.statement("3.3").replace(lower="1 - 2*eps", upper="1 + 2*eps")
    assert fitted_constant(wide, points, DELTA)["estimate"] < fitted
    upper_only = theory.statement("3.3").replace(lower=None)
    assert fitted_constant(upper_only, points, DELTA)["estimate"] <= fitted


def test_the_data_sets_may_come_in_any_order():
    found = extremes(3)
    shuffled = np.random.default_rng(0).permutation(found)
    assert fitted_constant(theory.statement("3.3"), [(point(100, 80), found)], DELTA) == fitted_constant(
        theory.statement("3.3"), [(point(100, 80), shuffled)], DELTA
    )


def test_without_conditions_there_is_no_constant():
    statement = theory.statement("3.3").replace(sample_size=[], dimension=[])
    assert fitted_constant(statement, [(point(10, 10), extremes(0))], DELTA) is None


def test_the_condition_that_is_not_there_does_not_count():
    only_n = theory.statement("3.3").replace(dimension=[])
    found = extremes(4)
    small, large = (fitted_constant(only_n, [(point(100, rank), found)], DELTA)["estimate"] for rank in (5, 5000))
    assert small == large
