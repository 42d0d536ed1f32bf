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
    residual = np.asarray(model.predict(theta, X)) - y
    start = loss = float(residual @ residual)
    if start == 0:
        return [Moment(theta, residual, 0, 1.0)] * (1 + len(levels))
    kept = [Moment(theta, residual, 0, 1.0)]
    left, rate, steps = list(levels), 0.0, 0
    while left and steps < most_steps:
        if steps % REFRESH == 0:
            sharpest = float(np.linalg.eigvalsh(np.asarray(model.gram(theta, X)))[-1])
            if sharpest <= 0:
                break
            rate = 1.0 / sharpest
        gradient = np.asarray(model.vjp(theta, X, residual))
        for _ in range(_MOST_HALVINGS):
            tried = theta - rate * gradient
            new_residual = np.asarray(model.predict(tried, X)) - y
            new_loss = float(new_residual @ new_residual)
            if new_loss <= loss:
                break
            rate /= 2
        else:
            break
        theta, residual, loss, steps = tried, new_residual, new_loss, steps + 1
        while left and loss <= left[0] * start:
            kept.append(Moment(theta, residual, steps, loss / start))
            left.pop(0)
    return kept + [Moment(theta, residual, steps, loss / start)] * len(left)
