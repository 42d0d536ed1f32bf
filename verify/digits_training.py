"""Two-layer networks trained on digits by SGD: alignment on the way from initialisation to interpolation.

SGD with batch 1 and a constant learning rate, half the largest one at which no single sample's step overshoots at
initialisation, 1/max_i K_ii. The loss is looked at in steps that grow with the run, and the parameters are kept where
it is first seen at or below each level. Both alignments are quotients in which the residual's size cancels; what limits
them near interpolation is the rounding error of the residual, which is measured.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

import simulate
from simulate import streams

INTERPOLATION = 1e-6
"""Loss at which a network is said to interpolate; the labels are ±1, so the loss of predicting 0 is ½."""
LEVELS = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5, INTERPOLATION)
START, DURING, END = "initialisation", "training, loss 0.01", "interpolation, loss 1e-6"
STAGES = {math.inf: START, 0.01: DURING, INTERPOLATION: END}
"""Stages at which the directional alignment is measured, by their level."""
_LOOKS_PER_FACTOR_E = 20


class Training(NamedTuple):
    """What a profile spends on training.

    Attributes:
        images: number of images; None for all.
        width: neurons of each network.
        initialisations: number of random initialisations of each network.
        epochs: after so many passes over the images a run ends wherever it is.
    """

    images: int | None
    width: int
    initialisations: int
    epochs: int


PROFILES = {"quick": Training(300, 128, 3, 3000), "full": Training(None, 256, 6, 3000)}


class Checkpoint(NamedTuple):
    """A network at one moment of its training.

    Attributes:
        model: its name.
        initialisation: number of the initialisation.
        stage: name of the stage, "" between stages.
        level: loss that was waited for; infinite at the start.
        reached: whether it was reached.
        steps: steps of SGD so far.
        loss: L(θ).
        alignment: μ with Σ₁.
        alignment_centred: μ with Σ.
        rounding: relative rounding error of the residual, at most about.
        eigenvalues: λ_k of G, descending; empty between stages.
        uncentred: g along each eigenvector, with Σ₁.
        centred: g with Σ.
    """

    model: str
    initialisation: int
    stage: str
    level: float
    reached: bool
    steps: int
    loss: float
    alignment: float
    alignment_centred: float
    rounding: float
    eigenvalues: np.ndarray
    uncentred: np.ndarray
    centred: np.ndarray


def train(seed: int, training: Training, item: tuple[str, float, int]) -> list[Checkpoint]:
    """Train one network, and measure alignment at every level of the loss.

    Args:
        seed: the run's seed.
        training: what is spent.
        item: name of the network, slope of its activation and number of the initialisation.

    Returns:
        A checkpoint for the start and for each level; the last parameters for levels that were not reached.
    """
    name, slope, number = item
    X, y = simulate.digits(n=training.images, seed=streams.generator(seed, "digits"))
    model = simulate.TwoLayer(X.shape[1], training.width, slope=slope, train_outer=True)
    theta = model.init(seed=streams.generator(seed, "digits: trained network", (name,), number))
    rate = 0.5 / float(np.max(np.diagonal(model.gram(theta, X))))
    checkpoints = [_measure(name, number, model, X, y, theta, 0, math.inf)]
    left, steps, most = list(LEVELS), 0, training.epochs * len(X)
    while left and steps < most:
        # A fresh stream of the same name: the run goes on where it was.
        stream = streams.generator(seed, "digits: minibatches", (name,), number)
        count = min(most - steps, max(len(X) // 4, steps // _LOOKS_PER_FACTOR_E))
        record = simulate.Record(at=[count])
        run = simulate.sgd(model, theta, X, y, rate, count, seed=stream, first_step=steps, record=record, threads=1)
        theta, loss = np.asarray(run.theta)[0], float(run.values["loss"][-1, 0])
        steps += count
        while left and loss <= left[0]:
            checkpoints.append(_measure(name, number, model, X, y, theta, steps, left.pop(0)))
    return checkpoints + [_measure(name, number, model, X, y, theta, steps, level) for level in left]


def _measure(
    name: str,
    number: int,
    model: simulate.TwoLayer,
    X: np.ndarray,
    y: np.ndarray,
    theta: np.ndarray,
    steps: int,
    level: float,
) -> Checkpoint:
    """Measure alignment at a point; along the eigenvectors of G at the stages only."""
    gram, residual = np.asarray(model.gram(theta, X)), np.asarray(model.predict(theta, X)) - y
    loss = float(residual @ residual) / (2 * len(y))
    stage = STAGES.get(level, "")
    eigenvalues = uncentred = centred = np.empty(0)
    if stage:
        eigenvalues, uncentred = simulate.directional_alignment(gram, residual)
        _, centred = simulate.directional_alignment(gram, residual, centred=True)
    return Checkpoint(
        name,
        number,
        stage,
        level,
        loss <= level,
        steps,
        loss,
        simulate.loss_alignment(gram, residual),
        simulate.loss_alignment(gram, residual, centred=True),
        _rounding(model, theta, X, y, residual),
        eigenvalues,
        uncentred,
        centred,
    )


def _rounding(model: simulate.TwoLayer, theta: np.ndarray, X: np.ndarray, y: np.ndarray, residual: np.ndarray) -> float:
    """Bound the rounding error of the residual, relative to its root mean square: n terms of size s err by n ε s."""
    inner, outer = theta[: model.width * model.d].reshape(model.width, model.d), theta[model.width * model.d :]
    terms = np.abs(outer) @ (np.abs(inner) @ np.abs(X).T) + np.abs(y)
    error = (model.width + model.d) * np.finfo(np.float64).eps * float(terms.max())
    return error / float(np.sqrt(np.mean(residual**2)))
