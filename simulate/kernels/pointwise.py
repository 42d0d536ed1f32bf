"""(Leaky) ReLUs and maxima of squares of pixels: one pass over memory each, on all threads."""

from __future__ import annotations

import numpy as np
from numba import prange

from .compiling import loop

BLOCK = 16384
"""Entries that a thread takes at a time."""


@loop
def gate(y, x, slope, out):
    """Write out = x where y > 0, slope·x elsewhere, for flat arrays; with y = x the (leaky) ReLU itself."""
    for block in prange((x.shape[0] + BLOCK - 1) // BLOCK):
        for i in range(block * BLOCK, min(x.shape[0], (block + 1) * BLOCK)):
            out[i] = x[i] if y[i] > 0 else slope * x[i]


@loop
def largest(x, size, out, where):
    """Write the largest of size² pixels, and which it was (row by row; of equal ones the first).

    Args:
        x: Images, (m, h, w, c).
        size: Height and width of a square.
        out: Result, (m, h // size, w // size, c).
        where: Places from 0 to size² − 1, uint8, shaped as ``out``.
    """
    m, high, wide, channels = out.shape
    for row in prange(m * high):
        i, a = row // high, row % high
        for b in range(wide):
            for c in range(channels):
                out[i, a, b, c] = x[i, a * size, b * size, c]
                where[i, a, b, c] = 0
            for place in range(1, size * size):
                k, column = place // size, place % size
                for c in range(channels):
                    value = x[i, a * size + k, b * size + column, c]
                    better = value > out[i, a, b, c]
                    where[i, a, b, c] = np.uint8(place) if better else where[i, a, b, c]
                    out[i, a, b, c] = value if better else out[i, a, b, c]


@loop
def chosen(x, size, where, out):
    """Write the pixel that was the largest.

    Args:
        x: Images, (m, h, w, c).
        size: Height and width of a square.
        where: From ``largest``.
        out: Result, (m, h // size, w // size, c).
    """
    m, high, wide, channels = out.shape
    for row in prange(m * high):
        i, a = row // high, row % high
        for b in range(wide):
            for c in range(channels):
                k, column = where[i, a, b, c] // size, where[i, a, b, c] % size
                out[i, a, b, c] = x[i, a * size + k, b * size + column, c]


@loop
def returned(u, size, where, out):
    """Write each derivative to the pixel that was the largest.

    Args:
        u: Derivatives by the results, (m, h // size, w // size, c).
        size: Height and width of a square.
        where: From ``largest``.
        out: Derivatives by the images, (m, h, w, c); what belongs to no square must be zero already.
    """
    m, high, wide, channels = u.shape
    for row in prange(m * high):
        i, a = row // high, row % high
        for b in range(wide):
            for place in range(size * size):
                k, column = place // size, place % size
                for c in range(channels):
                    value = u[i, a, b, c] if where[i, a, b, c] == place else u.dtype.type(0)
                    out[i, a * size + k, b * size + column, c] = value
