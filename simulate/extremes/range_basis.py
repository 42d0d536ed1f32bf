"""An orthonormal basis of the range of X: what "for all θ" means for a linear model, whose residuals are r = X u.

The basis is Z = X C^{-1} W with C a diagonal of powers of two, so Z is applied block by block and never stored.
Scaling columns does not move the range; it makes the basis accurate where columns differ by orders of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import array_api_compat
import numpy as np

from ..arrays import Namespace, power_of_two
from ..validation import Array, row_blocks


class RangeBasis(NamedTuple):
    """Orthonormal basis Z = (X / columns) @ W of the range of X.

    Attributes:
        X: The inputs, shape (n, d).
        columns: Powers of two that scale the columns, shape (d,); None where they need no scaling.
        factor: F with F^T F = E^T E for E = X / columns, shape (m, d).
        W: Coefficients of the basis, shape (d, rank).
        steps: Factors of W. Rows of Z are formed by one after the other: W itself may be so large, with so much
            cancelling, that its rounding errors would spoil the orthogonality.
        coordinates: B with E y = Z B y for every y, shape (rank, d).
        full_row_rank: Whether rank X = n, so that every residual is possible; then Z is the identity.
        stable: Whether congruences with W are accurate; otherwise sums over samples are formed from Z.
    """

    X: Array
    columns: Array | None
    factor: Array
    W: Array
    steps: tuple[Array, ...]
    coordinates: Array
    full_row_rank: bool
    stable: bool

    @property
    def rank(self) -> int:
        """Rank of X.

        Returns:
            The number of columns of Z.
        """
        return int(self.W.shape[1])

    def scaled_rows(self, rows: slice) -> Array:
        """Some rows of E = X / columns.

        Args:
            rows: Which rows.

        Returns:
            The rows, shape (number of rows, d).
        """
        return self.X[rows, :] if self.columns is None else self.X[rows, :] / self.columns

    def basis_rows(self, rows: slice) -> Array:
        """Some rows of Z.

        Args:
            rows: Which rows.

        Returns:
            The rows, shape (number of rows, rank).
        """
        block = self.scaled_rows(rows)
        for step in self.steps:
            block = block @ step
        return block

    def blocks(self) -> Iterator[Array]:
        """Go through the rows of Z in blocks.

        Yields:
            Consecutive rows of Z.
        """
        for rows in row_blocks(self.X.shape[0], self.X.shape[1]):
            yield self.basis_rows(rows)


def basis_of_range(xp: Namespace, X: Array) -> RangeBasis:
    """Find an orthonormal basis of the range of X.

    Full column rank and well conditioned: Cholesky of the scaled Gram matrix, O(nd^2) time and O(d^2) memory beyond X.
    Otherwise: a QR factorisation over row blocks and the SVD of its triangle, then one step of reorthogonalisation.
    Singular values below about 64 rounding errors of the largest count as zero.

    Args:
        xp: The namespace.
        X: Finite inputs, shape (n, d), not all zero.

    Returns:
        The basis.
    """
    n, d = X.shape
    columns = _column_scales(xp, X)
    if n <= d:
        basis = _full_row_rank_basis(xp, X, columns)
        return basis if basis is not None else _basis_by_svd(xp, X, columns)
    gram = xp.zeros((d, d), dtype=X.dtype, device=array_api_compat.device(X))
    for rows in row_blocks(n, d):
        block = X[rows, :] if columns is None else X[rows, :] / columns
        gram = gram + xp.matrix_transpose(block) @ block
    basis = _basis_by_cholesky(xp, X, columns, gram)
    return basis if basis is not None else _basis_by_svd(xp, X, columns)


def parameters_of(xp: Namespace, basis: RangeBasis, scaled: Array) -> Array:
    """Turn unit residuals' coefficients of the scaled columns into parameters.

    Args:
        xp: The namespace.
        basis: Basis of the range of X.
        scaled: Coefficients as columns, shape (d, m), with ‖(X / columns) coefficients‖ = 1.

    Returns:
        Parameters u as rows, shape (m, d), with ‖X u‖² = n.
    """
    parameters = xp.matrix_transpose(scaled) * math.sqrt(basis.X.shape[0])
    return parameters if basis.columns is None else parameters / basis.columns


def _column_scales(xp: Namespace, X: Array) -> Array | None:
    """Powers of two near the largest entry of each column.

    Args:
        xp: The namespace.
        X: Finite inputs, shape (n, d), not all zero.

    Returns:
        Scales, shape (d,), or None where all non-zero columns lie between 2^-20 and 2^20, whose squares are harmless.
    """
    columns = power_of_two(xp, xp.maximum(xp.max(X, axis=0), -xp.min(X, axis=0)))
    moderate = float(xp.min(columns)) >= 2.0**-20 and float(xp.max(columns)) <= 2.0**20
    return None if moderate else columns


def condition_limit(xp: Namespace, dtype: object) -> float:
    """Condition number of a Gram matrix up to which it is used instead of an orthogonal factorisation.

    Args:
        xp: The namespace.
        dtype: A floating dtype.

    Returns:
        eps^(-1/3), so that the relative error stays near eps^(2/3): 4e-11 in float64.
    """
    return float(xp.finfo(dtype).eps) ** (-1 / 3)


def rank_tolerance(xp: Namespace, X: Array) -> float:
    """Relative size below which a singular value of X counts as zero.

    Args:
        xp: The namespace.
        X: Matrix, shape (n, d).

    Returns:
        64 rounding errors, or the square root of the larger side where that is more: rounding errors of the entries
        add up like noise, so this stays below 1e-12 in float64 for any n up to 2e7.
    """
    return float(xp.finfo(X.dtype).eps) * max(64.0, math.sqrt(max(X.shape)))


def _basis_by_cholesky(xp: Namespace, X: Array, columns: Array | None, gram: Array) -> RangeBasis | None:
    """Orthonormalise by the Cholesky factor of the Gram matrix, if it is well conditioned.

    Args:
        xp: The namespace.
        X: Inputs, shape (n, d), n > d.
        columns: Column scales, shape (d,), or None.
        gram: Gram matrix of the scaled columns, shape (d, d).

    Returns:
        The basis, or None where the condition number is above ``condition_limit``.
    """
    if float(xp.min(xp.linalg.diagonal(gram))) <= 0:
        return None
    # With a diagonal near 1 the condition number is that of the angles between columns.
    lengths = power_of_two(xp, xp.sqrt(xp.linalg.diagonal(gram)))
    try:
        lower = xp.linalg.cholesky(gram / lengths / lengths[:, None])
    except np.linalg.LinAlgError:
        return None
    # The smallest eigenvalue is at most the smallest squared pivot. NaN, CuPy's sign of failure, does not pass either.
    if not float(xp.min(xp.linalg.diagonal(lower))) ** 2 * condition_limit(xp, X.dtype) > 1:
        return None
    inverse = _inverse_of_lower(xp, lower)
    if _largest_eigenvalue(xp, lower) * _largest_eigenvalue(xp, inverse) > condition_limit(xp, X.dtype):
        return None
    upper = xp.matrix_transpose(lower) * lengths
    W = xp.matrix_transpose(inverse / lengths)
    return RangeBasis(X, columns, upper, W, (W,), upper, full_row_rank=False, stable=True)


def _inverse_of_lower(xp: Namespace, lower: Array) -> Array:
    """Invert a lower triangular matrix.

    Args:
        xp: The namespace.
        lower: Non-singular lower triangular matrix, shape (d, d).

    Returns:
        Its inverse, shape (d, d).
    """
    # An upper triangular matrix is its own LU factorisation, so the general inverse is as accurate as a triangular one.
    return xp.tril(xp.matrix_transpose(xp.linalg.inv(xp.matrix_transpose(lower))))


def _largest_eigenvalue(xp: Namespace, factor: Array) -> float:
    """Estimate the largest eigenvalue of F F^T or F^T F by power iteration; a few per cent are enough here.

    Args:
        xp: The namespace.
        factor: Square matrix F, shape (d, d).

    Returns:
        The estimate, a lower bound.
    """
    lengths = xp.sum(factor * factor, axis=0)
    vector = factor[:, int(xp.argmax(lengths))]
    estimate = 0.0
    for _ in range(8):
        vector = factor @ (xp.matrix_transpose(factor) @ (vector / xp.linalg.vector_norm(vector)))
        estimate = float(xp.linalg.vector_norm(vector))
    return estimate


def _basis_by_svd(xp: Namespace, X: Array, columns: Array | None) -> RangeBasis:
    """Orthonormalise by the SVD of the triangular factor of X: any rank, any condition number.

    Args:
        xp: The namespace.
        X: Inputs, shape (n, d), not all zero.
        columns: Column scales, shape (d,), or None.

    Returns:
        The basis.
    """
    factor = _triangular_factor(xp, X, columns)
    lengths = power_of_two(xp, xp.linalg.vector_norm(factor, axis=0))
    columns = lengths if columns is None else columns * lengths
    factor = factor / lengths
    _, values, right = xp.linalg.svd(factor, full_matrices=False)
    rank = int(xp.sum(xp.astype(values > rank_tolerance(xp, X) * values[0], xp.int64)))
    values, right = values[:rank], right[:rank, :]
    W = xp.matrix_transpose(right) / values
    first = RangeBasis(X, columns, factor, W, (W,), right, full_row_rank=False, stable=False)
    overlap = xp.zeros((rank, rank), dtype=X.dtype, device=array_api_compat.device(X))
    for Z in first.blocks():
        overlap = overlap + xp.matrix_transpose(Z) @ Z
    lower = xp.linalg.cholesky(overlap)
    turn = xp.matrix_transpose(_inverse_of_lower(xp, lower))
    coordinates = xp.matrix_transpose(lower) @ (values[:, None] * right)
    return first._replace(W=W @ turn, steps=(W, turn), coordinates=coordinates)


def _triangular_factor(xp: Namespace, X: Array, columns: Array | None) -> Array:
    """Triangular factor R of the scaled inputs, R^T R = E^T E, by QR factorisations of consecutive row blocks.

    Args:
        xp: The namespace.
        X: Inputs, shape (n, d).
        columns: Column scales, shape (d,), or None.

    Returns:
        R, shape (d, d); E itself where n <= d.
    """
    n, d = X.shape
    if n <= d:
        return X if columns is None else X / columns
    factor = None
    # Blocks of at least 4 d rows: each factorisation repeats the d rows of the triangle so far.
    for rows in row_blocks(n, d, at_least=4 * d):
        block = X[rows, :] if columns is None else X[rows, :] / columns
        if factor is not None:
            block = xp.concat([factor, block], axis=0)
        factor = np.linalg.qr(block, mode="r") if array_api_compat.is_numpy_namespace(xp) else xp.linalg.qr(block)[1]
    return factor


def _full_row_rank_basis(xp: Namespace, X: Array, columns: Array | None) -> RangeBasis | None:
    """The identity as basis, if rank X = n.

    Scaling rows does not change the rank, so it is decided after scaling both rows and columns.

    Args:
        xp: The namespace.
        X: Inputs, shape (n, d), n <= d.
        columns: Column scales, shape (d,), or None.

    Returns:
        The basis, or None where rank X < n.
    """
    E = X if columns is None else X / columns
    rows = xp.linalg.vector_norm(E, axis=1)
    if float(xp.min(rows)) == 0:
        return None
    scales = power_of_two(xp, rows)
    inverse = _pseudo_inverse(xp, E / scales[:, None])
    if inverse is None:
        return None
    W = inverse / scales
    return RangeBasis(X, columns, E, W, (W,), E, full_row_rank=True, stable=False)


def _pseudo_inverse(xp: Namespace, wide: Array) -> Array | None:
    """Pseudo-inverse of a matrix of full row rank.

    Args:
        xp: The namespace.
        wide: Matrix, shape (n, d), n <= d, rows of length about 1.

    Returns:
        The pseudo-inverse, shape (d, n), or None where the rank is below n.
    """
    tolerance = rank_tolerance(xp, wide)
    Q, R = xp.linalg.qr(xp.matrix_transpose(wide))
    pivots = xp.abs(xp.linalg.diagonal(R))
    if float(xp.min(pivots)) > tolerance * float(xp.max(pivots)):
        lower = xp.matrix_transpose(R)
        inverse = _inverse_of_lower(xp, lower)
        # Far from the limit the estimate settles it; near it the singular values do.
        condition = math.sqrt(_largest_eigenvalue(xp, lower) * _largest_eigenvalue(xp, inverse))
        if condition < 1e-3 / tolerance:
            return Q @ inverse
    left, values, right = xp.linalg.svd(wide, full_matrices=False)
    if float(values[-1]) <= tolerance * float(values[0]):
        return None
    return (xp.matrix_transpose(right) / values) @ xp.matrix_transpose(left)
