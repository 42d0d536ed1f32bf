"""(Leaky) ReLUs and maxima of squares of pixels for NumPy arrays, by compiled kernels, where Numba is installed."""

from __future__ import annotations

import numpy as np

from ..kernels import loading
from .compiled_convolutions import threads_for

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


def largest(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Take the largest of each size × size pixels.

    Args:
        x: Images, (m, h, w, c).
        size: At most 16.

    Returns:
        The largest, (m, h // size, w // size, c), and their places in the squares, uint8, of the same shape.
    """
    x = np.ascontiguousarray(x)
    shape = (x.shape[0], x.shape[1] // size, x.shape[2] // size, x.shape[3])
    out, where = np.empty(shape, dtype=x.dtype), np.empty(shape, dtype=np.uint8)
    with threads_for(8 * x.size):
        _largest(x, size, out, where)
    return out, where


def chosen(x: np.ndarray, size: int, where: np.ndarray) -> np.ndarray:
    """Take from each square the pixel at a place.

    Args:
        x: Images, (m, h, w, c).
        size: Height and width of a square.
        where: Places, (m, h // size, w // size, c).

    Returns:
        The pixels, shaped as ``where``.
    """
    out = np.empty(where.shape, dtype=x.dtype)
    with threads_for(8 * x.size):
        _chosen(np.ascontiguousarray(x), size, where, out)
    return out


def returned(u: np.ndarray, size: int, where: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Put values back where they were taken from; zeros elsewhere.

    Args:
        u: Values, shaped as ``where``.
        size: Height and width of a square.
        where: Places, (m, h // size, w // size, c).
        shape: Shape of the images, (m, h, w, c).

    Returns:
        The images.
    """
    exact = shape[1] % size == 0 and shape[2] % size == 0
    out = np.empty(shape, dtype=u.dtype) if exact else np.zeros(shape, dtype=u.dtype)
    with threads_for(8 * out.size):
        _returned(np.ascontiguousarray(u), size, where, out)
    return out
