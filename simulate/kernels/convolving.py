"""Convolutions of images (height, width, channels), their adjoints, and nothing in between: no patches are written.

An image is copied into one with margins; then what the kernel sees in one of its rows is a contiguous run of
size·channels entries. So a convolution is a sum, over the rows of the kernel, of products of a matrix whose rows
overlap in memory. The adjoint as a map of the images is a convolution too, of the derivatives spread apart with a
kernel turned round. Arrays are flat; output channels fill whole vectors.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from .compiling import inner, loop
from .register_tiles import WIDE, tile

GROUPS = 16
"""Images are dealt to so many groups: the same sums, whatever the number of threads."""
_LONG = 8 if WIDE else 4
"""Rows of a tile of two vectors: as many as leave registers for the other operand."""
_TALL = 6
"""The most that 16 registers hold; rows left over would be slow, so that only multiples are cut into such tiles."""


@inner
def _place(image, sides, margins, step, offset, padded):
    """Copy an image's pixels to every step-th place of one that is zero elsewhere."""
    height, width, channels = sides
    high, wide = margins
    for row in range(height):
        below = row * step + offset
        if below >= high:
            break
        for column in range(width):
            right = column * step + offset
            if right >= wide:
                break
            source, target = (row * width + column) * channels, (below * wide + right) * channels
            for channel in range(channels):
                padded[target + channel] = image[source + channel]


@inner
def _strip(y, t, y_row, rows, a, p, a_row, a_outer, a_inner, b, q, b_outer, b_inner, outer, inner_, two, add):
    """Write, or add, a product whose rows are one or two vectors wide: as `tile`, for any number of rows."""
    row = 0
    while row < rows:
        left, to, at = rows - row, t + row * y_row, p + row * a_row
        if two and not WIDE and rows % _TALL == 0:
            tile(y, to, y_row, a, at, a_row, a_outer, a_inner, b, q, b_outer, b_inner, outer, inner_, add, _TALL, 2)
            row += _TALL
        elif two and left >= _LONG:
            tile(y, to, y_row, a, at, a_row, a_outer, a_inner, b, q, b_outer, b_inner, outer, inner_, add, _LONG, 2)
            row += _LONG
        elif two:
            tile(y, to, y_row, a, at, a_row, a_outer, a_inner, b, q, b_outer, b_inner, outer, inner_, add, 1, 2)
            row += 1
        elif left >= 8:
            tile(y, to, y_row, a, at, a_row, a_outer, a_inner, b, q, b_outer, b_inner, outer, inner_, add, 8, 1)
            row += 8
        else:
            tile(y, to, y_row, a, at, a_row, a_outer, a_inner, b, q, b_outer, b_inner, outer, inner_, add, 1, 1)
            row += 1


@inner
def _convolve_image(padded, line, channels, kernel, size, stride, y, sides, vector):
    """Convolve one image with margins."""
    high, wide, outputs = sides
    run, apart = size * channels, stride * channels
    first = 0
    while first < outputs:
        two = first + 2 * vector <= outputs
        for row in range(high):
            t, p = row * wide * outputs + first, row * stride * line
            _strip(
                y, t, outputs, wide, padded, p, apart, line, 1, kernel, first, run * outputs, outputs, size, run, two, 0
            )
        first += 2 * vector if two else vector


@loop
def convolve(x, sides, kernel, y, made, size, stride, step, offset, vector):
    """Convolve images.

    Args:
        x: Images, (m, height·width·channels).
        sides: (height, width, channels).
        kernel: (size·size·channels·outputs,), outputs fastest, a multiple of ``vector``.
        y: Where the result goes, (m, high·wide·outputs).
        made: (high, wide, outputs).
        size: Height and width of the kernel.
        stride: Step between positions of the kernel.
        step: Distance at which pixels of x are placed, 1 for a convolution.
        offset: Margin of zeros above and at the left.
        vector: Entries of a vector.
    """
    m, channels = x.shape[0], sides[2]
    high, wide = (made[0] - 1) * stride + size, (made[1] - 1) * stride + size
    groups = min(GROUPS, m)
    for group in prange(groups):
        padded = np.zeros(high * wide * channels, x.dtype)
        for i in range(m * group // groups, m * (group + 1) // groups):
            _place(x[i], sides, (high, wide), step, offset, padded)
            _convolve_image(padded, wide * channels, channels, kernel, size, stride, y[i], made, vector)


@inner
def _add_gradient(padded, line, channels, u, sides, size, stride, total, vector):
    """Add one image's derivative by the kernel."""
    high, wide, outputs = sides
    run, apart, below = size * channels, stride * channels, wide * outputs
    first = 0
    while first < outputs:
        two = first + 2 * vector <= outputs
        for k in range(size):
            t, p, down = k * run * outputs + first, k * line, stride * line
            _strip(total, t, outputs, run, padded, p, 1, down, apart, u, first, below, outputs, high, wide, two, 1)
        first += 2 * vector if two else vector


@loop
def pull_to_kernel(x, sides, u, made, totals, size, stride, offset, vector):
    """Derivative by the kernel, group by group.

    Args:
        x: Images, (m, height·width·channels).
        sides: (height, width, channels).
        u: Derivative of a scalar by the outputs, (m, high·wide·outputs); outputs a multiple of ``vector``.
        made: (high, wide, outputs).
        totals: Zeros, (groups, size·size·channels·outputs); the sums of each group's images go there.
        size: Height and width of the kernel.
        stride: Step between positions of the kernel.
        offset: Margin of zeros above and at the left.
        vector: Entries of a vector.
    """
    m, channels, groups = x.shape[0], sides[2], totals.shape[0]
    high, wide = (made[0] - 1) * stride + size, (made[1] - 1) * stride + size
    for group in prange(groups):
        padded = np.zeros(high * wide * channels, x.dtype)
        for i in range(m * group // groups, m * (group + 1) // groups):
            _place(x[i], sides, (high, wide), 1, offset, padded)
            _add_gradient(padded, wide * channels, channels, u[i], made, size, stride, totals[group], vector)
