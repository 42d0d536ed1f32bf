"""Argument checks for the public edge of the package, and the errors they raise.

Every message is one line that names the argument, what was expected and what came.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = Any
"""An array of any library that the array API standard covers (NumPy, CuPy, array-api-strict, ...)."""

BLOCK_ENTRIES = 2**20
"""Entries of the largest temporary that a blockwise pass over rows may create."""


class InputError(ValueError):
    """An argument of a public function is not what the function expects."""


class MissingDependencyError(ImportError):
    """An optional package that the call needs is not installed."""


def describe(value: object) -> str:
    """Describe a rejected value in a few words for an error message.

    Args:
        value: Any object.

    Returns:
        The type's name and, for short values, the value itself.
    """
    kind = type(value).__name__
    if value is None:
        return "None"
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python refuses to print integers of thousands of digits.
        return kind
    return f"{kind} {text}" if len(text) <= 40 else kind


def check_integer(name: str, value: object, minimum: int | None = None, maximum: int | None = None) -> int:
    """Check that a value is an integer (bool refused) within bounds.

    Args:
        name: The argument's name, for the message.
        value: The value to check; Python and NumPy integers are accepted.
        minimum: Smallest value allowed, or None.
        maximum: Largest value allowed, or None.

    Returns:
        The value as a Python int.

    Raises:
        InputError: If the value is not an integer or lies outside the bounds.
    """
    bounds = "" if minimum is None else f" >= {minimum}"
    if maximum is not None:
        bounds += f"{' and' if bounds else ''} <= {maximum}"
    is_bool = isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}
    if is_bool or not isinstance(value, numbers.Integral):
        raise InputError(f"{name}: expected an integer{bounds}, got {describe(value)}")
    number = int(value)
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        raise InputError(f"{name}: expected an integer{bounds}, got {describe(number)}")
    return number


def check_indices(name: str, value: object, count: int) -> np.ndarray:
    """Check that a value lists indices of things that are counted from 0.

    Args:
        name: The argument's name, for the message.
        value: A sequence of integers, or an array on the host.
        count: How many things there are.

    Returns:
        The indices, shape (m,), int64, m ≥ 1, in the order given.

    Raises:
        InputError: If it is not that, or an index is negative or too large.
    """
    expected = f"{name}: expected one or more integers from 0 to {count - 1}"
    try:
        found = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{expected}, got {describe(value)}") from None
    if found.ndim != 1 or found.size == 0 or found.dtype.kind not in "iu":
        raise InputError(f"{expected}, got {describe(value)}")
    if found.min() < 0 or found.max() >= count:
        raise InputError(f"{expected}, got {int(found.min())} to {int(found.max())}")
    return found.astype(np.int64)


def check_real(
    name: str, value: object, minimum: float = -math.inf, maximum: float = math.inf, *, exclusive: bool = False
) -> float:
    """Check that a value is a finite real number (bool and NaN refused) within bounds.

    Args:
        name: The argument's name, for the message.
        value: The value to check; Python and NumPy real scalars are accepted.
        minimum: Smallest value allowed.
        maximum: Largest value allowed.
        exclusive: Whether ``minimum`` itself is refused.

    Returns:
        The value as a Python float.

    Raises:
        InputError: If the value is not a finite real number or lies outside the bounds.
    """
    bounds = [f"{'>' if exclusive else '>='} {minimum:g}"] if minimum > -math.inf else []
    bounds += [f"<= {maximum:g}"] if maximum < math.inf else []
    expected = "a finite real number" + (f" {' and '.join(bounds)}" if bounds else "")
    is_bool = isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}
    if is_bool or not isinstance(value, numbers.Real):
        raise InputError(f"{name}: expected {expected}, got {describe(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise InputError(f"{name}: expected {expected}, got an integer beyond the range of float64") from None
    below = number <= minimum if exclusive else number < minimum
    if not math.isfinite(number) or below or number > maximum:
        raise InputError(f"{name}: expected {expected}, got {number!r}")
    return number


def check_flag(name: str, value: object) -> bool:
    """Check that a value is True or False.

    Args:
        name: The argument's name, for the message.
        value: The value to check; Python and NumPy booleans are accepted.

    Returns:
        The value as a Python bool.

    Raises:
        InputError: If the value is not a boolean.
    """
    if isinstance(value, bool) or type(value).__name__ in {"bool_", "bool"}:
        return bool(value)
    raise InputError(f"{name}: expected True or False, got {describe(value)}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Check that a value is one of a few strings.

    Args:
        name: The argument's name, for the message.
        value: The value to check.
        choices: The strings allowed.

    Returns:
        The value.

    Raises:
        InputError: If the value is not one of the choices.
    """
    if isinstance(value, str) and value in choices:
        return value
    expected = " or ".join(repr(choice) for choice in choices)
    raise InputError(f"{name}: expected {expected}, got {describe(value)}")


