"""Points in worker processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from verify.environment import usable_cpus
from verify.errors import VerifyError
from verify.execution import check_workers
from verify.sweeps.batches import Batch, Batches
from verify.sweeps.pointwise import (
    Observe,
    Result,
    dump_function,
    load_function,
    on_one_thread,
    one_line,
    run_points,
    stay_on_one_thread,
)
from verify.worker_processes import WorkerContext

SECONDS_PER_BATCH = 0.25
LONG_POINT = 1.0
"""A worker gets its next batch in advance, unless points take longer than this many seconds."""
FAILED_STARTS = 10


class LocalRunner:
    """Runs points in processes of this machine; a context manager.

    Workers are started by `run` and live until the end of the block. With one worker everything runs in this process,
    which a point that kills its process then ends as well.

    Args:
        workers: how many processes, at least 1; None for one on each usable CPU.

    Raises:
        VerifyError: if `workers` is not a positive integer.

    Example:
        >>> with LocalRunner(workers=1) as runner:
        ...     [(points, results[0].values) for points, results in runner.run(lambda p: {"square": p * p}, [3])]
        [([3], {'square': 9})]
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = usable_cpus() if workers is None else check_workers(workers)
        self._context = WorkerContext()
        self._running: list[_Process] = []

    def __enter__(self) -> LocalRunner:
        """Begin; nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers at once."""
        self._context.kill()
        for worker in self._running:
            worker.close()
        self._running = []

    def process_ids(self) -> list[int]:
        """Return the process ids of the workers that run now.

        Returns:
            The ids; none where everything runs in this process.
        """
        return [worker.process_id for worker in self._running]

    def run(self, function: Observe, points: Iterable[Any]) -> Iterator[tuple[list[Any], list[Result]]]:
        """Run the function on every point.

        Args:
            function: what to run. Workers import it by its module's name; a function of the user's script itself
                travels whole, with the package cloudpickle.
            points: its arguments, taken one after another as they are needed.

        Yields:
            Points and their results in lists of equal length, in the order in which they finish. A batch whose worker
            dies is dealt again, at last point by point; a point that is there when three workers die gets an error of
            the type WorkerDied.

        Raises:
            VerifyError: if workers cannot load the function or cannot start.
        """
        batches = Batches(points, SECONDS_PER_BATCH)
        # A daemonic process may not have children.
        if self.workers == 1 or multiprocessing.current_process().daemon:
            yield from _run_here(function, batches)
            return
        packed = dump_function(function)
        try:
            yield from _Deal(self, batches, packed).results()
        finally:
            # What is left on its way, if the caller stops early, belongs to nobody.
            self._running = [worker for worker in self._running if worker.idle or worker.end()]

    def start_worker(self) -> _Process:
        """Start one more worker.

        Returns:
            The worker.

        Raises:
            VerifyError: if the system refuses.
        """
        try:
            worker = _Process(self._context)
        except OSError as error:
            raise VerifyError(f"workers: expected to start {self.workers} processes, got {one_line(error)}") from None
        self._running.append(worker)
        return worker

    def forget(self, worker: _Process) -> None:
        """Drop a worker that is dead.

        Args:
            worker: which.
        """
        self._running.remove(worker)
        worker.close()

    def running(self) -> list[_Process]:
        """Return the workers.

        Returns:
            Those that were started and not dropped.
        """
        return list(self._running)


def _run_here(function: Observe, batches: Batches) -> Iterator[tuple[list[Any], list[Result]]]:
    """Run everything in this process."""
    while (batch := batches.next()) is not None:
        with on_one_thread():
            results = run_points(function, batch.points)
        _learn_and_return(batches, batch, results, sum(result.seconds for result in results))
        yield batch.points[: len(results)], results


def _learn_and_return(batches: Batches, batch: Batch, results: list[Result], seconds: float) -> None:
    batches.observe(results, seconds)
    batches.give_back(Batch(batch.points[len(results) :], batch.deaths))


