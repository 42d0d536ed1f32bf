"""Random numbers from counters: Philox4x32-10 (Salmon et al., SC 2011), Lemire's reduction and Box–Muller.

A draw is named by the key (from the seed), its purpose, the replica and its number, so that a replica's numbers depend
on nothing else: not on threads, not on the order, not on where a run is cut.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import inner

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_HALF_WORD = np.uint64(32)
_UNIT = 2.0**-32

MINIBATCHES, LABELS, INPUTS = np.uint32(0), np.uint32(1), np.uint32(2)
"""Purposes of draws."""


@inner
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four random words of 32 bits from a counter of four words and a key of two."""
    for _ in range(10):
        p0, p1 = np.uint64(c0) * _M0, np.uint64(c2) * _M1
        c0, c1, c2, c3 = (
            np.uint32(p1 >> _HALF_WORD) ^ c1 ^ k0,
            np.uint32(p1),
            np.uint32(p0 >> _HALF_WORD) ^ c3 ^ k1,
            np.uint32(p0),
        )
        k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@inner
def fill_words(words, first, count, replica, purpose, key):
    """Write draws first, …, first + count − 1; return the index of the first (whole blocks of four are written)."""
    block = first // 4
    c2, k0, k1 = np.uint32(replica), key[0], key[1]
    for j in range((first + count + 3) // 4 - block):
        c = np.uint64(block + j)
        a, b, e, f = philox4x32(np.uint32(c), np.uint32(c >> _HALF_WORD), c2, purpose, k0, k1)
        words[4 * j], words[4 * j + 1], words[4 * j + 2], words[4 * j + 3] = a, b, e, f
    return first - 4 * block


@inner
def fill_normals(values, words, first, count, replica, purpose, key):
    """Write standard normal draws first, …, first + count − 1; return the index of the first."""
    offset = fill_words(words, first, count, replica, purpose, key)
    for j in range(0, offset + count, 2):
        # Half a unit keeps the logarithm finite. The largest value is 6.7, passed once in 10¹¹ draws of a normal.
        radius = math.sqrt(-2.0 * math.log((words[j] + 0.5) * _UNIT))
        angle = 2.0 * math.pi * ((words[j + 1] + 0.5) * _UNIT)
        values[j], values[j + 1] = radius * math.cos(angle), radius * math.sin(angle)
    return offset


@inner
def below(word, bound):
    """Turn a word into an integer below a bound; no probability is off by more than 2⁻³²."""
    return np.int64((np.uint64(word) * np.uint64(bound)) >> _HALF_WORD)


@inner
def choose(chosen, words, start, batch, samples, replacement, order):
    """Choose a minibatch from words start, …, start + batch − 1.

    Without replacement this is the start of a Fisher–Yates shuffle of 0, 1, 2, …, undone afterwards, so that the
    choice does not depend on earlier ones.
    """
    if replacement:
        for b in range(batch):
            chosen[b] = below(words[start + b], samples)
        return
    for b in range(batch):
        other = b + below(words[start + b], samples - b)
        order[b], order[other] = order[other], order[b]
        chosen[b] = order[b]
    for b in range(batch - 1, -1, -1):
        other = b + below(words[start + b], samples - b)
        order[b], order[other] = order[other], order[b]
