"""Layers made of layers: one after another, and side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays import Namespace
from ..validation import Array, InputError
from .layers import Arrays, Layer, Shape, Visit


class Chain(Layer):
    """Layers one after another.

    Args:
        *layers: The layers; none at all is the identity.
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        for layer in self.layers:
            shape = layer.connect(shape)
        _adopt(self, self.layers)
        return shape

    def leaves(self) -> list[Layer]:
        """As `Layer.leaves`."""
        return [leaf for layer in self.layers for leaf in layer.leaves()]

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        kept = []
        for layer, own in zip(self.layers, _split(self.layers, parameters), strict=True):
            x, mine = layer.forward(xp, own, x)
            kept.append(mine)
        return x, kept

    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """As `Layer.tangent`."""
        dkept = []
        own, moved = _split(self.layers, parameters), _split(self.layers, changes)
        for layer, mine, change, have in zip(self.layers, own, moved, kept, strict=True):
            dx, found = layer.tangent(xp, mine, change, have, dx)
            dkept.append(found)
        return dx, dkept

    def backward(
        self,
        xp: Namespace,
        parameters: Arrays,
        kept: Any,
        u: Array,
        through: bool = True,
        visit: Visit | None = None,
    ) -> tuple[Arrays, Array | None]:
        """As `Layer.backward`."""
        gradients: list[Arrays] = []
        parts = list(zip(self.layers, _split(self.layers, parameters), kept, strict=True))
        first = self._first(through)
        back: Array | None = u
        for place in range(len(parts) - 1, -1, -1):
            if place < first:
                gradients.append([])
                continue
            layer, mine, have = parts[place]
            found, back = layer.backward(xp, mine, have, back, through or place > first, visit)
            gradients.append(found)
        return [array for found in reversed(gradients) for array in found], back if through else None

    def _first(self, through: bool) -> int:
        """Find the first layer that needs a derivative: nothing before it has parameters."""
        if through:
            return 0
        return next((place for place, layer in enumerate(self.layers) if layer.shapes), len(self.layers))

    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """As `Layer.back`."""
        return self.backward(xp, parameters, kept, u)[1]

    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """As `Layer.backward_tangent`."""
        found: list[Arrays] = []
        own, moved = _split(self.layers, parameters), _split(self.layers, changes)
        for layer, mine, change, have, dhave in reversed(list(zip(self.layers, own, moved, kept, dkept, strict=True))):
            gradients, u, du = layer.backward_tangent(xp, mine, change, have, dhave, u, du)
            found.append(gradients)
        return [array for gradients in reversed(found) for array in gradients], u, du


class Residual(Layer):
    """The sum of a branch and a shortcut.

    Args:
        branch: What is learnt.
        shortcut: What leads past it; None for the identity.
    """

    def __init__(self, branch: Layer, shortcut: Layer | None = None) -> None:
        self.branch = branch
        self.shortcut = shortcut if shortcut is not None else Chain()

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        found, beside = self.branch.connect(shape), self.shortcut.connect(shape)
        if found != beside:
            raise InputError(f"Residual: expected a shortcut to {found}, got one to {beside}")
        _adopt(self, (self.branch, self.shortcut))
        return found

    def leaves(self) -> list[Layer]:
        """As `Layer.leaves`."""
        return [*self.branch.leaves(), *self.shortcut.leaves()]

    def forward(self, xp: Namespace, parameters: Arrays, x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        first, second = _split((self.branch, self.shortcut), parameters)
        y, kept = self.branch.forward(xp, first, x)
        beside, also = self.shortcut.forward(xp, second, x)
        return y + beside, (kept, also)

    def tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dx: Array | None
    ) -> tuple[Array | None, Any]:
        """As `Layer.tangent`; a change of x is always there, since no network begins with a block."""
        first, second = _split((self.branch, self.shortcut), parameters)
        one, two = _split((self.branch, self.shortcut), changes)
        dy, dkept = self.branch.tangent(xp, first, one, kept[0], dx)
        beside, also = self.shortcut.tangent(xp, second, two, kept[1], dx)
        assert dy is not None
        assert beside is not None
        return dy + beside, (dkept, also)

    def backward(
        self,
        xp: Namespace,
        parameters: Arrays,
        kept: Any,
        u: Array,
        through: bool = True,
        visit: Visit | None = None,
    ) -> tuple[Arrays, Array | None]:
        """As `Layer.backward`."""
        first, second = _split((self.branch, self.shortcut), parameters)
        gradients, back = self.branch.backward(xp, first, kept[0], u, through, visit)
        more, beside = self.shortcut.backward(xp, second, kept[1], u, through, visit)
        if back is None or beside is None:
            return [*gradients, *more], None
        return [*gradients, *more], back + beside

    def back(self, xp: Namespace, parameters: Arrays, kept: Any, u: Array) -> Array:
        """As `Layer.back`."""
        return self.backward(xp, parameters, kept, u)[1]

    def backward_tangent(
        self, xp: Namespace, parameters: Arrays, changes: Arrays, kept: Any, dkept: Any, u: Array, du: Array
    ) -> tuple[Arrays, Array, Array]:
        """As `Layer.backward_tangent`."""
        first, second = _split((self.branch, self.shortcut), parameters)
        one, two = _split((self.branch, self.shortcut), changes)
        found, back, dback = self.branch.backward_tangent(xp, first, one, kept[0], dkept[0], u, du)
        more, beside, dbeside = self.shortcut.backward_tangent(xp, second, two, kept[1], dkept[1], u, du)
        return [*found, *more], back + beside, dback + dbeside


def _adopt(block: Layer, layers: Sequence[Layer]) -> None:
    """Give a block the parameters of its layers."""
    block.shapes = tuple(shape for layer in layers for shape in layer.shapes)
    block.starts = tuple(start for layer in layers for start in layer.starts)
    block.entries = sum(layer.entries for layer in layers)


def _split(layers: Sequence[Layer], arrays: Arrays) -> list[Arrays]:
    """Deal parameters to layers, in order."""
    dealt, place = [], 0
    for layer in layers:
        dealt.append(arrays[place : place + len(layer.shapes)])
        place += len(layer.shapes)
    return dealt
