"""One run from start to end: what it checks, which engine it takes, when it records and how it is interrupted."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import array_api_compat
import numpy as np

from ..arrays import Namespace, real_arrays_on
from ..kernels import loading
from ..kernels.cuda.device import card
from ..kernels.cuda.launches import Device
from ..kernels.packing import layout
from ..models import Model
from ..streams import Seed, counter_key
from ..validation import Array, InputError, check_integer, check_ndim, check_shape, describe
from .compiled import Compiled
from .draws import LAST_STEP
from .engines import Engine, Fresh, Samples
from .ensembles import Ensemble, Interrupted
from .interrupts import deferred_interrupt
from .on_device import OnDevice, pack
from .plain import Plain
from .recording import Record, Recorder, check_record, recording_times
from .schedules import Schedule, learning_rates

Progress = Callable[[float], None]
"""Told, a few times a second, which fraction of a run is done."""

_SECONDS_PER_PIECE = 0.2
_MANY_STARTS = 32
"""From here on GD on a GPU gives each path a team of threads; fewer paths share the whole card in larger products."""


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
        X: Array,
        y: Array,
    ) -> Ensemble:
        """Check what is left to check, and run; X and y are where the loss is taken."""
        self.steps = check_integer("steps", self.steps, minimum=0, maximum=LAST_STEP)
        self.replicas = check_integer("replicas", self.replicas, minimum=1, maximum=2**32)
        self.first_step = check_integer("first_step", self.first_step, minimum=0, maximum=LAST_STEP - self.steps)
        limit = 2**32 - self.replicas
        self.first_replica = check_integer("first_replica", self.first_replica, minimum=0, maximum=limit)
        if self.threads is not None:
            self.threads = check_integer("threads", self.threads, minimum=1)
        if self.progress is not None and not callable(self.progress):
            raise InputError(f"progress: expected a function of one number, got {describe(self.progress)}")
        rates = learning_rates(lr, self.steps, schedule, self.first_step)
        record = check_record(self.record, self.model.size)
        times = recording_times(record, self.steps)
        with _current(theta0):
            engine = self._engine(xp, self._starts(xp, theta0))
            return self._walk(engine, Recorder(record, times, engine.there(X), engine.there(y)), rates)

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
        device, known = _device(starts), layout(self.model)
        if device is not None and known is not None and not (every_sample and self.replicas < _MANY_STARTS):
            return OnDevice(*place, xp, device, known, pack(xp, known, starts))
        known = known if isinstance(starts, np.ndarray) and not every_sample else None
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
        times = recorder.times.tolist()
        with deferred_interrupt() as asked_to_stop, contextlib.suppress(KeyboardInterrupt):
            for target in [*times, self.steps]:
                while done < target and not asked_to_stop():
                    until = min(target, done + piece)
                    started = time.perf_counter()
                    engine.advance(rates[done:until], self.first_step + done)
                    seconds = time.perf_counter() - started
                    piece = max(1, int((until - done) * min(8.0, _SECONDS_PER_PIECE / max(seconds, 1e-9))))
                    done = until
                    if self.progress is not None:
                        self.progress(done / self.steps)
                if done == target and recorder.count < len(times):
                    recorder.take(engine)
            finished = done == self.steps and not asked_to_stop()
        ensemble = self._ensemble(engine, recorder, done, finished)
        if not finished:
            raise Interrupted(ensemble)
        return ensemble

    def _ensemble(self, engine: Engine, recorder: Recorder, steps: int, finished: bool) -> Ensemble:
        """Put together what there is."""
        times = recorder.times[: recorder.count]
        return Ensemble(engine.parameters(), times, recorder.values(), engine.diverged, steps, finished)


def _current(array: Array) -> contextlib.AbstractContextManager[object]:
    """Make new arrays of CuPy where an array is, on machines with several cards."""
    return array.device if array_api_compat.is_cupy_array(array) else contextlib.nullcontext()


def _device(array: Array) -> Device | None:
    """Find the CUDA card that an array is on; None for any other array."""
    return card(int(array.device.id)) if array_api_compat.is_cupy_array(array) else None


def checked_samples(
    model: Model, theta0: Array, X: Array, y: Array, device: object
) -> tuple[Namespace, Array, Array, Array]:
    """Check a model and samples.

    Args:
        model: The model.
        theta0: Start or starts.
        X: Inputs.
        y: Targets.
        device: "auto", "cpu" or "cuda", as for ``sgd``.

    Returns:
        Namespace, starts, inputs of shape (n, d) and targets of shape (n,).

    Raises:
        InputError: If the model is none, a shape is wrong, an entry is not finite, or there is no such device.
        MissingDependencyError: If CuPy is needed and not installed.
    """
    if not isinstance(model, Model):
        raise InputError(f"model: expected a simulate.Model, got {describe(model)}")
    xp, (theta0, X, y) = real_arrays_on(device, theta0=theta0, X=X, y=y)
    check_ndim("X", X, 2, shape=f"(n, {model.d})")
    check_shape("X", X, (X.shape[0], model.d), "to match the model's d")
    check_shape("y", y, (X.shape[0],), "to match X")
    return xp, theta0, X, y
