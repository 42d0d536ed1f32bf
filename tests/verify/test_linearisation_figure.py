"""The figure on linearisation: paths by their definitions, and a table that follows from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tiny_figures import undrawn

import simulate
from simulate import streams
from verify.figures import escape_paths, linearisation, linearisation_drawing, making
from verify.figures.escape_paths import DEEP, FROZEN, LEAKY, MODELS, SMOOTH, TEACHER

SETTINGS = linearisation.SIZES["tiny"]
SEED = 3


@pytest.fixture(scope="module")
def minima() -> dict[str, escape_paths.Minimum]:
    return {name: escape_paths.train(SEED, SETTINGS.d, SETTINGS.n, SETTINGS.factor, name) for name in MODELS}


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("linearisation")
    with undrawn():
        return making.make("linearisation", SEED, folder / "made", workers=1, size="tiny").table


def starts(minimum: escape_paths.Minimum, distance: float, count: int) -> np.ndarray:
    drawn = np.random.default_rng(0).standard_normal((count, minimum.theta.size))
    return distance * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.mark.parametrize("name", MODELS)
def test_training_ends_at_an_interpolating_minimum(minima, name):
    minimum = minima[name]
    model = escape_paths.build(name, SETTINGS.d)
    residual = model.predict(minimum.theta, minimum.X) - minimum.y
    J = model.jacobian(minimum.theta, minimum.X)
    assert np.abs(residual).max() < 1e-9
    assert np.linalg.norm(J.T @ residual) / SETTINGS.n <= escape_paths.GRADIENT
    np.testing.assert_allclose(minimum.jacobian, J)
    # The reduced Jacobian has the same Gram matrix.
    np.testing.assert_allclose(minimum.reduced @ minimum.reduced.T, J @ J.T, atol=1e-12 * np.linalg.norm(J) ** 2)
    assert minimum.rate == pytest.approx(SETTINGS.factor * minimum.threshold)
    assert simulate.escape_rate(minimum.reduced, minimum.threshold).rate == pytest.approx(1.0, abs=1e-6)
    assert minimum.edge == pytest.approx(2 / np.linalg.eigvalsh(J @ J.T / SETTINGS.n)[-1])
    assert np.isfinite(minimum.nearest_kink) == (name in {LEAKY, TEACHER})


def test_the_nearest_kink_is_where_an_activation_changes(minima):
    minimum = minima[TEACHER]
    d = SETTINGS.d
    inner = minimum.theta[: escape_paths.WIDTH * d].reshape(-1, d)
    distances = [[abs(b @ x) / np.linalg.norm(x) for b in inner] for x in minimum.X]
    assert minimum.nearest_kink == pytest.approx(np.min(distances))
    sample, neuron = np.unravel_index(np.argmin(distances), np.shape(distances))
    x = minimum.X[sample]
    across = -np.sign(inner[neuron] @ x) * minimum.nearest_kink * x / np.linalg.norm(x)
    moved = np.zeros((2, 1, minimum.theta.size))
    for number, share in enumerate((0.999, 1.001)):
        moved[number, 0, neuron * d : (neuron + 1) * d] = share * across
    assert escape_paths.first_kinks(minimum, moved).tolist() == [1]
    assert escape_paths.first_kinks(minimum, moved[:1]).tolist() == [-1]


def test_another_initialisation_ends_at_the_kinks_that_are_reported():
    steps, nearest, on = escape_paths.kinks_after_training(SEED, SETTINGS.d, SETTINGS.n, 1)
    assert steps > 0
    assert (on > 0) == (nearest < escape_paths.ON_KINK)
    assert escape_paths.kinks(SMOOTH, np.zeros(4), np.ones((2, 1))) == (np.inf, 0)


@pytest.mark.parametrize("name", MODELS)
def test_both_paths_follow_from_the_definition(minima, name):
    minimum, steps, first = minima[name], 12, 4
    w0 = starts(minimum, 1e-2, 2)
    paths = escape_paths.follow(SEED, minimum, w0, steps, first)
    model = escape_paths.build(name, SETTINGS.d)
    shared = LEAKY if name == FROZEN else name
    for r in range(2):
        stream = streams.generator(SEED, "linearisation: minibatches", (shared,))
        samples = simulate.minibatches(SETTINGS.n, 1, steps, stream, replica=first + r)[:, 0]
        w, theta = w0[r], minimum.theta + w0[r]
        for step, i in enumerate(samples, start=1):
            row = minimum.jacobian[i]
            w = w - minimum.rate * (row @ w + minimum.residual[i]) * row
            x = minimum.X[i : i + 1]
            residual = model.predict(theta, x) - minimum.y[i]
            theta = theta - minimum.rate * model.vjp(theta, x, residual)
            np.testing.assert_allclose(paths.linear[step, r], w, rtol=1e-8, atol=1e-12)
            if name != FROZEN:
                np.testing.assert_allclose(paths.true[step, r], theta - minimum.theta, rtol=1e-7, atol=1e-11)
                loss = np.mean((model.predict(theta, minimum.X) - minimum.y) ** 2) / 2
                assert paths.loss[step, r] == pytest.approx(loss, rel=1e-6)


def test_without_kinks_the_frozen_network_is_the_network(minima):
    minimum = minima[TEACHER]
    w0 = starts(minimum, 1e-3 * minimum.nearest_kink, 3)
    paths = escape_paths.follow(SEED, minimum, w0, 10, 0)
    assert (paths.first_kink == -1).all()
    samples = [
        simulate.minibatches(
            SETTINGS.n, 1, 10, streams.generator(SEED, "linearisation: minibatches", (TEACHER,)), replica=r
        )[:, 0]
        for r in range(3)
    ]
    true, loss = escape_paths.frozen_sgd(minimum, w0, np.stack(samples, axis=1))
    np.testing.assert_allclose(true, paths.true, rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(loss, paths.loss, rtol=1e-6)


def test_the_expected_loss_is_the_mean_over_samples(minima):
    minimum = minima[DEEP]
    J, n, p = minimum.jacobian, SETTINGS.n, minimum.theta.size
    moment = np.eye(p) * SETTINGS.shown**2 / p
    expected = linearisation.expected_losses(minimum, SETTINGS)
    for step in range(4):
        assert expected[step] == pytest.approx(np.trace(J.T @ J @ moment) / (2 * n), rel=1e-9)
        factors = [np.eye(p) - minimum.rate * np.outer(row, row) for row in J]
        moment = sum(A @ moment @ A.T for A in factors) / n


def test_where_linearisation_ends():
    difference = np.array([[0.0, 0.0, 0.0], [0.2, 0.05, 0.01], [0.05, np.nan, 0.1]])
    ones = np.ones((3, 3))
    distance = np.arange(9.0).reshape(3, 3)
    runs = linearisation.Compared(difference, distance, ones, 2 * ones, np.array([1, -1, 2]))
    assert linearisation.first_steps(runs).tolist() == [1, 2, -1]
    row = linearisation.end(LEAKY, 1e-3, runs)
    assert (row["ended"], row["kink_before"], row["step"]) == (2, 1, 1.5)
    assert row["distance"] == np.median([distance[1, 0], distance[2, 1]])
    assert row["kink_distance"] == np.median([distance[1, 0], distance[2, 2]])
    growing = np.exp(2 * 0.3 * np.arange(9.0))[:, None] * np.ones(2)
    np.testing.assert_allclose(linearisation.typical_growth(growing), 0.3)


def test_the_table_follows_from_the_runs(table, minima):
    for model in MODELS:
        rows = table[(table["kind"] == linearisation.END) & (table["model"] == model)]
        assert rows["perturbation"].tolist() == list(SETTINGS.distances)
        for row in rows.to_dict("records"):
            items = [linearisation.Item(model, row["perturbation"], first) for first in (0, SETTINGS.block)]
            blocks = [linearisation.measure(SEED, SETTINGS, minima, item) for item in items]
            steps = np.concatenate([linearisation.first_steps(block) for block in blocks])
            distances = np.concatenate([block.distance for block in blocks], axis=1)
            np.testing.assert_allclose(distances[0], row["perturbation"])
            ended = steps >= 0
            assert (row["replicas"], row["ended"]) == (SETTINGS.replicas, ended.sum())
            assert row["step"] == np.median(steps[ended])
            assert row["distance"] == pytest.approx(np.median(distances[steps[ended], np.flatnonzero(ended)]))
    shown = table[table["kind"] == linearisation.PATH]
    assert set(shown["model"]) == set(MODELS)
    assert (table["kind"] == linearisation.KINKS).sum() == SETTINGS.initialisations


def test_the_exponent_tells_a_fixed_distance_from_a_fixed_time(table):
    epsilon = np.array([1e-6, 1e-5, 1e-4, 1e-3])
    rows = pd.DataFrame({"perturbation": epsilon, "distance": 7 * epsilon})
    assert linearisation_drawing.exponent(rows) == pytest.approx(1.0)
    assert linearisation_drawing.exponent(rows.assign(distance=[0.3, 0.3, 0.3, 5.0])) == pytest.approx(0.0, abs=1e-12)
    text = linearisation_drawing.finding(table)
    for model in MODELS:
        assert model in text


def test_the_finding_says_which_distances_are_fixed():
    rows = []
    for model in MODELS:
        for epsilon in (1e-6, 1e-5, 1e-4):
            distance = 2 * epsilon if model == LEAKY else 0.3
            rows.append({
                "kind": linearisation.END, "model": model, "perturbation": epsilon, "step": 40.0, "distance": distance,
                "loss": distance**2,
            })  # fmt: skip
    text = linearisation_drawing.finding(pd.DataFrame(rows))
    assert f"does not depend on ε for {', '.join(model for model in MODELS if model != LEAKY)};" in text
    assert "leaky ReLU 2·10⁻⁶ and loss 4·10⁻¹² after 40 steps (exponent of ε 1.00)" in text
