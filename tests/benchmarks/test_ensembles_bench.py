"""Replica-steps of SGD: the kernels beside NumPy batched over replicas and JAX (vmap and scan, jitted, float64).

Run with ``pytest -o addopts= tests/benchmarks/test_ensembles_bench.py``; JAX takes part where it is installed (``tox -e
peers``). Each group holds one size; ratios of medians within a group are what counts. Nothing is asserted about time.
Every round takes as many steps as the parameter of its group says, on 1000 replicas; docs/speed.md has the bytes and
operations that the sizes imply.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from describing import describe

import simulate

REPLICAS, LR = 1000, 1e-3
SIZES = {  # n, d, batch, steps; at least this many times as fast as JAX
    "200, 50, 1": (200, 50, 1, 20_000, 12),
    "500, 200, 8": (500, 200, 8, 2000, 8),
    "1000, 1000, 8": (1000, 1000, 8, 400, 8),
}
NOTHING = simulate.Record(at=[], loss=False)


def _described(benchmark, X, batch, steps, by="noise-geometry", role=None, **facts):
    """The same path everywhere; a unit of work is a replica's step."""
    n, d = X.shape
    counted = {"flops": 4.0 * batch * d * REPLICAS * steps, "bytes": 8.0 * d * (n + 2 * REPLICAS)}
    describe(
        *(benchmark, "SGD ensemble, linear regression", by, role),
        n=n,
        d=d,
        batch=batch,
        replicas=REPLICAS,
        steps=steps,
        precision="float64",
        **{"work": REPLICAS * steps, **counted, **facts},
    )


def _group(name):
    n_d_batch, factor = name, SIZES[name][-1]
    return f"linear regression n, d, batch = {n_d_batch}: {factor} x JAX, 15 x NumPy, two threads 1.9 x one"


@pytest.fixture(params=SIZES, name="linear")
def _linear(request, benchmark):
    n, d, batch, steps, _ = SIZES[request.param]
    benchmark.group = _group(request.param)
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)), rng.standard_normal(n), batch, steps


@pytest.mark.parametrize("threads", [1, 2])
def test_kernel(benchmark, linear, threads):
    X, y, batch, steps = linear
    model = simulate.Linear(X.shape[1])
    theta0 = np.zeros(model.size)
    if threads == 2:
        _described(benchmark, X, batch, steps)
    else:
        _described(benchmark, X, batch, steps, role="variant", note="one thread")

    def run():
        return simulate.sgd(model, theta0, X, y, LR, steps, batch, replicas=REPLICAS, record=NOTHING, threads=threads)

    run()
    assert np.isfinite(benchmark(run).theta).all()


