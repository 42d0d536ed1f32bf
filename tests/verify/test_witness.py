"""The dense witness against loops over the definition, and the quadrature against Isserlis' formula and sampling."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate
from verify.witness import dense_directional_alignment, dense_loss_alignment, quadrature_moment


def gradients(X: np.ndarray, u: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Residual and gradient of the output of each sample."""
    return [(sum(float(a) * float(b) for a, b in zip(x, u, strict=True)), x) for x in X]


def loss_alignment(X: np.ndarray, u: np.ndarray) -> float:
    """Tr(Σ₁G)/(2L‖G‖_F²), sample by sample and entry by entry."""
    n, d = X.shape
    samples = gradients(X, u)
    noise = [[sum(r * r * x[a] * x[b] for r, x in samples) / n for b in range(d)] for a in range(d)]
    fisher = [[sum(x[a] * x[b] for _, x in samples) / n for b in range(d)] for a in range(d)]
    twice_loss = sum(r * r for r, _ in samples) / n
    pairs = list(itertools.product(range(d), range(d)))
    return sum(noise[a][b] * fisher[b][a] for a, b in pairs) / (twice_loss * sum(fisher[a][b] ** 2 for a, b in pairs))


def directional_alignment(X: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """vᵀΣ₁v/(2L·vᵀGv), sample by sample."""
    n = len(X)
    samples = gradients(X, u)
    energy = [(r * r, float(x @ v) ** 2) for r, x in samples]
    return n * sum(a * b for a, b in energy) / (sum(a for a, _ in energy) * sum(b for _, b in energy))


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (3, 5), (20, 4)])
def test_dense_alignments_by_the_definition(shape):
    stream = np.random.default_rng(shape)
    X, u, v = stream.standard_normal(shape), stream.standard_normal(shape[1]), stream.standard_normal(shape[1])
    assert dense_loss_alignment(X, u) == pytest.approx(loss_alignment(X, u), rel=1e-12)
    assert dense_directional_alignment(X, u, v) == pytest.approx(directional_alignment(X, u, v), rel=1e-12)


@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_dense_alignments_ignore_scales_signs_and_order(seed, scale):
    stream = np.random.default_rng(seed)
    X, u, v = stream.standard_normal((9, 3)), stream.standard_normal(3), stream.standard_normal(3)
    loss, direction = dense_loss_alignment(X, u), dense_directional_alignment(X, u, v)
    shuffled = stream.permutation(scale * X)
    assert dense_loss_alignment(shuffled, -scale * u) == pytest.approx(loss, rel=1e-10)
    assert dense_directional_alignment(shuffled, scale * u, -scale * v) == pytest.approx(direction, rel=1e-10)


@pytest.mark.parametrize("shape", [(30, 4), (5, 9)])
def test_the_ranges_attain_what_the_dense_witness_computes(shape):
    stream = np.random.default_rng(shape)
    X, v = stream.standard_normal(shape), stream.standard_normal(shape[1])
    loss, direction = simulate.loss_alignment_range(X), simulate.directional_alignment_range(X, v)
    for row, name in enumerate(("inf", "sup")):
        assert dense_loss_alignment(X, loss.witnesses[row]) == pytest.approx(getattr(loss, name), rel=1e-9)
        found = dense_directional_alignment(X, direction.witnesses[row], v)
        assert found == pytest.approx(getattr(direction, name), rel=1e-9, abs=1e-12)


@given(st.integers(1, 6), st.integers(0, 10**6))
def test_quadrature_by_isserlis(d, seed):
    stream = np.random.default_rng(seed)
    factor = stream.standard_normal((d, d)) + 2 * np.eye(d)
    S, u, v = factor @ factor.T, stream.standard_normal(d), stream.standard_normal(d)
    expected = (u @ S @ u) * (v @ S @ v) + 2 * (u @ S @ v) ** 2
    assert quadrature_moment(S, u, v) == pytest.approx(expected, rel=1e-9)


def test_quadrature_by_sampling():
    stream = np.random.default_rng(0)
    S = np.array([[2.0, 0.6], [0.6, 0.5]])
    u, v = np.array([1.0, -0.4]), np.array([0.3, 1.2])
    x = stream.standard_normal((400_000, 2)) @ np.linalg.cholesky(S).T
    products = (x @ u) ** 2 * (x @ v) ** 2
    error = products.std() / math.sqrt(len(products))
    assert quadrature_moment(S, u, v) == pytest.approx(products.mean(), abs=5.5 * error)
