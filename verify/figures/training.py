"""Full-batch gradient descent on the square loss, stopped at chosen losses: how θ moves away from its initial value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import simulate

REFRESH = 20
"""Steps after which the largest eigenvalue of G is computed again."""
_MOST_HALVINGS = 60


class Moment(NamedTuple):
    """Parameters at a moment of a training run.

    Attributes:
        theta: the parameters, shape (p,).
        residual: f(x_i; θ) − y_i, shape (n,).
        steps: steps taken so far.
        loss: L(θ)/L(θ₀).
    """

    theta: np.ndarray
    residual: np.ndarray
    steps: int
    loss: float


def descend(
    model: simulate.Model, theta: np.ndarray, X: np.ndarray, y: np.ndarray, levels: Sequence[float], most_steps: int
) -> list[Moment]:
    """Train by gradient descent, and keep θ at the start and where the loss has first fallen to each level.

    The step is 1/λ_max(G(θ)), half of what a quadratic loss allows, with λ_max computed every 20 steps; it is halved
    where the loss would grow, which happens to narrow networks only.

    Args:
        model: what is trained.
        theta: θ₀, shape (p,).
        X: inputs, shape (n, d).
        y: targets, shape (n,).
        levels: fractions of L(θ₀), descending.
        most_steps: after so many steps θ is kept for all levels that are left.

    Returns:
        One moment for θ₀, and one for each level.
    """
    start = _square(model, theta, X, y)
    kept = [_moment(model, theta, X, y, 0, 1.0)]
    if start == 0:
        return kept * (1 + len(levels))
    left, rate, steps, loss, halvings = list(levels), 0.0, 0, start, 0
    while left and steps < most_steps and halvings < _MOST_HALVINGS:
        if steps % REFRESH == 0 and not halvings:
            sharpest = float(np.linalg.eigvalsh(np.asarray(model.gram(theta, X)))[-1])
            if sharpest <= 0:
                break
            rate = len(X) / sharpest
        count = min(REFRESH - steps % REFRESH, most_steps - steps)
        record = simulate.Record(at=range(count + 1), parameters=True)
        # Steps that make the loss grow are thrown away, with what follows them.
        with np.errstate(over="ignore", invalid="ignore"):
            run = simulate.gd(model, theta, X, y, rate, count, record=record)
        losses = run.values["loss"][:, 0]
        taken = int(np.argmin(np.append(losses[1:] <= losses[:-1], False)))
        for step in range(1, taken + 1):
            while left and losses[step] <= left[0] * start:
                kept.append(
                    _moment(model, run.values["parameters"][step, 0], X, y, steps + step, float(losses[step] / start))
                )
                left.pop(0)
        if taken:
            theta, loss = run.values["parameters"][taken, 0], float(losses[taken])
        steps, halvings = steps + taken, 0 if taken else halvings + 1
        if taken < count:
            rate /= 2
    return kept + [_moment(model, theta, X, y, steps, loss / start)] * len(left)


def _square(model: simulate.Model, theta: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    """Evaluate the loss."""
    return float(np.mean((np.asarray(model.predict(theta, X)) - y) ** 2)) / 2


def _moment(model: simulate.Model, theta: np.ndarray, X: np.ndarray, y: np.ndarray, steps: int, loss: float) -> Moment:
    """Keep the parameters at a moment."""
    return Moment(theta, np.asarray(model.predict(theta, X)) - y, steps, loss)
