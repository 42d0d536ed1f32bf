"""Sweeps: a grid of points → a table of observations, resumable and the same wherever it runs."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.progress import Sink, sink_for
from verify.sweeps.estimates import Estimate, estimate
from verify.sweeps.points import Point, observe_task
from verify.sweeps.requests import Request, check_scheduler, check_store, make_request
from verify.sweeps.runners import DaskRunner, LocalRunner, Runner
from verify.sweeps.tables import row_of, table_of

if TYPE_CHECKING:
    import pandas as pd

    from verify.sweeps.store import SweepStore

SECONDS_UNSTORED = 0.5
"""Rows wait this long at most before they are stored, so that quick points do not make many small files."""

_log = logging.getLogger(__name__)


class SweepInterrupted(KeyboardInterrupt):
    """The interrupt key ended a sweep; the points that were stored before are skipped the next time.

    Attributes:
        finished: how many points of the sweep are stored.
        points: how many there are.
        store: where; None where nothing is stored.
    """

    def __init__(self, finished: int, points: int, store: Path | None) -> None:
        kept = f"{finished:,} of {points:,} points are kept in {store}" if store else "nothing is kept without a store"
        super().__init__(f"interrupted; {kept}")
        self.finished = finished
        self.points = points
        self.store = store


def sweep(
    what: str | Callable[[Point], Any],
    *,
    trials: int = 1,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    dry_run: bool = False,
    zipped: Sequence[Any] = (),
    retry_failed: bool = False,
    progress: bool | Callable[[str, float, str], None] | None = None,
    **axes: Any,
) -> pd.DataFrame:
    """Observe a claim, or a function of yours, at every point of a grid.

    The points are the product of the axes, several trials each. A point's numbers depend on its axes, the trial, the
    seed and the code alone: neither on the machine's number of processes nor on the rest of the grid. With a store,
    points that are finished there are skipped, so that an interrupted sweep goes on and an extended grid computes what
    is new; a changed function computes everything again.

    Args:
        what: the id of a claim ("3.2", "3.3", "3.5", "4.2", "4.3" or "5.2"), or a function that maps a point (a mapping
            of the axes; its randomness comes from `point.generator(purpose)`) to names and values, or to a number.
        trials: repetitions of each point, at least 1.
        seed: what fixes every random number, from 0 to 2⁶³ − 1.
        store: the folder that keeps the points, new or that of an earlier sweep; None keeps nothing.
        workers: processes on this machine, at least 1; None for one on each usable CPU.
        scheduler: address of a Dask scheduler, whose workers take the place of processes on this machine.
        dry_run: only say what would run, and estimate how long it would take.
        zipped: names of axes that advance together: one group, or several.
        retry_failed: whether to run points again whose stored result is an error.
        progress: whether to show a bar on the standard error stream; None shows one on a terminal after two seconds. Or
            a function, which is called with the name, how far the sweep is (0 to 1) and what it is doing.
        **axes: for each axis a value, a sequence, range or array of values (numbers or strings), or a table such as
            {"from": 10, "to": 1000, "count": 5, "spacing": "log"} or {"from": 1, "to": 9, "step": 2}.

    Returns:
        One row for each point, in the order of the grid, trials last: the axes (with the defaults of those of a claim
        that were left out), trial, what was observed, error ("Type: message" where the function failed, else None) and
        seconds. For a dry run one row: points, finished, to_run, seconds_a_point, timed, tried, workers, work,
        seconds and damaged, which names the store's damaged files. Memory grows with the table only.

    Raises:
        VerifyError: for an argument that cannot be used, before anything is created; for a store that cannot be used or
            written, or a cluster that does not answer.
        SweepInterrupted: at the interrupt key, once what had finished is stored; a `KeyboardInterrupt`.

    Example:
        >>> table = sweep("3.3", d=[2, 4], n=[50, 100], trials=3, seed=1, workers=1)
        >>> len(table), bool((table.inf_loss_alignment <= table.sup_loss_alignment).all())
        (12, True)
    """
    request = make_request(what, axes, trials, seed, zipped)
    place = Place(check_store(store), runner_for(workers, check_scheduler(scheduler, workers)), retry_failed)
    if dry_run:
        import pandas as pd

        return pd.DataFrame([estimated(request, place).to_dict()])
    return swept(request, place, sink_for(progress, noun=""))


class Place:
    """Where a sweep keeps its points and where they run.

    Args:
        store: the folder; None to keep nothing.
        runner: what runs points.
        retry_failed: whether to run points again whose stored result is an error.
    """

    def __init__(self, store: Path | None, runner: Runner, retry_failed: bool = False) -> None:
        self.store = store
        self.runner = runner
        self.retry_failed = retry_failed

    @property
    def workers(self) -> int | None:
        """Processes of this machine; None on a cluster."""
        return self.runner.workers if isinstance(self.runner, LocalRunner) else None


def swept(request: Request, place: Place, sink: Sink) -> pd.DataFrame:
    """Run what is missing of a sweep.

    Args:
        request: the sweep.
        place: where it runs.
        sink: who hears how far it is.

    Returns:
        The table; see `sweep`.

    Raises:
        SweepInterrupted: at the interrupt key.
    """
    with contextlib.ExitStack() as end:
        if place.store is None or _is_empty(place.store):
            # A cluster that does not answer is found out before a store is made.
            try:
                end.enter_context(place.runner)
            except KeyboardInterrupt:
                raise SweepInterrupted(0, len(request.grid), place.store) from None
            runner: contextlib.AbstractContextManager[Runner] = contextlib.nullcontext(place.runner)
        else:
            runner = place.runner
        keeper = end.enter_context(_opened(place, request))
        missing = request.missing(keeper.finished)
        done = len(request.grid) - missing
        _log.info("%s: %d points, %d of them finished before", request.name, len(request.grid), done)
        try:
            with sink:
                sink.begin(request.name, 0, 1)
                if missing:
                    _run(request, runner, keeper, sink, done)
        except KeyboardInterrupt:
            kept = len(request.grid) - request.missing(keeper.finished)
            raise SweepInterrupted(kept, len(request.grid), place.store) from None
        return table_of(request, keeper.table())


def estimated(request: Request, place: Place) -> Estimate:
    """Say what a sweep would run; nothing is created or changed, and another process may be writing the store.

    Args:
        request: the sweep.
        place: where it would run.

    Returns:
        The estimate.

    Raises:
        VerifyError: for a store that cannot be used.
    """
    stored = None
    if place.store is not None and not _is_empty(place.store):
        from verify.sweeps.looking import look

        stored = look(place.store, request.description())
    return estimate(request, stored, place.retry_failed, place.workers)


def _is_empty(folder: Path) -> bool:
    """Whether there is nothing yet."""
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        # Looking at it says what is wrong.
        return False


def _run(
    request: Request, runner: contextlib.AbstractContextManager[Runner], keeper: _Keeper, sink: Sink, done: int
) -> None:
    """Run the missing points and keep what comes of them."""
    total = len(request.grid)
    observe = partial(observe_task, request.function)
    # What has come back is kept, however the sweep ends.
    with contextlib.ExitStack() as end:
        end.callback(keeper.flush)
        batches = end.enter_context(runner).run(observe, request.tasks(keeper.finished))
        end.callback(_close, batches)
        for tasks, results in batches:
            keeper.keep([row_of(task, result) for task, result in zip(tasks, results, strict=True)])
            done += len(tasks)
            sink.update(done / total, f"{done:,} of {total:,} points")


def _close(batches: Iterator[Any]) -> None:
    """Let a runner end its run."""
    close = getattr(batches, "close", None)
    if close is not None:
        close()


class _Keeper:
    """Collects rows, in a store if there is one."""

    def __init__(self, store: SweepStore | None, retry_failed: bool = False) -> None:
        self._store = store
        # Failed points count as unfinished until they have run again.
        self._again = set(store.failed) if store is not None and retry_failed else set()
        self._waiting: list[dict[str, Any]] = []
        self._rows: list[dict[str, Any]] = []
        self._flushed = time.monotonic()

    @property
    def finished(self) -> set[bytes]:
        """Keys of the points that are stored and not to run again."""
        return set() if self._store is None else self._store.finished - self._again

    def keep(self, rows: list[dict[str, Any]]) -> None:
        """Take rows, and store them now or soon."""
        self._waiting += rows
        if time.monotonic() - self._flushed > SECONDS_UNSTORED:
            self.flush()

    def flush(self) -> None:
        """Store what waits."""
        rows, self._waiting = self._waiting, []
        if rows and self._store is not None:
            self._store.append(rows)
            self._again.difference_update(bytes.fromhex(row["key"]) for row in rows)
        elif rows:
            self._rows += rows
        self._flushed = time.monotonic()

    def table(self) -> pd.DataFrame:
        """List everything that is kept."""
        import pandas as pd

        return pd.DataFrame(self._rows) if self._store is None else self._store.table()


@contextlib.contextmanager
def _opened(place: Place, request: Request) -> Iterator[_Keeper]:
    """Open the store, if there is to be one."""
    if place.store is None:
        yield _Keeper(None)
        return
    from verify.sweeps.store import SweepStore

    with SweepStore.open(place.store, request.description()) as store:
        for name in store.set_aside:
            _log.warning("set aside: %s", name)
        yield _Keeper(store, place.retry_failed)


def runner_for(workers: Any, scheduler: str | None) -> Runner:
    """Choose where points run.

    Args:
        workers: processes of this machine.
        scheduler: address of a Dask scheduler; None for processes of this machine.

    Returns:
        The runner, which has not started anything.
    """
    return LocalRunner(workers) if scheduler is None else DaskRunner(scheduler)
