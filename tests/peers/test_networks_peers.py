"""Whole networks against PyTorch in float64: gradients, gradients of each sample, products with Hessians, to 1e-10."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from functools import partial  # noqa: E402

import torch_networks as peers  # noqa: E402
from torch.func import grad, jvp, vmap  # noqa: E402

from simulate.networks import convolutional, fully_connected, resnet, vgg  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

PAIRS = {
    "FNN": (fully_connected(widths=(40, 30, 20)), partial(peers.fully_connected, widths=(40, 30, 20))),
    "CNN": (convolutional(channels=(8, 16), hidden=32), partial(peers.convolutional, channels=(8, 16), hidden=32)),
    "CNN, 3 outputs": (
        convolutional(channels=(5, 7), hidden=9, outputs=3),
        partial(peers.convolutional, channels=(5, 7), hidden=9, outputs=3),
    ),
    "VGG-13": (vgg(13, width=4), partial(peers.vgg, stages=((4, 4), (8, 8), (16, 16), (32, 32), (32, 32)))),
    "ResNet-20": (resnet(20, width=4), partial(peers.resnet, blocks=3, width=4)),
    "ResNet-38, 2 outputs": (resnet(38, width=2, outputs=2), partial(peers.resnet, blocks=6, width=2, outputs=2)),
}


@pytest.fixture(params=PAIRS, name="pair")
def _pair(request):
    """Our network, PyTorch's loss of one sample, parameters, inputs, targets and a direction."""
    network, function = PAIRS[request.param]
    rng = np.random.default_rng(5)
    theta = network.init(0) + 0.05 * rng.standard_normal(network.size)
    X, y = rng.standard_normal((6, 3, 32, 32)), rng.standard_normal((6, network.outputs))
    v = rng.standard_normal(network.size)

    def loss(parameters, image, target):
        return ((function(parameters, image[None])[0] - target) ** 2).sum() / 2

    shaped = y[:, 0] if network.outputs == 1 else y
    return network, loss, theta, X, y, shaped, v


def close(found, expected):
    expected = expected.numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-10 * np.abs(expected).max()


def test_gradients_of_each_sample(pair):
    network, loss, theta, X, y, shaped, _ = pair
    there = [torch.from_numpy(array) for array in (theta, X, y)]
    close(network.per_sample_gradients(theta, X, shaped), vmap(grad(loss), in_dims=(None, 0, 0))(*there))


def test_gradient_and_hessian(pair):
    network, loss, theta, X, y, shaped, v = pair
    there = [torch.from_numpy(array) for array in (X, y)]

    def mean_loss(parameters):
        return vmap(loss, in_dims=(None, 0, 0))(parameters, *there).mean()

    gradient, product = jvp(grad(mean_loss), (torch.from_numpy(theta),), (torch.from_numpy(v),))
    close(network.loss_and_gradient(theta, X, shaped)[1], gradient)
    close(network.hessian_vector(theta, X, shaped, v), product)
