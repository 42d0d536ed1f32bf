"""Passes over whole arrays that layers are made of: NumPy's run on all threads in compiled kernels, where Numba is."""

from __future__ import annotations

from ..arrays import Namespace
from ..validation import Array
from . import compiled_pointwise as compiled
from .compiled_convolutions import runs_compiled


def scaled(x: Array, scale: Array | None = None, shift: Array | None = None) -> Array:
    """Scale and shift all entries alike.

    Args:
        x: Any shape.
        scale: One number, (1,); None for 1.
        shift: One number, (1,); None for 0.

    Returns:
        scale·x + shift, shaped as x.
    """
    if runs_compiled(x):
        return compiled.scaled(x, scale, shift)
    y = x if scale is None else x * scale
    return y if shift is None else y + shift


def added(x: Array, y: Array) -> Array:
    """Add two arrays.

    Args:
        x: Any shape.
        y: Of the same shape.

    Returns:
        x + y.
    """
    return compiled.added(x, y) if runs_compiled(x) else x + y


def inner_product(xp: Namespace, x: Array, y: Array) -> Array:
    """Sum all products of entries.

    Args:
        xp: The namespace.
        x: Any shape.
        y: Of the same shape.

    Returns:
        Σ x·y, (1,).
    """
    return compiled.inner_product(x, y) if runs_compiled(x) else xp.reshape(xp.sum(x * y), (1,))


def column_sums(xp: Namespace, x: Array) -> Array:
    """Sum over all axes but the last.

    Args:
        xp: The namespace.
        x: Shape (..., n).

    Returns:
        Sums, (n,).
    """
    return compiled.column_sums(x) if runs_compiled(x) else xp.sum(xp.reshape(x, (-1, x.shape[-1])), axis=0)
