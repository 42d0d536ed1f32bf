"""The range of the loss alignment over residuals of any kind, on every array library and device."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate
from simulate import InputError, label_free_range, loss_alignment


def naive(X: np.ndarray) -> np.ndarray:
    """a_i/mean(a) with a_i = (1/n) Σ_j (x_i·x_j)², one pair at a time."""
    a = np.array([sum(float(x @ y) ** 2 for y in X) / len(X) for x in X])
    return a / a.mean()


@pytest.mark.parametrize("shape", [(30, 4), (6, 15), (9, 9), (1, 3), (5, 1)])
def test_the_range_by_the_definition(backend, shape):
    X = np.random.default_rng(shape).standard_normal(shape)
    found = label_free_range(backend.asarray(X))
    values = naive(X)
    assert found.inf == pytest.approx(values.min(), rel=1e-10)
    assert found.sup == pytest.approx(values.max(), rel=1e-10)
    assert found.samples == (int(values.argmin()), int(values.argmax()))
    assert type(found.inf) is type(found.sup) is float


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_the_ends_are_attained_by_residuals_of_one_sample_and_nothing_lies_beyond(n, d, seed):
    stream = np.random.default_rng(seed)
    X = stream.standard_normal((n, d))
    K = X @ X.T
    found = label_free_range(X)
    for sample, value in zip(found.samples, (found.inf, found.sup), strict=True):
        assert loss_alignment(K, np.eye(n)[sample]) == pytest.approx(value, rel=1e-9)
    for residual in stream.standard_normal((20, n)):
        assert found.inf * (1 - 1e-9) <= loss_alignment(K, residual) <= found.sup * (1 + 1e-9)
    over_theta = simulate.loss_alignment_range(X)
    assert found.inf <= over_theta.inf * (1 + 1e-9)
    assert over_theta.sup <= found.sup * (1 + 1e-9)


@pytest.mark.parametrize("shape", [(7, 3), (20, 2), (8, 8), (5, 30)])
def test_it_is_the_limit_of_a_vanishing_tail(shape):
    stream = np.random.default_rng(shape)
    X, W = stream.standard_normal(shape), stream.standard_normal((shape[0], shape[0] + 2))
    limit = label_free_range(X)
    gaps = []
    for tail in (1e-2, 1e-3, 1e-4):
        explicit = simulate.loss_alignment_range(np.hstack([X, tail * W]))
        gaps.append(abs(explicit.inf - limit.inf) + abs(explicit.sup - limit.sup))
    assert gaps[-1] < 1e-5
    # The tail adds its square to the inner products.
    assert gaps[1] < gaps[0] / 30
    assert gaps[2] < gaps[1] / 30


@given(st.integers(1, 15), st.integers(1, 8), st.floats(1e-3, 1e3), st.integers(0, 10**6))
def test_order_rotation_and_scale_do_not_matter(n, d, scale, seed):
    stream = np.random.default_rng(seed)
    X = stream.standard_normal((n, d))
    order, rotation = stream.permutation(n), np.linalg.qr(stream.standard_normal((d, d)))[0]
    found, again = label_free_range(X), label_free_range(scale * X[order] @ rotation)
    assert (again.inf, again.sup) == pytest.approx((found.inf, found.sup), rel=1e-8)


@pytest.mark.parametrize("scale", [1e-150, 1e150, 1e-300])
def test_extreme_scales(scale):
    X = np.random.default_rng(0).standard_normal((12, 4))
    assert label_free_range(scale * X)[:2] == pytest.approx(label_free_range(X)[:2], rel=1e-10)


def test_zero_inputs_and_zero_rows():
    assert label_free_range(np.zeros((4, 3))) == (1.0, 1.0, (0, 0))
    X = np.vstack([np.zeros(3), np.ones((3, 3))])
    assert label_free_range(X).inf == 0
    assert label_free_range(X).samples[0] == 0
    assert label_free_range(X).sup == pytest.approx(4 / 3)


@pytest.mark.parametrize("X", [np.ones(3), np.ones((0, 3)), np.array([[np.nan, 1.0]]), np.ones((2, 2), dtype=complex)])
def test_bad_inputs_are_refused(X):
    with pytest.raises(InputError, match="X"):
        label_free_range(X)
