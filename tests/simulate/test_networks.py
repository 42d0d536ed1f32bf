"""Layered networks: every derivative against central differences and dense Jacobians, on NumPy and a second library."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest

import simulate
from simulate.networks import Network, convolutional, fully_connected, resnet, vgg
from simulate.networks.blocks import Chain, Residual
from simulate.networks.convolution import Convolution
from simulate.networks.layers import Dense, Flatten, Rectifier, ToImages
from simulate.networks.pooling import AveragePool, GlobalAverage, MaxPool
from simulate.networks.scalars import Scale, Shift

STEP = 1e-6


def tail(*layers, shape=(2, 6, 6)):
    """A small network around the layers."""
    return Network([ToImages(shape), Convolution(3), *layers], shape)


NETWORKS = {
    "dense": lambda: fully_connected((5,), (7, 6)),
    "dense, leaky, 3 outputs": lambda: fully_connected((5,), (7, 6), 3, 0.1),
    "convolutional": lambda: convolutional((2, 8, 8), (3, 4), 5),
    "convolutional, odd sides, leaky, 2 outputs": lambda: convolutional((2, 9, 11), (3, 4), 5, 2, 0.3),
    "vgg, 2 outputs": lambda: vgg(11, (3, 32, 32), 1, 2),
    "resnet": lambda: resnet(8, (3, 8, 8), 3),
    "resnet, odd sides, 3 outputs": lambda: resnet(8, (3, 9, 9), 2, 3, 0.2),
    "average pool": lambda: tail(AveragePool(2), Flatten(), Dense(1)),
    "stride 3, no padding, 5 x 5": lambda: tail(Convolution(2, 5, 3, 0), Flatten(), Dense(1), shape=(2, 9, 9)),
    "1 x 1, stride 2": lambda: tail(Convolution(2, 1, 2, 0), Rectifier(0.5), GlobalAverage(), Dense(2)),
    "nested blocks": lambda: tail(
        Residual(Chain(Shift(), Residual(Chain(Convolution(3), Scale()))), Convolution(3, 1, 1, 0)),
        MaxPool(3),
        Flatten(),
        Dense(1),
    ),
}


@pytest.fixture(params=NETWORKS, name="case")
def _case(request):
    """A network, parameters at which nothing is zero, inputs and targets."""
    network = NETWORKS[request.param]()
    rng = np.random.default_rng(7)
    theta = network.init(1) + 0.1 * rng.standard_normal(network.size)
    X = rng.standard_normal((4, *network.shape))
    y = rng.standard_normal((4,) if network.outputs == 1 else (4, network.outputs))
    return network, theta, X, y, rng.standard_normal(network.size)


def close(found, expected, tolerance=1e-12):
    assert np.shape(found) == np.shape(expected)
    assert np.abs(found - expected).max() <= tolerance * max(np.abs(expected).max(), 1e-300)


def test_gradient_is_a_difference_quotient(case):
    network, theta, X, y, v = case
    loss, gradient = network.loss_and_gradient(theta, X, y)
    ends = [network.loss(theta + sign * STEP * v, X, y) for sign in (1, -1)]
    assert loss == network.loss(theta, X, y)
    close(gradient @ v, (ends[0] - ends[1]) / (2 * STEP), 1e-7)


def test_jacobian_is_a_difference_quotient(case):
    network, theta, X, _, v = case
    ends = [network.predict(theta + sign * STEP * v, X) for sign in (1, -1)]
    close((network.jacobian(theta, X) @ v).reshape(ends[0].shape), (ends[0] - ends[1]) / (2 * STEP), 1e-7)


def test_products_with_the_jacobian(case):
    network, theta, X, y, v = case
    J = network.jacobian(theta, X)
    residual = (network.predict(theta, X) - y).reshape(-1)
    close(network.jvp(theta, X, v).reshape(-1), J @ v)
    close(network.vjp(theta, X, residual.reshape(y.shape)), J.T @ residual)
    close(network.fisher_vector(theta, X, v), J.T @ (J @ v) / 4)
    close(network.loss_and_gradient(theta, X, y)[1], J.T @ residual / 4)
    outputs = network.outputs
    each = np.einsum("ico,ic->io", J.reshape(4, outputs, -1), residual.reshape(4, outputs))
    close(network.per_sample_gradients(theta, X, y), each)


def test_hessian_is_a_difference_quotient_of_gradients(case):
    network, theta, X, y, v = case
    ends = [network.loss_and_gradient(theta + sign * STEP * v, X, y)[1] for sign in (1, -1)]
    close(network.hessian_vector(theta, X, y, v), (ends[0] - ends[1]) / (2 * STEP), 1e-6)


def test_hessian_is_symmetric(case):
    network, theta, X, y, v = case
    w = np.random.default_rng(0).standard_normal(network.size)
    left = w @ network.hessian_vector(theta, X, y, v)
    close(left, v @ network.hessian_vector(theta, X, y, w), 1e-9)


@pytest.mark.parametrize("memory", [1, 20_000, 2**30])
def test_gram_in_any_number_of_passes(case, memory):
    network, theta, X, _, _ = case
    J = network.jacobian(theta, X)
    close(network.gram(theta, X, memory), J @ J.T)


@pytest.mark.parametrize("kind", ["_Features", "_Products", "_Chunks"])
@pytest.mark.parametrize("bias", [True, False])
def test_every_way_to_a_convolutions_share(monkeypatch, kind, bias):
    from simulate.networks import gram

    network = Network([ToImages((2, 5, 5)), Convolution(4, bias=bias), Rectifier(), Flatten(), Dense(2)], (2, 5, 5))
    rng = np.random.default_rng(0)
    theta, X = rng.standard_normal(network.size), rng.standard_normal((7, 2, 5, 5))
    choose = gram._share
    monkeypatch.setattr(
        gram,
        "_share",
        lambda layer, outputs: (
            getattr(gram, kind)(layer, outputs) if isinstance(layer, Convolution) else choose(layer, outputs)
        ),
    )
    # Blocks of a few samples and channels, so that several meet.
    monkeypatch.setattr(gram, "BLOCK_BYTES", 8 * 14 * 18 * 2 if kind == "_Chunks" else 8 * 160**2)
    J = network.jacobian(theta, X)
    close(network.gram(theta, X), J @ J.T)


def test_large_layers_choose_products_or_chunks():
    from simulate.networks.gram import _Chunks, _Features, _Products, _share

    kinds = {type(_share(leaf, 1)) for leaf in vgg(13).layers.leaves() if leaf.shapes}
    assert kinds == {_Chunks, _Features, _Products}


def test_tiles_change_nothing(case, monkeypatch):
    from simulate.networks import network as module

    network, theta, X, y, v = case
    before = network.predict(theta, X), network.loss_and_gradient(theta, X, y)[1]
    more = network.hessian_vector(theta, X, y, v), network.gram(theta, X), network.jacobian(theta, X)
    monkeypatch.setattr(module, "TILE_BYTES", 1)
    close(network.predict(theta, X), before[0])
    close(network.loss_and_gradient(theta, X, y)[1], before[1])
    close(network.hessian_vector(theta, X, y, v), more[0])
    close(network.gram(theta, X), more[1])
    close(network.jacobian(theta, X), more[2])


def test_another_library_and_device(case):
    """Strict arrays on a second device: nothing of NumPy's own, no silent copy to the host."""
    network, theta, X, y, v = case
    X, y = X[:2], y[:2]
    device = array_api_strict.Device("device1")

    def there(array):
        return array_api_strict.asarray(array, device=device)

    def check(found, expected):
        assert found.device == device
        close(simulate.to_host(found), expected, 1e-10)

    check(network.predict(there(theta), there(X)), network.predict(theta, X))
    loss, gradient = network.loss_and_gradient(there(theta), there(X), there(y))
    assert loss == pytest.approx(network.loss(theta, X, y), rel=1e-12)
    check(gradient, network.loss_and_gradient(theta, X, y)[1])
    check(network.hessian_vector(there(theta), there(X), there(y), there(v)), network.hessian_vector(theta, X, y, v))
    check(network.fisher_vector(there(theta), there(X), there(v)), network.fisher_vector(theta, X, v))
    check(network.gram(there(theta), there(X)), network.gram(theta, X))
    check(network.per_sample_gradients(there(theta), there(X), there(y)), network.per_sample_gradients(theta, X, y))


