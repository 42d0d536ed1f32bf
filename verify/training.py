"""Training a network of the paper on real images: from what a user asked for to files in a folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify.arguments import check_out
from verify.commands import PROGRAM
from verify.errors import VerifyError
from verify.progress import Sink, sink_for
from verify.trainable import Request, accuracy, checked, problem, start

if TYPE_CHECKING:
    import numpy as np

    from simulate.networks import Epoch, Network, Training
    from verify.store import RunFolder

CHECKPOINT, HISTORY, PLOT = "checkpoint.npz", "history.csv", "loss.png"
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """A training that came to an end.

    Attributes:
        request: what was asked for, with the defaults filled in.
        training: parameters, outcome and history.
        parameters: number of parameters.
        samples: number of images.
        test_accuracy: share of the test images of the classes that are told right; None without test images.
        folder: where everything is stored.
        checkpoint: the file from which the training can be extended.
        command: what runs it again, or extends it.
    """

    request: Request
    training: Training
    parameters: int
    samples: int
    test_accuracy: float | None
    folder: Path
    checkpoint: Path
    command: str

    @property
    def exit_code(self) -> int:
        """0 if the loss was reached, 1 otherwise."""
        return int(self.training.outcome.value != "reached")

    def headline(self) -> str:
        """Say in one line what came out and where it is.

        Returns:
            The line, without its end.
        """
        told = "" if self.test_accuracy is None else f"; test accuracy {self.test_accuracy:.1%}"
        return f"{self.request.network} on {self.request.data}: {self.training.message}{told}; {self.folder}"

    def text(self) -> str:
        """Describe the training and name its files.

        Returns:
            Lines, each ended, the headline last.
        """
        request = self.request
        lines = [
            f"{request.network}, width {request.width}, {self.parameters:,} parameters",
            f"{request.data}, classes {request.classes}, {self.samples:,} images",
            f"learning rate {request.lr:g}, batch size {request.batch}, seed {request.seed}, variance of initial "
            f"weights × {request.gain:g}; {self.training.seconds:.1f} s",
            *(f"  {path}" for path in (self.checkpoint, self.folder / HISTORY, self.folder / PLOT)),
            self.headline(),
        ]
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """Describe the training as JSON; its history is in its file.

        Returns:
            What was asked for, outcome, losses, folder and files, as text.
        """
        training = self.training
        described = {
            **asdict(self.request),
            "parameters": self.parameters,
            "samples": self.samples,
            "outcome": training.outcome.value,
            "message": training.message,
            "loss": training.loss,
            "initial_loss": training.history[0].loss,
            "epochs": training.history[-1].epoch,
            "steps": training.steps,
            "seconds": training.seconds,
            "test_accuracy": self.test_accuracy,
            "command": self.command,
            "folder": str(self.folder),
            "checkpoint": str(self.checkpoint),
        }
        return json.dumps(described, indent=1, ensure_ascii=False, allow_nan=False)


def train(
    request: Request,
    until: float = 1e-4,
    epochs: int | None = None,
    out: str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[str, float, str], None] | None = None,
) -> TrainingResult:
    """Train a network, or go on where an earlier call with the same folder was stopped.

    Args:
        request: what to train on what, and how.
        until: loss to be reached.
        epochs: number of epochs after which to stop, counted from the start; None for no limit.
        out: the folder for the files: a new or empty one, or that of the same training; None for
            `results/train-<time>-<seed>`.
        checkpoint: where the state is kept; None for a file in the folder.
        data_dir: the folder that contains that of CIFAR-10; None for the usual places.
        progress: whether to show a bar on the standard error stream; None shows one on a terminal after two seconds. Or
            a function, which is called with the network, how far it is (0 to 1) and the epoch and loss.

    Returns:
        How it ended, and where the files are.

    Raises:
        VerifyError: for an argument that cannot be used, before anything is created; for a folder of something else.
        KeyboardInterrupt: at the interrupt key; the state is kept, and the message says how to go on.
    """
    from simulate.networks.checkpoints import check_place
    from verify.sweeps.locking import StoreLock

    request, out = checked(request, until, epochs), check_out(out)
    sink = sink_for(progress, noun="")
    with sink:
        sink.begin(request.network, 0, 1)
        network, X, y = problem(request, data_dir)
        if checkpoint is not None:
            check_place(checkpoint)
        folder = _folder(request, out)
        lock = StoreLock(folder.path)
        try:
            kept = folder.path / CHECKPOINT if checkpoint is None else Path(checkpoint)
            command = _command(request, until, epochs, folder.path, checkpoint, data_dir)
            folder.manifest["command"] = command
            return _train(request, network, (X, y), (until, epochs), folder, kept, command, data_dir, sink)
        finally:
            lock.release()


def _train(
    request: Request,
    network: Network,
    samples: tuple[np.ndarray, np.ndarray],
    limits: tuple[float, int | None],
    folder: RunFolder,
    kept: Path,
    command: str,
    data_dir: str | os.PathLike[str] | None,
    sink: Sink,
) -> TrainingResult:
    """Train, and store what there is whatever becomes of it."""
    from simulate import networks

    news, (X, y), (until, epochs) = _News(sink), samples, limits
    try:
        training = networks.train(
            network,
            start(network, request),
            X,
            y,
            request.lr,
            request.batch,
            until,
            epochs,
            request.seed,
            observe=news.epoch,
            progress=news.fraction,
            checkpoint=kept,
        )
        share = accuracy(network, training.theta, request, data_dir)
        sink.update(1.0, "writing")
        _store(folder, kept, training, until)
        folder.manifest |= {"outcome": training.outcome.value, "message": training.message, "test_accuracy": share}
        folder.finish("complete")
    except networks.TrainingInterrupted as stopped:
        with contextlib.suppress(VerifyError):
            _store(folder, kept, stopped.training, until)
            folder.finish("interrupted")
        count = stopped.training.steps
        raise KeyboardInterrupt(f"interrupted after {count} steps; go on with: {command}") from None
    except BaseException:
        # The error that ended the run is the one to report, whatever becomes of the manifest.
        with contextlib.suppress(VerifyError):
            folder.finish("failed")
        raise
    return TrainingResult(request, training, network.size, len(y), share, folder.path, kept, command)


class _News:
    """Tells the bar of epochs and losses."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._text = "epoch 1"

    def epoch(self, record: Epoch, theta: object) -> None:
        loss = record.best_known
        _LOGGER.debug("epoch %d, %d steps, %.1f s: loss %.3e", record.epoch, record.steps, record.seconds, loss)
        self._text = f"epoch {record.epoch + 1}, loss {loss:.2e}"

    def fraction(self, fraction: float) -> None:
        self._sink.update(fraction, self._text)


