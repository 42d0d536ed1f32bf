"""Worker processes of this machine: one BLAS thread each, deaf to the interrupt key, gone with their parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "BLIS", "NUMEXPR", "NUMBA")} | {
    "VECLIB_MAXIMUM_THREADS": "1"
}
"""Environment variables that keep libraries which load later to one thread."""
_STARTING = threading.Lock()


class _Worker(SpawnProcess):
    """A process that starts without the user's script, with one BLAS thread, and deaf to the interrupt key."""

    def start(self) -> None:
        """Start the process."""
        with _STARTING, _environment(ONE_THREAD), _interrupts_held(), _main_hidden():
            super().start()

    def run(self) -> None:
        """Work until told to stop, or until the parent is gone."""
        # The key reaches the whole process group, and only the parent decides; it was blocked since before the start.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        threading.Thread(target=_end_with_parent, daemon=True).start()
        super().run()


class WorkerContext(SpawnContext):
    """A spawn context that makes our workers and remembers them.

    Workers start without the user's script, with one BLAS thread and deaf to the interrupt key, and end with their
    parent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._started: list[_Worker] = []

    def Process(self, *args: Any, **kwargs: Any) -> _Worker:  # type: ignore[override]  # noqa: N802 (the name is given)
        """Make a worker.

        Args:
            *args: as for `multiprocessing.Process`.
            **kwargs: likewise.

        Returns:
            The worker, which has not started.
        """
        worker = _Worker(*args, **kwargs)
        self._started.append(worker)
        return worker

    def kill(self) -> None:
        """End every worker at once, whatever it is doing."""
        for worker in self._started:
            with contextlib.suppress(ValueError):
                if worker.pid is not None:
                    worker.kill()


def one_blas_thread() -> contextlib.AbstractContextManager[Any]:
    """Limit the BLAS libraries of NumPy and SciPy (two copies, as a rule) to one thread.

    Returns:
        A context that ends the limit on leaving.
    """
    import scipy.linalg  # noqa: F401 (a library that loads later would not be limited)
    from threadpoolctl import threadpool_limits

    limits: contextlib.AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits


def _end_with_parent() -> None:
    """Leave when the parent is gone: it may have been killed without a chance to tell us."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Change environment variables for the processes that are started inside."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back the interrupt key; processes that are started inside inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep new processes from importing the main script.

    They do not need it, it may do anything on import (without the `__name__` guard it would start workers again), and
    read from standard input it cannot be imported at all.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