class _Deal:
    """One run: batches out, results in, until nothing is left."""

    def __init__(self, runner: LocalRunner, batches: Batches, packed: bytes) -> None:
        self._runner = runner
        self._batches = batches
        self._packed = packed
        self._failed_starts = 0
        self._next: Batch | None = None

    def results(self) -> Iterator[tuple[list[Any], list[Result]]]:
        """Yield what comes back."""
        while True:
            self._fill()
            busy = {worker.connection: worker for worker in self._runner.running() if worker.given}
            if not busy:
                return
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                done = self._receive(busy[connection])
                # The worker is given more before the caller takes its time with these.
                self._fill()
                if done is not None:
                    yield done

    def _fill(self) -> None:
        """Give every worker what it should have, evenly."""
        depth = 2 if (self._batches.pace or 0.0) < LONG_POINT else 1
        for level in range(1, depth + 1):
            for number in range(self._runner.workers):
                if self._next is None:
                    self._next = self._batches.next()
                if self._next is None:
                    return
                workers = self._runner.running()
                worker = workers[number] if number < len(workers) else self._runner.start_worker()
                if len(worker.given) < level:
                    worker.give(self._packed, self._next)
                    self._next = None

    def _receive(self, worker: _Process) -> tuple[list[Any], list[Result]] | None:
        """Take what a worker has sent, or what is left of it."""
        try:
            kind, content, seconds = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        self._failed_starts = 0
        if kind == "unloadable":
            raise VerifyError(
                f"function: expected one that worker processes can load, got {content}; workers=1 runs it here"
            )
        batch = worker.given.popleft()
        _learn_and_return(self._batches, batch, content, seconds)
        return batch.points[: len(content)], content

    def _bury(self, worker: _Process) -> tuple[list[Any], list[Result]] | None:
        """Deal a dead worker's batches again; only the first one was running."""
        how = worker.cause()
        started = worker.started()
        first, *rest = worker.given
        for batch in reversed(rest):
            self._batches.give_back(batch)
        self._runner.forget(worker)
        if started:
            return self._batches.worker_died(first, how)
        self._failed_starts += 1
        if self._failed_starts >= FAILED_STARTS:
            raise VerifyError(f"workers: expected processes that start, got {self._failed_starts} that ended ({how})")
        self._batches.give_back(first)
        return None


class _Process:
    """A worker process, and the batches it has been given and not returned."""

    def __init__(self, context: WorkerContext) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        self._ready, ready_there = multiprocessing.Pipe(duplex=False)
        self.given: deque[Batch] = deque()
        self._process = context.Process(target=_serve, args=(theirs, ready_there), daemon=True)
        try:
            self._process.start()
        except BaseException:
            self.connection.close()
            self._ready.close()
            raise
        finally:
            # Only the worker may hold its end: then its death closes the pipe.
            theirs.close()
            ready_there.close()

    @property
    def process_id(self) -> int:
        return self._process.pid or 0

    @property
    def idle(self) -> bool:
        return not self.given

    def give(self, packed: bytes, batch: Batch) -> None:
        """Send a batch; a worker that is dead keeps it until its death is noticed."""
        self.given.append(batch)
        try:
            self.connection.send((packed, batch.points))
        except OSError:
            pass
        except Exception as error:
            self.given.pop()
            raise VerifyError(f"points: expected values that can be sent to workers, got {one_line(error)}") from None

    def started(self) -> bool:
        """Whether the worker ever came so far as to take a batch."""
        try:
            return self._ready.poll() and self._ready.recv() is not None
        except (EOFError, OSError):
            return False

    def cause(self) -> str:
        """Wait for the end of a dying worker, and say how it ended."""
        self._process.join(5)
        code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"

    def end(self) -> bool:
        """End the worker, whatever it is doing; returns False."""
        self._process.kill()
        self.close()
        return False

    def close(self) -> None:
        """Let go of a worker that has ended or is about to."""
        self.connection.close()
        self._ready.close()
        self._process.join(5)
        if self._process.exitcode is not None:
            self._process.close()


def _serve(connection: Connection, ready: Connection) -> None:
    """Work in a worker process until the pipe closes."""
    # What points print must not be lost when the worker is killed, as it is at the end.
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    stay_on_one_thread()
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # Batches are taken off the pipe at once, so that neither side ever waits for the other to read.
    threading.Thread(target=_take_in, args=(connection, inbox), daemon=True).start()
    ready.send(True)
    while (message := inbox.get()) is not None:
        try:
            if isinstance(message, Exception):
                raise message
            packed, points = message
            function = load_function(packed)
        except Exception as error:
            connection.send(("unloadable", one_line(error), 0.0))
            return
        stay_on_one_thread()
        results = run_points(function, points)
        connection.send(("results", results, sum(result.seconds for result in results)))


def _take_in(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    """Move messages from the pipe to the queue, or why they cannot be read; None at its end."""
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        inbox.put(None)
    except Exception as error:  # a point whose class cannot be imported here
        inbox.put(error)
