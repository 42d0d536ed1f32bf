"""What is observed along a ray of the loss alignment, and the ratio ρ of deviation to room, against naive formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import theory
from verify.claims._context import Context
from verify.designs import Design
from verify.loss_rays import Observations, loss_extremes
from verify.observing import observe
from verify.ratios import log_ratio
from verify.rays import Ray, RayPlan, RayPoint
from verify.verdict import State

DELTA = 0.1
POINT = RayPoint(0.3, Design("isotropic", 200, 50), 200.0)


class Recorder:
    """An ordered map that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Design, int]] = []

    def __call__(self, function, items):
        self.asked += items
        return [function(item) for item in items]


@pytest.fixture
def recorder():
    return Recorder()


def context(mapper, seed: int = 0) -> Context:
    return Context("quick", seed, mapper=mapper, progress=lambda share, doing: None)


def rho(statement: theory.Statement, side: str, extremes: list[list[float]], point: RayPoint = POINT) -> np.ndarray:
    return np.exp(log_ratio(statement, side, point, np.array(extremes), DELTA))


def smallest_eps(bound, value: float) -> float:
    """Smallest ε whose bound covers a value, by bisection."""
    low, high = 1e-9, 50.0
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if bound(middle) >= value else (middle, high)
    return high


@given(st.floats(1.001, 3))
def test_rho_is_the_smallest_eps_over_eps_where_the_room_is_a_power(sup):
    linear = smallest_eps(lambda eps: 1 + 2 * eps, sup) / POINT.eps
    assert rho(theory.statement("3.3").replace(upper="1 + 2*eps"), "upper", [[0.5, sup]]) == pytest.approx(linear)
    squared = smallest_eps(lambda eps: 1 + eps**2, sup) / POINT.eps
    assert rho(theory.statement("3.3").replace(upper="1 + eps**2"), "upper", [[0.5, sup]]) == pytest.approx(squared)


@given(st.floats(0.05, 0.999))
def test_below_one_rho_compares_minus_the_logarithm(inf):
    expected = -math.log(inf) / POINT.eps
    assert rho(theory.statement("3.3"), "lower", [[inf, 2.0]]) == pytest.approx(expected, rel=1e-9)


def test_rho_grows_with_the_deviation_and_falls_with_the_room():
    statement = theory.statement("3.3")
    assert np.all(np.diff(rho(statement, "upper", [[0.9, sup] for sup in (1.1, 1.2, 1.9)])) > 0)
    assert np.all(np.diff(rho(statement, "lower", [[inf, 2.0] for inf in (0.9, 0.5, 0.1)])) > 0)
    wide = theory.statement("3.3").replace(upper="1 + 3*eps", lower="1 - 3*eps")
    for side in ("upper", "lower"):
        assert rho(wide, side, [[0.5, 2.0]]) < rho(statement, side, [[0.5, 2.0]])


def test_no_deviation_and_no_bound_leave_nothing_to_cover():
    assert (
        log_ratio(theory.statement("3.3"), "upper", POINT, np.array([[0.5, 1.0], [0.5, 0.9]]), DELTA).tolist()
        == [-math.inf] * 2
    )
    assert log_ratio(theory.statement("3.3"), "lower", POINT, np.array([[1.0, 2.0]]), DELTA) == -math.inf
    unbounded = theory.statement("3.3").replace(upper=None)
    assert log_ratio(unbounded, "upper", POINT, np.array([[0.5, 7.0]]), DELTA) == -math.inf


def test_bounds_may_depend_on_the_design():
    statement = theory.statement("3.3").replace(upper="1 + eps*sqrt(d/n)")
    assert rho(statement, "upper", [[0.5, 1.3]]) == pytest.approx(0.3 / (0.3 * math.sqrt(50 / 200)))


def test_each_data_set_is_computed_once_and_in_any_order(recorder):
    observations = Observations(context(recorder))
    small, large = Design("isotropic", 20, 3), Design("isotropic", 40, 5)
    first = observations.extremes([small, large], 3)
    again = observations.extremes([large, small], 2)
    assert len(recorder.asked) == 6
    np.testing.assert_array_equal(again[0].found, first[1].found[:2])
    np.testing.assert_array_equal(again[1].found, first[0].found[:2])
    more = observations.extremes([small], 5)[0].found
    assert len(recorder.asked) == 8
    np.testing.assert_array_equal(more[:3], first[0].found)
    assert more[4].tolist() == pytest.approx(small.loss_extremes(0, 4))
    assert loss_extremes(0, (small, 4)) == small.loss_extremes(0, 4)
    # The largest come first, so that no process is left with a long point at the end.
    assert [design for design, _ in recorder.asked[:3]] == [large] * 3


def test_the_table_lists_every_data_set(recorder):
    observations = Observations(context(recorder))
    observations.extremes([Design("masked", 12, 3), Design("isotropic", 10, 2)], 2)
    table = observations.table()
    assert list(table["family"]) == ["isotropic"] * 2 + ["masked"] * 2
    assert list(table["d"]) == [2, 2, 15, 15]
    assert (table["inf_loss_alignment"] <= table["sup_loss_alignment"]).all()
    assert len(Observations(context(recorder)).table()) == 0


def short_ray(eps: tuple[float, ...] = (0.5, 0.4, 0.3, 0.2)) -> Ray:
    points = tuple(
        RayPoint(e, Design("isotropic", n, n), float(n)) for e, n in zip(eps, (10, 16, 28, 64), strict=False)
    )
    return Ray(RayPlan("short", "isotropic", 64, 64), points, "n", {"sample_size": 1.0, "dimension": 1.0})


def test_observing_a_ray_stops_as_soon_as_it_is_decided(recorder):
    statement = theory.statement("3.3").replace(upper="1 + 10000*eps", lower="1 - 10000*eps")
    one = observe(short_ray(), statement, context(recorder), Observations(context(recorder)), DELTA, (30, 60))
    assert set(one.trends) == {"upper", "lower"}
    assert all(trend.state is State.HOLDS for trend in one.trends.values())
    assert len(recorder.asked) == 4 * 30
    assert [e.found.shape for e in one.extremes] == [(30, 2)] * 4


def test_an_absent_side_is_not_judged(recorder):
    statement = theory.statement("3.3").replace(lower=None)
    one = observe(short_ray(), statement, context(recorder), Observations(context(recorder)), DELTA, (30,))
    assert set(one.trends) | set(one.closed) == {"upper"}


def test_a_bound_on_the_population_value_is_closed(recorder):
    statement = theory.statement("3.3").replace(upper="1")
    one = observe(short_ray(), statement, context(recorder), Observations(context(recorder)), DELTA, (30,))
    assert set(one.closed) == {"upper"}
    assert set(one.trends) == {"lower"}
    for share, extremes in zip(one.closed["upper"], one.extremes, strict=True):
        assert share.estimate == np.mean(extremes.found[:, 1] > 1)
        assert share.low <= share.estimate <= share.high


def test_results_depend_on_the_seed_only(recorder):
    statement = theory.statement("3.3")
    found = [
        observe(short_ray(), statement, context(recorder, seed), Observations(context(recorder, seed)), DELTA, (30,))
        for seed in (0, 0, 1)
    ]
    assert found[0].trends == found[1].trends
    assert found[0].trends != found[2].trends
