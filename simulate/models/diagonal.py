"""Diagonal linear networks."""

from __future__ import annotations

import numpy as np

from .. import streams
from ..arrays import Namespace
from ..streams import Seed
from ..validation import Array, check_choice, check_integer
from .overparametrised import OverparametrisedLinear


class DiagonalLinear(OverparametrisedLinear):
    """Diagonal linear network f(x; θ) = <F(θ), x>, with θ = (α_1, …, α_d, β_1, …, β_d) and p = 2d.

    Forms (∘ and squares entry by entry):
        "difference": F = α² − β².
        "product": F = α ∘ β.

    The two are one model in other coordinates, α² − β² = (α + β) ∘ (α − β), up to the scale of the gradients.

    Args:
        d: Dimension of the inputs, at least 1.
        form: "difference" or "product".

    Attributes:
        d: Dimension of the inputs.
        size: Number of parameters, 2d.
        form: Name of the form.

    Raises:
        InputError: If ``d`` is not a positive integer, or the form is unknown.
    """

    def __init__(self, d: int, form: str = "difference") -> None:
        self.d = check_integer("d", d, minimum=1)
        self.form = check_choice("form", form, ("difference", "product"))
        self.size = 2 * self.d

    def __repr__(self) -> str:
        return f"DiagonalLinear({self.d}, form={self.form!r})"

    def init(self, seed: Seed = 0) -> np.ndarray:
        """Draw parameters with independent normal entries, such that F(θ) has uncorrelated entries of variance 1/d.

        These are N(0, 1/(2√d)) for the difference and N(0, 1/√d) for the product.

        Args:
            seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

        Returns:
            θ, shape (2d,), float64, on the host.

        Raises:
            InputError: If the seed is invalid.
        """
        variance = 1 / np.sqrt(self.d) / (2 if self.form == "difference" else 1)
        return streams.from_seed(seed, "initial parameters").standard_normal(self.size) * np.sqrt(variance)

    def metric_diagonal(self, theta: Array) -> Array:
        """Diagonal of A Aᵀ, A = ∇F(θ), which is a diagonal matrix: the Gram matrix is K = X A Aᵀ Xᵀ.

        Args:
            theta: Parameters, shape (2d,).

        Returns:
            4(α² + β²) for the difference and α² + β² for the product, shape (d,). O(d).

        Raises:
            InputError: If the shape is wrong or an entry is not finite.
        """
        alpha, beta = self._halves(self._checked_theta(theta)[1])
        return (4 if self.form == "difference" else 1) * (alpha**2 + beta**2)

    def _halves(self, packed: Array) -> tuple[Array, Array]:
        """Unpack parameters, or a direction.

        Args:
            packed: (α, β), shape (2d,).

        Returns:
            α and β, each of shape (d,).
        """
        return packed[: self.d], packed[self.d :]

    def _slopes(self, theta: Array) -> tuple[Array, Array]:
        """Derivatives of F_j by α_j and β_j; all others are 0.

        Args:
            theta: Parameters, shape (2d,).

        Returns:
            Two arrays of shape (d,).
        """
        alpha, beta = self._halves(theta)
        return (2 * alpha, -2 * beta) if self.form == "difference" else (beta, alpha)

    def _weights(self, xp: Namespace, theta: Array) -> Array:
        """Effective weights α² − β² or α ∘ β.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2d,).

        Returns:
            F(θ), shape (d,).
        """
        alpha, beta = self._halves(theta)
        # As a product the difference keeps its digits where |α| and |β| are close, the usual start of training.
        return (alpha + beta) * (alpha - beta) if self.form == "difference" else alpha * beta

    def _pushed(self, xp: Namespace, theta: Array, v: Array) -> Array:
        """Product A v.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2d,).
            v: Direction, shape (2d,).

        Returns:
            A v, shape (d,).
        """
        by_alpha, by_beta = self._slopes(theta)
        along_alpha, along_beta = self._halves(v)
        return by_alpha * along_alpha + by_beta * along_beta

    def _pulled(self, xp: Namespace, theta: Array, u: Array) -> Array:
        """Product Aᵀ u.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2d,).
            u: Weights, shape (d,).

        Returns:
            Aᵀ u, shape (2d,).
        """
        by_alpha, by_beta = self._slopes(theta)
        return xp.concat([by_alpha * u, by_beta * u])

    def _gram(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Gram matrix X diag(m) Xᵀ, m the ``metric_diagonal``, as a product of X diag(√m) with its transpose, O(n²d).

        Args:
            xp: The namespace.
            theta: Parameters, shape (2d,).
            X: Inputs, shape (n, d).

        Returns:
            K, shape (n, n).
        """
        scaled = X * xp.hypot(*self._slopes(theta))
        return scaled @ xp.matrix_transpose(scaled)

    def _jacobian(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Jacobian: ∂F_j/∂α_j x_j, then ∂F_j/∂β_j x_j.

        Args:
            xp: The namespace.
            theta: Parameters, shape (2d,).
            X: Inputs, shape (n, d).

        Returns:
            J, shape (n, 2d).
        """
        by_alpha, by_beta = self._slopes(theta)
        return xp.concat([X * by_alpha, X * by_beta], axis=1)
