"""What a sweep was asked for, checked: a function, a grid, a seed, and the keys of its points."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.arguments import check_seed
from verify.errors import VerifyError
from verify.sweeps.grids import LARGEST, Grid, Position
from verify.sweeps.keys import Keys, function_identity
from verify.sweeps.observables import INTEGERS, observable
from verify.sweeps.points import Point, Task


@dataclass(frozen=True)
class Request:
    """A sweep that can be run.

    Attributes:
        name: the claim's id, or the function's name.
        function: what maps a point to what is observed there.
        grid: the points.
        seed: the seed.
        keys: makes the keys of points.
        code: hash of the function and of the code that it runs.
    """

    name: str
    function: Callable[[Point], Any]
    grid: Grid
    seed: int
    keys: Keys
    code: bytes

    def tasks(self, finished: Container[bytes] = ()) -> Iterator[Task]:
        """List the points that are not finished, one after the other.

        Args:
            finished: keys of those that are.

        Yields:
            The others, in the grid's order.
        """
        for position in self.grid:
            key = self.keys(position)
            if key not in finished:
                yield Task(key, self.point(position))

    def point(self, position: Position) -> Point:
        """Make what the function gets at a point.

        Args:
            position: the point of the grid.

        Returns:
            The same with names and seed.
        """
        return Point(dict(zip(self.grid.names, position.values, strict=True)), position.trial, self.seed)

    def missing(self, finished: Container[bytes]) -> int:
        """Count the points that are not finished.

        Args:
            finished: keys of those that are.

        Returns:
            The number of the others. Constant memory.
        """
        if not finished:
            return len(self.grid)
        return sum(self.keys(position) not in finished for position in self.grid)

    def description(self) -> dict[str, Any]:
        """Describe the sweep for those who read its store.

        Returns:
            What was observed, by which code, on which axes, in values that JSON can hold.
        """
        return {
            "what": self.name,
            "code": self.code.hex(),
            "seed": self.seed,
            "trials": self.grid.trials,
            "points": len(self.grid),
            "axes": {name: _shown(values) for name, values in self.grid.axes.items()},
        }


def make_request(
    what: str | Callable[[Point], Any],
    axes: Mapping[str, Any],
    trials: int = 1,
    seed: int = 0,
    zipped: Sequence[Any] = (),
) -> Request:
    """Check what a sweep is asked for.

    Args:
        what: the id of a claim that can be swept, or a function of a point.
        axes: the values of each axis.
        trials: repetitions of each point.
        seed: the seed.
        zipped: axes that advance together.

    Returns:
        The request.

    Raises:
        VerifyError: for an argument that cannot be used.
    """
    seed = check_seed(seed)
    if seed > LARGEST:
        raise VerifyError(f"seed: expected an integer of at most 64 bits, got {seed}")
    if isinstance(what, str):
        known = observable(what)
        name, axes = what, known.completed(what, axes)
        grid = Grid(axes, trials, zipped, INTEGERS)
        function: Callable[[Point], Any] = known.function()
    elif callable(what):
        name, function = getattr(what, "__qualname__", type(what).__name__), what
        grid = Grid(axes, trials, zipped)
    else:
        raise VerifyError(f"what: expected a claim's id or a function of a point, got {what!r:.60}")
    code = function_identity(function)
    return Request(name, function, grid, seed, Keys(code, seed, grid.names), code)


def check_store(store: Any) -> Path | None:
    """Check that a folder can be named like this.

    Args:
        store: what was given.

    Returns:
        The folder; None where nothing is to be stored.

    Raises:
        VerifyError: if it is neither None nor a name that a folder can have.
    """
    if store is None:
        return None
    if not isinstance(store, str | os.PathLike) or not str(store) or "\0" in str(store):
        raise VerifyError(f"store: expected the name of a folder, got {store!r:.60}")
    return Path(store)


def check_scheduler(scheduler: Any, workers: Any) -> str | None:
    """Check the address of a Dask scheduler.

    Args:
        scheduler: what was given.
        workers: the number of processes that was given with it.

    Returns:
        The address; None for processes of this machine.

    Raises:
        VerifyError: if it is no text, or if both are given: a cluster has its own workers.
    """
    if scheduler is None:
        return None
    if not isinstance(scheduler, str) or not scheduler:
        raise VerifyError(f"scheduler: expected an address such as 'tcp://host:8786', got {scheduler!r:.60}")
    if workers is not None:
        raise VerifyError(f"workers: expected none with a scheduler, which has its own, got {workers!r:.60}")
    return scheduler


def _shown(values: list[Any]) -> list[Any]:
    """Shorten a long axis to its ends."""
    return values if len(values) <= 50 else [*values[:25], "…", *values[-25:]]
