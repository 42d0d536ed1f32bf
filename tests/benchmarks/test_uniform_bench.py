"""Extremes over all θ and v: products of Lanczos and sweeps of the search beside the matrix products in them.

Run with ``pytest -o addopts= tests/benchmarks/test_uniform_bench.py``; nothing is asserted about time.
"""

import array_api_compat
import numpy as np
import pytest
import scipy.linalg
from describing import describe
from isolated import seconds_and_peak

import simulate
from simulate.extremes.alternating import _alternate
from simulate.extremes.fourth_moment import FourthMoment

PRODUCT = "Lanczos product n=20000, d=200: at most twice its two matrix products"
SWEEPS = "search n=4000, d=100, one start: at most twice weighted products and eigenproblems"
LARGE = "certificates n=80000, d=200, by Lanczos (seconds and peak memory in extra_info)"
xp = array_api_compat.array_namespace(np.empty(0))


@pytest.fixture(scope="module", name="wide")
def _wide():
    """Samples, n = 20000, d = 200, and a symmetric matrix."""
    Z = simulate.gaussian_inputs(20_000, simulate.isotropic(200))
    V = np.random.default_rng(0).standard_normal((200, 200))
    return FourthMoment(xp, Z), V + V.T


@pytest.mark.benchmark(group=PRODUCT)
def test_lanczos_product(benchmark, wide):
    moment, V = wide
    describe(benchmark, "Lanczos product", n=20_000, d=200, precision="float64")
    benchmark(moment.apply, V)


@pytest.mark.benchmark(group=PRODUCT)
def test_reference_products(benchmark, wide):
    moment, V = wide
    Z = moment.Z
    image, result = np.empty_like(Z), np.empty_like(V)

    def products():
        np.matmul(Z, V, out=image)
        np.matmul(Z.T, image, out=result)

    describe(benchmark, "Lanczos product", "two products", "part", n=20_000, d=200)
    benchmark(products)


@pytest.fixture(scope="module", name="search")
def _search():
    """Samples, n = 4000, d = 100, a start, and how many sweeps the search takes from it."""
    Z = simulate.gaussian_inputs(4000, simulate.isotropic(100))
    moment = FourthMoment(xp, Z)
    start = np.random.default_rng(0).standard_normal((100, 1))
    start /= np.linalg.norm(start)
    calls = []
    weighted = moment.weighted
    moment.weighted = lambda U: calls.append(1) or weighted(U)
    _alternate(moment, True, start)
    moment.weighted = weighted
    return moment, start, len(calls)


@pytest.mark.benchmark(group=SWEEPS)
def test_search_from_one_start(benchmark, search):
    moment, start, sweeps = search
    benchmark.extra_info["sweeps"] = sweeps
    describe(benchmark, "search from one start", n=4000, d=100, precision="float64")
    benchmark(_alternate, moment, True, start)


@pytest.mark.benchmark(group=SWEEPS)
def test_reference_sweeps(benchmark, search):
    moment, start, sweeps = search
    Z = moment.Z

    def reference():
        u = start[:, 0]
        for _ in range(sweeps):
            u = scipy.linalg.eigh((Z * ((Z @ u) ** 2)[:, None]).T @ Z, check_finite=False)[1][:, -1]

    describe(benchmark, "search from one start", "products and eigenproblems", "part", n=4000, d=100)
    benchmark(reference)


@pytest.mark.benchmark(group=LARGE)
def test_certificates_of_a_large_design(benchmark):
    code = """
import time
import array_api_compat, numpy as np
import simulate
from simulate.extremes.certificates import certify
from simulate.extremes.fourth_moment import FourthMoment
X = simulate.gaussian_inputs(80_000, simulate.isotropic(200))
X = np.linalg.solve(np.linalg.cholesky(X.T @ X / len(X)), X.T).T.copy()
start = time.perf_counter()
found = certify(FourthMoment(array_api_compat.array_namespace(X), X), np.random.default_rng(0))
assert found.failure_probability <= 1e-12, found
print(time.perf_counter() - start)
"""
    seconds, peak = benchmark.pedantic(seconds_and_peak, args=(code,), rounds=1)
    benchmark.extra_info.update(seconds=seconds)
    describe(benchmark, "certificates, process and all", n=80_000, d=200, peak_gigabytes=peak)
