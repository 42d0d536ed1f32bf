"""Escape of SGD from an interpolating minimum of a network: the true path and its linearisation, seed by seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import simulate
from simulate import streams

SMOOTH, LEAKY, DEEP = "smooth ReLU", "leaky ReLU", "deep linear"
FROZEN, TEACHER = "leaky ReLU, pattern frozen", "leaky ReLU, teacher's weights"
MODELS = (SMOOTH, LEAKY, FROZEN, TEACHER, DEEP)
KINKED = (LEAKY, TEACHER)
SLOPE, WIDTH, DEEP_WIDTHS = 0.1, 32, (8, 8)
GRADIENT = 1e-12
"""Norm of the gradient at which training ends."""
_ROUND, _MOST_ROUNDS = 500, 400
_RANGE = 1e-8
ON_KINK = 1e-10
"""Largest activation that counts as 0."""


class Minimum(NamedTuple):
    """Where a network was trained to, and its linearisation there.

    Attributes:
        model: its name.
        X: inputs, shape (n, d).
        y: targets, shape (n,).
        theta: θ*, shape (p,).
        jacobian: J at θ*, shape (n, p).
        residual: at θ*, shape (n,).
        gradient_norm: ‖∇L(θ*)‖.
        reduced: J in an orthonormal basis of its range, shape (n, rank).
        steps: steps of training.
        threshold: learning rate at which the linear model's mean square stops being stable.
        edge: 2/λ_max(G), the same for gradient descent.
        rate: learning rate of the escape.
        nearest_kink: smallest distance from θ* at which an activation changes sign; infinite without kinks.
        on_kinks: how many of the activations are 0 at θ*, up to rounding errors.
    """

    model: str
    X: np.ndarray
    y: np.ndarray
    theta: np.ndarray
    jacobian: np.ndarray
    residual: np.ndarray
    gradient_norm: float
    reduced: np.ndarray
    steps: int
    threshold: float
    edge: float
    rate: float
    nearest_kink: float
    on_kinks: int


class Paths(NamedTuple):
    """True and linear paths with the same minibatches.

    Attributes:
        true: θ_t − θ*, shape (steps + 1, replicas, p).
        linear: w_t, shape (steps + 1, replicas, p).
        loss: of the true paths, shape (steps + 1, replicas).
        linear_loss: of the linear paths, shape (steps + 1, replicas).
        first_kink: first step at which an activation differs from that at θ*; −1 where none does. Shape (replicas,).
    """

    true: np.ndarray
    linear: np.ndarray
    loss: np.ndarray
    linear_loss: np.ndarray
    first_kink: np.ndarray


def build(name: str, d: int) -> simulate.Model:
    """Build a network.

    Args:
        name: an entry of `MODELS`.
        d: dimension of the inputs.

    Returns:
        The network.
    """
    if name == DEEP:
        return simulate.DeepLinear(d, DEEP_WIDTHS)
    return simulate.TwoLayer(d, WIDTH, SLOPE, "smooth" if name == SMOOTH else "leaky_relu", train_outer=True)


def data(seed: int, name: str, d: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a data set that the network can interpolate.

    Args:
        seed: the run's seed.
        name: name of the model.
        d: dimension of the inputs.
        n: number of samples.

    Returns:
        Gaussian inputs, shape (n, d), and targets, shape (n,): random signs, or those of a linear teacher.
    """
    X = simulate.gaussian_inputs(n, simulate.isotropic(d), streams.generator(seed, "linearisation: inputs", (n, d)))
    stream = streams.generator(seed, "linearisation: targets", (n, d))
    if name == DEEP:
        return X, X @ (stream.standard_normal(d) / np.sqrt(d))
    return X, np.where(stream.standard_normal(n) < 0, -1.0, 1.0)


