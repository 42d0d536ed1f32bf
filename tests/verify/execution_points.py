"""Functions that workers run in tests of the executor; workers import this module, which so imports little."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from verify.telling import tell


def linear_algebra(seed: int) -> bytes:
    """Use every kind of operation whose rounding depends on how the work is split."""
    X = np.random.default_rng(seed).standard_normal((300, 120))
    values, vectors = np.linalg.eigh(X.T @ X)
    from scipy.linalg import eigh, svdvals

    return b"".join(np.ascontiguousarray(a).tobytes() for a in (X @ X.T, values, vectors, eigh(X @ X.T)[0], svdvals(X)))


def process_id(_: int) -> int:
    time.sleep(0.01)
    return os.getpid()


def blas_threads(_: int) -> list[int]:
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def raise_on_three(number: int) -> int:
    if number == 3:
        raise ZeroDivisionError("three")
    return number


class UnportableError(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__("text only")


def raise_unportable(_: int) -> None:
    raise UnportableError(1, 2)


def die(number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def square_slowly(number: int) -> int:
    time.sleep(0.002 * (number % 7))
    return number**2


def tell_and_wait(number: int) -> int:
    """Tell of the way, slowly enough to be heard."""
    for part in range(4):
        tell(part / 4)
        time.sleep(0.05)
    return number


def sleep_long(number: int) -> int:
    time.sleep(30 if number > 1 else 0.01)
    return os.getpid()
