"""Many replicas of SGD at once: the public functions and what they return."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .. import streams
from ..arrays import Namespace, real_arrays, to_host
from ..kernels import loading
from ..kernels.packing import layout
from ..models import Linear, Model
from ..models.overparametrised import OverparametrisedLinear
from ..streams import Seed, counter_key
from ..validation import Array, InputError, check_flag, check_integer, check_ndim, check_real, check_shape, describe
from .compiled import Compiled
from .draws import check_batch
from .engines import Engine, Fresh, Samples
from .plain import Plain
from .recording import Record, Recorder, check_record, recording_times
from .schedules import Schedule, learning_rates

Progress = Callable[[float], None]
"""Told, a few times a second, which fraction of a run is done."""

_SECONDS_PER_PIECE = 0.2
_EVALUATION_INPUTS = 1024


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
) -> Ensemble:
    """Run SGD, θ ← θ − (lr/B) Σ_b (f(x_b; θ) − y_b) ∇f(x_b; θ), on minibatches of given samples.

    A replica's path depends on the seed and its number alone, not on the other replicas, the threads or where a run is
    cut; ``first_replica`` and ``first_step`` compute a part of a larger run. NumPy arrays and the models of this
    package run in compiled kernels; other models and array libraries, or a machine without Numba, in plain Python.

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
        progress: Told which fraction of the steps is done.

    Returns:
        Final parameters and records. A path whose residual passes 1e150 is stopped and its step reported; the others
        go on. O(replicas · steps · B · cost of one gradient).

    Raises:
        InputError: If a shape or number is out of range, or ``batch`` exceeds n without replacement.
        Interrupted: At Ctrl-C, with what was computed.
    """
    xp, theta0, X, y = checked_samples(model, theta0, X, y)
    _, batch = check_batch(X.shape[0], batch, replacement)
    noise = check_real("label_noise", label_noise, minimum=0.0)
    source = Samples(X, y, batch, check_flag("replacement", replacement), noise)
    run = Run(model, source, steps, seed, replicas, record, first_replica, first_step, threads, progress)
    return run.go(xp, theta0, lr, schedule, np.asarray(to_host(X), np.float64), np.asarray(to_host(y), np.float64))


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
        progress: Told which fraction of the steps is done.

    Returns:
        Final parameters and records, as for ``sgd``.

    Raises:
        InputError: If a shape or number is out of range, or alignments are to be recorded.
        Interrupted: At Ctrl-C, with what was computed.
    """
    xp, (theta0, spectrum, teacher) = real_arrays(theta0=theta0, spectrum=spectrum, teacher=teacher)
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


