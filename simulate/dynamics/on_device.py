"""The engine of CUDA kernels: models they know, on the card that holds the arrays, in their dtype.

No time of it has been measured on a GPU yet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Namespace, to_host
from ..kernels.cuda.launches import EVERY_SAMPLE, WITH_REPLACEMENT, WITHOUT_REPLACEMENT, Device, Kernels, Walk
from ..kernels.packing import Layout, padded_size
from ..validation import Array
from .engines import Engine, Fresh

_OUTPUTS_AT_ONCE = 2**26


@dataclass
class OnDevice(Engine):
    """CUDA kernels for the models they know.

    Attributes:
        xp: namespace of the device's arrays.
        device: where kernels run.
        layout: the model as kernels see it.
        theta: packed parameters of all replicas, on the device.
    """

    xp: Namespace
    device: Device
    layout: Layout
    theta: Array
    _kept: dict[int, tuple[Array, Array]] = field(default_factory=dict)

    @functools.cached_property
    def _kernels(self) -> Kernels:
        return Kernels(self.device, self.layout, self.xp, self.theta.dtype)

    def advance(self, rates: np.ndarray, first_step: int) -> None:
        """Take a few steps, and wait for them.

        Args:
            rates: learning rate of each step, shape (steps,).
            first_step: number of the first.
        """
        source, ended = self.source, self.xp.asarray(self.diverged)
        place = (source.label_noise, self.key, self.first_replica, first_step, ended)
        on_device = self.xp.asarray(rates)
        if isinstance(source, Fresh):
            walk = Walk(on_device, source.batch, *place)
            self._kernels.advance_online(self.theta, walk, self._vector(source.scales), self._vector(source.teacher))
        else:
            walk = Walk(on_device, source.batch or source.X.shape[0], *place)
            selection = WITH_REPLACEMENT if source.replacement else WITHOUT_REPLACEMENT
            selection = EVERY_SAMPLE if source.batch is None else selection
            self._kernels.advance(self.theta, walk, self._matrix(source.X), self._vector(source.y), selection)
        self.diverged[:] = to_host(ended)

    def parameters(self) -> Array:
        """Parameters as they are now.

        Returns:
            Shape (replicas, p), a copy on the device.
        """
        return unpack(self.xp, self.layout, self.theta)

    def outputs(self, X: Array) -> Array:
        """Outputs on samples.

        Args:
            X: inputs, shape (n, d), as ``there`` gives them.

        Returns:
            Shape (replicas, n), on the device.
        """
        return self.xp.concat(list(self._outputs(X)), axis=0)

    def losses(self, X: Array, y: Array) -> np.ndarray:
        """Losses of all replicas, summed on the device.

        Args:
            X: inputs, shape (n, d), as ``there`` gives them.
            y: targets, shape (n,), as well.

        Returns:
            Shape (replicas,), on the host.
        """
        squares = ((block - y[None, :]) ** 2 for block in self._outputs(X))
        return np.concatenate([to_host(0.5 * self.xp.mean(block, axis=1)) for block in squares])

    def project(self, directions: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Components of θ − reference along directions.

        Args:
            directions: directions, shape (K, p).
            reference: parameters, shape (p,).

        Returns:
            Shape (replicas, K), on the host.
        """
        out = self._empty(self.theta.shape[0], directions.shape[0])
        offsets = self.theta - self._packed(reference[None, :])
        self._kernels.project(offsets, self._once(directions, self._packed), out)
        return to_host(out)

    def _outputs(self, X: Array) -> Iterator[Array]:
        """Yield outputs of some replicas after the other, so that those of all need no room on the device."""
        inputs = self._matrix(X)
        here = max(1, _OUTPUTS_AT_ONCE // X.shape[0])
        for first in range(0, self.theta.shape[0], here):
            theta = self.theta[first : first + here, :]
            out = self._empty(theta.shape[0], X.shape[0])
            self._kernels.outputs(theta, inputs, out)
            yield out

    def _empty(self, rows: int, columns: int) -> Array:
        return self.xp.empty((rows, columns), dtype=self.theta.dtype)

    def there(self, array: Array) -> Array:
        """Bring an array to the device, in the dtype of the parameters.

        Args:
            array: an array, there already or on the host.

        Returns:
            The array.
        """
        return self.xp.asarray(array, dtype=self.theta.dtype)

    def _packed(self, vectors: np.ndarray) -> Array:
        return pack(self.xp, self.layout, self.there(vectors))

    def _matrix(self, X: Array) -> Array:
        return self._once(X, lambda rows: pad(self.xp, self.there(rows)))

    def _vector(self, entries: np.ndarray) -> Array:
        return self._once(entries, lambda row: pad(self.xp, self.there(row)[None, :])[0, :])

    def _once(self, array: Array, convert: Callable[[Array], Array]) -> Array:
        """Convert an array once; the array itself is kept, so that its identity stays its own."""
        if id(array) not in self._kept:
            self._kept[id(array)] = (array, convert(array))
        return self._kept[id(array)][1]


def pad(xp: Namespace, blocks: Array) -> Array:
    """Pad rows with zeros, as kernels want them.

    Args:
        xp: Namespace of the array.
        blocks: Rows, shape (…, k).

    Returns:
        A contiguous copy whose rows have a multiple of eight entries.
    """
    columns = blocks.shape[-1]
    copy = xp.zeros((*blocks.shape[:-1], padded_size(columns)), dtype=blocks.dtype)
    copy[..., :columns] = blocks
    return copy


def pack(xp: Namespace, layout: Layout, theta: Array) -> Array:
    """Lay out parameters on a device, as ``Layout.pack`` does on the host.

    Args:
        xp: Namespace of the array.
        layout: The model.
        theta: Vectors, shape (m, p).

    Returns:
        Packed vectors, shape (m, size), a copy.
    """
    parts, start = [], 0
    for rows, columns in layout.blocks:
        block = xp.reshape(theta[:, start : start + rows * columns], (theta.shape[0], rows, columns))
        parts.append(xp.reshape(pad(xp, block), (theta.shape[0], -1)))
        start += rows * columns
    return xp.concat(parts, axis=1)


def unpack(xp: Namespace, layout: Layout, packed: Array) -> Array:
    """Take packed parameters apart.

    Args:
        xp: Namespace of the array.
        layout: The model.
        packed: Packed vectors, shape (m, size).

    Returns:
        Vectors, shape (m, p), a copy.
    """
    parts, start = [], 0
    for rows, columns in layout.blocks:
        size = rows * padded_size(columns)
        block = xp.reshape(packed[:, start : start + size], (packed.shape[0], rows, -1))
        parts.append(xp.reshape(block[:, :, :columns], (packed.shape[0], rows * columns)))
        start += size
    return xp.concat(parts, axis=1)
