"""What a benchmark's JSON says of it: `noise-geometry bench` reads this from `extra_info`."""

from __future__ import annotations

from typing import Any

OURS = "noise-geometry"


def describe(benchmark: Any, path: str, by: str = OURS, role: str | None = None, **facts: Any) -> None:
    """Say what a benchmark measures.

    Args:
        benchmark: pytest-benchmark's fixture.
        path: the hot path; what is raced has the same path and the same group.
        by: the software that does it.
        role: "ours", "peer" (other software, raced), "part" (what the path consists of, a floor), "variant" (ours,
            otherwise set) or "machine" (a rate of the machine); None for ours, or peer where `by` is another.
        **facts: sizes (n, d, width, batch, replicas, steps, samples), `work` (units done in a round, 1 by default),
            `flops` and `bytes` (counted, of a round), `peak_gigabytes` and `start_gigabytes` (of a process of its own,
            at its highest and before the work), `pool_gigabytes` (a card's pool), `precision`, `aim` (the least ratio
            to ours that is aimed at), `difference` and `tolerance` (of the peer's result from ours), `note`, `device`
            (a GPU's name).
    """
    benchmark.extra_info.update(path=path, by=by, role=role or ("ours" if by == OURS else "peer"), **facts)
