"""Escape of SGD and GD from a minimum of a network: along the sharpest directions and along all others (Fig. 6)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import array_api_compat
import numpy as np

from .. import streams
from ..arrays import Namespace, real_arrays, to_host
from ..dynamics import draws
from ..dynamics.recording import Record, recording_times
from ..dynamics.runs import Progress
from ..streams import Seed, counter_key
from ..validation import Array, InputError, check_choice, check_integer, check_ndim, check_real, check_shape
from .network import Network
from .spectra import taken

LIMIT = 1e300
"""A loss beyond this ends a path, as a residual of 1e150 does in ``simulate.sgd``."""
_MINIBATCHES = 256
"""Minibatches that are drawn together."""


@dataclass(frozen=True)
class EscapeRun:
    """Paths θ_t that leave a minimum θ*.

    Attributes:
        times: recorded steps, shape (T,), int64.
        energies: ⟨u_i, θ_t − θ*⟩² for each direction, shape (T, replicas, k).
        rest: energy outside the span of the directions, ‖θ_t − θ*‖² − Σ_i ⟨u_i, θ_t − θ*⟩², shape (T, replicas).
        loss: the loss on all samples, shape (T, replicas).
        diverged_at: number of steps after which a path left all bounds, from where its records are infinite; −1 where
            it did not. Shape (replicas,), int64.
        theta: parameters after the last step, shape (replicas, p); of a path that diverged, the last ones before.
    """

    times: np.ndarray
    energies: np.ndarray
    rest: np.ndarray
    loss: np.ndarray
    diverged_at: np.ndarray
    theta: Array

    def sharp(self, k: int) -> np.ndarray:
        """Energy Σ_{i≤k} ⟨u_i, θ_t − θ*⟩² along the first k directions.

        Args:
            k: How many of the directions.

        Returns:
            Shape (T, replicas).

        Raises:
            InputError: If there are fewer directions.
        """
        return np.sum(self.energies[..., : self._count(k)], axis=2)

    def flat(self, k: int) -> np.ndarray:
        """Energy ‖θ_t − θ*‖² − Σ_{i≤k} ⟨u_i, θ_t − θ*⟩² along all other directions of the whole space.

        Args:
            k: How many of the directions to leave out.

        Returns:
            Shape (T, replicas).

        Raises:
            InputError: If there are fewer directions.
        """
        return np.sum(self.energies[..., self._count(k) :], axis=2) + self.rest

    def _count(self, k: int) -> int:
        return check_integer("k", k, minimum=1, maximum=self.energies.shape[2])


def escape_energy(
    network: Network,
    theta_star: Array,
    X: Array,
    y: Array,
    lr: float,
    steps: int,
    directions: Array,
    batch: int = 32,
    method: str = "sgd",
    replicas: int = 1,
    seed: Seed = 0,
    perturbation: float = 1e-5,
    at: Sequence[int] | None = None,
    *,
    progress: Progress | None = None,
) -> EscapeRun:
    """Run SGD or GD from beside a minimum and record how far it goes along the sharp directions and along the others.

    Each replica starts at θ* plus a Gaussian vector of length ``perturbation``, uniform in direction. SGD leaves a
    minimum in mean square where ``lr`` exceeds its stability threshold, about √batch / ‖G‖_F for small batches; GD
    where it exceeds 2/λ_1, the first entry of ``top_eigenpairs(…, which="hessian").eigenvalues``. The minibatches are
    those of ``simulate.minibatches`` and the paths those of ``simulate.sgd``, which takes networks too, but neither
    vector outputs nor the energy in all of the space; a step is one pass through the network here.

    Args:
        network: The network.
        theta_star: The minimum θ*, shape (p,).
        X: Inputs, shape (n, channels, height, width) or (n, d).
        y: Targets, shape (n,) or (n, C).
        lr: Learning rate, positive.
        steps: Number of steps.
        directions: Orthonormal directions u_i as columns, sharpest first, shape (p, k), such as the vectors of
            ``top_eigenpairs``.
        batch: Samples of a minibatch, drawn with replacement; unused by GD.
        method: "sgd" or "gd".
        replicas: Number of paths, which differ in their start and minibatches.
        seed: Non-negative integer, or a generator: fixes starts and minibatches. A path depends on the seed and its
            number alone.
        perturbation: Length ‖θ_0 − θ*‖; 0 to start at the minimum itself. In float32 the 1e-5 of the default is lost
            in rounding once p is large.
        at: Steps to record; None for 0, the last one and at most 64 between them, evenly spaced in their logarithm.
        progress: Told which fraction of the steps is done, such as ``progress_bar()``.

    Returns:
        The records. O(replicas · steps · cost of a gradient of a minibatch), and for each record one pass over all
        samples and O(pk).

    Raises:
        InputError: If a shape is wrong, an entry is not finite, libraries or devices differ, a number is out of range,
            ``method`` is neither of the two, or the directions are not orthonormal (1e-6; float32: 1e-3).
    """
    method = check_choice("method", method, ("sgd", "gd"))
    lr = check_real("lr", lr, minimum=0.0, exclusive=True)
    steps = check_integer("steps", steps, minimum=0, maximum=draws.LAST_STEP)
    replicas = check_integer("replicas", replicas, minimum=1, maximum=2**32)
    perturbation = check_real("perturbation", perturbation, minimum=0.0)
    xp, (theta_star, X, y, U) = real_arrays(theta_star=theta_star, X=X, y=y, directions=directions)
    network.loss(theta_star, X, y)  # checks their shapes
    _check_orthonormal(xp, U, network.size)
    _, batch = draws.check_batch(X.shape[0], batch, True)
    times = recording_times(Record(at=at), steps)
    stream, key = streams.from_seed(seed, "perturbation"), counter_key(seed)
    paths = []
    for r in range(replicas):
        batches = _Minibatches(xp, X, y, None if method == "gd" else batch, key, r)
        start = _beside(xp, theta_star, stream, perturbation)
        path = _Path(network, xp, theta_star, X, y, U, start)
        told = None if progress is None else _share(progress, r, replicas)
        path.walk(batches, lr, steps, times, told)
        paths.append(path)
    energies, rest, loss = (
        np.stack([getattr(p, name) for p in paths], axis=1) for name in ("energies", "rest", "loss")
    )
    diverged = np.asarray([path.diverged_at for path in paths], dtype=np.int64)
    return EscapeRun(times, energies, rest, loss, diverged, xp.stack([path.theta for path in paths]))


@dataclass
class _Minibatches:
    """What each step of a replica uses: a minibatch, or all samples where ``batch`` is None."""

    xp: Namespace
    X: Array
    y: Array
    batch: int | None
    key: np.ndarray
    replica: int

    def steps(self, steps: int) -> Iterator[tuple[Array, Array]]:
        """Yield inputs and targets of each step."""
        if self.batch is None:
            for _ in range(steps):
                yield self.X, self.y
            return
        for first in range(0, steps, _MINIBATCHES):
            count = min(_MINIBATCHES, steps - first)
            chosen = draws.indices(self.key, self.X.shape[0], self.batch, count, self.replica, True, first)
            for rows in chosen:
                yield taken(self.xp, self.X, rows), taken(self.xp, self.y, rows)


class _Path:
    """One path and its records.

    Args:
        network: The network.
        xp: The namespace.
        star: The minimum, shape (p,).
        X: All inputs.
        y: All targets.
        U: Directions, shape (p, k).
        start: Where the path starts, shape (p,).
    """

    def __init__(
        self, network: Network, xp: Namespace, star: Array, X: Array, y: Array, U: Array, start: Array
    ) -> None:
        self._network, self._xp, self._star, self._X, self._y, self._U = network, xp, star, X, y, U
        self.theta = start
        self.diverged_at = -1
        self.energies: list[np.ndarray] = []
        self.rest: list[float] = []
        self.loss: list[float] = []

    def walk(self, batches: _Minibatches, lr: float, steps: int, times: np.ndarray, progress: Progress | None) -> None:
        """Take all steps, and record at the times."""
        due = set(times.tolist())
        with np.errstate(over="ignore", invalid="ignore"):
            if 0 in due:
                self._record()
            for step, (X, y) in enumerate(batches.steps(steps), start=1):
                if self.diverged_at < 0:
                    self._step(X, y, lr, step)
                if step in due:
                    self._record()
                if progress is not None:
                    progress(step / steps)

    def _step(self, X: Array, y: Array, lr: float, step: int) -> None:
        """Take a step, unless it leads beyond all bounds."""
        squares, gradient = self._network.gradient_unchecked(self._xp, self.theta, X, y)
        moved = self.theta - lr * gradient
        # The sum is infinite or NaN where an entry is.
        if float(squares) / (2 * X.shape[0]) < LIMIT and math.isfinite(float(self._xp.sum(self._xp.abs(moved)))):
            self.theta = moved
        else:
            self.diverged_at = step - 1

    def _record(self) -> None:
        """Record where the path stands."""
        xp = self._xp
        if self.diverged_at >= 0:
            self.energies.append(np.full(self._U.shape[1], np.inf))
            self.rest.append(math.inf)
            self.loss.append(math.inf)
            return
        away = self.theta - self._star
        along = xp.matrix_transpose(self._U) @ away
        # Not a difference of squares, which would lose the rest where nearly all energy is along the directions.
        beside = away - self._U @ along
        self.energies.append(np.asarray(to_host(along), dtype=np.float64) ** 2)
        self.rest.append(float(xp.linalg.vector_norm(beside)) ** 2)
        residual = self._network._predict(xp, self.theta, self._X) - self._y
        loss = float(xp.sum(residual * residual)) / (2 * self._X.shape[0])
        self.loss.append(loss if loss < LIMIT else math.inf)


def _check_orthonormal(xp: Namespace, U: Array, size: int) -> None:
    """Check directions."""
    check_ndim("directions", U, 2, shape=f"({size}, k)")
    check_shape("directions", U, (size, U.shape[1]), "to match the network's size")
    eye = xp.eye(U.shape[1], dtype=U.dtype, device=array_api_compat.device(U))
    gap = float(xp.max(xp.abs(xp.matrix_transpose(U) @ U - eye)))
    if gap > (1e-3 if U.dtype == xp.float32 else 1e-6):
        raise InputError(f"directions: expected orthonormal columns, got products that are off by {gap:.1e}")


def _beside(xp: Namespace, star: Array, stream: np.random.Generator, length: float) -> Array:
    """Draw a start at a given distance from the minimum."""
    drawn = stream.standard_normal(star.shape[0])
    shift = xp.asarray(drawn * (length / np.linalg.norm(drawn)), device=array_api_compat.device(star))
    return star + xp.astype(shift, star.dtype, copy=False)


def _share(progress: Progress, replica: int, replicas: int) -> Progress:
    """Progress of one replica as a share of all."""
    return lambda fraction: progress((replica + fraction) / replicas)
