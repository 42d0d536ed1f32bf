"""Learning rates that change: cyclical, with warm restarts, or piecewise constant.

A schedule turns numbers of steps into factors of the learning rate ``lr``, which is the largest one reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..arrays import real_arrays
from ..validation import InputError, check_integer, check_real, describe

Schedule = Callable[[np.ndarray], np.ndarray]
"""Factors of the learning rate, non-negative and finite, at an array of step numbers 0, 1, 2, …"""


def triangular(period: int, low: float = 0.1) -> Schedule:
    """Cyclical learning rate that rises linearly from ``low`` to 1 and falls back (Smith, arXiv 1506.01186).

    Args:
        period: Steps of a whole cycle, at least 2.
        low: Smallest factor, from 0 to 1.

    Returns:
        The schedule.

    Raises:
        InputError: If an argument is out of range.
    """
    period, low = check_integer("period", period, minimum=2), _low(low)
    return lambda steps: low + (1 - low) * (1 - np.abs(2 * ((steps % period) / period) - 1))


def cosine(period: int, low: float = 0.0) -> Schedule:
    """Cyclical learning rate that falls from 1 to ``low`` and rises again as a cosine.

    Args:
        period: Steps of a whole cycle, at least 2.
        low: Smallest factor, from 0 to 1.

    Returns:
        The schedule.

    Raises:
        InputError: If an argument is out of range.
    """
    period, low = check_integer("period", period, minimum=2), _low(low)
    return lambda steps: low + (1 - low) * 0.5 * (1 + np.cos(2 * np.pi * (steps % period) / period))


def sgdr(period: int, growth: int = 2, low: float = 0.0) -> Schedule:
    """Cosine annealing with warm restarts (Loshchilov & Hutter, arXiv 1608.03983).

    Args:
        period: Steps from the start to the first restart, at least 1.
        growth: How many times longer each period is than the one before, at least 1.
        low: Factor that a period ends near, from 0 to 1.

    Returns:
        The schedule.

    Raises:
        InputError: If an argument is out of range.
    """
    period, low = check_integer("period", period, minimum=1), _low(low)
    growth = check_integer("growth", growth, minimum=1)

    def factors(steps: np.ndarray) -> np.ndarray:
        starts, length = [0], period
        while starts[-1] + length <= np.max(steps, initial=0):
            starts.append(starts[-1] + length)
            length *= growth
        which = np.searchsorted(starts, steps, side="right") - 1
        lengths = period * np.power(float(growth), which)
        return low + (1 - low) * 0.5 * (1 + np.cos(np.pi * (steps - np.array(starts)[which]) / lengths))

    return factors


def piecewise(changes: Mapping[int, float]) -> Schedule:
    """Piecewise constant learning rate.

    Args:
        changes: From which step on which factor applies; before the first, 1.

    Returns:
        The schedule.

    Raises:
        InputError: If ``changes`` is empty, a step is negative or a factor is negative or not finite.
    """
    if not isinstance(changes, Mapping) or not changes:
        raise InputError(f"changes: expected a mapping of steps to factors, got {describe(changes)}")
    checked = {
        check_integer("changes", step, minimum=0): check_real("changes", factor, minimum=0.0)
        for step, factor in changes.items()
    }
    starts = np.array(sorted(checked))
    factors = np.array([1.0, *(checked[start] for start in sorted(checked))])
    return lambda steps: factors[np.searchsorted(starts, steps, side="right")]


def learning_rates(lr: float, steps: int, schedule: Schedule | Sequence[float] | None, first_step: int) -> np.ndarray:
    """Work out the learning rate of every step.

    Args:
        lr: Learning rate, positive.
        steps: Number of steps.
        schedule: Factors as a function of the step or one for each step from 0 on; None for a constant rate.
        first_step: Number of the first step.

    Returns:
        Learning rates, shape (steps,), float64.

    Raises:
        InputError: If the rate is not positive and finite, or the schedule gives other than one non-negative finite
            factor for each step.
    """
    lr = check_real("lr", lr, minimum=0.0, exclusive=True)
    numbers = np.arange(first_step, first_step + steps)
    if schedule is None:
        return np.full(steps, lr)
    if callable(schedule):
        _, (factors,) = real_arrays(schedule=np.asarray(schedule(numbers)))
    else:
        _, (given,) = real_arrays(schedule=schedule)
        factors = given[first_step : first_step + steps] if given.ndim == 1 else given
    if factors.shape != (steps,):
        needed = f"{first_step + steps} factors, one for each step"
        got = factors if callable(schedule) else given
        raise InputError(f"schedule: expected {needed}, got shape {tuple(got.shape)}")
    if steps and factors.min() < 0:
        raise InputError(f"schedule: expected factors >= 0, got {float(factors.min())!r}")
    return lr * factors


def _low(low: float) -> float:
    """Check the smallest factor of a cycle."""
    return check_real("low", low, minimum=0.0, maximum=1.0)
