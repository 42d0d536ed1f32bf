"""Alignment on the digits through training: checkpoints by their definition, and what is said about them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import simulate
from simulate import streams
from verify import digits_training
from verify.claims import _digits_trained
from verify.digits_training import END, INTERPOLATION, LEVELS, STAGES, START, Training

SEED = 3
SETTINGS = Training(20, 16, 2, 4000)
NAME, SLOPE = "two-layer, leaky ReLU 0.1", 0.1


@pytest.fixture(scope="module")
def checkpoints() -> list[digits_training.Checkpoint]:
    return [c for number in (0, 1) for c in digits_training.train(SEED, SETTINGS, (NAME, SLOPE, number))]


def test_every_level_has_its_checkpoint(checkpoints):
    for number in (0, 1):
        run = [c for c in checkpoints if c.initialisation == number]
        assert [c.level for c in run] == [math.inf, *LEVELS]
        assert all(c.reached and c.loss <= c.level for c in run)
        steps = [c.steps for c in run]
        assert steps == sorted(steps)
        assert steps[0] == 0
        assert [c.stage for c in run if c.stage] == list(STAGES.values())
    assert {c.rounding < 1e-8 for c in checkpoints} == {True}


@pytest.mark.parametrize("stage", STAGES.values())
def test_checkpoints_follow_from_the_definition(checkpoints, stage):
    (found,) = [c for c in checkpoints if c.stage == stage and c.initialisation == 1]
    X, y = simulate.digits(n=SETTINGS.images, seed=streams.generator(SEED, "digits"))
    model = simulate.TwoLayer(64, SETTINGS.width, slope=SLOPE, train_outer=True)
    theta = model.init(seed=streams.generator(SEED, "digits: trained network", (NAME,), 1))
    J = model.jacobian(theta, X)
    rate = 0.5 / np.sum(J**2, axis=1).max()
    # The same path in one piece.
    stream = streams.generator(SEED, "digits: minibatches", (NAME,), 1)
    theta = simulate.sgd(model, theta, X, y, rate, found.steps, seed=stream).theta[0] if found.steps else theta
    J, r, n = model.jacobian(theta, X), model.predict(theta, X) - y, len(y)
    assert found.loss == pytest.approx(r @ r / (2 * n), rel=1e-8)
    # In the range of Jᵀ, the whole p×p matrices act like these n×n ones.
    _, singular, rows = np.linalg.svd(J, full_matrices=False)
    G, noise = np.diag(singular**2 / n), rows @ (J.T * r**2) @ J @ rows.T / n
    gradient = rows @ J.T @ r / n
    energy = r @ r / n
    assert found.alignment == pytest.approx(np.trace(noise @ G) / (energy * np.sum(G**2)), rel=1e-6)
    centred = noise - np.outer(gradient, gradient)
    assert found.alignment_centred == pytest.approx(np.trace(centred @ G) / (energy * np.sum(G**2)), rel=1e-6)
    np.testing.assert_allclose(found.eigenvalues, np.diagonal(G), rtol=1e-6)
    np.testing.assert_allclose(found.uncentred, np.diagonal(noise) / (energy * np.diagonal(G)), rtol=1e-4)
    np.testing.assert_allclose(found.centred, np.diagonal(centred) / (energy * np.diagonal(G)), rtol=1e-4, atol=1e-6)


def test_the_rounding_error_is_an_upper_bound():
    X, y = simulate.digits(n=SETTINGS.images, seed=streams.generator(SEED, "digits"))
    model = simulate.TwoLayer(64, SETTINGS.width, slope=SLOPE, train_outer=True)
    theta = model.init(0)
    exact = np.array([
        math.fsum(
            float(a) * max(z := math.fsum(float(p) * float(q) for p, q in zip(b, x, strict=True)), SLOPE * z)
            for b, a in zip(theta[: 64 * SETTINGS.width].reshape(-1, 64), theta[64 * SETTINGS.width :], strict=True)
        )
        for x in X
    ])
    targets = exact + 1e-6 * y
    residual = model.predict(theta, X) - targets
    bound = digits_training._rounding(model, theta, X, targets, residual)
    error = np.abs(residual + 1e-6 * y).max() / np.sqrt(np.mean(residual**2))
    assert error <= bound <= 1e5 * error + 1e-9


def test_a_run_that_is_too_short_says_so():
    found = digits_training.train(SEED, SETTINGS._replace(epochs=1), (NAME, SLOPE, 0))
    assert [c.level for c in found] == [math.inf, *LEVELS]
    assert not found[-1].reached
    assert found[-1].steps == SETTINGS.images
    assert "reached by 0 of 1 runs" in _digits_trained.headline(found)


def test_what_is_said_follows_from_the_checkpoints(checkpoints):
    evidence = _digits_trained.evidence(NAME, SETTINGS, checkpoints)
    ends = [c for c in checkpoints if c.stage == END]
    assert evidence.figures[END]["mu"] == [c.alignment for c in ends]
    g = np.concatenate([c.uncentred for c in ends])
    assert evidence.figures[END]["g_quantiles"]["1"] == g.max()
    share = np.mean((g >= 1 / 3) & (g <= 3))
    assert evidence.figures[END]["share_within_a_factor_3"] == pytest.approx(share)
    assert f"{START}: μ" in evidence.finding
    assert f"2 reach loss {INTERPOLATION:g}" in evidence.test
    table = _digits_trained.table(checkpoints)
    directions = table[(table["stage"] == END) & (table["initialisation"] == 0)]
    np.testing.assert_array_equal(directions["directional_alignment"], ends[0].uncentred)
    assert (table["k"] == 0).sum() == 2 * (len(LEVELS) + 1 - len(STAGES))
    plot = _digits_trained.loss_plot(checkpoints)
    assert plot.series[0]["y"][-1] == pytest.approx(np.mean([c.alignment for c in ends]))
    assert plot.series[0]["low"][-1] == min(c.alignment for c in ends)
    labels = [series["label"] for series in _digits_trained.direction_plot(NAME, checkpoints).series]
    assert labels == [*STAGES.values(), "perfect alignment"]
