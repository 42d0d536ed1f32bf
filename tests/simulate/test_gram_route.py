"""The loss alignment where every residual is possible, without an orthogonal basis: on every library and device."""

from __future__ import annotations

import array_api_compat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate
from simulate.extremes.gram_route import MODERATE, SHOWN_INDEPENDENT, entries_and_ends

NUMPY = array_api_compat.array_namespace(np.empty(0))


def naive(X: np.ndarray) -> np.ndarray:
    a = np.array([sum(float(x @ y) ** 2 for y in X) for x in X])
    return a / a.mean()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 9), (8, 8), (20, 60)])
def test_entries_and_parameters_by_the_definition(backend, shape):
    n = shape[0]
    X = np.random.default_rng(shape).standard_normal(shape)
    values, ends = entries_and_ends(backend.xp, backend.asarray(X))
    assert backend.owns(values)
    assert backend.owns(ends)
    values, ends = simulate.to_host(values), simulate.to_host(ends)
    np.testing.assert_allclose(values, naive(X), rtol=1e-10)
    assert ends.shape == (2, shape[1])
    for u, at in zip(ends, (naive(X).argmin(), naive(X).argmax()), strict=True):
        residual = X @ u
        assert abs(residual[at]) == pytest.approx(n**0.5, rel=1e-10)
        assert np.abs(np.delete(residual, at)).max(initial=0.0) < 1e-7 * n**0.5


@given(st.integers(1, 10), st.integers(0, 8), st.integers(0, 10**6))
def test_it_agrees_with_the_route_by_an_orthogonal_basis(n, more, seed):
    X = np.random.default_rng(seed).standard_normal((n, n + more))
    found = entries_and_ends(NUMPY, X)
    if found is None:
        return
    # Two equal copies of every row have the same entries; that design is rank-deficient, so the basis decides.
    doubled = simulate.loss_alignment_range(np.vstack([X, X]))
    assert doubled.inf == pytest.approx(float(found[0].min()), rel=1e-8)
    assert doubled.sup == pytest.approx(float(found[0].max()), rel=1e-8)
    whole = simulate.loss_alignment_range(X)
    assert (whole.inf, whole.sup) == pytest.approx((found[0].min(), found[0].max()), rel=1e-12)


def test_parameters_stay_accurate_where_rows_are_nearly_dependent():
    stream = np.random.default_rng(0)
    X = stream.standard_normal((6, 10))
    X[1] = X[0] + 1e-3 * stream.standard_normal(10)
    _, ends = entries_and_ends(NUMPY, X)
    for u in ends:
        residual = np.sort(np.abs(X @ u))
        assert residual[-1] == pytest.approx(6**0.5, rel=1e-9)
        assert residual[-2] < 1e-8


@pytest.mark.parametrize(
    "name", ["dependent", "repeated", "more rows than columns", "zero row", "long row", "short row", "barely"]
)
def test_what_it_cannot_show_is_left_to_the_basis(backend, name):
    stream = np.random.default_rng(1)
    X = stream.standard_normal((5, 8))
    if name == "dependent":
        X[4] = X[:4].sum(axis=0)
    elif name == "repeated":
        X[4] = 2 * X[0]
    elif name == "more rows than columns":
        X = stream.standard_normal((8, 5))
    elif name == "zero row":
        X[2] = 0
    elif name == "barely":
        X[1] = X[0] + 0.1 * SHOWN_INDEPENDENT**0.5 * stream.standard_normal(8)
    else:
        X[2] *= (10 if name == "long row" else 0.01) * MODERATE ** (1 if name == "long row" else -1)
    assert entries_and_ends(backend.xp, backend.asarray(X)) is None
    # The public function decides all the same.
    found = simulate.loss_alignment_range(backend.asarray(X))
    assert 0 <= found.inf <= 1 <= found.sup


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_order_and_scale_do_not_matter(seed, scale):
    stream = np.random.default_rng(seed)
    X = stream.standard_normal((5, 9))
    order = stream.permutation(5)
    first, again = entries_and_ends(NUMPY, X), entries_and_ends(NUMPY, scale * X[order])
    np.testing.assert_allclose(again[0], first[0][order], rtol=1e-9)
    np.testing.assert_allclose(np.abs(X @ again[1].T) * scale, np.abs(X @ first[1].T), rtol=1e-6, atol=1e-6)
