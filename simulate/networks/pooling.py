"""Layers that gather neighbouring pixels: maximum and mean."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat

from ..arrays import Namespace
from ..validation import Array, InputError
from . import compiled_pointwise as compiled
from .compiled_convolutions import runs_compiled
from .layers import Fixed, Shape


class _Pool(Fixed):
    """What both kinds share: squares of ``size`` pixels side by side; what is left at the right and below is dropped.

    Args:
        size: Height and width of a square.
    """

    def __init__(self, size: int = 2) -> None:
        self.size = size

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        if len(shape) != 3 or min(shape[:2]) < self.size:
            raise InputError(f"pooling: expected images of at least {self.size} pixels, got shape {shape}")
        pooled = (shape[0] // self.size, shape[1] // self.size, shape[2])
        self.entries = math.prod(pooled)
        return pooled

    def _corners(self, x: Array) -> list[Array]:
        """List, for each place in a square, the pixels there: size² views of shape (m, h', w', c)."""
        s = self.size
        high, wide = x.shape[1] // s * s, x.shape[2] // s * s
        return [x[:, k:high:s, column:wide:s, :] for k in range(s) for column in range(s)]

    def _spread(self, xp: Namespace, u: Array, shape: Shape, shares: list[Array]) -> Array:
        """Write to each place in a square its share."""
        s = self.size
        back = xp.zeros(shape, dtype=u.dtype, device=array_api_compat.device(u))
        for place, share in enumerate(shares):
            k, column = divmod(place, s)
            back[:, k : u.shape[1] * s : s, column : u.shape[2] * s : s, :] = share
        return back


class MaxPool(_Pool):
    """The largest of ``size``² pixels; of equal ones the first, row by row."""

    def forward(self, xp: Namespace, parameters: list[Array], x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        if runs_compiled(x):
            best = compiled.largest(x, self.size)
        else:
            first, *rest = self._corners(x)
            best = xp.asarray(first, copy=True)
            for corner in rest:
                best = xp.maximum(best, corner)
        return best, (x, best)

    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """As `Fixed.apply`."""
        if runs_compiled(x):
            return compiled.chosen(x, self.size, *kept)
        found = xp.zeros_like(kept[1])
        for mine, corner in zip(self._chosen(xp, *kept), self._corners(x), strict=True):
            found = xp.where(mine, corner, found)
        return found

    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Fixed.adjoint`."""
        if runs_compiled(u):
            return compiled.returned(u, self.size, *kept)
        zero = xp.zeros_like(u)
        shares = [xp.where(mine, u, zero) for mine in self._chosen(xp, *kept)]
        return self._spread(xp, u, tuple(kept[0].shape), shares)

    def _chosen(self, xp: Namespace, x: Array, best: Array) -> list[Array]:
        """Say for each place in a square where the first of the largest pixels is there."""
        free, chosen = xp.ones_like(best, dtype=xp.bool), []
        for corner in self._corners(x):
            mine = (corner == best) & free
            free = free & ~mine
            chosen.append(mine)
        return chosen


class AveragePool(_Pool):
    """The mean of ``size``² pixels."""

    def forward(self, xp: Namespace, parameters: list[Array], x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return self.apply(xp, None, x), tuple(x.shape)

    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """As `Fixed.apply`."""
        first, *rest = self._corners(x)
        total = xp.asarray(first, copy=True)
        for corner in rest:
            total += corner
        return total / self.size**2

    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Fixed.adjoint`."""
        return self._spread(xp, u, kept, [u / self.size**2] * self.size**2)


class GlobalAverage(Fixed):
    """The mean of each channel over all pixels: (m, h, w, c) to (m, c)."""

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        if len(shape) != 3:
            raise InputError(f"GlobalAverage: expected images (height, width, channels), got shape {shape}")
        self.entries = shape[2]
        return (shape[2],)

    def forward(self, xp: Namespace, parameters: list[Array], x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return self.apply(xp, None, x), tuple(x.shape)

    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """As `Fixed.apply`."""
        return xp.mean(x, axis=(1, 2))

    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Fixed.adjoint`."""
        _, high, wide, _ = kept
        share = u[:, None, None, :] / (high * wide)
        return xp.asarray(xp.broadcast_to(share, kept), copy=True)


class Downsample(Fixed):
    """Every second pixel, and as many channels of zeros behind: the shortcut of a block that halves the images."""

    def connect(self, shape: Shape) -> Shape:
        """As `Layer.connect`."""
        smaller = ((shape[0] + 1) // 2, (shape[1] + 1) // 2, 2 * shape[2])
        self.entries = math.prod(smaller)
        return smaller

    def forward(self, xp: Namespace, parameters: list[Array], x: Array) -> tuple[Array, Any]:
        """As `Layer.forward`."""
        return self.apply(xp, None, x), tuple(x.shape)

    def apply(self, xp: Namespace, kept: Any, x: Array) -> Array:
        """As `Fixed.apply`."""
        seen = x[:, ::2, ::2, :]
        smaller = xp.zeros((*seen.shape[:3], 2 * seen.shape[3]), dtype=x.dtype, device=array_api_compat.device(x))
        smaller[:, :, :, : seen.shape[3]] = seen
        return smaller

    def adjoint(self, xp: Namespace, kept: Any, u: Array) -> Array:
        """As `Fixed.adjoint`."""
        back = xp.zeros(kept, dtype=u.dtype, device=array_api_compat.device(u))
        back[:, ::2, ::2, :] = u[:, :, :, : kept[3]]
        return back
