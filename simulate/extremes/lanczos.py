"""Largest eigenvalue of a positive semi-definite operator, bounded from above with a stated probability.

A Ritz value is a lower bound, and its residual does not bound the largest eigenvalue. What does is a random start:
after m steps the relative error exceeds τ with probability at most 1.648 √N exp(−√τ (2m − 1)), N the dimension
(Kuczyński and Woźniakowski, SIAM J. Matrix Anal. Appl. 13, 1992, Theorem 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import array_api_compat
import numpy as np

from ..arrays import Namespace
from ..validation import Array


class LargestEigenvalue(NamedTuple):
    """What m steps show.

    Attributes:
        ritz: Largest Ritz value, a lower bound.
        upper: Upper bound, which fails with at most ``failure_probability``.
        failure_probability: Probability over the random start; 0 where the Krylov space was exhausted.
        vector: Ritz vector, shape (N,).
    """

    ritz: float
    upper: float
    failure_probability: float
    vector: Array


def largest_eigenvalue(
    xp: Namespace,
    product: Callable[[Array], Array],
    start: Array,
    dimension: int,
    steps: int,
    failure_probability: float,
) -> LargestEigenvalue:
    """Run Lanczos with full reorthogonalisation and bound the largest eigenvalue.

    O(steps) products and O(steps² · length) further operations; O(steps · length) memory.

    Args:
        xp: The namespace.
        product: Applies the positive semi-definite operator to a vector.
        start: Random vector, uniformly distributed in direction on the space of this dimension.
        dimension: Dimension N of the space.
        steps: Number of steps m, at least 2.
        failure_probability: Probability with which the upper bound may fail.

    Returns:
        The bounds and the Ritz vector.
    """
    steps = min(steps, dimension)
    basis = [start / xp.linalg.vector_norm(start)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        image = product(basis[-1])
        diagonal.append(float(xp.sum(basis[-1] * image)))
        rows = xp.stack(basis)
        for _ in range(2):
            image = image - xp.matrix_transpose(rows) @ (rows @ image)
        norm = float(xp.linalg.vector_norm(image))
        exhausted = len(basis) == dimension or norm <= 1e-13 * max(diagonal)
        if exhausted or len(basis) == steps:
            break
        beside.append(norm)
        basis.append(image / norm)
    tridiagonal = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    values, vectors = np.linalg.eigh(tridiagonal)
    coefficients = xp.asarray(vectors[:, -1], device=array_api_compat.device(start))
    vector = xp.matrix_transpose(xp.stack(basis)) @ coefficients
    ritz = float(values[-1])
    if exhausted:
        return LargestEigenvalue(ritz, ritz, 0.0, vector)
    error = relative_error(len(basis), dimension, failure_probability)
    upper = ritz / (1 - error) if error < 1 else math.inf
    return LargestEigenvalue(ritz, upper, failure_probability, vector)


def relative_error(steps: int, dimension: int, failure_probability: float) -> float:
    """Relative error τ that m steps exceed with at most a given probability.

    Args:
        steps: Number of steps m.
        dimension: Dimension N.
        failure_probability: The probability.

    Returns:
        τ with 1.648 √N exp(−√τ (2m − 1)) equal to the probability; 1 or more where m is too small to say anything.
    """
    root = math.log(1.648 * math.sqrt(dimension) / failure_probability) / (2 * steps - 1)
    return root * root


def random_symmetric(xp: Namespace, size: int, generator: np.random.Generator, like: Array) -> Array:
    """Draw a traceless symmetric matrix whose direction is uniform in the Frobenius inner product.

    Args:
        xp: The namespace.
        size: Number of rows r.
        generator: Source of randomness.
        like: An array whose device to use.

    Returns:
        Shape (r, r).
    """
    square = generator.standard_normal((size, size))
    symmetric = square + square.T
    symmetric -= np.eye(size) * (np.trace(symmetric) / size)
    return xp.asarray(symmetric, device=array_api_compat.device(like))
