"""Recorded alignments of many replicas at once, against one replica after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate.dynamics.alignment_records import AlignmentRecords

N, D, REPLICAS = 9, 6, 5


def naive(model, parameters, residuals, X, k, centred):
    """μ and g of each replica by the public functions."""
    mu, g = np.full(len(residuals), np.nan), np.full((len(residuals), k), np.nan)
    for r, residual in enumerate(residuals):
        gram = model.gram(parameters[r], X)
        mu[r] = simulate.loss_alignment(gram, residual, centred)
        found = simulate.directional_alignment(gram, residual, centred, min(k, N))[1]
        g[r, : len(found)] = found
    return mu, g


MODELS = {
    "linear": simulate.Linear(D),
    "two layers": simulate.TwoLayer(D, 3, slope=0.2),
    "diagonal": simulate.DiagonalLinear(D),
}


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_records_are_those_of_one_replica_after_the_other(name, centred, backend):
    model, rng = MODELS[name], np.random.default_rng(4)
    X, residuals = rng.standard_normal((N, D)), rng.standard_normal((REPLICAS, N))
    parameters = np.stack([model.init(r) + 0.1 * rng.standard_normal(model.size) for r in range(REPLICAS)])
    ended = np.array([False, False, True, False, False])
    residuals[1], residuals[3, 2] = 0.0, np.inf
    records = AlignmentRecords(model, backend.asarray(X), True, 8, centred)
    taken = records.take(backend.asarray(parameters), backend.asarray(residuals), ended)
    again = records.take(backend.asarray(parameters), backend.asarray(2 * residuals), ended)
    live = [0, 1, 4]
    mu, g = naive(model, parameters[live], residuals[live], X, 8, centred)
    np.testing.assert_allclose(taken["loss_alignment"][live], mu, rtol=1e-10)
    np.testing.assert_allclose(taken["directional_alignment"][live], g, rtol=1e-6, atol=1e-10)
    assert mu[1] == 1.0
    for name, values in taken.items():
        assert np.isnan(values[[2, 3]]).all()
        np.testing.assert_allclose(again[name], values, rtol=1e-10)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), power=st.floats(-140, 140), scale=st.floats(-60, 60), centred=st.booleans())
def test_records_of_linear_models_do_not_change_with_the_scale(seed, power, scale, centred):
    rng = np.random.default_rng(seed)
    model, X, residuals = simulate.Linear(D), rng.standard_normal((N, D)), rng.standard_normal((REPLICAS, N))
    going = np.zeros(REPLICAS, dtype=bool)
    theta = np.zeros((REPLICAS, D))
    one = AlignmentRecords(model, X, True, 3, centred).take(theta, residuals, going)
    other = AlignmentRecords(model, 10**scale * X, True, 3, centred).take(theta, 10**power * residuals, going)
    for name, values in one.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-8, atol=1e-12)


def test_inputs_that_are_zero_and_what_is_not_asked_for():
    model, zeros, going = simulate.Linear(D), np.zeros((N, D)), np.zeros(2, dtype=bool)
    residuals = np.random.default_rng(0).standard_normal((2, N))
    taken = AlignmentRecords(model, zeros, True, 2, False).take(np.zeros((2, D)), residuals, going)
    np.testing.assert_array_equal(taken["loss_alignment"], 1.0)
    assert np.isnan(taken["directional_alignment"]).all()
    assert list(AlignmentRecords(model, zeros, True, 0, False).take(np.zeros((2, D)), residuals, going)) == [
        "loss_alignment"
    ]
    assert list(AlignmentRecords(model, zeros, False, 2, False).take(np.zeros((2, D)), residuals, going)) == [
        "directional_alignment"
    ]


def test_all_paths_have_ended():
    taken = AlignmentRecords(simulate.Linear(D), np.ones((N, D)), True, 1, False).take(
        np.zeros((2, D)), np.full((2, N), np.nan), np.array([True, False])
    )
    assert np.isnan(taken["loss_alignment"]).all()
    assert taken["directional_alignment"].shape == (2, 1)


@pytest.mark.parametrize("run", [simulate.sgd, simulate.gd])
def test_a_first_replica_that_leaves_all_bounds_takes_no_other_with_it(run):
    starts = np.zeros((3, D))
    starts[0] = 1e120
    rng = np.random.default_rng(0)
    record = simulate.Record(at=[3], loss_alignment=True, directional_alignment=1)
    more = {"replicas": 3} if run is simulate.sgd else {}
    X, y = rng.standard_normal((N, D)), np.zeros(N)
    with np.errstate(over="ignore", invalid="ignore"):
        found = run(simulate.Linear(D), starts, X, y, 1e200, 3, record=record, **more)
    np.testing.assert_array_equal(found.values["loss_alignment"], [[np.nan, 1.0, 1.0]])
    np.testing.assert_array_equal(found.values["directional_alignment"][0, :, 0], [np.nan, 1.0, 1.0])


def test_directions_that_single_precision_would_lose_are_recorded():
    rng = np.random.default_rng(1)
    X = (rng.standard_normal((300, 5)) * np.geomspace(1, 1e-3, 5)).astype(np.float32)
    y = rng.standard_normal(300).astype(np.float32)
    record = simulate.Record(at=[0], loss_alignment=True, directional_alignment=5)
    found = simulate.gd(simulate.Linear(5), np.zeros(5, dtype=np.float32), X, y, 0.1, 1, record=record)
    X, y = X.astype(np.float64), y.astype(np.float64)
    gram = simulate.Linear(5).gram(np.zeros(5), X)
    expected = simulate.directional_alignment(gram, -y, k=5)[1]
    assert found.theta.dtype == np.float32
    np.testing.assert_allclose(found.values["directional_alignment"][0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.values["loss_alignment"][0, 0], simulate.loss_alignment(gram, -y), rtol=1e-10)


@pytest.mark.parametrize("replicas", [1, 3])
def test_runs_of_other_libraries_record_the_same(replicas, backend):
    rng = np.random.default_rng(8)
    X, y = rng.standard_normal((N, D)), rng.standard_normal(N)
    record = simulate.Record(at=[0, 3, 6], loss_alignment=True, directional_alignment=2, centred=True)
    arguments = {"lr": 0.05, "steps": 6, "batch": 2, "replicas": replicas, "seed": 3, "record": record}
    expected = simulate.sgd(simulate.Linear(D), np.zeros(D), X, y, **arguments)
    found = simulate.sgd(simulate.Linear(D), *map(backend.asarray, (np.zeros(D), X, y)), **arguments)
    assert backend.owns(found.theta)
    for name, values in expected.values.items():
        assert isinstance(found.values[name], np.ndarray)
        np.testing.assert_allclose(found.values[name], values, rtol=1e-8)
