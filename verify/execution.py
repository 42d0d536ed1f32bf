"""Where points run: in this process or in worker processes, with the same results bit for bit.

Every point runs with one BLAS thread, whichever process it runs in and however many workers there are: a sum that is
split among threads rounds differently. Workers are started only once there is enough work to pay for them.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import pickle
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from verify.environment import usable_cpus
from verify.errors import VerifyError
from verify.telling import Channel, Speaker, heard_by
from verify.worker_processes import WorkerContext, one_blas_thread

Item = TypeVar("Item")
Result = TypeVar("Result")

# A worker takes about a second to start and import SciPy, on a core that it shares with the others.
WORK_WORTH_WORKERS = 1.5
SECONDS_PER_CHUNK = 0.25
SECONDS_BETWEEN_NEWS = 0.5
_NUMBERS = itertools.count()
_LOGGER = logging.getLogger(__name__)


class Executor:
    """Runs a function on many items, in order, on this machine; a context manager.

    Args:
        workers: how many processes may work at once, at least 1; None for one on each usable CPU. With 1, everything
            runs in this process.
        on_progress: called with the number of finished items and of all items as a map goes on. An item in progress
            counts by its fraction where the function calls `verify.telling.tell`.

    Raises:
        VerifyError: if `workers` is not a positive integer.

    Example:
        >>> with Executor(workers=1) as executor:
        ...     executor.map(abs, [-2, 3])
        [2, 3]
    """

    def __init__(self, workers: int | None = None, on_progress: Callable[[float, int], None] | None = None) -> None:
        self.workers = usable_cpus() if workers is None else check_workers(workers)
        self._on_progress = on_progress
        self._pool: ProcessPoolExecutor | None = None
        self._context = WorkerContext()
        self._channel: Channel | None = None
        self._limits = contextlib.ExitStack()
        self._seconds_here = 0.0
        # A daemonic process may not have children.
        self._alone = self.workers == 1 or multiprocessing.current_process().daemon

    def __enter__(self) -> Executor:
        """Limit this process to one BLAS thread until the end."""
        self._limits.enter_context(one_blas_thread())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop the workers, at once where an exception ends the work."""
        with self._limits:
            self._stop(at_once=kind is not None)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item], long: bool = False) -> list[Result]:
        """Apply a function to every item.

        Args:
            function: what to run. Workers find it by its module and name; one that they cannot find, such as a lambda
                or a function of the script itself, runs in this process.
            items: its arguments, one for each call.
            long: whether each call takes so long that workers pay from the first one on; otherwise the first calls, in
                this process, show whether they do.

        Returns:
            The results, in the order of the items.

        Raises:
            VerifyError: if a worker process dies. What the function raises comes through as it is.
        """
        tasks = list(items)
        results: list[Result] = []
        pace = 0.0
        while len(results) < len(tasks):
            done = len(results)

            def report(count: float, done: int = done) -> None:
                self._report(done + count, len(tasks))

            if self._wants_workers(len(tasks) - done, pace, long) and (pool := self._start()):
                assert self._channel is not None
                return results + _Batch(function, tasks[done:], self.workers, pace, self._channel).run(pool, report)
            started = time.perf_counter()
            with heard_by(report):
                results.append(function(tasks[done]))
            seconds = time.perf_counter() - started
            self._seconds_here += seconds
            pace += (seconds - pace) / len(results)
            self._report(len(results), len(tasks))
        return results

    def _wants_workers(self, left: int, pace: float, long: bool) -> bool:
        """Say whether the items that are left are better run by workers."""
        if self._alone or left < 2:
            return False
        # Many small maps add up as well.
        expected = max(left * pace, self._seconds_here)
        return long or self._pool is not None or expected > WORK_WORTH_WORKERS

    def _start(self) -> ProcessPoolExecutor | None:
        """Return the pool; None where the system has no semaphores for one, so that everything runs in this process."""
        if self._pool is None:
            try:
                self._channel = Channel(self._context)
                self._pool = ProcessPoolExecutor(
                    self.workers, self._context, initializer=_begin_worker, initargs=(self._channel.speaker,)
                )
                _LOGGER.debug("the work is worth worker processes: up to %d", self.workers)
            except (OSError, ImportError, NotImplementedError):
                self._alone = True
        return self._pool

    def _stop(self, at_once: bool) -> None:
        """Shut the pool down."""
        if self._pool is None:
            return
        if at_once:
            self._context.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None

    def _report(self, done: float, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(done, total)


def check_workers(workers: object) -> int:
    """Check a number of workers.

    Args:
        workers: what was given.

    Returns:
        The number.

    Raises:
        VerifyError: if it is not an integer of at least 1; a bool is refused.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise VerifyError(f"workers: expected an integer of at least 1, got {workers!r}")
    return workers


class _Batch:
    """The items of one map on their way through a pool, in chunks whose size follows the pace seen so far."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        workers: int,
        seconds_per_item: float,
        channel: Channel,
    ) -> None:
        self._number = next(_NUMBERS)
        self._channel = channel
        self._fractions: dict[int, float] = {}
        self._function = function
        self._items = items
        self._workers = workers
        self._pace = seconds_per_item
        self._results: list[Any] = [None] * len(items)
        self._pending: dict[Future[Any], slice] = {}
        self._next = 0
        self._done = 0
        self._here = False

    def run(self, pool: ProcessPoolExecutor, report: Callable[[float], None]) -> list[Any]:
        """Run everything and return the results in order."""
        try:
            while self._done < len(self._items):
                self._submit(pool)
                if not self._pending:
                    self._run_rest_here(report)
                    break
                finished, _ = wait(self._pending, SECONDS_BETWEEN_NEWS, FIRST_COMPLETED)
                for future in finished:
                    self._collect(self._pending.pop(future), future)
                self._listen()
                report(self._done + sum(self._fractions.values()))
        except BrokenProcessPool:
            raise VerifyError(
                "workers: expected every worker process to finish, got one that ended abruptly (out of memory?)"
            ) from None
        finally:
            for future in self._pending:
                future.cancel()
        return self._results

    def _listen(self) -> None:
        """Read how far the items are that workers have in hand."""
        # Calls of an earlier map that an error ended may still be running, and tell.
        told = {index: share for (number, index), share in self._channel.news().items() if number == self._number}
        known = self._fractions | told
        in_hand = [range(chunk.start, chunk.stop) for chunk in self._pending.values()]
        self._fractions = {index: share for index, share in known.items() if any(index in one for one in in_hand)}

    def _submit(self, pool: ProcessPoolExecutor) -> None:
        """Keep two chunks a worker on their way."""
        while not self._here and self._next < len(self._items) and len(self._pending) < 2 * self._workers:
            chunk = slice(self._next, min(self._next + self._size(), len(self._items)))
            try:
                payload = pickle.dumps((self._function, self._items[chunk]))
            except (pickle.PicklingError, AttributeError, TypeError):
                self._here = True
                return
            self._pending[pool.submit(_run_chunk, payload, self._number, chunk.start)] = chunk
            self._next = chunk.stop

    def _size(self) -> int:
        """Choose the next chunk's size: long enough to hide the transport, short enough to end together."""
        left = len(self._items) - self._next
        fair = max(1, left // (2 * self._workers))
        return min(fair, max(1, int(SECONDS_PER_CHUNK / self._pace))) if self._pace else 1

    def _collect(self, chunk: slice, future: Future[Any]) -> None:
        """Take over what a worker has returned."""
        outcome = future.result()
        items = self._items[chunk]
        if outcome is None:
            self._here = True
            values = [self._function(item) for item in items]
        else:
            values, seconds = outcome
            pace = seconds / len(items)
            self._pace = 0.5 * (self._pace + pace) if self._pace else max(pace, 1e-6)
        self._results[chunk] = values
        self._done += len(items)

    def _run_rest_here(self, report: Callable[[float], None]) -> None:
        """Run what the workers cannot load."""
        for index in range(self._next, len(self._items)):
            with heard_by(lambda fraction: report(self._done + fraction)):
                self._results[index] = self._function(self._items[index])
            self._done += 1
            report(self._done)


_limited = False
_speaker: Speaker | None = None


def _begin_worker(speaker: Speaker) -> None:
    """Begin a worker's life."""
    global _speaker  # noqa: PLW0603 (once a process)
    _speaker = speaker


def _run_chunk(payload: bytes, number: int, first: int) -> tuple[list[Any], float] | None:
    """Run in a worker: the results and the seconds they took, or None where the function cannot be found here."""
    global _limited  # noqa: PLW0603 (once a process)
    assert _speaker is not None
    try:
        function, items = pickle.loads(payload)  # noqa: S301 (comes from our own parent)
    except Exception:  # whatever an import raises, the parent can still run it
        return None
    if not _limited:
        one_blas_thread().__enter__()
        _limited = True
    started = time.perf_counter()
    results: list[Any] = []
    speaker = _speaker
    try:
        with heard_by(lambda fraction: speaker.send((number, first + len(results)), fraction)):
            for item in items:
                results.append(function(item))
    except Exception as error:
        raise _portable(error) from None
    return results, time.perf_counter() - started


def _portable(error: Exception) -> Exception:
    """Return the error, or one with its traceback as text if it would not survive the way to the parent."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
