"""Gradient descent on given samples."""

from __future__ import annotations

from collections.abc import Sequence

from ..models import Model
from ..validation import Array
from .engines import Samples
from .ensembles import Ensemble
from .recording import Record
from .runs import Progress, Run, checked_samples
from .schedules import Schedule


def gd(
    model: Model,
    theta0: Array,
    X: Array,
    y: Array,
    lr: float,
    steps: int,
    schedule: Schedule | Sequence[float] | None = None,
    record: Record | None = None,
    *,
    first_step: int = 0,
    progress: Progress | None = None,
    device: str = "auto",
) -> Ensemble:
    """Run gradient descent, θ ← θ − η ∇L(θ) with ∇L = Jᵀr/n.

    Args:
        model: The model.
        theta0: Start, shape (p,), or several starts, shape (m, p).
        X: Inputs, shape (n, d).
        y: Targets, shape (n,).
        lr: Learning rate η, positive; the largest one where there is a schedule.
        steps: Number of steps.
        schedule: Factors of the learning rate, as for ``sgd``.
        record: What to record and when; None for the loss at about 64 steps.
        first_step: Number of the first step.
        progress: Told which fraction of the steps is done, such as ``progress_bar()``.
        device: "auto" leaves arrays where they are; "cpu" and "cuda" move them to NumPy and to CuPy.

    Returns:
        Final parameters and records, one path for each start, as for ``sgd``. O(m · steps · cost of one gradient).

    Raises:
        InputError: If a shape or number is out of range, or there is no such device.
        MissingDependencyError: If CuPy is needed and not installed.
        Interrupted: At Ctrl-C, with what was computed.

    Example:
        >>> import numpy as np, simulate
        >>> run = simulate.gd(simulate.Linear(1), [1.0], [[1.0]], [0.0], lr=0.5, steps=3)
        >>> float(run.theta[0, 0])
        0.125
    """
    xp, theta0, X, y = checked_samples(model, theta0, X, y, device)
    replicas = theta0.shape[0] if theta0.ndim == 2 else 1
    run = Run(model, Samples(X, y, None), steps, 0, replicas, record, 0, first_step, None, progress)
    return run.go(xp, theta0, lr, schedule, X, y)
