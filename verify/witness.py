"""Alignment by its definition: explicit p×p matrices, as slow and as plain as possible.

Every violation is computed again this way before it is reported (section 4 of docs/theory.md).
"""

from __future__ import annotations

import numpy as np


def dense_loss_alignment(X: np.ndarray, u: np.ndarray) -> float:
    """Loss alignment of the linear model, μ = Tr(Σ₁G)/(2L‖G‖_F²) (Definition 3.1).

    Args:
        X: inputs, shape (n, d).
        u: θ − w*, shape (d,), so that the residual is Xu.

    Returns:
        μ(θ). O(nd² + d³).
    """
    second_moment, fisher, twice_loss = _dense_matrices(X, u)
    return float(np.trace(second_moment @ fisher) / (twice_loss * np.sum(fisher * fisher)))


def dense_alignment_of_jacobian(jacobian: np.ndarray, residual: np.ndarray) -> float:
    """Loss alignment of any model with scalar outputs, from its Jacobian (Definition 3.1).

    Args:
        jacobian: J, shape (n, p).
        residual: shape (n,).

    Returns:
        μ. O(np² + p³).
    """
    n = jacobian.shape[0]
    second_moment = jacobian.T @ (residual[:, None] ** 2 * jacobian) / n
    fisher = jacobian.T @ jacobian / n
    return float(np.trace(second_moment @ fisher) / (residual @ residual / n * np.sum(fisher * fisher)))


def dense_directional_alignment(X: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """Directional alignment of the linear model, g = vᵀΣ₁v/(2L·vᵀGv) (Definition 4.1).

    Args:
        X: inputs, shape (n, d).
        u: θ − w*, shape (d,).
        v: direction, shape (d,).

    Returns:
        g(θ; v). O(nd²).
    """
    second_moment, fisher, twice_loss = _dense_matrices(X, u)
    return float((v @ second_moment @ v) / (twice_loss * (v @ fisher @ v)))


def _dense_matrices(X: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Σ₁, G and 2L of the linear model at residual Xu."""
    n = X.shape[0]
    residual = X @ u
    return X.T @ (residual[:, None] ** 2 * X) / n, X.T @ X / n, float(residual @ residual) / n


def quadrature_moment(covariance: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    """E[(u·x)²(v·x)²] for x ~ N(0, S), by a Gauss–Hermite rule that is exact for polynomials of degree 5.

    It shares nothing with Isserlis' formula, which Lemma C.1 rests on.

    Args:
        covariance: S, shape (d, d), positive definite, d ≤ 8.
        u: shape (d,).
        v: shape (d,).

    Returns:
        The moment. O(3^d d).
    """
    d = covariance.shape[0]
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = weights / weights.sum()
    grid = np.stack(np.meshgrid(*[nodes] * d, indexing="ij"), axis=-1).reshape(-1, d)
    mass = np.prod(np.stack(np.meshgrid(*[weights] * d, indexing="ij"), axis=-1).reshape(-1, d), axis=1)
    x = grid @ np.linalg.cholesky(covariance).T
    return float(mass @ ((x @ u) ** 2 * (x @ v) ** 2))
