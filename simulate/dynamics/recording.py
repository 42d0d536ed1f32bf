"""What is kept of a run: a few numbers of each replica at chosen steps, so that memory does not grow with the steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..arrays import real_arrays, to_host
from ..models import Model
from ..validation import Array, InputError, check_flag, check_integer, check_ndim, check_shape, describe
from .alignment_records import AlignmentRecords
from .engines import Engine

DEFAULT_RECORDS = 64


@dataclass(frozen=True)
class Directions:
    """Eigen-directions of G at a point, and the point.

    Attributes:
        eigenvalues: λ_1 ≥ … ≥ λ_K > 0, shape (K,), float64.
        vectors: unit vectors u_1, …, u_K as rows, shape (K, p), float64.
        reference: the point, shape (p,), float64.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True)
class Record:
    """What to record, and when.

    Attributes:
        at: steps to record; None for 0, the last one and at most 64 between them, evenly spaced in their logarithm.
        loss: whether to record the loss L(θ) = ‖r‖²/(2n).
        loss_alignment: whether to record μ(θ), in float64.
        directional_alignment: along how many of the sharpest eigen-directions of G(θ) to record g(θ; u_k); NaN where
            G has fewer.
        centred: whether alignments use the noise covariance Σ in place of the second moment Σ₁.
        directions: eigen-directions along which energies λ_i <u_i, θ − θ*>² are taken, or None.
        sharp: numbers k for which to record the energy along the k sharpest of the directions ("sharp") and along the
            others ("flat").
        parameters: whether to keep θ itself; then memory grows with the records times the parameters.
    """

    at: Sequence[int] | None = None
    loss: bool = True
    loss_alignment: bool = False
    directional_alignment: int = 0
    centred: bool = False
    directions: Directions | None = None
    sharp: Sequence[int] = (1,)
    parameters: bool = False


@dataclass
class Recorder:
    """Takes the records of one run.

    Attributes:
        record: what to record.
        times: steps at which to record, ascending, shape (T,), int64.
        X: inputs on which the loss and the alignments are taken, where the engine has its arrays.
        y: their targets.
        taken: records so far, by name, one array for each time.
        count: number of times recorded so far.
    """

    record: Record
    times: np.ndarray
    X: Array
    y: Array
    taken: dict[str, list[np.ndarray]] = field(default_factory=dict)
    count: int = 0
    _alignments: AlignmentRecords | None = None

    def take(self, engine: Engine) -> None:
        """Record the replicas as they are.

        Args:
            engine: the replicas.
        """
        # A path that has ended had left all bounds; what it stands at says nothing more.
        ended = engine.diverged >= 0
        record = self.record
        with np.errstate(over="ignore", invalid="ignore"):
            if record.loss:
                loss = engine.losses(self.X, self.y)
                self._keep("loss", np.where(ended | np.isnan(loss), np.inf, loss))
            if record.loss_alignment or record.directional_alignment:
                self._take_alignments(engine, ended)
            if record.directions is not None:
                self._take_energies(engine, record.directions, ended)
        if record.parameters:
            self._keep("parameters", to_host(engine.parameters()))
        self.count += 1

    def values(self) -> dict[str, np.ndarray]:
        """Collect what was recorded.

        Returns:
            Arrays by name, shape (times so far, replicas, …).
        """
        return {name: np.stack(entries[: self.count]) for name, entries in self.taken.items() if self.count}

    def _keep(self, name: str, entry: np.ndarray) -> None:
        """Append a record."""
        self.taken.setdefault(name, []).append(entry)

    def _take_energies(self, engine: Engine, directions: Directions, ended: np.ndarray) -> None:
        """Record the energies along sharp and flat directions."""
        components = engine.project(directions.vectors, directions.reference)
        energies = np.where(ended[:, None], np.inf, components**2 * directions.eigenvalues)
        for name, part in (("sharp", lambda k: energies[:, :k]), ("flat", lambda k: energies[:, k:])):
            self._keep(name, np.stack([np.sum(part(k), axis=1) for k in self.record.sharp], axis=1))

    def _take_alignments(self, engine: Engine, ended: np.ndarray) -> None:
        """Record μ and g; what takes them keeps what all records share."""
        if self._alignments is None:
            record = self.record
            which = (record.loss_alignment, record.directional_alignment, record.centred)
            self._alignments = AlignmentRecords(engine.model, self.X, *which)
        residuals = engine.outputs(self.X) - self.y[None, :]
        for name, entry in self._alignments.take(engine.parameters(), residuals, ended).items():
            self._keep(name, entry)


