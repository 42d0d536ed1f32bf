"""Steps of SGD whose outcome is asked for some steps later, so that a device never waits for the host in between."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import array_api_compat
import numpy as np

from ..arrays import Namespace, to_host
from ..kernels.cuda import graphs
from ..validation import Array
from .network import Network

MOST_PENDING = 64
"""Steps that a device may be ahead of the host: launching them takes it less time than doing them."""


class Steps:
    """Steps θ ← θ − lr ∇L_B(θ), in place, until a minibatch's loss is too large: from there on θ stays.

    On a device steps are queued, and their losses are read together by ``settle``; the guard against divergence is
    computed there too, so that θ stops where it would stop if each loss were looked at. CuPy's steps are captured in a
    CUDA graph, one for each batch size. NumPy's are taken at once.

    Args:
        network: The network.
        xp: The namespace.
        theta: Parameters, shape (p,), changed in place.
        X: Inputs, shape (n, ...).
        y: Targets, shape (n,) or (n, C).
        lr: Learning rate.
        limit: Loss of a minibatch beyond which θ stays, as for any that is not a number.

    Attributes:
        pending: Steps taken since the last ``settle``.
        ahead: How many may be pending.
    """

    def __init__(
        self, network: Network, xp: Namespace, theta: Array, X: Array, y: Array, lr: float, limit: float
    ) -> None:
        self._network, self._xp, self._theta = network, xp, theta
        self._X, self._y, self._lr, self._limit = X, y, lr, limit
        self._sized: dict[int, tuple[Array, graphs.Repeated]] = {}
        self.pending = 0
        self.ahead = 1 if array_api_compat.is_numpy_array(theta) else MOST_PENDING
        device = array_api_compat.device(theta)
        # The last step's sum of squares, and 1 as long as no step was refused.
        self._latest = xp.ones((2,), dtype=xp.float64, device=device)
        self._log = xp.zeros((self.ahead, 2), dtype=xp.float64, device=device)
        self._sizes: list[int] = []

    def take(self, rows: Array) -> None:
        """Take a step, or queue it.

        Args:
            rows: Indices of the minibatch, shape (batch,), int64, on the device.
        """
        size = int(rows.shape[0])
        if size not in self._sized:
            mine = self._xp.asarray(rows, copy=True)
            self._sized[size] = mine, graphs.repeated(self._xp, self._theta, lambda xp: self._step(xp, mine))
        buffer, step = self._sized[size]
        buffer[...] = rows
        step()
        self._log[self.pending, :] = self._latest
        self.pending += 1
        self._sizes.append(size)

    def settle(self) -> tuple[list[float], bool]:
        """Wait for the pending steps.

        Returns:
            The losses of their minibatches, shape (pending,), up to and with the first that was refused; and whether
            none was.
        """
        found = to_host(self._log)[: self.pending]
        losses = [float(total) / (2 * size) for total, size in zip(found[:, 0], self._sizes, strict=True)]
        taken = int(np.sum(found[:, 1] > 0))
        self.pending, self._sizes = 0, []
        return losses[: taken + 1], taken == len(found)

    def close(self) -> None:
        """Give back what is kept for repeated steps; none may follow."""
        for _, step in self._sized.values():
            step.close()
        self._sized = {}

    @property
    def pool_bytes(self) -> int:
        """Memory on the device that repeated steps have for themselves."""
        return sum(step.pool_bytes for _, step in self._sized.values())

    def _step(self, xp: Namespace, rows: Array) -> None:
        """One step, without a question to the device."""
        X, y = xp.take(self._X, rows, axis=0), xp.take(self._y, rows, axis=0)
        squares, gradient = self._network.gradient_unchecked(xp, self._theta, X, y)
        going = (self._latest[1] > 0) & (squares <= self._limit * 2 * rows.shape[0])
        gradient *= self._lr
        self._theta -= xp.where(going, gradient, xp.zeros_like(gradient[:1]))
        self._latest[0] = squares
        self._latest[1] = xp.astype(going, xp.float64)


def own_stream(theta: Array) -> AbstractContextManager[None]:
    """Do all that follows on a stream that can be captured, for arrays of CuPy.

    Args:
        theta: An array.

    Returns:
        A context manager; it does nothing for other libraries.
    """
    return graphs.own_stream(theta) if array_api_compat.is_cupy_array(theta) else nullcontext()
