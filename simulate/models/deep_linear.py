"""Deep linear networks."""

from __future__ import annotations

from collections.abc import Sequence

import array_api_compat
import numpy as np

from .. import streams
from ..arrays import Namespace
from ..streams import Seed
from ..validation import Array, InputError, check_integer, describe
from .overparametrised import OverparametrisedLinear


class DeepLinear(OverparametrisedLinear):
    """Deep linear network f(x; θ) = W_L ⋯ W_1 x with L layers, W_l of shape (m_l, m_{l−1}), m_0 = d and m_L = 1.

    θ packs W_1 row by row, then W_2, …, W_L; p = Σ_l m_l m_{l−1}. Below, the left vector of layer l is
    W_L ⋯ W_{l+1}, the derivative of the output by what layer l puts out (the number 1 for the last layer), and its
    right matrix W_{l−1} ⋯ W_1 (the identity for the first).

    Args:
        d: Dimension of the inputs, at least 1.
        widths: Hidden widths m_1, …, m_{L−1}, each at least 1; empty for one layer, the linear model.

    Attributes:
        d: Dimension of the inputs.
        size: Number of parameters p.
        widths: Hidden widths, a tuple.
        shapes: Shapes (m_l, m_{l−1}) of the layers, a tuple.

    Raises:
        InputError: If ``d`` or a width is not a positive integer, or ``widths`` is not a sequence.
    """

    def __init__(self, d: int, widths: Sequence[int]) -> None:
        self.d = check_integer("d", d, minimum=1)
        is_array = isinstance(widths, np.ndarray) and widths.ndim > 0
        if isinstance(widths, str | bytes) or not (is_array or isinstance(widths, Sequence)):
            raise InputError(f"widths: expected a sequence of integers >= 1, got {describe(widths)}")
        self.widths = tuple(check_integer("widths", width, minimum=1) for width in widths)
        sizes = (self.d, *self.widths, 1)
        self.shapes = tuple(zip(sizes[1:], sizes[:-1], strict=True))
        self.size = sum(out * into for out, into in self.shapes)

    def __repr__(self) -> str:
        return f"DeepLinear({self.d}, {self.widths})"

    def init(self, seed: Seed = 0) -> np.ndarray:
        """Draw layers with independent N(0, 1/m_{l−1}) entries.

        In the mean of squares each layer then keeps the size of an entry, at any depth: F(θ) has uncorrelated entries
        of variance 1/d.

        Args:
            seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

        Returns:
            θ, shape (p,), float64, on the host.

        Raises:
            InputError: If the seed is invalid.
        """
        theta = streams.from_seed(seed, "initial parameters").standard_normal(self.size)
        theta /= np.sqrt(np.repeat([into for _, into in self.shapes], [out * into for out, into in self.shapes]))
        return theta

    def _layers(self, xp: Namespace, packed: Array) -> list[Array]:
        """Unpack parameters, or a direction.

        Args:
            xp: The namespace.
            packed: W_1 row by row, then W_2, …, shape (p,).

        Returns:
            W_1, …, W_L.
        """
        layers, start = [], 0
        for out, into in self.shapes:
            layers.append(xp.reshape(packed[start : start + out * into], (out, into)))
            start += out * into
        return layers

    def _lefts(self, xp: Namespace, layers: list[Array]) -> list[Array]:
        """Left vectors of all layers, and F(θ) before them, O(p).

        Args:
            xp: The namespace.
            layers: W_1, …, W_L.

        Returns:
            W_L ⋯ W_{l+1} for l = 0, …, L, of shapes (m_l,).
        """
        lefts = [xp.ones_like(layers[-1][:, 0])]
        for layer in reversed(layers):
            lefts.append(lefts[-1] @ layer)
        return lefts[::-1]

    def _weights(self, xp: Namespace, theta: Array) -> Array:
        """Effective weights (W_L ⋯ W_1)ᵀ, multiplied from the left, O(p).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).

        Returns:
            F(θ), shape (d,).
        """
        return self._lefts(xp, self._layers(xp, theta))[0]

    def _pushed(self, xp: Namespace, theta: Array, v: Array) -> Array:
        """Product A v: the product rule from the last layer to the first, O(p).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            v: Direction, shape (p,).

        Returns:
            A v, shape (d,).
        """
        layers, changes = self._layers(xp, theta), self._layers(xp, v)
        left = xp.ones_like(layers[-1][:, 0])
        change = xp.zeros_like(left)
        for layer, by in zip(reversed(layers), reversed(changes), strict=True):
            left, change = left @ layer, change @ layer + left @ by
        return change

    def _pulled(self, xp: Namespace, theta: Array, u: Array) -> Array:
        """Product Aᵀ u: for each layer its left vector times what it receives of u, O(p).

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            u: Weights, shape (d,).

        Returns:
            Aᵀ u, shape (p,).
        """
        layers = self._layers(xp, theta)
        parts, received = [], u
        for layer, left in zip(layers, self._lefts(xp, layers)[1:], strict=True):
            parts.append(xp.reshape(left[:, None] * received, (-1,)))
            received = layer @ received
        return xp.concat(parts)

    def _gram(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Gram matrix X A Aᵀ Xᵀ, A Aᵀ = Σ_l ‖left_l‖² right_lᵀ right_l, by the cheaper of two orders of products.

        Sample by sample, K = Σ_l ‖left_l‖² (X right_lᵀ)(X right_lᵀ)ᵀ takes O(np + n² Σ_l m_{l−1}); through the d×d
        matrix A Aᵀ it takes O(dp + d² Σ_l m_{l−1} + nd² + n²d), which is less where d is small beside n.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            K, shape (n, n). Memory of a few n×n and n×d matrices, and of the activations of the widest layer on n
            samples, or on d where the products go through A Aᵀ.
        """
        layers = self._layers(xp, theta)
        norms = [xp.linalg.vector_norm(left) for left in self._lefts(xp, layers)[1:]]
        if self._prefers_samples(X.shape[0]):
            return _summed(xp, layers, norms, X)
        # The first summand is a multiple of the identity; the second starts from W_1 without a product.
        metric = _summed(xp, layers[1:], norms[1:], xp.matrix_transpose(layers[0]))
        metric += norms[0] ** 2 * xp.eye(self.d, dtype=X.dtype, device=array_api_compat.device(X))
        gram = X @ metric @ xp.matrix_transpose(X)
        # Rounding leaves this product a little unsymmetric.
        return 0.5 * (gram + xp.matrix_transpose(gram))

    def _prefers_samples(self, samples: int) -> bool:
        """Whether the Gram matrix is cheaper without A Aᵀ, by the number of multiplications.

        Args:
            samples: Number of samples n.

        Returns:
            True where the products go sample by sample.
        """
        n, d, inner = samples, self.d, self.shapes[:-1]
        # A matrix times its own transpose takes half of the multiplications.
        by_samples = sum(n * out * into for out, into in inner) + n**2 * sum(into for _, into in self.shapes) / 2
        by_metric = sum(d * out * into for out, into in inner[1:]) + d**2 * sum(out for out, _ in inner) / 2
        return by_samples <= by_metric + n * d**2 + n**2 * d

    def _jacobian(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Jacobian: for layer l the products of the left vector with right_l x_i.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, d).

        Returns:
            J, shape (n, p).
        """
        layers = self._layers(xp, theta)
        columns, received = [], X
        for layer, left in zip(layers, self._lefts(xp, layers)[1:], strict=True):
            columns.append(xp.reshape(left[:, None] * received[:, None, :], (X.shape[0], -1)))
            received = received @ xp.matrix_transpose(layer)
        return xp.concat(columns, axis=1)


def _summed(xp: Namespace, layers: list[Array], norms: list[Array], received: Array) -> Array:
    """Sum ‖left_l‖² H_l H_lᵀ over layers, H_1 = ``received`` and H_{l+1} = H_l W_lᵀ.

    Args:
        xp: The namespace.
        layers: Consecutive layers, at least one.
        norms: Norms of their left vectors.
        received: What the first of them receives, one row per sample or coordinate, shape (m, ·).

    Returns:
        The sum, shape (m, m), symmetric.
    """
    total: Array | None = None
    columns: list[Array] = []
    for position, (layer, norm) in enumerate(zip(layers, norms, strict=True)):
        columns.append(norm * received)
        last = position + 1 == len(layers)
        # One product for several narrow layers, because each costs a pass over an m×m matrix.
        if last or sum(part.shape[1] for part in columns) >= received.shape[0]:
            joined = xp.concat(columns, axis=1)
            columns = []
            product = joined @ xp.matrix_transpose(joined)
            if total is None:
                total = product
            else:
                total += product
        if not last:
            received = received @ xp.matrix_transpose(layer)
    return total
