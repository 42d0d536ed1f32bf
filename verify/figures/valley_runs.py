"""Runs of SGD and gradient descent in the toy valley of Figure 4, under a cyclical learning rate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import simulate
from simulate import streams
from verify.figures import valley_laws


class Cycle(NamedTuple):
    """A cyclical learning rate.

    Attributes:
        period: steps of a cycle.
        low: smallest learning rate as a share of the largest one.
        repeats: number of cycles.
    """

    period: int
    low: float
    repeats: int


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        start: a and b at the start.
        cycles: the cyclical learning rates.
        heights: largest learning rate times the curvature 1/(a² + 1) at the start.
        equal_height: the height of the paths at equal learning rates.
        matched_height: the height of SGD's paths at matched peak loss.
        replicas: number of seeds.
        rates: learning rates of gradient descent on the grid, from `least` to `most` times the inverse curvature.
        least: the smallest height on the grid.
        most: the largest height on the grid.
        bins: number of classes of peak losses.
    """

    start: tuple[float, float]
    cycles: tuple[Cycle, ...]
    heights: tuple[float, ...]
    equal_height: float
    matched_height: float
    replicas: int
    rates: int
    least: float = 0.5
    most: float = 60.0
    bins: int = 12


class Runs(NamedTuple):
    """Runs of one optimiser at one learning rate.

    Attributes:
        drift: |a| at the end beyond where gradient flow ends, shape (replicas,).
        peak: largest loss of each run, shape (replicas,).
        across: |b| at the end, shape (replicas,).
    """

    drift: np.ndarray
    peak: np.ndarray
    across: np.ndarray


def curvature(settings: Settings) -> float:
    """Evaluate the curvature of the valley at the start.

    Args:
        settings: the figure's settings.

    Returns:
        1/(a² + 1).
    """
    return 1 / (settings.start[0] ** 2 + 1)


def initial_loss(settings: Settings) -> float:
    """Evaluate the loss at the start.

    Args:
        settings: the figure's settings.

    Returns:
        b²/(2(a² + 1)).
    """
    return settings.start[1] ** 2 * curvature(settings) / 2


def descend(settings: Settings, item: tuple[Cycle, float]) -> Runs:
    """Run gradient descent on the population's loss.

    Args:
        settings: the figure's settings.
        item: cycle and height.

    Returns:
        One run. Of a run that diverges the drift and the peak are infinite.
    """
    return summarise(settings, gd_path(settings, item))


def gd_path(settings: Settings, item: tuple[Cycle, float], parameters: bool = False) -> simulate.Ensemble:
    """Run gradient descent and record every step.

    Args:
        settings: the figure's settings.
        item: cycle and height.
        parameters: whether to keep a and b as well as the loss.

    Returns:
        The run.
    """
    cycle, height = item
    steps = cycle.period * cycle.repeats
    # One sample x = 1 has exactly the loss of the population.
    return simulate.gd(
        simulate.CurvedValley(),
        np.array(settings.start),
        np.ones((1, 1)),
        np.zeros(1),
        height / curvature(settings),
        steps,
        simulate.triangular(cycle.period, cycle.low),
        simulate.Record(at=range(steps + 1), parameters=parameters),
    )


def run_sgd(seed: int, settings: Settings, item: tuple[Cycle, float]) -> Runs:
    """Run online SGD from every seed.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        item: cycle and height.

    Returns:
        One run for each seed.
    """
    return summarise(settings, sgd_path(seed, settings, item, 0, settings.replicas))


def sgd_path(
    seed: int, settings: Settings, item: tuple[Cycle, float], first: int, replicas: int, parameters: bool = False
) -> simulate.Ensemble:
    """Run online SGD and record every step.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        item: cycle and height.
        first: number of the first run.
        replicas: number of runs.
        parameters: whether to keep a and b as well as the loss.

    Returns:
        The runs.
    """
    cycle, height = item
    steps = cycle.period * cycle.repeats
    return simulate.online_sgd(
        simulate.CurvedValley(),
        np.array(settings.start),
        np.ones(1),
        np.zeros(1),
        height / curvature(settings),
        steps,
        replicas=replicas,
        seed=streams.generator(seed, "figure 4: inputs", (*cycle, height)),
        schedule=simulate.triangular(cycle.period, cycle.low),
        record=simulate.Record(at=range(steps + 1), parameters=parameters),
        first_replica=first,
        threads=1,
    )


def summarise(settings: Settings, path: simulate.Ensemble) -> Runs:
    """Summarise runs.

    Args:
        settings: the figure's settings.
        path: the runs, with the loss of every step.

    Returns:
        Where they end and how high they went.
    """
    along, across = np.abs(np.asarray(path.theta)).T
    end = np.where(path.diverged_at >= 0, np.inf, along)
    return Runs(end - valley_laws.flow_end(*settings.start), path.values["loss"].max(axis=0), across)


def named(cycle: Cycle) -> dict[str, object]:
    """Name a cycle in a row of a table.

    Args:
        cycle: the cycle.

    Returns:
        Its columns.
    """
    return {"period": cycle.period, "low": cycle.low, "cycles": cycle.repeats}
