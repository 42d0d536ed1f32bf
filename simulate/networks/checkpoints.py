"""Checkpoints of a training: one file that is there whole or as before, and that only its own training resumes.

A checkpoint is a NumPy `.npz` file without pickled objects. Its checksums are those of the ZIP format.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..arrays import to_host
from ..validation import Array, InputError, describe
from .blocks import Chain, Residual
from .layers import Layer
from .network import Network
from .outcomes import Epoch

FORMAT = "noise-geometry training 1"
_NAMES = ("format", "identity", "theta", "epoch", "step", "total", "seconds", "history")
_EXPECTED = "expected a checkpoint of a training"
# What reading a file can raise that is no checkpoint, whatever its bytes.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Checkpoint:
    """A state of a training.

    Attributes:
        identity: what the training is: the network, the start, the data, and how it is trained.
        theta: parameters, shape (p,), float32 or float64.
        epoch: number of the epoch in progress, from 1.
        step: steps taken in it.
        total: sum over its samples of the losses of their minibatches.
        seconds: time spent since the start.
        history: the states after the epochs before, beginning with the start.
    """

    identity: Mapping[str, Any]
    theta: np.ndarray
    epoch: int
    step: int
    total: float
    seconds: float
    history: tuple[Epoch, ...]


def training_identity(network: Network, theta0: Array, X: Array, y: Array, **settings: object) -> dict[str, Any]:
    """Name a training: whatever its path depends on.

    Args:
        network: The network.
        theta0: Start, shape (p,).
        X: Inputs.
        y: Targets.
        **settings: Learning rate, batch size and so on: numbers and flags.

    Returns:
        What can be compared and written as JSON; arrays and the architecture by their SHA-256. O(entries).
    """
    return {
        "network": network.name,
        "architecture": _digest(json.dumps([network.shape, _described(network.layers)]).encode()),
        "parameters": network.size,
        "type": str(to_host(theta0[:1]).dtype),
        "samples": int(X.shape[0]),
        "data": _digest(to_host(X), to_host(y)),
        "start": _digest(to_host(theta0)),
        **settings,
    }


def save_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write a checkpoint so that it survives from the moment this returns; until then an earlier one is intact.

    Args:
        path: The file; its folder exists.
        checkpoint: What to write.

    Raises:
        InputError: If the system refuses.
    """
    target = _path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            _write(file, checkpoint)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise InputError(f"checkpoint: expected to write {str(target)!r}, got: {_reason(error)}") from None
        raise


def load_checkpoint(path: str | os.PathLike[str], identity: Mapping[str, Any] | None = None) -> Checkpoint:
    """Read a checkpoint; nothing in it is ever unpickled.

    Args:
        path: The file.
        identity: What the training is that wants to resume; None for any.

    Returns:
        The checkpoint.

    Raises:
        InputError: If the file cannot be read, is no checkpoint, is damaged, or belongs to another training.
    """
    target = _path(path)
    try:
        if not target.is_file():
            raise InputError(f"checkpoint: expected a file, got {str(target)!r}, which is none")
        with target.open("rb") as file:
            return _read(np.load(file, allow_pickle=False), target, identity)
    except OSError as error:
        raise InputError(f"checkpoint: expected to read {str(target)!r}, got: {_reason(error)}") from None
    except InputError:
        raise
    except _UNREADABLE:
        raise InputError(f"checkpoint: {_EXPECTED}, got {str(target)!r}, which is damaged or something else") from None


def check_place(path: str | os.PathLike[str]) -> Path:
    """Check that a checkpoint can be kept at a path, before any work.

    Args:
        path: The file; it need not exist.

    Returns:
        The path.

    Raises:
        InputError: If it is no name of a file, or its folder does not exist.
    """
    target = _path(path)
    if not target.parent.is_dir():
        raise InputError(f"checkpoint: expected a file in a folder that exists, got {str(target)!r}")
    if os.path.lexists(target) and not target.is_file():
        raise InputError(f"checkpoint: expected a file, got {str(target)!r}, which is none")
    return target