def train(seed: int, d: int, n: int, factor: float, name: str) -> Minimum:
    """Find a minimum of a network, and linearise it there.

    Args:
        seed: the run's seed.
        d: dimension of the inputs.
        n: number of samples.
        factor: learning rate of the escape, as a multiple of the threshold of mean-square stability.
        name: name of the model.

    Returns:
        The minimum: trained to, or the weights that made the targets.

    Raises:
        RuntimeError: if training does not end at a minimum.
    """
    X, y = data(seed, name, d, n)
    model = build(name, d)
    # Frozen or not, the leaky ReLU is trained once and the same.
    start = LEAKY if name == FROZEN else name
    theta, steps = model.init(streams.generator(seed, "linearisation: initialisation", (start,))), 0
    if name == TEACHER:
        y = np.asarray(model.predict(theta, X))
    else:
        theta, steps = interpolate(model, theta, X, y)
    found = simulate.linearise(model, theta, X, y, tolerance=GRADIENT)
    left, singular, _ = np.linalg.svd(found.jacobian, full_matrices=False)
    kept = singular > _RANGE * singular[0]
    reduced = left[:, kept] * singular[kept]
    threshold, edge = simulate.stability_threshold(reduced), 2 * n / float(singular[0]) ** 2
    place = (name, X, y, found.minimum, found.jacobian, found.residual, found.gradient_norm, reduced, steps)
    return Minimum(*place, threshold, edge, factor * threshold, *kinks(name, theta, X))


