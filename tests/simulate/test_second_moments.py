"""Exact second moments: every minibatch, dense operators, quadrature, invariances, overflow, bad input."""

import math

import moment_oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate

MINIBATCHES = [(1, True), (2, True), (3, True), (1, False), (2, False), (5, False)]


def _design(n=5, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def _moment(d=3, seed=1, rank=None):
    root = np.random.default_rng(seed).standard_normal((d, rank or d))
    return root @ root.T


@pytest.mark.parametrize(("batch", "replacement"), MINIBATCHES)
@pytest.mark.parametrize("lr", [0.05, 0.9, 40.0])
def test_a_step_is_the_mean_over_all_minibatches(batch, replacement, lr):
    X, M = _design(), _moment()
    found = simulate.second_moments(X, M, lr, 1, batch, replacement, keep="last")
    expected = moment_oracle.step_over_batches(X, M, lr, batch, replacement)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (6, 1), (1, 3)])
def test_recursion_is_the_power_of_the_dense_operator(shape, backend):
    X = _design(*shape)
    M = _moment(shape[1])
    found = simulate.second_moments(backend.asarray(X), backend.asarray(M), 0.4, 5, batch=2)
    assert backend.owns(found)
    found = simulate.to_host(found)
    operator = moment_oracle.matrix(X, 0.4, 0.5)
    for moment in found:
        assert moment == pytest.approx(M, rel=1e-11, abs=1e-12 * np.abs(M).max())
        M = (operator @ M.ravel()).reshape(M.shape)


def test_a_schedule_gives_every_step_its_own_rate():
    X, M = _design(), _moment()
    rates = np.array([0.1, 2.0, 0.3])
    found = simulate.second_moments(X, M, rates, 3)
    online = simulate.online_second_moments([2.0, 1.0, 0.5], M, list(rates), 3)
    for t, rate in enumerate(rates):
        assert found[t + 1] == pytest.approx(moment_oracle.step(X, found[t], rate, 1.0), rel=1e-12)
        step = moment_oracle.online_matrix(np.array([2.0, 1.0, 0.5]), rate, 1)
        assert online[t + 1].ravel() == pytest.approx(step @ online[t].ravel(), rel=1e-11, abs=1e-12)


def test_row_blocks_do_not_change_the_result(monkeypatch):
    X, M = _design(23, 4), _moment(4)
    expected = simulate.second_moments(X, M, 0.3, 4)
    monkeypatch.setattr("simulate.validation.BLOCK_ENTRIES", 20)
    assert simulate.second_moments(X, M, 0.3, 4) == pytest.approx(expected, rel=1e-12)


def test_a_start_stands_for_its_outer_product():
    X, w = _design(), np.array([1.0, -2.0, 0.5])
    assert np.array_equal(simulate.second_moments(X, w, 0.3, 4), simulate.second_moments(X, np.outer(w, w), 0.3, 4))


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_online_is_the_gaussian_quadrature(d, batch, backend):
    S = np.array([2.0, 0.7])[:d]
    M = _moment(d)
    operator = moment_oracle.online_matrix(S, 0.6, batch)
    found = simulate.online_second_moments(backend.asarray(S), backend.asarray(M), 0.6, 3, batch)
    assert backend.owns(found)
    found = simulate.to_host(found)
    for moment in found:
        assert moment == pytest.approx(M, rel=1e-11)
        M = (operator @ M.ravel()).reshape(d, d)
    diagonals = simulate.online_second_moments(S, np.diag(found[0]), 0.6, 3, batch)
    assert diagonals == pytest.approx(np.array([np.diag(moment) for moment in found]), rel=1e-12)


def test_online_is_a_finite_design_with_gaussian_fourth_moments():
    # The tensor grid of the three-point Gauss–Hermite rule with weights 1/6, 4/6, 1/6 has all Gaussian moments to 5.
    nodes = np.sqrt(3) * np.array([-1, 0, 0, 0, 0, 1])
    S = np.array([1.5, 0.4])
    grid = np.array([(a, b) for a in nodes for b in nodes]) * np.sqrt(S)
    M = _moment(2)
    finite = simulate.second_moments(grid, M, 0.5, 6, batch=2)
    assert simulate.online_second_moments(S, M, 0.5, 6, batch=2) == pytest.approx(finite, rel=1e-12)


def test_known_growth_in_one_dimension():
    # (1 − 2)² + 4 · 2 = 9 although E log |1 − 2x²| is negative.
    assert simulate.online_second_moments([1.0], [1.0], 2.0, 4).ravel() == pytest.approx(9.0 ** np.arange(5))


def test_full_batches_are_gradient_descent():
    X, w = _design(6, 3), np.array([1.0, 2.0, 3.0])
    path = np.linalg.matrix_power(np.eye(3) - 0.7 * X.T @ X / 6, 5) @ w
    found = simulate.second_moments(X, w, 0.7, 5, batch=6, replacement=False, keep="last")
    assert found == pytest.approx(np.outer(path, path), rel=1e-10)


@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 4), st.integers(1, 6), st.booleans(), st.integers(0, 99))
def test_shapes_symmetry_and_definiteness(n, d, steps, batch, replacement, seed):
    batch = batch if replacement else min(batch, n)
    M = _moment(d, seed, rank=1)
    every = simulate.second_moments(_design(n, d, seed), M, 0.8, steps, batch, replacement)
    assert every.shape == (steps + 1, d, d)
    assert np.array_equal(every, every.transpose(0, 2, 1))
    for moment in every:
        assert np.linalg.eigvalsh(moment)[0] >= -1e-12 * max(np.abs(moment).max(), np.abs(M).max())
    last = simulate.second_moments(_design(n, d, seed), M, 0.8, steps, batch, replacement, keep="last")
    assert np.array_equal(last, every[-1])


