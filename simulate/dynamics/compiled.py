"""The engine of compiled kernels: models they know, on the host, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..kernels.loading import kernel, threads
from ..kernels.packing import Layout, padded, vector
from ..models import Linear
from ..validation import Array
from .engines import Engine, Fresh

_advance = kernel("ensemble", "advance")
_advance_online = kernel("ensemble", "advance_online")
_advance_single_samples = kernel("linear", "advance_single_samples")
_outputs = kernel("ensemble", "outputs")
_project = kernel("ensemble", "project")


@dataclass
class Compiled(Engine):
    """Kernels for the models they know, on the host, in float64.

    Attributes:
        layout: the model as kernels see it.
        theta: packed parameters of all replicas.
        thread_count: number of threads; None for Numba's own choice.
    """

    layout: Layout
    theta: np.ndarray
    thread_count: int | None = None
    _inputs: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def advance(self, rates: np.ndarray, first_step: int) -> None:
        """Take a few steps.

        Args:
            rates: learning rate of each step, shape (steps,).
            first_step: number of the first.
        """
        source, place = self.source, (self.key, self.first_replica, first_step, self.diverged)
        with threads(self.thread_count):
            if isinstance(source, Fresh):
                scales, teacher = self._ready(source.scales, source.teacher)
                own = (rates, scales, teacher, source.batch, source.label_noise)
                _advance_online(*self._model(source.batch), self.theta, *own, *place)
                return
            batch = source.batch or source.X.shape[0]
            X, y = self._padded(source.X), np.ascontiguousarray(source.y)
            if isinstance(self.model, Linear) and batch == 1 and source.replacement and source.label_noise == 0:
                _advance_single_samples(self.theta, rates, X, y, *place)
                return
            numbers = (batch, source.replacement, source.label_noise)
            _advance(*self._model(batch), self.theta, rates, X, y, *numbers, *place)

    def parameters(self) -> np.ndarray:
        """Parameters as they are now.

        Returns:
            Shape (replicas, p), a copy.
        """
        return self.layout.unpack(self.theta)

    def there(self, array: Array) -> np.ndarray:
        """Bring an array to float64.

        Args:
            array: an array of NumPy.

        Returns:
            The array.
        """
        return np.asarray(array, dtype=np.float64)

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Outputs on samples.

        Args:
            X: inputs, shape (n, d), as ``there`` gives them.

        Returns:
            Shape (replicas, n).
        """
        out = np.empty((self.theta.shape[0], X.shape[0]))
        with threads(self.thread_count):
            _outputs(*self._model(1)[:3], self.theta, self._padded(X), out)
        return out

    def project(self, directions: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Components of θ − reference along directions.

        Args:
            directions: directions, shape (K, p).
            reference: parameters, shape (p,).

        Returns:
            Shape (replicas, K).
        """
        out = np.empty((self.theta.shape[0], directions.shape[0]))
        offsets = self.theta - self.layout.pack(reference[None, :])
        with threads(self.thread_count):
            _project(padded(offsets), self._packed(directions), out)
        return out

    def _model(self, batch: int) -> tuple[int, np.ndarray, np.ndarray, int]:
        """The model in numbers, and the scratch that a step needs."""
        return self.layout.family, self.layout.shape, self.layout.constants, self.layout.scratch_size(batch)

    def _padded(self, X: np.ndarray) -> np.ndarray:
        """Pad inputs once, as long as the same array is asked for."""
        return self._once(X, padded)

    def _packed(self, directions: np.ndarray) -> np.ndarray:
        """Lay out directions once, as long as the same array is asked for."""
        return self._once(directions, self.layout.pack)

    def _ready(self, scales: np.ndarray, teacher: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pad what describes fresh inputs."""
        return self._once(scales, vector), self._once(teacher, vector)

    def _once(self, array: np.ndarray, convert: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Convert an array once; the array itself is kept, so that its identity stays its own."""
        if id(array) not in self._inputs:
            self._inputs[id(array)] = (array, convert(array))
        return self._inputs[id(array)][1]
