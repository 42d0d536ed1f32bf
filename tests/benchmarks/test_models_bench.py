"""Gram matrices of the models and the alignment from them, beside the products they consist of and the Jacobian.

Run with ``pytest -o addopts= tests/benchmarks``; each group holds our time and its references, nothing is asserted
about time. The reference of the two-layer network counts the three products X Xᵀ, D Dᵀ and S Sᵀ with D, S (n, width),
and neither the product that makes the pre-activations nor the making of D and S.
"""

import numpy as np
import pytest
from describing import describe
from isolated import seconds_and_peak

import simulate

TWO_LAYER = (
    "two-layer Gram and centred alignment n=1000, d=100, width=500: at most 2.5 x three products, 0.1 x Jacobian"
)
DEEP = "deep linear Gram n=1000, d=100, widths 50, 50: beside X Xᵀ and the Jacobian"
DIAGONAL = "diagonal linear Gram n=1000, d=1000: beside X Xᵀ and the Jacobian"


@pytest.fixture(scope="module", name="two_layer")
def _two_layer():
    """Network with both layers trained, its parameters, inputs and residuals of random labels."""
    model = simulate.TwoLayer(100, 500, slope=0.1, train_outer=True)
    X = simulate.gaussian_inputs(1000, simulate.isotropic(100))
    theta = model.init()
    return model, theta, X, model.predict(theta, X) - simulate.random_targets(1000)


@pytest.mark.benchmark(group=TWO_LAYER)
def test_two_layer_alignment(benchmark, two_layer):
    model, theta, X, residual = two_layer
    describe(benchmark, "two-layer alignment", n=1000, d=100, width=500, precision="float64")
    mu = benchmark(lambda: simulate.loss_alignment(model.gram(theta, X), residual, centred=True))
    assert mu > 0


@pytest.mark.benchmark(group=TWO_LAYER)
def test_two_layer_alignment_with_predictions(benchmark, two_layer):
    model, theta, X, residual = two_layer
    y = model.predict(theta, X) - residual

    def everything():
        return simulate.loss_alignment(model.gram(theta, X), model.predict(theta, X) - y, centred=True)

    assert benchmark(everything) > 0


@pytest.mark.benchmark(group=TWO_LAYER)
def test_reference_three_products(benchmark, two_layer):
    model, theta, X, _ = two_layer
    hidden = X @ theta[:50_000].reshape(500, 100).T
    D, S = np.where(hidden > 0, 1.0, 0.1) * theta[50_000:], np.where(hidden > 0, hidden, 0.1 * hidden)
    describe(benchmark, "two-layer alignment", "three products", "part", n=1000, d=100, width=500)
    products = benchmark(lambda: (X @ X.T, D @ D.T, S @ S.T))
    np.testing.assert_allclose(products[0] * products[1] + products[2], model.gram(theta, X), rtol=1e-10, atol=1e-10)


@pytest.mark.benchmark(group=TWO_LAYER)
def test_reference_jacobian(benchmark, two_layer):
    model, theta, X, residual = two_layer

    def through_the_jacobian():
        J = model.jacobian(theta, X)
        return J @ J.T

    describe(benchmark, "two-layer alignment", "our Jacobian and its product", "part")
    gram = benchmark.pedantic(through_the_jacobian, rounds=5)
    expected = simulate.loss_alignment(gram, residual, centred=True)
    assert simulate.loss_alignment(model.gram(theta, X), residual, centred=True) == pytest.approx(expected, rel=1e-10)


@pytest.mark.benchmark(
    group="two-layer alignment n=2000, d=100, width=10000 (peak memory of the process in extra_info)"
)
@pytest.mark.parametrize("activation", ["leaky_relu", "smooth"])
def test_memory_of_a_wide_network(benchmark, activation):
    network = f"""
import time, simulate
model = simulate.TwoLayer(100, 10_000, slope=0.1, activation={activation!r}, train_outer=True)
X, theta = simulate.gaussian_inputs(2000, simulate.isotropic(100)), model.init()
start = time.perf_counter()
residual = model.predict(theta, X) - simulate.random_targets(2000)
simulate.loss_alignment(model.gram(theta, X), residual, centred=True)
print(time.perf_counter() - start)
"""
    seconds, gigabytes = benchmark.pedantic(seconds_and_peak, args=(network,), rounds=1)
    benchmark.extra_info.update(seconds=seconds)
    sizes = {"n": 2000, "d": 100, "width": 10_000}
    describe(benchmark, f"a wide network, {activation}, process and all", **sizes, peak_gigabytes=gigabytes)
    assert gigabytes < 0.5


def _problem(group):
    """Model and inputs of a group of linear networks."""
    model = simulate.DeepLinear(100, (50, 50)) if group == DEEP else simulate.DiagonalLinear(1000)
    return model, model.init(), simulate.gaussian_inputs(1000, simulate.isotropic(model.d))


LINEAR = pytest.mark.parametrize(
    "group",
    [pytest.param(group, marks=pytest.mark.benchmark(group=group)) for group in (DEEP, DIAGONAL)],
    ids=["deep", "diagonal"],
)


@LINEAR
def test_linear_network_gram(benchmark, group):
    model, theta, X = _problem(group)
    describe(benchmark, group.partition(":")[0], n=1000, d=model.d, precision="float64")
    benchmark(model.gram, theta, X)


@LINEAR
def test_reference_product(benchmark, group):
    X = _problem(group)[2]
    describe(benchmark, group.partition(":")[0], "X Xᵀ", "part", n=1000, d=X.shape[1])
    benchmark(lambda: X @ X.T)


@LINEAR
def test_reference_jacobian_of_linear_network(benchmark, group):
    model, theta, X = _problem(group)

    def through_the_jacobian():
        J = model.jacobian(theta, X)
        return J @ J.T

    describe(benchmark, group.partition(":")[0], "our Jacobian and its product", "part", n=1000, d=model.d)
    gram = benchmark.pedantic(through_the_jacobian, rounds=5)
    np.testing.assert_allclose(model.gram(theta, X), gram, rtol=1e-10, atol=1e-10 * np.abs(gram).max())
