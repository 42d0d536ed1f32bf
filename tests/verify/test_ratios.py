"""ρ of statements whose population range is [1, 3], and bounds without room."""

from __future__ import annotations

import math

import numpy as np
import pytest

import theory
from verify.designs import Design
from verify.ratios import log_ratio, population_ends, room, share_beyond
from verify.rays import RayPoint

POINT = RayPoint(0.3, Design("isotropic", 200, 5), 200.0)


@pytest.mark.parametrize(("claim", "ends"), [("3.3", (1, 1)), ("3.2", (1, 3)), ("4.2", (1, 3)), ("4.3", (1, 3))])
def test_the_population_range_is_that_of_the_quantity(claim, ends):
    assert population_ends(theory.statement(claim)) == ends


def test_rho_compares_relative_deviations():
    statement = theory.statement("4.2").replace(upper="3 + 2*eps", lower="1 - eps/2")
    extremes = np.array([[0.7, 3.9], [0.0, 2.5]])
    upper = np.exp(log_ratio(statement, "upper", POINT, extremes, 0.1))
    lower = np.exp(log_ratio(statement, "lower", POINT, extremes, 0.1))
    assert upper[0] == pytest.approx(0.9 / 0.6)
    assert upper[1] == 0
    assert lower[0] == pytest.approx(-math.log(0.7) / 0.15)
    assert lower[1] > 1000


@pytest.mark.parametrize(("upper", "share"), [("3", 2 / 3), ("2.5", 1.0), ("3.4", 1 / 3)])
def test_without_room_the_bound_itself_is_compared(upper, share):
    statement = theory.statement("4.2").replace(upper=upper)
    extremes = np.array([[0.5, 2.9], [0.5, 3.1], [0.5, 3.5]])
    found = share_beyond(statement, "upper", POINT, extremes, 0.1)
    assert found.estimate == pytest.approx(share)
    assert found.low <= share <= found.high
    assert (room(statement, "upper", POINT, 0.1)[0] > 0) == (float(upper) > 3)
