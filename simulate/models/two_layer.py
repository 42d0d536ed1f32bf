"""Two-layer networks with a (leaky) ReLU or its smooth version."""

from __future__ import annotations

from collections.abc import Iterator

import array_api_compat
import numpy as np

from .. import streams
from ..arrays import Namespace, real_arrays, to_device_of, to_host
from ..streams import Seed
from ..validation import Array, InputError, check_choice, check_flag, check_integer, check_real, check_shape, row_blocks
from .base import Model


class TwoLayer(Model):
    """Two-layer network f(x; θ) = Σ_k a_k σ(<b_k, x>), k = 1..width.

    θ packs the inner weights row by row, (b_1, …, b_width) of length width·d, followed by the outer weights
    (a_1, …, a_width) if they are trained. A fixed outer layer (the setting of Theorem 3.5) is not in θ.

    Activations, with s the slope:
        "leaky_relu": σ(z) = max(z, s z) for s ≤ 1; σ'(0) is taken as s. Plain ReLU for s = 0.
        "smooth": σ(z) = s z + (1 − s) log(1 + e^z), so σ'(z) = s + (1 − s)/(1 + e^(−z)): the leaky ReLU with its
        corner rounded, and the same range of derivatives.

    Args:
        d: Dimension of the inputs, at least 1.
        width: Number of neurons, at least 1.
        slope: Smallest derivative s of the activation, from 0 to 1.
        activation: "leaky_relu" or "smooth".
        train_outer: Whether the outer weights are part of θ.
        outer: Fixed outer weights, shape (width,), where they are not trained; None for +1/√width and −1/√width in
            turn.

    Attributes:
        d: Dimension of the inputs.
        size: Number of parameters p: width·d, plus width if the outer layer is trained.
        width: Number of neurons.
        slope: Smallest derivative of the activation.
        activation: Name of the activation.
        train_outer: Whether the outer weights are part of θ.
        outer: Fixed outer weights, shape (width,), NumPy float64; None where they are trained.

    Raises:
        InputError: If an argument is out of range, or ``outer`` is given although it is trained.
    """

    def __init__(
        self,
        d: int,
        width: int,
        slope: float = 0.0,
        activation: str = "leaky_relu",
        train_outer: bool = False,
        outer: object = None,
    ) -> None:
        self.d = check_integer("d", d, minimum=1)
        self.width = check_integer("width", width, minimum=1)
        self.slope = check_real("slope", slope, minimum=0.0, maximum=1.0)
        self.activation = check_choice("activation", activation, ("leaky_relu", "smooth"))
        self.train_outer = check_flag("train_outer", train_outer)
        if self.train_outer and outer is not None:
            raise InputError("outer: expected None where the outer layer is trained (it is part of theta), got weights")
        self.outer = None if self.train_outer else _fixed_outer(self.width, outer)
        self.size = self.width * self.d + (self.width if self.train_outer else 0)

    def __repr__(self) -> str:
        return (
            f"TwoLayer({self.d}, {self.width}, slope={self.slope:g}, activation={self.activation!r}, "
            f"train_outer={self.train_outer})"
        )

    @property
    def derivative_range(self) -> tuple[float, float]:
        """Bounds α ≤ σ' ≤ β of the activation's derivative (Theorem 3.5 needs α > 0).

        Returns:
            (α, β) = (slope, 1).
        """
        return self.slope, 1.0

    def init(self, seed: Seed = 0) -> np.ndarray:
        """Draw inner weights with independent N(0, 1/d) entries, and trained outer weights with N(0, 1/width) entries.

        Args:
            seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

        Returns:
            θ, shape (p,), float64, on the host.

        Raises:
            InputError: If the seed is invalid.
        """
        theta = streams.from_seed(seed, "initial parameters").standard_normal(self.size)
        theta[: self.width * self.d] /= np.sqrt(self.d)
        theta[self.width * self.d :] /= np.sqrt(self.width)
        return theta

    def _layers(self, xp: Namespace, theta: Array) -> tuple[Array, Array]:
        """Unpack the weights.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).

        Returns:
            Inner weights, shape (width, d), and outer weights, shape (width,).
        """
        inner = xp.reshape(theta[: self.width * self.d], (self.width, self.d))
        if self.outer is None:
            return inner, theta[self.width * self.d :]
        return inner, xp.astype(to_device_of(self.outer, theta), theta.dtype, copy=False)

    def _neurons(self, X: Array) -> Iterator[slice]:
        """Cut the neurons into blocks whose activations on all samples fit into a block of memory.

        Args:
            X: Inputs, shape (n, d).

        Yields:
            Consecutive slices of neurons.
        """
        yield from row_blocks(self.width, X.shape[0])

    def _activation(self, xp: Namespace, z: Array) -> Array:
        """The activation σ.

        Args:
            xp: The namespace.
            z: Pre-activations.

        Returns:
            σ(z), entry by entry.
        """
        if self.activation == "leaky_relu":
            active = self._derivative(xp, z)
            active *= z
            return active
        softplus = xp.log1p(xp.exp(-xp.abs(z))) + xp.where(z > 0, z, xp.zeros_like(z))
        return self.slope * z + (1 - self.slope) * softplus

    def _derivative(self, xp: Namespace, z: Array) -> Array:
        """The activation's derivative σ'.

        Args:
            xp: The namespace.
            z: Pre-activations.

        Returns:
            σ'(z), entry by entry.
        """
        if self.activation == "leaky_relu":
            # In place and without a branch on random signs, because pages of new temporaries and mispredicted branches
            # would cost more than a tenth of the Gram matrix. In float64 (1 − s) + s is 1 for every s in [0, 1].
            derivative = xp.astype(z > 0, z.dtype)
            derivative *= 1 - self.slope
            derivative += self.slope
            return derivative
        return self.slope + (1 - self.slope) * 0.5 * (1 + xp.tanh(0.5 * z))

    def _activation_and_derivative(self, xp: Namespace, z: Array) -> tuple[Array, Array]:
        """The activation σ and its derivative σ', for less than the price of both.

        Args:
            xp: The namespace.
            z: Pre-activations; overwritten.

        Returns:
            σ(z) and σ'(z), entry by entry.
        """
        derivative = self._derivative(xp, z)
        if self.activation == "leaky_relu":
            z *= derivative
            return z, derivative
        return self._activation(xp, z), derivative

    def _predict(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Outputs, O(n d width).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            Outputs, shape (n,).
        """
        inner, outer = self._layers(xp, theta)
        outputs = xp.zeros(X.shape[0], dtype=X.dtype, device=array_api_compat.device(X))
        for block in self._neurons(X):
            hidden = X @ xp.matrix_transpose(inner[block, :])
            outputs = outputs + self._activation(xp, hidden) @ outer[block]
        return outputs

    def _gram(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Gram matrix (x_i·x_j) Σ_k a_k² σ'(b_k·x_i) σ'(b_k·x_j), plus Σ_k σ(b_k·x_i) σ(b_k·x_j) if a is trained.

        O(n d (n + width) + n² width) time; memory of a few n×n matrices, or of blocks of activations where that is
        more.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            K, shape (n, n).
        """
        inner, outer = self._layers(xp, theta)
        slopes, values = None, None
        # At least as many neurons as samples, so that sums of n×n matrices are cheap beside the products summed.
        for block in row_blocks(self.width, X.shape[0], at_least=X.shape[0]):
            hidden = X @ xp.matrix_transpose(inner[block, :])
            if self.train_outer:
                active, weighted = self._activation_and_derivative(xp, hidden)
                values = _accumulated(values, active @ xp.matrix_transpose(active))
            else:
                weighted = self._derivative(xp, hidden)
            weighted *= outer[block]
            slopes = _accumulated(slopes, weighted @ xp.matrix_transpose(weighted))
        gram = X @ xp.matrix_transpose(X)
        gram *= slopes
        return gram if values is None else _accumulated(gram, values)

    def _jacobian(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Jacobian: a_k σ'(b_k·x_i) x_i for the inner weights, σ(b_k·x_i) for trained outer weights.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            J, shape (n, p).
        """
        inner, outer = self._layers(xp, theta)
        hidden = X @ xp.matrix_transpose(inner)
        weighted = self._derivative(xp, hidden) * outer
        columns = xp.reshape(weighted[:, :, None] * X[:, None, :], (X.shape[0], self.width * self.d))
        if not self.train_outer:
            return columns
        return xp.concat([columns, self._activation(xp, hidden)], axis=1)

    def _jvp(self, xp: Namespace, theta: Array, X: Array, v: Array) -> Array:
        """Product J v, O(n d width).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            v: Direction, shape (p,).

        Returns:
            J v, shape (n,).
        """
        inner, outer = self._layers(xp, theta)
        inner_v = xp.reshape(v[: self.width * self.d], (self.width, self.d))
        result = xp.zeros(X.shape[0], dtype=X.dtype, device=array_api_compat.device(X))
        for block in self._neurons(X):
            hidden = X @ xp.matrix_transpose(inner[block, :])
            change = X @ xp.matrix_transpose(inner_v[block, :])
            result = result + (self._derivative(xp, hidden) * change) @ outer[block]
            if self.train_outer:
                result = result + self._activation(xp, hidden) @ v[self.width * self.d :][block]
        return result

    def _vjp(self, xp: Namespace, theta: Array, X: Array, w: Array) -> Array:
        """Product Jᵀ w, O(n d width).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).
            w: Weights, shape (n,).

        Returns:
            Jᵀ w, shape (p,).
        """
        inner, outer = self._layers(xp, theta)
        inner_parts, outer_parts = [], []
        for block in self._neurons(X):
            hidden = X @ xp.matrix_transpose(inner[block, :])
            weighted = w[:, None] * self._derivative(xp, hidden) * outer[block]
            inner_parts.append(xp.reshape(xp.matrix_transpose(weighted) @ X, (-1,)))
            if self.train_outer:
                outer_parts.append(xp.matrix_transpose(self._activation(xp, hidden)) @ w)
        return xp.concat(inner_parts + outer_parts)


def _accumulated(total: Array | None, part: Array) -> Array:
    """Add to a sum in place.

    Args:
        total: The sum so far, overwritten; None before the first part.
        part: What to add, of the same shape.

    Returns:
        The new sum.
    """
    if total is None:
        return part
    total += part
    return total


def _fixed_outer(width: int, outer: object) -> np.ndarray:
    """Check fixed outer weights, or make the default ones.

    Args:
        width: Number of neurons.
        outer: Weights, shape (width,), or None.

    Returns:
        Weights, shape (width,), float64, on the host.
    """
    if outer is None:
        return np.where(np.arange(width) % 2 == 0, 1.0, -1.0) / np.sqrt(width)
    _, (weights,) = real_arrays(outer=outer)
    check_shape("outer", weights, (width,), "to match width")
    return np.array(to_host(weights), dtype=np.float64)
