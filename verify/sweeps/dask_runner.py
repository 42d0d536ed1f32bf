"""Points on an existing Dask cluster."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import importlib
import logging
import time
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from verify.errors import VerifyError
from verify.sweeps.batches import Batch, Batches
from verify.sweeps.pointwise import (
    Observe,
    Result,
    dump_function,
    load_function,
    one_line,
    run_points,
    stay_on_one_thread,
)

SECONDS_PER_BATCH = 0.4
"""A task costs the scheduler about 2 ms."""
TIMEOUT = 10.0
SECONDS_BETWEEN_COUNTS = 1.0

_log = logging.getLogger(__name__)


class DaskRunner:
    """Runs points on an existing Dask cluster; a context manager.

    Args:
        address: the scheduler's, such as "tcp://host:8786".
        timeout: seconds to wait for the scheduler.

    Raises:
        VerifyError: on entering, if the package `distributed` is missing or the scheduler does not answer.
    """

    def __init__(self, address: str, timeout: float = TIMEOUT) -> None:
        self.address = address
        self._timeout = timeout
        self._distributed: ModuleType | None = None
        self._client: Any = None
        self._count = 0
        self._counted = float("-inf")

    def __enter__(self) -> DaskRunner:
        """Connect to the scheduler."""
        self._distributed = _distributed()
        self._check_answers()
        # A client that could not connect, left to the garbage collector, may block a later client's event loop.
        self._client = self._distributed.Client.__new__(self._distributed.Client)
        try:
            self._client.__init__(self.address, timeout=self._timeout, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:
            self.__exit__()
            raise self._unreachable(one_line(error)) from None
        if not self._client.ncores():
            _log.warning("the Dask scheduler at %s has no workers yet; waiting for some", self.address)
        return self

    def _check_answers(self) -> None:
        """Ask who is there: a client waits without end for what takes a connection and says nothing."""
        with concurrent.futures.ThreadPoolExecutor(1) as thread:  # an event loop may be running in this one
            try:
                kind = thread.submit(asyncio.run, self._identity()).result()
            except TimeoutError:
                raise self._unreachable("no answer") from None
            except Exception as error:
                raise self._unreachable(one_line(error)) from None
        if kind != "Scheduler":
            raise self._unreachable(f"the answer of a {kind}")

    async def _identity(self) -> str:
        """Connect and ask; cancelled when time is up."""
        core = importlib.import_module("distributed.core")
        async with asyncio.timeout(self._timeout), core.rpc(self.address, timeout=self._timeout) as there:
            answer = await there.identity()
        return str(answer.get("type"))

    def _unreachable(self, got: str) -> VerifyError:
        return VerifyError(
            f"scheduler: expected a Dask scheduler that answers at {self.address!r} within {self._timeout:g} s, "
            f"got {got}"
        )

    def __exit__(self, *_: object) -> None:
        """Leave the cluster as it is."""
        client, self._client = self._client, None
        if client is not None:
            # Nothing is lost if a cluster that is gone does not hear of it.
            with contextlib.suppress(Exception):
                client.close()

    def run(self, function: Observe, points: Iterable[Any]) -> Iterator[tuple[list[Any], list[Result]]]:
        """Run the function on every point.

        Args:
            function: what to run. Workers import it by its module's name; a function of the user's script itself
                travels whole.
            points: its arguments, taken one after another as they are needed.

        Yields:
            Points and their results in lists of equal length, in the order in which they finish. Where a worker dies,
            the scheduler runs its batches on others; if that fails as often as its setting
            `distributed.scheduler.allowed-failures` says, the points are tried one by one, and one that keeps
            ending workers gets an error.

        Raises:
            VerifyError: if workers cannot load the function, or the connection to the scheduler is lost.
        """
        assert self._distributed is not None, "entered"
        batches = Batches(points, SECONDS_PER_BATCH)
        packed = dump_function(function)
        pending: dict[Any, Batch] = {}
        completed = self._distributed.as_completed([], loop=self._client.loop)
        try:
            while True:
                for future, batch in self._submit(packed, batches, len(pending)):
                    pending[future] = batch
                    completed.add(future)
                if not pending:
                    return
                for future in completed.next_batch():
                    if future.status in {"lost", "pending"}:
                        # The worker died with the result; the scheduler computes it again.
                        completed.add(future)
                        continue
                    done = self._collect(future, pending.pop(future), batches)
                    if done is not None:
                        yield done
        finally:
            if pending and self._client.status == "running":
                self._client.cancel(list(pending))

    def _submit(self, packed: bytes, batches: Batches, pending: int) -> Iterator[tuple[Any, Batch]]:
        """Keep two batches a thread on their way; the cluster may grow and shrink."""
        wanted = 2 * max(1, self._threads())
        while pending < wanted and (batch := batches.next()) is not None:
            # A point has no side effects, yet what is random in it must not be merged with an equal task.
            yield self._client.submit(_run_batch, packed, batch.points, pure=False), batch
            pending += 1

    def _threads(self) -> int:
        """Count the cluster's threads, now and then."""
        if time.monotonic() - self._counted > SECONDS_BETWEEN_COUNTS:
            try:
                self._count = sum(self._client.ncores().values())
            except OSError as error:
                raise self._lost(error) from None
            self._counted = time.monotonic()
        return self._count

    def _lost(self, error: BaseException) -> VerifyError:
        return VerifyError(f"scheduler: expected {self.address!r} to stay connected, got {one_line(error)}")

    def _collect(self, future: Any, batch: Batch, batches: Batches) -> tuple[list[Any], list[Result]] | None:
        """Take what a task has returned, or what is left of it."""
        assert self._distributed is not None
        if future.cancelled():
            raise self._lost(ConnectionError("its tasks were cancelled"))
        try:
            kind, content, seconds = future.result()
        except self._distributed.KilledWorker as error:
            return batches.worker_died(batch, one_line(error))
        except Exception as error:
            raise VerifyError(f"scheduler: expected {self.address!r} to run points, got {one_line(error)}") from None
        finally:
            future.release()
        if kind == "unloadable":
            raise VerifyError(f"function: expected one that Dask workers can load, got {content}")
        batches.observe(content, seconds)
        batches.give_back(Batch(batch.points[len(content) :], batch.deaths))
        return batch.points[: len(content)], content


def _distributed() -> ModuleType:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise VerifyError(
            "scheduler: expected the package 'distributed' (pip install 'noise-geometry[dask]'), got none"
        ) from None


def _run_batch(packed: bytes, points: list[Any]) -> tuple[str, Any, float]:
    """Run in a Dask worker."""
    try:
        function = load_function(packed)
    except Exception as error:
        return "unloadable", one_line(error), 0.0
    stay_on_one_thread()
    results = run_points(function, points)
    return "results", results, sum(result.seconds for result in results)
