"""Sweeps of many short points beside the same work in processes without a runner.

Run with ``pytest -o addopts= tests/benchmarks/test_sweeps_bench.py`` (about five minutes); nothing is asserted about
time. What a sweep costs beyond its points is the ratio within a group, and in extra_info: the driver's processor time,
the seconds that the points themselves took, its peak memory, and how long the finished sweep takes again.
"""

import pytest
from swept_points import bare, sweep_in_own_process

import verify

WORKERS = 2
MANY = "100000 points of 1 ms with a store: at most 1.2 x the bare work of two processes"
RUNNER = "runner without a store, points of {} ms: at most 1.05 x for 5 ms and more"
QUICK = "quick profile: two workers at least 1.8 x one"


def _pedantic(benchmark, function, *arguments, rounds=1):
    return benchmark.pedantic(function, args=arguments, rounds=rounds)


@pytest.mark.benchmark(group=MANY)
def test_many_points(benchmark):
    found = _pedantic(benchmark, sweep_in_own_process, 100_000, 1.0, WORKERS)
    # The process's start is in the benchmark's time, not in these.
    benchmark.extra_info.update(found, resumed_share=found["resumed"] / found["seconds"])


@pytest.mark.benchmark(group=MANY)
def test_reference_many_points(benchmark):
    benchmark.extra_info["seconds"] = _pedantic(benchmark, bare, 100_000, 1.0, WORKERS)


@pytest.mark.benchmark(group="memory of the driver, points of no work")
@pytest.mark.parametrize("points", [20_000, 100_000, 500_000])
def test_memory(benchmark, points):
    benchmark.extra_info.update(_pedantic(benchmark, sweep_in_own_process, points, 0.0, WORKERS))


@pytest.mark.parametrize("ms", [1, 5, 20])
def test_runner(benchmark, ms):
    benchmark.group = RUNNER.format(ms)
    benchmark.extra_info.update(_pedantic(benchmark, sweep_in_own_process, 20_000 // ms, float(ms), WORKERS, False))


@pytest.mark.parametrize("ms", [1, 5, 20])
def test_reference_runner(benchmark, ms):
    benchmark.group = RUNNER.format(ms)
    benchmark.extra_info["seconds"] = _pedantic(benchmark, bare, 20_000 // ms, float(ms), WORKERS)


@pytest.mark.benchmark(group=QUICK)
@pytest.mark.parametrize("workers", [1, WORKERS])
def test_quick_profile(benchmark, workers, tmp_path):
    result = _pedantic(benchmark, lambda: verify.run(out=tmp_path / "run", workers=workers, progress=False))
    assert result.exit_code == 0


@pytest.mark.parametrize("workers", [1, WORKERS])
@pytest.mark.parametrize("claim", ["3.3", "4.3"])
def test_sweep_of_a_claim(benchmark, workers, claim):
    benchmark.group = f"sweep of {claim} at sizes of the quick profile: two workers at least 1.8 x one"
    axes = {"d": [10, 20, 40], "n": [500, 1000, 2000], "eps": 0.5, "delta": 0.1}
    table = _pedantic(benchmark, lambda: verify.sweep(claim, trials=60, workers=workers, progress=False, **axes))
    assert table["error"].isna().all()
