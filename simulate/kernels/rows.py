"""Products of a few chosen rows of a matrix with a vector, eight rows at a time.

Rows start on a cache line and are padded with zeros to whole lines (`packing.padded`), so that no load crosses one.
Each load of the vector serves eight rows: these loops are bound by loads.
"""

from __future__ import annotations

import numpy as np

from .compiling import allocating, inner

LINE = 8
"""Entries of float64 in a cache line."""


@allocating
def aligned(count):
    """Make a vector of zeros that starts on a cache line."""
    whole = np.zeros(count + LINE)
    start = (-(whole.ctypes.data // 8)) % LINE
    return whole[start : start + count]


@inner
def dot(x, w):
    """Inner product."""
    total = 0.0
    for j in range(w.shape[0]):
        total += x[j] * w[j]
    return total


@inner
def dots(X, chosen, count, w, out):
    """Write out[b] = X[chosen[b]]·w for b < count."""
    whole = count - count % 8
    for b in range(0, whole, 8):
        x0, x1, x2, x3 = X[chosen[b]], X[chosen[b + 1]], X[chosen[b + 2]], X[chosen[b + 3]]
        x4, x5, x6, x7 = X[chosen[b + 4]], X[chosen[b + 5]], X[chosen[b + 6]], X[chosen[b + 7]]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        for j in range(w.shape[0]):
            v = w[j]
            s0 += x0[j] * v
            s1 += x1[j] * v
            s2 += x2[j] * v
            s3 += x3[j] * v
            s4 += x4[j] * v
            s5 += x5[j] * v
            s6 += x6[j] * v
            s7 += x7[j] * v
        out[b], out[b + 1], out[b + 2], out[b + 3] = s0, s1, s2, s3
        out[b + 4], out[b + 5], out[b + 6], out[b + 7] = s4, s5, s6, s7
    for b in range(whole, count):
        out[b] = dot(X[chosen[b]], w)


@inner
def add_rows(X, chosen, count, coefficients, w):
    """Add Σ_b coefficients[b] X[chosen[b]], b < count, to w."""
    whole = count - count % 8
    for b in range(0, whole, 8):
        x0, x1, x2, x3 = X[chosen[b]], X[chosen[b + 1]], X[chosen[b + 2]], X[chosen[b + 3]]
        x4, x5, x6, x7 = X[chosen[b + 4]], X[chosen[b + 5]], X[chosen[b + 6]], X[chosen[b + 7]]
        c0, c1, c2, c3 = coefficients[b], coefficients[b + 1], coefficients[b + 2], coefficients[b + 3]
        c4, c5, c6, c7 = coefficients[b + 4], coefficients[b + 5], coefficients[b + 6], coefficients[b + 7]
        for j in range(w.shape[0]):
            w[j] += ((c0 * x0[j] + c1 * x1[j]) + (c2 * x2[j] + c3 * x3[j])) + (
                (c4 * x4[j] + c5 * x5[j]) + (c6 * x6[j] + c7 * x7[j])
            )
    for b in range(whole, count):
        x, c = X[chosen[b]], coefficients[b]
        for j in range(w.shape[0]):
            w[j] += c * x[j]
