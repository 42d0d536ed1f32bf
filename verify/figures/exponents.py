"""Exponents of scaling laws from medians over data sets, with bootstrap intervals over the data sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95

Cells = Mapping[tuple[int, int], np.ndarray]
"""Observed deviations by (d, n), each of shape (data sets,)."""


class Exponent(NamedTuple):
    """An exponent with its interval.

    Attributes:
        estimate: from all data sets.
        low: lower end of the 95 % bootstrap interval.
        high: upper end.
    """

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.2f} [{self.low:.2f}, {self.high:.2f}]".replace("-", "−")


class Threshold(NamedTuple):
    """Where the median deviation falls to a level, for every d, and how that grows with d.

    Attributes:
        dimensions: the d at which the level is crossed within the n observed.
        samples: for each the n of the crossing.
        low: lower ends of their 95 % bootstrap intervals.
        high: upper ends.
        exponent: q of n ∝ d^q.
        last: q between the two largest d.
        exponent_after_log: q of n ∝ d^q log d.
        factor: c of the fit n = c d^q.
    """

    dimensions: np.ndarray
    samples: np.ndarray
    low: np.ndarray
    high: np.ndarray
    exponent: Exponent
    last: Exponent
    exponent_after_log: Exponent
    factor: float


class Power(NamedTuple):
    """A power law along n at fixed d: deviation = c_d n^p.

    Attributes:
        exponent: p, the same for all d.
        factors: c_d, by d.
    """

    exponent: Exponent
    factors: dict[int, float]


def power(cells: Cells, generator: np.random.Generator) -> Power:
    """Fit one power of n to the median deviations, with a factor of its own for each d.

    Args:
        cells: the deviations in the range where they are a power.
        generator: source of the resamples.

    Returns:
        The exponent and the factors.
    """
    keys, medians = _log_medians(cells, generator)
    d, n = np.array([key[0] for key in keys]), np.log([key[1] for key in keys])
    dimensions = sorted(set(d.tolist()))
    member = np.stack([d == one for one in dimensions], axis=1).astype(float)
    design = np.column_stack([n, member])
    fitted = np.linalg.lstsq(design, medians.T, rcond=None)[0]
    return Power(_interval(fitted[0]), {one: math.exp(fitted[1 + index, 0]) for index, one in enumerate(dimensions)})


def threshold(cells: Cells, level: float, generator: np.random.Generator) -> Threshold:
    """Find the n at which the median deviation falls to a level, and fit a power of d to it.

    Between two observed n the logarithm of the median is interpolated in log n. A resample in which a d does not cross
    the level leaves that d out.

    Args:
        cells: the deviations.
        level: positive deviation.
        generator: source of the resamples.

    Returns:
        The thresholds and their growth.

    Raises:
        ValueError: if fewer than two d cross the level.
    """
    keys, medians = _log_medians(cells, generator)
    dimensions = sorted({d for d, _ in keys})
    crossings = []
    for one in dimensions:
        rows = [index for index, (d, _) in enumerate(keys) if d == one]
        crossings.append(_crossing(np.log([keys[index][1] for index in rows]), medians[:, rows], math.log(level)))
    log_n = np.stack(crossings, axis=1)
    kept = np.flatnonzero(np.isfinite(log_n[0]))
    if len(kept) < 2:
        raise ValueError(f"level: expected one that at least two d cross, got {level!r}")
    log_n, found = log_n[:, kept], np.array(dimensions)[kept]
    log_d = np.log(found)
    lines = np.array([_line(log_d, row) for row in log_n])
    after = np.array([_line(log_d, row - np.log(log_d))[0] for row in log_n])
    low, high = np.nanquantile(log_n[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Threshold(
        found,
        np.exp(log_n[0]),
        np.exp(low),
        np.exp(high),
        _interval(lines[:, 0]),
        _interval((log_n[:, -1] - log_n[:, -2]) / (log_d[-1] - log_d[-2])),
        _interval(after),
        math.exp(lines[0, 1]),
    )


def _log_medians(cells: Cells, generator: np.random.Generator) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Logarithms of the median of each cell: of all data sets in row 0, of resamples in the rows below."""
    keys = sorted(cells)
    columns = []
    for key in keys:
        values = np.asarray(cells[key])
        picked = generator.integers(len(values), size=(RESAMPLES, len(values)))
        columns.append(np.append(np.median(values), np.median(values[picked], axis=1)))
    return keys, np.log(np.maximum(np.stack(columns, axis=1), 1e-300))


def _crossing(log_n: np.ndarray, rows: np.ndarray, level: float) -> np.ndarray:
    """Find where each row, from left to right, first falls to the level; NaN where that is not inside."""
    below = rows <= level
    first = np.argmax(below, axis=1)
    inside = below.any(axis=1) & (first > 0)
    right = np.where(inside, first, 1)
    picked = np.arange(len(rows))
    before, after = rows[picked, right - 1], rows[picked, right]
    fall = np.where(inside, before - after, 1.0)
    share = np.where(inside, (before - level) / fall, 0.0)
    found = log_n[right - 1] + share * (log_n[right] - log_n[right - 1])
    return np.where(inside, found, np.nan)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Fit a line through the finite points; NaN for fewer than two."""
    kept = np.isfinite(y)
    if kept.sum() < 2:
        return math.nan, math.nan
    centre = x[kept].mean()
    slope = float(np.sum((x[kept] - centre) * y[kept]) / np.sum((x[kept] - centre) ** 2))
    return slope, float(y[kept].mean()) - slope * float(centre)


def _interval(values: np.ndarray) -> Exponent:
    """Estimate in entry 0, resamples in the others."""
    resampled = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Exponent(float(values[0]), float(low), float(high))