def test_reference_numpy(benchmark, linear):
    X, y, batch, steps = linear
    steps = max(1, steps // 200)
    _described(benchmark, X, batch, steps, "NumPy", aim=15, note="batched over replicas, fewer steps")
    rng = np.random.default_rng(1)

    def run():
        W = np.zeros((REPLICAS, X.shape[1]))
        for _ in range(steps):
            chosen = rng.integers(0, len(X), (REPLICAS, batch))
            rows = X[chosen]
            residual = np.einsum("rbd,rd->rb", rows, W) - y[chosen]
            W -= LR / batch * np.einsum("rb,rbd->rd", residual, rows)
        return W

    assert np.isfinite(benchmark(run)).all()


def test_reference_jax(benchmark, linear):
    X, y, batch, steps = linear
    jax = _jax()
    samples, targets = jax.numpy.asarray(X), jax.numpy.asarray(y)

    def update(w, chosen):
        rows = samples[chosen]
        return w - LR / batch * ((rows @ w - targets[chosen]) @ rows)

    model = simulate.Linear(X.shape[1])
    agreed = _agreement(jax, update, model, np.zeros(model.size), X, y, batch)
    _described(benchmark, X, batch, steps, "JAX", aim=12 if batch == 1 else 8, **agreed)

    def path(key, w0):
        def step(w, key):
            return update(w, jax.random.randint(key, (batch,), 0, len(samples))), None

        return jax.lax.scan(step, w0, jax.random.split(key, steps))[0]

    _run_jax(benchmark, jax, path, np.zeros((REPLICAS, X.shape[1])))


TWO_LAYER = "two-layer network, width 100, d = 50, batch 8, n = 1000, 20 steps: 5 x JAX"

# Forwards, and backwards by the inner weights: 2 + 2 operations an input, neuron and row.
TWO_LAYER_FACTS = {
    "n": 1000,
    "d": 50,
    "width": 100,
    "batch": 8,
    "replicas": REPLICAS,
    "steps": 20,
    "precision": "float64",
    "work": REPLICAS * 20,
    "flops": 4.0 * 8 * 50 * 100 * REPLICAS * 20,
    "bytes": 8.0 * (1000 * 50 + 2 * REPLICAS * 50 * 100),
}


@pytest.fixture(name="two_layer")
def _two_layer():
    rng = np.random.default_rng(0)
    return simulate.TwoLayer(50, 100, slope=0.1), rng.standard_normal((1000, 50)), rng.standard_normal(1000)


@pytest.mark.benchmark(group=TWO_LAYER)
def test_two_layer_kernel(benchmark, two_layer):
    model, X, y = two_layer
    theta0 = model.init()
    describe(benchmark, "SGD ensemble, two-layer network", **TWO_LAYER_FACTS)

    def run():
        return simulate.sgd(model, theta0, X, y, LR, 20, 8, replicas=REPLICAS, record=NOTHING, threads=2)

    run()
    assert np.isfinite(benchmark(run).theta).all()


@pytest.mark.benchmark(group=TWO_LAYER)
def test_two_layer_reference_jax(benchmark, two_layer):
    model, X, y = two_layer
    jax = _jax()
    samples, targets, outer = (jax.numpy.asarray(a) for a in (X, y, model.outer))

    def loss(weights, rows, labels):
        hidden = rows @ weights.T
        return 0.5 * jax.numpy.mean((jax.numpy.where(hidden > 0, hidden, 0.1 * hidden) @ outer - labels) ** 2)

    gradient = jax.grad(loss)

    def update(w, chosen):
        return w - LR * gradient(w, samples[chosen], targets[chosen])

    agreed = _agreement(jax, update, model, model.init().reshape(100, 50), X, y, 8)
    describe(benchmark, "SGD ensemble, two-layer network", "JAX", aim=5, **TWO_LAYER_FACTS, **agreed)

    def path(key, w0):
        def step(w, key):
            return update(w, jax.random.randint(key, (8,), 0, len(samples))), None

        return jax.lax.scan(step, w0, jax.random.split(key, 20))[0]

    _run_jax(benchmark, jax, path, np.tile(model.init().reshape(100, 50), (REPLICAS, 1, 1)))


def _jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed: no comparison with it")
    jax.config.update("jax_enable_x64", True)
    return jax


def _agreement(jax, update, model, w0, X, y, batch, steps=50):
    """JAX on the minibatches that our first replica draws ends where that does."""
    chosen = jax.numpy.asarray(simulate.minibatches(len(X), batch, steps))
    theirs = jax.lax.scan(lambda w, rows: (update(w, rows), None), jax.numpy.asarray(w0), chosen)[0]
    ours = simulate.sgd(model, np.ravel(w0), X, y, LR, steps, batch, record=NOTHING).theta[0]
    difference = float(np.abs(np.ravel(theirs) - ours).max() / np.abs(ours).max())
    assert difference < 1e-12
    return {"difference": difference, "tolerance": 1e-12}


def _run_jax(benchmark, jax, path, starts):
    compiled = jax.jit(jax.vmap(path))
    keys, starts = jax.random.split(jax.random.key(0), REPLICAS), jax.numpy.asarray(starts)
    compiled(keys, starts).block_until_ready()
    assert np.isfinite(np.asarray(benchmark(lambda: compiled(keys, starts).block_until_ready()))).all()


START = """
import time, numba
started = time.perf_counter()
import numpy as np, simulate
imported = time.perf_counter()
simulate.sgd(simulate.Linear(3), np.ones(3), np.eye(3), np.zeros(3), 0.1, 5)
print(imported - started, time.perf_counter() - imported)
"""


@pytest.mark.benchmark(
    group="first call in a new process, from the cache on disk: at most 0.3 s beyond importing Numba"
)
def test_warm_start(benchmark):
    simulate.sgd(simulate.Linear(3), np.ones(3), np.eye(3), np.zeros(3), 0.1, 5)
    seconds = []

    def start():
        found = subprocess.run(
            [sys.executable, "-c", START], capture_output=True, text=True, check=True, env=os.environ
        )
        seconds.append([float(part) for part in found.stdout.split()])

    benchmark.pedantic(start, rounds=5)
    benchmark.extra_info["import_simulate"], benchmark.extra_info["first_call"] = np.median(seconds, axis=0).tolist()
