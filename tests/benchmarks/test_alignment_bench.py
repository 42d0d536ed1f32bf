"""Alignment from a Gram matrix, beside the eigendecomposition that it cannot do without.

Run with ``pytest tests/benchmarks``; each group holds our time and its reference, nothing is asserted about time.
"""

import numpy as np
import pytest
import scipy.linalg
from describing import describe

import simulate


@pytest.fixture(scope="module")
def problem():
    """Gram matrix and residual, n = 1000 of full rank."""
    X = simulate.gaussian_inputs(1000, simulate.isotropic(1500))
    return X @ X.T, X @ np.ones(1500)


@pytest.mark.benchmark(group="alignment n=1000: at most 1.3 x eigh")
def test_loss_and_all_directions(benchmark, problem):
    gram, residual = problem
    describe(benchmark, "loss alignment and full g spectrum", n=1000, precision="float64")

    def both():
        return simulate.loss_alignment(gram, residual), simulate.directional_alignment(gram, residual)

    mu, (values, alignments) = benchmark(both)
    assert mu == pytest.approx(np.sum(values**2 * alignments) / np.sum(values**2))


@pytest.mark.benchmark(group="alignment n=1000: at most 1.3 x eigh")
def test_reference_eigh(benchmark, problem):
    describe(benchmark, "loss alignment and full g spectrum", "eigh", "part", n=1000)
    benchmark(scipy.linalg.eigh, problem[0])


@pytest.mark.benchmark(group="alignment n=1000: top ten directions")
def test_top_ten_directions(benchmark, problem):
    describe(benchmark, "top ten of the g spectrum", n=1000, precision="float64")
    values, _ = benchmark(simulate.directional_alignment, *problem, k=10)
    assert values.shape == (10,)


@pytest.mark.benchmark(group="alignment n=1000: top ten directions")
def test_reference_subset_eigh(benchmark, problem):
    describe(benchmark, "top ten of the g spectrum", "eigh of a subset", "part", n=1000)
    benchmark(scipy.linalg.eigh, problem[0], subset_by_index=[990, 999], driver="evr")


@pytest.mark.benchmark(group="two-layer Gram n=1000, d=100, width=500")
def test_two_layer_gram(benchmark):
    model = simulate.TwoLayer(100, 500, slope=0.1, train_outer=True)
    X = simulate.gaussian_inputs(1000, simulate.isotropic(100))
    assert benchmark(model.gram, model.init(), X).shape == (1000, 1000)
