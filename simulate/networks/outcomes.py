"""What a training leaves: how it ended, and the loss after every epoch."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..validation import Array


class Outcome(enum.Enum):
    """How a training ended."""

    REACHED = "reached"
    """The loss is at most what was asked for."""
    EPOCHS = "epochs"
    """All epochs that were allowed are done, and the loss is larger."""
    DIVERGED = "diverged"
    """The loss grew beyond all bounds, or has been worse than a constant for long."""
    INTERRUPTED = "interrupted"
    """Ctrl-C was pressed."""


class Epoch(NamedTuple):
    """The state after an epoch.

    Attributes:
        epoch: its number, from 1; 0 is the start.
        steps: steps taken since the start.
        minibatch_loss: mean over the epoch of the losses of its minibatches, each before its step; NaN at the start.
        loss: loss of all samples at the end of the epoch; NaN where it was not computed.
        seconds: time spent since the start, over all pieces of the training.
    """

    epoch: int
    steps: int
    minibatch_loss: float
    loss: float
    seconds: float

    @property
    def best_known(self) -> float:
        """The loss of all samples where it was computed, else the mean over the epoch."""
        return self.minibatch_loss if math.isnan(self.loss) else self.loss


@dataclass(frozen=True)
class Training:
    """A training, finished or not.

    Attributes:
        theta: parameters, shape (p,), where the data are; after divergence those at which it showed.
        outcome: how it ended.
        history: the state at the start and after each epoch that was finished.
        steps: steps taken since the start, those of an unfinished epoch included.
        seconds: time spent since the start, over all pieces of the training.
        message: how it ended in one line, with what to try after divergence.
    """

    theta: Array
    outcome: Outcome
    history: tuple[Epoch, ...]
    steps: int
    seconds: float
    message: str

    @property
    def loss(self) -> float:
        """The last loss of all samples that was computed."""
        return next(record.loss for record in reversed(self.history) if not math.isnan(record.loss))

    def column(self, name: str) -> np.ndarray:
        """One column of the history, for plots.

        Args:
            name: "epoch", "steps", "minibatch_loss", "loss" or "seconds".

        Returns:
            Shape (epochs + 1,), float64.
        """
        return np.array([getattr(record, name) for record in self.history], dtype=np.float64)


class TrainingInterrupted(KeyboardInterrupt):
    """A training was interrupted from the keyboard.

    Args:
        training: what there was by then.

    Attributes:
        training: what there was by then.
    """

    def __init__(self, training: Training) -> None:
        super().__init__(training.message)
        self.training = training
