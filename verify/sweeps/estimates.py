"""What a sweep would run, and about how long that would take."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from verify.sweeps.points import Task, observe_task
from verify.sweeps.requests import Request
from verify.sweeps.runners import LocalRunner

if TYPE_CHECKING:
    from verify.sweeps.looking import Look

SECONDS_TRIED = 2.0
"""No further point is tried after this many seconds."""
BITS = 5
"""At most 2⁵ points are tried."""


@dataclass(frozen=True)
class Estimate:
    """What a sweep would run.

    Attributes:
        points: how many points the grid has.
        finished: how many of them are stored.
        seconds_a_point: mean time of the points that were timed; None where there is nothing to run.
        timed: how many points that is the mean of.
        tried: whether they were run for the estimate; otherwise they are stored ones.
        workers: processes that would share the work; None on a cluster.
        damaged: what is damaged, foreign or missing in the store; a sweep sets these files aside, and the points in
            them run again.
    """

    points: int
    finished: int
    seconds_a_point: float | None
    timed: int
    tried: bool
    workers: int | None
    damaged: tuple[str, ...] = ()

    @property
    def to_run(self) -> int:
        """How many points would run."""
        return self.points - self.finished

    @property
    def work(self) -> float:
        """Seconds of work, of one process."""
        return self.to_run * (self.seconds_a_point or 0.0)

    @property
    def seconds(self) -> float | None:
        """Seconds that the workers would take; None on a cluster, whose size is not known."""
        return None if self.workers is None else self.work / min(self.workers, max(1, self.to_run))

    def to_dict(self) -> dict[str, Any]:
        """Describe the estimate in values that JSON can hold.

        Returns:
            The attributes and what follows from them.
        """
        return {
            "points": self.points,
            "finished": self.finished,
            "to_run": self.to_run,
            "seconds_a_point": self.seconds_a_point,
            "timed": self.timed,
            "tried": self.tried,
            "workers": self.workers,
            "work": self.work,
            "seconds": self.seconds,
            "damaged": list(self.damaged),
        }


def estimate(request: Request, stored: Look | None, retry_failed: bool, workers: int | None) -> Estimate:
    """Estimate a sweep from the times of its stored points, or by trying points that are spread over the grid.

    Nothing is stored. Trying takes about two seconds, or as long as a single point takes.

    Args:
        request: the sweep.
        stored: what its store holds; None for nothing.
        retry_failed: whether stored points that failed would run again.
        workers: processes that would share the work; None on a cluster.

    Returns:
        The estimate. Constant memory.
    """
    points = len(request.grid)
    finished, times = _stored(request, stored, retry_failed) if stored is not None and stored.seconds else (0, [])
    mean, tried = None, False
    if finished < points:
        tried = not times
        times = times or list(_tried(request))
        mean = sum(times) / len(times)
    damaged = tuple(stored.damaged) if stored is not None else ()
    return Estimate(points, finished, mean, len(times), tried, workers, damaged)


def _stored(request: Request, stored: Look, retry_failed: bool) -> tuple[int, list[float]]:
    """Count the points of the sweep that need not run, and list the times of all that are stored."""
    finished, times = 0, []
    for position in request.grid:
        key = request.keys(position)
        taken = stored.seconds.get(key)
        if taken is not None:
            finished += not (retry_failed and key in stored.failed)
            if not math.isnan(taken):
                times.append(taken)
    return finished, times


def _tried(request: Request) -> Iterator[float]:
    """Run points spread over the grid in this process, and yield their times."""
    count = len(request.grid)
    # Halving intervals, so that few points already come from everywhere: the first, the middle one, the quarters, …
    halved = [int(f"{number:0{BITS}b}"[::-1], 2) for number in range(2**BITS)]
    order = dict.fromkeys(count * part // 2**BITS for part in halved)
    tasks = [Task(b"", request.point(request.grid.at(place))) for place in order]
    started = time.perf_counter()
    with LocalRunner(workers=1) as runner:
        observed = partial(observe_task, request.function)
        # The first point pays for imports: it is run twice and counted once.
        list(runner.run(observed, tasks[:1]))
        for task in tasks:
            for _, results in runner.run(observed, [task]):
                yield results[0].seconds
            if time.perf_counter() - started > SECONDS_TRIED:
                break
