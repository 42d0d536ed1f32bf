"""The toy landscape of Figure 4: a valley that is flatter farther out."""

from __future__ import annotations

import numpy as np

from .. import streams
from ..arrays import Namespace
from ..streams import Seed
from ..validation import Array
from .overparametrised import OverparametrisedLinear


class CurvedValley(OverparametrisedLinear):
    """Over-parametrised linear model f(x; a, b) = b x/√(a² + 1) with one input and θ = (a, b).

    With inputs of variance 1 and target 0 the loss is b²/(2(a² + 1)): its minima are the line b = 0, where the Hessian
    is diag(0, 1/(a² + 1)), flatter as |a| grows (Wang & Wu, Figure 4; docs/theory.md, section 2).

    Attributes:
        d: Dimension of the inputs, 1.
        size: Number of parameters, 2.
    """

    d = 1
    size = 2

    def __repr__(self) -> str:
        return "CurvedValley()"

    def init(self, seed: Seed = 0) -> np.ndarray:
        """Draw a and b from N(0, 1).

        Args:
            seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

        Returns:
            θ, shape (2,), float64, on the host.

        Raises:
            InputError: If the seed is invalid.
        """
        return streams.from_seed(seed, "initial parameters").standard_normal(2)

    def _weights(self, xp: Namespace, theta: Array) -> Array:
        """Effective weight b/√(a² + 1).

        Args:
            xp: The namespace.
            theta: Parameters, shape (2,).

        Returns:
            F(θ), shape (1,).
        """
        return theta[1:] / xp.hypot(theta[:1], xp.ones_like(theta[:1]))

    def _slopes(self, xp: Namespace, theta: Array) -> Array:
        """Derivatives of F by a and b.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2,).

        Returns:
            ∇F(θ), shape (2,).
        """
        norm = xp.hypot(theta[:1], xp.ones_like(theta[:1]))
        return xp.concat([-theta[:1] * theta[1:] / norm**3, 1 / norm])

    def _pushed(self, xp: Namespace, theta: Array, v: Array) -> Array:
        """Product A v.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2,).
            v: Direction, shape (2,).

        Returns:
            A v, shape (1,).
        """
        return xp.sum(self._slopes(xp, theta) * v, keepdims=True)

    def _pulled(self, xp: Namespace, theta: Array, u: Array) -> Array:
        """Product Aᵀ u.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2,).
            u: Weights, shape (1,).

        Returns:
            Aᵀ u, shape (2,).
        """
        return self._slopes(xp, theta) * u

    def _gram(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Gram matrix ‖∇F‖² X Xᵀ, O(n²).

        Args:
            xp: The namespace.
            theta: Parameters, shape (2,).
            X: Inputs, shape (n, 1).

        Returns:
            K, shape (n, n).
        """
        return xp.sum(self._slopes(xp, theta) ** 2) * (X @ xp.matrix_transpose(X))

    def _jacobian(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Jacobian X ∇F.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2,).
            X: Inputs, shape (n, 1).

        Returns:
            J, shape (n, 2).
        """
        return X * self._slopes(xp, theta)
