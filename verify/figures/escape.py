"""Figure 3: escape of SGD and of gradient descent from the minimum of a linear regression.

Problem:
    Near a minimum SGD is said to escape along flat directions and gradient descent along the sharpest one: D_1(t), the
    loss along all directions but the sharpest over the loss along it, stays above a multiple of S_Y/S_X for SGD
    (Theorem 5.2) and falls exponentially for gradient descent (Proposition 5.3).

Method:
    Gaussian inputs whose covariance has one large and d − 1 equal small eigenvalues, which fix the effective rank; one
    start close to the minimum. For SGD (batch 1) the second moment is propagated exactly, from this start and, by
    generalised eigenvalues, from the worst one; the limit of D_1 is that of the eigenmatrix. The bounds are evaluated
    at the exact constants A₁ and A₂ of the data. At the paper's η = 1.2/‖G‖_F Theorem 5.2 is silent where η²λ₁² < 1,
    so a second, larger learning rate is shown, just above its condition β > c₁. Many sampled runs are drawn beside the
    exact curves, with intervals as long as enough runs carry the means, and a typical run: geometric means over runs.

Guarantee:
    Everything but the sampled runs is exact up to rounding. The losses of sampled runs have heavy tails: past the mark
    their means are noise, and their intervals would be wrong.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import simulate
import theory
from simulate import streams
from verify.figures._context import Context, Made
from verify.figures.escape_sampling import summarise

SGD, GD = "SGD", "GD"
PAPER, LARGER = "paper", "above c1"
"""The learning rates: β of `Settings`, and the multiple of c₁."""


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        d: dimension of the inputs.
        n: number of samples.
        ranks: effective ranks of the covariance, above 1.
        beta: η‖G‖_F of SGD.
        factor: multiple of c₁ that is the second β.
        descent: η‖G‖₂ of gradient descent.
        size: length of the start.
        steps: number of steps.
        replicas: number of sampled runs.
    """

    d: int
    n: int
    ranks: tuple[float, ...]
    beta: float
    factor: float
    descent: float
    size: float
    steps: int
    replicas: int


SIZES = {
    "default": Settings(20, 1000, (1.5, 3.0, 6.0, 12.0), 1.2, 1.05, 2.2, 1e-5, 20, 100_000),
    "tiny": Settings(6, 120, (1.5, 3.5), 1.2, 1.05, 2.2, 1e-5, 8, 12_000),
}


class Data(NamedTuple):
    """A data set and a start.

    Attributes:
        X: inputs, shape (n, d).
        w0: start relative to the minimum, shape (d,).
        constants: A₁ and A₂, and the eigenvalues of G.
    """

    X: np.ndarray
    w0: np.ndarray
    constants: simulate.AlignmentConstants

    def rate(self, beta: float) -> float:
        """Turn β into a learning rate.

        Args:
            beta: η‖G‖_F.

        Returns:
            η.
        """
        return beta / float(np.linalg.norm(self.constants.eigenvalues))


