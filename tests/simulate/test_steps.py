"""Steps that a device takes without waiting for the host: the same path, the same end, and no question in between."""

from __future__ import annotations

import gc
import signal
import threading
import weakref

import array_api_compat
import array_api_strict
import numpy as np
import pytest

import simulate
from simulate import networks
from simulate.networks import Outcome
from simulate.networks.steps import MOST_PENDING, Steps

DEVICE = array_api_strict.Device("device1")
NETWORKS = {
    "dense": lambda: networks.fully_connected((16,), widths=(8,)),
    "convolutional": lambda: networks.convolutional((1, 4, 4), channels=(2,), hidden=3),
    "residual": lambda: networks.resnet(8, (1, 4, 4)),
    "two outputs": lambda: networks.fully_connected((16,), widths=(8,), outputs=2),
}


def there(array):
    return array_api_strict.asarray(array, device=DEVICE)


def problem(network, n=40):
    rng = np.random.default_rng(5)
    y = rng.choice([-1.0, 1.0], (n,) if network.outputs == 1 else (n, network.outputs))
    return network.init(0), rng.standard_normal((n, *network.shape)), y


def queued(network, arrays, lr=0.01, limit=np.inf):
    theta, X, y = arrays
    return Steps(network, array_api_strict, theta, X, y, lr, limit)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_asks_nothing_of_the_device_and_brings_nothing_to_it(name, monkeypatch):
    network = NETWORKS[name]()
    theta, X, y = map(there, problem(network))
    steps, rows = queued(network, (theta, X, y)), there(np.arange(7))
    steps.take(rows)

    def refuse(*arguments, **named):
        raise AssertionError("a step must not wait for the device, nor copy from the host")

    for question in ("__bool__", "__float__", "__int__", "__index__", "__complex__", "__array__"):
        monkeypatch.setattr(type(theta), question, refuse, raising=False)
    # CuPy's concat sends a list of addresses to the card, which a captured graph would not send again.
    for function in ("concat", "stack", "from_dlpack", "nonzero"):
        monkeypatch.setattr(array_api_strict, function, refuse)
    # CuPy's products cannot be captured: those of a step go through the namespace that it is given.
    for product in ("__matmul__", "__rmatmul__", "__imatmul__"):
        monkeypatch.setattr(type(theta), product, refuse)
    for product in ("tensordot", "vecdot"):
        monkeypatch.setattr(array_api_strict, product, refuse)
    kind, asarray = type(theta), array_api_strict.asarray
    monkeypatch.setattr(
        array_api_strict, "asarray", lambda x, **named: asarray(x, **named) if isinstance(x, kind) else refuse()
    )
    steps.take(rows)
    monkeypatch.undo()
    losses, all_taken = steps.settle()
    assert len(losses) == 2
    assert all_taken
    assert losses[1] != losses[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_stay_in_the_same_array(name):
    network = NETWORKS[name]()
    theta0, X, y = problem(network)
    theta = theta0.copy()
    steps = Steps(network, array_api_compat.array_namespace(theta), theta, X, y, 0.01, np.inf)
    steps.take(np.arange(5))
    loss, gradient = network.loss_and_gradient(theta0, X[:5], y[:5])
    np.testing.assert_array_equal(theta, theta0 - 0.01 * gradient)
    assert steps.settle() == ([pytest.approx(loss, rel=1e-14)], True)


@pytest.mark.parametrize("size", [3, 8])
def test_the_limit_is_one_of_the_loss_of_a_minibatch(size):
    network = NETWORKS["dense"]()
    theta0, X, y = problem(network)
    rows = np.arange(size)
    loss = network.loss(theta0, X[rows], y[rows])
    for limit, taken in ((loss * 0.999, False), (loss * 1.001, True)):
        steps = queued(network, list(map(there, (theta0, X, y))), limit=limit)
        steps.take(there(rows))
        losses, all_taken = steps.settle()
        assert losses == [pytest.approx(loss, rel=1e-12)]
        assert all_taken is taken


def test_what_follows_divergence_changes_nothing():
    network = NETWORKS["dense"]()
    theta, X, y = map(there, problem(network))
    steps = queued(network, (theta, X, y), lr=1.0, limit=50.0)
    before = []
    for first in range(0, 40, 4):
        before.append(simulate.to_host(theta).copy())
        steps.take(there(np.arange(first, first + 4)))
    assert steps.pending == 10
    losses, all_taken = steps.settle()
    assert not all_taken
    assert not losses[-1] <= 50.0
    assert all(loss <= 50.0 for loss in losses[:-1])
    assert 1 < len(losses) < 10
    # The step that was refused, and those queued behind it, left the parameters alone.
    np.testing.assert_array_equal(simulate.to_host(theta), before[len(losses) - 1])
    assert np.isfinite(simulate.to_host(theta)).all()


@pytest.mark.parametrize("lr", [0.3, 3.0, 1e30])
def test_host_and_a_device_that_runs_ahead_stop_where_a_loop_that_looks_at_every_loss_does(lr):
    network = NETWORKS["dense"]()
    theta0, X, y = problem(network)
    theta, taken, epoch = _looking_at_every_loss(network, theta0, X, y, lr)
    for move in (lambda array: array, there):
        found = networks.train(network, *map(move, (theta0, X, y)), lr, batch=2, epochs=30)
        assert found.outcome is Outcome.DIVERGED
        assert found.steps == taken
        assert found.message.startswith(f"diverged at step {taken} (epoch {epoch}): the loss of a minibatch was ")
        np.testing.assert_allclose(simulate.to_host(found.theta), theta, rtol=1e-6)


def _looking_at_every_loss(network, theta, X, y, lr):
    """Parameters, steps and epoch when the loss of a minibatch first passes 10⁴ times that of the start or of 0."""
    limit = 1e4 * max(network.loss(theta, X, y), np.mean(y**2) / 2)
    taken = 0
    for epoch in range(1, 31):
        for rows in networks.training_minibatches(len(X), 2, epoch):
            with np.errstate(all="ignore"):
                loss, gradient = network.loss_and_gradient(theta, X[rows], y[rows])
            if not loss <= limit:
                return theta, taken, epoch
            theta, taken = theta - lr * gradient, taken + 1
    raise AssertionError("expected to diverge")


def test_nothing_is_kept_of_a_training_that_is_over():
    network = NETWORKS["dense"]()
    theta0, X, y = problem(network)
    made = []
    with pytest.MonkeyPatch.context() as patch:
        init = Steps.__init__
        patch.setattr(Steps, "__init__", lambda self, *a: (made.append(weakref.ref(self)), init(self, *a))[1])
        gc.disable()
        try:
            networks.train(network, theta0, X, y, 0.01, batch=4, epochs=1)
            assert [reference() for reference in made] == [None]
        finally:
            gc.enable()


def test_epochs_longer_than_what_may_be_pending():
    network = NETWORKS["dense"]()
    theta0, X, y = problem(network, n=2 * MOST_PENDING + 9)
    expected = networks.train(network, theta0, X, y, 0.002, batch=1, epochs=2)
    found = networks.train(network, *map(there, (theta0, X, y)), 0.002, batch=1, epochs=2)
    assert found.steps == expected.steps == 2 * len(X)
    np.testing.assert_allclose(simulate.to_host(found.theta), expected.theta, rtol=1e-10, atol=1e-13)
    for name in ("minibatch_loss", "loss"):
        np.testing.assert_allclose(found.column(name), expected.column(name), rtol=1e-10)


def test_an_interruption_keeps_the_steps_that_were_queued(tmp_path, monkeypatch, interrupt_key):
    assert threading.current_thread() is threading.main_thread()
    network = NETWORKS["dense"]()
    theta0, X, y = problem(network)
    arrays, settings = [there(array) for array in (theta0, X, y)], {"lr": 0.005, "batch": 4, "epochs": 3}
    expected = networks.train(network, *arrays, **settings)
    step, taken = network.gradient_unchecked, []

    def interrupted(*arguments):
        taken.append(1)
        if len(taken) == 16:
            signal.raise_signal(signal.SIGINT)
        return step(*arguments)

    monkeypatch.setattr(network, "gradient_unchecked", interrupted)
    with pytest.raises(networks.TrainingInterrupted) as raised:
        networks.train(network, *arrays, **settings, checkpoint=tmp_path / "kept")
    assert raised.value.training.steps == 16
    assert networks.load_checkpoint(tmp_path / "kept").step == 6
    resumed = networks.train(
        network, *map(there, (theta0, X, y)), 0.005, batch=4, epochs=3, checkpoint=tmp_path / "kept"
    )
    np.testing.assert_array_equal(simulate.to_host(resumed.theta), simulate.to_host(expected.theta))
    assert resumed.column("minibatch_loss").tolist()[1:] == expected.column("minibatch_loss").tolist()[1:]


def test_a_checkpoint_after_every_step_has_every_step(tmp_path, monkeypatch):
    network, steps = NETWORKS["dense"](), []
    theta0, X, y = map(there, problem(network))
    save = networks.training.save_checkpoint
    monkeypatch.setattr(
        networks.training, "save_checkpoint", lambda path, state: (steps.append(state.step), save(path, state))
    )
    networks.train(network, theta0, X, y, 0.005, batch=10, epochs=1, checkpoint=tmp_path / "kept", every=0)
    assert steps[:4] == [1, 2, 3, 4]
