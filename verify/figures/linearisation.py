"""Figure "linearisation": how far SGD near a minimum follows its linearisation.

Problem:
    Section 5 of the paper describes the escape of SGD from a minimum by a linear model. How long does a network follow
    it, and what ends that: time, the loss, or the distance reached?

Method:
    Two-layer networks, smooth and leaky ReLU, both layers trained, and a deep linear network are trained to
    interpolation by gradient descent with steps 1/λ_max(G); a leaky ReLU whose initial weights make the targets is at a
    minimum without training. SGD with batch 1 then starts at θ* + w_0, w_0 of length ε
    in a random direction, with a learning rate at twice the threshold of mean-square stability, and so does SGD on the
    linear model with inputs ∇f(x_i; θ*), with the same minibatches, seed by seed. Linearisation ends where the
    difference of the two paths first passes 10 % of the linear one's distance from θ*. For the leaky ReLU a third path
    has its activation pattern frozen to the one at θ*, so that it has no kinks.

Guarantee:
    Paths are compared seed by seed at every step. The expected loss of the linear model and its growth are exact, the
    growth of its typical run is the mean over the seeds.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

import simulate
from simulate import streams
from verify.figures._context import Context, Made
from verify.figures.escape_paths import LEAKY, MODELS, Minimum, Paths, follow, kinks_after_training, train

DIFFERENCE = 0.1
"""Relative difference of the paths at which linearisation ends."""
QUANTILES = (0.05, 0.5, 0.95)
MINIMUM, END, PATH, CLOSENESS = "minimum", "end of linearisation", "path", "difference by distance"
KINKS = "kinks after training"
"""Kinds of rows in the table."""
_BINS = 24


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        d: dimension of the inputs.
        n: number of samples.
        factor: learning rate as a multiple of the threshold of mean-square stability.
        distances: lengths ε of the perturbation.
        shown: the length for which single paths are drawn.
        replicas: seeds for each length.
        block: seeds that run at once.
        steps: steps of each run.
        initialisations: how often the leaky ReLU is trained, to count the kinks it ends on.
    """

    d: int
    n: int
    factor: float
    distances: tuple[float, ...]
    shown: float
    replicas: int
    block: int
    steps: int
    initialisations: int


SIZES = {
    "default": Settings(6, 12, 2.0, tuple(10.0**power for power in range(-7, 0)), 1e-4, 400, 100, 600, 20),
    "tiny": Settings(3, 5, 2.0, (1e-5, 1e-3), 1e-3, 10, 5, 100, 2),
}


class Item(NamedTuple):
    """A part of the runs.

    Attributes:
        model: name of the model.
        distance: length ε of the perturbation.
        first: number of the first seed.
    """

    model: str
    distance: float
    first: int


class Compared(NamedTuple):
    """True and linear paths, compared.

    Attributes:
        difference: relative difference of the paths, shape (steps + 1, replicas).
        distance: distance of the linear path from θ*, shape (steps + 1, replicas).
        loss: loss of the true path, shape (steps + 1, replicas).
        linear_loss: loss of the linear path, shape (steps + 1, replicas).
        first_kink: first step at which an activation differs from that at θ*, −1 where none does, shape (replicas,).
    """

    difference: np.ndarray
    distance: np.ndarray
    loss: np.ndarray
    linear_loss: np.ndarray
    first_kink: np.ndarray


