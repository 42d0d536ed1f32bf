"""Training steps and Gram matrices of networks, beside PyTorch where it is installed.

Run with ``tox -e peers`` or ``pytest -o addopts= tests/benchmarks/test_networks_bench.py``; nothing is asserted about
time. PyTorch gets its faster memory layout (channels last) and the same number of threads; float32 throughout. The
results are compared before they are timed; peak memory is that of a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import array_api_compat
import numpy as np
import pytest
from describing import OURS, describe
from hot_paths import PATHS
from isolated import seconds_and_memory

from simulate.networks import convolutional, resnet

PEERS = Path(__file__).parents[1] / "peers"
BATCH, SAMPLES = 128, 2000
NETWORKS = {"CNN": convolutional, "ResNet-20": resnet}
STEP = "training step of {}, batch 128: at most 1.5 x PyTorch"
GRAM = f"Gram matrix of the CNN, n = {SAMPLES}: at least 5 x per-sample gradients by torch.func, a fifth of the memory"
has_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
STEP_AIM, GRAM_AIM = 1 / 1.5, 5
xp = array_api_compat.array_namespace(np.empty(0))


@pytest.fixture(name="problem")
def _problem():
    """Images and targets."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((BATCH, 3, 32, 32), dtype=np.float32), rng.standard_normal(BATCH, dtype=np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_step(benchmark, name, problem):
    network = NETWORKS[name]()
    theta = network.init(0).astype(np.float32)
    _describe_step(benchmark, name)

    def step():
        gradient = network.gradient_unchecked(xp, theta, *problem)[1]
        gradient *= np.float32(1e-4)
        np.subtract(theta, gradient, out=theta)

    step()
    benchmark(step)


@has_torch
@pytest.mark.parametrize("name", NETWORKS)
def test_reference_step(benchmark, name, problem):
    import torch

    sys.path.insert(0, str(PEERS))
    from torch_modules import CNN, ResNet20

    torch.set_num_threads(os.cpu_count() or 1)
    module = {"CNN": CNN, "ResNet-20": ResNet20}[name]().to(memory_format=torch.channels_last)
    x = torch.from_numpy(problem[0]).contiguous(memory_format=torch.channels_last)
    y = torch.from_numpy(problem[1])
    optimiser = torch.optim.SGD(module.parameters(), 1e-4)
    _describe_step(
        benchmark, name, "PyTorch", aim=STEP_AIM, note="channels last", **_step_agreement(name, module, x, y)
    )

    def step():
        optimiser.zero_grad()
        (((module(x) - y) ** 2).mean() / 2).backward()
        optimiser.step()

    step()
    benchmark(step)


def _describe_step(benchmark, name, by=OURS, **facts):
    """Say what a step counts."""
    path = "training step of the CNN" if name == "CNN" else f"training step of {name}"
    counted = {"flops": PATHS[path].flops({"batch": BATCH}), "bytes": PATHS[path].bytes({"batch": BATCH})}
    benchmark.group = STEP.format(name)
    describe(benchmark, path, by, batch=BATCH, precision="float32", **counted, **facts)


def _step_agreement(name, module, x, y):
    """Compare the loss and the gradient's norm at our parameters; tests/peers compares whole gradients in float64."""
    import torch

    network = NETWORKS[name]()
    theta = network.init(0).astype(np.float32)
    module.load(torch.from_numpy(theta))
    loss = ((module(x) - y) ** 2).mean() / 2
    loss.backward()
    theirs = np.array([float(loss.detach()), sum(float((each.grad**2).sum()) for each in module.parameters()) ** 0.5])
    ours, gradient = network.loss_and_gradient(theta, np.ascontiguousarray(x.numpy()), y.numpy())
    difference = float(np.abs(np.array([ours, np.linalg.norm(gradient)]) / theirs - 1).max())
    assert difference < 1e-4
    return {"difference": difference, "tolerance": 1e-4}


START = f"""
import sys
import numpy as np
sys.path.insert(0, {str(PEERS)!r})
from simulate.networks import convolutional
network = convolutional()
theta = network.init(0).astype(np.float32)
X = np.random.default_rng(0).standard_normal(({SAMPLES}, 3, 32, 32), dtype=np.float32)
network.gram(theta, X[:2])
"""
CALLS = {OURS: "network.gram(theta, X)", "torch.func": "gram(theta, X)"}
# Two of PyTorch's rounds take minutes; with 8 of ours they give an interval.
ROUNDS = {OURS: 8, "torch.func": 2}


@pytest.mark.benchmark(group=GRAM)
@pytest.mark.parametrize("by", [OURS, pytest.param("torch.func", marks=has_torch)])
def test_gram(benchmark, by):
    network = convolutional()
    theta = network.init(0).astype(np.float32)
    X = np.random.default_rng(0).standard_normal((SAMPLES, 3, 32, 32), dtype=np.float32)
    route, compared = network.gram, {}
    if by != OURS:
        sys.path.insert(0, str(PEERS))
        from gram_by_gradients import gram as route

        few = X[:64]
        theirs = route(theta, few)
        difference = float(np.abs(network.gram(theta, few) - theirs).max() / np.abs(theirs).max())
        assert difference < 1e-4
        compared = {"difference": difference, "tolerance": 1e-4, "aim": GRAM_AIM}
    preparing = "" if by == OURS else "from gram_by_gradients import gram"
    memory = seconds_and_memory(f"{START}\n{preparing}\nbegin()\n{CALLS[by]}")
    del memory["seconds"]
    path = "Gram matrix of the CNN"
    counted = {"flops": PATHS[path].flops({"n": SAMPLES}), "bytes": PATHS[path].bytes({"n": SAMPLES})}
    describe(benchmark, path, by, n=SAMPLES, precision="float32", **counted, **compared, **memory)
    route(theta, X[:2])
    benchmark.pedantic(route, (theta, X), rounds=ROUNDS[by])
