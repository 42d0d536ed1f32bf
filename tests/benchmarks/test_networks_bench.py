"""Training steps and Gram matrices of networks, beside PyTorch where it is installed.

Run with ``tox -e peers`` or ``pytest -o addopts= tests/benchmarks/test_networks_bench.py``; nothing is asserted about
time. PyTorch gets its faster memory layout (channels last) and the same number of threads; float32 throughout. The
Gram matrices are compared before they are timed; their peak memory is that of a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import array_api_compat
import numpy as np
import pytest

from simulate.networks import convolutional, resnet

PEERS = Path(__file__).parents[1] / "peers"
BATCH, SAMPLES = 128, 2000
NETWORKS = {"CNN": convolutional, "ResNet-20": resnet}
STEP = "training step of {}, batch 128: at most 1.5 x PyTorch"
GRAM = f"Gram matrix of the CNN, n = {SAMPLES}: at least 5 x per-sample gradients by torch.func, a fifth of the memory"
has_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
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
    benchmark.group = STEP.format(name)

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
    benchmark.group = STEP.format(name)

    def step():
        optimiser.zero_grad()
        (((module(x) - y) ** 2).mean() / 2).backward()
        optimiser.step()

    step()
    benchmark(step)


def measured(code):
    """Run code in a process of its own: what it prints, and its peak memory in GB."""
    between = (
        "import resource, subprocess, sys; done = subprocess.run([sys.executable, '-c', sys.argv[1]], check=True, "
        "capture_output=True, text=True); print(done.stdout, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", between, code], capture_output=True, text=True, check=True)
    printed, peak = done.stdout.rsplit(maxsplit=1)
    return json.loads(printed), int(peak) * 1024 / 1e9


START = f"""
import json, sys, time
import numpy as np
from simulate.networks import convolutional
network = convolutional()
theta = network.init(0).astype(np.float32)
X = np.random.default_rng(0).standard_normal(({SAMPLES}, 3, 32, 32), dtype=np.float32)
"""
OURS = """
network.gram(theta, X[:2])
started = time.perf_counter()
K = network.gram(theta, X)
print(json.dumps([time.perf_counter() - started, float(np.linalg.norm(K)), float(K[3, 5])]))
"""
TORCH = f"""
sys.path.insert(0, {str(PEERS)!r})
import torch
from torch.func import grad, vmap
from torch_networks import convolutional as function
def output(theta, image): return function(theta, image[None])[0, 0]
there = torch.from_numpy(theta), torch.from_numpy(X)
each = vmap(grad(output), in_dims=(None, 0), chunk_size=250)
each(there[0], there[1][:2])
started = time.perf_counter()
J = each(*there)
K = J @ J.T
print(json.dumps([time.perf_counter() - started, float(torch.linalg.norm(K)), float(K[3, 5])]))
"""


@pytest.mark.benchmark(group=GRAM)
@pytest.mark.parametrize("route", [pytest.param(OURS, id="ours"), pytest.param(TORCH, id="torch", marks=has_torch)])
def test_gram(benchmark, route):
    (seconds, norm, entry), peak = benchmark.pedantic(measured, args=(START + route,), rounds=1)
    benchmark.extra_info.update(seconds=seconds, peak_gb=peak, norm=norm, entry=entry)


@has_torch
def test_gram_matrices_agree():
    ours, torch = (measured(START.replace(str(SAMPLES), "64") + route)[0] for route in (OURS, TORCH))
    assert ours[1:] == pytest.approx(torch[1:], rel=1e-4)
