"""Weighted second-moment matrices of directional alignment, for many directions at once.

With Z an orthonormal basis of the range of X and J v = Z q, |q| = 1, the directional alignment at residual r = Z w is
the Rayleigh quotient of M_v = n Σ_i (z_i·q)² z_i z_iᵀ (centred: minus q qᵀ), oracle 2 of docs/theory.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import array_api_compat
import numpy as np

from ..arrays import Namespace
from ..validation import BLOCK_ENTRIES, Array, row_blocks
from .range_basis import RangeBasis, rank_tolerance

SMALL_RANK = 32
"""Rank up to which products of pairs of basis functions are formed, so that all directions share one matrix product."""


def unit_coordinates(xp: Namespace, basis: RangeBasis, V: Array) -> tuple[Array, Array]:
    """Coordinates of X v in the basis of the range of X, normalised.

    Args:
        xp: The namespace.
        basis: The basis, of rank r.
        V: Directions as columns, shape (d, K), finite.

    Returns:
        Unit coordinates q as columns, shape (r, K), and a boolean (K,) array: whether X v = 0 up to rounding; the
        coordinates are 0 there.
    """
    scaled = _unit_columns(xp, V)
    if basis.columns is not None:
        scaled = _unit_columns(xp, scaled * (basis.columns / xp.max(basis.columns))[:, None])
    coordinates = basis.coordinates @ scaled
    size = xp.linalg.vector_norm(basis.coordinates) * xp.linalg.vector_norm(scaled, axis=0)
    length = xp.linalg.vector_norm(coordinates, axis=0)
    null = length <= rank_tolerance(xp, basis.X) * size
    unit = coordinates / xp.where(null, xp.ones_like(length), length)
    return xp.where(null[None, :], xp.zeros_like(unit), unit), null


def _unit_columns(xp: Namespace, V: Array) -> Array:
    """Divide each column by its largest absolute entry, so that no square over- or underflows.

    Args:
        xp: The namespace.
        V: Matrix, shape (d, K).

    Returns:
        The scaled matrix; zero columns stay zero.
    """
    largest = xp.max(xp.abs(V), axis=0)
    return V / xp.where(largest > 0, largest, xp.ones_like(largest))


def direction_matrices(xp: Namespace, basis: RangeBasis, unit: Array, centred: bool) -> Array:
    """The matrices M_v whose extreme eigenvalues are the extremes of g(θ; v) over θ.

    Up to rank 32 one product over pairs of basis functions serves all directions: O(n r^4 + K r^4) or O(n r^2 K),
    whichever is less; above that O(n r^2 K).

    Args:
        xp: The namespace.
        basis: The basis, of rank r.
        unit: Unit coordinates of the directions as columns, shape (r, K).
        centred: Whether the mean gradient is subtracted.

    Returns:
        Symmetric matrices, shape (K, r, r).
    """
    if basis.full_row_rank:
        weights = xp.matrix_transpose(unit * unit)[:, :, None] * basis.X.shape[0]
        eye = xp.eye(basis.rank, dtype=unit.dtype, device=array_api_compat.device(unit))
        matrices = weights * eye
    elif basis.rank <= SMALL_RANK:
        matrices = _by_pairs(xp, basis, unit)
    else:
        matrices = _one_by_one(xp, basis, unit)
    if centred:
        rows = xp.matrix_transpose(unit)
        matrices = matrices - rows[:, :, None] * rows[:, None, :]
    return matrices


def _by_pairs(xp: Namespace, basis: RangeBasis, unit: Array) -> Array:
    """Form all M_v at once from the products of pairs of basis functions.

    Args:
        xp: The namespace.
        basis: The basis, of rank r.
        unit: Unit coordinates as columns, shape (r, K).

    Returns:
        Symmetric matrices, shape (K, r, r).
    """
    n, rank = basis.X.shape[0], basis.rank
    device = array_api_compat.device(unit)
    upper_i, upper_j = np.triu_indices(rank)
    first, second = (xp.asarray(index, device=device) for index in (upper_i, upper_j))
    pairs, directions = upper_i.size, unit.shape[1]
    fourth_moments = directions > pairs // 2
    total = xp.zeros((pairs, pairs if fourth_moments else directions), dtype=unit.dtype, device=device)
    for rows in basis.blocks():
        for part in row_blocks(rows.shape[0], max(pairs, 0 if fourth_moments else directions)):
            Z = rows[part, :]
            products = xp.take(Z, first, axis=1) * xp.take(Z, second, axis=1)
            right = products if fourth_moments else (Z @ unit) ** 2
            total = total + xp.matrix_transpose(products) @ right
    if fourth_moments:
        twice = xp.where(first == second, xp.ones_like(first), 2 * xp.ones_like(first))
        both = xp.take(unit, first, axis=0) * xp.take(unit, second, axis=0)
        total = total @ (both * xp.astype(twice, unit.dtype)[:, None])
    position = np.empty((rank, rank), dtype=np.int64)
    position[upper_i, upper_j] = position[upper_j, upper_i] = np.arange(pairs)
    full = xp.take(total, xp.asarray(position.ravel(), device=device), axis=0)
    return n * xp.reshape(xp.matrix_transpose(full), (directions, rank, rank))


def _one_by_one(xp: Namespace, basis: RangeBasis, unit: Array) -> Array:
    """Form each M_v by a weighted Gram matrix of its own, passing over the samples once.

    Args:
        xp: The namespace.
        basis: The basis, of rank r.
        unit: Unit coordinates as columns, shape (r, K).

    Returns:
        Symmetric matrices, shape (K, r, r).
    """
    n, rank = basis.X.shape[0], basis.rank
    zero = xp.zeros((rank, rank), dtype=unit.dtype, device=array_api_compat.device(unit))
    totals = [zero] * unit.shape[1]
    for Z in basis.blocks():
        along = Z @ unit
        for k in range(unit.shape[1]):
            weighted = along[:, k][:, None] * Z
            totals[k] = totals[k] + xp.matrix_transpose(weighted) @ weighted
    return n * xp.stack(totals, axis=0)


def direction_chunks(basis: RangeBasis, directions: int) -> Iterator[slice]:
    """Cut the directions into chunks whose matrices fit a few million entries.

    Args:
        basis: The basis, of rank r.
        directions: Number of directions.

    Yields:
        Consecutive slices of directions.
    """
    step = max(1, 8 * BLOCK_ENTRIES // (basis.rank * basis.rank))
    for start in range(0, directions, step):
        yield slice(start, min(directions, start + step))
