"""(Leaky) ReLUs, sums, and maxima of squares of pixels: one pass over memory each, on all threads.

Sums are taken block by block, whatever the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .compiling import loop

BLOCK = 16384
"""Entries that are summed at a time."""


@loop
def gate(y, x, slope, out):
    """Write out = x where y > 0, slope·x elsewhere, for flat arrays; with y = x the (leaky) ReLU itself."""
    for i in prange(x.shape[0]):
        out[i] = x[i] if y[i] > 0 else slope * x[i]


@loop
def columns(x, rows, sums):
    """Add to sums, (blocks, n), those over each ``rows`` rows of x, (m, n)."""
    for block in prange(sums.shape[0]):
        total = sums[block]
        for i in range(block * rows, min(x.shape[0], (block + 1) * rows)):
            for column in range(x.shape[1]):
                total[column] += x[i, column]


@loop
def largest(x, size, out):
    """Write the largest of size² pixels.

    Args:
        x: Images, (m, h, w, c).
        size: Height and width of a square.
        out: Result, (m, h // size, w // size, c).
    """
    m, high, wide, channels = out.shape
    for row in prange(m * high):
        i, a = row // high, row % high
        for b in range(wide):
            best = out[i, a, b]
            best[:] = x[i, a * size, b * size]
            for place in range(1, size * size):
                pixel = x[i, a * size + place // size, b * size + place % size]
                for c in range(channels):
                    one, other = pixel[c], best[c]
                    best[c] = one if one > other else other


@loop
def chosen(x, size, images, best, out):
    """Write the pixel of x at the place of the first of the largest pixels.

    Args:
        x: Images, (m, h, w, c).
        size: Height and width of a square.
        images: What ``largest`` was given.
        best: What it wrote.
        out: Result, (m, h // size, w // size, c).
    """
    m, high, wide, channels = out.shape
    for row in prange(m * high):
        i, a = row // high, row % high
        for b in range(wide):
            top, to = best[i, a, b], out[i, a, b]
            for place in range(size * size - 1, -1, -1):
                k, column = a * size + place // size, b * size + place % size
                pixel, value = images[i, k, column], x[i, k, column]
                for c in range(channels):
                    one, other = value[c], to[c]
                    to[c] = one if pixel[c] == top[c] else other


@loop
def returned(u, size, images, best, out):
    """Write each derivative to the first of the largest pixels, and zero to the others of its square.

    Args:
        u: Derivatives by the results, (m, h // size, w // size, c).
        size: Height and width of a square.
        images: What ``largest`` was given, (m, h, w, c).
        best: What it wrote.
        out: Derivatives by the images, (m, h, w, c); what belongs to no square must be zero already.
    """
    m, high, wide, channels = u.shape
    for row in prange(m * high):
        left, zero = np.empty(channels, u.dtype), u.dtype.type(0)
        i, a = row // high, row % high
        for b in range(wide):
            top = best[i, a, b]
            left[:] = u[i, a, b]
            for place in range(size * size):
                k, column = a * size + place // size, b * size + place % size
                pixel, to = images[i, k, column], out[i, k, column]
                for c in range(channels):
                    here, value = pixel[c] == top[c], left[c]
                    to[c] = value if here else zero
                    left[c] = zero if here else value
