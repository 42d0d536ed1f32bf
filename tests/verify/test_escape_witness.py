"""Plain arithmetic for Section 5 against enumerated samples, dense operators and the package's own fast routes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from verify.escape_designs import FAMILIES, EscapeDesign
from verify.escape_witness import PlainModel, descended


def inputs(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) * np.sqrt(1 / np.arange(1, d + 1))


def kronecker(X: np.ndarray, lr: float) -> np.ndarray:
    """The step of SGD as a d² × d² matrix."""
    steps = [np.eye(X.shape[1]) - lr * np.outer(x, x) for x in X]
    return sum(np.kron(A, A) for A in steps) / len(X)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4), st.floats(0.01, 3.0))
def test_a_step_is_the_mean_over_the_samples(seed, n, d, lr):
    X = inputs(seed, n, d)
    w = np.random.default_rng(seed + 1).standard_normal(d)
    expected = (kronecker(X, lr) @ np.outer(w, w).ravel()).reshape(d, d)
    np.testing.assert_allclose(PlainModel(X).step(np.outer(w, w), lr), expected, atol=1e-10 * np.abs(expected).max())


def test_a_step_on_fresh_inputs_is_the_mean_over_many():
    spectrum = np.array([2.0, 0.5, 1.0])
    root = np.random.default_rng(0).standard_normal((3, 3))
    M, lr = root @ root.T, 0.4
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    weights = weights / weights.sum()
    total = np.zeros((3, 3))
    for i, j, k in np.ndindex(4, 4, 4):
        x = np.sqrt(spectrum) * nodes[[i, j, k]]
        A = np.eye(3) - lr * np.outer(x, x)
        total += weights[i] * weights[j] * weights[k] * A @ M @ A
    model = PlainModel(None, spectrum)
    np.testing.assert_allclose(model.step(M, lr), total, rtol=1e-12)
    assert model.eigenvalues.tolist() == [2.0, 1.0, 0.5]
    assert model.constants() == (1.0, 2.0)


@pytest.mark.parametrize("shape", [(60, 4), (9, 5), (5, 9)])
def test_moments_and_growth_against_the_recursion(shape):
    X = inputs(3, *shape)
    model, lr = PlainModel(X), 0.7
    w = np.random.default_rng(4).standard_normal(shape[1])
    ratios = simulate.energy_ratios(X, simulate.second_moments(X, w, lr, 6)).flat_to_sharp
    losses = model.moments(w, lr, 6) * model.eigenvalues
    for k in range(1, losses.shape[1]):
        np.testing.assert_allclose(losses[:, k:].sum(axis=1) / losses[:, :k].sum(axis=1), ratios[:, k - 1], rtol=1e-8)
    loss = [np.trace(model.G @ M) for M in simulate.second_moments(X, w, lr, 6)]
    for t in range(6):
        assert model.growth(w, lr, t) == pytest.approx(loss[t + 1] / loss[t], rel=1e-10)


@pytest.mark.parametrize("shape", [(60, 4), (12, 3), (4, 6), (30, 1)])
def test_constants_and_threshold(shape):
    X = inputs(5, *shape)
    model, found = PlainModel(X), simulate.alignment_constants(X)
    assert model.constants() == pytest.approx((found.A1, found.A2), rel=1e-9, abs=1e-12)
    for i in range(len(model.eigenvalues)):
        ends = model.alignment_ends(i)
        assert model.alignment(ends.low_at, i) == pytest.approx(ends.low, rel=1e-8, abs=1e-10)
        assert model.alignment(ends.high_at, i) == pytest.approx(ends.high, rel=1e-8)
    eta = model.threshold()
    assert eta == pytest.approx(simulate.stability_threshold(X), rel=1e-9)
    U = model.U
    for factor, side in ((0.999, -1), (1.001, 1)):
        # On the range of G, where directions without curvature do not stay at 1.
        radius = np.abs(np.linalg.eigvals(kronecker(X @ U, factor * eta))).max()
        assert np.sign(radius - 1) == side
    spectrum = np.array([3.0, 1.0, 0.2])
    assert PlainModel(None, spectrum).threshold() == pytest.approx(simulate.online_stability_threshold(spectrum))
    assert PlainModel(None, np.array([2.0])).constants() == (2.0, 2.0)


def test_descent_with_many_digits():
    values, w, beta = [2.0, 1.0, 0.5], [1e-3, 1.0, -2.0], 2.5
    state = descended(values, w, beta, 7)
    for entry, value, start in zip(state, values, w, strict=True):
        assert float(entry) == pytest.approx((1 - beta * value / 2.0) ** 7 * start, rel=1e-12)
    # 5^400 overflows when squared; here it does not.
    assert float(descended([1.0], [1.0], 6.0, 500)[0] ** 2 / descended([1.0], [1.0], 6.0, 499)[0] ** 2) == 25.0


@pytest.mark.parametrize("family", FAMILIES)
def test_designs(family):
    design = EscapeDesign(family, 70, 60 if family == "digits" else 5)
    X = design.draw(1)
    assert X.shape == (70, design.d)
    assert np.isfinite(X).all()
    assert np.array_equal(X, design.draw(1))
    assert not np.array_equal(X, design.draw(2))
    assert design.name.startswith(family)
    assert design.recipe(1)["draw"] == f"verify.escape_designs.EscapeDesign({family!r}, 70, {design.d}).draw(seed=1)"
    if family != "digits":
        assert (np.diff(design.spectrum()) <= 0).all()
        online = EscapeDesign(family, 0, 5)
        assert online.online
        assert "spectrum" in online.recipe(1)


def test_all_images_are_reduced_to_the_range():
    X = EscapeDesign("digits", 1797, 61).draw(0)
    values = np.linalg.svd(X, compute_uv=False)
    assert values[-1] > 1e-4 * values[0]
    images = simulate.digits()[0]
    np.testing.assert_allclose(X @ X[0], images @ images[0], atol=1e-9)
