"""What every model offers: predictions and derivatives of f(x; θ) for a flat parameter vector θ."""

from __future__ import annotations

import abc

import numpy as np

from ..arrays import Namespace, real_arrays
from ..streams import Seed
from ..validation import Array, check_ndim, check_shape


class Model(abc.ABC):
    """A model with scalar outputs f(x; θ), inputs of dimension d and p = ``size`` parameters.

    Public methods check their arguments; θ, inputs and vectors must be of one array library and device, where the
    results stay.

    Attributes:
        d: Dimension of the inputs.
        size: Number of parameters p.
    """

    d: int
    size: int

    @abc.abstractmethod
    def init(self, seed: Seed = 0) -> np.ndarray:
        """Draw initial parameters.

        Args:
            seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

        Returns:
            θ, shape (p,), float64, on the host.

        Raises:
            InputError: If the seed is invalid.
        """

    def predict(self, theta: Array, X: Array) -> Array:
        """Outputs f(x_i; θ).

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            Outputs, shape (n,).

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X = self._checked(theta, X)
        return self._predict(xp, theta, X)

    def gram(self, theta: Array, X: Array) -> Array:
        """Gram matrix K = J Jᵀ of the gradients, by its closed form (section 1 of docs/theory.md), never through J.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            K, shape (n, n), symmetric.

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X = self._checked(theta, X)
        return self._gram(xp, theta, X)

    def jacobian(self, theta: Array, X: Array) -> Array:
        """Dense Jacobian, rows ∇f(x_i; θ): the slow reference for ``gram``, ``jvp`` and ``vjp``.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            J, shape (n, p). O(np) memory.

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X = self._checked(theta, X)
        return self._jacobian(xp, theta, X)

    def jvp(self, theta: Array, X: Array, v: Array) -> Array:
        """Product J v, the derivative of the outputs along v.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            v: Direction, shape (p,).

        Returns:
            J v, shape (n,).

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, v = self._checked(theta, X, v=v)
        check_shape("v", v, (self.size,), "to match theta")
        return self._jvp(xp, theta, X, v)

    def vjp(self, theta: Array, X: Array, w: Array) -> Array:
        """Product Jᵀ w; with the residual for w, n times the gradient of the loss.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            w: One weight per sample, shape (n,).

        Returns:
            Jᵀ w, shape (p,).

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, w = self._checked(theta, X, w=w)
        check_shape("w", w, (X.shape[0],), "to match X")
        return self._vjp(xp, theta, X, w)

    def _checked(self, theta: Array, X: Array, **more: Array) -> tuple:
        """Check parameters and inputs.

        Args:
            theta: Parameters.
            X: Inputs.
            **more: Further arrays of the same library and device, by name.

        Returns:
            Namespace and the arrays in order.
        """
        xp, arrays = real_arrays(theta=theta, X=X, **more)
        check_shape("theta", arrays[0], (self.size,), "to match the model's size")
        check_ndim("X", arrays[1], 2, shape=f"(n, {self.d})")
        check_shape("X", arrays[1], (arrays[1].shape[0], self.d), "to match the model's d")
        return xp, *arrays

    @abc.abstractmethod
    def _predict(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """As ``predict``, for checked arguments.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            Outputs, shape (n,).
        """

    @abc.abstractmethod
    def _gram(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """As ``gram``, for checked arguments.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            K, shape (n, n).
        """

    @abc.abstractmethod
    def _jacobian(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """As ``jacobian``, for checked arguments.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            J, shape (n, p).
        """

    @abc.abstractmethod
    def _jvp(self, xp: Namespace, theta: Array, X: Array, v: Array) -> Array:
        """As ``jvp``, for checked arguments.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            v: Direction, shape (p,).

        Returns:
            J v, shape (n,).
        """

    @abc.abstractmethod
    def _vjp(self, xp: Namespace, theta: Array, X: Array, w: Array) -> Array:
        """As ``vjp``, for checked arguments.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            w: Weights, shape (n,).

        Returns:
            Jᵀ w, shape (p,).
        """
