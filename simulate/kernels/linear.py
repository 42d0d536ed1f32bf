"""One step of SGD for linear models, and a loop of its own for single samples."""

from __future__ import annotations

import numpy as np
from numba import prange

from .compiling import inner, loop
from .counters import MINIBATCHES, below, fill_words
from .rows import LINE, add_rows, aligned, dots

LIMIT = 1e150
"""A residual beyond this ends a path: its square would soon overflow."""

LANES = 4
"""Paths that advance together where a step is too short to hide the latency of its sums."""

_BLOCK = 64


@inner
def turn_into_coefficients(outputs, targets, batch, rate):
    """Turn outputs into −(rate/batch)(output − target) in place; say whether all residuals are within the limit."""
    for b in range(batch):
        residual = outputs[b] - targets[b]
        if not abs(residual) < LIMIT:
            return False
        outputs[b] = -rate / batch * residual
    return True


@inner
def linear_step(theta, rows, chosen, batch, targets, rate, scratch):
    """Update θ by one minibatch; leave it and return False where a residual is beyond the limit."""
    dots(rows, chosen, batch, theta, scratch)
    if not turn_into_coefficients(scratch, targets, batch, rate):
        return False
    add_rows(rows, chosen, batch, scratch, theta)
    return True


@loop
def advance_single_samples(theta, rates, X, y, key, first_replica, first_step, diverged):
    """Advance linear models by SGD with one sample a step, drawn with replacement.

    Args:
        theta: parameters, shape (replicas, d), overwritten; rows padded as those of X.
        rates: learning rate of each step, shape (steps,).
        X: padded inputs, shape (n, d).
        y: targets, shape (n,).
        key: two words from the seed, uint32.
        first_replica: number of the first row of theta.
        first_step: number of the first step.
        diverged: step at which a path ended, −1 where it goes on, shape (replicas,), int64, overwritten.
    """
    replicas, d = theta.shape
    for group in prange((replicas + LANES - 1) // LANES):
        first = LANES * group
        here = min(LANES, replicas - first)
        w = aligned(LANES * d).reshape((LANES, d))
        moving = np.zeros(LANES)
        words = np.empty((LANES, _BLOCK + LINE), np.uint32)
        for lane in range(here):
            w[lane] = theta[first + lane]
            moving[lane] = 1.0 if diverged[first + lane] < 0 else 0.0
        _walk_lanes(
            w, moving, words, rates, X, y, key, first_replica + first, first_step, diverged[first : first + here]
        )
        for lane in range(here):
            theta[first + lane] = w[lane]


@inner
def _walk_lanes(w, moving, words, rates, X, y, key, replica, first_step, diverged):
    """Advance four paths together; a lane without a path, or with one that has ended, stands still."""
    offset = 0
    for s in range(rates.shape[0]):
        place = s % _BLOCK
        if place == 0:
            for lane in range(LANES):
                count = min(_BLOCK, rates.shape[0] - s)
                offset = fill_words(words[lane], first_step + s, count, replica + lane, MINIBATCHES, key)
        n = X.shape[0]
        i0, i1 = below(words[0, offset + place], n), below(words[1, offset + place], n)
        i2, i3 = below(words[2, offset + place], n), below(words[3, offset + place], n)
        r0, r1, r2, r3 = _four_dots(w, X, i0, i1, i2, i3)
        r0, r1, r2, r3 = r0 - y[i0], r1 - y[i1], r2 - y[i2], r3 - y[i3]
        # A path that stands still may have a residual beyond all numbers, so that the sum is asked what it is below.
        if not abs(moving[0] * r0) + abs(moving[1] * r1) + abs(moving[2] * r2) + abs(moving[3] * r3) < LIMIT:
            for lane in range(diverged.shape[0]):
                residual = r0 if lane == 0 else r1 if lane == 1 else r2 if lane == 2 else r3
                if moving[lane] > 0 and not abs(residual) < LIMIT:
                    moving[lane] = 0.0
                    diverged[lane] = first_step + s
            if moving[0] + moving[1] + moving[2] + moving[3] == 0:
                return
            r0, r1, r2, r3 = _still(moving[0], r0), _still(moving[1], r1), _still(moving[2], r2), _still(moving[3], r3)
        rate = -rates[s]
        c0, c1 = rate * moving[0] * r0, rate * moving[1] * r1
        c2, c3 = rate * moving[2] * r2, rate * moving[3] * r3
        _four_updates(w, X, i0, i1, i2, i3, c0, c1, c2, c3)


@inner
def _still(moving, residual):
    """Replace the residual of a path that stands still, which may not be finite."""
    return residual if moving > 0 else 0.0


@inner
def _four_dots(w, X, i0, i1, i2, i3):
    """Inner products of four paths with a sample each."""
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    x0, x1, x2, x3 = X[i0], X[i1], X[i2], X[i3]
    s0 = s1 = s2 = s3 = 0.0
    for j in range(w.shape[1]):
        s0 += x0[j] * w0[j]
        s1 += x1[j] * w1[j]
        s2 += x2[j] * w2[j]
        s3 += x3[j] * w3[j]
    return s0, s1, s2, s3


@inner
def _four_updates(w, X, i0, i1, i2, i3, c0, c1, c2, c3):
    """Move four paths along a sample each."""
    for j in range(w.shape[1]):
        # All loads come before the first store, which the compiler could not rule out to change what is loaded.
        v0, v1 = w[0, j] + c0 * X[i0, j], w[1, j] + c1 * X[i1, j]
        v2, v3 = w[2, j] + c2 * X[i2, j], w[3, j] + c3 * X[i3, j]
        w[0, j], w[1, j], w[2, j], w[3, j] = v0, v1, v2, v3
