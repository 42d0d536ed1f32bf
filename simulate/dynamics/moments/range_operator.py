"""The step of the second moment on the range of G, in the eigenbasis of G.

There the terms without a sum over samples act entry by entry, T is self-adjoint for the Frobenius inner product, and
symmetric matrices are vectors of r(r+1)/2 numbers whose off-diagonal entries carry a factor √2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...extremes.range_basis import rank_tolerance
from ...validation import InputError, row_blocks
from .davidson import DENSE_SIZE
from .exponents import rate_factors
from .inputs import host_design, scaled_rate

MATRIX_PAIRS = 2000
"""Largest dimension at which the sum over samples may be held as a matrix (32 MB)."""


class RangeDesign(NamedTuple):
    """A design in the eigenbasis of its G, divided by a power of two.

    Attributes:
        Z: Inputs X U / scale, shape (n, r).
        values: Eigenvalues of G / scale², positive, descending, shape (r,).
        U: Eigenvectors of G as columns, shape (d, r).
        scale: The power of two.
    """

    Z: np.ndarray
    values: np.ndarray
    U: np.ndarray
    scale: float

    @property
    def rank(self) -> int:
        """Rank of G.

        Returns:
            r.
        """
        return len(self.values)

    @property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of G.

        Returns:
            Shape (r,), descending; not scaled, infinite beyond float64.
        """
        with np.errstate(over="ignore", under="ignore"):
            return self.values * self.scale * self.scale


def range_design(X: object) -> RangeDesign:
    """Find the eigenbasis of G on its range.

    By singular values of X, whose small ones are more accurate than those of XᵀX. O(n d min(n, d)).

    Args:
        X: Inputs, shape (n, d), finite, of any library.

    Returns:
        The design; singular values of X below about 64 rounding errors of the largest count as zero.

    Raises:
        InputError: If ``X`` is not a non-empty finite real matrix, or is zero.
    """
    scaled, scale = host_design(X)
    n, d = scaled.shape
    factor = np.linalg.qr(scaled, mode="r") if n > d else scaled
    _, singular, right = np.linalg.svd(factor, full_matrices=False)
    if singular[0] == 0:
        raise InputError("X: expected a matrix that is not zero, got zeros only")
    rank = int(np.sum(singular > rank_tolerance(np, scaled) * singular[0]))
    U = np.ascontiguousarray(right[:rank].T)
    return RangeDesign(scaled @ U, singular[:rank] ** 2 / n, U, scale)


