"""Escape from minima of networks: against closed forms for linear ones, plain loops, and ``simulate.sgd``."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest

import simulate
from simulate.networks import convolutional, escape, escape_energy, fully_connected, top_eigenpairs


def sample(network, n=10, seed=0):
    """A minimum with loss 0, inputs and targets."""
    rng = np.random.default_rng(seed)
    theta = network.init(seed) + 0.1 * rng.standard_normal(network.size)
    X = rng.standard_normal((n, network.d))
    return theta, X, network.predict(theta, X)


def frame(network, k, seed=1):
    """Random orthonormal directions."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((network.size, k)))[0]


def test_gd_on_a_linear_network_is_a_power():
    """⟨u_i, θ_t − θ*⟩² = (1 − ηλ_i)^2t ⟨u_i, θ_0 − θ*⟩², and what lies beside the range of G stays."""
    network = fully_connected((12,), ())
    theta, X, y = sample(network, 5)
    pairs = top_eigenpairs(network, theta, X, y, 5, "hessian")
    lr = 2.2 / pairs.eigenvalues[0]
    run = escape_energy(network, theta, X, y, lr, 30, pairs.eigenvectors, method="gd", replicas=2, at=range(31))
    factors = (1 - lr * pairs.eigenvalues) ** (2 * run.times[:, None])
    np.testing.assert_allclose(run.energies, run.energies[0] * factors[:, None, :], rtol=1e-6, atol=1e-18)
    np.testing.assert_allclose(run.rest, np.broadcast_to(run.rest[0], run.rest.shape), rtol=1e-6)
    np.testing.assert_allclose(run.loss, 0.5 * run.energies @ pairs.eigenvalues, rtol=1e-5)
    assert (run.sharp(1)[-1] > 1e3 * run.sharp(1)[0]).all()


def test_gd_below_its_threshold_stays():
    network = fully_connected((12,), ())
    theta, X, y = sample(network, 5)
    pairs = top_eigenpairs(network, theta, X, y, 5)
    run = escape_energy(network, theta, X, y, 1.8 / pairs.eigenvalues[0], 60, pairs.eigenvectors, method="gd")
    assert run.sharp(5)[-1, 0] < run.sharp(5)[0, 0]
    assert run.times[0] == 0
    assert run.times[-1] == 60


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("method", ["sgd", "gd"])
def test_paths_are_those_of_a_plain_loop(method, outputs, monkeypatch):
    # Few minibatches drawn together, so that the path goes across such a piece.
    monkeypatch.setattr(escape, "_MINIBATCHES", 8)
    network = convolutional((1, 4, 4), (2,), 3, outputs, 0.1)
    theta, X, y = sample(network)
    U = frame(network, 3)
    run = escape_energy(network, theta, X, y, 0.05, 20, U, 4, method, 2, seed=9, perturbation=0.5, at=[0, 2, 20])
    batches = [simulate.minibatches(10, 4, 20, 9, replica=r) for r in range(2)]
    for r in range(2):
        path = theta + perturbations(network.size, 9, 2, 0.5)[r]
        for step in range(21):
            if step in (0, 2, 20):
                place = [0, 2, 20].index(step)
                away = path - theta
                np.testing.assert_allclose(run.energies[place, r], (U.T @ away) ** 2, rtol=1e-9)
                np.testing.assert_allclose(run.rest[place, r], away @ away - np.sum((U.T @ away) ** 2), rtol=1e-9)
                assert run.loss[place, r] == pytest.approx(network.loss(path, X, y), rel=1e-9)
            if step < 20:
                rows = batches[r][step] if method == "sgd" else np.arange(10)
                path = path - 0.05 * network.per_sample_gradients(path, X[rows], y[rows]).mean(axis=0)
        np.testing.assert_allclose(run.theta[r], path, rtol=1e-8, atol=1e-10)
    assert (run.diverged_at == -1).all()


def perturbations(size, seed, replicas, length):
    stream = simulate.generator(seed, "perturbation")
    drawn = [stream.standard_normal(size) for _ in range(replicas)]
    return [length * z / np.linalg.norm(z) for z in drawn]


