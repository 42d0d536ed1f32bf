"""How kernels are compiled: the decorators of all functions in this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {
    # Liberties with sums and products only; infinities and NaN keep their meaning.
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    "error_model": "numpy",
}
_INNER: dict[str, Any] = {"_nrt": False, "forceinline": True}


def loop(function: Callable[..., Any]) -> Any:
    """Compile a loop over replicas that Python calls: on all threads, kept on disk.

    Args:
        function: the function.

    Returns:
        The compiled function.
    """
    return njit(parallel=True, cache=True, **_OPTIONS)(function)


def allocating(function: Callable[..., Any]) -> Any:
    """Compile a function that makes arrays and is called once for many steps.

    Args:
        function: the function.

    Returns:
        The compiled function.
    """
    return njit(**_OPTIONS)(function)


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function of the inner loops, which may not make arrays.

    Numba then counts no references, and the function becomes part of its caller: an array is passed as seven numbers
    or more, so that calls took half of the time of a short step.

    Args:
        function: the function.

    Returns:
        The compiled function.
    """
    return njit(**_OPTIONS, **_INNER)(function)
