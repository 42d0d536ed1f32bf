"""Worst cases over every start online, x ~ N(0, diag(s)): they are attained at single eigen-directions.

The diagonal of the second moment moves by a symmetric matrix A of non-negative entries, so an energy λ at time t is
Σ_i (A^t λ)_i w_i² for the start w: its ratio to another is a mean of the ratios of the entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...validation import check_integer
from .exponents import times_power
from .online_operator import OnlineStep
from .worst_starts import FlatToSharpRange, GrowthRange, check_ks, reference_ratios


def online_worst_flat_to_sharp(
    spectrum: object, lr: float, steps: int, ks: Sequence[int] | None = None, batch: int = 1
) -> FlatToSharpRange:
    """Smallest and largest D_k(t) of online SGD over every start, for every time and k. O(steps K d).

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive, of any library; the computation is on the host.
        lr: Learning rate, positive.
        steps: Number of steps, at least 0.
        ks: The k wanted, each from 1 to d − 1; None for all of them.
        batch: Samples per minibatch B, at least 1.

    Returns:
        The extremes, with the eigen-directions that attain them.

    Raises:
        InputError: If an eigenvalue or ``lr`` is not positive and finite, or ``steps``, ``ks`` or ``batch`` is out of
            range.
    """
    steps = check_integer("steps", steps, minimum=0)
    step = OnlineStep(spectrum, lr, batch)
    chosen = check_ks(ks, len(step.values))
    order = np.argsort(-step.values, kind="stable")
    flat = np.zeros((len(chosen), len(order)))
    for row, k in zip(flat, chosen, strict=True):
        row[order[k:]] = step.values[order[k:]]
    sharp = step.values - flat
    ratios = np.empty((2, steps + 1, len(chosen)))
    places = np.empty((2, steps + 1, len(chosen)), dtype=np.int64)
    for time in range(steps + 1):
        if time > 0:
            flat, sharp = step.apply(flat), step.apply(sharp)
            # One factor a row for both, so that no ratio changes.
            sizes = -np.frexp(np.max(flat + sharp, axis=1, keepdims=True))[1]
            flat, sharp = np.ldexp(flat, sizes), np.ldexp(sharp, sizes)
        with np.errstate(divide="ignore"):
            ratios[:, time], places[:, time] = _ends(flat / sharp)
    return FlatToSharpRange(
        chosen, ratios[0], ratios[1], reference_ratios(step.values[order], chosen), places[0], places[1]
    )


def online_worst_growth(spectrum: object, lr: float, steps: int, batch: int = 1) -> GrowthRange:
    """Smallest and largest growth of the expected loss of online SGD over every start. O(steps d).

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive, of any library; the computation is on the host.
        lr: Learning rate, positive.
        steps: Number of steps, at least 0.
        batch: Samples per minibatch B, at least 1.

    Returns:
        The extremes, with the eigen-directions that attain them.

    Raises:
        InputError: If an eigenvalue or ``lr`` is not positive and finite, or ``steps`` or ``batch`` is out of range.
    """
    steps = check_integer("steps", steps, minimum=0)
    step = OnlineStep(spectrum, lr, batch)
    current, exponent = step.values, 0
    by_step, by_total = np.empty((2, steps)), np.ones((2, steps + 1))
    step_places = np.empty((2, steps), dtype=np.int64)
    total_places = np.zeros((2, steps + 1), dtype=np.int64)
    for time in range(steps):
        image = step.apply(current)
        found, step_places[:, time] = _ends(image / current)
        by_step[:, time] = times_power(found, step.exponent)
        shift = int(np.frexp(np.max(image))[1])
        current, exponent = np.ldexp(image, -shift), exponent + shift + step.exponent
        found, total_places[:, time + 1] = _ends(current / step.values)
        by_total[:, time + 1] = times_power(found, exponent)
    return GrowthRange(by_step[0], by_step[1], by_total[0], by_total[1], step_places.T, total_places.T)


def _ends(ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest entries of each row, shape (2, ...), and where they are."""
    places = np.stack([np.argmin(ratios, axis=-1), np.argmax(ratios, axis=-1)])
    return np.stack([np.min(ratios, axis=-1), np.max(ratios, axis=-1)]), places
