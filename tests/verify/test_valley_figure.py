"""Figure 4: the laws of the toy valley, and a table that follows from the definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from tiny_figures import undrawn

import simulate
from verify.figures import making, valley, valley_drawing, valley_laws, valley_matching, valley_runs
from verify.statistics import clopper_pearson

SETTINGS = valley.SIZES["tiny"]
SEED = 3


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("valley")
    with undrawn():
        return making.make("4", SEED, folder / "made", workers=1, size="tiny").table


def step(a: float, b: float, eta: float, x: float) -> tuple[float, float]:
    """One step of SGD, from the definition."""
    s = a**2 + 1
    return a + eta * x**2 * a * b**2 / s**2, b - eta * x**2 * b / s


def follow(cycle: valley_runs.Cycle, height: float) -> tuple[float, list[float]]:
    """Gradient descent from the definition: |a| at the end, and all losses."""
    a, b = SETTINGS.start
    eta = height * (a**2 + 1)
    losses = [b**2 / (2 * (a**2 + 1))]
    for number in range(cycle.period * cycle.repeats):
        phase = number % cycle.period / cycle.period
        factor = cycle.low + (1 - cycle.low) * (1 - abs(2 * phase - 1))
        a, b = step(a, b, eta * factor, 1.0)
        losses.append(b**2 / (2 * (a**2 + 1)))
    return abs(a), losses


# The laws


@given(st.floats(0.05, 20), st.floats(-20, 20), st.floats(1e-3, 50), st.floats(0, 4))
def test_every_step_goes_outwards_and_raises_what_the_flow_conserves(a, b, eta, x):
    new_a, new_b = step(a, b, eta, x)
    assert new_a >= a
    change = float(valley_laws.conserved(new_a, new_b) - valley_laws.conserved(a, b))
    s = a**2 + 1
    h = eta * x**2 / s
    u = h * b**2 / s
    scale = 1e-12 * (1 + new_a**2 + new_b**2 + a**2 + b**2 + abs(math.log(a)))
    assert change == pytest.approx(h**2 * b**2 + u**2 * a**2 + 2 * (math.log1p(u) - u), abs=scale)
    assert change >= h**2 * b**2 + u**2 * (a**2 - 1) - scale


@pytest.mark.parametrize("start", [(1.0, 0.3), (0.4, 2.0), (-3.0, 1.0)])
def test_small_steps_end_where_gradient_flow_does(start):
    end = valley_laws.flow_end(*start)
    assert valley_laws.conserved(end, 0.0) == pytest.approx(valley_laws.conserved(*start))
    run = simulate.gd(simulate.CurvedValley(), np.array(start), np.ones((1, 1)), np.zeros(1), 0.01, 6000)
    assert abs(run.theta[0, 0]) == pytest.approx(end, rel=0.01)


def test_the_edge_of_typical_runs_has_a_mean_logarithm_of_zero():
    h = valley_laws.sgd_edge()

    def density(x: float) -> float:
        return math.sqrt(2 / math.pi) * math.exp(-(x**2) / 2) * math.log(abs(1 - h * x**2))

    pole = h**-0.5
    mean = sum(quad(density, low, high)[0] for low, high in ((0, pole), (pole, 3.0), (3.0, 12.0)))
    assert mean == pytest.approx(0, abs=1e-5)
    assert h == pytest.approx(2.4213, abs=1e-3)


def test_thresholds_of_long_cycles():
    # ∫ log|1 − h| from 0 to H and back to 2 vanishes at H = 1 + e.
    assert valley_laws.rise_threshold(0.0, stochastic=False) == pytest.approx(1 + math.e, rel=1e-9)
    # A constant rate rises from its edge on.
    assert valley_laws.rise_threshold(0.999, stochastic=False) == pytest.approx(2.0, rel=1e-2)
    assert valley_laws.rise_threshold(0.999, stochastic=True) == pytest.approx(valley_laws.sgd_edge(), rel=1e-2)
    for low in (0.1, 0.5):
        assert valley_laws.rise_threshold(low, stochastic=True) > valley_laws.rise_threshold(low, stochastic=False)


@pytest.mark.parametrize("low", [0.1, 0.5])
def test_gradient_descent_rises_above_the_threshold_only(low):
    settings = SETTINGS._replace(start=(1.0, 1e-4))
    height = valley_laws.rise_threshold(low, stochastic=False)
    cycle = valley_runs.Cycle(1000, low, 1)
    start = valley_runs.initial_loss(settings)
    assert valley_runs.descend(settings, (cycle, 0.97 * height)).peak[0] == pytest.approx(start, rel=1e-12)
    assert valley_runs.descend(settings, (cycle, 1.03 * height)).peak[0] > 10 * start


# The table


@pytest.mark.parametrize("cycle", SETTINGS.cycles)
def test_gradient_descent_follows_from_the_definition(table, cycle):
    rows = table[(table["kind"] == valley.DESCENT) & (table["period"] == cycle.period)]
    assert len(rows) == SETTINGS.rates
    for row in rows.iloc[[0, len(rows) // 2, -1]].to_dict("records"):
        end, losses = follow(cycle, row["height"])
        assert row["drift"] == pytest.approx(end - valley_laws.flow_end(*SETTINGS.start), rel=1e-6, abs=1e-12)
        assert row["peak"] == pytest.approx(max(losses), rel=1e-6)


@pytest.mark.parametrize("cycle", SETTINGS.cycles)
@pytest.mark.parametrize("height", SETTINGS.heights)
def test_shares_and_quantiles_follow_from_the_runs(table, cycle, height):
    (row,) = table[
        (table["kind"] == valley_matching.DRIFT) & (table["period"] == cycle.period) & (table["height"] == height)
    ].to_dict("records")
    path = valley_runs.sgd_path(SEED, SETTINGS, (cycle, height), 0, SETTINGS.replicas, parameters=True)
    drift = np.abs(path.theta[:, 0]) - valley_laws.flow_end(*SETTINGS.start)
    assert row["drift"] == pytest.approx(np.median(drift))
    assert row["drift_low"] <= row["drift"] <= row["drift_high"]
    assert (row["drift_q95"], row["drift_mean"]) == pytest.approx((np.quantile(drift, 0.95), drift.mean()))
    a, b = np.moveaxis(path.values["parameters"], 2, 0)
    peak = (b**2 / (2 * (a**2 + 1))).max(axis=0)
    assert row["peak"] == pytest.approx(np.median(peak))
    # Whatever the inputs were, b tells which: a must have moved accordingly.
    h = 1 - b[1:] / b[:-1]
    np.testing.assert_allclose(a[1:], a[:-1] * (1 + h * b[:-1] ** 2 / (a[:-1] ** 2 + 1)), rtol=1e-9)
    end, _ = follow(cycle, height)
    beyond = int((np.abs(path.theta[:, 0]) > end).sum())
    assert (row["beyond_gd"], row["beyond_gd_low"], row["beyond_gd_high"]) == pytest.approx(
        clopper_pearson(beyond, SETTINGS.replicas)
    )
    if np.isfinite(row["matched_height"]):
        other, losses = follow(cycle, row["matched_height"])
        assert max(losses) == pytest.approx(row["peak"], rel=1e-3)
        assert row["beyond_matched"] == pytest.approx(np.mean(np.abs(path.theta[:, 0]) > other))
    else:
        assert row["peak"] == pytest.approx(valley_runs.initial_loss(SETTINGS))


def test_matching_finds_the_smallest_rate_on_the_grid():
    cycle = SETTINGS.cycles[0]
    heights = np.geomspace(0.5, 60, 40)
    runs = [valley_runs.descend(SETTINGS, (cycle, height)) for height in heights]
    curve = pd.DataFrame({"height": heights, "peak": [r.peak[0] for r in runs], "drift": [r.drift[0] for r in runs]})
    start = valley_runs.initial_loss(SETTINGS)
    height, run = valley_matching.match(SETTINGS, cycle, curve, 3 * start)
    assert run.peak[0] == pytest.approx(3 * start, rel=1e-6)
    assert curve["peak"][curve["height"] < height].max() < 3 * start
    for peak in (start, 1e9):
        assert np.isnan(valley_matching.match(SETTINGS, cycle, curve, peak)[0])
    found = valley_matching.drift_at(curve, np.array([start, 3 * start, 1e9]), start)
    assert np.isnan(found).tolist() == [True, False, True]
    upper = int(np.argmax(curve["peak"] >= 3 * start))
    low, high = sorted(curve["drift"].iloc[[upper - 1, upper]])
    assert low <= found[1] <= high


def test_single_runs_are_those_of_the_ensemble(table):
    rows = table[(table["kind"] == valley.PATHS) & (table["run"] == "SGD, 95% quantile") & table["matched"].eq(True)]
    cycle = SETTINGS.cycles[0]
    item = (cycle, SETTINGS.matched_height)
    whole = valley_runs.sgd_path(SEED, SETTINGS, item, 0, SETTINGS.replicas, parameters=True)
    number = np.argsort(np.abs(whole.theta[:, 0]), kind="stable")[round(0.95 * (SETTINGS.replicas - 1))]
    np.testing.assert_array_equal(rows["a"], whole.values["parameters"][: cycle.period + 1, number, 0])


def test_the_finding_counts_what_is_certain(table):
    rows = table[table["kind"] == valley_matching.DRIFT]
    above, below, known = valley_drawing.verdicts(rows, "beyond_gd")
    assert known == len(rows) == 6
    assert above == sum(row["beyond_gd_low"] > 0.5 for row in rows.to_dict("records"))
    assert below == sum(row["beyond_gd_high"] < 0.5 for row in rows.to_dict("records"))
    assert f"beyond GD at {above} of {known} equal learning rates" in valley_drawing.finding(table)
    nothing = rows.assign(beyond_matched=np.nan)
    assert "nothing to match" in valley_drawing.finding(nothing)
