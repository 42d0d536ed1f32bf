"""Training as in the paper: SGD at a constant rate on the squared loss until the loss is small, and nothing else."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np

from .. import streams
from ..arrays import Namespace, real_arrays, to_device_of, to_host
from ..dynamics.draws import check_batch
from ..dynamics.interrupts import deferred_interrupt
from ..validation import Array, InputError, check_flag, check_integer, check_real, describe
from .checkpoints import Checkpoint, check_place, load_checkpoint, save_checkpoint, training_identity
from .network import Network
from .outcomes import Epoch, Outcome, Training, TrainingInterrupted
from .steps import Steps, own_stream

NEAR = 3.0
"""The loss of all samples is computed after epochs whose mean loss is at most this times what is asked for."""
LIMIT = 1e4
"""A minibatch whose loss is this many times that of the start, or of outputs that are all 0, is divergence."""
PATIENCE = 50
"""So are that many epochs in a row that are no better than a constant and bring no progress."""
_SECONDS_BETWEEN_NEWS = 0.2


def train(
    network: Network,
    theta0: Array,
    X: Array,
    y: Array,
    lr: float = 0.1,
    batch: int = 32,
    until: float = 1e-4,
    epochs: int | None = None,
    seed: int = 0,
    *,
    replacement: bool = False,
    observe: Callable[[Epoch, Array], None] | None = None,
    progress: Callable[[float], None] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: float = 60.0,
) -> Training:
    """Train a network by SGD, θ ← θ − lr ∇L_B(θ), until L = Σ ‖f(x_i) − y_i‖² / (2n) is at most ``until``.

    The paper's setting (Appendix A): constant rate, no momentum, weight decay or augmentation. An epoch is n/batch
    steps, rounded up; ``training_minibatches`` lists them. Everything stays in the floating type of X, on its device.

    The mean of the minibatches' losses over an epoch costs nothing. L itself, over all samples, is computed at the
    start, after each epoch whose mean is at most 3 times ``until``, and at the end: only L decides.

    A training is stopped as divergent if the loss of a minibatch is not finite or more than 10⁴ times the larger of the
    initial loss and Σ ‖y_i‖²/(2n); or if no epoch of the last 50 was better than the best constant or than all before.

    On a device up to 64 steps are queued before their losses are read, all at once: checkpoints, progress and Ctrl-C
    wait for that long, and where the training diverges θ is that of the step at which it did.

    With a checkpoint, a training that was interrupted or killed goes on where it was, within an epoch too, and passes
    through the same parameters bit for bit as one that was not, given the same machine, array library and number of
    threads. ``until`` and ``epochs`` may differ from those before; anything else is refused.

    Args:
        network: The network.
        theta0: Start, shape (p,), such as ``network.init(seed)``; taken in the type of X.
        X: Inputs, shape (n, channels, height, width) or (n, d).
        y: Targets, shape (n,) or (n, C); taken in the type of X.
        lr: Learning rate, positive.
        batch: Batch size, at most n without replacement; the last minibatch of an epoch has what is left.
        until: Loss to be reached, positive.
        epochs: Number of epochs after which to stop, counted from the start; None for no limit.
        seed: Non-negative integer that fixes the minibatches.
        replacement: Whether minibatches are drawn with replacement; otherwise each epoch is a new shuffle.
        observe: Told after each epoch its record and the parameters, which are about to change in place.
        progress: Told, a few times a second, a rough fraction of what is done, such as ``progress_bar()``.
        checkpoint: File from which to resume, if it exists, and in which to keep the state; None for none.
        every: Seconds between checkpoints; 0 for one after every step. One is written at the end in any case, unless
            the training diverged.

    Returns:
        Parameters, outcome and history. O(steps · cost of one gradient); a step allocates the minibatch and what the
        gradient needs.

    Raises:
        InputError: If an argument is out of range, or the checkpoint is damaged, foreign, or cannot be written.
        TrainingInterrupted: At Ctrl-C, with what there is; the checkpoint is up to date.
    """
    loop = _Loop(network, theta0, X, y, lr, batch, until, epochs, seed, replacement, observe, progress, every)
    if checkpoint is not None:
        loop.keep_at(check_place(checkpoint))
    training = loop.run()
    if training.outcome is Outcome.INTERRUPTED:
        raise TrainingInterrupted(training)
    return training


def training_minibatches(n: int, batch: int, epoch: int, seed: int = 0, replacement: bool = False) -> list[np.ndarray]:
    """List the minibatches of one epoch of ``train``, for comparisons with other code.

    Args:
        n: Number of samples.
        batch: Batch size.
        epoch: Number of the epoch, from 1.
        seed: Seed of the training.
        replacement: Whether samples are drawn with replacement.

    Returns:
        Indices of samples, int64, one array for each step: without replacement each sample once, and what is left in
        the last; with replacement each of ``batch`` indices.

    Raises:
        InputError: If an argument is out of range, or ``batch`` exceeds ``n`` without replacement.
    """
    n, batch = check_batch(n, batch, replacement)
    order = _order(n, batch, check_integer("epoch", epoch, minimum=1), seed, replacement)
    return [order[part] for part in _parts(len(order), batch)]


def _order(n: int, batch: int, epoch: int, seed: int, replacement: bool) -> np.ndarray:
    """Draw the samples of an epoch in the order in which they are used, a function of (seed, epoch) alone."""
    stream = streams.generator(seed, "training minibatches", (epoch,))
    return stream.integers(n, size=-(-n // batch) * batch) if replacement else stream.permutation(n)


def _parts(count: int, batch: int) -> list[slice]:
    """Cut the samples of an epoch into minibatches."""
    return [slice(start, min(start + batch, count)) for start in range(0, count, batch)]


class _Loop:
    """One training from start or checkpoint to end; the arguments are those of `train`."""

    def __init__(
        self,
        network: Network,
        theta0: Array,
        X: Array,
        y: Array,
        lr: float,
        batch: int,
        until: float,
        epochs: int | None,
        seed: int,
        replacement: bool,
        observe: Callable[[Epoch, Array], None] | None,
        progress: Callable[[float], None] | None,
        every: float,
    ) -> None:
        self.network = network
        self.xp, theta0, self.X, self.y = _checked(network, theta0, X, y)
        self.theta = self.xp.asarray(theta0, copy=True)
        self.n, self.batch = check_batch(self.X.shape[0], batch, replacement)
        self.lr = check_real("lr", lr, minimum=0.0, exclusive=True)
        self.until = check_real("until", until, minimum=0.0, exclusive=True)
        self.epochs = None if epochs is None else check_integer("epochs", epochs, minimum=0)
        self.seed = check_integer("seed", seed, minimum=0)
        self.replacement = check_flag("replacement", replacement)
        self.every = check_real("every", every, minimum=0.0)
        self.observe, self.progress = _callable("observe", observe), _callable("progress", progress)
        self.epoch, self.step, self.total = 1, 0, 0.0
        self.history: list[Epoch] = []
        self.path: Path | None = None
        self.identity: dict[str, Any] = {}
        self.diverged = ""
        self._before, self._begun = 0.0, time.perf_counter()
        self._saved_at, self._told_at, self._told = self._begun, -math.inf, 0.0
        self._unsaved = True

    def keep_at(self, path: Path) -> None:
        """Keep checkpoints in a file, and resume from the one that is there."""
        settings = {"lr": self.lr, "batch": self.batch, "seed": self.seed, "replacement": self.replacement}
        self.identity = training_identity(self.network, self.theta, self.X, self.y, **settings)
        self.path = path
        if not path.exists():
            return
        found = load_checkpoint(path, self.identity)
        self.theta = self.xp.asarray(to_device_of(found.theta, self.theta), copy=True)
        self.epoch, self.step, self.total = found.epoch, found.step, found.total
        self.history, self._before, self._unsaved = list(found.history), found.seconds, False

    def run(self) -> Training:
        """Go from epoch to epoch until there is a reason to stop."""
        # Overflow is what divergence is made of, and is reported as such.
        quiet = np.errstate(over="ignore", invalid="ignore")
        with deferred_interrupt() as asked_to_stop, quiet, own_stream(self.theta):
            if not self.history:
                self.history.append(Epoch(0, 0, math.nan, self._loss(), self._seconds()))
            self._prepare()
            with contextlib.closing(self._queue):
                outcome = self._judge() if self.step == 0 else None
                while outcome is None:
                    outcome = self._run_epoch(asked_to_stop) or self._close_epoch()
        if outcome is not Outcome.DIVERGED and self._unsaved:
            self._save()
        if self.progress is not None:
            self.progress(1.0)
        return Training(
            self.theta, outcome, tuple(self.history), self._steps(), self._seconds(), self._message(outcome)
        )

    def _prepare(self) -> None:
        """Find the losses that divergence is measured by, and make ready to take steps."""
        xp, y = self.xp, self.y
        zero = float(xp.sum(y * y)) / (2 * self.n)
        centred = y - xp.mean(y, axis=0)
        self._constant = float(xp.sum(centred * centred)) / (2 * self.n)
        limit = LIMIT * max(self.history[0].loss, zero)
        self._queue = Steps(self.network, xp, self.theta, self.X, y, self.lr, limit)
        # A checkpoint after every step needs every step.
        self._ahead = 1 if self.path is not None and self.every == 0 else self._queue.ahead

    def _run_epoch(self, asked_to_stop: Callable[[], bool]) -> Outcome | None:
        """Take the steps that are left of an epoch."""
        xp, order = self.xp, _order(self.n, self.batch, self.epoch, self.seed, self.replacement)
        parts = _parts(len(order), self.batch)
        there = xp.asarray(order, device=array_api_compat.device(self.X))
        for number, part in enumerate(parts[self.step :], start=self.step + 1):
            if asked_to_stop():
                return self._settle(parts) or Outcome.INTERRUPTED
            self._queue.take(there[part])
            full = self._queue.pending == self._ahead or number == len(parts)
            if full and (outcome := self._settle(parts)) is not None:
                return outcome
        return None

    def _settle(self, parts: list[slice]) -> Outcome | None:
        """Wait for the steps that were begun, and enter them."""
        losses, all_taken = self._queue.settle()
        for loss in losses if all_taken else losses[:-1]:
            part = parts[self.step]
            self.total += loss * (part.stop - part.start)
            self.step, self._unsaved = self.step + 1, True
        if not all_taken:
            self.diverged = f"the loss of a minibatch was {losses[-1]:.3g}"
            return Outcome.DIVERGED
        if losses:
            self._after_step(self.step / len(parts), parts[self.step - 1].stop)
        return None

    def _after_step(self, share: float, samples: int) -> None:
        """Keep a checkpoint and tell of progress, each when it is time."""
        now = time.perf_counter()
        if self.path is not None and now - self._saved_at >= self.every:
            self._save()
        if self.progress is not None and now - self._told_at >= _SECONDS_BETWEEN_NEWS:
            self._told_at = now
            self._told = max(self._told, min(self._fraction(share, self.total / samples), 0.999))
            self.progress(self._told)

    def _fraction(self, share: float, loss: float) -> float:
        """Guess how much is done: the larger share of the epochs and of the way of the loss on a logarithmic scale."""
        first, known = self.history[0].loss, self.history[-1].best_known
        current = (1 - share) * math.log(max(known, 1e-300)) + share * math.log(max(loss, 1e-300))
        way = math.log(first / self.until)
        by_loss = (math.log(first) - current) / way if way > 0 else 0.0
        by_epochs = 0.0 if not self.epochs else (self.epoch - 1 + share) / self.epochs
        return max(by_loss, by_epochs, 0.0)

    def _close_epoch(self) -> Outcome | None:
        """Enter an epoch that is done in the history, and decide whether it was the last."""
        samples = self.n if not self.replacement else -(-self.n // self.batch) * self.batch
        mean, steps = self.total / samples, self._steps()
        self.history.append(Epoch(self.epoch, steps, mean, math.nan, self._seconds()))
        self.epoch, self.step, self.total = self.epoch + 1, 0, 0.0
        outcome = self._judge()
        if self.observe is not None:
            self.observe(self.history[-1], self.theta)
        return outcome

    def _judge(self) -> Outcome | None:
        """Decide after an epoch, or at the start, whether there is a reason to stop."""
        last = self.history[-1]
        used_up = self.epochs is not None and last.epoch >= self.epochs
        if math.isnan(last.loss) and (used_up or last.minibatch_loss <= NEAR * self.until):
            last = self.history[-1] = last._replace(loss=self._loss(), seconds=self._seconds())
            self._unsaved = True
        if last.loss <= self.until:
            return Outcome.REACHED
        if self._hopeless():
            self.diverged = f"no epoch of the last {PATIENCE} was better than a constant, or than all before"
            return Outcome.DIVERGED
        return Outcome.EPOCHS if used_up else None

    def _hopeless(self) -> bool:
        """Say whether the loss has been that of a constant, or above, for long, and does not fall."""
        means = [record.minibatch_loss for record in self.history[1:]]
        if len(means) <= PATIENCE:
            return False
        lately = min(means[-PATIENCE:])
        return lately >= self._constant and lately >= min(means[:-PATIENCE])

    def _loss(self) -> float:
        """The loss of all samples."""
        residual = self.network._predict(self.xp, self.theta, self.X) - self.y
        return float(self.xp.sum(residual * residual)) / (2 * self.n)

    def _steps(self) -> int:
        """Number of steps taken since the start."""
        return (self.epoch - 1) * -(-self.n // self.batch) + self.step

    def _seconds(self) -> float:
        """Time spent since the start."""
        return self._before + time.perf_counter() - self._begun

    def _save(self) -> None:
        """Write a checkpoint."""
        if self.path is not None:
            host, history = to_host(self.theta), tuple(self.history)
            state = Checkpoint(self.identity, host, self.epoch, self.step, self.total, self._seconds(), history)
            save_checkpoint(self.path, state)
            self._unsaved = False
        self._saved_at = time.perf_counter()

    def _message(self, outcome: Outcome) -> str:
        """Say in a line how it ended."""
        steps, done = self._steps(), self.history[-1].epoch
        if outcome is Outcome.DIVERGED:
            start = self.history[0].loss
            return (
                f"diverged at step {steps} (epoch {self.epoch}): {self.diverged} (at the start {start:.3g}); the "
                f"learning rate {self.lr:g} seems too large: try {self.lr / 4:g}, or smaller weights at the start"
            )
        if outcome is Outcome.INTERRUPTED:
            kept = "" if self.path is None else f", kept in {self.path}"
            return f"interrupted after {steps} steps (epoch {self.epoch}){kept}"
        verb = "reached" if outcome is Outcome.REACHED else "did not reach"
        return f"{verb} {self.until:g}: loss {self.history[-1].loss:.3g} after {done} epochs, {steps} steps"


def _checked(network: object, theta0: Array, X: Array, y: Array) -> tuple[Namespace, Array, Array, Array]:
    """Check the arrays and bring start and targets to the floating type of X."""
    if not isinstance(network, Network):
        raise InputError(f"network: expected a simulate.networks.Network, got {describe(network)}")
    _, (X,) = real_arrays(X=X)
    kind = "float32" if "float32" in str(X.dtype) else "float64"
    xp, others = real_arrays(theta0=theta0, y=y)
    theta0, y = (xp.astype(array, getattr(xp, kind), copy=False) for array in others)
    checked: tuple[Namespace, Array, Array, Array] = network._checked_targets(theta0, X, y)
    return checked


def _callable(name: str, function: Any) -> Any:
    """Check that something can be called, or is None."""
    if function is not None and not callable(function):
        raise InputError(f"{name}: expected a function, got {describe(function)}")
    return function
