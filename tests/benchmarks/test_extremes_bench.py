"""Exact ranges of the linear model, beside the one product X Xᵀ; and the import of the package.

Run with ``pytest tests/benchmarks``; each group holds our time and its reference, nothing is asserted about time.
"""

import subprocess
import sys

import numpy as np
import pytest
from describing import describe
from isolated import seconds_and_peak

import simulate


@pytest.fixture(scope="module", name="X")
def _inputs():
    """Inputs, n = 4000, d = 1000."""
    return simulate.gaussian_inputs(4000, simulate.isotropic(1000))


@pytest.mark.benchmark(group="loss range n=4000, d=1000: at most 3 x X Xᵀ")
def test_loss_range(benchmark, X):
    describe(benchmark, "range of the loss alignment", n=4000, d=1000, precision="float64")
    found = benchmark(simulate.loss_alignment_range, X)
    assert found.inf < 1 < found.sup


@pytest.mark.benchmark(group="loss range n=4000, d=1000: at most 3 x X Xᵀ")
def test_reference_product(benchmark, X):
    describe(benchmark, "range of the loss alignment", "X Xᵀ", "part", n=4000, d=1000)
    benchmark(lambda: X @ X.T)


@pytest.mark.benchmark(group="many directions")
@pytest.mark.parametrize(("n", "d", "directions"), [(2000, 16, 3000), (5000, 256, 4)])
def test_many_directions(benchmark, n, d, directions):
    inputs = simulate.gaussian_inputs(n, simulate.isotropic(d))
    V = np.random.default_rng(0).standard_normal((d, directions))
    inf, sup = benchmark(simulate.directional_alignment_ranges, inputs, V)
    assert np.all(inf < sup)


@pytest.mark.benchmark(group="small design n=200, d=10")
def test_small_loss_range(benchmark):
    benchmark(simulate.loss_alignment_range, simulate.gaussian_inputs(200, simulate.isotropic(10)))


@pytest.mark.benchmark(group="one million samples, d=100 (peak memory of the process in extra_info)")
def test_million_samples(benchmark):
    code = """
import time, simulate
X = simulate.gaussian_inputs(10**6, simulate.isotropic(100))
start = time.perf_counter()
simulate.loss_alignment_range(X)
print(time.perf_counter() - start)
"""
    seconds, gigabytes = benchmark.pedantic(seconds_and_peak, args=(code,), rounds=1)
    benchmark.extra_info.update(seconds_without_drawing=seconds)
    describe(benchmark, "range of the loss alignment, drawing too", n=10**6, d=100, peak_gigabytes=gigabytes)
    assert gigabytes < 2.0


@pytest.mark.benchmark(group="import: at most 0.1 s more than the reference")
@pytest.mark.parametrize("statement", ["import numpy, scipy.linalg", "import numpy, scipy.linalg, simulate"])
def test_import(benchmark, statement):
    benchmark.pedantic(subprocess.run, args=([sys.executable, "-c", statement],), kwargs={"check": True}, rounds=9)