def interpolate(model: simulate.Model, theta: np.ndarray, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """Train by gradient descent with steps 1/λ_max(G), refreshed every 500 steps, until the gradient vanishes.

    Args:
        model: the network.
        theta: its initial parameters, shape (p,).
        X: inputs, shape (n, d).
        y: targets, shape (n,).

    Returns:
        θ*, and the number of steps.

    Raises:
        RuntimeError: if training does not end at a minimum.
    """
    for number in range(1, _MOST_ROUNDS + 1):
        sharpest = float(np.linalg.eigvalsh(np.asarray(model.gram(theta, X)))[-1]) / len(X)
        run = simulate.gd(model, theta, X, y, 1 / sharpest, _ROUND, record=simulate.Record(at=[_ROUND]))
        theta = np.asarray(run.theta)[0]
        if np.linalg.norm(model.vjp(theta, X, model.predict(theta, X) - y)) / len(X) <= GRADIENT:
            return theta, number * _ROUND
    raise RuntimeError(f"{model!r}: training has not come to a minimum in {_MOST_ROUNDS * _ROUND} steps")


def kinks(name: str, theta: np.ndarray, X: np.ndarray) -> tuple[float, int]:
    """Measure how near a point is to a kink.

    Args:
        name: name of the model.
        theta: the point, shape (p,).
        X: inputs, shape (n, d).

    Returns:
        The distance to the nearest kink, and how many activations are 0, up to rounding errors.
    """
    if name not in KINKED:
        return np.inf, 0
    distances = np.abs(_activations(theta, X)) / np.linalg.norm(X, axis=1)[:, None]
    return float(distances.min()), int(np.sum(distances < ON_KINK))


def kinks_after_training(seed: int, d: int, n: int, initialisation: int) -> tuple[int, float, int]:
    """Train the leaky ReLU from another initialisation, and count the kinks it ends on.

    Args:
        seed: the run's seed.
        d: dimension of the inputs.
        n: number of samples.
        initialisation: its number.

    Returns:
        Steps of training, distance to the nearest kink, and the number of activations that are 0.

    Raises:
        RuntimeError: if training does not end at a minimum.
    """
    X, y = data(seed, LEAKY, d, n)
    model = build(LEAKY, d)
    start = model.init(streams.generator(seed, "linearisation: initialisation", (LEAKY,), initialisation))
    theta, steps = interpolate(model, start, X, y)
    return steps, *kinks(LEAKY, theta, X)


def follow(seed: int, minimum: Minimum, w0: np.ndarray, steps: int, first: int) -> Paths:
    """Run SGD and its linearisation with the same minibatches.

    Args:
        seed: the run's seed.
        minimum: the minimum.
        w0: starts relative to θ*, shape (replicas, p).
        steps: number of steps.
        first: number of the first seed.

    Returns:
        Both paths at every step.
    """
    name = LEAKY if minimum.model == FROZEN else minimum.model

    def stream() -> np.random.Generator:
        return streams.generator(seed, "linearisation: minibatches", (name,))

    record = simulate.Record(at=range(steps + 1), parameters=True)
    linear = simulate.linearised_sgd(
        minimum.jacobian, w0, minimum.rate, steps, replicas=len(w0), seed=stream(), record=record,
        residual=minimum.residual, first_replica=first, threads=1,
    )  # fmt: skip
    model = build(minimum.model, minimum.X.shape[1])
    if minimum.model == FROZEN:
        drawn = [
            simulate.minibatches(len(minimum.X), 1, steps, stream(), replica=first + r)[:, 0] for r in range(len(w0))
        ]
        true, loss = frozen_sgd(minimum, w0, np.stack(drawn, axis=1))
    else:
        run = simulate.sgd(
            model, minimum.theta + w0, minimum.X, minimum.y, minimum.rate, steps, replicas=len(w0), seed=stream(),
            record=record, first_replica=first, threads=1,
        )  # fmt: skip
        true, loss = run.values["parameters"] - minimum.theta, run.values["loss"]
    crossed = first_kinks(minimum, true) if minimum.model in KINKED else np.full(len(w0), -1)
    return Paths(true, linear.values["parameters"], loss, linear.values["loss"], crossed)


def frozen_sgd(minimum: Minimum, w0: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run SGD with batch 1 on the network whose activation pattern stays the one at θ*.

    Args:
        minimum: the minimum of a two-layer network.
        w0: starts relative to θ*, shape (replicas, p).
        samples: the sample of each step and run, shape (steps, replicas).

    Returns:
        θ_t − θ*, shape (steps + 1, replicas, p), and losses, shape (steps + 1, replicas).
    """
    X, y, theta = minimum.X, minimum.y, minimum.theta + w0
    slopes = np.where(_activations(minimum.theta, X) > 0, 1.0, SLOPE)
    inner = theta[:, : WIDTH * X.shape[1]].reshape(-1, WIDTH, X.shape[1])
    outer = theta[:, WIDTH * X.shape[1] :]
    path, losses = [theta], [_frozen_losses(X, y, slopes, inner, outer)]
    with np.errstate(over="ignore", invalid="ignore"):
        for chosen in samples:
            hidden = slopes[chosen] * np.einsum("rkd,rd->rk", inner, X[chosen])
            step = minimum.rate * (np.sum(outer * hidden, axis=1) - y[chosen])[:, None]
            pulled = (step * outer * slopes[chosen])[:, :, None] * X[chosen][:, None, :]
            inner, outer = inner - pulled, outer - step * hidden
            path.append(np.concatenate([inner.reshape(len(w0), -1), outer], axis=1))
            losses.append(_frozen_losses(X, y, slopes, inner, outer))
    return np.stack(path) - minimum.theta, np.stack(losses)


def _frozen_losses(
    X: np.ndarray, y: np.ndarray, slopes: np.ndarray, inner: np.ndarray, outer: np.ndarray
) -> np.ndarray:
    """Losses of all runs, shape (replicas,)."""
    hidden = slopes * (X @ np.swapaxes(inner, 1, 2))
    return 0.5 * np.mean((np.sum(hidden * outer[:, None, :], axis=2) - y) ** 2, axis=1)


def first_kinks(minimum: Minimum, true: np.ndarray) -> np.ndarray:
    """Find where an activation first differs from that at the minimum.

    Args:
        minimum: the minimum of a two-layer network.
        true: θ_t − θ*, shape (steps + 1, replicas, p).

    Returns:
        The step; −1 where there is none. Shape (replicas,).
    """
    pattern = _activations(minimum.theta, minimum.X) > 0
    with np.errstate(over="ignore", invalid="ignore"):
        changed = np.array([
            np.any((_activations(minimum.theta + w, minimum.X) > 0) != pattern, axis=(-2, -1)) for w in true
        ])
    return np.where(changed.any(axis=0), changed.argmax(axis=0), -1)


def _activations(theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Inner products <b_k, x_i>, shape (…, n, width)."""
    inner = theta[..., : WIDTH * X.shape[1]].reshape(*theta.shape[:-1], WIDTH, X.shape[1])
    return X @ np.swapaxes(inner, -1, -2)
