"""Escape rates and stability thresholds against dense operators, closed forms, and each other."""

import math

import moment_oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate
from simulate.dynamics.moments.davidson import largest_eigenpair

normal = np.random.default_rng(0).standard_normal
DESIGNS = {
    "tall": normal((30, 5)),
    "wide": normal((4, 9)),
    "square": normal((6, 6)),
    "low-rank": normal((10, 3)) @ normal((3, 6)),
    "orthogonal": np.diag([3.0, 2.0, 1.0, 1.0]),
    "repeated": np.vstack([2 * np.eye(3), -np.eye(3)]),
    "one-sample": normal((1, 4)),
    "one-feature": normal((7, 1)),
    "two-parts": np.block([[normal((8, 2)), np.zeros((8, 2))], [np.zeros((5, 2)), 0.3 * normal((5, 2))]]),
    "anisotropic": normal((40, 5)) * np.array([10.0, 1.0, 0.1, 0.01, 1e-4]),
}
MINIBATCHES = [(1, True), (3, True), (1, False)]
# Above dimension 200 of the operator (rank 20), where Davidson's method runs.
LARGE = {"few-samples": normal((40, 22)), "many-samples": normal((3000, 21)) * np.linspace(1, 0.1, 21)}


def _radius(X, lr, weight):
    """Spectral radius of the dense operator on the range of G."""
    return np.abs(np.linalg.eigvals(moment_oracle.matrix(X @ moment_oracle.range_basis(X), lr, weight))).max()


def _minibatches(n):
    return [(batch, replacement) for batch, replacement in MINIBATCHES if replacement or batch <= n] + [(n, False)]


@pytest.mark.parametrize("X", DESIGNS.values(), ids=DESIGNS.keys())
@pytest.mark.parametrize("lr", [1e-3, 0.1, 1.0, 50.0])
def test_rate_is_the_dense_radius_and_the_bounds_enclose_it(X, lr):
    for batch, replacement in _minibatches(len(X)):
        found = simulate.escape_rate(X, lr, batch, replacement)
        radius = _radius(X, lr, moment_oracle.noise_weight(len(X), batch, replacement))
        assert found.rate == pytest.approx(radius, rel=1e-11)
        assert found.lower <= radius * (1 + 1e-13)
        assert found.upper >= radius * (1 - 1e-13)
        assert found.upper - found.lower <= 1e-5 * radius


@pytest.mark.parametrize("X", LARGE.values(), ids=LARGE.keys())
@pytest.mark.parametrize("lr", [1e-3, 0.5])
def test_rate_of_large_operators(X, lr):
    operator = moment_oracle.matrix(X, lr, 0.5)
    radius = np.linalg.eigvalsh(operator)[-1]
    found = simulate.escape_rate(X, lr, batch=2)
    assert found.rate == pytest.approx(radius, rel=1e-12)
    assert found.lower <= radius <= found.upper
    assert found.upper - found.lower <= 1e-8 * radius


@pytest.mark.parametrize("X", [*DESIGNS.values(), *LARGE.values()], ids=[*DESIGNS, *LARGE])
def test_eigenmatrix_is_a_fixed_direction_and_gives_the_ratios(X):
    found = simulate.escape_rate(X, 0.4, batch=2)
    M = found.eigenmatrix
    assert np.trace(M) == pytest.approx(1)
    assert np.linalg.eigvalsh(M)[0] >= -1e-12
    assert simulate.second_moments(X, M, 0.4, 1, batch=2, keep="last") == pytest.approx(found.rate * M, abs=1e-10)
    values, U = np.linalg.eigh(X.T @ X / len(X))
    rank = len(found.eigenvalues)
    values, U = values[::-1][:rank], U[:, ::-1][:, :rank]
    assert found.eigenvalues == pytest.approx(values, rel=1e-6)
    for k in range(1, rank):
        if values[k] > 0.999 * values[k - 1]:
            continue  # the split is not unique
        moments = np.diagonal(U.T @ M @ U)
        for ratios, parts in ((found.flat_to_sharp, moments * values), (found.parameter_ratios, moments)):
            share = 1 / (1 + 1 / ratios[k - 1]) if ratios[k - 1] > 0 else 0.0
            assert share == pytest.approx(parts[k:].sum() / parts.sum(), rel=1e-6, abs=1e-13)


def test_the_recursion_tends_to_the_eigenmatrix():
    X = DESIGNS["tall"]
    found = simulate.escape_rate(X, 0.7)
    moments = simulate.second_moments(X, np.array([1.0, 0.2, 0.0, -1.0, 3.0]), 0.7, 200)
    assert moments[-1] / np.trace(moments[-1]) == pytest.approx(found.eigenmatrix, abs=1e-12)
    assert np.trace(moments[-1]) / np.trace(moments[-2]) == pytest.approx(found.rate, rel=1e-12)