def test_invariances():
    rng = np.random.default_rng(3)
    X, M = _design(12, 4), _moment(4)
    found = simulate.second_moments(X, M, 0.5, 6, batch=3, replacement=False)
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    rotated = simulate.second_moments(X @ Q, Q.T @ M @ Q, 0.5, 6, batch=3, replacement=False)
    assert Q @ rotated @ Q.T == pytest.approx(found, rel=1e-10)
    shuffled = simulate.second_moments(X[rng.permutation(12)], M, 0.5, 6, batch=3, replacement=False)
    assert shuffled == pytest.approx(found, rel=1e-11)
    for power in (-300, 5, 300):
        scaled = simulate.second_moments(X * 2.0**power, M, 0.5 * 4.0**-power, 6, batch=3, replacement=False)
        assert scaled == pytest.approx(found, rel=1e-13)
    assert simulate.second_moments(X, 7 * M, 0.5, 6, batch=3, replacement=False) == pytest.approx(7 * found, rel=1e-13)
    twice = simulate.second_moments(np.vstack([X, X]), M, 0.5, 6, batch=3)
    assert twice == pytest.approx(simulate.second_moments(X, M, 0.5, 6, batch=3), rel=1e-11)


def test_directions_outside_the_range_do_not_move():
    X = np.pad(_design(6, 2), ((0, 0), (0, 2)))
    found = simulate.second_moments(X, np.eye(4), 0.9, 20)
    assert np.array_equal(found[:, 2:, 2:], np.broadcast_to(np.eye(2), (21, 2, 2)))
    assert not found[:, :2, 2:].any()


def test_escape_ends_in_infinity_with_the_signs_of_the_entries():
    X = _design(6, 3)
    X[:, 2] *= -np.sign((X[:, 0] * X[:, 2]).sum())
    early = simulate.second_moments(X, np.eye(3), 50.0, 60, keep="last")
    late = simulate.second_moments(X, np.eye(3), 50.0, 2000, keep="all")
    assert np.all(np.isfinite(early))
    assert np.all(early != 0)
    assert np.array_equal(late[-1], np.sign(early) * np.inf)
    assert not np.isnan(late).any()
    assert np.all(simulate.second_moments(X, np.eye(3), 1e250, 1, keep="last") ** 2 == np.inf)
    assert np.all(simulate.online_second_moments([2.0, 1.0], [1.0, 1.0], 1e200, 2)[2] == np.inf)
    assert simulate.online_second_moments([1.0, 1.0], [1.0, 0.0], 3.0, 1000, keep="last").tolist() == [np.inf] * 2


def test_what_underflows_on_the_way_comes_back():
    # 200 steps of contraction by 1/1000, then growth by the inverse: float64 alone would have lost the moment.
    rates = [0.5] * 40 + [20.0] * 40
    found = simulate.online_second_moments([1.0, 2.0], [1e-290, 1e-290], rates, 80)
    reference = simulate.online_second_moments([1.0, 2.0], [1.0, 1.0], rates, 80)
    assert math.isfinite(found[-1, 0])
    assert found[-1] == pytest.approx(1e-290 * reference[-1], rel=1e-10)


GOOD = {"X": _design(), "M0": np.eye(3), "lr": 0.1, "steps": 2}
BAD = [
    ({"X": _design()[0]}, "X"),
    ({"X": np.full((5, 3), np.nan)}, "X"),
    ({"M0": np.eye(2)}, "M0"),
    ({"M0": np.ones(4)}, "M0"),
    ({"M0": np.arange(9.0).reshape(3, 3)}, "M0"),
    ({"M0": np.diag([1.0, 1.0, -1e-3])}, "M0"),
    ({"M0": np.ones((2, 3, 3))}, "M0"),
    ({"M0": np.diag([1.0, np.inf, 0.0])}, "M0"),
    ({"lr": 0.0}, "lr"),
    ({"lr": -1.0}, "lr"),
    ({"lr": math.nan}, "lr"),
    ({"lr": [0.1]}, "lr"),
    ({"lr": [0.1, -0.1]}, "lr"),
    ({"lr": np.ones((2, 1))}, "lr"),
    ({"lr": "0.1"}, "lr"),
    ({"steps": -1}, "steps"),
    ({"steps": 1.5}, "steps"),
    ({"batch": 0}, "batch"),
    ({"batch": 6, "replacement": False}, "batch"),
    ({"replacement": 1}, "replacement"),
    ({"keep": "first"}, "keep"),
]
BAD_ONLINE = [
    ({"spectrum": [1.0, 0.0]}, "spectrum"),
    ({"spectrum": np.eye(2)}, "spectrum"),
    ({"M0": [1.0, -1.0]}, "M0"),
    ({"M0": [1.0]}, "M0"),
    ({"M0": [[1.0, 2.0], [2.0, 1.0]]}, "M0"),
    ({"M0": [[1.0, 2.0], [0.0, 1.0]]}, "M0"),
    ({"M0": 1.0}, "M0"),
    ({"lr": 0}, "lr"),
    ({"steps": -1}, "steps"),
    ({"batch": 0}, "batch"),
    ({"keep": None}, "keep"),
]


@pytest.mark.parametrize(("change", "name"), BAD)
def test_bad_input(change, name):
    with pytest.raises(simulate.InputError, match=rf"^{name}: [^\n]*$"):
        simulate.second_moments(**{**GOOD, **change})


@pytest.mark.parametrize(("change", "name"), BAD_ONLINE)
def test_bad_online_input(change, name):
    with pytest.raises(simulate.InputError, match=rf"^{name}: [^\n]*$"):
        simulate.online_second_moments(**{"spectrum": [2.0, 1.0], "M0": [1.0, 1.0], "lr": 0.1, "steps": 2, **change})
