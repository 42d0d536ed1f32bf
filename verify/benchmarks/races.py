"""Races: our time beside that of other software, and beside the parts that a path consists of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from verify.benchmarks.ratios import time_ratio
from verify.benchmarks.reading import Timing
from verify.benchmarks.reasons import reason
from verify.statistics import Interval

FASTER, SLOWER, LEVEL = "faster", "slower", "not told apart"
REACHED, MISSED, OPEN = "reached", "missed", "open"


@dataclass(frozen=True)
class Race:
    """One path of ours beside one other program.

    Attributes:
        group: what is raced.
        ours: our benchmark.
        other: the other one; a peer, or a part of the path.
        ratio: its time over ours, with a 95 % interval.
    """

    group: str
    ours: Timing
    other: Timing
    ratio: Interval

    @property
    def conclusion(self) -> str:
        """Whether we are "faster", "slower" or "not told apart": where the interval lies."""
        return FASTER if self.ratio.low > 1 else SLOWER if self.ratio.high < 1 else LEVEL

    @property
    def aim(self) -> float | None:
        """The least ratio that is aimed at; None where there is no aim."""
        return self.other.facts.get("aim")

    @property
    def aim_reached(self) -> str:
        """Whether the aim is "reached", "missed" or, where the interval holds it, "open"; empty without an aim."""
        if self.aim is None:
            return ""
        return REACHED if self.ratio.low >= self.aim else MISSED if self.ratio.high < self.aim else OPEN

    @property
    def memory_ratio(self) -> float:
        """Peak memory of the other over ours, whole processes; NaN where one was not measured."""
        peaks = [timing.facts.get("peak_gigabytes") for timing in (self.other, self.ours)]
        return peaks[0] / peaks[1] if peaks[0] and peaks[1] else math.nan

    @property
    def reason(self) -> str:
        """Why we are slower or miss the aim; empty where none is known."""
        return reason(self.ours.path, self.other.by)

    @property
    def needs_reason(self) -> bool:
        """Whether a reason is due: the estimate of a ratio to a peer is below 1, or short of the aim."""
        return self.other.role == "peer" and self.ratio.estimate < max(1.0, self.aim or 0.0)


def races(timings: Sequence[Timing], role: str = "peer") -> list[Race]:
    """Pair our benchmarks with others of their groups.

    Args:
        timings: the benchmarks of one run.
        role: whom to race: "peer" or "part".

    Returns:
        A race for each other program of each group that has a benchmark of ours; the first of ours counts.
    """
    ours: dict[str, Timing] = {}
    for timing in timings:
        if timing.role == "ours" and timing.group:
            ours.setdefault(timing.group, timing)
    return [
        Race(timing.group, ours[timing.group], timing, time_ratio(timing.seconds, ours[timing.group].seconds))
        for timing in timings
        if timing.role == role and timing.group in ours
    ]
