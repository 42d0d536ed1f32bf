"""What a launch of a CUDA kernel needs: its source, a grid, memory and arguments in the order of ``ensemble.cu``."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...arrays import Namespace
from ...validation import Array
from ..packing import Layout, padded_size

SOURCES = ("philox.cuh", "team.cuh", "models.cuh", "ensemble.cu")
FAMILIES = ("LINEAR", "DIAGONAL", "DEEP_LINEAR", "VALLEY", "TWO_LAYER")
"""Names of the families in ``models.cuh``, by the numbers that a layout has for them."""
WITH_REPLACEMENT, WITHOUT_REPLACEMENT, EVERY_SAMPLE = 0, 1, 2
"""How minibatches are chosen."""

_LARGEST_TEAM = 8
_WARPS_PER_MULTIPROCESSOR = 16
_DRAWS = 128
_GLOBAL_BYTES = 2**31
"""Most global memory that teams work in at a time, beside the parameters; fewer teams run at once where it is short."""
_NOTHING = np.uint64(0)


@functools.cache
def source(family: str, real: str) -> str:
    """Put together the source of all kernels for one family of models.

    Args:
        family: One of ``FAMILIES``.
        real: "double" or "float".

    Returns:
        CUDA C++ without includes.
    """
    folder = importlib.resources.files(__package__)
    macros = {"REAL": real, "FAMILY": family, "MAX_THREADS": 32 * _LARGEST_TEAM}
    lines = [f"#define {name} {value}\n" for name, value in macros.items()]
    files = [f'#line 1 "{name}"\n' + (folder / name).read_text(encoding="utf-8") for name in SOURCES]
    return "".join(lines + files)


class Device(Protocol):
    """Where kernels run.

    Attributes:
        multiprocessors: number of multiprocessors.
        shared_bytes: most shared memory that a block may have.
    """

    multiprocessors: int
    shared_bytes: int

    def launch(
        self, code: str, name: str, grid: int, block: tuple[int, int, int], shared: int, arguments: Sequence[Any]
    ) -> None:
        """Run a kernel.

        Args:
            code: its source.
            name: its name there.
            grid: number of blocks.
            block: threads of a block along x, y and z.
            shared: bytes of dynamic shared memory of a block.
            arguments: arrays on the device, and NumPy scalars of the types that the kernel has.
        """


@dataclass(frozen=True)
class Shape:
    """Blocks, and where teams keep what they work on.

    Attributes:
        grid: number of blocks.
        warps: warps of a team.
        teams: teams of a block; 1 where a team has more than one warp.
        resident: whether parameters are copied to where a team works.
        shared: whether that is shared memory.
        team_bytes: bytes of one team.
    """

    grid: int
    warps: int
    teams: int
    resident: bool
    shared: bool
    team_bytes: int

    @property
    def block(self) -> tuple[int, int, int]:
        """Threads of a block along x, y and z."""
        return (32, self.warps, self.teams)

    @property
    def shared_bytes(self) -> int:
        """Bytes of shared memory of a block."""
        return self.teams * self.team_bytes if self.shared else 0


def launch_shape(device: Device, replicas: int, parameter_bytes: int, work_bytes: int, rows: int) -> Shape:
    """Spread replicas over a card. None of these choices changes a result.

    Args:
        device: The card.
        replicas: Number of replicas.
        parameter_bytes: Bytes of one replica's parameters; 0 where they need not be copied.
        work_bytes: Bytes that a step needs beside them.
        rows: Rows of matrices that a team can work on at a time, with one warp each.

    Returns:
        Blocks, and where teams work: parameters too in shared memory where both fit, else what a step needs there, else
        all in global memory. Teams have as many warps as keep multiprocessors busy when replicas are few or large.
    """
    limit = device.shared_bytes
    resident = parameter_bytes > 0 and parameter_bytes + work_bytes <= limit
    team_bytes = work_bytes + (parameter_bytes if resident else 0)
    shared = team_bytes <= limit
    fitting = limit // max(1, team_bytes) if shared else _WARPS_PER_MULTIPROCESSOR
    at_once = replicas if shared else min(replicas, max(1, _GLOBAL_BYTES // team_bytes))
    each = min(_WARPS_PER_MULTIPROCESSOR, fitting, -(-at_once // device.multiprocessors))
    warps = 1
    while 2 * warps * each <= _WARPS_PER_MULTIPROCESSOR and 2 * warps <= min(_LARGEST_TEAM, rows):
        warps *= 2
    # Two blocks or more share a multiprocessor where they can.
    teams = 1 if warps > 1 else max(1, min(_LARGEST_TEAM, each // 2))
    grid = min(-(-at_once // teams), 2 * _WARPS_PER_MULTIPROCESSOR * device.multiprocessors)
    return Shape(grid, warps, teams, resident, shared, team_bytes)


@dataclass(frozen=True)
class Walk:
    """Numbers of a launch that advances replicas.

    Attributes:
        rates: learning rate of each step, shape (steps,), float64, on the device.
        batch: samples in a minibatch.
        label_noise: standard deviation of the noise on the targets.
        key: two words from the seed, uint32.
        first_replica: number of the first row of the parameters.
        first_step: number of the first step.
        diverged: step at which a path ended, −1 where it goes on, shape (replicas,), int64, on the device, overwritten.
    """

    rates: Array
    batch: int
    label_noise: float
    key: np.ndarray
    first_replica: int
    first_step: int
    diverged: Array

    def arguments(self) -> list[Any]:
        """Lay out the arguments.

        Returns:
            Those from ``rates`` to ``diverged``.
        """
        numbers = (np.uint32(self.key[0]), np.uint32(self.key[1]), np.uint32(self.first_replica))
        steps, batch = np.int32(self.rates.shape[0]), np.int32(self.batch)
        noise, first = np.float64(self.label_noise), np.int64(self.first_step)
        return [self.rates, steps, batch, noise, *numbers, first, self.diverged]


class Kernels:
    """The kernels for one model, one dtype and one device. All arrays are padded, contiguous and on the device.

    Args:
        device: where they run.
        layout: the model.
        xp: namespace of the device's arrays.
        dtype: float64 or float32, of all numbers but the learning rates.
    """

    def __init__(self, device: Device, layout: Layout, xp: Namespace, dtype: Any) -> None:
        self._device = device
        self._layout = layout
        self._xp = xp
        self._bytes = np.dtype(dtype).itemsize
        self._code = source(FAMILIES[layout.family], {8: "double", 4: "float"}[self._bytes])
        self._shape = xp.asarray(layout.shape.astype(np.int32))
        self._constants = xp.asarray(layout.constants.astype(dtype))

    def advance(self, theta: Array, walk: Walk, X: Array, y: Array, selection: int) -> None:
        """Advance replicas on minibatches of given samples.

        Args:
            theta: packed parameters, shape (replicas, size), overwritten.
            walk: learning rates and random numbers.
            X: inputs, shape (n, d).
            y: targets, shape (n,).
            selection: how minibatches are chosen.
        """
        block = max(1, _DRAWS // walk.batch)
        drawn = block * walk.batch + 8
        work = [self._bytes * walk.batch, self._bytes * drawn, 4 * drawn, 4 * walk.batch]
        sizes = (np.int32(X.shape[0]), np.int32(X.shape[1]), np.int32(selection), np.int32(block))
        self._launch("advance", theta, walk.batch, work, [*walk.arguments(), X, y, *sizes])

    def advance_online(self, theta: Array, walk: Walk, scales: Array, teacher: Array) -> None:
        """Advance replicas on fresh inputs x ~ N(0, diag(scales²)) with targets <teacher, x> plus noise.

        Args:
            theta: packed parameters, shape (replicas, size), overwritten.
            walk: learning rates and random numbers.
            scales: standard deviations of the inputs, shape (d,).
            teacher: weights of the targets, shape (d,).
        """
        d = scales.shape[0]
        work = [self._bytes * count for count in (walk.batch, walk.batch + 8, walk.batch * d)]
        self._launch("advance_online", theta, walk.batch, work, [*walk.arguments(), scales, teacher, np.int32(d)])

    def outputs(self, theta: Array, X: Array, out: Array) -> None:
        """Write the outputs of all replicas on samples.

        Args:
            theta: packed parameters, shape (replicas, size).
            X: inputs, shape (n, d).
            out: outputs, shape (replicas, n), overwritten.
        """
        n, d = X.shape
        self._launch("outputs", theta, 1, [], [X, np.int32(n), np.int32(d), out], samples=n)

    def project(self, vectors: Array, directions: Array, out: Array) -> None:
        """Write inner products of vectors with directions.

        Args:
            vectors: packed vectors, shape (replicas, size).
            directions: packed directions, shape (K, size).
            out: inner products, shape (replicas, K), overwritten.
        """
        replicas, K, size = vectors.shape[0], directions.shape[0], self._layout.size
        shape = launch_shape(self._device, replicas, 0, 0, -(-K // 8))
        arguments = [vectors, np.int64(replicas), directions, np.int32(K), np.int32(size), out]
        self._device.launch(self._code, "project", shape.grid, shape.block, 0, arguments)

    def _launch(
        self, name: str, theta: Array, batch: int, work: list[int], arguments: list[Any], samples: int = 0
    ) -> None:
        """Launch a kernel that works on parameters, with what all such kernels are told first."""
        layout, replicas = self._layout, theta.shape[0]
        scratch = scratch_size(layout, batch)
        total = sum(map(_rounded, [self._bytes * scratch, *work]))
        parameters = _rounded(self._bytes * layout.size)
        shape = launch_shape(self._device, replicas, parameters, total, parallel_rows(layout, max(batch, samples)))
        held = None
        if not shape.shared:
            held = self._xp.zeros(shape.grid * shape.teams * shape.team_bytes, dtype=self._xp.uint8)
        model = [self._shape, np.int32(len(layout.shape)), self._constants, np.int32(layout.size), np.int32(scratch)]
        memory = [np.int32(shape.resident), _NOTHING if held is None else held, np.int64(shape.team_bytes)]
        head = [*model, theta, np.int64(replicas), *memory]
        self._device.launch(self._code, name, shape.grid, shape.block, shape.shared_bytes, head + arguments)


def _rounded(size: int) -> int:
    """Round bytes up as ``Memory::take`` does."""
    return -(-size // 16) * 16


def scratch_size(layout: Layout, batch: int) -> int:
    """Count the entries of scratch that a step of ``models.cuh`` needs.

    Args:
        layout: The model.
        batch: Samples in a minibatch.

    Returns:
        The number of entries; with one sample also enough for the effective weights.
    """
    columns, family = padded_size(batch), FAMILIES[layout.family]
    if family == "DIAGONAL":
        return columns + padded_size(layout.blocks[0][1])
    if family == "DEEP_LINEAR":
        sizes = [padded_size(int(size)) for size in layout.shape]
        return columns + sum(sizes) + 2 * max(sizes)
    if family == "TWO_LAYER":
        return columns + 2 * padded_size(int(layout.shape[0])) * batch
    return columns


def parallel_rows(layout: Layout, samples: int) -> int:
    """Count the rows that the warps of a team can share in a step.

    Args:
        layout: The model.
        samples: Samples in a minibatch.

    Returns:
        Groups of eight samples, or rows of the largest matrix of parameters where these are more.
    """
    rows = max(rows for rows, _ in layout.blocks)
    return max(-(-samples // 8), rows if FAMILIES[layout.family] in {"DEEP_LINEAR", "TWO_LAYER"} else 1)
