"""Layers with one number as their parameter: the scalar biases and scales of fixup (Zhang et al., 2019)."""

from __future__ import annotations

from typing import Any

from ..arrays import Namespace
from ..validation import Array
from .layers import Arrays, Layer, Start


class Shift(Layer):
    """y = x + b with one number b (a scalar bias of fixup)."""

    shapes = ((1,),)
    starts = (Start(),)

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return x + parameters[0], None

    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """As `Layer.tangent`; a change of x is always there, since no network begins with a shift."""
        return dx + changes[0], None

    def gradients(self, xp: Namespace, kept: Any, u: Array) -> Arrays:
        """As `Layer.gradients`."""
        return [xp.reshape(xp.sum(u), (1,))]

    def features(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Layer.features`."""
        return _sums(xp, u)

    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """As `Layer.back`."""
        return u

    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """As `Layer.backward_tangent`."""
        return [xp.reshape(xp.sum(du), (1,))], u, du


class Scale(Layer):
    """y = s x with one number s, at first 1 (the scale of fixup)."""

    shapes = ((1,),)
    starts = (Start(mean=1.0),)

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return x * parameters[0], x

    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """As `Layer.tangent`; a change of x is always there, since no network begins with a scale."""
        return kept * changes[0] + dx * parameters[0], dx

    def gradients(self, xp: Namespace, kept: Any, u: Array) -> Arrays:
        """As `Layer.gradients`."""
        return [xp.reshape(xp.sum(kept * u), (1,))]

    def features(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Layer.features`."""
        return _sums(xp, kept * u)

    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """As `Layer.back`."""
        return u * parameters[0]

    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """As `Layer.backward_tangent`."""
        change = xp.reshape(xp.sum(kept * du) + xp.sum(dkept * u), (1,))
        return [change], u * parameters[0], du * parameters[0] + u * changes[0]


def _sums(xp: Namespace, values: Array) -> Array:
    """Sum the entries of each sample: (m, ...) to (m, 1)."""
    return xp.sum(xp.reshape(values, (values.shape[0], -1)), axis=1, keepdims=True)
