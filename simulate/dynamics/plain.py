"""The engine for any model and array library: plain Python, one replica after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import array_api_compat
import numpy as np

from ..arrays import Namespace, to_device_of, to_host
from ..kernels.packing import padded_size
from ..validation import Array
from . import draws
from .engines import LIMIT, Engine, Fresh


@dataclass
class Plain(Engine):
    """Any model, in the array library and on the device of its parameters, one replica after the other.

    Attributes:
        xp: the namespace.
        theta: parameters, one array of shape (p,) for each replica.
    """

    xp: Namespace
    theta: list[Array]

    def advance(self, rates: np.ndarray, first_step: int) -> None:
        """Take a few steps.

        Args:
            rates: learning rate of each step, shape (steps,).
            first_step: number of the first.
        """
        for r in range(len(self.theta)):
            for s, (X, y) in enumerate(self._minibatches(r, len(rates), first_step)):
                if self.diverged[r] >= 0:
                    break
                residual = self.model._predict(self.xp, self.theta[r], X) - y
                if not float(self.xp.max(self.xp.abs(residual))) < LIMIT:
                    self.diverged[r] = first_step + s
                    break
                rate = float(rates[s]) / X.shape[0]
                self.theta[r] = self.theta[r] - rate * self.model._vjp(self.xp, self.theta[r], X, residual)

    def parameters(self) -> Array:
        """Parameters as they are now.

        Returns:
            Shape (replicas, p).
        """
        return self.xp.stack(self.theta)

    def outputs(self, X: Array) -> Array:
        """Outputs on samples.

        Args:
            X: inputs, shape (n, d), as ``there`` gives them.

        Returns:
            Shape (replicas, n).
        """
        return self.xp.stack([self.model._predict(self.xp, theta, X) for theta in self.theta])

    def project(self, directions: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Components of θ − reference along directions.

        Args:
            directions: directions, shape (K, p).
            reference: parameters, shape (p,).

        Returns:
            Shape (replicas, K), on the host.
        """
        return np.stack([directions @ (to_host(theta) - reference) for theta in self.theta])

    def there(self, array: Array) -> Array:
        """Bring an array to where the parameters are, in their floating type.

        Args:
            array: an array, there already or on the host.

        Returns:
            The array.
        """
        moved = to_device_of(array, self.theta[0]) if isinstance(array, np.ndarray) else array
        return self.xp.astype(moved, self.theta[0].dtype, copy=False)

    def _minibatches(self, r: int, steps: int, first_step: int) -> Iterator[tuple[Array, Array]]:
        """Yield inputs and targets of each step."""
        source, replica = self.source, self.first_replica + r
        if isinstance(source, Fresh):
            yield from self._fresh(source, replica, steps, first_step)
            return
        if source.batch is None:
            yield from ((source.X, source.y) for _ in range(steps))
            return
        chosen = draws.indices(
            self.key, source.X.shape[0], source.batch, steps, replica, source.replacement, first_step
        )
        noise = self._noise(source.label_noise, source.batch, replica, steps, first_step)
        for s in range(steps):
            rows = self.xp.asarray(chosen[s], device=array_api_compat.device(source.X))
            targets = self.xp.take(source.y, rows, axis=0)
            if source.label_noise > 0:
                targets = targets + self.there(noise[s])
            yield self.xp.take(source.X, rows, axis=0), targets

    def _fresh(self, source: Fresh, replica: int, steps: int, first_step: int) -> Iterator[tuple[Array, Array]]:
        """Yield fresh inputs and their targets, drawn as the kernels draw them: in rows of whole cache lines."""
        d, columns = len(source.scales), padded_size(len(source.scales))
        noise = self._noise(source.label_noise, source.batch, replica, steps, first_step)
        for s in range(steps):
            first, count = (first_step + s) * source.batch * columns, source.batch * columns
            values = draws.random_normals(self.key, first, count, replica, draws.INPUTS)
            X = values.reshape(source.batch, columns)[:, :d] * source.scales
            yield self.there(X), self.there(X @ source.teacher + noise[s])

    def _noise(self, size: float, batch: int, replica: int, steps: int, first_step: int) -> np.ndarray:
        """Draw the noise on the targets, shape (steps, batch)."""
        if size == 0:
            return np.zeros((steps, batch))
        first, count = first_step * batch, steps * batch
        values = draws.random_normals(self.key, first, count, replica, draws.LABELS)
        return size * values.reshape(steps, batch)
