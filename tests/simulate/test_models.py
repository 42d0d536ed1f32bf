"""Every model: closed forms against finite differences and dense references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate

MODELS = {
    "linear": simulate.Linear(5),
    "linear-1": simulate.Linear(1),
    "relu": simulate.TwoLayer(4, 7),
    "leaky": simulate.TwoLayer(4, 6, slope=0.3),
    "identity": simulate.TwoLayer(3, 5, slope=1.0),
    "smooth": simulate.TwoLayer(4, 6, slope=0.2, activation="smooth"),
    "smooth-0": simulate.TwoLayer(4, 6, activation="smooth"),
    "both": simulate.TwoLayer(4, 6, slope=0.1, train_outer=True),
    "both-smooth": simulate.TwoLayer(3, 4, slope=0.5, activation="smooth", train_outer=True),
    "one-neuron": simulate.TwoLayer(2, 1, slope=0.5),
    "given-outer": simulate.TwoLayer(3, 4, slope=0.5, outer=[1.0, -2.0, 0.0, 1e3]),
    "difference": simulate.DiagonalLinear(5),
    "product": simulate.DiagonalLinear(4, form="product"),
    "diagonal-1": simulate.DiagonalLinear(1),
    "one-layer": simulate.DeepLinear(4, ()),
    "two-layers": simulate.DeepLinear(5, (3,)),
    "deep": simulate.DeepLinear(4, [3, 5, 2]),
    "deep-wide": simulate.DeepLinear(3, [20, 20]),
    "deep-narrow": simulate.DeepLinear(6, [1, 1]),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys())
def model(request):
    return request.param


def _problem(model, n=9):
    X = simulate.gaussian_inputs(n, simulate.power_law(model.d, 0.5), seed=1)
    return model.init(seed=2), X


def _naive_outputs(model, theta, X):
    """f(x; θ) with a loop over samples and neurons."""
    if isinstance(model, simulate.Linear):
        return np.array([sum(t * x for t, x in zip(theta, row, strict=True)) for row in X])
    if isinstance(model, simulate.DiagonalLinear):
        alpha, beta = theta[: model.d], theta[model.d :]
        weights = alpha**2 - beta**2 if model.form == "difference" else alpha * beta
        return np.array([sum(w * x for w, x in zip(weights, row, strict=True)) for row in X])
    if isinstance(model, simulate.DeepLinear):
        return np.array([_forward(model, theta, x) for x in X])
    outputs = []
    for x in X:
        total = 0.0
        for k in range(model.width):
            z = float(np.dot(theta[k * model.d : (k + 1) * model.d], x))
            weight = model.outer[k] if model.outer is not None else theta[model.width * model.d + k]
            s = model.slope
            value = (
                (z if z > 0 else s * z) if model.activation == "leaky_relu" else s * z + (1 - s) * np.logaddexp(0, z)
            )
            total += weight * value
        outputs.append(total)
    return np.array(outputs)


def _forward(model, theta, x):
    """W_L (⋯ (W_1 x)), entry by entry."""
    weights, values = iter(theta), list(x)
    for width in (*model.widths, 1):
        values = [sum(next(weights) * value for value in values) for _ in range(width)]
    return values[0]


def test_predictions(model):
    theta, X = _problem(model)
    np.testing.assert_allclose(model.predict(theta, X), _naive_outputs(model, theta, X), rtol=1e-12, atol=1e-13)


def test_jacobian_by_finite_differences(model):
    theta, X = _problem(model)
    J, step = model.jacobian(theta, X), 1e-6
    assert J.shape == (9, model.size)
    for j in range(model.size):
        e = np.zeros(model.size)
        e[j] = step
        # Central differences are exact for the piecewise linear activations unless a kink lies in between.
        difference = (_naive_outputs(model, theta + e, X) - _naive_outputs(model, theta - e, X)) / (2 * step)
        np.testing.assert_allclose(J[:, j], difference, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(J).max()))


def test_gram_of_permuted_samples(model, backend):
    theta, X = _problem(model)
    order = np.random.default_rng(3).permutation(9)
    theta_device = backend.asarray(theta)
    K = simulate.to_host(model.gram(theta_device, backend.asarray(X)))
    permuted = simulate.to_host(model.gram(theta_device, backend.asarray(X[order])))
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_allclose(permuted, K[order][:, order], rtol=1e-12, atol=1e-13 * np.abs(K).max())


def test_arguments_are_not_changed(model):
    theta, X = _problem(model)
    v, w = np.cos(np.arange(model.size)), np.sin(np.arange(9))
    arguments = [x.copy() for x in (theta, X, v, w)]
    for x in (theta, X, v, w):
        x.flags.writeable = False
    results = [model.predict(theta, X), model.gram(theta, X), model.jvp(theta, X, v), model.vjp(theta, X, w)]
    results.append(model.jacobian(theta, X))
    for x, before in zip((theta, X, v, w), arguments, strict=True):
        np.testing.assert_array_equal(x, before)
        assert not any(np.shares_memory(x, result) for result in results)


def test_gram_is_the_product_of_jacobians(model, backend):
    theta, X = _problem(model)
    J = model.jacobian(theta, X)
    K = model.gram(backend.asarray(theta), backend.asarray(X))
    assert backend.owns(K)
    np.testing.assert_allclose(simulate.to_host(K), J @ J.T, rtol=1e-10, atol=1e-10 * np.abs(J @ J.T).max())


def test_products_with_the_jacobian(model, backend):
    theta, X = _problem(model)
    J = model.jacobian(theta, X)
    rng = np.random.default_rng(0)
    v, w = rng.standard_normal(model.size), rng.standard_normal(9)
    on_device = [backend.asarray(x) for x in (theta, X)]
    jv, jtw = model.jvp(*on_device, backend.asarray(v)), model.vjp(*on_device, backend.asarray(w))
    assert backend.owns(jv)
    assert backend.owns(jtw)
    scale = np.abs(J).max()
    np.testing.assert_allclose(simulate.to_host(jv), J @ v, rtol=1e-11, atol=1e-12 * scale)
    np.testing.assert_allclose(simulate.to_host(jtw), J.T @ w, rtol=1e-11, atol=1e-12 * scale)
    assert np.dot(w, simulate.to_host(jv)) == pytest.approx(np.dot(simulate.to_host(jtw), v), rel=1e-10)
    outputs, J_device = model.predict(*on_device), model.jacobian(*on_device)
    assert backend.owns(outputs)
    assert backend.owns(J_device)
    np.testing.assert_allclose(simulate.to_host(outputs), model.predict(theta, X), rtol=1e-12, atol=1e-13 * scale)
    np.testing.assert_allclose(simulate.to_host(J_device), J, rtol=1e-13, atol=1e-14 * scale)


def test_blocks_of_neurons_agree(monkeypatch):
    model = simulate.TwoLayer(4, 23, slope=0.1, train_outer=True)
    theta, X = _problem(model)
    v, w = np.cos(np.arange(model.size)), np.sin(np.arange(9))

    def everything():
        return model.predict(theta, X), model.gram(theta, X), model.jvp(theta, X, v), model.vjp(theta, X, w)

    whole = everything()
    monkeypatch.setattr("simulate.validation.BLOCK_ENTRIES", 40)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_gram_needs_no_jacobian_memory():
    # The Jacobian of this network would take 400 MB.
    import tracemalloc

    model = simulate.TwoLayer(50, 20_000)
    theta, X = model.init(), simulate.gaussian_inputs(50, simulate.isotropic(50))
    tracemalloc.start()
    model.gram(theta, X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


@given(st.floats(-700, 700, allow_subnormal=False), st.floats(0, 1), st.sampled_from(["leaky_relu", "smooth"]))
def test_derivatives_stay_in_their_range(z, slope, activation):
    model = simulate.TwoLayer(1, 1, slope=slope, activation=activation, outer=[1.0])
    low, high = model.derivative_range
    derivative = model.jacobian([1.0], [[z]])[0, 0] / z if z != 0 else low
    assert low - 1e-12 <= derivative <= high + 1e-12


@pytest.mark.parametrize(("z", "derivative"), [(1e-9, 1.0), (-1e-9, 0.25), (1e-300, 1.0), (-1e-300, 0.25)])
def test_the_corner_of_the_activation(z, derivative):
    model = simulate.TwoLayer(1, 1, slope=0.25, outer=[1.0])
    assert model.jacobian([z], [[1.0]])[0, 0] == derivative
    assert model.jacobian([0.0], [[1.0]])[0, 0] == 0.25


@given(st.floats(0, 1))
def test_positive_arguments_have_derivative_one_exactly(slope):
    assert simulate.TwoLayer(1, 1, slope=slope, outer=[1.0]).jacobian([2.0], [[1.0]])[0, 0] == 1


def test_large_arguments_do_not_overflow():
    model = simulate.TwoLayer(1, 1, activation="smooth", outer=[1.0])
    np.testing.assert_array_equal(model.predict([1.0], [[1e6], [-1e6]]), [1e6, 0.0])


def test_initial_parameters():
    model = simulate.TwoLayer(40, 60, train_outer=True)
    theta = model.init(seed=3)
    assert theta.shape == (model.size,) == (60 * 40 + 60,)
    assert theta.dtype == np.float64
    np.testing.assert_array_equal(theta, model.init(seed=3))
    assert not np.array_equal(theta, model.init(seed=4))
    # Mean squares of 2400 and 60 normal draws, within 6 standard deviations.
    assert abs(np.mean(theta[:2400] ** 2) * 40 - 1) < 6 * np.sqrt(2 / 2400)
    assert abs(np.mean(theta[2400:] ** 2) * 60 - 1) < 6 * np.sqrt(2 / 60)
    assert simulate.Linear(7).init().shape == (7,)
    stream = simulate.generator(0, "mine")
    assert not np.array_equal(simulate.Linear(7).init(stream), simulate.Linear(7).init(stream))


def test_default_outer_layer():
    model = simulate.TwoLayer(3, 4)
    np.testing.assert_array_equal(model.outer, [0.5, -0.5, 0.5, -0.5])
    assert model.size == 12
    assert simulate.TwoLayer(3, 4, train_outer=True).outer is None
    assert repr(model) == "TwoLayer(3, 4, slope=0, activation='leaky_relu', train_outer=False)"
    assert repr(simulate.Linear(2)) == "Linear(2)"


def test_float32_is_kept():
    for model in (simulate.Linear(3), simulate.TwoLayer(3, 4, slope=0.1), simulate.TwoLayer(3, 4, train_outer=True)):
        theta, X = model.init().astype(np.float32), np.ones((2, 3), dtype=np.float32)
        assert model.gram(theta, X).dtype == np.float32
        assert model.predict(theta, X).dtype == np.float32
        assert model.jvp(theta, X, theta).dtype == model.vjp(theta, X, X[:, 0]).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: simulate.Linear(0), "d"),
        (lambda: simulate.Linear(True), "d"),
        (lambda: simulate.TwoLayer(2, 0), "width"),
        (lambda: simulate.TwoLayer(0, 2), "d"),
        (lambda: simulate.TwoLayer(2, 2.0), "width"),
        (lambda: simulate.TwoLayer(2, -1), "width"),
        (lambda: simulate.TwoLayer(2, 2, slope=1.5), "slope"),
        (lambda: simulate.TwoLayer(2, 2, slope=-1e-9), "slope"),
        (lambda: simulate.TwoLayer(2, 2, slope=float("nan")), "slope"),
        (lambda: simulate.TwoLayer(2, 2, slope=True), "slope"),
        (lambda: simulate.TwoLayer(2, 2, activation="relu"), "activation"),
        (lambda: simulate.TwoLayer(2, 2, train_outer=1), "train_outer"),
        (lambda: simulate.TwoLayer(2, 2, outer=[1.0]), "outer"),
        (lambda: simulate.TwoLayer(2, 2, outer=[1.0, float("nan")]), "outer"),
        (lambda: simulate.TwoLayer(2, 2, train_outer=True, outer=[1.0, 1.0]), "outer"),
        (lambda: simulate.Linear(2).init(seed=-1), "seed"),
        (lambda: simulate.Linear(2).predict([1.0], [[1.0, 2.0]]), "theta"),
        (lambda: simulate.Linear(2).predict([[1.0, 2.0]], [[1.0, 2.0]]), "theta"),
        (lambda: simulate.Linear(2).predict([1.0, 2.0], [[1.0]]), "X"),
        (lambda: simulate.Linear(2).predict([1.0, 2.0], [1.0, 2.0]), "X"),
        (lambda: simulate.Linear(2).predict([1.0, 2.0], np.empty((0, 2))), "X"),
        (lambda: simulate.Linear(2).predict([1.0, float("nan")], [[1.0, 2.0]]), "theta"),
        (lambda: simulate.Linear(2).jvp([1.0, 2.0], [[1.0, 2.0]], [1.0]), "v"),
        (lambda: simulate.Linear(2).vjp([1.0, 2.0], [[1.0, 2.0]], [1.0, 2.0]), "w"),
        (lambda: simulate.TwoLayer(1, 1).gram([1.0, 2.0], [[1.0]]), "theta"),
        (lambda: simulate.TwoLayer(1, 1, train_outer=True).gram([1.0], [[1.0]]), "theta"),
        # Labels of the wrong length make residuals of the wrong length.
        (lambda: simulate.loss_alignment(simulate.TwoLayer(1, 1).gram([1.0], [[1.0], [2.0]]), [1.0]), "residual"),
    ],
)
def test_bad_arguments_are_refused(call, name):
    with pytest.raises(simulate.InputError, match=f"^{name}: expected [^\n]*, got [^\n]*$"):
        call()