def _write(file: IO[bytes], checkpoint: Checkpoint) -> None:
    """Write the content of a checkpoint."""
    history = np.array(checkpoint.history, dtype=np.float64).reshape(-1, len(Epoch._fields))
    np.savez(
        file,
        allow_pickle=False,
        format=np.array(FORMAT),
        identity=np.array(json.dumps(dict(checkpoint.identity))),
        theta=checkpoint.theta,
        epoch=np.array(checkpoint.epoch),
        step=np.array(checkpoint.step),
        total=np.array(checkpoint.total),
        seconds=np.array(checkpoint.seconds),
        history=history,
    )


def _read(archive: Any, path: Path, identity: Mapping[str, Any] | None) -> Checkpoint:
    """Read and check the content of a checkpoint; errors of formats are left to the caller."""
    if not isinstance(archive, np.lib.npyio.NpzFile) or set(archive.files) != set(_NAMES):
        raise _refused(path, "something else")
    if str(archive["format"]) != FORMAT:
        raise _refused(path, f"one of another format, {str(archive['format'])!r:.60}")
    stored = json.loads(str(archive["identity"]))
    if identity is not None:
        _compare(path, stored, identity)
    theta, history = archive["theta"], archive["history"]
    if theta.ndim != 1 or theta.dtype.kind != "f" or theta.shape != (stored["parameters"],):
        raise _refused(path, f"one with parameters of shape {theta.shape} and type {theta.dtype}")
    if history.ndim != 2 or history.dtype != np.float64 or history.shape[1] != len(Epoch._fields) or not len(history):
        raise _refused(path, f"one with a history of shape {history.shape}")
    epoch, step = int(archive["epoch"]), int(archive["step"])
    if epoch != len(history) or step < 0 or not np.all(np.isfinite(theta)):
        raise _refused(path, "one that contradicts itself")
    records = tuple(Epoch(int(row[0]), int(row[1]), *map(float, row[2:])) for row in history)
    return Checkpoint(stored, theta, epoch, step, float(archive["total"]), float(archive["seconds"]), records)


def _compare(path: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse the checkpoint of another training; name the first difference."""
    for name in (*wanted, *(name for name in stored if name not in wanted)):
        there, here = stored.get(name), wanted.get(name)
        if there != here:
            raise InputError(
                f"checkpoint: expected one of this training ({name} {_short(here)}), got {str(path)!r}, which is of "
                f"another ({name} {_short(there)})"
            )


def _short(value: object) -> str:
    """Write a value of an identity; digests by their first digits."""
    text = str(value)
    return text if len(text) < 32 else f"{text[:8]}…"


def _described(layer: Layer) -> list[Any]:
    """Describe a layer and those within it: kinds, shapes of parameters and outputs, slopes."""
    inside: tuple[Layer, ...] = ()
    if isinstance(layer, Chain):
        inside = tuple(layer.layers)
    elif isinstance(layer, Residual):
        inside = (layer.branch, layer.shortcut)
    parameters = [list(shape) for shape in layer.shapes]
    slope = getattr(layer, "slope", None)
    return [type(layer).__name__, parameters, layer.entries, slope, [_described(one) for one in inside]]


def _digest(*contents: bytes | np.ndarray) -> str:
    """SHA-256 of bytes and of arrays, whose shapes and types count through their bytes alone."""
    found = hashlib.sha256()
    for content in contents:
        found.update(content if isinstance(content, bytes) else np.ascontiguousarray(content).data)
    return found.hexdigest()


def _refused(path: Path, what: str) -> InputError:
    """Say that a file is no checkpoint."""
    return InputError(f"checkpoint: {_EXPECTED}, got {str(path)!r}, {what}")


def _reason(error: OSError) -> str:
    """Say in a line why the system refused."""
    return os.strerror(error.errno) if error.errno else " ".join(str(error).split())


def _path(path: object) -> Path:
    """Check the name of a file."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path) or "\0" in str(path):
        raise InputError(f"checkpoint: expected the name of a file, got {describe(path)}")
    return Path(path)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
