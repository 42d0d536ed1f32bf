"""What this machine can do: a large matrix product and a large copy, on all threads; floors are measured by them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from describing import describe

from verify.environment import usable_cpus

SIZE, COPIED = 2000, 2**25


@pytest.mark.benchmark(group="machine")
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_matrix_product(benchmark, precision):
    rng = np.random.default_rng(0)
    A, B = (rng.standard_normal((SIZE, SIZE)).astype(precision) for _ in range(2))
    product = np.empty_like(A)
    describe(benchmark, "GEMM", "NumPy", "machine", flops=2.0 * SIZE**3, precision=precision, n=SIZE)
    benchmark(np.matmul, A, B, out=product)


@pytest.mark.benchmark(group="machine")
def test_copy(benchmark):
    # 256 MB each, which no cache holds; NumPy copies without the interpreter's lock.
    threads = usable_cpus()
    source, target = np.ones(COPIED), np.zeros(COPIED)
    pairs = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    describe(benchmark, "memory bandwidth", "NumPy", "machine", bytes=2.0 * source.nbytes, samples=COPIED)

    with ThreadPoolExecutor(threads) as pool:
        benchmark(lambda: list(pool.map(lambda pair: np.copyto(*pair), pairs)))