def eigen_directions(model: Model, theta: Array, X: Array, k: int | None = None) -> Directions:
    """Find the eigen-directions of G = JᵀJ/n at a point.

    Args:
        model: The model.
        theta: The point, shape (p,).
        X: Inputs, shape (n, d).
        k: Number of the sharpest directions to keep; None for all with an eigenvalue above 1e-12 of the largest.

    Returns:
        Eigenvalues, directions and the point, as NumPy arrays. O(n p min(n, p)) through the Jacobian.

    Raises:
        InputError: If a shape is wrong, an entry is not finite, or G is 0.
    """
    jacobian = to_host(model.jacobian(theta, X))
    _, singular, rows = np.linalg.svd(np.asarray(jacobian, dtype=np.float64), full_matrices=False)
    eigenvalues = singular**2 / jacobian.shape[0]
    positive = int(np.sum(eigenvalues > 1e-12 * eigenvalues[0])) if eigenvalues[0] > 0 else 0
    if positive == 0:
        raise InputError("X: expected a Jacobian other than 0 at theta, got 0")
    count = positive if k is None else min(positive, check_integer("k", k, minimum=1))
    reference = np.array(to_host(real_arrays(theta=theta)[1][0]), dtype=np.float64)
    return Directions(eigenvalues[:count], rows[:count], reference)


def recording_times(record: Record, steps: int) -> np.ndarray:
    """Work out the steps at which to record.

    Args:
        record: What to record.
        steps: Number of steps of the run.

    Returns:
        Ascending step numbers from 0 to ``steps``, without repetition, int64.

    Raises:
        InputError: If a step is not an integer from 0 to ``steps``.
    """
    if record.at is None:
        spaced = np.geomspace(1, max(1, steps), DEFAULT_RECORDS).clip(max=steps)
        return np.unique(np.round([0, *spaced, steps]).astype(np.int64))
    if not isinstance(record.at, Iterable):
        raise InputError(f"at: expected a sequence of integers or None, got {describe(record.at)}")
    times = [check_integer("at", time, minimum=0, maximum=steps) for time in record.at]
    return np.unique(np.array(times, dtype=np.int64))


def check_record(record: object, size: int) -> Record:
    """Check what is to be recorded.

    Args:
        record: A ``Record``, or None for the default one.
        size: Number of parameters p.

    Returns:
        The record.

    Raises:
        InputError: If it is something else, or its directions do not fit the model.
    """
    if record is None:
        return Record()
    if not isinstance(record, Record):
        raise InputError(f"record: expected a simulate.Record or None, got {describe(record)}")
    for name in ("loss", "loss_alignment", "centred", "parameters"):
        check_flag(name, getattr(record, name))
    check_integer("directional_alignment", record.directional_alignment, minimum=0)
    return record if record.directions is None else _with_checked_directions(record, size)


def _with_checked_directions(record: Record, size: int) -> Record:
    """Check directions, and along how many of them energies are wanted."""
    given = record.directions
    if not isinstance(given, Directions):
        raise InputError(f"directions: expected simulate.Directions or None, got {describe(given)}")
    _, arrays = real_arrays(eigenvalues=given.eigenvalues, directions=given.vectors, reference=given.reference)
    values, vectors, reference = (np.asarray(to_host(one), dtype=np.float64) for one in arrays)
    check_ndim("directions", vectors, 2, shape=f"(K, {size})")
    check_shape("directions", vectors, (len(vectors), size), "to match the model's size")
    check_shape("eigenvalues", values, (len(vectors),), "to match directions")
    check_shape("reference", reference, (size,), "to match the model's size")
    if not isinstance(record.sharp, Sequence | np.ndarray) or isinstance(record.sharp, str) or not len(record.sharp):
        raise InputError(f"sharp: expected one or more integers, got {describe(record.sharp)}")
    sharp = tuple(check_integer("sharp", k, minimum=1, maximum=len(vectors)) for k in record.sharp)
    return replace(record, directions=Directions(values, vectors, reference), sharp=sharp)
