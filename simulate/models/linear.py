"""The linear model."""

from __future__ import annotations

import numpy as np

from .. import streams
from ..arrays import Namespace
from ..streams import Seed
from ..validation import Array, check_integer
from .base import Model


class Linear(Model):
    """Linear model f(x; θ) = <θ, x>, with θ = (θ_1, …, θ_d) and p = d.

    Args:
        d: Dimension of the inputs, at least 1.

    Attributes:
        d: Dimension of the inputs.
        size: Number of parameters, d.

    Raises:
        InputError: If ``d`` is not a positive integer.
    """

    def __init__(self, d: int) -> None:
        self.d = check_integer("d", d, minimum=1)
        self.size = self.d

    def __repr__(self) -> str:
        return f"Linear({self.d})"

    def init(self, seed: Seed = 0) -> np.ndarray:
        """Draw parameters with independent N(0, 1/d) entries.

        Args:
            seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

        Returns:
            θ, shape (d,), float64, on the host.

        Raises:
            InputError: If the seed is invalid.
        """
        return streams.from_seed(seed, "initial parameters").standard_normal(self.d) / np.sqrt(self.d)

    def _predict(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Outputs X θ.

        Args:
            xp: The namespace.
            theta: Parameters, shape (d,).
            X: Inputs, shape (n, d).

        Returns:
            Outputs, shape (n,).
        """
        return X @ theta

    def _gram(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Gram matrix X Xᵀ, O(n²d).

        Args:
            xp: The namespace.
            theta: Parameters, shape (d,).
            X: Inputs, shape (n, d).

        Returns:
            K, shape (n, n).
        """
        return X @ xp.matrix_transpose(X)

    def _jacobian(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Jacobian, a copy of X.

        Args:
            xp: The namespace.
            theta: Parameters, shape (d,).
            X: Inputs, shape (n, d).

        Returns:
            J, shape (n, d).
        """
        return xp.asarray(X, copy=True)

    def _jvp(self, xp: Namespace, theta: Array, X: Array, v: Array) -> Array:
        """Product X v.

        Args:
            xp: The namespace.
            theta: Parameters, shape (d,).
            X: Inputs, shape (n, d).
            v: Direction, shape (d,).

        Returns:
            J v, shape (n,).
        """
        return X @ v

    def _vjp(self, xp: Namespace, theta: Array, X: Array, w: Array) -> Array:
        """Product Xᵀ w.

        Args:
            xp: The namespace.
            theta: Parameters, shape (d,).
            X: Inputs, shape (n, d).
            w: Weights, shape (n,).

        Returns:
            Jᵀ w, shape (d,).
        """
        return xp.matrix_transpose(X) @ w
