"""Layers of a network: the map itself, its derivative, its adjoint, and the derivative of the adjoint.

A layer holds no parameters; it is told them. Images are (m, height, width, channels) inside a network, whatever the
library of the arrays. Every layer offers

- ``forward``: x to y, and what the others need of it (`kept`),
- ``tangent``: the derivative of y along changes of the parameters and of x,
- ``backward``: from the derivative of a scalar by y to those by the parameters and by x; ``features`` has those by the
  parameters sample by sample,
- ``backward_tangent``: the derivative of that, for products with the Hessian.

Where a layer is not differentiable (ReLU at 0, ties of a maximum), one of the one-sided derivatives is taken
everywhere alike, as PyTorch does.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ..arrays import Namespace
from ..validation import Array, InputError
from .compiled_convolutions import runs_compiled
from .compiled_pointwise import gate

Shape = tuple[int, ...]
Arrays = list[Array]
Visit = Callable[["Layer", Any, Array], None]


class Start(NamedTuple):
    """The distribution of a parameter's initial entries, N(mean, variance).

    Attributes:
        mean: The mean.
        variance: The variance; 0 for a constant.
    """

    mean: float = 0.0
    variance: float = 0.0


class Layer(abc.ABC):
    """One map of a network.

    Attributes:
        shapes: Shapes of its parameters, in the order in which they are packed.
        starts: For each parameter how it is drawn at first.
        entries: Numbers that ``forward`` makes a sample, once the layer is connected.
    """

    shapes: tuple[Shape, ...] = ()
    starts: tuple[Start, ...] = ()
    entries: int = 0

    def connect(self, shape: Shape) -> Shape:
        """Learn the shape of a sample's input.

        Args:
            shape: Shape of one sample of x.

        Returns:
            Shape of one sample of y.

        Raises:
            InputError: If the layer cannot take such inputs.
        """
        self.entries = math.prod(shape)
        return shape

    def leaves(self) -> list[Layer]:
        """List the layers that hold parameters of their own, in the order of packing.

        Returns:
            This layer, or those within it.
        """
        return [self]

    @abc.abstractmethod
    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """Apply the layer.

        Args:
            xp: The namespace.
            parameters: Its parameters.
            x: Inputs, (m, ...).

        Returns:
            Outputs, (m, ...), and what the other methods need.
        """

    @abc.abstractmethod
    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """Differentiate the outputs along a change of parameters and inputs.

        Args:
            xp: The namespace.
            parameters: Its parameters.
            changes: Their change.
            kept: From ``forward``.
            dx: Change of the inputs; None for none.

        Returns:
            Change of the outputs (None for none), and the change of what was kept.
        """

    def backward(
        self,
        xp: Namespace,
        parameters: Arrays,
        kept: Any,
        u: Array,
        through: bool = True,
        visit: Visit | None = None,
    ) -> tuple[Arrays, Array | None]:
        """Pull the derivative of a scalar back to parameters and inputs.

        Args:
            xp: The namespace.
            parameters: Its parameters.
            kept: From ``forward``.
            u: Derivative by the outputs, (m, ...).
            through: Whether the derivative by the inputs is wanted.
            visit: Is shown each layer with parameters, what it kept and its ``u``; then nothing is summed.

        Returns:
            Derivatives by the parameters, summed over samples (none with ``visit``), and by the inputs.
        """
        gradients: Arrays = []
        if self.shapes and visit is not None:
            visit(self, kept, u)
        elif self.shapes:
            gradients = self.gradients(xp, kept, u)
        return gradients, self.back(xp, parameters, kept, u) if through else None

    def gradients(self, xp: Namespace, kept: Any, u: Array) -> Arrays:
        """Derivatives by the parameters.

        Args:
            xp: The namespace.
            kept: From ``forward``.
            u: Derivative of a scalar by the outputs, (m, ...).

        Returns:
            One array for each parameter, summed over samples.
        """
        return []

    def features(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """Derivatives by the parameters, sample by sample.

        Args:
            xp: The namespace.
            kept: From ``forward``.
            u: Derivative of one scalar for each sample by its outputs, (m, ...).

        Returns:
            Derivatives, (m, q) for q parameters, in the order of packing.
        """
        return xp.zeros((u.shape[0], 0), dtype=u.dtype)

    @abc.abstractmethod
    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """Derivative by the inputs.

        Args:
            xp: The namespace.
            parameters: Its parameters.
            kept: From ``forward``.
            u: Derivative of a scalar by the outputs, (m, ...).

        Returns:
            Derivative by the inputs, (m, ...).
        """

    @abc.abstractmethod
    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """Differentiate ``backward``.

        Args:
            xp: The namespace.
            parameters: Its parameters.
            changes: Their change.
            kept: From ``forward``.
            dkept: From ``tangent``.
            u: Derivative by the outputs.
            du: Its change.

        Returns:
            Changes of the derivatives by the parameters; the derivative by the inputs, and its change.
        """


class Fixed(Layer):
    """A layer without parameters that is linear where it is differentiable."""

    @abc.abstractmethod
    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """Apply the derivative at what was kept.

        Args:
            xp: The namespace.
            kept: From ``forward``.
            x: A change of the inputs.

        Returns:
            The change of the outputs.
        """

    @abc.abstractmethod
    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """Apply the adjoint of the derivative.

        Args:
            xp: The namespace.
            kept: From ``forward``.
            u: Derivative of a scalar by the outputs.

        Returns:
            Derivative by the inputs.
        """

    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """As `Layer.tangent`."""
        return (None if dx is None else self.apply(xp, kept, dx)), None

    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """As `Layer.back`."""
        return self.adjoint(xp, kept, u)

    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """As `Layer.backward_tangent`."""
        return [], self.adjoint(xp, kept, u), self.adjoint(xp, kept, du)


class ToImages(Fixed):
    """Inputs (m, channels, height, width), or flattened in that order, to (m, height, width, channels).

    Args:
        shape: (channels, height, width) of one image.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        if math.prod(shape) != math.prod(self._shape):
            raise InputError(f"inputs: expected images of shape {self._shape}, got {shape}")
        channels, height, width = self._shape
        return height, width, channels

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return self.apply(xp, None, x), tuple(x.shape)

    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """As `Fixed.apply`."""
        images = xp.permute_dims(xp.reshape(x, (x.shape[0], *self._shape)), (0, 2, 3, 1))
        return xp.asarray(images, copy=True)

    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Fixed.adjoint`."""
        return xp.reshape(xp.permute_dims(u, (0, 3, 1, 2)), kept)


class Flatten(Fixed):
    """(m, ...) to (m, entries), the last axis fastest."""

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        self._inside = shape
        return (math.prod(shape),)

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return self.apply(xp, None, x), None

    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """As `Fixed.apply`."""
        return xp.reshape(x, (x.shape[0], math.prod(self._inside)))

    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Fixed.adjoint`."""
        return xp.reshape(u, (u.shape[0], *self._inside))


class Rectifier(Fixed):
    """(Leaky) ReLU: x where x > 0, slope·x elsewhere.

    Args:
        slope: From 0 (ReLU) to 1.
    """

    def __init__(self, slope: float = 0.0) -> None:
        self.slope = slope

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`; y > 0 where x > 0, and the next layer keeps y anyway."""
        y = self.apply(xp, x, x)
        return y, y

    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """As `Fixed.apply`."""
        if runs_compiled(x):
            return gate(kept, x, self.slope)
        return xp.where(kept > 0, x, self.slope * x)

    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Fixed.adjoint`."""
        return self.apply(xp, kept, u)


class Dense(Layer):
    """y = x W + b with W of shape (inputs, outputs) and b of shape (outputs,).

    Args:
        outputs: Number of outputs.
        gain: Variance of a random entry of W, times the number of inputs; 2 is that of He et al. (2015).
    """

    def __init__(self, outputs: int, gain: float = 2.0) -> None:
        self.outputs = outputs
        self._gain = gain

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        if len(shape) != 1:
            raise InputError(f"Dense: expected inputs of one dimension, got shape {shape}")
        self.shapes = ((shape[0], self.outputs), (self.outputs,))
        self.starts = (Start(variance=self._gain / shape[0]), Start())
        self.input_shape = shape
        self.entries = self.outputs
        return (self.outputs,)

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        weight, bias = parameters
        return xp.matmul(x, weight) + bias, x

    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """As `Layer.tangent`."""
        dy = kept @ changes[0] + changes[1]
        return (dy if dx is None else dy + dx @ parameters[0]), dx

    def gradients(self, xp: Namespace, kept: Any, u: Array) -> Arrays:
        """As `Layer.gradients`."""
        return [xp.matmul(xp.matrix_transpose(kept), u), xp.sum(u, axis=0)]

    def features(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Layer.features`."""
        outer = kept[:, :, None] * u[:, None, :]
        return xp.concat([xp.reshape(outer, (u.shape[0], -1)), u], axis=1)

    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """As `Layer.back`."""
        return xp.matmul(u, xp.matrix_transpose(parameters[0]))

    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """As `Layer.backward_tangent`."""
        weight = xp.matrix_transpose(parameters[0])
        change = xp.matrix_transpose(kept) @ du
        if dkept is not None:
            change = change + xp.matrix_transpose(dkept) @ u
        back = du @ weight + u @ xp.matrix_transpose(changes[0])
        return [change, xp.sum(du, axis=0)], u @ weight, back
