"""How cost grows with n, d, width and replicas: exponents fitted to benchmarks that differ in one size alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from verify.benchmarks.reading import Timing
from verify.statistics import Interval, slope_interval

AXES = ("n", "d", "width", "batch", "replicas", "steps", "samples", "directions")
_FEWEST = 3


@dataclass(frozen=True)
class Growth:
    """The growth of a path's time with one size.

    Attributes:
        path: the hot path.
        axis: the size, such as "n".
        values: where it was measured, ascending.
        others: the other sizes, which stay the same, such as "d = 100".
        exponent: slope of log time against log size, with its 95 % interval: of the noise within the run.
        between: smallest and largest slope between neighbours; where they differ the growth is no power.
        counted: the same slope for the counted operations; None where they are not counted.
    """

    path: str
    axis: str
    values: tuple[float, ...]
    others: str
    exponent: Interval
    between: tuple[float, float]
    counted: float | None


def growths(timings: Sequence[Timing], seed: int = 0) -> list[Growth]:
    """Fit every growth that the benchmarks show.

    Args:
        timings: benchmarks; those of ours count, with a path and sizes.
        seed: fixes the resampling.

    Returns:
        One for each path and size that has three values or more while the other sizes stay the same, in the order of
        the benchmarks.
    """
    measured = [timing for timing in timings if timing.role == "ours" and timing.path and timing.sizes]
    generator = np.random.default_rng(seed)
    return [_fit(path, axis, others, line, generator) for path, axis, others, line in _lines(measured)]


def _lines(timings: Sequence[Timing]) -> Iterator[tuple[str, str, str, list[Timing]]]:
    """Find the benchmarks that lie on a line along one axis."""
    for path in dict.fromkeys(timing.path for timing in timings):
        here = [timing for timing in timings if timing.path == path]
        for axis in AXES:
            lines: dict[str, dict[float, Timing]] = {}
            for timing in here:
                if axis in timing.sizes:
                    # Of two benchmarks of the same sizes the first counts.
                    lines.setdefault(_others(timing, axis), {}).setdefault(timing.sizes[axis], timing)
            for others, line in lines.items():
                if len(line) >= _FEWEST:
                    yield path, axis, others, [line[value] for value in sorted(line)]


def _others(timing: Timing, axis: str) -> str:
    sizes = {name: value for name, value in timing.sizes.items() if name != axis}
    parts = [f"{name} = {value:g}" for name, value in sizes.items()]
    return ", ".join([*parts, *filter(None, [timing.facts.get("precision")])])


def _fit(path: str, axis: str, others: str, line: Sequence[Timing], generator: np.random.Generator) -> Growth:
    """Fit one exponent."""
    values = np.array([timing.sizes[axis] for timing in line])
    logs = [np.log(timing.seconds) for timing in line]
    fitted = slope_interval(np.log(values), logs, 0.5, 0.95, generator)
    if min(each.size for each in logs) == 1:
        # A single round has no spread to resample.
        fitted = Interval(fitted.estimate, -np.inf, np.inf)
    medians = [float(np.median(each)) for each in logs]
    slopes = [
        float(after - before) / math.log(high / low)
        for (low, before), (high, after) in pairwise(zip(values, medians, strict=True))
    ]
    flops = np.array([timing.facts.get("flops", 0.0) for timing in line])
    # Rounded, so that a count that does not grow shows as 0.
    counted = round(float(np.polyfit(np.log(values), np.log(flops), 1)[0]), 9) if np.all(flops > 0) else None
    return Growth(path, axis, tuple(values.tolist()), others, fitted, (min(slopes), max(slopes)), counted)
