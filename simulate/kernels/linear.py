"""One step of SGD for linear models, and a loop of its own for single samples."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from .counters import FAST, MINIBATCHES, below, fill_words
from .rows import LINE, add_rows, aligned, dots

LIMIT = 1e150
"""A residual beyond this ends a path: its square would soon overflow."""

LANES = 4
"""Paths that advance together where a step is too short to hide the latency of its sums."""

_BLOCK = 64


@njit(error_model="numpy")
def turn_into_coefficients(outputs, targets, batch, rate):
    """Turn outputs into −(rate/batch)(output − target) in place; say whether all residuals are within the limit."""
    for b in range(batch):
        residual = outputs[b] - targets[b]
        if not abs(residual) < LIMIT:
            return False
        outputs[b] = -rate / batch * residual
    return True


@njit
def linear_step(theta, rows, chosen, batch, targets, rate, scratch):
    """Update θ by one minibatch; leave it and return False where a residual is beyond the limit."""
    dots(rows, chosen, batch, theta, scratch)
    if not turn_into_coefficients(scratch, targets, batch, rate):
        return False
    add_rows(rows, chosen, batch, scratch, theta)
    return True


@njit(parallel=True, cache=True, fastmath=FAST, error_model="numpy")
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
        alive = np.zeros(LANES, np.bool_)
        for lane in range(here):
            w[lane] = theta[first + lane]
            alive[lane] = diverged[first + lane] < 0
        _walk_lanes(w, alive, rates, X, y, key, first_replica + first, first_step, diverged[first : first + here])
        for lane in range(here):
            theta[first + lane] = w[lane]


@njit(fastmath=FAST, error_model="numpy")
def _walk_lanes(w, alive, rates, X, y, key, replica, first_step, diverged):
    """Advance four paths together; a lane without a path, or with one that has ended, stands still."""
    words = np.empty((LANES, _BLOCK + LINE), np.uint32)
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
        r0, r1, r2, r3 = _four_dots(w, X[i0], X[i1], X[i2], X[i3])
        rate = rates[s]
        c0, c1 = _coefficient(alive, 0, r0 - y[i0], rate), _coefficient(alive, 1, r1 - y[i1], rate)
        c2, c3 = _coefficient(alive, 2, r2 - y[i2], rate), _coefficient(alive, 3, r3 - y[i3], rate)
        for lane in range(diverged.shape[0]):
            if not alive[lane] and diverged[lane] < 0:
                diverged[lane] = first_step + s
        _four_updates(w, X[i0], X[i1], X[i2], X[i3], c0, c1, c2, c3)
        if not (alive[0] or alive[1] or alive[2] or alive[3]):
            return


@njit(error_model="numpy")
def _coefficient(alive, lane, residual, rate):
    """Say by what multiple of its sample a path moves; end it where the residual is beyond the limit."""
    if not alive[lane]:
        return 0.0
    if not abs(residual) < LIMIT:
        alive[lane] = False
        return 0.0
    return -rate * residual


@njit(fastmath=FAST, error_model="numpy")
def _four_dots(w, x0, x1, x2, x3):
    """Inner products of four paths with a sample each."""
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    s0 = s1 = s2 = s3 = 0.0
    for j in range(w.shape[1]):
        s0 += x0[j] * w0[j]
        s1 += x1[j] * w1[j]
        s2 += x2[j] * w2[j]
        s3 += x3[j] * w3[j]
    return s0, s1, s2, s3


@njit(fastmath=FAST, error_model="numpy")
def _four_updates(w, x0, x1, x2, x3, c0, c1, c2, c3):
    """Move four paths along a sample each."""
    w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
    for j in range(w.shape[1]):
        w0[j] += c0 * x0[j]
        w1[j] += c1 * x1[j]
        w2[j] += c2 * x2[j]
        w3[j] += c3 * x3[j]
