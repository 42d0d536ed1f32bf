"""Running points one by one, in whichever process: one thread each, errors as results, and never for long.

This is what a worker process imports, so it imports little itself.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from verify.errors import VerifyError
from verify.sweeps.values import plain_row
from verify.worker_processes import ONE_THREAD, one_blas_thread

Observe = Callable[[Any], Mapping[str, Any]]
"""A function of one point; it returns names and values."""

LONGEST_STRETCH = 1.0
"""After this many seconds a worker hands back what it has, however many points it was given."""


class Result(NamedTuple):
    """What came of one point.

    Attributes:
        values: what the function returned, in plain values; empty where it failed.
        error: None, or "Type: message" in one line where the function failed.
        seconds: how long it took.
    """

    values: dict[str, Any]
    error: str | None
    seconds: float


def run_points(function: Observe, points: Sequence[Any], longest: float = LONGEST_STRETCH) -> list[Result]:
    """Run points in order until all are done or time is up.

    Args:
        function: what to run.
        points: its arguments, one for each call.
        longest: no point is started after this many seconds; the first one always is.

    Returns:
        The results of the first points: of all of them, unless time was up.
    """
    results: list[Result] = []
    started = time.perf_counter()
    for point in points:
        results.append(_run_point(function, point))
        if time.perf_counter() - started > longest:
            break
    return results


def _run_point(function: Observe, point: Any) -> Result:
    """Run one point; whatever it raises is its result, except the interrupt key."""
    started = time.perf_counter()
    values: dict[str, Any] = {}
    error = None
    try:
        values = plain_row(function(point))
    except KeyboardInterrupt:
        raise
    except BaseException as caught:  # sys.exit() in a user's function must not end the sweep
        error = one_line(caught)
    return Result(values, error, time.perf_counter() - started)


def one_line(error: BaseException) -> str:
    """Describe an error in one line.

    Args:
        error: the error.

    Returns:
        "Type: message", at most 500 characters.
    """
    try:
        message = " ".join(str(error).split())
    except Exception:  # an error whose text is in error itself
        message = ""
    name = type(error).__qualname__
    # A lone surrogate could not be stored.
    text = (f"{name}: {message}" if message else name)[:500]
    return text.encode("utf-8", "replace").decode("utf-8")


def dump_function(function: Observe) -> bytes:
    """Pack a function for another process: by module and name, or whole if it belongs to the user's script.

    Args:
        function: the function.

    Returns:
        The bytes for `load_function`.

    Raises:
        VerifyError: if it cannot be packed.
    """
    with contextlib.suppress(Exception):
        packed = pickle.dumps(function)
        # Workers do not import the user's script; what a name of it stands for must travel itself.
        if b"__main__" not in packed:
            return packed
    try:
        packed = importlib.import_module("cloudpickle").dumps(function)
    except ImportError:
        raise VerifyError(
            "function: expected one that can be imported from a module, or the package cloudpickle; "
            f"got {_name(function)} without it"
        ) from None
    except Exception as error:
        raise VerifyError(
            f"function: expected one that worker processes can load, got {_name(function)}: {one_line(error)}"
        ) from None
    return bytes(packed)


@functools.lru_cache(maxsize=8)
def load_function(packed: bytes) -> Observe:
    """Unpack a function that `dump_function` packed.

    Args:
        packed: its bytes, which come from our own parent.

    Returns:
        The function. What the import of its module raises comes through.
    """
    function: Observe = pickle.loads(packed)  # noqa: S301 (our own bytes)
    return function


def _name(function: Observe) -> str:
    return getattr(function, "__qualname__", repr(function))


_limited = False


def stay_on_one_thread() -> None:
    """Limit this process to one BLAS and one Numba thread, for good."""
    global _limited  # noqa: PLW0603 (once a process)
    if not _limited:
        # For libraries that are loaded later.
        os.environ.update(ONE_THREAD)
        one_blas_thread().__enter__()
        _limited = True
    # Numba's setting belongs to the thread that calls, and a thread of a Dask worker may be new.
    if (numba := sys.modules.get("numba")) is not None:
        numba.set_num_threads(1)


@contextlib.contextmanager
def on_one_thread() -> Iterator[None]:
    """Limit this process to one BLAS and one Numba thread inside the block.

    Yields:
        Nothing.
    """
    numba = None
    with contextlib.suppress(ImportError):
        numba = importlib.import_module("numba")
    before = numba.get_num_threads() if numba else 1
    with one_blas_thread():
        try:
            if numba:
                numba.set_num_threads(1)
            yield
        finally:
            if numba:
                numba.set_num_threads(before)