def test_single_precision_stays_single(case):
    network, theta, X, y, v = case
    small = [array.astype(np.float32) for array in (theta, X, y, v)]
    for found in (network.predict(*small[:2]), network.gram(*small[:2]), network.hessian_vector(*small)):
        assert found.dtype == np.float32
    close(network.loss_and_gradient(*small[:3])[1], network.loss_and_gradient(theta, X, y)[1], 1e-4)


def test_rows_are_images(case):
    network, theta, X, _, _ = case
    assert np.array_equal(network.predict(theta, X.reshape(4, -1)), network.predict(theta, X))


def test_a_permutation_of_samples_permutes_the_gram_matrix(case):
    network, theta, X, _, _ = case
    order = np.random.default_rng(0).permutation(4)
    rows = (order[:, None] * network.outputs + np.arange(network.outputs)).reshape(-1)
    close(network.gram(theta, X[order]), network.gram(theta, X)[np.ix_(rows, rows)])


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (fully_connected(), 918_529),
        (convolutional(), 543_937),
        (vgg(13, outputs=10), 9_410_122),
        (vgg(19, outputs=10), 20_029_514),
        (resnet(20, outputs=10), 268_393),
        (resnet(38), 558_157),
        (resnet(110), 1_719_553),
    ],
)
def test_sizes(network, size):
    """By hand: weights and biases of each layer as the architectures list them."""
    assert network.size == size == sum(int(np.prod(shape)) for shape in network.layers.shapes)