def test_gradient_descent_is_the_closed_form():
    X = DESIGNS["tall"]
    values = np.linalg.eigvalsh(X.T @ X / 30)
    found = simulate.escape_rate(X, 2.4 / values[-1], 30, replacement=False)
    assert found.rate == pytest.approx(1.4**2)
    assert found.flat_to_sharp == pytest.approx(np.zeros(4))
    assert simulate.stability_threshold(X, 30, replacement=False) == pytest.approx(2 / values[-1], rel=1e-13)


def test_rate_invariances_and_huge_rates():
    X = DESIGNS["tall"]
    found = simulate.escape_rate(X, 0.3)
    Q = np.linalg.qr(normal((5, 5)))[0]
    assert simulate.escape_rate(X @ Q, 0.3).rate == pytest.approx(found.rate, rel=1e-12)
    assert simulate.escape_rate(X[::-1], 0.3).rate == pytest.approx(found.rate, rel=1e-12)
    scaled = simulate.escape_rate(X * 2.0**200, 0.3 * 4.0**-200)
    assert scaled.rate == pytest.approx(found.rate, rel=1e-12)
    assert scaled.flat_to_sharp == pytest.approx(found.flat_to_sharp, rel=1e-12)
    huge = simulate.escape_rate(X, 1e100)
    assert huge.rate == pytest.approx(simulate.escape_rate(X, 1e6).rate * 1e188, rel=1e-4)
    assert simulate.escape_rate(X, 1e200).rate == math.inf
    assert np.all(np.isfinite(simulate.escape_rate(X, 1e200).flat_to_sharp))


@pytest.mark.parametrize("spectrum", [[1.0], [2.0, 0.7], [0.5, 3.0]])
@pytest.mark.parametrize("lr", [0.01, 0.4, 5.0])
@pytest.mark.parametrize("batch", [1, 4])
def test_online_rate_is_the_dense_radius(spectrum, lr, batch):
    operator = moment_oracle.online_matrix(np.array(spectrum), lr, batch)
    radius = np.abs(np.linalg.eigvals(operator)).max()
    found = simulate.online_escape_rate(spectrum, lr, batch)
    assert found.rate == pytest.approx(radius, rel=1e-12)
    assert found.lower <= radius * (1 + 1e-13)
    assert found.upper >= radius * (1 - 1e-13)
    assert found.upper - found.lower <= 1e-12 * radius
    moved = simulate.online_second_moments(spectrum, found.eigenmatrix, lr, 1, batch)
    assert moved[1] == pytest.approx(found.rate * moved[0], rel=1e-13)
    assert list(found.eigenvalues) == sorted(spectrum, reverse=True)


def test_online_ratios_are_the_limit_of_the_recursion():
    spectrum = np.array([0.2, 3.0, 1.0, 0.1])
    found = simulate.online_escape_rate(spectrum, 0.5)
    m = simulate.online_second_moments(spectrum, np.ones(4), 0.5, 400, keep="last")
    m = m[[1, 2, 0, 3]] / m.max()
    energies = m * found.eigenvalues
    expected = [energies[k:].sum() / energies[:k].sum() for k in (1, 2, 3)]
    assert found.flat_to_sharp == pytest.approx(expected, rel=1e-12)
    assert found.parameter_ratios == pytest.approx([m[k:].sum() / m[:k].sum() for k in (1, 2, 3)], rel=1e-12)


def test_known_online_rate():
    assert simulate.online_escape_rate([1.0], 2.0).rate == pytest.approx(9.0)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6), st.floats(1e-4, 1e2), st.integers(1, 5))
def test_off_diagonal_factors_stay_below_the_online_rate(spectrum, lr, batch):
    s = np.array(spectrum)
    off = np.outer(1 - lr * s, 1 - lr * s) + lr**2 * np.outer(s, s) / batch
    assert np.abs(off).max() <= simulate.online_escape_rate(s, lr, batch).rate * (1 + 1e-12)


