"""Training of networks: the same path as a plain loop, when it stops, and what it says."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

import simulate
from simulate import networks
from simulate.networks import Outcome


def problem(n=40, seed=0, dtype=np.float64):
    generator = simulate.generator(seed, "test training")
    X, y = generator.standard_normal((n, 16)), generator.choice([-1.0, 1.0], n)
    return X.astype(dtype), y.astype(dtype)


def small(outputs=1):
    return networks.fully_connected((16,), widths=(8,), outputs=outputs)


def plain(network, theta, X, y, lr, batch, epochs, seed, replacement=False):
    """The definition, written out for one hidden layer, with explicit derivatives."""
    theta, d = theta.copy(), X.shape[1]
    width = (theta.size - 1) // (d + 2)
    for epoch in range(1, epochs + 1):
        for rows in networks.training_minibatches(len(X), batch, epoch, seed, replacement):
            W, b = theta[: d * width].reshape(d, width), theta[d * width : (d + 1) * width]
            a, c = theta[(d + 1) * width : -1], theta[-1]
            Z = X[rows] @ W + b
            residual = np.maximum(Z, 0) @ a + c - y[rows]
            V = residual[:, None] * a * (Z > 0)
            parts = [(X[rows].T @ V).ravel(), V.sum(axis=0), np.maximum(Z, 0).T @ residual, [residual.sum()]]
            theta -= lr / len(rows) * np.concatenate(parts)
    return theta


@pytest.mark.parametrize("replacement", [False, True])
def test_the_path_is_that_of_a_plain_loop(replacement):
    (X, y), network = problem(), small()
    theta0 = network.init(1)
    found = networks.train(network, theta0, X, y, 0.01, batch=7, epochs=5, seed=3, replacement=replacement)
    expected = plain(network, theta0, X, y, 0.01, 7, 5, 3, replacement)
    np.testing.assert_allclose(found.theta, expected, rtol=1e-11, atol=1e-13)
    assert found.outcome is Outcome.EPOCHS
    assert (found.steps, len(found.history)) == (30, 6)
    assert found.loss == pytest.approx(network.loss(expected, X, y), rel=1e-10)
    np.testing.assert_array_equal(theta0, network.init(1))


def test_the_mean_of_an_epoch_is_that_of_its_minibatches_before_their_steps():
    (X, y), network = problem(n=10), small()
    theta, lr, expected = network.init(0), 0.01, 0.0
    for rows in networks.training_minibatches(10, 4, 1, seed=5):
        loss, gradient = network.loss_and_gradient(theta, X[rows], y[rows])
        theta, expected = theta - lr * gradient, expected + loss * len(rows) / 10
    found = networks.train(network, network.init(0), X, y, lr, batch=4, epochs=1, seed=5)
    assert found.history[1].minibatch_loss == pytest.approx(expected, rel=1e-12)


def test_minibatches_of_an_epoch():
    parts = networks.training_minibatches(10, 4, epoch=2, seed=1)
    assert [len(part) for part in parts] == [4, 4, 2]
    assert sorted(np.concatenate(parts)) == list(range(10))
    others = [np.concatenate(networks.training_minibatches(10, 4, *name)) for name in ((1, 1), (2, 0), (3, 1))]
    assert all(list(other) != list(np.concatenate(parts)) for other in others)
    again = networks.training_minibatches(10, 4, epoch=2, seed=1)
    assert all(np.array_equal(one, two) for one, two in zip(parts, again, strict=True))
    drawn = networks.training_minibatches(1000, 300, epoch=1, replacement=True)
    assert [len(part) for part in drawn] == [300] * 4
    counts = np.bincount(np.concatenate(drawn), minlength=1000)
    assert 250 < np.count_nonzero(counts == 0) < 350  # 1000 exp(−1.2) = 301


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_reaches_the_loss_in_the_type_of_the_inputs(dtype):
    X, y = problem(n=20, dtype=dtype)
    network = networks.fully_connected((16,), widths=(32,))
    found = networks.train(network, network.init(0), X, y.astype(np.float64), 0.05, batch=8, epochs=300)
    assert found.outcome is Outcome.REACHED
    assert found.theta.dtype == dtype
    assert found.loss <= 1e-4 < found.history[0].loss
    assert found.loss == pytest.approx(network.loss(found.theta, X, y), rel=1e-5)
    # The loss of all samples was computed near the end only.
    computed = ~np.isnan(found.column("loss"))
    means = found.column("minibatch_loss")
    assert np.array_equal(computed[1:], means[1:] <= 3 * 1e-4)
    assert found.message.startswith("reached 0.0001: loss ")
    assert np.all(np.diff(found.column("seconds")) >= 0)


def test_vector_outputs_train():
    (X, y), network = problem(n=20), small(outputs=2)
    found = networks.train(network, network.init(0), X, np.stack([y, -y], axis=1), 0.02, batch=5, until=1e-2)
    assert found.outcome is Outcome.REACHED


def test_other_array_libraries_give_the_same_path(backend):
    (X, y), network = problem(n=12), networks.convolutional((1, 4, 4), channels=(2,), hidden=3)
    theta0 = network.init(0)
    expected = networks.train(network, theta0, X, y, 0.01, batch=5, epochs=2)
    given = [backend.asarray(array) for array in (theta0, X, y)]
    found = networks.train(network, *given, 0.01, batch=5, epochs=2)
    assert backend.owns(found.theta)
    np.testing.assert_allclose(simulate.to_host(found.theta), expected.theta, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(simulate.to_host(given[0]), theta0)


def test_a_start_that_is_good_enough_takes_no_step():
    (X, y), network = problem(), small()
    found = networks.train(network, network.init(0), X, y, until=100.0)
    assert (found.outcome, found.steps, len(found.history)) == (Outcome.REACHED, 0, 1)
    none = networks.train(network, network.init(0), X, y, epochs=0)
    assert (none.outcome, none.steps) == (Outcome.EPOCHS, 0)
    np.testing.assert_array_equal(none.theta, network.init(0))


def test_divergence_is_reported_at_once_with_what_to_try():
    (X, y), network = problem(), small()
    found = networks.train(network, network.init(0), X, y, lr=10.0, batch=8)
    assert found.outcome is Outcome.DIVERGED
    assert found.steps < 10
    assert f"diverged at step {found.steps} (epoch 1)" in found.message
    assert "learning rate 10 seems too large: try 2.5" in found.message
    assert "\n" not in found.message


def test_a_network_that_died_is_not_trained_for_ever():
    (X, y), network = problem(n=8), small()
    theta = network.init(0)
    theta[16 * 8 : 17 * 8] = -1e3  # All units are off, so only the last bias moves.
    found = networks.train(network, theta, X, y, lr=0.1, batch=2)
    assert found.outcome is Outcome.DIVERGED
    assert 50 < found.history[-1].epoch < 200
    assert "better than a constant" in found.message


def test_observer_and_progress_hear_of_every_epoch():
    (X, y), network = problem(n=16), small()
    heard, fractions = [], []
    found = networks.train(
        network, network.init(0), X, y, 0.01, batch=4, epochs=4,
        observe=lambda record, theta: heard.append((record.epoch, theta.copy())),
        progress=fractions.append,
    )  # fmt: skip
    assert [epoch for epoch, _ in heard] == [1, 2, 3, 4]
    np.testing.assert_array_equal(heard[-1][1], found.theta)
    np.testing.assert_allclose(heard[1][1], plain(network, network.init(0), X, y, 0.01, 4, 2, 0), rtol=1e-11)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need the main thread")
@pytest.mark.usefixtures("interrupt_key")
def test_ctrl_c_leaves_a_state_of_the_training():
    (X, y), network = problem(n=16), small()

    def press(record, theta):
        if record.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(networks.TrainingInterrupted, match="interrupted after 12 steps") as caught:
        networks.train(network, network.init(0), X, y, 0.01, batch=4, epochs=50, observe=press)
    left = caught.value.training
    assert (left.outcome, left.steps) == (Outcome.INTERRUPTED, 12)
    np.testing.assert_allclose(left.theta, plain(network, network.init(0), X, y, 0.01, 4, 3, 0), rtol=1e-11)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0}, "lr: expected a finite real number > 0"),
        ({"batch": 41}, "batch: expected at most n = 40"),
        ({"until": -1.0}, "until: expected"),
        ({"epochs": 1.5}, "epochs: expected an integer"),
        ({"seed": -1}, "seed: expected an integer"),
        ({"replacement": 1}, "replacement: expected True or False"),
        ({"observe": 3}, "observe: expected a function"),
        ({"progress": "bar"}, "progress: expected a function"),
        ({"every": -1}, "every: expected"),
        ({"theta0": np.zeros(3)}, "theta: expected shape"),
        ({"y": np.zeros(3)}, "y: expected shape"),
        ({"X": np.full((40, 16), np.nan)}, "X: expected finite entries"),
        ({"network": simulate.Linear(16)}, "network: expected a simulate.networks.Network"),
        ({"checkpoint": 5}, "checkpoint: expected the name of a file"),
        ({"checkpoint": "no/such/folder/file"}, "checkpoint: expected a file in a folder that exists"),
    ],
)
def test_bad_arguments_are_refused_in_a_line(changed, message):
    (X, y), network = problem(), small()
    arguments = {"network": network, "theta0": network.init(0), "X": X, "y": y} | changed
    with pytest.raises(simulate.InputError, match=message) as caught:
        networks.train(**arguments)
    assert "\n" not in str(caught.value)
