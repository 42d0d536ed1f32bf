"""Directional alignment on the first n rows: against one range at a time, on every array library and device."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate
from simulate import InputError
from simulate.extremes.prefixes import directional_alignment_profile, size_grid


def naive(X: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """Extremes of g over the residuals in the range of X, from an orthogonal basis and an explicit diagonal matrix."""
    left, values, _ = np.linalg.svd(X, full_matrices=False)
    basis = left[:, values > 1e-11 * values[0]]
    j = X @ v
    found = np.linalg.eigvalsh(basis.T @ np.diag(len(X) * j**2 / (j @ j)) @ basis)
    return max(found[0], 0.0), found[-1]


SHAPES = {"tall": (40, 4), "wide": (5, 9), "one column": (12, 1), "square": (7, 7)}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_profiles_by_the_definition(backend, shape):
    n, d = shape
    stream = np.random.default_rng(n)
    X, V = stream.standard_normal((n, d)), stream.standard_normal((d, 3))
    sizes = sorted({1, 2, d, d + 1, n // 2, n} & set(range(1, n + 1)))
    inf, sup = directional_alignment_profile(backend.asarray(X), backend.asarray(V), sizes)
    assert backend.owns(inf)
    assert backend.owns(sup)
    assert inf.shape == sup.shape == (len(sizes), 3)
    expected = np.array([[naive(X[:size], v) for v in V.T] for size in sizes])
    np.testing.assert_allclose(simulate.to_host(inf), expected[:, :, 0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(simulate.to_host(sup), expected[:, :, 1], rtol=1e-8)


@given(st.integers(1, 6), st.integers(2, 30), st.integers(1, 3), st.integers(0, 10**6))
def test_a_profile_is_a_range_on_each_prefix(d, n, K, seed):
    stream = np.random.default_rng(seed)
    X, V = stream.standard_normal((n, d)), stream.standard_normal((d, K))
    sizes = sorted(stream.choice(np.arange(1, n + 1), size=min(3, n), replace=False).tolist())
    inf, sup = directional_alignment_profile(X, V, sizes)
    for row, size in enumerate(sizes):
        low, high = simulate.directional_alignment_ranges(X[:size], V)
        np.testing.assert_allclose(inf[row], low, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(sup[row], high, rtol=1e-7)
        # 0 ≤ g ≤ n always.
        assert (inf[row] >= 0).all()
        assert (sup[row] <= size * (1 + 1e-9)).all()


@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_profiles_ignore_scales_and_the_order_within_a_prefix(seed, scale):
    stream = np.random.default_rng(seed)
    X, V = stream.standard_normal((30, 3)), stream.standard_normal((3, 2))
    found = directional_alignment_profile(X, V, [10, 30])
    shuffled = np.vstack([stream.permutation(X[:10]), stream.permutation(X[10:])])
    again = directional_alignment_profile(scale * shuffled, -V * scale, [10, 30])
    np.testing.assert_allclose(again, found, rtol=1e-8)
    mixed = stream.standard_normal((3, 3)) + 3 * np.eye(3)
    transformed = directional_alignment_profile(X @ mixed, np.linalg.solve(mixed, V), [10, 30])
    np.testing.assert_allclose(transformed, found, rtol=1e-6)


def test_the_grid_of_sizes_does_not_matter():
    stream = np.random.default_rng(1)
    X, V = stream.standard_normal((60, 4)), stream.standard_normal((4, 2))
    coarse = directional_alignment_profile(X, V, [20, 60])
    fine = directional_alignment_profile(X, V, list(range(1, 61)))
    for a, b in zip(coarse, fine, strict=True):
        np.testing.assert_allclose(a, b[[19, 59]], rtol=1e-9)


def test_ill_conditioned_rank_deficient_and_zero_prefixes():
    stream = np.random.default_rng(2)
    X = stream.standard_normal((20, 4)) * np.array([1.0, 1e-3, 1e-6, 1e-9])
    V = stream.standard_normal((4, 2))
    inf, sup = directional_alignment_profile(X, V, [10, 20])
    for row, size in enumerate((10, 20)):
        expected = np.array([
            naive(X[:size] / np.array([1.0, 1e-3, 1e-6, 1e-9]), v) for v in (V.T * [1, 1e-3, 1e-6, 1e-9])
        ])
        np.testing.assert_allclose(np.column_stack([inf[row], sup[row]]), expected, rtol=1e-4)
    double = np.column_stack([X[:, 0], X[:, 0], X[:, 1]])
    inf, sup = directional_alignment_profile(double, V[:3], [20])
    assert (inf[0, 0], sup[0, 0]) == pytest.approx(naive(double, V[:3, 0]), rel=1e-6, abs=1e-9)
    padded = np.vstack([np.zeros((2, 3)), stream.standard_normal((8, 3))])
    inf, sup = directional_alignment_profile(padded, V[:3], [1, 2, 10])
    assert inf[:2].tolist() == sup[:2].tolist() == [[1.0, 1.0]] * 2
    blind = stream.standard_normal((10, 3)) * np.array([1.0, 1.0, 0.0])
    inf, sup = directional_alignment_profile(blind, np.array([[0.0], [0.0], [1.0]]), [10])
    assert inf.item() == sup.item() == 1.0


@pytest.mark.parametrize(
    ("sizes", "V", "expected"),
    [
        ([], np.ones((2, 1)), "sizes"),
        ([3, 2], np.ones((2, 1)), "sizes"),
        ([2, 2], np.ones((2, 1)), "sizes"),
        ([0, 2], np.ones((2, 1)), "sizes"),
        ([2, 6], np.ones((2, 1)), "sizes"),
        ([2.5], np.ones((2, 1)), "sizes"),
        ([2], np.ones((3, 1)), "V"),
        ([2], np.ones(2), "V"),
        ([2], np.array([[np.nan], [1.0]]), "V"),
    ],
)
def test_bad_arguments_are_named(sizes, V, expected):
    with pytest.raises(InputError, match=expected) as caught:
        directional_alignment_profile(np.ones((5, 2)), V, sizes)
    assert "\n" not in str(caught.value)


@given(st.integers(1, 300), st.integers(1, 4000), st.floats(1.01, 3))
def test_size_grids_are_geometric(d, more, ratio):
    grid = size_grid(d, d + more, ratio)
    assert grid[0] == d + 1
    assert grid[-1] == d + more
    assert all(a < b for a, b in itertools.pairwise(grid))
    # No step is much longer than the ratio, beyond rounding to integers.
    assert all(b <= a * ratio**1.5 + 1 for a, b in itertools.pairwise(grid))


@pytest.mark.parametrize(("d", "largest"), [(0, 5), (5, 5), (5, 4), (2.5, 9)])
def test_size_grids_refuse(d, largest):
    with pytest.raises(InputError):
        size_grid(d, largest, 1.2)