@dataclass
class Run:
    """One run of SGD or GD from start to end.

    Attributes:
        model: the model.
        source: where minibatches come from.
        steps: number of steps.
        seed: seed of the minibatches.
        replicas: number of replicas.
        record: what to record.
        first_replica: number of the first replica.
        first_step: number of the first step.
        threads: number of threads, or None.
        progress: told how far the run is, or None.
    """

    model: Model
    source: Samples | Fresh
    steps: int
    seed: Seed
    replicas: int
    record: Record | None
    first_replica: int
    first_step: int
    threads: int | None
    progress: Progress | None

    def go(
        self,
        xp: Namespace,
        theta0: Array,
        lr: float,
        schedule: Schedule | Sequence[float] | None,
        X: np.ndarray,
        y: np.ndarray,
    ) -> Ensemble:
        """Check what is left to check, and run; X and y are where the loss is taken."""
        self.steps = check_integer("steps", self.steps, minimum=0)
        self.replicas = check_integer("replicas", self.replicas, minimum=1)
        self.first_step = check_integer("first_step", self.first_step, minimum=0)
        limit = 2**32 - self.replicas
        self.first_replica = check_integer("first_replica", self.first_replica, minimum=0, maximum=limit)
        if self.threads is not None:
            self.threads = check_integer("threads", self.threads, minimum=1)
        rates = learning_rates(lr, self.steps, schedule, self.first_step)
        record = check_record(self.record, self.model.size)
        engine = self._engine(xp, self._starts(xp, theta0))
        recorder = Recorder(record, recording_times(record, self.steps), X, y)
        return self._walk(engine, recorder, rates)

    def _starts(self, xp: Namespace, theta0: Array) -> Array:
        """Give every replica its start, shape (replicas, p)."""
        check_ndim("theta0", theta0, 1, 2, shape=f"({self.model.size},) or (replicas, {self.model.size})")
        if theta0.ndim == 1:
            check_shape("theta0", theta0, (self.model.size,), "to match the model's size")
            return xp.broadcast_to(theta0, (self.replicas, self.model.size))
        check_shape("theta0", theta0, (self.replicas, self.model.size), "to match replicas and the model's size")
        return theta0

    def _engine(self, xp: Namespace, starts: Array) -> Engine:
        """Choose what carries the parameters."""
        key, diverged = counter_key(self.seed), np.full(self.replicas, -1, dtype=np.int64)
        place = (self.model, self.source, key, self.first_replica, diverged)
        every_sample = isinstance(self.source, Samples) and self.source.batch is None
        known = layout(self.model) if isinstance(starts, np.ndarray) and not every_sample else None
        if known is not None and not loading.available():
            warnings.warn("numba is not installed: SGD runs in plain Python, slowly", RuntimeWarning, stacklevel=5)
            known = None
        if known is None:
            return Plain(*place, xp, [xp.asarray(starts[r, :], copy=True) for r in range(self.replicas)])
        if isinstance(self.source, Samples):
            source = self.source
            X, y = (np.asarray(a, dtype=np.float64) for a in (source.X, source.y))
            place = (self.model, Samples(X, y, source.batch, source.replacement, source.label_noise), *place[2:])
        return Compiled(*place, known, known.pack(np.asarray(starts, dtype=np.float64)), self.threads)

    def _walk(self, engine: Engine, recorder: Recorder, rates: np.ndarray) -> Ensemble:
        """Advance from record to record, in pieces short enough to report progress and to be interrupted."""
        done, piece, finished = 0, 16, False
        times = [*recorder.times.tolist(), self.steps]
        taken = 0
        try:
            for target in times:
                while done < target:
                    until = min(target, done + piece)
                    started = time.perf_counter()
                    engine.advance(rates[done:until], self.first_step + done)
                    seconds = time.perf_counter() - started
                    piece = max(1, int((until - done) * min(8.0, _SECONDS_PER_PIECE / max(seconds, 1e-9))))
                    done = until
                    if self.progress is not None:
                        self.progress(done / self.steps)
                if taken < len(recorder.times):
                    recorder.take(engine)
                    taken += 1
            finished = True
        except KeyboardInterrupt:
            raise Interrupted(self._ensemble(engine, recorder, done, finished)) from None
        return self._ensemble(engine, recorder, done, finished)

    def _ensemble(self, engine: Engine, recorder: Recorder, steps: int, finished: bool) -> Ensemble:
        """Put together what there is."""
        values = recorder.values()
        count = min([len(entry) for entry in values.values()], default=0)
        values = {name: entry[:count] for name, entry in values.items()}
        times = recorder.times if not values else recorder.times[:count]
        return Ensemble(engine.parameters(), times, values, engine.diverged, steps, finished)


def checked_samples(model: Model, theta0: Array, X: Array, y: Array) -> tuple[Namespace, Array, Array, Array]:
    """Check a model and samples.

    Args:
        model: The model.
        theta0: Start or starts.
        X: Inputs.
        y: Targets.

    Returns:
        Namespace, starts, inputs of shape (n, d) and targets of shape (n,).

    Raises:
        InputError: If the model is none, a shape is wrong, or an entry is not finite.
    """
    if not isinstance(model, Model):
        raise InputError(f"model: expected a simulate.Model, got {describe(model)}")
    xp, (theta0, X, y) = real_arrays(theta0=theta0, X=X, y=y)
    check_ndim("X", X, 2, shape=f"(n, {model.d})")
    check_shape("X", X, (X.shape[0], model.d), "to match the model's d")
    check_shape("y", y, (X.shape[0],), "to match X")
    return xp, theta0, X, y
