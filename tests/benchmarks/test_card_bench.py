"""The heavy paths on a GPU, beside this machine's CPU and beside PyTorch on the same card.

Run with ``python -m pytest -o addopts= -m gpu tests/benchmarks/test_card_bench.py`` where there are a card and CuPy;
nothing is asserted about time. Times are between CUDA events that the host waits for; memory is what CuPy's pool took,
starting from an empty one. Peers' results are compared before they are timed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import array_api_compat
import numpy as np
import pytest
from describing import describe
from hot_paths import PATHS

import simulate
from simulate.kernels import loading
from simulate.kernels.cuda import graphs
from simulate.networks import alignment_spectrum, convolutional, resnet
from simulate.networks.steps import Steps

pytestmark = pytest.mark.gpu
BATCH, REPLICAS, REPLICAS_ON_CPU, STEPS = 128, 100_000, 2000, 100
PEERS = Path(__file__).parents[1] / "peers"
SGD_PATH = "SGD ensemble, linear regression"
SGD = PATHS[SGD_PATH]
NETWORKS = {"CNN": convolutional, "ResNet-20": resnet}
ENSEMBLES = "ensembles, n = 1000, d = 100, batch 8: a card at least 50 x the CPU, per replica"
STEP = "training step of {} on a card, batch 128: at most 1.5 x PyTorch"


class EventTimer:
    """Seconds between CUDA events on the current stream, which the host waits for."""

    def __init__(self) -> None:
        self._last = None
        self._seconds = 0.0

    def __call__(self) -> float:
        cuda = importlib.import_module("cupy").cuda
        event = cuda.Event()
        event.record()
        event.synchronize()
        if self._last is not None:
            # Summed here: milliseconds since long ago would be too coarse in float32.
            self._seconds += cuda.get_elapsed_time(self._last, event) / 1000
        self._last = event
        return self._seconds


by_events = pytest.mark.benchmark(timer=EventTimer())


@pytest.fixture(name="card")
def _card():
    """CuPy with an empty pool, on a stream that can be captured; all timed work runs there."""
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no CUDA device")
    cupy.get_default_memory_pool().free_all_blocks()
    with graphs.own_stream(cupy.empty(0)):
        yield cupy


def _describe(benchmark, cupy, path, **facts):
    """Say what was measured, where, and how much memory the pool took."""
    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    describe(benchmark, path, device=name, **facts)


def _note_memory(benchmark, cupy, more=0):
    """Record the pool's size, and that of others: pools never shrink by themselves, so that this is the peak."""
    benchmark.extra_info["pool_gigabytes"] = (cupy.get_default_memory_pool().total_bytes() + more) / 1e9


@by_events
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_matrix_product(benchmark, card, precision):
    size = 8192
    A, B = (card.random.standard_normal((size, size)).astype(precision) for _ in range(2))
    facts = {"flops": 2.0 * size**3, "precision": precision, "n": size}
    _describe(benchmark, card, "GEMM", by="CuPy", role="machine", **facts)
    benchmark(card.matmul, A, B)


@by_events
def test_copy(benchmark, card):
    source, target = card.ones(2**27), card.zeros(2**27)
    _describe(benchmark, card, "memory bandwidth", by="CuPy", role="machine", bytes=2.0 * source.nbytes)
    benchmark(card.copyto, target, source)


def _ensemble(replicas, device):
    X, y, model = _gaussian(1000, 100), simulate.random_targets(1000), simulate.Linear(100)
    nothing = simulate.Record(at=[], loss=False)
    arrays = [np.zeros(100), X, y]
    if device == "cuda":
        cupy = importlib.import_module("cupy")
        arrays = [cupy.asarray(array) for array in arrays]
    return lambda: simulate.sgd(model, *arrays, 1e-3, STEPS, 8, replicas=replicas, record=nothing, device=device)


def _gaussian(n, d):
    return simulate.gaussian_inputs(n, simulate.isotropic(d))


@pytest.mark.benchmark(group=ENSEMBLES, timer=EventTimer())
def test_ensemble(benchmark, card):
    if loading.available():
        few, on_cpu = _ensemble(64, "cuda")().theta, _ensemble(64, "cpu")().theta
        np.testing.assert_allclose(few.get(), on_cpu, atol=1e-10)
    benchmark.extra_info["note"] = "compared with the CPU" if loading.available() else "without Numba: not compared"
    sizes = {"n": 1000, "d": 100, "batch": 8, "replicas": REPLICAS, "steps": STEPS}
    counted = {"flops": SGD.flops(sizes), "bytes": SGD.bytes(sizes), "precision": "float64"}
    _describe(benchmark, card, SGD_PATH, work=REPLICAS, **counted, **sizes)
    benchmark(_ensemble(REPLICAS, "cuda"))
    _note_memory(benchmark, card)


@pytest.mark.benchmark(group=ENSEMBLES)
def test_reference_ensemble(benchmark, card):
    pytest.importorskip("numba")
    sizes = {"n": 1000, "d": 100, "batch": 8, "replicas": REPLICAS_ON_CPU, "steps": STEPS}
    describe(benchmark, SGD_PATH, "this machine's CPU", "peer", work=REPLICAS_ON_CPU, aim=50, **sizes)
    work = _ensemble(REPLICAS_ON_CPU, "cpu")
    work()
    benchmark(work)


