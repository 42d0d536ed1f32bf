"""Passes over arrays, compiled or by the library, against sums in double precision; threads of BLAS between kernels."""

from __future__ import annotations

import sys

import array_api_compat
import array_api_strict
import numpy as np
import pytest
import threadpoolctl

import simulate
from simulate.kernels import loading
from simulate.networks import Network, convolutional, fully_connected, pointwise
from simulate.networks.convolution import Convolution
from simulate.networks.layers import Dense, Flatten, Rectifier, ToImages
from simulate.networks.pooling import MaxPool

XP = array_api_compat.array_namespace(np.empty(0))
SHAPES = [(1, 1), (3, 5), (2, 7, 5, 3), (40, 16, 16, 17)]
RNG = np.random.default_rng(4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("xp", [XP, array_api_strict], ids=["compiled", "strict"])
def test_against_double_precision(xp, dtype, shape):
    x, y, scale, shift = (RNG.standard_normal(s).astype(dtype) for s in (shape, shape, 1, 1))
    there = [xp.asarray(array) for array in (x, y, scale, shift)]
    x, y, scale, shift = (array.astype(np.float64) for array in (x, y, scale, shift))
    expected = {
        "scaled": scale * x + shift,
        "only scaled": scale * x,
        "only shifted": x + shift,
        "added": x + y,
        "inner product": np.array([np.sum(x * y)]),
        "column sums": x.reshape(-1, shape[-1]).sum(axis=0),
    }
    found = {
        "scaled": pointwise.scaled(there[0], there[2], there[3]),
        "only scaled": pointwise.scaled(there[0], there[2]),
        "only shifted": pointwise.scaled(there[0], shift=there[3]),
        "added": pointwise.added(*there[:2]),
        "inner product": pointwise.inner_product(xp, *there[:2]),
        "column sums": pointwise.column_sums(xp, there[0]),
    }
    for name, array in expected.items():
        host = simulate.to_host(found[name])
        assert host.dtype == dtype
        assert host.shape == array.shape
        assert np.abs(host - array).max() <= 4 * np.finfo(dtype).eps * np.sqrt(x.size) * 4, name


@pytest.mark.parametrize("order", [np.asarray, np.asfortranarray])
def test_any_layout_in_memory(order):
    x, y = order(RNG.standard_normal((6, 5, 4))), RNG.standard_normal((4, 5, 6)).T
    assert np.array_equal(pointwise.added(x, y), x + y)
    assert pointwise.inner_product(XP, x, y)[0] == pytest.approx(np.sum(x * y), rel=1e-13)
    assert pointwise.column_sums(XP, x) == pytest.approx(x.sum(axis=(0, 1)), rel=1e-13)


def test_threads_change_no_bit():
    x, y = (RNG.standard_normal((40, 32, 32, 17)).astype(np.float32) for _ in range(2))
    found = []
    for threads in (1, 2):
        with loading.threads(threads):
            found.append((pointwise.inner_product(XP, x, y), pointwise.column_sums(XP, x)))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


def _threads_of_blas():
    return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.skipif(not _threads_of_blas(), reason="threadpoolctl knows no BLAS here")
@pytest.mark.parametrize(
    ("network", "inside"),
    [(convolutional((1, 4, 4), (2, 2), 3), {1}), (fully_connected((16,), (3,)), {2})],
    ids=["convolutional", "dense"],
)
def test_blas_keeps_to_one_thread_beside_convolutions(monkeypatch, network, inside):
    seen = []
    backward = network.layers.backward
    monkeypatch.setattr(
        network.layers, "backward", lambda *a, **k: (seen.append(_threads_of_blas()), backward(*a, **k))[1]
    )
    theta, X = network.init(0), RNG.standard_normal((2, 16))
    with threadpoolctl.threadpool_limits(2, "blas"):
        network.loss_and_gradient(theta, X, np.ones(2))
        assert seen == [inside]
        assert _threads_of_blas() == {2}


def test_without_threadpoolctl_nothing_is_limited(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    loading._blas.cache_clear()
    try:
        assert loading._blas() is None
        with loading.one_blas_thread():
            pass
    finally:
        loading._blas.cache_clear()


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_the_maximum_before_the_rectifier_is_the_same_function(slope):
    shape = (2, 6, 7)
    usual = [ToImages(shape), Convolution(5), Rectifier(slope), MaxPool(2), Flatten(), Dense(1, gain=1.0)]
    swapped = [ToImages(shape), Convolution(5), MaxPool(2), Rectifier(slope), Flatten(), Dense(1, gain=1.0)]
    before, after = Network(usual, shape), Network(swapped, shape)
    theta, X, y = before.init(1), RNG.standard_normal((5, *shape)), RNG.standard_normal(5)
    assert np.array_equal(before.predict(theta, X), after.predict(theta, X))
    assert np.array_equal(before.loss_and_gradient(theta, X, y)[1], after.loss_and_gradient(theta, X, y)[1])