def _folder(request: Request, out: str | os.PathLike[str] | None) -> RunFolder:
    """Create the folder, or take over that of the same training."""
    from verify.environment import describe
    from verify.store import MANIFEST, RunFolder

    description = {"training": asdict(request), "seed": request.seed, "environment": describe()}
    manifest = None if out is None else Path(out) / MANIFEST
    if manifest is None or not manifest.is_file():
        return RunFolder.create(out, description, prefix="train-", flat=True)
    try:
        found = json.loads(manifest.read_bytes())
        before = found["training"]
        folder = RunFolder(manifest.parent, {**found, **description, "files": dict(found["files"]), "ended": None})
    except (OSError, ValueError, KeyError, TypeError):
        raise VerifyError(f"out: expected a new or empty folder or that of this training, got {str(out)!r}") from None
    for name, value in asdict(request).items():
        if name not in before or before[name] != value:
            raise VerifyError(
                f"out: expected a new folder or that of this training ({name} {value}), got {str(out)!r}, which is of "
                f"another ({name} {before.get(name)})"
            )
    folder.manifest["status"] = "running"
    return folder


def _store(folder: RunFolder, kept: Path, training: Training, until: float) -> None:
    """Write the history and its plot, and enter the checkpoint in the manifest."""
    import pandas as pd

    table = pd.DataFrame(training.history)
    folder.write_text(HISTORY, table.to_csv(index=False, lineterminator="\n"))
    folder.write_bytes(PLOT, _plot(training, until))
    if kept.parent == folder.path and kept.is_file():
        with kept.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        folder.manifest["files"][kept.name] = {"bytes": kept.stat().st_size, "sha256": digest}


def _plot(training: Training, until: float) -> bytes:
    """Draw the loss against the epochs."""
    import numpy as np

    from verify.figures import drawing

    epochs, means, losses = (training.column(name) for name in ("epoch", "minibatch_loss", "loss"))
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 6.4, 3.8)
        panel, computed = axes[0, 0], np.isfinite(losses)
        panel.axhline(until, color=drawing.GREY, linewidth=0.9, linestyle=(0, (5, 2)), label=f"asked for: {until:g}")
        panel.plot(epochs, means, color=drawing.BLUE, label="mean over the minibatches of the epoch")
        panel.plot(
            epochs[computed],
            losses[computed],
            "o",
            markersize=2.5,
            color=drawing.VERMILION,
            label="all samples, at its end",
        )
        drawing.log_ticks(panel, "y")
        panel.set_xlabel("epoch")
        panel.set_ylabel("loss L")
        panel.legend()
        return drawing.png(figure)


def _command(
    request: Request,
    until: float,
    epochs: int | None,
    folder: Path,
    checkpoint: str | os.PathLike[str] | None,
    data_dir: str | os.PathLike[str] | None,
) -> str:
    """Write the command that goes on with a training."""
    options = {
        "data": request.data,
        "classes": request.classes,
        "samples": request.samples,
        "width": request.width,
        "gain": request.gain,
        "lr": request.lr,
        "batch": request.batch,
        "until": until,
        "epochs": epochs,
        "seed": request.seed,
        "checkpoint": checkpoint,
        "data-dir": data_dir,
        "out": folder,
    }
    given = [part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))]
    return shlex.join([PROGRAM, "train", request.network, *given])
