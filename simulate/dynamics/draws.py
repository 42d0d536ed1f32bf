"""The random numbers of SGD, in NumPy: the same that the compiled kernels draw.

Philox4x32-10 (Salmon et al., SC 2011) maps a key (from the seed) and a counter (number of the draw, replica, purpose)
to four words of 32 bits, so that a replica's numbers depend on the seed and the replica alone.
"""

from __future__ import annotations

import numpy as np

from ..streams import Seed, counter_key
from ..validation import InputError, check_flag, check_integer

MINIBATCHES, LABELS, INPUTS = 0, 1, 2
LAST_STEP = 2**40
"""Steps are numbered up to here, so that the numbers of the draws stay below 2^63 for minibatches of 2^23 numbers."""
_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], dtype=np.uint32)
_HALF = np.uint64(32)


def philox4x32(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Random words of Philox4x32-10, as Random123 defines them.

    Args:
        counter: Counters, shape (…, 4), uint32.
        key: Key, shape (2,), uint32.

    Returns:
        Random words, shape (…, 4), uint32.
    """
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, dtype=np.uint32), -1, 0)
    keys = np.asarray(key, dtype=np.uint32).copy()
    for _ in range(10):
        products = c0.astype(np.uint64) * _MULTIPLIERS[0], c2.astype(np.uint64) * _MULTIPLIERS[1]
        (high0, low0), (high1, low1) = ((p >> _HALF, p) for p in products)
        c0, c1 = high1.astype(np.uint32) ^ c1 ^ keys[0], low1.astype(np.uint32)
        c2, c3 = high0.astype(np.uint32) ^ c3 ^ keys[1], low0.astype(np.uint32)
        keys += _WEYL
    return np.stack([c0, c1, c2, c3], axis=-1)


def random_words(key: np.ndarray, first: int, count: int, replica: int, purpose: int) -> np.ndarray:
    """Draw consecutive words.

    Args:
        key: Key, shape (2,), uint32.
        first: Number of the first draw.
        count: Number of draws.
        replica: Number of the replica.
        purpose: One of the purposes above.

    Returns:
        Words, shape (count,), uint32.
    """
    blocks = np.arange(first // 4, (first + count + 3) // 4, dtype=np.uint64)
    counter = np.empty((len(blocks), 4), dtype=np.uint32)
    counter[:, 0], counter[:, 1], counter[:, 2], counter[:, 3] = blocks, blocks >> _HALF, replica, purpose
    return philox4x32(counter, key).reshape(-1)[first % 4 :][:count]


def random_normals(key: np.ndarray, first: int, count: int, replica: int, purpose: int) -> np.ndarray:
    """Draw consecutive standard normal numbers, by Box and Muller's method from pairs of words.

    Args:
        key: Key, shape (2,), uint32.
        first: Number of the first draw.
        count: Number of draws.
        replica: Number of the replica.
        purpose: One of the purposes above.

    Returns:
        Normal numbers, shape (count,), float64; at most 6.7 in absolute value.
    """
    start = first - first % 2
    pairs = random_words(key, start, count + 3 - count % 2, replica, purpose)
    uniform = (pairs[: len(pairs) // 2 * 2].reshape(-1, 2) + 0.5) / 2.0**32
    radius, angle = np.sqrt(-2 * np.log(uniform[:, 0])), 2 * np.pi * uniform[:, 1]
    values = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return values.reshape(-1)[first - start :][:count]


def minibatches(
    n: int,
    batch: int,
    steps: int,
    seed: Seed = 0,
    replica: int = 0,
    replacement: bool = True,
    first_step: int = 0,
) -> np.ndarray:
    """List the minibatches that ``sgd`` uses, for comparisons with other code.

    Args:
        n: Number of samples.
        batch: Batch size.
        steps: Number of steps.
        seed: Seed of the run.
        replica: Number of the replica.
        replacement: Whether samples are drawn with replacement; otherwise each step has a fresh subset.
        first_step: Number of the first step.

    Returns:
        Indices of samples, shape (steps, batch), int64. Each index has probability 1/n up to 2⁻³².

    Raises:
        InputError: If an argument is out of range, or ``batch`` exceeds ``n`` without replacement.
    """
    n, batch = check_batch(n, batch, replacement)
    steps = check_integer("steps", steps, minimum=0, maximum=LAST_STEP)
    replica = check_integer("replica", replica, minimum=0, maximum=2**32 - 1)
    first_step = check_integer("first_step", first_step, minimum=0, maximum=LAST_STEP - steps)
    return indices(counter_key(seed), n, batch, steps, replica, replacement, first_step)


def indices(
    key: np.ndarray, n: int, batch: int, steps: int, replica: int, replacement: bool, first_step: int
) -> np.ndarray:
    """As ``minibatches``, for checked arguments and a key.

    Args:
        key: Key, shape (2,), uint32.
        n: Number of samples.
        batch: Batch size.
        steps: Number of steps.
        replica: Number of the replica.
        replacement: Whether samples are drawn with replacement.
        first_step: Number of the first step.

    Returns:
        Indices of samples, shape (steps, batch), int64.
    """
    words = random_words(key, first_step * batch, steps * batch, replica, MINIBATCHES).astype(np.uint64)
    words = words.reshape(steps, batch)
    if replacement:
        return ((words * np.uint64(n)) >> _HALF).astype(np.int64)
    others = np.arange(batch) + ((words * (n - np.arange(batch)).astype(np.uint64)) >> _HALF).astype(np.int64)
    chosen = np.empty((steps, batch), dtype=np.int64)
    for step in range(steps):
        # The start of a Fisher–Yates shuffle; a dictionary holds the places that differ from the identity.
        moved: dict[int, int] = {}
        for b, other in enumerate(others[step].tolist()):
            chosen[step, b] = moved.get(other, other)
            moved[other] = moved.get(b, b)
    return chosen


def check_batch(n: int, batch: object, replacement: object) -> tuple[int, int]:
    """Check a batch size.

    Args:
        n: Number of samples.
        batch: Batch size.
        replacement: Whether samples are drawn with replacement.

    Returns:
        Number of samples and batch size.

    Raises:
        InputError: If one is not a positive integer, or the batch is larger than the samples without replacement.
    """
    n = check_integer("n", n, minimum=1, maximum=2**31)
    size = check_integer("batch", batch, minimum=1)
    if not check_flag("replacement", replacement) and size > n:
        raise InputError(f"batch: expected at most n = {n} without replacement, got {size}")
    return n, size
