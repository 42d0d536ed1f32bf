"""Largest eigenpair of a symmetric positive operator whose diagonal is known, by Davidson's method.

Lanczos needs more than a thousand products where SGD is stable: the eigenvalues of T then crowd near 1, spread by its
diagonal. Davidson's method divides the residual by the distance to the diagonal, and needs some tens of products
there as well as where SGD escapes. (Davidson, J. Comput. Phys. 17, 1975.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

DENSE_SIZE = 200
"""Largest dimension at which all eigenvalues cost less."""
BASIS = 48
"""Vectors kept before a restart."""
RESTART = 8
"""Ritz vectors kept at a restart."""
PRODUCTS = 2000
TOLERANCE = 2e-15
"""Norm of the residual, relative to the eigenvalue and the norm of the products, at which the search ends."""
STALLED = 24
"""Products without a smaller residual after which rounding errors are taken to be reached."""


def largest_eigenpair(
    product: Callable[[np.ndarray], np.ndarray], diagonal: np.ndarray, start: np.ndarray
) -> tuple[float, np.ndarray]:
    """Largest eigenvalue of a symmetric matrix that is known by its products and its diagonal.

    The eigenvalue is a Rayleigh quotient, hence a lower bound. Up to a dimension of 200 all eigenvalues are computed.

    Args:
        product: Maps rows of a (K, N) array to their images.
        diagonal: Diagonal of the matrix, shape (N,).
        start: Vector with a component along the eigenvector, shape (N,).

    Returns:
        The eigenvalue and a unit eigenvector, shape (N,): where the eigenvalue is multiple, the one nearest to the
        start.
    """
    if len(start) > DENSE_SIZE:
        return _davidson(product, diagonal, start)
    matrix = product(np.eye(len(start)))
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    top = vectors[:, values >= values[-1] - 1e-10 * np.abs(values).max()]
    vector = top @ (start @ top)
    return float(values[-1]), vector / np.linalg.norm(vector)


def _davidson(
    product: Callable[[np.ndarray], np.ndarray], diagonal: np.ndarray, start: np.ndarray
) -> tuple[float, np.ndarray]:
    """Davidson's method from a start and the coordinate of the largest diagonal entry."""
    corner = np.zeros(len(start))
    corner[np.argmax(diagonal)] = 1.0
    basis = np.linalg.qr(np.stack([start, corner], axis=1))[0].T
    images = product(basis)
    best, since = np.inf, 0
    value, vector = 0.0, basis[0]
    for _ in range(PRODUCTS):
        values, turn = np.linalg.eigh(basis @ images.T)
        value, vector, image = float(values[-1]), turn[:, -1] @ basis, turn[:, -1] @ images
        residual = image - value * vector
        norm = float(np.linalg.norm(residual))
        best, since = (norm, 0) if norm < 0.9 * best else (best, since + 1)
        if norm <= TOLERANCE * float(np.linalg.norm(image)) or since >= STALLED:
            break
        if len(basis) >= BASIS:
            basis, images = turn[:, -RESTART:].T @ basis, turn[:, -RESTART:].T @ images
        # The largest diagonal entry is at most the value; a floor keeps single coordinates from taking over.
        direction = residual / np.maximum(value - diagonal, 1e-10 * abs(value))
        for _ in range(3):
            direction = direction / np.linalg.norm(direction)
            direction -= (basis @ direction) @ basis
        length = float(np.linalg.norm(direction))
        if length == 0:
            break
        direction /= length
        basis = np.vstack([basis, direction])
        images = np.vstack([images, product(direction[None])])
    return value, vector / np.linalg.norm(vector)
