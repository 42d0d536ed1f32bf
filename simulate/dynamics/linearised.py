"""SGD linearised around a minimum: θ − θ* = w moves as a linear model with inputs ∇f(x_i; θ*) would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import real_arrays, real_arrays_on, to_host
from ..models import Linear, Model
from ..streams import Seed
from ..validation import Array, InputError, check_ndim, check_real, check_shape
from .ensembles import Ensemble
from .recording import Record
from .runs import Progress
from .schedules import Schedule
from .stochastic import sgd

GRADIENT_TOLERANCE = 1e-6
"""Largest norm of the gradient at what counts as a minimum."""


@dataclass(frozen=True)
class Linearisation:
    """A model near a minimum.

    Attributes:
        jacobian: J, rows ∇f(x_i; θ*), shape (n, p), float64.
        residual: residuals f(x_i; θ*) − y_i, shape (n,), float64.
        minimum: θ*, shape (p,), float64.
        gradient_norm: ‖∇L(θ*)‖.
    """

    jacobian: np.ndarray
    residual: np.ndarray
    minimum: np.ndarray
    gradient_norm: float


def linearise(model: Model, theta: Array, X: Array, y: Array, tolerance: float = GRADIENT_TOLERANCE) -> Linearisation:
    """Linearise a model at a minimum of its loss.

    Args:
        model: The model.
        theta: The minimum θ*, shape (p,).
        X: Inputs, shape (n, d).
        y: Targets, shape (n,).
        tolerance: Largest norm of the gradient ∇L(θ*) = Jᵀr/n that is accepted.

    Returns:
        Jacobian and residual there, on the host. O(n p) memory.

    Raises:
        InputError: If a shape is wrong, an entry is not finite, or the gradient is too large for a minimum.
    """
    _, (theta, X, y) = real_arrays(theta=theta, X=X, y=y)
    check_shape("y", y, (X.shape[0],), "to match X")
    jacobian = np.asarray(to_host(model.jacobian(theta, X)), dtype=np.float64)
    residual = np.asarray(to_host(model.predict(theta, X) - y), dtype=np.float64)
    norm = _gradient_norm("theta", jacobian, residual, tolerance)
    return Linearisation(jacobian, residual, np.array(to_host(theta), dtype=np.float64), norm)


def linearised_sgd(
    X_or_J: Array,
    w0: Array,
    lr: float,
    steps: int,
    batch: int = 1,
    replacement: bool = True,
    replicas: int = 1,
    seed: Seed = 0,
    schedule: Schedule | Sequence[float] | None = None,
    label_noise: float = 0.0,
    record: Record | None = None,
    *,
    residual: Array | None = None,
    tolerance: float = GRADIENT_TOLERANCE,
    first_replica: int = 0,
    first_step: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    device: str = "auto",
) -> Ensemble:
    """Run SGD on the linearised model w ↦ r* + J w, with w = θ − θ* (section 5 of Wang & Wu).

    With the seed of a run of ``sgd`` it sees the same minibatches.

    Args:
        X_or_J: Jacobian J at the minimum, shape (n, p); the inputs X of a linear model.
        w0: Start relative to the minimum, shape (p,), or one for each replica, shape (replicas, p).
        lr: Learning rate η, positive; the largest one where there is a schedule.
        steps: Number of steps.
        batch: Batch size B.
        replacement: Whether a minibatch is drawn with replacement.
        replicas: Number of independent paths.
        seed: Non-negative integer, or a generator to draw from.
        schedule: Factors of the learning rate, as for ``sgd``.
        label_noise: Standard deviation of Gaussian noise on the targets.
        record: What to record and when; its directions are relative to the minimum.
        residual: Residuals r* at the minimum, shape (n,); None for 0, an interpolating minimum.
        tolerance: Largest norm of the gradient Jᵀr*/n that is accepted.
        first_replica: Number of the first replica.
        first_step: Number of the first step.
        threads: Number of threads; None for all that Numba has.
        progress: Told which fraction of the steps is done, such as ``progress_bar()``.
        device: "auto" leaves arrays where they are; "cpu" and "cuda" move them to NumPy and to CuPy.

    Returns:
        Final w and records, as for ``sgd``.

    Raises:
        InputError: If a shape or number is out of range, the gradient is too large for a minimum, or there is no such
            device.
        MissingDependencyError: If CuPy is needed and not installed.
        Interrupted: At Ctrl-C, with what was computed.
    """
    xp, (J, w0) = real_arrays_on(device, X_or_J=X_or_J, w0=w0)
    check_ndim("X_or_J", J, 2, shape="(n, p)")
    check_ndim("w0", w0, 1, 2, shape=f"({J.shape[1]},) or (replicas, {J.shape[1]})")
    check_shape("w0", w0, (*w0.shape[:-1], J.shape[1]), "to match X_or_J")
    targets = xp.zeros_like(J[:, 0])
    if residual is not None:
        _, (_, offset) = real_arrays_on(device, X_or_J=J, residual=residual)
        check_shape("residual", offset, (J.shape[0],), "to match X_or_J")
        _gradient_norm("residual", np.asarray(to_host(J)), np.asarray(to_host(offset)), tolerance)
        targets = -offset
    return sgd(
        Linear(J.shape[1]), w0, J, targets, lr, steps, batch, replacement, replicas, seed, schedule, label_noise,
        record, first_replica=first_replica, first_step=first_step, threads=threads, progress=progress,
    )  # fmt: skip


def _gradient_norm(name: str, jacobian: np.ndarray, residual: np.ndarray, tolerance: float) -> float:
    """Check that the gradient is small enough for a minimum."""
    tolerance = check_real("tolerance", tolerance, minimum=0.0)
    norm = float(np.linalg.norm(jacobian.T @ residual)) / len(residual)
    if not norm <= tolerance:
        raise InputError(
            f"{name}: expected a minimum, where the gradient's norm is at most {tolerance:g}, got {norm:.3g}"
        )
    return norm