def test_fixup_starts_at_the_identity_and_at_zero():
    network = resnet(20, width=4)
    X = np.random.default_rng(0).standard_normal((3, 3, 32, 32))
    assert not network.predict(network.init(), X).any()


def test_initial_weights_keep_the_size_of_signals():
    """He et al.: the mean square of pre-activations is that of inputs, times 2, layer by layer."""
    network = fully_connected((400,), (400, 400, 400), outputs=400)
    X = np.random.default_rng(1).standard_normal((50, 400))
    # Three layers of gain 2 whose ReLUs halve, and one of gain 1 that meets halves only.
    assert np.mean(network.predict(network.init(3), X) ** 2) == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resnet(21), "depth: expected 6b \\+ 2, such as 20, 38 or 110, got 21"),
        (lambda: vgg(12), "depth: expected one of 11, 13, 16, 19, got 12"),
        (lambda: convolutional((3, 2, 2)), "pooling: expected images of at least 2 pixels"),
        (lambda: convolutional(channels=[0]), "channels: expected an integer >= 1"),
        (lambda: fully_connected(slope=2.0), "slope: expected"),
        (lambda: fully_connected((2, 2)), "shape: expected \\(channels, height, width\\) or \\(d,\\)"),
        (lambda: Network([Convolution(1, 5, 1, 0)], (3, 3, 3)), "Convolution: expected images of at least 5 pixels"),
        (lambda: Network([ToImages((1, 2, 2)), Convolution(1)], (1, 2, 2)), "layers: expected outputs that are vec"),
        (lambda: Network([Dense(3)], (1, 2, 2)), "Dense: expected inputs of one dimension"),
        (lambda: fully_connected((5,)).predict(np.zeros(3), np.zeros((2, 5))), "theta: expected shape"),
        (lambda: predict_at((2, 6)), "X: expected shape \\(n, 5\\) or \\(n, 5\\), got \\(2, 6\\)"),
        (lambda: predict_at((0, 5)), "X: expected shape"),
        (lambda: predict_at((2, 5), np.nan), "X: expected finite"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(simulate.InputError, match=message):
        call()


def predict_at(shape, value=0.0):
    network = fully_connected((5,), (2,))
    return network.predict(network.init(), np.full(shape, value))
