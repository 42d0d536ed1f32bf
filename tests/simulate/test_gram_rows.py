"""Gram matrices a few rows at a time and in blocks: the same numbers, and an honest account of their rounding."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest

import simulate
from simulate.networks import (
    Network,
    blocked_loss_alignment,
    convolutional,
    fully_connected,
    gram,
    gram_rounding,
)
from simulate.networks.blocks import Chain, Residual
from simulate.networks.convolution import Convolution
from simulate.networks.layers import Dense, Rectifier, ToImages
from simulate.networks.pooling import GlobalAverage
from simulate.networks.scalars import Scale, Shift

SAMPLES = 8
BLOCK = Chain(Shift(), Convolution(3, bias=False), Rectifier(0.2), Scale())
NETWORKS = {
    "dense": lambda: fully_connected((4,), (5, 4), slope=0.1),
    "convolutional, 3 outputs": lambda: convolutional((1, 4, 4), (2, 2), 3, 3, 0.1),
    "residual": lambda: Network(
        [ToImages((2, 4, 4)), Convolution(2), Residual(BLOCK, Convolution(3, 1, 1, 0)), GlobalAverage(), Dense(1)],
        (2, 4, 4),
    ),
}
WAYS = {"chosen": None, "features": gram._Features, "products": gram._Products, "chunks": gram._Chunks}


@pytest.fixture(params=NETWORKS, name="case", scope="module")
def _case(request):
    """A network, parameters, inputs and targets."""
    network = NETWORKS[request.param]()
    rng = np.random.default_rng(3)
    theta = network.init(1) + 0.1 * rng.standard_normal(network.size)
    y = rng.standard_normal((SAMPLES,) if network.outputs == 1 else (SAMPLES, network.outputs))
    return network, theta, rng.standard_normal((SAMPLES, *network.shape)), y


def there(array):
    return array_api_strict.asarray(array, device=array_api_strict.Device("device1"))


def through(monkeypatch, way):
    """Take one way to the share of every convolution."""
    if WAYS[way] is not None:
        choose = gram._share
        monkeypatch.setattr(
            gram, "_share", lambda layer, C: (WAYS[way] if isinstance(layer, Convolution) else choose)(layer, C)
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("memory", [1, 2**30])
def test_rows_of_the_gram_matrix_are_its_rows(case, memory, way, monkeypatch):
    network, theta, X, _ = case
    K, C = network.gram(theta, X), network.outputs
    through(monkeypatch, way)
    for rows in ([2], [5, 0, 3, 5], np.arange(SAMPLES)):
        found = network.gram(theta, X, memory, rows=rows)
        assert found.shape == (len(rows) * C, SAMPLES * C)
        expected = np.reshape(np.reshape(K, (SAMPLES, C, -1))[np.asarray(rows)], (-1, SAMPLES * C))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12 * np.abs(K).max())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("side", [3, 5, 8])
def test_blocks_of_the_gram_matrix_change_nothing_and_leave_it_symmetric(case, side, way, monkeypatch):
    network, theta, X, _ = case
    K = network.gram(theta, X)
    through(monkeypatch, way)
    monkeypatch.setattr(gram, "BLOCK_BYTES", 8 * side**2)
    found = network.gram(theta, X)
    np.testing.assert_allclose(found, K, rtol=1e-11, atol=1e-12 * np.abs(K).max())
    np.testing.assert_allclose(found, found.T, rtol=1e-13, atol=1e-14 * np.abs(K).max())


# With 2000 bytes the network with 3 outputs has two blocks of two samples, with 1 each layer a pass of its own.
@pytest.mark.parametrize(
    ("centred", "memory", "scale"),
    [
        (False, 1, 1.0),
        (True, 1, 1e100),
        (False, 2000, 1e100),
        (True, 2000, 1.0),
        (False, 2**30, 1e100),
        (True, 2**30, 1.0),
    ],
)
def test_loss_alignment_by_rows_is_that_of_the_whole_matrix(case, centred, memory, scale):
    network, theta, X, y = case
    X, y = X[:4], y[:4]
    y = network.predict(theta, X) - scale * (network.predict(theta, X) - y)
    expected = simulate.loss_alignment(network.gram(theta, X), network.predict(theta, X) - y, centred)
    found = blocked_loss_alignment(network, theta, X, y, centred, memory)
    assert found == pytest.approx(expected, rel=1e-11)
    if memory > 1:
        assert blocked_loss_alignment(network, *map(there, (theta, X, y)), centred, memory) == pytest.approx(found)


@pytest.mark.parametrize(("first", "others"), [(1e-160, 1.0), (0.0, 1e90), (1.0, 1e-160)])
def test_loss_alignment_by_rows_of_very_different_sizes(first, others):
    network = Network([ToImages((1, 2, 2)), Convolution(1, bias=False), GlobalAverage()], (1, 2, 2))
    X = np.random.default_rng(0).standard_normal((4, 1, 2, 2)) * np.array([first, *[others] * 3])[:, None, None, None]
    theta, y = network.init(0), np.ones(4)
    residual = network.predict(theta, X) - y
    expected = simulate.loss_alignment(network.gram(theta, X), residual)
    assert blocked_loss_alignment(network, theta, X, y, memory=1) == pytest.approx(expected, rel=1e-12)


def test_loss_alignment_by_rows_without_a_residual_is_one(case):
    network, theta, X, _ = case
    assert blocked_loss_alignment(network, theta, X, network.predict(theta, X)) == 1.0


def test_rounding_of_a_gram_matrix_is_measured(case):
    network, theta, X, _ = case
    theta, X = theta.astype(np.float32), X.astype(np.float32)
    K = network.gram(theta, X)
    every = gram_rounding(network, theta, X, K)
    exact = network.gram(theta.astype(np.float64), X.astype(np.float64))
    assert every.samples == SAMPLES
    assert every.relative == pytest.approx(np.linalg.norm(K - exact) / np.linalg.norm(exact), rel=1e-6)
    assert every.largest == pytest.approx(np.abs(K - exact).max() / np.abs(exact).max(), rel=1e-6)
    assert 0 < every.relative < 1e-5
    # Another Gram matrix than that of these parameters does not pass for rounding.
    assert gram_rounding(network, theta, X, 1.01 * K, samples=2).relative == pytest.approx(0.01, rel=1e-3)
    assert gram_rounding(network, theta.astype(np.float64), X.astype(np.float64), exact, samples=3).relative < 1e-13
    # By Weyl's inequality no eigenvalue is off by more.
    off = np.abs(np.linalg.eigvalsh(K.astype(np.float64)) - np.linalg.eigvalsh(exact)).max()
    assert off <= 1.001 * every.relative * np.linalg.norm(exact)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c[0].gram(c[1], c[2], rows=[SAMPLES]), r"^rows: expected one or more integers from 0 to 7, got 8"),
        (lambda c: c[0].gram(c[1], c[2], rows=[-1, 2]), r"^rows: expected one or more integers from 0 to 7, got -1"),
        (lambda c: c[0].gram(c[1], c[2], rows=[]), r"^rows: expected one or more integers from 0 to 7, got list \[\]$"),
        (lambda c: c[0].gram(c[1], c[2], rows=[0.0]), r"^rows: expected one or more integers from 0 to 7, got list"),
        (lambda c: c[0].gram(c[1], c[2], rows=there(np.arange(2))), r"^rows: expected one or more integers from"),
        (lambda c: c[0].gram(c[1], c[2], rows=3), r"^rows: expected one or more integers from 0 to 7, got int 3$"),
        (lambda c: c[0].gram(c[1], c[2], rows=[[0], [1, 2]]), r"^rows: expected one or more integers from 0 to 7, got"),
        (lambda c: blocked_loss_alignment(*c[:3], c[3][:-1]), r"^y: expected shape"),
        (lambda c: blocked_loss_alignment(*c, memory=0), r"^memory: expected an integer >= 1, got int 0$"),
        (lambda c: blocked_loss_alignment(*c, centred=1), r"^centred: expected"),
        (lambda c: gram_rounding(*c[:3], np.eye(3)), r"^gram: expected shape"),
        (lambda c: gram_rounding(*c[:3], c[0].gram(*c[1:3]), samples=0), r"^samples: expected an integer >= 1, got"),
    ],
)  # fmt: skip
def test_bad_arguments_of_rows(call, message):
    network = NETWORKS["dense"]()
    rng = np.random.default_rng(0)
    with pytest.raises(simulate.InputError, match=message):
        call((network, network.init(0), rng.standard_normal((SAMPLES, 4)), rng.standard_normal(SAMPLES)))


def test_rows_that_are_zero_have_no_relative_error():
    network = Network([ToImages((1, 2, 2)), Convolution(1, bias=False), Rectifier(), GlobalAverage()], (1, 2, 2))
    X = np.ones((3, 1, 2, 2), dtype=np.float32)
    with pytest.raises(simulate.InputError, match=r"^gram: expected rows other than 0 to compare, got rows that are 0"):
        gram_rounding(network, np.zeros(network.size, dtype=np.float32), X, np.zeros((3, 3), dtype=np.float32))
