"""Sums in compiled kernels against double precision, maxima before ReLUs, and threads of BLAS between kernels."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import threadpoolctl

from simulate.kernels import loading
from simulate.networks import Network, convolutional, fully_connected
from simulate.networks.compiled_pointwise import column_sums
from simulate.networks.convolution import Convolution
from simulate.networks.layers import Dense, Flatten, Rectifier, ToImages
from simulate.networks.pooling import MaxPool

SHAPES = [(1, 1), (3, 5), (2, 7, 5, 3), (40, 16, 16, 17)]
RNG = np.random.default_rng(4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [np.ascontiguousarray, np.asfortranarray])
def test_sums_against_double_precision(order, dtype, shape):
    x = order(RNG.standard_normal(shape).astype(dtype))
    found, expected = column_sums(x), x.astype(np.float64).reshape(-1, shape[-1]).sum(axis=0)
    assert found.dtype == dtype
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 16 * np.finfo(dtype).eps * np.sqrt(x.size)


def test_threads_change_no_bit():
    x, found = RNG.standard_normal((40, 32, 32, 17)).astype(np.float32), []
    for threads in (1, 2):
        with loading.threads(threads):
            found.append(column_sums(x))
    assert np.array_equal(*found)


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
