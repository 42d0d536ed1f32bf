"""Extreme eigenpairs of symmetric matrices, on the device of the matrix."""

from __future__ import annotations

import array_api_compat
import numpy as np

from ..arrays import Namespace
from ..validation import Array

INVERSE_ITERATION_FROM = 64
"""Size from which eigenvalues alone, and two eigenvectors by inverse iteration, cost less than all eigenvectors."""


def extreme_eigenpairs(xp: Namespace, A: Array) -> tuple[float, float, Array]:
    """Smallest and largest eigenvalue of a symmetric matrix, with eigenvectors.

    O(m^3). Above a size of 64 by eigenvalues and inverse iteration rather than SciPy's subset solver, which reduces the
    matrix once for each end, and whose BLAS has threads of its own that compete with NumPy's.

    Args:
        xp: The namespace.
        A: Finite symmetric matrix, shape (m, m).

    Returns:
        Smallest eigenvalue, largest eigenvalue, and the (m, 2) matrix of their unit eigenvectors in this order. For
        clustered eigenvalues a vector may be any one whose Rayleigh quotient agrees to rounding.
    """
    if A.shape[0] < INVERSE_ITERATION_FROM:
        values, vectors = xp.linalg.eigh(A)
        return float(values[0]), float(values[-1]), xp.stack([vectors[:, 0], vectors[:, -1]], axis=1)
    values = xp.linalg.eigvalsh(A)
    low, high = float(values[0]), float(values[-1])
    # Shifts just outside the spectrum keep the shifted matrices definite and their solutions finite.
    margin = 4 * float(xp.finfo(A.dtype).eps) * max(abs(low), abs(high)) * A.shape[0] ** 0.5
    ends = [_inverse_iteration(xp, A, low, -margin), _inverse_iteration(xp, A, high, margin)]
    return low, high, xp.stack(ends, axis=1)


def _inverse_iteration(xp: Namespace, A: Array, value: float, margin: float) -> Array:
    """Eigenvector to an extreme eigenvalue.

    Args:
        xp: The namespace.
        A: Finite symmetric matrix, shape (m, m).
        value: The eigenvalue, within rounding errors.
        margin: Distance from the eigenvalue to the shift, of the size of the rounding errors.

    Returns:
        Unit vector, shape (m,), whose Rayleigh quotient is within the margin of the eigenvalue.
    """
    device = array_api_compat.device(A)
    shifted = A - (value + margin) * xp.eye(A.shape[0], dtype=A.dtype, device=device)
    start = np.random.default_rng(0).standard_normal((A.shape[0], 1))
    vector = xp.astype(xp.asarray(start, device=device), A.dtype)
    for _ in range(4):
        vector = xp.linalg.solve(shifted, vector)
        vector = vector / xp.max(xp.abs(vector))
        vector = vector / xp.linalg.vector_norm(vector)
        if abs(float(xp.sum(vector * (A @ vector))) - value) <= abs(margin):
            break
    return vector[:, 0]
