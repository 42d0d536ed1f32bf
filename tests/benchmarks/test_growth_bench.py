"""Every hot path at three sizes along each axis: time, peak memory, operations and bytes.

Run with ``tox -e bench``; `noise-geometry bench` fits the exponents. Nothing is asserted about time.
"""

from __future__ import annotations

import pytest
from describing import describe
from hot_paths import PATHS, POINTS, alone


@pytest.mark.parametrize(("name", "sizes"), POINTS, ids=lambda value: str(value).strip("{}").replace("'", ""))
def test_growth(benchmark, name, sizes):
    path = PATHS[name]
    benchmark.group = f"growth: {name}"
    memory = alone(name, sizes)
    describe(
        benchmark,
        name,
        flops=path.flops(sizes),
        bytes=path.bytes(sizes),
        precision=path.precision,
        peak_gigabytes=memory["peak_gigabytes"],
        start_gigabytes=memory["start_gigabytes"],
        **sizes,
    )
    work = path.make(sizes)
    work()
    benchmark(work)