def check_ndim(name: str, x: Array, *ndims: int, shape: str) -> None:
    """Check the number of axes of an array, and that none of them is empty.

    Args:
        name: The argument's name, for the message.
        x: The array.
        *ndims: The numbers of axes allowed.
        shape: The expected shape in words, such as "(n, d)".

    Raises:
        InputError: If the array has another number of axes or no entries.
    """
    if x.ndim not in ndims or 0 in x.shape:
        raise InputError(f"{name}: expected shape {shape} with at least one entry, got shape {tuple(x.shape)}")


def check_shape(name: str, x: Array, expected: tuple[int, ...], why: str = "") -> None:
    """Check the exact shape of an array.

    Args:
        name: The argument's name, for the message.
        x: The array.
        expected: The shape it must have.
        why: What the shape follows from, such as "to match X"; may be empty.

    Raises:
        InputError: If the shape differs.
    """
    if tuple(x.shape) != tuple(expected):
        reason = f" {why}" if why else ""
        raise InputError(f"{name}: expected shape {tuple(expected)}{reason}, got shape {tuple(x.shape)}")


def row_blocks(rows: int, width: int, at_least: int = 1) -> Iterator[slice]:
    """Cut the rows of a matrix into blocks of at most ``BLOCK_ENTRIES`` entries.

    Args:
        rows: Number of rows.
        width: Entries of a temporary per row.
        at_least: Rows of a block even where they hold more entries; only the last block may have fewer.

    Yields:
        Consecutive slices that cover ``range(rows)``.
    """
    step = max(at_least, BLOCK_ENTRIES // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def check_finite(name: str, x: Array, xp: Any) -> None:
    """Check that all entries of a real array are finite, without a temporary of its size.

    Args:
        name: The argument's name, for the message.
        x: A non-empty real floating array.
        xp: The array's namespace.

    Raises:
        InputError: If an entry is NaN or infinite; the message gives the number of them and the place of the first.
    """
    # A NaN survives max and min alike, an infinity at least one of them.
    if math.isfinite(float(xp.max(x))) and math.isfinite(float(xp.min(x))):
        return
    count, first = 0, None
    flat = xp.reshape(x, (-1,))
    for block in row_blocks(flat.shape[0], 1):
        bad = xp.astype(~xp.isfinite(flat[block]), xp.int64)
        found = int(xp.sum(bad))
        if found and first is None:
            first = block.start + int(xp.argmax(bad))
        count += found
    place = _place(first or 0, tuple(x.shape))
    entries = "entry" if count == 1 else "entries"
    raise InputError(f"{name}: expected finite entries, got {count} NaN or infinite {entries} (first at {place})")


def _place(flat_index: int, shape: tuple[int, ...]) -> str:
    """Say in words where an entry of an array is.

    Args:
        flat_index: Index in row-major order.
        shape: The array's shape.

    Returns:
        "row i, column j" for matrices, "index i" for vectors, "index (i, j, k)" otherwise.
    """
    index: list[int] = []
    for extent in reversed(shape):
        flat_index, position = divmod(flat_index, extent)
        index.insert(0, position)
    if len(index) == 2:
        return f"row {index[0]}, column {index[1]}"
    return f"index {index[0]}" if len(index) == 1 else f"index {tuple(index)}"


def check_symmetric(name: str, x: Array, xp: Any, tolerance: float) -> None:
    """Check that a square matrix is symmetric to a relative tolerance, block by block.

    Args:
        name: The argument's name, for the message.
        x: Finite matrix, shape (m, m).
        xp: The array's namespace.
        tolerance: Largest asymmetry allowed, as a fraction of the largest absolute entry.

    Raises:
        InputError: If the matrix is not square or not symmetric.
    """
    if x.ndim != 2 or x.shape[0] != x.shape[1] or x.shape[0] == 0:
        raise InputError(f"{name}: expected a square matrix, got shape {tuple(x.shape)}")
    size = x.shape[0]
    scale = max(abs(float(xp.max(x))), abs(float(xp.min(x))))
    worst = 0.0
    tiles = list(row_blocks(size, 4 * math.isqrt(BLOCK_ENTRIES)))
    for position, rows in enumerate(tiles):
        for columns in tiles[: position + 1]:
            # Halves, because the difference of two entries near the largest float would overflow.
            gap = 0.5 * x[columns, rows] - xp.matrix_transpose(0.5 * x[rows, columns])
            worst = max(worst, float(xp.max(gap)), -float(xp.min(gap)))
    if worst > 0.5 * tolerance * scale:
        raise InputError(
            f"{name}: expected a symmetric matrix, got entries that differ from their transpose by "
            f"{2 * worst / scale:.1e} of the largest entry"
        )
