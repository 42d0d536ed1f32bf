"""Passes over NumPy arrays by compiled kernels, where Numba is installed: (leaky) ReLUs, sums, maxima of squares."""

from __future__ import annotations

import functools
import importlib

import numpy as np

from ..kernels import loading
from .compiled_convolutions import threads_for

_columns = loading.kernel("pointwise", "columns")
_gate = loading.kernel("pointwise", "gate")
_largest = loading.kernel("pointwise", "largest")
_chosen = loading.kernel("pointwise", "chosen")
_returned = loading.kernel("pointwise", "returned")


def gate(y: np.ndarray, x: np.ndarray, slope: float) -> np.ndarray:
    """Pass x where y > 0, and slope·x elsewhere.

    Args:
        y: What decides, any shape.
        x: What passes, of the same shape.
        slope: From 0 to 1.

    Returns:
        A new array of that shape.
    """
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    out = np.empty(x.shape, dtype=x.dtype)
    with threads_for(8 * x.size):
        _gate(y.reshape(-1), x.reshape(-1), x.dtype.type(slope), out.reshape(-1))
    return out


def column_sums(x: np.ndarray) -> np.ndarray:
    """Sum over all axes but the last, in the same order whatever the number of threads.

    Args:
        x: Shape (..., n).

    Returns:
        Sums, (n,).
    """
    flat = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    rows = max(1, _block() // x.shape[-1])
    sums = np.zeros((-(-flat.shape[0] // rows), x.shape[-1]), dtype=x.dtype)
    with threads_for(8 * x.size):
        _columns(flat, rows, sums)
    total: np.ndarray = sums.sum(axis=0)
    return total


def largest(x: np.ndarray, size: int) -> np.ndarray:
    """Take the largest of each size × size pixels.

    Args:
        x: Images, (m, h, w, c).
        size: Height and width of a square.

    Returns:
        The largest, (m, h // size, w // size, c).
    """
    out = np.empty((x.shape[0], x.shape[1] // size, x.shape[2] // size, x.shape[3]), dtype=x.dtype)
    with threads_for(8 * x.size):
        _largest(np.ascontiguousarray(x), size, out)
    return out


def chosen(x: np.ndarray, size: int, images: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Take from each square the pixel of x where the first of the largest pixels of ``images`` is.

    Args:
        x: Images, (m, h, w, c).
        size: Height and width of a square.
        images: Images of the same shape.
        best: ``largest`` of these.

    Returns:
        The pixels, shaped as ``best``.
    """
    out = np.empty(best.shape, dtype=x.dtype)
    with threads_for(8 * x.size):
        _chosen(np.ascontiguousarray(x), size, np.ascontiguousarray(images), best, out)
    return out


def returned(u: np.ndarray, size: int, images: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Put values where the first of the largest pixels were; zeros elsewhere.

    Args:
        u: Values, shaped as ``best``.
        size: Height and width of a square.
        images: Images, (m, h, w, c).
        best: ``largest`` of these.

    Returns:
        The values, shaped as ``images``.
    """
    exact = images.shape[1] % size == 0 and images.shape[2] % size == 0
    out = (np.empty if exact else np.zeros)(images.shape, dtype=u.dtype)
    with threads_for(8 * out.size):
        _returned(np.ascontiguousarray(u), size, np.ascontiguousarray(images), best, out)
    return out


@functools.cache
def _block() -> int:
    """Entries that kernels sum at a time."""
    entries: int = importlib.import_module("simulate.kernels.pointwise").BLOCK
    return entries
