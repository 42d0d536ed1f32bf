"""What carries the parameters of many replicas from step to step."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import array_api_compat
import numpy as np

from ..arrays import to_host
from ..models import Model
from ..validation import Array

LIMIT = 1e150
"""A residual beyond this ends a path, as in the kernels: its square would soon overflow."""


@dataclass(frozen=True)
class Samples:
    """Given samples, of which each step takes a minibatch.

    Attributes:
        X: inputs, shape (n, d).
        y: targets, shape (n,).
        batch: batch size; None for all samples (GD).
        replacement: whether they are drawn with replacement.
        label_noise: standard deviation of the noise on the targets.
    """

    X: Array
    y: Array
    batch: int | None
    replacement: bool = True
    label_noise: float = 0.0


@dataclass(frozen=True)
class Fresh:
    """Fresh Gaussian inputs at every step, with the targets of a linear teacher.

    Attributes:
        scales: standard deviations of the inputs, shape (d,).
        teacher: weights of the targets, shape (d,).
        batch: batch size.
        label_noise: standard deviation of the noise on the targets.
    """

    scales: np.ndarray
    teacher: np.ndarray
    batch: int
    label_noise: float = 0.0


@dataclass
class Engine(abc.ABC):
    """Parameters of all replicas, and how they move.

    Attributes:
        model: the model.
        source: where minibatches come from.
        key: key of the random numbers, shape (2,), uint32.
        first_replica: number of the first replica.
        diverged: step at which each path ended, −1 where it goes on, shape (replicas,), int64.
    """

    model: Model
    source: Samples | Fresh
    key: np.ndarray
    first_replica: int
    diverged: np.ndarray

    @abc.abstractmethod
    def advance(self, rates: np.ndarray, first_step: int) -> None:
        """Take a few steps.

        Args:
            rates: learning rate of each step, shape (steps,).
            first_step: number of the first.
        """

    @abc.abstractmethod
    def parameters(self) -> Array:
        """Parameters as they are now.

        Returns:
            Shape (replicas, p), a copy.
        """

    @abc.abstractmethod
    def there(self, array: Array) -> Array:
        """Bring an array to where the parameters are, in their floating type.

        Args:
            array: an array, there already or on the host.

        Returns:
            The array.
        """

    @abc.abstractmethod
    def outputs(self, X: Array) -> Array:
        """Outputs on samples.

        Args:
            X: inputs, shape (n, d), as ``there`` gives them.

        Returns:
            Shape (replicas, n), where the parameters are.
        """

    def losses(self, X: Array, y: Array) -> np.ndarray:
        """Losses ‖f(X; θ) − y‖²/(2n) of all replicas.

        Args:
            X: inputs, shape (n, d), as ``there`` gives them.
            y: targets, shape (n,), as well.

        Returns:
            Shape (replicas,), on the host.
        """
        outputs = self.outputs(X)
        xp = array_api_compat.array_namespace(outputs)
        outputs, targets = (xp.astype(array, xp.float64, copy=False) for array in (outputs, y))
        return to_host(0.5 * xp.mean((outputs - targets[None, :]) ** 2, axis=1))

    @abc.abstractmethod
    def project(self, directions: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Components of θ − reference along directions.

        Args:
            directions: directions, shape (K, p).
            reference: parameters, shape (p,).

        Returns:
            Shape (replicas, K), on the host.
        """