class FourthMoments:
    """The map M ↦ (1/n) Σ_i (z_iᵀ M z_i) z_i z_iᵀ on symmetric matrices.

    Directly O(n r²) a matrix; as a matrix on pairs of coordinates O(r⁴) once it is formed, in O(n r⁴).

    Attributes:
        Z: Samples, shape (n, r).
        pairs: r(r+1)/2.
        matrix: The map on packed matrices, shape (pairs, pairs); None where samples are gone through directly.
    """

    def __init__(self, Z: np.ndarray, applications: int) -> None:
        """Decide how the map is to be applied.

        Args:
            Z: Samples, shape (n, r).
            applications: How many matrices it will be applied to, about.
        """
        n, rank = Z.shape
        self.Z, self.pairs = Z, rank * (rank + 1) // 2
        self._first, self._second = np.triu_indices(rank)
        self._root = np.where(self._first == self._second, 1.0, math.sqrt(2))
        worth_it = 8 * n > rank * rank and 16 * applications > rank * rank
        small = self.pairs <= DENSE_SIZE
        self.matrix = self._form() if small or (worth_it and self.pairs <= MATRIX_PAIRS) else None

    def _form(self) -> np.ndarray:
        """Form the matrix from the products of pairs of coordinates."""
        total = np.zeros((self.pairs, self.pairs))
        for rows in row_blocks(len(self.Z), self.pairs):
            products = self.Z[rows][:, self._first] * self.Z[rows][:, self._second]
            products *= self._root
            total += products.T @ products
        return total / len(self.Z)

    def pack(self, M: np.ndarray) -> np.ndarray:
        """Turn symmetric matrices into vectors, with the Frobenius inner product as dot product.

        Args:
            M: Shape (..., r, r).

        Returns:
            Shape (..., pairs).
        """
        return M[..., self._first, self._second] * self._root

    def unpack(self, vectors: np.ndarray) -> np.ndarray:
        """Turn vectors into symmetric matrices.

        Args:
            vectors: Shape (..., pairs).

        Returns:
            Shape (..., r, r).
        """
        rank = self.Z.shape[1]
        M = np.empty((*vectors.shape[:-1], rank, rank))
        entries = vectors / self._root
        M[..., self._first, self._second] = entries
        M[..., self._second, self._first] = entries
        return M

    def diagonal(self) -> np.ndarray:
        """Diagonal of the map on packed matrices.

        Returns:
            Shape (pairs,): (1/n) Σ z_i² z_j², twice that off the diagonal.
        """
        squares = self.Z * self.Z
        return (squares.T @ squares / len(self.Z))[self._first, self._second] * self._root**2

    def pairwise(self, values: np.ndarray) -> np.ndarray:
        """Entries of a symmetric matrix at the packed pairs, without factors.

        Args:
            values: Shape (r, r).

        Returns:
            Shape (pairs,).
        """
        return values[self._first, self._second]

    def apply(self, stack: np.ndarray) -> np.ndarray:
        """Apply the map to each of several symmetric matrices.

        Args:
            stack: Shape (K, r, r).

        Returns:
            Shape (K, r, r), symmetric.
        """
        if self.matrix is not None:
            return self.unpack(self.pack(stack) @ self.matrix)
        result = np.zeros(stack.shape)
        blocks = list(row_blocks(*self.Z.shape))
        images, part = np.empty((blocks[0].stop, self.Z.shape[1])), np.empty(stack.shape[1:])
        for M, total in zip(stack, result, strict=True):
            for rows in blocks:
                Z = self.Z[rows]
                image = images[: len(Z)]
                np.matmul(Z, M, out=image)
                weights = np.einsum("ij,ij->i", image, Z)
                np.multiply(Z, weights[:, None], out=image)
                total += np.matmul(image.T, Z, out=part)
        result /= len(self.Z)
        return 0.5 * (result + result.transpose(0, 2, 1))


class RangeStep:
    """T on the range of G, divided by the power of two that ``rate_factors`` gives.

    Attributes:
        design: The design.
        fourth: The sum over samples.
        entrywise: Coefficients C of T(M) = C ∘ M + gain · fourth(M), shape (r, r).
        gain: η²κ, scaled.
        exponent: T is 2^exponent times what ``apply`` gives.
    """

    def __init__(self, design: RangeDesign, fourth: FourthMoments, lr: float, weight: float) -> None:
        """Prepare the coefficients.

        Args:
            design: The design.
            fourth: The sum over its samples.
            lr: Learning rate.
            weight: κ, the variance of a minibatch mean.

        Raises:
            InputError: If the learning rate leaves the range of float64 on the scaled design.
        """
        factors = rate_factors(scaled_rate(lr, design.scale))
        self.design, self.fourth, self.exponent = design, fourth, factors.exponent
        kept, noise = factors.shrink - factors.rate * design.values, factors.rate * design.values
        self.entrywise = np.outer(kept, kept) - weight * np.outer(noise, noise)
        self.gain = factors.rate * factors.rate * weight

    def apply(self, stack: np.ndarray) -> np.ndarray:
        """Apply T to each of several symmetric matrices.

        Args:
            stack: Shape (K, r, r).

        Returns:
            Shape (K, r, r).
        """
        moved = self.entrywise * stack
        if self.gain > 0:
            moved += self.gain * self.fourth.apply(stack)
        return moved
