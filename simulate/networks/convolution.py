"""The layer that convolves, with or without a bias."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import Namespace
from ..validation import Array, InputError
from .compiled_convolutions import runs_compiled
from .compiled_pointwise import column_sums
from .convolutions import Geometry, convolve, pull_to_inputs, pull_to_kernel, pull_to_kernels
from .layers import Arrays, Layer, Shape, Start


class Convolution(Layer):
    """Convolution with kernels of shape (size, size, inputs, outputs), then a bias for each output channel.

    Args:
        outputs: Channels of the outputs.
        size: Height and width of the kernel.
        stride: Step between positions.
        padding: Rows and columns of zeros on each side.
        bias: Whether there is a bias.
        gain: Variance of a random entry of the kernel, times size²·inputs; 2 is that of He et al. (2015).
        fan_out: Whether the variance is divided by the outputs in place of the inputs, as fixup does.
    """

    def __init__(
        self,
        outputs: int,
        size: int = 3,
        stride: int = 1,
        padding: int = 1,
        bias: bool = True,
        gain: float = 2.0,
        fan_out: bool = False,
    ) -> None:
        self.outputs = outputs
        self.geometry = Geometry(size, stride, padding)
        self.bias = bias
        self._gain = gain
        self._fan_out = fan_out

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        if len(shape) != 3:
            raise InputError(f"Convolution: expected images (height, width, channels), got shape {shape}")
        height, width, channels = shape
        high, wide = self.geometry.positions(height), self.geometry.positions(width)
        if high < 1 or wide < 1:
            raise InputError(f"Convolution: expected images of at least {self.geometry.size} pixels, got {shape}")
        size = self.geometry.size
        fan = size * size * (self.outputs if self._fan_out else channels)
        self.shapes = ((size, size, channels, self.outputs),)
        self.starts = (Start(variance=self._gain / fan),)
        if self.bias:
            self.shapes += ((self.outputs,),)
            self.starts += (Start(),)
        self.input_shape = shape
        self.entries = math.prod((high, wide, self.outputs))
        return high, wide, self.outputs

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return self._with_bias(convolve(xp, x, parameters[0], self.geometry), parameters), x

    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """As `Layer.tangent`."""
        dy = self._with_bias(convolve(xp, kept, changes[0], self.geometry), changes)
        if dx is not None:
            dy = dy + convolve(xp, dx, parameters[0], self.geometry)
        return dy, dx

    def gradients(self, xp: Namespace, kept: Any, u: Array) -> Arrays:
        """As `Layer.gradients`."""
        return [pull_to_kernel(xp, kept, u, self.geometry), *self._bias_gradient(xp, u)]

    def features(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Layer.features`."""
        m = u.shape[0]
        kernels = xp.reshape(pull_to_kernels(xp, kept, u, self.geometry), (m, -1))
        if not self.bias:
            return kernels
        return xp.concat([kernels, xp.sum(xp.reshape(u, (m, -1, self.outputs)), axis=1)], axis=1)

    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """As `Layer.back`."""
        return pull_to_inputs(xp, u, parameters[0], self.geometry, tuple(kept.shape))

    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """As `Layer.backward_tangent`."""
        shape, g = tuple(kept.shape), self.geometry
        change = pull_to_kernel(xp, kept, du, g)
        if dkept is not None:
            change = change + pull_to_kernel(xp, dkept, u, g)
        back = pull_to_inputs(xp, u, parameters[0], g, shape)
        dback = pull_to_inputs(xp, du, parameters[0], g, shape) + pull_to_inputs(xp, u, changes[0], g, shape)
        return [change, *self._bias_gradient(xp, du)], back, dback

    def _with_bias(self, y: Array, parameters: Arrays) -> Array:
        """Add the bias in place, if there is one."""
        if self.bias:
            y += parameters[1]
        return y

    def _bias_gradient(self, xp: Namespace, u: Array) -> Arrays:
        """Sum over samples and positions, if there is a bias."""
        if not self.bias:
            return []
        return [column_sums(u) if runs_compiled(u) else xp.sum(xp.reshape(u, (-1, u.shape[3])), axis=0)]
