"""How kernels lay out arrays: rows start on a cache line and are padded with zeros to whole lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..models import CurvedValley, DeepLinear, DiagonalLinear, Linear, Model, TwoLayer

_LINE = 8
_FAMILIES: dict[type[Model], int] = {Linear: 0, DiagonalLinear: 1, DeepLinear: 2, CurvedValley: 3, TwoLayer: 4}


def padded_size(count: int) -> int:
    """Round up to whole cache lines.

    Args:
        count: number of float64 entries.

    Returns:
        The next multiple of eight.
    """
    return -(-count // _LINE) * _LINE


def padded(rows: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Copy a matrix into memory as kernels want it.

    Args:
        rows: matrix, shape (m, k).
        columns: columns of the copy, a multiple of eight; None for the fewest.

    Returns:
        The copy, float64, shape (m, columns), which starts on a cache line; further columns are 0.
    """
    columns = padded_size(rows.shape[1]) if columns is None else columns
    whole = np.zeros(rows.shape[0] * columns + _LINE)
    start = (-whole.ctypes.data // 8) % _LINE
    copy = whole[start : start + rows.shape[0] * columns].reshape(rows.shape[0], columns)
    copy[:, : rows.shape[1]] = rows
    return copy


def vector(entries: np.ndarray) -> np.ndarray:
    """Copy a vector into memory as kernels want it.

    Args:
        entries: vector, shape (k,).

    Returns:
        The copy, padded with zeros.
    """
    return padded(entries[None, :])[0]


@dataclass(frozen=True)
class Layout:
    """A model as kernels see it.

    Attributes:
        family: number of the model's family in `ensemble`.
        shape: the model's integers, int64.
        constants: the model's numbers, float64.
        blocks: shapes of the matrices that θ consists of, row by row, one after the other.
    """

    family: int
    shape: np.ndarray
    constants: np.ndarray
    blocks: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Entries of packed parameters."""
        return sum(rows * padded_size(columns) for rows, columns in self.blocks)

    def pack(self, theta: np.ndarray) -> np.ndarray:
        """Lay out parameters, or directions in their space: inner products stay what they are.

        Args:
            theta: vectors, shape (m, p).

        Returns:
            Packed vectors, shape (m, size), a copy.
        """
        packed = padded(np.zeros((theta.shape[0], 0)), self.size)
        for plain, spread in self._places():
            packed[:, spread] = theta[:, plain]
        return packed

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """Take packed parameters apart.

        Args:
            packed: packed vectors, shape (m, size).

        Returns:
            Vectors, shape (m, p), a copy.
        """
        theta = np.empty((packed.shape[0], sum(rows * columns for rows, columns in self.blocks)))
        for plain, spread in self._places():
            theta[:, plain] = packed[:, spread]
        return theta

    def scratch_size(self, batch: int) -> int:
        """Count the entries of scratch that a step needs.

        Args:
            batch: samples in a minibatch.

        Returns:
            The number of entries.
        """
        columns, widest = padded_size(batch), padded_size(max(into for _, into in self.blocks))
        if self.family == _FAMILIES[DeepLinear]:
            widest = padded_size(int(self.shape.max()))
            return columns + sum(padded_size(int(size)) for size in self.shape) + 2 * widest
        if self.family == _FAMILIES[TwoLayer]:
            return columns * (1 + 2 * int(self.shape[0]))
        return columns + 2 * widest

    def _places(self) -> list[tuple[slice, slice]]:
        """Match the rows of all blocks in plain and in packed vectors."""
        places, plain, spread = [], 0, 0
        for rows, columns in self.blocks:
            for _ in range(rows):
                places.append((slice(plain, plain + columns), slice(spread, spread + columns)))
                plain += columns
                spread += padded_size(columns)
        return places


def layout(model: Model) -> Layout | None:
    """Describe a model to the kernels.

    Args:
        model: any model.

    Returns:
        Its layout; None for a model that kernels do not know.
    """
    family = _FAMILIES.get(type(model))
    if isinstance(model, DiagonalLinear):
        return _layout(family, [int(model.form == "product")], [], [(2, model.d)])
    if isinstance(model, DeepLinear):
        return _layout(family, [model.d, *model.widths, 1], [], model.shapes)
    if isinstance(model, TwoLayer):
        fixed = [] if model.outer is None else vector(model.outer).tolist()
        shape = [model.width, int(model.activation == "smooth"), int(model.train_outer)]
        blocks = [(model.width, model.d), *([(1, model.width)] if model.train_outer else [])]
        return _layout(family, shape, [model.slope, *fixed], blocks)
    return _layout(family, [0], [], [(1, model.size)]) if family is not None else None


def _layout(
    family: int | None, shape: list[int], constants: list[float], blocks: Sequence[tuple[int, int]]
) -> Layout | None:
    """Make a layout of a known family."""
    if family is None:
        return None
    numbers = np.array(constants or [0.0], dtype=np.float64)
    return Layout(family, np.array(shape, dtype=np.int64), numbers, tuple(blocks))
