"""The fourth moment of whitened samples as an operator: T: V ↦ (1/n) Σ_i (z_iᵀ V z_i) z_i z_iᵀ on symmetric matrices.

g(θ; v) = ⟨uuᵀ, T vvᵀ⟩ for unit u and v, with Xθ − y = Z u and J v = Z v (oracle 3 of docs/theory.md). In few dimensions
T is a matrix over pairs of coordinates, in many it is applied block by block and needs no memory beyond Z.
"""

from __future__ import annotations

import array_api_compat
import numpy as np

from ..arrays import Namespace
from ..validation import Array, row_blocks

DENSE_PAIRS = 2100
"""Largest number of pairs d(d+1)/2 for which T is a matrix: 64 dimensions, 35 MB."""
IN_CACHE = 2**19
"""Entries of a block of rows of Z: what is read twice should still be in a cache, and products be fast."""


class FourthMoment:
    """T for given samples.

    Args:
        xp: The namespace.
        Z: Whitened samples, shape (n, r), ZᵀZ = n I.

    Attributes:
        xp: The namespace.
        Z: The samples.
        matrix: T in the orthonormal basis of symmetric matrices given by pairs of coordinates, shape (N, N),
            N = r(r+1)/2; None where it is applied without being formed.
    """

    def __init__(self, xp: Namespace, Z: Array) -> None:
        self.xp, self.Z = xp, Z
        rank = Z.shape[1]
        device = array_api_compat.device(Z)
        upper_i, upper_j = np.triu_indices(rank)
        self._first, self._second = (xp.asarray(index, device=device) for index in (upper_i, upper_j))
        self._scale = xp.asarray(np.where(upper_i == upper_j, 1.0, np.sqrt(2.0)), device=device)
        position = np.empty((rank, rank), dtype=np.int64)
        position[upper_i, upper_j] = position[upper_j, upper_i] = np.arange(upper_i.size)
        self._position = xp.asarray(position.ravel(), device=device)
        self.matrix: Array | None = self._dense() if upper_i.size <= DENSE_PAIRS else None

    @property
    def rank(self) -> int:
        """Dimension r of the samples."""
        return int(self.Z.shape[1])

    @property
    def pairs(self) -> int:
        """Dimension N = r(r+1)/2 of the space of symmetric matrices."""
        return self.rank * (self.rank + 1) // 2

    def _dense(self) -> Array:
        """Form T, O(n N²)."""
        xp, total = self.xp, 0.0
        for rows in row_blocks(self.Z.shape[0], self._first.shape[0]):
            block = self.Z[rows, :]
            products = xp.take(block, self._first, axis=1) * xp.take(block, self._second, axis=1) * self._scale
            total = total + xp.matrix_transpose(products) @ products
        return total / self.Z.shape[0]

    def flatten(self, V: Array) -> Array:
        """Write symmetric matrices in the basis of pairs.

        Args:
            V: Symmetric matrices, shape (m, r, r).

        Returns:
            Coordinates, shape (m, N); the Frobenius inner product becomes the Euclidean one.
        """
        xp = self.xp
        flat = xp.reshape(V, (V.shape[0], -1))
        return xp.take(flat, self._first * self.rank + self._second, axis=1) * self._scale

    def unflatten(self, coordinates: Array) -> Array:
        """Read symmetric matrices off their coordinates; the inverse of ``flatten``.

        Args:
            coordinates: Shape (m, N).

        Returns:
            Symmetric matrices, shape (m, r, r).
        """
        full = self.xp.take(coordinates / self._scale, self._position, axis=1)
        return self.xp.reshape(full, (coordinates.shape[0], self.rank, self.rank))

    def weighted(self, U: Array) -> Array:
        """The matrices M_u = T(uuᵀ) = (1/n) Σ_i (u·z_i)² z_i z_iᵀ.

        O(m N²), or O(m n r²) where T is not formed.

        Args:
            U: Directions as columns, shape (r, m).

        Returns:
            Symmetric matrices, shape (m, r, r).
        """
        xp = self.xp
        if self.matrix is not None:
            pairs = xp.take(U, self._first, axis=0) * xp.take(U, self._second, axis=0) * self._scale[:, None]
            return self.unflatten(xp.matrix_transpose(self.matrix @ pairs))
        n, m = self.Z.shape[0], U.shape[1]
        totals = [0.0] * m
        for rows in row_blocks(n, self.rank * 8):
            block = self.Z[rows, :]
            transposed = xp.matrix_transpose(block)
            weights = (block @ U) ** 2
            for k in range(m):
                totals[k] = totals[k] + transposed @ (weights[:, k][:, None] * block)
        return xp.stack(totals, axis=0) / n

    def apply(self, V: Array) -> Array:
        """Apply T to one symmetric matrix without forming T, O(n r²): two products of Z with an r × r matrix.

        Args:
            V: Symmetric matrix, shape (r, r).

        Returns:
            T(V), shape (r, r).
        """
        xp, total = self.xp, 0.0
        step = max(1, IN_CACHE // self.rank)
        for start in range(0, self.Z.shape[0], step):
            block = self.Z[start : min(start + step, self.Z.shape[0]), :]
            forms = xp.linalg.vecdot(block @ V, block)
            total = total + xp.matrix_transpose(block) @ (forms[:, None] * block)
        return total / self.Z.shape[0]
