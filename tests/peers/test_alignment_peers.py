"""Races: exact centred μ and the full g spectrum of a two-layer network, beside other software.

Run with ``tox -e peers``. Everywhere the same numbers in float64, the same number of threads, and no time before the
results agree: a route that disagrees fails. Peak memory is that of a process of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import alignment_routes as routes  # noqa: E402
from describing import OURS, describe  # noqa: E402
from isolated import seconds_and_memory  # noqa: E402

N, D, WIDTH, TOP = 1000, 100, 500, 10
SIZES = {"n": N, "d": D, "width": WIDTH, "precision": "float64"}
P = WIDTH * (D + 1)
MU, SPECTRUM = "exact centred μ of a two-layer network", "exact centred μ and full g spectrum of a two-layer network"
WHOLE = {"noise-geometry": "ours", "torch.func": "torch_func", "BackPACK": "backpack", "nngeometry": "nngeometry"}
# Relative to the largest value. PyHessian stops where two iterations differ by 1e-3.
TOLERANCES = {"curvlinops": 1e-6, "PyHessian": 0.01}
NOTES = {
    "curvlinops": "top 10 eigenvalues of G alone, by eigsh: no μ, no g",
    "PyHessian": "top 10 eigenvalues of H alone, another matrix than G, by power iteration: no μ, no g",
}
# Both layers' pre-activations and slopes; three products of an n × n matrix, halved by symmetry; sums over it.
GRAM_FLOPS = 2 * N * D * WIDTH + N * N * (D + 2 * WIDTH) + 6 * N * N
GRAM_BYTES = 8 * (N * D + P + 4 * N * WIDTH + 6 * N * N)
# Reduction to tridiagonal form, divide and conquer, and back: about 9 n³ with all vectors; four passes at least.
EIGEN_FLOPS, EIGEN_BYTES = 9 * N**3, 8 * 4 * N * N

pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid escape sequence"),
]


@pytest.fixture(scope="module", name="problem")
def _problem():
    torch.set_num_threads(os.cpu_count() or 1)
    return routes.Problem(N, D, WIDTH)


@pytest.fixture(scope="module", name="expected")
def _expected(problem):
    """Ours, to compare with; compiled and warm afterwards."""
    return routes.ours(problem)


def difference(found, expected):
    """Largest difference relative to the largest value, of all that was found."""
    compared = [(found.mu, expected.mu), (found.values, expected.values), (found.alignments, expected.alignments)]
    return max(
        np.abs(np.asarray(one) - np.asarray(other)).max() / np.abs(other).max()
        for one, other in compared
        if one is not None and other is not None
    )


def memory(call):
    """Highest memory of a process that computes this once."""
    code = f"""
import sys, os
sys.path.insert(0, {str(Path(__file__).parent)!r})
import torch, alignment_routes as routes
torch.set_num_threads(os.cpu_count() or 1)
problem = routes.Problem({N}, {D}, {WIDTH})
begin()
routes.{call}
"""
    found = seconds_and_memory(code)
    return {name: found[name] for name in ("start_gigabytes", "peak_gigabytes")}


@pytest.mark.benchmark(group=f"{MU}: n = {N}, d = {D}, width {WIDTH}, float64")
@pytest.mark.parametrize("by", WHOLE)
def test_mu(benchmark, problem, expected, by):
    route = getattr(routes, WHOLE[by])
    apart = abs(route(problem, False).mu - expected.mu) / expected.mu
    assert apart < 1e-10
    counted = {"flops": GRAM_FLOPS, "bytes": GRAM_BYTES} if by == OURS else {"aim": 10}
    compared = {} if by == OURS else {"difference": apart, "tolerance": 1e-10}
    described = {**SIZES, **counted, **compared, **memory(f"{WHOLE[by]}(problem, False)")}
    describe(benchmark, MU, by, **described)
    benchmark(route, problem, False)


@pytest.mark.benchmark(group=f"{SPECTRUM}: n = {N}, d = {D}, width {WIDTH}, float64")
@pytest.mark.parametrize("by", WHOLE)
def test_spectrum(benchmark, problem, expected, by):
    route = getattr(routes, WHOLE[by])
    apart = difference(route(problem), expected)
    assert apart < 1e-8
    counted = {"flops": GRAM_FLOPS + EIGEN_FLOPS, "bytes": GRAM_BYTES + EIGEN_BYTES} if by == OURS else {"aim": 10}
    compared = {} if by == OURS else {"difference": apart, "tolerance": 1e-8}
    describe(benchmark, SPECTRUM, by, **SIZES, **counted, **compared, **memory(f"{WHOLE[by]}(problem)"))
    benchmark(route, problem)


@pytest.mark.benchmark(group=f"{SPECTRUM}: n = {N}, d = {D}, width {WIDTH}, float64")
@pytest.mark.parametrize("by", ["curvlinops", "PyHessian"])
def test_top_of_the_spectrum(benchmark, problem, expected, by):
    route = getattr(routes, by.lower())
    right = expected.values[:TOP] if by == "curvlinops" else routes.top_of_the_hessian(problem, TOP)
    found = route(problem, TOP).values
    apart = np.abs(found - right).max() / np.abs(right).max()
    assert apart < TOLERANCES[by]
    compared = {"difference": apart, "tolerance": TOLERANCES[by], "note": NOTES[by]}
    aim = {"aim": 10} if by == "curvlinops" else {}
    describe(benchmark, SPECTRUM, by, **SIZES, **compared, **aim, **memory(f"{by.lower()}(problem)"))
    benchmark.pedantic(route, (problem, TOP), rounds=5)
