"""Reproducible randomness: named, independent streams on NumPy's Philox (4x64) counter-based generator.

A stream is named by (seed, purpose, point, trial). The name is encoded canonically, hashed by BLAKE2b to 128 bits and
used as Philox's key, so streams of different names are independent and any one can be opened without the others,
whatever the order, the process or the machine.
"""

from __future__ import annotations

import hashlib
import math
import numbers
from collections.abc import Sequence

import numpy as np

from .validation import InputError, check_integer, describe

Seed = int | np.random.Generator
"""What functions that draw accept: a non-negative integer of any size, or a generator to draw from."""


def generator(seed: int, purpose: str, point: Sequence[object] = (), trial: int = 0) -> np.random.Generator:
    """Open the random stream that belongs to a name.

    Numbers in ``point`` that compare equal (5, 5.0 and ``numpy.int64(5)``) name the same stream, so a point survives
    a trip through a table or a file. O(length of the name).

    Args:
        seed: Non-negative integer of any size; bool is refused.
        purpose: What the numbers are for, such as "inputs"; not empty.
        point: The grid point: a sequence of integers, finite floats, strings, None, and sequences of these.
        trial: Non-negative integer: the repetition at that point.

    Returns:
        A generator at the start of the stream.

    Raises:
        InputError: If an argument is not of the form above.
    """
    seed = check_integer("seed", seed, minimum=0)
    trial = check_integer("trial", trial, minimum=0)
    if not isinstance(purpose, str) or not purpose:
        raise InputError(f"purpose: expected a string that is not empty, got {describe(purpose)}")
    if isinstance(point, str) or not isinstance(point, Sequence):
        raise InputError(f"point: expected a sequence of numbers and strings, got {describe(point)}")
    name = _encode((seed, purpose, point, trial))
    digest = hashlib.blake2b(name, digest_size=16, person=b"noise-geometry").digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def from_seed(seed: Seed, purpose: str) -> np.random.Generator:
    """Open a stream from what a function that draws was given.

    Args:
        seed: Non-negative integer, or a generator, which is used as it is (and advanced).
        purpose: What the numbers are for.

    Returns:
        The generator.

    Raises:
        InputError: If the seed is neither a non-negative integer nor a ``numpy.random.Generator``.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise InputError(f"seed: expected an integer >= 0 or a numpy.random.Generator, got {describe(seed)}")
    return generator(int(seed), purpose)


def _encode(item: object) -> bytes:
    """Encode a nested name injectively: a tag, the payload's length and the payload.

    Args:
        item: An integer, a finite float, a string, None, or a sequence of these.

    Returns:
        The encoding.

    Raises:
        InputError: If the item is of another type, or a NaN or infinite number.
    """
    if item is None:
        return _tagged(b"n", b"")
    if isinstance(item, str):
        return _tagged(b"s", item.encode())
    if isinstance(item, Sequence) and not isinstance(item, bytes):
        return _tagged(b"t", b"".join(_encode(part) for part in item))
    if not isinstance(item, bool | np.bool) and isinstance(item, numbers.Real):
        if isinstance(item, numbers.Integral):
            return _tagged(b"i", _digits(int(item)))
        number = float(item)
        if number.is_integer():
            return _tagged(b"i", _digits(int(number)))
        if math.isfinite(number):
            return _tagged(b"f", number.hex().encode())
    raise InputError(
        f"point: expected integers, finite floats, strings, None and sequences of these, got {describe(item)}"
    )


def _tagged(tag: bytes, payload: bytes) -> bytes:
    """Prefix a payload by its kind and length.

    Args:
        tag: One byte.
        payload: Any bytes.

    Returns:
        The encoding.
    """
    return tag + str(len(payload)).encode() + b":" + payload


def _digits(number: int) -> bytes:
    """Write an integer of any size (hexadecimal: Python limits the length of decimal strings).

    Args:
        number: Any integer.

    Returns:
        Its digits.
    """
    return format(number, "x").encode()


def counter_key(seed: Seed) -> np.ndarray:
    """Make the key of counter-based draws (Philox4x32-10) from a seed.

    Args:
        seed: Non-negative integer of any size, or a generator, from which 64 bits are drawn.

    Returns:
        Two words of 32 bits, shape (2,), uint32.

    Raises:
        InputError: If the seed is neither a non-negative integer nor a ``numpy.random.Generator``.
    """
    return from_seed(seed, "dynamics").integers(2**32, size=2, dtype=np.uint32)