@by_events
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_two_layer_gram(benchmark, card, precision):
    sizes = {"n": 10_000, "d": 100, "width": 5000}
    path = "two-layer Gram and centred μ"
    model = simulate.TwoLayer(sizes["d"], sizes["width"], slope=0.1, train_outer=True)
    X, y = _gaussian(sizes["n"], sizes["d"]), simulate.random_targets(sizes["n"])
    theta, X, y = (card.asarray(array, dtype=precision) for array in (model.init(), X, y))
    scale = 1 if precision == "float64" else 0.5
    facts = {"flops": PATHS[path].flops(sizes), "bytes": scale * PATHS[path].bytes(sizes), "precision": precision}
    _describe(benchmark, card, path, **facts, **sizes)

    def work():
        return simulate.loss_alignment(model.gram(theta, X), model.predict(theta, X) - y, centred=True)

    work()
    benchmark(work)
    _note_memory(benchmark, card)


def _images(cupy, network, count):
    rng = np.random.default_rng(0)
    theta = network.init(0).astype(np.float32)
    X, y = rng.standard_normal((count, 3, 32, 32), dtype=np.float32), rng.standard_normal(count, dtype=np.float32)
    return [cupy.asarray(array) for array in (theta, X, y)]


@by_events
@pytest.mark.parametrize("n", [10_000, 50_000])
def test_spectrum_of_resnet(benchmark, card, n):
    """Aim: under a minute for 10 000 images; within the card's memory for 50 000."""
    network = resnet(38)
    theta, X, y = _images(card, network, n)
    alignment_spectrum(network, theta, X[:64], y[:64])
    _describe(benchmark, card, "full-spectrum alignment of ResNet-38", n=n, precision="float32")
    benchmark.pedantic(alignment_spectrum, (network, theta, X, y), rounds=3 if n == 10_000 else 1)
    _note_memory(benchmark, card)


@by_events
@pytest.mark.parametrize("name", NETWORKS)
def test_step(benchmark, card, name):
    benchmark.group = STEP.format(name)
    network = NETWORKS[name]()
    theta, X, y = _images(card, network, BATCH)
    steps = Steps(network, array_api_compat.array_namespace(theta), theta, X, y, 1e-4, np.inf)
    rows = card.arange(BATCH)
    _describe_step(benchmark, card, name)

    def step():
        if steps.pending == steps.ahead:
            steps.settle()
        steps.take(rows)

    for _ in range(3):
        step()
    benchmark(step)
    _note_memory(benchmark, card, steps.pool_bytes)
    steps.close()


@by_events
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("name", NETWORKS)
def test_reference_step(benchmark, name, graph, monkeypatch):
    cupy, torch = pytest.importorskip("cupy"), pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no CUDA device")
    # Ours compute in float32; PyTorch's convolutions would in TF32.
    for module in (torch.backends.cudnn, torch.backends.cuda.matmul):
        monkeypatch.setattr(module, "allow_tf32", False)
    sys.path.insert(0, str(PEERS))
    from torch_modules import CNN, ResNet20

    benchmark.group = STEP.format(name)
    network = NETWORKS[name]()
    theta, X, y = _images(cupy, network, BATCH)
    module = {"CNN": CNN, "ResNet-20": ResNet20}[name]()
    module.load(torch.from_numpy(theta.get()))
    module = module.cuda().to(memory_format=torch.channels_last)
    x, targets = torch.from_dlpack(X).contiguous(memory_format=torch.channels_last), torch.from_dlpack(y)
    optimiser = torch.optim.SGD(module.parameters(), 1e-4)
    loss = ((module(x) - targets) ** 2).mean() / 2
    ours = network.loss(theta, X, y)
    difference = abs(float(loss.detach()) / ours - 1)
    assert difference < 1e-5
    facts = {"aim": 1 / 1.5, "difference": difference, "tolerance": 1e-5, "note": "channels last, no TF32"}
    _describe_step(benchmark, cupy, name, by="PyTorch, CUDA graph" if graph else "PyTorch", **facts)

    def step():
        optimiser.zero_grad(set_to_none=True)
        (((module(x) - targets) ** 2).mean() / 2).backward()
        optimiser.step()

    work = _graph_of(torch, step) if graph else step
    for _ in range(3):
        work()
    benchmark(work)


def _graph_of(torch, step):
    """Capture a step as PyTorch's documentation says, after some on another stream."""
    other = torch.cuda.Stream()
    other.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(other):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(other)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        step()
    return captured.replay


def _describe_step(benchmark, cupy, name, **facts):
    path = "training step of the CNN" if name == "CNN" else f"training step of {name}"
    counted = {"flops": PATHS[path].flops({"batch": BATCH}), "bytes": PATHS[path].bytes({"batch": BATCH})}
    _describe(benchmark, cupy, path, batch=BATCH, precision="float32", **counted, **facts)
