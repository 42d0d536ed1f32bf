"""Convolutions and their adjoints, compiled or by patches, against sums written out."""

from __future__ import annotations

import itertools

import array_api_compat
import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate.networks import compiled_convolutions, convolutions
from simulate.networks.convolutions import Geometry

XP = array_api_compat.array_namespace(np.empty(0))


def written_out(x, w, g):
    """Every term of every output."""
    m, height, width, _ = x.shape
    high, wide = g.positions(height), g.positions(width)
    padded = np.pad(x, ((0, 0), (g.padding, g.padding), (g.padding, g.padding), (0, 0)))
    y = np.zeros((m, high, wide, w.shape[3]))
    for a, b, k, column in itertools.product(range(high), range(wide), range(g.size), range(g.size)):
        y[:, a, b, :] += padded[:, g.stride * a + k, g.stride * b + column, :] @ w[k, column]
    return y


@st.composite
def cases(draw):
    """Images, a kernel and derivatives by the outputs, of many shapes: channels fill vectors or do not."""
    size = draw(st.integers(1, 5))
    g = Geometry(size, draw(st.integers(1, 3)), draw(st.integers(0, 3)))
    least = max(1, size - 2 * g.padding)
    m, channels = draw(st.integers(1, 20)), draw(st.integers(1, 9))
    sides = draw(st.integers(least, least + 12)), draw(st.integers(least, least + 12))
    outputs = draw(st.sampled_from([1, 3, 4, 8, 12, 16, 24, 32, 40]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.standard_normal((m, *sides, channels))
    w = rng.standard_normal((size, size, channels, outputs))
    return x, w, g, rng.standard_normal((m, *(g.positions(side) for side in sides), outputs))


def check(xp, case, move, tolerance):
    x, w, g, u = case
    expected = written_out(x, w, g)
    scale = 1 + np.abs(expected).max()
    x_there, w_there, u_there = move(x), move(w), move(u)
    y = simulate.to_host(convolutions.convolve(xp, x_there, w_there, g))
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= tolerance * scale
    # Adjoints: ⟨u, x * w⟩ is linear in x and in w.
    back = simulate.to_host(convolutions.pull_to_inputs(xp, u_there, w_there, g, x.shape))
    kernel = simulate.to_host(convolutions.pull_to_kernel(xp, x_there, u_there, g))
    each = simulate.to_host(convolutions.pull_to_kernels(xp, x_there, u_there, g))
    assert back.shape == x.shape
    assert kernel.shape == w.shape
    rng = np.random.default_rng(0)
    dx, dw = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
    size = 1 + np.abs(u).sum() * np.abs(w).max()
    assert abs(np.sum(back * dx) - np.sum(u * written_out(dx, w, g))) <= tolerance * size
    assert abs(np.sum(kernel * dw) - np.sum(u * written_out(x, dw, g))) <= tolerance * size
    assert np.abs(each.sum(axis=0).reshape(w.shape) - kernel).max() <= tolerance * size


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases())
def test_double(case):
    check(XP, case, lambda array: array, 1e-13)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(cases())
def test_single(case):
    check(XP, case, lambda array: array.astype(np.float32), 1e-5)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(cases())
def test_by_patches(case):
    check(array_api_strict, case, array_api_strict.asarray, 1e-13)


def test_adjoints_are_exact_entry_by_entry():
    """One image, one entry at a time: no sum hides an entry at the wrong place."""
    rng = np.random.default_rng(3)
    g = Geometry(3, 2, 1)
    x, w, u = rng.standard_normal((1, 5, 6, 2)), rng.standard_normal((3, 3, 2, 8)), rng.standard_normal((1, 3, 3, 8))
    back = convolutions.pull_to_inputs(XP, u, w, g, x.shape)
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = 1
        assert back[place] == pytest.approx(np.sum(u * written_out(unit, w, g)), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_no_bit(threads):
    from simulate.kernels import loading

    rng = np.random.default_rng(0)
    x, u = (rng.standard_normal((37, 6, 6, c)).astype(np.float32) for c in (3, 8))
    g = Geometry(3, 1, 1)
    with loading.threads(threads):
        found = convolutions.pull_to_kernel(XP, x, u, g)
    assert np.array_equal(found, convolutions.pull_to_kernel(XP, x, u, g))


def test_without_numba_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    x, w, g = rng.standard_normal((3, 6, 6, 3)), rng.standard_normal((3, 3, 3, 8)), Geometry(3, 1, 1)
    compiled = convolutions.convolve(XP, x, w, g)
    monkeypatch.setattr(compiled_convolutions, "_installed", lambda: False)
    assert np.abs(convolutions.convolve(XP, x, w, g) - compiled).max() < 1e-13
