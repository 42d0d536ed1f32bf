"""Where the points of a sweep run: processes of this machine, or an existing Dask cluster.

Both take any number of points lazily, send them in batches whose size follows the pace seen so far, keep a bounded
number of them on their way, and survive the death of workers. Which worker ran a point never shows in its values: every
point runs with one BLAS and one Numba thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from verify.sweeps.dask_runner import DaskRunner
from verify.sweeps.local_runner import LocalRunner
from verify.sweeps.pointwise import Observe, Result

__all__ = ["DaskRunner", "Finished", "LocalRunner", "Observe", "Result", "Runner"]

Finished = tuple[list[Any], list[Result]]
"""Points, and what came of each of them."""


class Runner(Protocol):
    """Runs a function on the points of a sweep; a context manager."""

    def __enter__(self) -> Runner:
        """Begin."""
        ...

    def __exit__(self, *_: object) -> None:
        """Stop the workers or leave the cluster."""
        ...

    def run(self, function: Observe, points: Iterable[Any]) -> Iterator[Finished]:
        """Run the function on every point.

        Args:
            function: what to run; it takes a point and returns names and values (see `values.plain_value`).
            points: its arguments, which are taken one after another as they are needed.

        Yields:
            Points and their results in lists of equal length, in the order in which they finish. Every point comes
            exactly once.
        """
        ...