def test_paths_are_those_of_the_engine_for_all_models():
    network = fully_connected((4,), (5,), slope=0.2)
    theta, X, y = sample(network)
    y = y + 0.1
    run = escape_energy(network, theta, X, y, 0.1, 40, frame(network, 2), 3, replicas=2, seed=5, perturbation=0.0)
    same = simulate.sgd(network, theta, X, y, 0.1, 40, batch=3, replicas=2, seed=5)
    np.testing.assert_allclose(run.theta, same.theta, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(run.loss, same.values["loss"], rtol=1e-8)
    same = simulate.gd(network, theta, X, y, 0.1, 40)
    run = escape_energy(network, theta, X, y, 0.1, 40, frame(network, 2), method="gd", perturbation=0.0)
    np.testing.assert_allclose(run.theta, same.theta, rtol=1e-10, atol=1e-12)


def test_sharp_and_flat_share_the_whole_distance():
    network = fully_connected((4,), (5,))
    theta, X, y = sample(network)
    run = escape_energy(network, theta, X, y, 0.05, 20, frame(network, 4), 2, replicas=3, perturbation=1e-3)
    for k in (1, 2, 4):
        np.testing.assert_allclose((run.sharp(k) + run.flat(k))[0], 1e-6, rtol=1e-8)
        np.testing.assert_allclose(run.sharp(k) + run.flat(k), run.energies.sum(axis=2) + run.rest, rtol=1e-12)
    np.testing.assert_array_equal(run.flat(4), run.rest)
    np.testing.assert_array_equal(run.sharp(2), run.energies[..., 0] + run.energies[..., 1])
    with pytest.raises(simulate.InputError, match="k: expected an integer >= 1 and <= 4"):
        run.sharp(5)


def test_all_directions_leave_nothing_beside_them():
    network = fully_connected((2,), (2,))
    theta, X, y = sample(network)
    run = escape_energy(network, theta, X, y, 0.1, 5, np.eye(network.size), 2, perturbation=1.0)
    assert run.rest.max() < 1e-28
    np.testing.assert_allclose(run.energies[-1, 0], (run.theta[0] - theta) ** 2)


def test_a_path_depends_on_the_seed_and_its_number_alone():
    network = fully_connected((4,), (5,))
    theta, X, y = sample(network)
    several, one, other = (
        escape_energy(network, theta, X, y, 0.1, 12, frame(network, 2), 2, replicas=replicas, seed=seed)
        for replicas, seed in ((3, 0), (1, 0), (1, 1))
    )
    assert np.array_equal(several.theta[0], one.theta[0])
    assert not np.array_equal(one.theta, other.theta)
    assert len({tuple(row) for row in several.theta.tolist()}) == 3


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_divergence_is_infinite_from_there_on(kind):
    network = fully_connected((4,), (5,))
    arrays = [array.astype(kind) for array in (*sample(network), frame(network, 2))]
    theta, X, y, U = arrays
    run = escape_energy(network, theta, X, y, 1e4, 200, U, 2, "gd", perturbation=1e-2, at=range(0, 201, 50))
    assert 0 <= run.diverged_at[0] < 200
    after = run.times > run.diverged_at[0]
    for record in (run.loss, run.rest, run.sharp(1)):
        assert np.isinf(record[after]).all()
    assert np.isfinite(run.loss[0]).all()
    assert np.isfinite(run.theta).all()


def test_another_library_and_device():
    network = convolutional((1, 4, 4), (2,), 3, 2)
    device = array_api_strict.Device("device1")
    given = (*sample(network), frame(network, 2))
    theta, X, y, U = (array_api_strict.asarray(array, device=device) for array in given)
    found = escape_energy(network, theta, X, y, 0.1, 6, U, 3, replicas=2, perturbation=0.1)
    theta, X, y, U = given
    expected = escape_energy(network, theta, X, y, 0.1, 6, U, 3, replicas=2, perturbation=0.1)
    assert found.theta.device == device
    np.testing.assert_allclose(simulate.to_host(found.theta), expected.theta, rtol=1e-10)
    np.testing.assert_allclose(found.energies, expected.energies, rtol=1e-9)
    np.testing.assert_allclose(found.rest, expected.rest, rtol=1e-9)


def test_single_precision_stays_single():
    network = fully_connected((4,), (5,))
    given = (*sample(network), frame(network, 2))
    runs = []
    for kind in (np.float32, np.float64):
        theta, X, y, U = (array.astype(kind) for array in given)
        runs.append(escape_energy(network, theta, X, y, 0.1, 10, U, 3, perturbation=0.1))
        assert runs[-1].theta.dtype == kind
    np.testing.assert_allclose(runs[0].energies, runs[1].energies, rtol=1e-2, atol=1e-7)


def test_progress_is_told():
    network = fully_connected((4,), (5,))
    theta, X, y = sample(network)
    told = []
    escape_energy(network, theta, X, y, 0.1, 4, frame(network, 1), 2, replicas=2, progress=told.append)
    assert told == [k / 8 for k in range(1, 9)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"directions": np.ones((22, 2))}, "directions: expected orthonormal columns"),
        ({"directions": np.eye(20)}, "directions: expected shape \\(22, 20\\)"),
        ({"directions": np.ones(22)}, "directions: expected shape \\(22, k\\)"),
        ({"theta_star": np.ones(20)}, "theta: expected shape"),
        ({"method": "adam"}, "method: expected 'sgd' or 'gd'"),
        ({"lr": 0.0}, "lr: expected"),
        ({"steps": -1}, "steps: expected"),
        ({"batch": 0}, "batch: expected"),
        ({"replicas": 0}, "replicas: expected"),
        ({"perturbation": -1.0}, "perturbation: expected"),
        ({"at": [11]}, "at: expected"),
        ({"seed": -1}, "seed: expected"),
        ({"y": np.zeros(5)}, "y: expected shape"),
    ],
)
def test_bad_arguments(arguments, message):
    network = fully_connected((5,), (3,))
    given = {"theta_star": network.init(0), "X": np.ones((6, 5)), "y": np.zeros(6), "lr": 0.1, "steps": 10}
    with pytest.raises(simulate.InputError, match=message):
        escape_energy(network, **{**given, "directions": np.eye(22)[:, :2], **arguments})