def make(context: Context) -> Made:
    """Make Figure 3.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import escape_drawing

    settings = SIZES[context.size]
    context.begin("SGD, exactly and by sampled runs", 0.0, 0.9)
    points = [(rank, which) for which in (PAPER, LARGER) for rank in settings.ranks]
    stochastic = context.mapper(partial(follow, context.seed, settings), points)
    context.begin("gradient descent", 0.9, 0.95)
    descents = context.mapper(partial(descend, context.seed, settings), list(settings.ranks))
    return escape_drawing.draw(settings, pd.concat([*stochastic, *descents], ignore_index=True))


def data(seed: int, settings: Settings, rank: float) -> Data:
    """Draw a data set of a given effective rank, and the start.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        rank: effective rank of the covariance: 1 + (d − 1)/s, with s the large eigenvalue and 1 all others.

    Returns:
        Gaussian inputs, and a start of random direction, the same one for every rank.
    """
    d, n = settings.d, settings.n
    spectrum = simulate.spiked(d, 1, (d - 1) / (rank - 1))
    X = simulate.gaussian_inputs(n, spectrum, streams.generator(seed, "figure 3: inputs", (n, d)))
    w0 = streams.generator(seed, "figure 3: start", (d,)).standard_normal(d)
    return Data(X, settings.size * w0 / np.linalg.norm(w0), simulate.alignment_constants(X))


def chosen_beta(settings: Settings, which: str, A1: float) -> float:
    """Choose a learning rate, in units of 1/‖G‖_F.

    Args:
        settings: the figure's settings.
        which: "paper" or "above c1".
        A1: smallest alignment.

    Returns:
        β.
    """
    return settings.beta if which == PAPER else settings.factor * math.sqrt(1 + 2 / A1)


def measure(seed: int, settings: Settings, point: tuple[float, str]) -> pd.DataFrame:
    """Follow SGD exactly, with the bounds of Section 5.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        point: the effective rank, and which learning rate.

    Returns:
        A row for each step from 0 on. Losses are relative to the one at the start.
    """
    rank, which = point
    here = data(seed, settings, rank)
    A1, A2, squares = here.constants.A1, here.constants.A2, here.constants.eigenvalues**2
    beta = chosen_beta(settings, which, A1)
    rate, times = here.rate(beta), np.arange(settings.steps + 1)
    moments = simulate.second_moments(here.X, here.w0, rate, settings.steps)
    losses = np.einsum("ij,tij->t", here.X.T @ here.X / settings.n, moments)
    worst = simulate.worst_flat_to_sharp(here.X, rate, settings.steps, [1])
    limit = simulate.escape_rate(here.X, rate)
    S_X, S_Y = float(squares[0]), float(squares[1:].sum())
    bound = theory.statement("5.2").evaluate("lower", A1=A1, A2=A2, beta=beta, S_X=S_X, S_Y=S_Y, t=times)
    growth = theory.statement("5.2-growth").bounds(A1=A1, A2=A2, beta=beta)[0]
    return pd.DataFrame({
        "optimizer": SGD,
        **_named(here, rank, rate),
        "which": which,
        "beta": beta,
        "S_Y/S_X": S_Y / S_X,
        "A1": A1,
        "A2": A2,
        "c1": math.sqrt(1 + 2 / A1),
        "escape_rate": limit.rate,
        "D_limit": limit.flat_to_sharp[0],
        "t": times,
        "D": simulate.energy_ratios(here.X, moments).flat_to_sharp[:, 0],
        "D_least": worst.inf[:, 0],
        "D_largest": worst.sup[:, 0],
        "D_bound": np.broadcast_to(bound, times.shape),
        "loss": losses / losses[0],
        "loss_bound": growth**times,
    })


def _named(here: Data, rank: float, rate: float) -> dict[str, Any]:
    """Columns that every row has."""
    values = here.constants.eigenvalues
    return {"effective_rank": rank, "effective_rank_of_G": values.sum() / values[0], "learning_rate": rate}


def descend(seed: int, settings: Settings, rank: float) -> pd.DataFrame:
    """Follow gradient descent, with the bound of Proposition 5.3.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        rank: the effective rank.

    Returns:
        A row for each step from 0 on.
    """
    here = data(seed, settings, rank)
    values, beta = here.constants.eigenvalues, settings.descent
    rate, times = beta / float(values[0]), np.arange(settings.steps + 1)
    directions = _directions(here)
    record = simulate.Record(at=times.tolist(), loss=False, directions=directions)
    run = simulate.gd(
        simulate.Linear(settings.d), here.w0, here.X, np.zeros(settings.n), rate, settings.steps, record=record
    )
    sharp, flat = (run.values[name][:, 0, 0] for name in ("sharp", "flat"))
    q = float(np.max((1 - beta * values[1:] / values[0]) ** 2))
    bound = theory.statement("5.3").evaluate("upper", R=flat[0] / sharp[0], q=q, beta=beta, t=times)
    return pd.DataFrame({
        "optimizer": GD,
        **_named(here, rank, rate),
        "which": PAPER,
        "beta": beta,
        "t": times,
        "D": flat / sharp,
        "D_bound": bound,
        "loss": (flat + sharp) / (flat[0] + sharp[0]),
        # Nothing is sampled.
        "reliable": False,
    })


def _directions(here: Data) -> simulate.Directions:
    """Eigen-directions of G."""
    d = here.X.shape[1]
    return simulate.eigen_directions(simulate.Linear(d), np.zeros(d), here.X)


def follow(seed: int, settings: Settings, point: tuple[float, str]) -> pd.DataFrame:
    """Follow SGD exactly and by sampled runs.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        point: the effective rank, and which learning rate.

    Returns:
        The rows of `measure` with further columns.
    """
    found = summarise(*sample(seed, settings, point))
    return measure(seed, settings, point).assign(
        D_sampled=found.ratio,
        D_sampled_low=found.ratio_low,
        D_sampled_high=found.ratio_high,
        D_typical=found.typical_ratio,
        loss_sampled=found.total,
        loss_sampled_low=found.total_low,
        loss_sampled_high=found.total_high,
        loss_typical=found.typical_total,
        effective_runs=found.effective,
        largest_share=found.largest_share,
        reliable=found.reliable,
    )


def sample(seed: int, settings: Settings, point: tuple[float, str]) -> tuple[np.ndarray, np.ndarray]:
    """Sample runs of SGD.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        point: the effective rank, and which learning rate.

    Returns:
        Losses along the sharpest direction and along all others, relative to the loss at the start, both of shape
        (steps + 1, replicas).
    """
    rank, which = point
    here = data(seed, settings, rank)
    beta = chosen_beta(settings, which, here.constants.A1)
    record = simulate.Record(at=range(settings.steps + 1), loss=False, directions=_directions(here))
    stream = streams.generator(seed, "figure 3: minibatches", (rank, which))
    run = simulate.linearised_sgd(
        here.X, here.w0, here.rate(beta), settings.steps, replicas=settings.replicas, seed=stream, record=record,
        threads=1,
    )  # fmt: skip
    sharp, flat = (run.values[name][:, :, 0] for name in ("sharp", "flat"))
    start = sharp[0, 0] + flat[0, 0]
    return sharp / start, flat / start