def make(context: Context) -> Made:
    """Make the figure.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import linearisation_drawing

    settings = SIZES[context.size]
    context.begin("training to interpolation", 0.0, 0.1)
    trained = context.mapper(partial(train, context.seed, settings.d, settings.n, settings.factor), list(MODELS))
    minima = dict(zip(MODELS, trained, strict=True))
    counted = partial(kinks_after_training, context.seed, settings.d, settings.n)
    context.begin("kinks where training ends", 0.1, 0.2)
    rows: list[dict[str, object]] = [
        {
            "kind": KINKS,
            "model": LEAKY,
            "initialisation": number,
            "training_steps": steps,
            "nearest_kink": nearest,
            "on_kinks": on,
        }
        for number, (steps, nearest, on) in enumerate(context.mapper(counted, list(range(settings.initialisations))))
    ]
    context.begin("escape, true and linearised", 0.2, 0.95)
    items = [
        Item(model, distance, first)
        for model in MODELS
        for distance in settings.distances
        for first in range(0, settings.replicas, settings.block)
    ]
    blocks = context.mapper(partial(measure, context.seed, settings, minima), items)
    for model in MODELS:
        typical = [_joined(items, blocks, model, distance) for distance in settings.distances]
        rows.append({"kind": MINIMUM, "model": model, **describe(minima[model], typical[0])})
        rows += [end(model, distance, one) for distance, one in zip(settings.distances, typical, strict=True)]
        rows += closeness(model, typical[0])
        shown = typical[settings.distances.index(settings.shown)]
        rows += path_rows(model, shown, expected_losses(minima[model], settings))
    return linearisation_drawing.draw(settings, pd.DataFrame(rows))


def measure(seed: int, settings: Settings, minima: dict[str, Minimum], item: Item) -> Compared:
    """Run a block of seeds from one distance, and compare.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        minima: where the models were trained to.
        item: which model, distance and seeds.

    Returns:
        What the comparison says.
    """
    minimum, count = minima[item.model], min(settings.block, settings.replicas - item.first)
    # The same directions for every length; every seed has its own.
    drawn = [
        streams.generator(seed, "linearisation: perturbation", (item.model,), item.first + r).standard_normal(
            minimum.theta.size
        )
        for r in range(count)
    ]
    w0 = item.distance * np.array([w / np.linalg.norm(w) for w in drawn])
    return compare(follow(seed, minimum, w0, settings.steps, item.first))


def compare(paths: Paths) -> Compared:
    """Compare true and linear paths.

    Args:
        paths: both, relative to θ*.

    Returns:
        Differences and distances.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.linalg.norm(paths.linear, axis=2)
        difference = np.linalg.norm(paths.true - paths.linear, axis=2) / distance
    return Compared(difference, distance, paths.loss, paths.linear_loss, paths.first_kink)


def _joined(items: list[Item], blocks: list[Compared], model: str, distance: float) -> Compared:
    """Put the blocks of one model and distance together."""
    chosen = [block for item, block in zip(items, blocks, strict=True) if item[:2] == (model, distance)]
    return Compared(*(np.concatenate(parts, axis=-1) for parts in zip(*chosen, strict=True)))


def describe(minimum: Minimum, runs: Compared) -> dict[str, object]:
    """Describe a minimum and the escape from it.

    Args:
        minimum: the minimum.
        runs: runs from the smallest distance.

    Returns:
        Columns of the table.
    """
    slopes = typical_growth(runs.linear_loss)
    return {
        "parameters": minimum.theta.size,
        "rank": minimum.reduced.shape[1],
        "training_steps": minimum.steps,
        "gradient_norm": minimum.gradient_norm,
        "largest_residual": float(np.abs(minimum.residual).max()),
        "learning_rate": minimum.rate,
        "threshold": minimum.threshold,
        "gd_edge": minimum.edge,
        "escape_rate": simulate.escape_rate(minimum.reduced, minimum.rate).rate,
        "typical_growth": float(slopes.mean()),
        "typical_growth_standard_error": float(slopes.std(ddof=1) / np.sqrt(len(slopes))),
        "nearest_kink": minimum.nearest_kink,
        "on_kinks": minimum.on_kinks,
    }


def typical_growth(losses: np.ndarray) -> np.ndarray:
    """Measure the growth of log‖w‖ a step along each run of the linear model, from a quarter of the run on.

    Args:
        losses: of the linear runs, shape (steps + 1, replicas).

    Returns:
        Half the slope of the logarithm of the loss between the two ends, shape (replicas,).
    """
    start = len(losses) // 4
    return 0.5 * np.log(losses[-1] / losses[start]) / (len(losses) - 1 - start)


def first_steps(runs: Compared) -> np.ndarray:
    """Find where linearisation ends.

    Args:
        runs: the runs.

    Returns:
        The first step at which the relative difference is above 10 %, shape (replicas,); −1 where there is none.
    """
    # Paths that have diverged have differences that are no numbers.
    beyond = ~(runs.difference <= DIFFERENCE)
    return np.where(beyond.any(axis=0), beyond.argmax(axis=0), -1)


