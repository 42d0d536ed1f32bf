"""A network with a flat parameter vector, and products with its derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import array_api_compat
import numpy as np

from .. import streams
from ..arrays import Namespace, real_arrays
from ..models import Model
from ..streams import Seed
from ..validation import Array, InputError, check_indices, check_integer, check_shape
from .blocks import Chain
from .compiled_products import between_kernels
from .convolution import Convolution
from .gram import layerwise_gram, unit
from .layers import Arrays, Layer, Shape

TILE_BYTES = 2**28
"""Bytes of what the layers keep of the samples that are worked on together."""


class Network(Model):
    """A layered network f(x; θ) with C outputs, as a model of this package.

    θ is one flat vector: for each layer in order its weights (Dense: (inputs, outputs); Convolution: (size, size,
    inputs, outputs)) and its biases. Inputs are images (n, channels, height, width) or rows (n, d). For C = 1 outputs
    have shape (n,), else (n, C). Everything is computed in the floating type of θ and X, on their device, some samples
    at a time, so that memory does not grow with n beyond the arrays given and returned.

    Args:
        layers: The layers.
        shape: Shape of one input: (channels, height, width), or (d,).
        name: What it is called.

    Attributes:
        d: Number of entries of an input.
        size: Number of parameters p.
        outputs: Number of outputs C.
        shape: Shape of one input.
        name: What it is called.
        convolves: Whether a layer is a convolution.

    Raises:
        InputError: If a layer cannot take what comes from the one before, or the outputs are no vector.
    """

    def __init__(self, layers: list[Layer], shape: Shape, name: str = "network") -> None:
        self.layers = Chain(*layers)
        self.shape = shape
        self.name = name
        self.d = math.prod(shape)
        made = self.layers.connect(shape)
        if len(made) != 1:
            raise InputError(f"layers: expected outputs that are vectors, got shape {made}")
        self.outputs = made[0]
        self._sizes = [math.prod(parameter) for parameter in self.layers.shapes]
        self.size = sum(self._sizes)
        self.convolves = any(isinstance(leaf, Convolution) for leaf in self.layers.leaves())

    def init(self, seed: Seed = 0) -> np.ndarray:
        """Draw initial parameters: N(0, variance) as each layer says, biases 0.

        Args:
            seed: Non-negative integer, or a ``numpy.random.Generator`` to draw from.

        Returns:
            θ, shape (p,), float64, on the host.

        Raises:
            InputError: If the seed is invalid.
        """
        generator = streams.from_seed(seed, "network")
        drawn = [
            start.mean + math.sqrt(start.variance) * generator.standard_normal(size)
            if start.variance
            else np.full(size, start.mean)
            for start, size in zip(self.layers.starts, self._sizes, strict=True)
        ]
        return np.concatenate(drawn)

    def loss(self, theta: Array, X: Array, y: Array) -> float:
        """Squared loss L = Σ ‖f(x_i) − y_i‖² / (2n).

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, channels, height, width) or (n, d).
            y: Targets, shape (n,) or (n, C).

        Returns:
            L.

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, y = self._checked_targets(theta, X, y)
        residual = self._predict(xp, theta, X) - y
        return float(xp.sum(residual * residual)) / (2 * X.shape[0])

    def loss_and_gradient(self, theta: Array, X: Array, y: Array) -> tuple[float, Array]:
        """Squared loss and its gradient.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, channels, height, width) or (n, d).
            y: Targets, shape (n,) or (n, C).

        Returns:
            L as ``loss`` has it and ∇L, shape (p,).

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, y = self._checked_targets(theta, X, y)
        squares, gradient = self.gradient_unchecked(xp, theta, X, y)
        return float(squares) / (2 * X.shape[0]), gradient

    @between_kernels
    def gradient_unchecked(self, xp: Namespace, theta: Array, X: Array, y: Array) -> tuple[Array, Array]:
        """As ``loss_and_gradient``, for arguments that were checked, and without waiting for the device.

        Args:
            xp: The namespace.
            theta: Parameters, shape (p,).
            X: Inputs.
            y: Targets, shaped as the outputs.

        Returns:
            Σ ‖f(x_i) − y_i‖² = 2n L as an array of no axis, float64, and ∇L.
        """
        n = X.shape[0]
        parameters, total, squares = self.unpacked(xp, theta), None, 0.0
        for part in self.tiles(n, X.dtype):
            outputs, kept = self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))
            residual = outputs - xp.reshape(y[part, ...], outputs.shape)
            squares = squares + xp.astype(xp.sum(residual * residual), xp.float64)
            gradients, _ = self.layers.backward(xp, parameters, kept, residual / n, through=False)
            total = _added(total, gradients)
        assert total is not None
        return squares, self._packed(xp, total)

    @between_kernels
    def hessian_vector(self, theta: Array, X: Array, y: Array, v: Array) -> Array:
        """Product H v with the Hessian of the squared loss, by differentiating the gradient along v.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, channels, height, width) or (n, d).
            y: Targets, shape (n,) or (n, C).
            v: Direction, shape (p,).

        Returns:
            H v, shape (p,). About three times the work of a gradient.

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, y, v = self._checked_targets(theta, X, y, v=v)
        n = X.shape[0]
        parameters, changes, total = self.unpacked(xp, theta), self.unpacked(xp, v), None
        for part in self.tiles(n, X.dtype):
            outputs, kept = self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))
            moved, dkept = self.layers.tangent(xp, parameters, changes, kept, None)
            residual = outputs - xp.reshape(y[part, ...], outputs.shape)
            found, _, _ = self.layers.backward_tangent(xp, parameters, changes, kept, dkept, residual / n, moved / n)
            total = _added(total, found)
        assert total is not None
        return self._packed(xp, total)

    @between_kernels
    def fisher_vector(self, theta: Array, X: Array, v: Array) -> Array:
        """Product G v with G = JᵀJ/n, the Gauss–Newton (for the squared loss: Fisher) matrix.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, channels, height, width) or (n, d).
            v: Direction, shape (p,).

        Returns:
            G v, shape (p,). About twice the work of a gradient.

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, v = self._checked(theta, X, v=v)
        check_shape("v", v, (self.size,), "to match theta")
        n = X.shape[0]
        parameters, changes, total = self.unpacked(xp, theta), self.unpacked(xp, v), None
        for part in self.tiles(n, X.dtype):
            _, kept = self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))
            moved, _ = self.layers.tangent(xp, parameters, changes, kept, None)
            gradients, _ = self.layers.backward(xp, parameters, kept, moved / n, through=False)
            total = _added(total, gradients)
        assert total is not None
        return self._packed(xp, total)

    def per_sample_gradients(self, theta: Array, X: Array, y: Array) -> Array:
        """Gradients of ‖f(x_i) − y_i‖²/2, one a sample.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, channels, height, width) or (n, d).
            y: Targets, shape (n,) or (n, C).

        Returns:
            Gradients, shape (n, p). O(np) memory.

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, y = self._checked_targets(theta, X, y)
        parameters, rows = self.unpacked(xp, theta), []
        for part in self.tiles(X.shape[0], X.dtype):
            outputs, kept = self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))
            residual = outputs - xp.reshape(y[part, ...], outputs.shape)
            rows.append(self._features(xp, parameters, kept, residual))
        return xp.concat(rows, axis=0)

    def gram(self, theta: Array, X: Array, memory: int = 2**30, rows: Array | None = None) -> Array:
        """Gram matrix K = J Jᵀ of the gradients of the outputs, layer by layer and never through J.

        A dense layer's share is (A Aᵀ) ∘ (U Uᵀ) for its inputs A and the derivatives U by its outputs; a convolution's
        is the product of its own gradients, sample by sample, or, for many channels and few pixels, of patches.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, channels, height, width) or (n, d).
            memory: Bytes that what is kept of the layers may take beside K; layers are taken in as many passes as that
                needs.
            rows: Samples whose rows of K are wanted, where all of K would not fit; None for all.

        Returns:
            K, shape (nC, nC), the rows of a sample next to each other, or the (mC, nC) of m samples.

        Raises:
            InputError: If a shape is wrong, an entry is not finite, libraries or devices differ, ``memory`` is not a
                positive integer, or ``rows`` are no indices of samples.
        """
        xp, theta, X = self._checked(theta, X)
        memory = check_integer("memory", memory, minimum=1)
        wanted = None if rows is None else check_indices("rows", rows, X.shape[0])
        return layerwise_gram(self, xp, theta, X, memory, wanted)

    def unpacked(self, xp: Namespace, theta: Array) -> Arrays:
        """Give the parameters of the layers their shapes.

        Args:
            xp: The namespace.
            theta: A vector of shape (p,).

        Returns:
            Views of it, in the order of the layers.
        """
        parts = zip(accumulate(self._sizes), self._sizes, self.layers.shapes, strict=True)
        return [xp.reshape(theta[last - size : last], shape) for last, size, shape in parts]

    def tiles(self, n: int, dtype: Any) -> Iterator[slice]:
        """Cut samples into tiles that fit in memory.

        Args:
            n: Number of samples.
            dtype: The floating type.

        Yields:
            Ranges of samples, one after the other.
        """
        a_sample = (self.d + self.layers.entries) * (4 if "32" in str(dtype) else 8)
        step = max(1, TILE_BYTES // a_sample)
        # Tiles of equal size: a last one of a few samples would be slow.
        count = -(-n // step)
        for tile in range(count):
            yield slice(n * tile // count, n * (tile + 1) // count)

    def images(self, xp: Namespace, X: Array) -> Array:
        """Give samples the shape of the network's inputs.

        Args:
            xp: The namespace.
            X: Samples, (m, ...).

        Returns:
            The same as (m, *shape).
        """
        return xp.reshape(X, (X.shape[0], *self.shape))

    def _packed(self, xp: Namespace, arrays: Arrays) -> Array:
        """Write the parameters of the layers into one vector; ``concat`` could not be captured in a CUDA graph."""
        vector = xp.empty((self.size,), dtype=arrays[0].dtype, device=array_api_compat.device(arrays[0]))
        for last, size, array in zip(accumulate(self._sizes), self._sizes, arrays, strict=True):
            vector[last - size : last] = xp.reshape(array, (-1,))
        return vector

    def _shown(self, xp: Namespace, outputs: Array) -> Array:
        """Drop the axis of a single output."""
        return xp.reshape(outputs, (-1,)) if self.outputs == 1 else outputs

    def _features(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """Derivatives of one scalar for each sample, (m, p)."""
        found: dict[int, Array] = {}

        def visit(layer: Layer, have: Any, upstream: Array) -> None:
            found[id(layer)] = layer.features(xp, have, upstream)

        self.layers.backward(xp, parameters, kept, u, through=False, visit=visit)
        return xp.concat([found[id(leaf)] for leaf in self.layers.leaves() if leaf.shapes], axis=1)

    def _checked(self, theta: Array, X: Array, **more: Array) -> tuple:
        xp, arrays = real_arrays(theta=theta, X=X, **more)
        check_shape("theta", arrays[0], (self.size,), "to match the network's size")
        given = tuple(arrays[1].shape)
        if len(given) < 2 or given[0] < 1 or given[1:] not in {self.shape, (self.d,)}:
            raise InputError(f"X: expected shape (n, {', '.join(map(str, self.shape))}) or (n, {self.d}), got {given}")
        return xp, *arrays

    def _checked_targets(self, theta: Array, X: Array, y: Array, **more: Array) -> tuple:
        """Check parameters, inputs and targets."""
        xp, theta, X, y, *others = self._checked(theta, X, y=y, **more)
        expected = (X.shape[0],) if self.outputs == 1 else (X.shape[0], self.outputs)
        check_shape("y", y, expected, "to match X and the outputs")
        if others:
            check_shape("v", others[0], (self.size,), "to match theta")
        return xp, theta, X, y, *others

    @between_kernels
    def _predict(self, xp: Namespace, theta: Array, X: Array) -> Array:
        parameters = self.unpacked(xp, theta)
        outputs = [
            self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))[0]
            for part in self.tiles(X.shape[0], X.dtype)
        ]
        return self._shown(xp, xp.concat(outputs, axis=0))

    def _gram(self, xp: Namespace, theta: Array, X: Array) -> Array:
        return layerwise_gram(self, xp, theta, X)

    def _jacobian(self, xp: Namespace, theta: Array, X: Array) -> Array:
        """Shape (n, p), or (nC, p) with the rows of a sample next to each other."""
        parameters, rows = self.unpacked(xp, theta), []
        for part in self.tiles(X.shape[0], X.dtype):
            outputs, kept = self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))
            each = [self._features(xp, parameters, kept, unit(xp, outputs, c)) for c in range(self.outputs)]
            rows.append(xp.reshape(xp.stack(each, axis=1), (-1, self.size)))
        return xp.concat(rows, axis=0)

    @between_kernels
    def _jvp(self, xp: Namespace, theta: Array, X: Array, v: Array) -> Array:
        parameters, changes, moved = self.unpacked(xp, theta), self.unpacked(xp, v), []
        for part in self.tiles(X.shape[0], X.dtype):
            _, kept = self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))
            moved.append(self.layers.tangent(xp, parameters, changes, kept, None)[0])
        return self._shown(xp, xp.concat(moved, axis=0))

    def vjp(self, theta: Array, X: Array, w: Array) -> Array:
        """Product Jᵀ w.

        Args:
            theta: Parameters, shape (p,).
            X: Inputs, shape (n, channels, height, width) or (n, d).
            w: Weights, shaped as the outputs: (n,) or (n, C).

        Returns:
            Jᵀ w, shape (p,).

        Raises:
            InputError: If a shape is wrong, an entry is not finite, or libraries or devices differ.
        """
        xp, theta, X, w = self._checked(theta, X, w=w)
        check_shape("w", w, (X.shape[0],) if self.outputs == 1 else (X.shape[0], self.outputs), "to match the outputs")
        return self._vjp(xp, theta, X, w)

    @between_kernels
    def _vjp(self, xp: Namespace, theta: Array, X: Array, w: Array) -> Array:
        parameters, total = self.unpacked(xp, theta), None
        w = xp.reshape(w, (X.shape[0], self.outputs))
        for part in self.tiles(X.shape[0], X.dtype):
            _, kept = self.layers.forward(xp, parameters, self.images(xp, X[part, ...]))
            gradients, _ = self.layers.backward(xp, parameters, kept, w[part, ...], through=False)
            total = _added(total, gradients)
        assert total is not None
        return self._packed(xp, total)


def _added(total: Arrays | None, more: Arrays) -> Arrays:
    """Add up what tiles gave."""
    return more if total is None else [a + b for a, b in zip(total, more, strict=True)]
