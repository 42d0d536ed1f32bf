"""SGD on many replicas at once: on minibatches of given samples, and online."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import streams
from ..arrays import real_arrays_on, to_host
from ..models import Linear, Model
from ..models.overparametrised import OverparametrisedLinear
from ..streams import Seed
from ..validation import Array, InputError, check_flag, check_integer, check_real, check_shape
from .draws import check_batch
from .engines import Fresh, Samples
from .ensembles import Ensemble
from .recording import Record
from .runs import Progress, Run, checked_samples
from .schedules import Schedule

_EVALUATION_INPUTS = 1024


def sgd(
    model: Model,
    theta0: Array,
    X: Array,
    y: Array,
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
    first_replica: int = 0,
    first_step: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    device: str = "auto",
) -> Ensemble:
    """Run SGD, θ ← θ − (lr/B) Σ_b (f(x_b; θ) − y_b) ∇f(x_b; θ), on minibatches of given samples.

    A replica's path depends on the seed and its number alone, not on the other replicas, the threads or where a run is
    cut; ``first_replica`` and ``first_step`` compute a part of a larger run. NumPy arrays and the models of this
    package run in compiled kernels, in float64, and CuPy arrays and these models in CUDA kernels, in the arrays' dtype,
    along the same paths to rounding (their speed has not been measured yet). Other models and array libraries, or a
    machine without Numba, run in plain Python, on the device of the arrays.

    Args:
        model: The model.
        theta0: Start, shape (p,), or one for each replica, shape (replicas, p).
        X: Inputs, shape (n, d).
        y: Targets, shape (n,).
        lr: Learning rate η, positive; the largest one where there is a schedule.
        steps: Number of steps.
        batch: Batch size B.
        replacement: Whether a minibatch is drawn with replacement; otherwise each step has a fresh subset.
        replicas: Number of independent paths.
        seed: Non-negative integer, or a generator to draw from.
        schedule: Factors of the learning rate: a function of the step such as ``triangular(100)``, or one number for
            each step; None for a constant rate.
        label_noise: Standard deviation of Gaussian noise on the targets, drawn anew at each step.
        record: What to record and when; None for the loss at about 64 steps.
        first_replica: Number of the first replica.
        first_step: Number of the first step.
        threads: Number of threads; None for all that Numba has.
        progress: Told which fraction of the steps is done, such as ``progress_bar()``.
        device: "auto" leaves arrays where they are; "cpu" and "cuda" move them to NumPy and to CuPy.

    Returns:
        Final parameters and records. A path whose residual passes 1e150 is stopped and its step reported; the others
        go on. O(replicas · steps · B · cost of one gradient).

    Raises:
        InputError: If a shape or number is out of range, ``batch`` exceeds n without replacement, or there is no such
            device.
        MissingDependencyError: If CuPy is needed and not installed.
        Interrupted: At Ctrl-C, with what was computed.
    """
    xp, theta0, X, y = checked_samples(model, theta0, X, y, device)
    _, batch = check_batch(X.shape[0], batch, replacement)
    noise = check_real("label_noise", label_noise, minimum=0.0)
    source = Samples(X, y, batch, check_flag("replacement", replacement), noise)
    run = Run(model, source, steps, seed, replicas, record, first_replica, first_step, threads, progress)
    return run.go(xp, theta0, lr, schedule, X, y)


def online_sgd(
    model: Model,
    theta0: Array,
    spectrum: Array,
    teacher: Array,
    lr: float,
    steps: int,
    batch: int = 1,
    replicas: int = 1,
    seed: Seed = 0,
    schedule: Schedule | Sequence[float] | None = None,
    label_noise: float = 0.0,
    record: Record | None = None,
    *,
    first_replica: int = 0,
    first_step: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    device: str = "auto",
) -> Ensemble:
    """Run online SGD: fresh inputs x ~ N(0, diag(spectrum)) at every step, with targets <teacher, x> plus noise.

    The recorded loss is that of the population for (over-parametrised) linear models, without the noise of the labels;
    for other models it is taken on 1024 inputs that are drawn once.

    Args:
        model: The model.
        theta0: Start, shape (p,), or one for each replica, shape (replicas, p).
        spectrum: Variances of the inputs, positive or 0, shape (d,).
        teacher: Weights of the targets, shape (d,).
        lr: Learning rate η, positive; the largest one where there is a schedule.
        steps: Number of steps.
        batch: Batch size B.
        replicas: Number of independent paths.
        seed: Non-negative integer, or a generator to draw from.
        schedule: Factors of the learning rate, as for ``sgd``.
        label_noise: Standard deviation of Gaussian noise on the targets.
        record: What to record and when; None for the loss at about 64 steps. Alignments need given samples.
        first_replica: Number of the first replica.
        first_step: Number of the first step.
        threads: Number of threads; None for all that Numba has.
        progress: Told which fraction of the steps is done, such as ``progress_bar()``.
        device: "auto" leaves arrays where they are; "cpu" and "cuda" move them to NumPy and to CuPy.

    Returns:
        Final parameters and records, as for ``sgd``.

    Raises:
        InputError: If a shape or number is out of range, alignments are to be recorded, or there is no such device.
        MissingDependencyError: If CuPy is needed and not installed.
        Interrupted: At Ctrl-C, with what was computed.
    """
    xp, (theta0, spectrum, teacher) = real_arrays_on(device, theta0=theta0, spectrum=spectrum, teacher=teacher)
    scales2, weights = (np.asarray(to_host(a), dtype=np.float64) for a in (spectrum, teacher))
    check_shape("spectrum", scales2, (model.d,), "to match the model's d")
    check_shape("teacher", weights, (model.d,), "to match the model's d")
    if scales2.min() < 0:
        raise InputError(f"spectrum: expected variances >= 0, got {float(scales2.min())!r}")
    if record is not None and (record.loss_alignment or record.directional_alignment):
        raise InputError("record: expected no alignments for online SGD, which has no samples of its own, got some")
    noise = check_real("label_noise", label_noise, minimum=0.0)
    source = Fresh(np.sqrt(scales2), weights, check_integer("batch", batch, minimum=1), noise)
    run = Run(model, source, steps, seed, replicas, record, first_replica, first_step, threads, progress)
    inputs = _evaluation_inputs(model, scales2, seed)
    return run.go(xp, theta0, lr, schedule, inputs, inputs @ weights)


def _evaluation_inputs(model: Model, spectrum: np.ndarray, seed: Seed) -> np.ndarray:
    """Make inputs on which the mean loss is that of the population, or an estimate of it."""
    if isinstance(model, Linear | OverparametrisedLinear):
        return np.diag(np.sqrt(len(spectrum) * spectrum))
    fixed = streams.from_seed(seed, "evaluation inputs").standard_normal((_EVALUATION_INPUTS, len(spectrum)))
    return fixed * np.sqrt(spectrum)
