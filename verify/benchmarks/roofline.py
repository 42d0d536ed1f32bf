"""What the machine allows: its rates of arithmetic and of memory, and the time that they imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verify.benchmarks.reading import Timing

COMPUTE, MEMORY = "GEMM", "memory bandwidth"


@dataclass(frozen=True)
class Machine:
    """Rates measured on the machine.

    Attributes:
        gemm: operations a second of a large matrix product, for each precision measured.
        bandwidth: bytes a second that a large copy reads and writes; None where it was not measured.
    """

    gemm: dict[str, float]
    bandwidth: float | None

    @property
    def known(self) -> bool:
        """Whether both rates were measured."""
        return bool(self.gemm) and self.bandwidth is not None


@dataclass(frozen=True)
class Floor:
    """The least time for what a benchmark must compute and move.

    Attributes:
        timing: the benchmark.
        arithmetic: seconds for its operations at the rate of a matrix product; None where they are not counted.
        traffic: seconds for its bytes at the memory's bandwidth; None where they are not counted.
    """

    timing: Timing
    arithmetic: float | None
    traffic: float | None

    @property
    def seconds(self) -> float:
        """The larger of the two."""
        return max(self.arithmetic or 0.0, self.traffic or 0.0)

    @property
    def bound(self) -> str:
        """What binds: "arithmetic" or "memory"."""
        return "arithmetic" if (self.arithmetic or 0.0) >= (self.traffic or 0.0) else "memory"

    @property
    def fraction(self) -> float:
        """Floor over median: 1 is the roofline. Above 1 the data stayed in caches, or fewer operations sufficed."""
        return self.seconds / self.timing.median


def machine(timings: Sequence[Timing]) -> Machine:
    """Read the machine's rates from its own benchmarks.

    Args:
        timings: the benchmarks of one run.

    Returns:
        The rates, from medians; the first benchmark of each kind counts.
    """
    gemm: dict[str, float] = {}
    bandwidth = None
    for timing in timings:
        if timing.role != "machine":
            continue
        if timing.path == COMPUTE and timing.facts.get("flops"):
            gemm.setdefault(timing.facts.get("precision", "float64"), timing.facts["flops"] / timing.median)
        if timing.path == MEMORY and timing.facts.get("bytes") and bandwidth is None:
            bandwidth = timing.facts["bytes"] / timing.median
    return Machine(gemm, bandwidth)


def floors(timings: Sequence[Timing], rates: Machine) -> list[Floor]:
    """Find the floors of what was counted.

    Args:
        timings: the benchmarks of one run.
        rates: of the machine that ran them.

    Returns:
        One for each benchmark of ours on the CPU whose operations or bytes are counted.
    """
    found = []
    for timing in timings:
        rate = rates.gemm.get(timing.facts.get("precision", "float64"))
        flops, moved = timing.facts.get("flops"), timing.facts.get("bytes")
        arithmetic = flops / rate if flops and rate else None
        traffic = moved / rates.bandwidth if moved and rates.bandwidth else None
        if timing.role == "ours" and "device" not in timing.facts and (arithmetic or traffic):
            found.append(Floor(timing, arithmetic, traffic))
    return found
