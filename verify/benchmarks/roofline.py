"""What the machine and its cards allow: their rates of arithmetic and of memory, and the time that they imply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verify.benchmarks.reading import Timing

COMPUTE, MEMORY = "GEMM", "memory bandwidth"
PROCESSOR = ""
"""The device of a benchmark that names none."""


@dataclass(frozen=True)
class Machine:
    """Rates measured on the processor or on a card.

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


def machines(timings: Sequence[Timing]) -> dict[str, Machine]:
    """Read the rates of the processor and of each card from their own benchmarks.

    Args:
        timings: the benchmarks of one run.

    Returns:
        The rates by device, "" for the processor, which is always there; from medians, and the first benchmark of each
        kind counts.
    """
    devices = dict.fromkeys([PROCESSOR, *(_device(timing) for timing in timings)])
    return {device: _rates([timing for timing in timings if _device(timing) == device]) for device in devices}


def _device(timing: Timing) -> str:
    return str(timing.facts.get("device", PROCESSOR))


def _rates(timings: Sequence[Timing]) -> Machine:
    """Read the rates of one device."""
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


def floors(timings: Sequence[Timing], rates: Mapping[str, Machine]) -> list[Floor]:
    """Find the floors of what was counted.

    Args:
        timings: the benchmarks of one run.
        rates: of the devices that ran them, as `machines` finds them.

    Returns:
        One for each benchmark of ours whose operations or bytes are counted, by the rates of its own device.
    """
    found = []
    for timing in timings:
        own = rates[_device(timing)]
        rate = own.gemm.get(timing.facts.get("precision", "float64"))
        flops, moved = timing.facts.get("flops"), timing.facts.get("bytes")
        arithmetic = flops / rate if flops and rate else None
        traffic = moved / own.bandwidth if moved and own.bandwidth else None
        if timing.role == "ours" and (arithmetic or traffic):
            found.append(Floor(timing, arithmetic, traffic))
    return found
