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
                    best[c] = pixel[c] if pixel[c] > best[c] else best[c]


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
                    to[c] = value[c] if pixel[c] == top[c] else to[c]


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
        left = np.empty(channels, u.dtype)
        i, a = row // high, row % high
        for b in range(wide):
            top = best[i, a, b]
            left[:] = u[i, a, b]
            for place in range(size * size):
                k, column = a * size + place // size, b * size + place % size
                pixel, to = images[i, k, column], out[i, k, column]
                for c in range(channels):
                    here = pixel[c] == top[c]
                    to[c] = left[c] if here else u.dtype.type(0)
                    left[c] = u.dtype.type(0) if here else left[c]
