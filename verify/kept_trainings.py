"""Trainings that survive: what was interrupted or killed goes on, and what is finished is not trained again.

A training has a file in the user's cache, a checkpoint of `simulate.networks.train`. The file's name has a hash of
all that the path of the training depends on: network, start, images, learning rate, batch size, seed and type of
number; where it stops; the code that trains; the versions of what computes, the processor and the BLAS libraries. So a
file that is found is right, or it is damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simulate
from simulate.arrays import to_host
from simulate.networks.checkpoints import Checkpoint, load_checkpoint, save_checkpoint, training_identity
from simulate.validation import InputError
from verify import environment
from verify.trainable import Request

if TYPE_CHECKING:
    import numpy as np

    from simulate.networks import Epoch, Network
    from simulate.validation import Array

FOLDER = "NOISE_GEOMETRY_TRAININGS"
"""The variable that names another folder than the user's cache."""
SET_ASIDE = "set-aside"
EVERY = 10.0
"""Seconds between two checkpoints."""
DAYS = 60
"""Files that have not been used for so long are removed."""
_COMPUTING = ("numpy", "scipy", "scikit-learn", "array-api-compat", "numba")
_ELSEWHERE = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")
"""Variables that change no result."""
_OURS = re.compile(r"\.?[a-z0-9]+-[0-9a-f]{24}(-moment)?\.npz(\.[0-9]+\.part)?")
_LOGGER = logging.getLogger(__name__)


class KeptTraining:
    """The files of one training: its checkpoint, and the parameters at one moment that is to be kept.

    Args:
        folder: the folder, which exists.
        name: what the files' names begin with.
        identity: what the training is, as `simulate.networks.checkpoints.training_identity` says.
        **settings: whatever else its path or its end depends on.

    Attributes:
        checkpoint: the file from which it goes on.
    """

    def __init__(self, folder: Path, name: str, identity: Mapping[str, Any], **settings: object) -> None:
        self._identity = dict(identity)
        described = json.dumps([self._identity, settings], sort_keys=True).encode()
        stem = f"{name}-{hashlib.blake2b(described, digest_size=12).hexdigest()}"
        self.checkpoint = folder / f"{stem}.npz"
        self._moment = folder / f"{stem}-moment.npz"

    def resume(self, due: Callable[[Epoch], bool]) -> tuple[int, np.ndarray] | None:
        """Look at what an earlier run left; what cannot be used is named and set aside.

        Args:
            due: whether the parameters after an epoch are to be kept.

        Returns:
            The epoch and the parameters that were kept, shape (p,); None if the training is not so far, or begins.
        """
        if not self.checkpoint.exists():
            return None
        try:
            state = load_checkpoint(self.checkpoint, self._identity)
            found = None
            if any(due(record) for record in state.history[1:]):
                kept = load_checkpoint(self._moment, self._of_the_moment())
                found = kept.history[0].epoch, kept.theta
        except InputError as error:
            _LOGGER.warning("%s; it is set aside in %s, and the training starts afresh", error, self._set_aside())
            return None
        for path in (self.checkpoint, self._moment):
            with contextlib.suppress(OSError):
                os.utime(path)
        _LOGGER.info("going on with %s, %d epochs done", self.checkpoint, state.epoch - 1)
        return found

    def keep(self, record: Epoch, theta: Array) -> None:
        """Keep the parameters after an epoch, before any checkpoint that is beyond it.

        Args:
            record: the epoch.
            theta: the parameters, shape (p,).

        Raises:
            InputError: if the file cannot be written.
        """
        state = Checkpoint(self._of_the_moment(), to_host(theta), 1, 0, 0.0, record.seconds, (record,))
        save_checkpoint(self._moment, state)

    def _of_the_moment(self) -> dict[str, Any]:
        """Name what is kept of the moment, so that it is not taken for a state from which to go on."""
        return {**self._identity, "kept": "a moment"}

    def _set_aside(self) -> Path:
        """Move both files out of the way."""
        place = self.checkpoint.parent / SET_ASIDE
        for path in (self.checkpoint, self._moment):
            with contextlib.suppress(OSError):
                place.mkdir(exist_ok=True)
                path.replace(place / path.name)
        return place


def find(
    request: Request, network: Network, theta0: Array, X: Array, y: Array, **limits: object
) -> KeptTraining | None:
    """Find the files of a training, whether or not they are there.

    Args:
        request: how it is trained.
        network: the network.
        theta0: start, shape (p,), in the type in which it is trained.
        X: the images, likewise.
        y: the targets, likewise.
        **limits: where it stops and what is kept.

    Returns:
        The files; None where there is no folder for them, which is told.
    """
    place = _folder()
    if place is None:
        return None
    rates = {"lr": request.lr, "batch": request.batch, "seed": request.seed, "replacement": False}
    identity = training_identity(network, theta0, X, y, **rates)
    return KeptTraining(place, request.network, identity, request=asdict(request), limits=limits, ground=_ground(X))


def _folder() -> Path | None:
    """Find the folder of the trainings, make it where it is missing, and remove what is old."""
    with contextlib.suppress(OSError, RuntimeError):
        cache = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
        place = Path(os.environ.get(FOLDER) or Path(cache, "noise-geometry", "trainings"))
        place.mkdir(parents=True, exist_ok=True)
        if os.access(place, os.W_OK | os.X_OK):
            _tidy(place)
            return place
    _LOGGER.warning("%s: expected a folder that can be written to, got none; trainings are not kept", FOLDER)
    return None


def _tidy(place: Path) -> None:
    """Remove what nobody has used for long, and nothing but trainings."""
    for path in (*place.iterdir(), *place.glob(f"{SET_ASIDE}/*")):
        with contextlib.suppress(OSError):
            if _OURS.fullmatch(path.name) and time.time() - path.stat().st_mtime > DAYS * 86400:
                path.unlink()


def _ground(X: Array) -> dict[str, Any]:
    """Name what rounds, besides the training itself: code, versions, processor or device, BLAS libraries."""
    here, library = environment.describe(), sys.modules[type(X).__module__.partition(".")[0]]
    cuda = getattr(library, "cuda", None)
    return {
        "code": _code(),
        "library": [library.__name__, library.__version__],
        "device": "" if cuda is None else str(cuda.runtime.getDeviceProperties(cuda.Device().id)["name"]),
        "processor": here["processor"],
        "blas": [one for one in here["blas"] if one.get("user_api") == "blas"],
        "versions": {name: _version(name) for name in _COMPUTING},
        "compiler": {n: v for n, v in here["variables"].items() if n.startswith("NUMBA_") and n not in _ELSEWHERE},
    }


def _version(name: str) -> str:
    """Return a package's version, or nothing where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


@cache
def _code() -> str:
    """Hash the code that trains: all of `simulate`, and what makes networks, images and starts here."""
    package, here = Path(simulate.__file__).parent, Path(__file__).parent
    sources = [*sorted(package.rglob("*.py")), here / "trainable.py", here / "image_networks.py"]
    digest = hashlib.blake2b(digest_size=12)
    for source in sources:
        digest.update(f"{source.name}\0".encode() + source.read_bytes())
    return digest.hexdigest()
