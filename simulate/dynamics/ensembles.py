"""What a run of many replicas leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..validation import Array, InputError, describe


@dataclass(frozen=True)
class Ensemble:
    """What a run left.

    Attributes:
        theta: parameters after the last step, shape (replicas, p); of a path that diverged, the last ones before.
        times: recorded steps, shape (T,), int64.
        values: records by name: "loss" (T, replicas), "loss_alignment" (T, replicas), "directional_alignment"
            (T, replicas, k), "sharp" and "flat" (T, replicas, number of k), "parameters" (T, replicas, p). Losses and
            energies of paths that diverged are infinite, their alignments NaN.
        diverged_at: number of steps that a path had taken when a residual of its minibatch passed 1e150 or stopped
            being a number, where it was stopped; −1 where it went on. Shape (replicas,), int64.
        steps: number of steps taken.
        finished: whether that is all that were asked for.
    """

    theta: Array
    times: np.ndarray
    values: dict[str, np.ndarray]
    diverged_at: np.ndarray
    steps: int
    finished: bool = True

    def mean(self, name: str) -> np.ndarray:
        """Mean of a record over the replicas.

        Args:
            name: Name of the record.

        Returns:
            Shape (T, …); infinite where a path has diverged.

        Raises:
            InputError: If there is no such record.
        """
        return np.mean(self._record(name), axis=1)

    def standard_error(self, name: str) -> np.ndarray:
        """Standard error of the mean of a record over the replicas.

        Args:
            name: Name of the record.

        Returns:
            Shape (T, …); NaN for one replica, or where a path has diverged.

        Raises:
            InputError: If there is no such record.
        """
        values = self._record(name)
        if values.shape[1] < 2:
            return np.full(values.shape[:1] + values.shape[2:], np.nan)
        with np.errstate(invalid="ignore"):
            return np.std(values, axis=1, ddof=1) / np.sqrt(values.shape[1])

    def log_mean(self, name: str) -> np.ndarray:
        """Mean of the logarithm of a positive record: multiplicative noise is heavy-tailed, its logarithm is not.

        Args:
            name: Name of the record.

        Returns:
            Shape (T, …).

        Raises:
            InputError: If there is no such record.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.mean(np.log(self._record(name)), axis=1)

    def _record(self, name: str) -> np.ndarray:
        """Find a record."""
        if name not in self.values:
            raise InputError(f"name: expected one of {', '.join(self.values)}, got {describe(name)}")
        return self.values[name]


class Interrupted(KeyboardInterrupt):
    """A run was interrupted from the keyboard.

    Args:
        ensemble: what was computed until then.

    Attributes:
        ensemble: what was computed until then.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__(f"interrupted after {ensemble.steps} steps")
        self.ensemble = ensemble
