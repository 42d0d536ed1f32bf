"""Convolutions of NumPy arrays by compiled kernels, where Numba is installed."""

from __future__ import annotations

import functools
import importlib
from contextlib import AbstractContextManager

import array_api_compat
import numpy as np

from ..kernels import loading
from ..validation import Array

SMALL = 2**20
"""Operations below which waking other threads takes longer than they save."""

_convolve = loading.kernel("convolving", "convolve")
_pull_to_kernel = loading.kernel("convolving", "pull_to_kernel")


@functools.cache
def _installed() -> bool:
    return loading.available()


def runs_compiled(x: Array) -> bool:
    """Whether the kernels take an array.

    Args:
        x: The array.

    Returns:
        Whether it is NumPy's and Numba is installed.
    """
    return array_api_compat.is_numpy_array(x) and _installed()


def threads_for(operations: int) -> AbstractContextManager[None]:
    """Keep small work on one thread; the result is the same.

    Args:
        operations: About how many there are.

    Returns:
        A context manager.
    """
    return loading.threads(1 if operations < SMALL else None)


def convolve(x: np.ndarray, w: np.ndarray, stride: int, padding: int, sides: tuple[int, int]) -> np.ndarray:
    """Convolve images with a kernel.

    Args:
        x: Images, (m, h, w, c).
        w: Kernel, (size, size, c, o).
        stride: Step between positions.
        padding: Zeros on each side.
        sides: Height and width of the result.

    Returns:
        Images, (m, h', w', o).
    """
    return _run(x, w, sides, stride, 1, padding)


def pull_to_inputs(u: np.ndarray, w: np.ndarray, stride: int, padding: int, sides: tuple[int, int]) -> np.ndarray:
    """Derivative by the images: a convolution of the derivatives, spread apart, with the kernel turned round.

    Args:
        u: Derivative of a scalar by the outputs, (m, h', w', o).
        w: Kernel, (size, size, c, o).
        stride: Step between positions.
        padding: Zeros on each side.
        sides: Height and width of the images.

    Returns:
        Derivative by the images, (m, h, w, c).
    """
    turned = w[::-1, ::-1].transpose(0, 1, 3, 2)
    return _run(u, turned, sides, 1, stride, w.shape[0] - 1 - padding)


def pull_to_kernel(x: np.ndarray, u: np.ndarray, size: int, stride: int, padding: int) -> np.ndarray:
    """Derivative by the kernel, summed over images in the same order whatever the number of threads.

    Args:
        x: Images, (m, h, w, c).
        u: Derivative of a scalar by the outputs, (m, h', w', o).
        size: Height and width of the kernel.
        stride: Step between positions.
        padding: Zeros on each side.

    Returns:
        Derivative by the kernel, (size, size, c, o).
    """
    m, channels, outputs = x.shape[0], x.shape[3], u.shape[3]
    vector = _width(u.dtype)
    u = _filled(u, vector)
    groups = min(_groups(), m)
    totals = np.zeros((groups, size * size * channels * u.shape[3]), dtype=u.dtype)
    made = u.shape[1:]
    with threads_for(u.size * size * size * channels):
        _pull_to_kernel(_rows(x), x.shape[1:], _rows(u), made, totals, size, stride, padding, vector)
    total: np.ndarray = totals.sum(axis=0).reshape(size, size, channels, u.shape[3])
    return total[..., :outputs]


def _run(x: np.ndarray, w: np.ndarray, sides: tuple[int, int], stride: int, step: int, offset: int) -> np.ndarray:
    """Convolve, with output channels that fill whole vectors in between."""
    outputs, vector = w.shape[3], _width(x.dtype)
    w = np.ascontiguousarray(_filled(w, vector))
    made = (*sides, w.shape[3])
    y = np.empty((x.shape[0], *made), dtype=x.dtype)
    with threads_for(y.size * w[..., 0].size):
        _convolve(_rows(x), x.shape[1:], w.reshape(-1), _rows(y), made, w.shape[0], stride, step, offset, vector)
    return y if w.shape[3] == outputs else np.ascontiguousarray(y[..., :outputs])


def _rows(images: np.ndarray) -> np.ndarray:
    """Flatten each image."""
    return np.ascontiguousarray(images).reshape(images.shape[0], -1)


def _filled(array: np.ndarray, vector: int) -> np.ndarray:
    """Fill up the last axis with zeros to whole vectors."""
    more = -array.shape[-1] % vector
    return array if more == 0 else np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, more)])


@functools.cache
def _width(dtype: np.dtype) -> int:
    """Entries of a vector."""
    widths: dict[str, int] = importlib.import_module("simulate.kernels.register_tiles").WIDTH
    return widths[str(dtype)]


@functools.cache
def _groups() -> int:
    count: int = importlib.import_module("simulate.kernels.convolving").GROUPS
    return count