def end(model: str, distance: float, runs: Compared) -> dict[str, object]:
    """Summarise where linearisation ends.

    Args:
        model: name of the model.
        distance: length ε of the perturbation.
        runs: the runs.

    Returns:
        A row of the table.
    """
    steps = first_steps(runs)
    ended = np.flatnonzero(steps >= 0)
    at = steps[ended], ended
    row: dict[str, object] = {
        "kind": END,
        "model": model,
        "perturbation": distance,
        "replicas": len(steps),
        "ended": len(ended),
        "kink_before": int(np.sum((runs.first_kink[ended] >= 0) & (runs.first_kink[ended] <= steps[ended]))),
    }
    kinked = np.flatnonzero(runs.first_kink >= 0)
    measured = {
        "step": steps[ended].astype(float),
        "distance": runs.distance[at],
        "loss": runs.linear_loss[at],
        "kink_distance": runs.distance[runs.first_kink[kinked], kinked],
    }
    for name, values in measured.items():
        quantiles = np.quantile(values, QUANTILES) if len(values) else np.full(3, np.nan)
        row |= {f"{name}_q05": quantiles[0], name: quantiles[1], f"{name}_q95": quantiles[2]}
    return row


def closeness(model: str, runs: Compared) -> list[dict[str, object]]:
    """Relate the difference of the paths to the distance they have reached, until linearisation ends.

    Args:
        model: name of the model.
        runs: runs from the smallest distance.

    Returns:
        A row for each class of distances that has at least 20 steps.
    """
    steps = first_steps(runs)
    within = np.arange(len(runs.difference))[:, None] <= np.where(steps < 0, len(runs.difference), steps)
    farthest = np.maximum.accumulate(runs.distance, axis=0)
    reached, difference = farthest[within], runs.difference[within]
    edges = np.geomspace(reached.min(), reached.max() * (1 + 1e-9), _BINS + 1)
    classes = np.digitize(reached, edges)
    rows: list[dict[str, object]] = []
    for number in range(1, _BINS + 1):
        inside = difference[classes == number]
        if len(inside) < 20:
            continue
        low, middle, high = np.quantile(inside, QUANTILES)
        centre = float(np.exp(np.mean(np.log(reached[classes == number]))))
        rows.append({
            "kind": CLOSENESS,
            "model": model,
            "distance": centre,
            "difference_q05": low,
            "difference": middle,
            "difference_q95": high,
        })
    return rows


def path_rows(model: str, runs: Compared, expected: np.ndarray) -> list[dict[str, object]]:
    """List single runs: those whose linearisation ends at the 10, 50 and 90 % quantiles.

    Args:
        model: name of the model.
        runs: the runs.
        expected: exact expected loss of the linear model, shape (steps + 1,).

    Returns:
        A row for each run and step, until a little after linearisation has ended.
    """
    steps = first_steps(runs)
    with np.errstate(over="ignore"):
        mean = runs.loss.mean(axis=1)
    order = np.argsort(np.where(steps < 0, len(expected), steps), kind="stable")
    rows: list[dict[str, object]] = []
    for share in (0.1, 0.5, 0.9):
        number = int(order[round(share * (len(order) - 1))])
        last = len(expected) if steps[number] < 0 else min(len(expected), int(1.25 * steps[number]) + 5)
        rows += [
            {
                "kind": PATH,
                "model": model,
                "run": f"{share:.0%}",
                "step": step,
                "loss": runs.loss[step, number],
                "linear_loss": runs.linear_loss[step, number],
                "expected_loss": expected[step],
                "mean_loss": mean[step],
                "past_end": float(0 <= steps[number] <= step),
            }
            for step in range(last)
        ]
    return rows


def expected_losses(minimum: Minimum, settings: Settings) -> np.ndarray:
    """Compute the exact expected loss of the linear model from the shown distance, over seeds and directions.

    Args:
        minimum: the minimum.
        settings: the figure's settings.

    Returns:
        Shape (steps + 1,).
    """
    reduced, p = minimum.reduced, minimum.theta.size
    start = np.eye(reduced.shape[1]) * settings.shown**2 / p
    moments = simulate.second_moments(reduced, start, minimum.rate, settings.steps)
    return 0.5 * np.einsum("ij,tji->t", reduced.T @ reduced / len(reduced), moments)
