"""Exact second moments beside the matrix products they consist of, and what follows from them.

Run with ``pytest tests/benchmarks``; each group holds our time and its reference, nothing is asserted about time.
"""

import numpy as np
import pytest
from describing import describe

import simulate

STEPS = 20


@pytest.fixture(scope="module", name="X")
def _inputs():
    """Inputs, n = 2000, d = 200."""
    return simulate.gaussian_inputs(2000, simulate.isotropic(200))


@pytest.mark.benchmark(group=f"{STEPS} steps of the second moment, n=2000, d=200: at most 2 x the products")
def test_recursion(benchmark, X):
    describe(benchmark, "20 steps of the second moment", n=2000, d=200, precision="float64")
    moments = benchmark(simulate.second_moments, X, np.eye(200), 1e-3, STEPS)
    assert moments.shape == (STEPS + 1, 200, 200)


@pytest.mark.benchmark(group=f"{STEPS} steps of the second moment, n=2000, d=200: at most 2 x the products")
def test_reference_products(benchmark, X):
    """X M, Xᵀ (q∘X) and the two products with G."""
    describe(benchmark, "20 steps of the second moment", "its products", "part", n=2000, d=200)
    M = np.eye(200)
    images, small = np.empty_like(X), np.empty_like(M)
    weighted = X * np.arange(1.0, 2001.0)[:, None]

    def products():
        for _ in range(STEPS):
            np.matmul(X, M, out=images)
            np.matmul(X.T, weighted, out=small)
            np.matmul(M, M, out=small)
            np.matmul(M, M, out=small)

    benchmark(products)


@pytest.mark.benchmark(group="online second moments, 1000 steps")
@pytest.mark.parametrize("d", [10, 10_000])
def test_online_recursion(benchmark, d):
    spectrum = simulate.power_law(d, 1.0)
    benchmark(simulate.online_second_moments, spectrum, np.ones(d), 0.1, 1000, keep="last")


@pytest.mark.benchmark(group="escape rate")
@pytest.mark.parametrize(("n", "d"), [(500, 10), (5000, 30), (500, 100), (2000, 200)])
@pytest.mark.parametrize("size", [0.2, 1.5], ids=["stable", "escaping"])
def test_escape_rate(benchmark, n, d, size):
    inputs = simulate.gaussian_inputs(n, simulate.power_law(d, 0.5))
    found = benchmark(simulate.escape_rate, inputs, size * simulate.stability_threshold(inputs))
    assert (found.rate > 1) == (size > 1)
    assert found.upper - found.lower < 1e-6 * found.rate


@pytest.mark.benchmark(group="stability threshold")
@pytest.mark.parametrize(("n", "d"), [(500, 100), (2000, 200)])
def test_stability_threshold(benchmark, n, d):
    benchmark(simulate.stability_threshold, simulate.gaussian_inputs(n, simulate.power_law(d, 0.5)))


@pytest.mark.benchmark(group="worst starts over all k, 30 steps")
@pytest.mark.parametrize(("n", "d"), [(500, 20), (2000, 40), (500, 100)])
def test_worst_flat_to_sharp(benchmark, n, d):
    inputs = simulate.gaussian_inputs(n, simulate.power_law(d, 0.5))
    lr = 1.5 / np.linalg.norm(inputs.T @ inputs / n)
    found = benchmark.pedantic(simulate.worst_flat_to_sharp, args=(inputs, lr, 30), rounds=2)
    assert np.all(found.inf[1:] > 0)


@pytest.mark.benchmark(group="alignment constants")
@pytest.mark.parametrize(("n", "d"), [(500, 20), (500, 100)])
def test_alignment_constants(benchmark, n, d):
    found = benchmark(simulate.alignment_constants, simulate.gaussian_inputs(n, simulate.power_law(d, 0.5)))
    assert 0 < found.A1 < 1 < found.A2
