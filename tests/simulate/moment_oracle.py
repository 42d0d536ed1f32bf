"""Naive references for second moments: all minibatches one by one, and the d² × d² matrix of a step.

Written from the definition of SGD; shares no code with the package.
"""

from __future__ import annotations

import itertools

import numpy as np


def noise_weight(n: int, batch: int, replacement: bool) -> float:
    """Variance of a minibatch mean over the variance of one sample."""
    return 1 / batch if replacement else (n - batch) / (batch * max(1, n - 1))


def step(X: np.ndarray, M: np.ndarray, lr: float, weight: float) -> np.ndarray:
    """One step, sample by sample."""
    G = X.T @ X / len(X)
    shrink = np.eye(len(G)) - lr * G
    fourth = sum((x @ M @ x) * np.outer(x, x) for x in X) / len(X)
    return shrink @ M @ shrink + lr**2 * weight * (fourth - G @ M @ G)


def step_over_batches(X: np.ndarray, M: np.ndarray, lr: float, batch: int, replacement: bool) -> np.ndarray:
    """One step, averaged over every minibatch there is."""
    choose = (
        itertools.product(range(len(X)), repeat=batch) if replacement else itertools.combinations(range(len(X)), batch)
    )
    moved = []
    for chosen in choose:
        rows = X[list(chosen)]
        A = np.eye(X.shape[1]) - lr * rows.T @ rows / batch
        moved.append(A @ M @ A.T)
    return np.mean(moved, axis=0)


def matrix(X: np.ndarray, lr: float, weight: float) -> np.ndarray:
    """The d² × d² matrix of a step, by Kronecker products."""
    n, d = X.shape
    G = X.T @ X / n
    shrink = np.eye(d) - lr * G
    fourth = sum(np.kron(np.outer(x, x), np.outer(x, x)) for x in X) / n
    return np.kron(shrink, shrink) + lr**2 * weight * (fourth - np.kron(G, G))


def online_matrix(S: np.ndarray, lr: float, batch: int) -> np.ndarray:
    """The d² × d² matrix of an online step for x ~ N(0, diag(S)), by Gauss–Hermite quadrature of E[xxᵀ ⊗ xxᵀ]."""
    d = len(S)
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    weights = weights / weights.sum()
    fourth = np.zeros((d * d, d * d))
    for index in itertools.product(range(6), repeat=d):
        x = np.sqrt(S) * nodes[list(index)]
        fourth += np.prod(weights[list(index)]) * np.kron(np.outer(x, x), np.outer(x, x))
    G = np.diag(S)
    shrink = np.eye(d) - lr * G
    return np.kron(shrink, shrink) + lr**2 / batch * (fourth - np.kron(G, G))


def range_basis(X: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the range of G as columns."""
    _, values, right = np.linalg.svd(X)
    return right[: np.sum(values > 1e-12 * values[0])].T
