"""Worst cases of directional alignment on the first n samples, for many n at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import array_api_compat
import numpy as np

from ..arrays import Namespace, real_arrays
from ..validation import Array, InputError, check_integer, check_ndim, check_shape
from .linear import directional_alignment_ranges

ACCURATE_CONDITION = 1e7
"""Condition number of XᵀX up to which whitening by Cholesky keeps the extremes to about nine digits."""


def directional_alignment_profile(X: object, V: object, sizes: Sequence[int]) -> tuple[Array, Array]:
    """Range of g(θ; v) over all θ on the first n rows of X, for several n (oracle 2 of docs/theory.md).

    The moment matrices are accumulated from one size to the next, so all sizes together cost one pass over the rows:
    O(n d² K) for the largest n and O(K d³) for each size.

    Args:
        X: Inputs, shape (n, d), finite.
        V: Directions as columns, shape (d, K), finite, of the library and device of ``X``.
        sizes: Strictly increasing numbers of rows, from 1 to n.

    Returns:
        ``(inf, sup)``, each of shape (number of sizes, K); entry [i, k] equals that of
        ``directional_alignment_ranges(X[:sizes[i]], V)`` up to rounding.

    Raises:
        InputError: If ``X`` or ``V`` is not a non-empty finite real matrix, their shapes do not match, or ``sizes`` is
            empty, not increasing or out of range.
    """
    xp, (inputs, directions) = real_arrays(X=X, V=V)
    check_ndim("X", inputs, 2, shape="(n, d)")
    check_ndim("V", directions, 2, shape="(d, K)")
    check_shape("V", directions, (inputs.shape[1], directions.shape[1]), "to match X")
    ends = [check_integer("sizes", size, minimum=1, maximum=inputs.shape[0]) for size in sizes]
    if not ends or any(a >= b for a, b in itertools.pairwise(ends)):
        raise InputError(f"sizes: expected strictly increasing integers, got {list(sizes)[:8]!r}")
    gram, weighted, start = 0.0, 0.0, 0
    lowest, highest = [], []
    for end in ends:
        rows = inputs[start:end, :]
        gram = gram + xp.matrix_transpose(rows) @ rows
        weighted = weighted + _weighted_grams(xp, rows, directions)
        start = end
        found = _range_at(xp, gram, weighted, directions, end)
        if found is None:
            found = directional_alignment_ranges(inputs[:end, :], directions)
        lowest.append(found[0])
        highest.append(found[1])
    return xp.stack(lowest), xp.stack(highest)


def _weighted_grams(xp: Namespace, rows: Array, V: Array) -> Array:
    """Σ_i (v·x_i)² x_i x_iᵀ for each direction.

    Args:
        xp: The namespace.
        rows: Samples, shape (m, d).
        V: Directions as columns, shape (d, K).

    Returns:
        Symmetric matrices, shape (K, d, d).
    """
    weights = (rows @ V) ** 2
    d, K = V.shape
    if K == 1:
        return (xp.matrix_transpose(rows) @ (rows * weights))[None, :, :]
    pairs = xp.reshape(rows[:, :, None] * rows[:, None, :], (rows.shape[0], d * d))
    return xp.reshape(xp.matrix_transpose(weights) @ pairs, (K, d, d))


def _range_at(xp: Namespace, gram: Array, weighted: Array, V: Array, n: int) -> tuple[Array, Array] | None:
    """Extremes from the accumulated matrices, where whitening by Cholesky is accurate.

    Args:
        xp: The namespace.
        gram: XᵀX on the first n rows, shape (d, d).
        weighted: Σ_i (v·x_i)² x_i x_iᵀ on the first n rows, shape (K, d, d).
        V: Directions as columns, shape (d, K).
        n: Number of rows.

    Returns:
        ``(inf, sup)``, each (K,), or None where XᵀX is singular or too badly conditioned, or some X v = 0.
    """
    if n <= gram.shape[0]:
        return None
    values = xp.linalg.eigvalsh(gram)
    energy = xp.sum(V * (gram @ V), axis=0)
    if float(values[0]) * ACCURATE_CONDITION < float(values[-1]) or float(xp.min(energy)) <= 0:
        return None
    lower = xp.linalg.cholesky(gram)
    eye = xp.eye(gram.shape[0], dtype=gram.dtype, device=array_api_compat.device(gram))
    inverse = xp.linalg.solve(lower, eye)
    white = inverse @ weighted @ xp.matrix_transpose(inverse)
    white = (white + xp.matrix_transpose(white)) * (0.5 * n / energy)[:, None, None]
    spectra = xp.linalg.eigvalsh(white)
    return xp.clip(spectra[:, 0], 0.0, None), spectra[:, -1]


def size_grid(d: int, largest: int, ratio: float) -> list[int]:
    """Sample sizes from d + 1 to a largest one in geometric steps.

    Args:
        d: Number of dimensions, at least 1.
        largest: Largest size, above d.
        ratio: Ratio of consecutive sizes, above 1.

    Returns:
        Strictly increasing integers; the first is d + 1 and the last ``largest``.

    Raises:
        InputError: If ``largest`` is not above ``d``.
    """
    d = check_integer("d", d, minimum=1)
    largest = check_integer("largest", largest, minimum=d + 1)
    steps = max(1, round(np.log(largest / (d + 1)) / np.log(ratio)))
    return sorted({round(x) for x in np.geomspace(d + 1, largest, steps + 1)})
