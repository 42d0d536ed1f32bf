"""Loss alignment where every residual is possible: rank X = n, shown by the Gram matrix without an orthogonal basis."""

from __future__ import annotations

from collections.abc import Callable

import array_api_compat
import numpy as np
import scipy.linalg

from ..arrays import Namespace
from ..validation import Array

SHOWN_INDEPENDENT = 1e-9
"""Smallest eigenvalue of the Gram matrix of unit rows that a Cholesky factorisation shows beyond rounding errors."""
MODERATE = 2.0**20
"""Rows of lengths between 1/MODERATE and MODERATE: their squares and fourth powers are harmless."""


def entries_and_ends(xp: Namespace, X: Array) -> tuple[Array, Array] | None:
    """Possible values of μ at residuals of a single sample, with parameters that leave only such a residual.

    Half the cost of an orthogonal factorisation and less: O(n² d + n³).

    Args:
        xp: The namespace.
        X: Finite inputs, shape (n, d), n ≤ d.

    Returns:
        a/mean(a), shape (n,), and as rows the parameters u with X u along the sample of its smallest and largest entry,
        shape (2, d), ‖X u‖² = n. None where the rows are not shown to be well independent, or are of extreme lengths.
    """
    gram = X @ xp.matrix_transpose(X)
    lengths = xp.sqrt(xp.linalg.diagonal(gram))
    if not (float(xp.min(lengths)) > 1 / MODERATE and float(xp.max(lengths)) < MODERATE):
        return None
    angles = gram / lengths / lengths[:, None]
    eye = xp.eye(X.shape[0], dtype=X.dtype, device=array_api_compat.device(X))
    if not _is_definite(xp, angles - SHOWN_INDEPENDENT * eye):
        return None
    weights = xp.linalg.vecdot(gram, gram)
    values = weights / xp.mean(weights)
    ends = xp.stack([eye[:, int(xp.argmin(values))], eye[:, int(xp.argmax(values))]], axis=1)
    rows = X / lengths[:, None]
    solve = _solver(xp, angles)
    coefficients = solve(ends)
    # One step of refinement, with the residual from X itself: the Gram matrix has the square of its condition number.
    coefficients = coefficients + solve(ends - rows @ (xp.matrix_transpose(rows) @ coefficients))
    parameters = xp.matrix_transpose(coefficients) @ rows
    size = xp.linalg.vector_norm(parameters @ xp.matrix_transpose(X), axis=1, keepdims=True)
    return values, parameters / size * X.shape[0] ** 0.5


def _is_definite(xp: Namespace, matrix: Array) -> bool:
    """Whether a Cholesky factorisation succeeds (CuPy reports failure by NaN).

    Args:
        xp: The namespace.
        matrix: Symmetric matrix, shape (n, n).

    Returns:
        Whether it is positive definite up to rounding.
    """
    try:
        return bool(xp.all(xp.isfinite(xp.linalg.diagonal(xp.linalg.cholesky(matrix)))))
    except np.linalg.LinAlgError:
        return False


def _solver(xp: Namespace, matrix: Array) -> Callable[[Array], Array]:
    """Prepare the solution of positive definite systems.

    Args:
        xp: The namespace.
        matrix: Shape (n, n), positive definite.

    Returns:
        A function from right-hand sides, shape (n, m), to solutions.
    """
    if array_api_compat.is_numpy_namespace(xp):
        factor = scipy.linalg.cho_factor(matrix, lower=True, check_finite=False)
        return lambda right: scipy.linalg.cho_solve(factor, right, check_finite=False)
    return lambda right: xp.linalg.solve(matrix, right)
