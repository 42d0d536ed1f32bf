"""What over-parametrised linear models share: f(x; θ) = <F(θ), x>, whatever F is."""

from __future__ import annotations

import abc

from ..arrays import Namespace, real_arrays
from ..validation import Array, check_shape
from .base import Model


class OverparametrisedLinear(Model):
    """Over-parametrised linear model (OLM) f(x; θ) = <F(θ), x>, with A = ∇F(θ), shape (d, p).

    Then J = X A: products with J need A on one vector only, and with targets <w*, x> the residual is
    X (F(θ) − w*).

    Attributes:
        d: Dimension of the inputs.
        size: Number of parameters p.
    """

    def effective_weights(self, theta: Array) -> Array:
        """Weights F(θ) of the linear function that the model computes.

        Args:
            theta: Parameters, shape (p,).

        Returns:
            F(θ), shape (d,). O(p).

        Raises:
            InputError: If the shape is wrong or an entry is not finite.
        """
        return self._weights(*self._checked_theta(theta))

    def _checked_theta(self, theta: Array) -> tuple[Namespace, Array]:
        """Check parameters that come without inputs.

        Args:
            theta: Parameters.

        Returns:
            Namespace and parameters, shape (p,).

        Raises:
            InputError: If the shape is wrong or an entry is not finite.
        """
        xp, (checked,) = real_arrays(theta=theta)
        check_shape("theta", checked, (self.size,), "to match the model's size")
        return xp, checked

    @abc.abstractmethod
    def _weights(self, xp: Namespace, theta: Array) -> Array:
        """As ``effective_weights``, for checked arguments.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).

        Returns:
            F(θ), shape (d,).
        """

    @abc.abstractmethod
    def _pushed(self, xp: Namespace, theta: Array, v: Array) -> Array:
        """Product A v, the derivative of the effective weights along v.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            v: Direction, shape (p,).

        Returns:
            A v, shape (d,).
        """

    @abc.abstractmethod
    def _pulled(self, xp: Namespace, theta: Array, u: Array) -> Array:
        """Product Aᵀ u, the gradient of <u, F(θ)>.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            u: Weights, shape (d,).

        Returns:
            Aᵀ u, shape (p,).
        """

    def _predict(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Outputs X F(θ), O(nd + p).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            Outputs, shape (n,).
        """
        return X @ self._weights(xp, theta)

    def _jvp(self, xp: Namespace, theta: Array, X: Array, v: Array) -> Array:
        """Product J v = X (A v), O(nd + p).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            v: Direction, shape (p,).

        Returns:
            J v, shape (n,).
        """
        return X @ self._pushed(xp, theta, v)

    def _vjp(self, xp: Namespace, theta: Array, X: Array, w: Array) -> Array:
        """Product Jᵀ w = Aᵀ (Xᵀ w), O(nd + p).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            w: Weights, shape (n,).

        Returns:
            Jᵀ w, shape (p,).
        """
        return self._pulled(xp, theta, xp.matrix_transpose(X) @ w)
