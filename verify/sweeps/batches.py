"""Which points are sent together: sizes that follow the pace, and what dead workers leave behind."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from verify.sweeps.pointwise import Result

LARGEST = 2000
"""Points in one batch at most, so that memory stays flat."""
ATTEMPTS = 3
"""A point that ends its worker this many times is given up."""


@dataclass
class Batch:
    """Points that travel together.

    Attributes:
        points: the points.
        deaths: how many workers have died with them.
    """

    points: list[Any]
    deaths: int = 0


class Batches:
    """Deals out the points of a sweep in batches.

    Args:
        points: all points, taken lazily.
        seconds: how much work a batch should be worth.
    """

    def __init__(self, points: Iterable[Any], seconds: float) -> None:
        self._points = iter(points)
        self._seconds = seconds
        self._returned: deque[Batch] = deque()
        self._size = 1
        self.pace: float | None = None
        """Seconds a point, seen lately; None before the first result."""

    def next(self) -> Batch | None:
        """Deal the next batch.

        Returns:
            A batch; None where no points are left to deal, though some may be returned later.
        """
        if self._returned:
            batch = self._returned.popleft()
            # What was handed back took longer than expected, and others may help.
            if len(batch.points) > self._size:
                self._returned.appendleft(Batch(batch.points[self._size :], batch.deaths))
            return Batch(batch.points[: self._size], batch.deaths)
        points = list(itertools.islice(self._points, self._size))
        return Batch(points) if points else None

    def observe(self, results: Sequence[Result], seconds: float) -> None:
        """Learn how long points take.

        Args:
            results: what came back.
            seconds: how long that took its worker.
        """
        if not results:
            return
        pace = max(seconds / len(results), 1e-6)
        self.pace = pace if self.pace is None else 0.5 * (self.pace + pace)
        # The first points may be unlike the others: sizes grow step by step.
        self._size = max(1, min(LARGEST, 4 * self._size, int(self._seconds / self.pace)))

    def give_back(self, batch: Batch) -> None:
        """Take points back that were never started, to be dealt next.

        Args:
            batch: the points.
        """
        if batch.points:
            self._returned.appendleft(batch)

    def worker_died(self, batch: Batch, how: str) -> tuple[list[Any], list[Result]] | None:
        """Take back the points that a worker died with, to be dealt again: together once, then one by one.

        Args:
            batch: the points, one of which may be the reason.
            how: what is known of the death.

        Returns:
            None, or a point that has ended too many workers, with an error as its result.
        """
        deaths = batch.deaths + 1
        if deaths >= ATTEMPTS and len(batch.points) == 1:
            return batch.points, [Result({}, f"WorkerDied: {deaths} workers ended abruptly at this point ({how})", 0.0)]
        if deaths < ATTEMPTS - 1:
            self._returned.append(Batch(batch.points, deaths))
        else:
            self._returned.extend(Batch([point], deaths) for point in batch.points)
        return None