def _crossing(rate, low, high):
    """Where a rate crosses 1, by bisection."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rate(middle) < 1 else (low, middle)
    return low


@pytest.mark.parametrize("X", [*DESIGNS.values(), *LARGE.values()], ids=[*DESIGNS, *LARGE])
def test_threshold_is_where_the_rate_crosses_one(X):
    for batch, replacement in _minibatches(len(X)):
        threshold = simulate.stability_threshold(X, batch, replacement)
        # A direction of small curvature brings the rate within rounding errors of 1.
        slack = 1e-4 if X is DESIGNS["anisotropic"] else 1e-7
        assert simulate.escape_rate(X, threshold * (1 + slack), batch, replacement).rate > 1
        assert simulate.escape_rate(X, threshold * (1 - slack), batch, replacement).rate < 1


@pytest.mark.parametrize("X", [DESIGNS["tall"], DESIGNS["wide"]], ids=["tall", "wide"])
def test_threshold_by_bisection_of_the_dense_radius(X):
    weight = moment_oracle.noise_weight(len(X), 2, False)
    threshold = simulate.stability_threshold(X, 2, replacement=False)
    crossing = _crossing(lambda lr: _radius(X, lr, weight), 0.1 * threshold, 10 * threshold)
    assert threshold == pytest.approx(crossing, rel=1e-9)


def test_threshold_scales_and_grows_with_the_batch():
    X = DESIGNS["tall"]
    thresholds = [simulate.stability_threshold(X, batch) for batch in (1, 2, 8, 1000)]
    assert thresholds == sorted(thresholds)
    assert thresholds[-1] < simulate.stability_threshold(X, 30, replacement=False)
    assert simulate.stability_threshold(X * 2.0**100) == pytest.approx(thresholds[0] * 4.0**-100, rel=1e-13)


@pytest.mark.parametrize("spectrum", [[1.0], [2.0, 0.7], [3.0, 3.0, 1.0, 0.01], list(1 / np.arange(1.0, 50.0))])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_online_threshold_is_where_the_rate_crosses_one(spectrum, batch):
    threshold = simulate.online_stability_threshold(spectrum, batch)
    crossing = _crossing(lambda lr: simulate.online_escape_rate(spectrum, lr, batch).rate, 0.1, 10.0)
    assert threshold == pytest.approx(crossing, rel=1e-10)


def test_online_threshold_by_quadrature_and_in_closed_form():
    S = np.array([2.0, 0.7])

    def radius(lr):
        return np.abs(np.linalg.eigvals(moment_oracle.online_matrix(S, lr, 2))).max()

    assert simulate.online_stability_threshold(S, 2) == pytest.approx(_crossing(radius, 0.01, 3.0), rel=1e-10)
    assert simulate.online_stability_threshold([4.0]) == pytest.approx(2 / 12, rel=1e-14)
    isotropic = 2 / (10 + 2)  # (η/B) d/(2 − η(1 + 1/B)) = 1 at B = 1
    assert simulate.online_stability_threshold(np.ones(10)) == pytest.approx(isotropic, rel=1e-14)


def test_davidson_with_a_multiple_eigenvalue_and_an_exact_start():
    values = np.concatenate([np.linspace(0, 1, 298), [2.0, 2.0]])
    start = np.zeros(300)
    start[-1] = 1.0
    value, vector = largest_eigenpair(lambda rows: rows * values, values, start)
    assert value == pytest.approx(2.0, rel=1e-14)
    assert np.abs(vector[:298]).max() < 1e-12


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"X": np.zeros((3, 2))}, "X"),
        ({"X": [1.0, 2.0]}, "X"),
        ({"X": [[np.inf]]}, "X"),
        ({"lr": 0.0}, "lr"),
        ({"lr": [0.1]}, "lr"),
        ({"lr": math.nan}, "lr"),
        ({"X": [[1e300]], "lr": 1.0}, "lr"),
        ({"batch": 0}, "batch"),
        ({"batch": 3, "replacement": False}, "batch"),
        ({"replacement": None}, "replacement"),
    ],
)
def test_bad_input(arguments, name):
    good = {"X": np.eye(2), "lr": 0.1}
    with pytest.raises(simulate.InputError, match=rf"^{name}: [^\n]*$"):
        simulate.escape_rate(**{**good, **arguments})
    if "lr" not in arguments:
        with pytest.raises(simulate.InputError, match=rf"^{name}: [^\n]*$"):
            simulate.stability_threshold(**{"X": np.eye(2), **arguments})


@pytest.mark.parametrize(
    ("arguments", "name"), [({"spectrum": [0.0]}, "spectrum"), ({"lr": -1.0}, "lr"), ({"batch": 1.5}, "batch")]
)
def test_bad_online_input(arguments, name):
    with pytest.raises(simulate.InputError, match=rf"^{name}: [^\n]*$"):
        simulate.online_escape_rate(**{"spectrum": [1.0], "lr": 0.1, **arguments})


def test_a_rate_of_zero():
    found = simulate.escape_rate([[1.0]], 1.0)
    assert found.rate == found.lower == 0
    assert 0 <= found.upper < 1e-12
    assert found.eigenmatrix.tolist() == [[1.0]]
