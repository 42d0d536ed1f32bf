"""Diagonal and deep linear networks: what makes them linear functions with another geometry."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simulate

# A Backend never changes, so examples may share one.
on_every_backend = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
dimensions = st.integers(1, 6)
networks = st.one_of(
    st.builds(simulate.DiagonalLinear, dimensions, st.sampled_from(["difference", "product"])),
    st.builds(simulate.DeepLinear, dimensions, st.lists(dimensions, max_size=3)),
)
seeds = st.integers(0, 2**32)


def _problem(model, n, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(model.size), rng.standard_normal((n, model.d))


def _derivative(model, theta):
    """Aᵀ = ∇F(θ), shape (p, d), by central differences, which are exact for quadratics."""
    rows = []
    for e in np.eye(model.size):
        rows.append((model.effective_weights(theta + e / 64) - model.effective_weights(theta - e / 64)) * 32)
    return np.array(rows)


@on_every_backend
@given(model=networks, n=st.integers(1, 8), seed=seeds)
def test_shapes_and_closed_forms(backend, model, n, seed):
    theta, X = _problem(model, n, seed)
    rng = np.random.default_rng(seed + 1)
    v, w = rng.standard_normal(model.size), rng.standard_normal(n)
    arguments = backend.asarray(theta), backend.asarray(X)
    F, f = model.effective_weights(arguments[0]), model.predict(*arguments)
    J, K = model.jacobian(*arguments), model.gram(*arguments)
    jv, jtw = model.jvp(*arguments, backend.asarray(v)), model.vjp(*arguments, backend.asarray(w))
    results = F, f, J, K, jv, jtw
    assert all(backend.owns(result) for result in results)
    F, f, J, K, jv, jtw = (simulate.to_host(result) for result in results)
    p = model.size
    assert (F.shape, f.shape, J.shape, K.shape, jv.shape, jtw.shape) == ((model.d,), (n,), (n, p), (n, n), (n,), (p,))
    for found, expected in ((f, X @ F), (K, J @ J.T), (jv, J @ v), (jtw, J.T @ w)):
        scale = np.abs(expected).max() + np.linalg.norm(J) + np.linalg.norm(F) * np.linalg.norm(X)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * scale)
    np.testing.assert_array_equal(K, K.T)


@given(model=networks, seed=seeds)
def test_the_jacobian_by_finite_differences_of_predictions(model, seed):
    theta, X = _problem(model, 3, seed)
    J, step = model.jacobian(theta, X), 1e-5
    for j, e in enumerate(np.eye(model.size)):
        difference = (model.predict(theta + step * e, X) - model.predict(theta - step * e, X)) / (2 * step)
        np.testing.assert_allclose(J[:, j], difference, rtol=1e-7, atol=1e-8 * max(1.0, np.abs(J).max()))


@on_every_backend
@given(d=dimensions, form=st.sampled_from(["difference", "product"]), seed=seeds)
def test_the_metric_of_diagonal_networks(backend, d, form, seed):
    model = simulate.DiagonalLinear(d, form)
    theta, _ = _problem(model, 1, seed)
    metric = model.metric_diagonal(backend.asarray(theta))
    assert backend.owns(metric)
    metric = simulate.to_host(metric)
    A = _derivative(model, theta).T
    np.testing.assert_allclose(np.diag(metric), A @ A.T, rtol=1e-10, atol=1e-10 * metric.max())


def test_diagonal_networks_by_hand():
    theta, X = [3.0, 1.0, 1.0, 2.0], [[1.0, 10.0]]
    difference, product = simulate.DiagonalLinear(2), simulate.DiagonalLinear(2, form="product")
    np.testing.assert_array_equal(difference.effective_weights(theta), [8.0, -3.0])
    np.testing.assert_array_equal(difference.metric_diagonal(theta), [40.0, 20.0])
    np.testing.assert_array_equal(difference.jacobian(theta, X), [[6.0, 20.0, -2.0, -40.0]])
    assert difference.gram(theta, X)[0, 0] == pytest.approx(40 + 2000, rel=1e-15)
    np.testing.assert_array_equal(product.effective_weights(theta), [3.0, 2.0])
    np.testing.assert_array_equal(product.metric_diagonal(theta), [10.0, 5.0])
    np.testing.assert_array_equal(product.jacobian(theta, X), [[1.0, 20.0, 3.0, 10.0]])
    assert product.gram(theta, X)[0, 0] == pytest.approx(10 + 500, rel=1e-15)


def test_a_deep_network_by_hand():
    # W_1 = [[1, 2], [0, 1]], W_2 = [3, -1]: F = (3, 5); A Aᵀ = ‖W_2‖² I + W_1ᵀ W_1 = 10 I + [[1, 2], [2, 5]].
    model, theta = simulate.DeepLinear(2, [2]), [1.0, 2.0, 0.0, 1.0, 3.0, -1.0]
    np.testing.assert_array_equal(model.effective_weights(theta), [3.0, 5.0])
    np.testing.assert_allclose(model.gram(theta, np.eye(2)), [[11.0, 2.0], [2.0, 15.0]], rtol=1e-14)
    np.testing.assert_array_equal(model.jacobian(theta, [[1.0, 1.0]]), [[3.0, 3.0, -1.0, -1.0, 3.0, 1.0]])


@given(seeds, dimensions, st.integers(1, 8))
def test_difference_and_product_are_one_model(seed, d, n):
    # α² − β² = a ∘ b for a = α + β, b = α − β, and (α, β) ↦ (a, b) is √2 times an orthogonal map.
    difference, product = simulate.DiagonalLinear(d), simulate.DiagonalLinear(d, "product")
    theta, X = _problem(difference, n, seed)
    alpha, beta = theta[:d], theta[d:]
    other = np.concatenate([alpha + beta, alpha - beta])
    np.testing.assert_allclose(difference.predict(theta, X), product.predict(other, X), rtol=1e-12, atol=1e-12)
    expected = 2 * product.gram(other, X)
    np.testing.assert_allclose(difference.gram(theta, X), expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@given(seeds, dimensions, st.integers(1, 8))
def test_one_layer_is_the_linear_model(seed, d, n):
    model, linear = simulate.DeepLinear(d, ()), simulate.Linear(d)
    theta, X = _problem(model, n, seed)
    assert model.size == linear.size
    np.testing.assert_allclose(model.predict(theta, X), linear.predict(theta, X), rtol=1e-14)
    np.testing.assert_allclose(model.gram(theta, X), linear.gram(theta, X), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(model.init(5), linear.init(5))


@on_every_backend
@given(d=dimensions, widths=st.lists(dimensions, max_size=3), n=st.integers(1, 8), seed=seeds)
def test_rotated_inputs(backend, d, widths, n, seed):
    # x ↦ Qᵀx and W_1 ↦ W_1 Q leave the outputs and their geometry unchanged; so does any sign flip in diagonal ones.
    model = simulate.DeepLinear(d, widths)
    theta, X = _problem(model, n, seed)
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]
    first = model.shapes[0][0] * d
    rotated = np.concatenate([(theta[:first].reshape(-1, d) @ Q).reshape(-1), theta[first:]])
    for compute in (model.predict, model.gram):
        expected = compute(theta, X)
        found = simulate.to_host(compute(backend.asarray(rotated), backend.asarray(X @ Q)))
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * max(1.0, np.abs(expected).max()))
    linear = simulate.Linear(d)
    np.testing.assert_allclose(
        simulate.to_host(linear.gram(backend.asarray(np.ones(d)), backend.asarray(X @ Q))), X @ X.T, atol=1e-12
    )


@given(seeds, dimensions, st.sampled_from(["difference", "product"]))
def test_permuted_and_flipped_coordinates_of_diagonal_networks(seed, d, form):
    model = simulate.DiagonalLinear(d, form)
    theta, X = _problem(model, 5, seed)
    rng = np.random.default_rng(seed)
    order, signs = rng.permutation(d), rng.choice([-1.0, 1.0], d)
    K = model.gram(theta, X)
    moved = np.concatenate([theta[:d][order], theta[d:][order]])
    np.testing.assert_allclose(model.gram(moved, X[:, order]), K, rtol=1e-11, atol=1e-12 * np.abs(K).max())
    np.testing.assert_allclose(model.gram(theta, X * signs), K, rtol=1e-11, atol=1e-12 * np.abs(K).max())


@on_every_backend
@given(model=networks, seed=seeds)
def test_permuted_samples(backend, model, seed):
    theta, X = _problem(model, 6, seed)
    order = np.random.default_rng(seed).permutation(6)
    K = model.gram(theta, X)
    permuted = simulate.to_host(model.gram(backend.asarray(theta), backend.asarray(X[order])))
    np.testing.assert_allclose(permuted, K[order][:, order], rtol=1e-11, atol=1e-12 * np.abs(K).max())


@given(model=networks, n=st.integers(1, 8), seed=seeds)
def test_residuals_of_a_teacher_are_linear_in_the_inputs(model, n, seed):
    # With r = X (F(θ) − w*) the gradient of the loss is Aᵀ XᵀX (F(θ) − w*) / n.
    theta, X = _problem(model, n, seed)
    teacher = np.arange(1.0, model.d + 1)
    residual = model.predict(theta, X) - simulate.teacher_targets(X, teacher)
    u = model.effective_weights(theta) - teacher
    np.testing.assert_allclose(residual, X @ u, rtol=1e-10, atol=1e-10 * (1 + np.abs(u).max()))
    gradient = model.vjp(theta, X, residual) / n

    def loss(at):
        return np.mean((model.predict(at, X) - X @ teacher) ** 2) / 2

    direction, step = np.cos(np.arange(model.size)), 1e-5
    slope = (loss(theta + step * direction) - loss(theta - step * direction)) / (2 * step)
    scale = 1 + np.abs(gradient).max() + loss(theta)
    assert gradient @ direction == pytest.approx(slope, rel=1e-6, abs=1e-6 * scale)


@pytest.mark.parametrize("widths", [(7,), (3, 9), (12, 1, 12), (2, 2, 2, 2)])
def test_both_orders_of_products_agree(backend, monkeypatch, widths):
    model = simulate.DeepLinear(5, widths)
    theta, X = _problem(model, 11, 0)
    arguments = backend.asarray(theta), backend.asarray(X)
    J = model.jacobian(theta, X)
    for by_samples in (True, False):
        monkeypatch.setattr(model, "_prefers_samples", lambda _n, chosen=by_samples: chosen)
        K = model.gram(*arguments)
        assert backend.owns(K)
        K = simulate.to_host(K)
        np.testing.assert_array_equal(K, K.T)
        np.testing.assert_allclose(K, J @ J.T, rtol=1e-10, atol=1e-12 * np.abs(K).max())


def test_the_order_of_products_follows_the_sizes():
    assert simulate.DeepLinear(1000, (50, 50))._prefers_samples(200)
    assert not simulate.DeepLinear(20, (500, 500))._prefers_samples(1000)
    # One layer has nothing to add.
    assert all(simulate.DeepLinear(d, ())._prefers_samples(n) for d in (1, 100) for n in (1, 100))


@pytest.mark.parametrize("model", [simulate.DiagonalLinear(3), simulate.DeepLinear(3, (4, 2))])
def test_a_saddle_at_zero(model):
    X = np.ones((2, 3))
    theta = np.zeros(model.size)
    np.testing.assert_array_equal(model.gram(theta, X), np.zeros((2, 2)))
    np.testing.assert_array_equal(model.vjp(theta, X, [1.0, 2.0]), theta)
    np.testing.assert_array_equal(model.effective_weights(theta), np.zeros(3))


def test_balanced_diagonal_starts_keep_their_digits():
    alpha = 1 + 1e-9
    found = simulate.DiagonalLinear(1).effective_weights([alpha, 1.0])[0]
    assert found == pytest.approx((alpha - 1) * (alpha + 1), rel=1e-15, abs=0)


@pytest.mark.parametrize(
    "model",
    [
        simulate.DiagonalLinear(400),
        simulate.DiagonalLinear(400, "product"),
        simulate.DeepLinear(400, (200,)),
        simulate.DeepLinear(100, (300,) * 29),
    ],
    ids=repr,
)
def test_initial_functions_are_as_large_as_those_of_the_linear_model(model):
    theta = model.init(seed=3)
    assert theta.shape == (model.size,)
    assert theta.dtype == np.float64
    np.testing.assert_array_equal(theta, model.init(seed=3))
    assert not np.array_equal(theta, model.init(seed=4))
    # E‖F‖² = 1; the mean over 30 seeds has a standard deviation below 0.1 for each of these sizes.
    energies = [np.sum(model.effective_weights(model.init(seed)) ** 2) for seed in range(30)]
    assert 0.5 < np.mean(energies) < 1.6


def test_descriptions_and_sizes():
    assert repr(simulate.DiagonalLinear(3)) == "DiagonalLinear(3, form='difference')"
    assert simulate.DiagonalLinear(3).size == 6
    model = simulate.DeepLinear(4, np.array([3, 2]))
    assert repr(model) == "DeepLinear(4, (3, 2))"
    assert model.widths == (3, 2)
    assert model.shapes == ((3, 4), (2, 3), (1, 2))
    assert model.size == 12 + 6 + 2
    assert simulate.DeepLinear(4, []).size == 4


@pytest.mark.parametrize(
    "model", [simulate.DiagonalLinear(3), simulate.DeepLinear(3, (4,)), simulate.DeepLinear(2, (30, 30))]
)
def test_float32_is_kept(model):
    theta, X = model.init().astype(np.float32), np.ones((20, model.d), dtype=np.float32)
    results = [model.effective_weights(theta), model.predict(theta, X), model.gram(theta, X), model.jacobian(theta, X)]
    results += [model.jvp(theta, X, theta), model.vjp(theta, X, X[:, 0])]
    assert {result.dtype for result in results} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: simulate.DiagonalLinear(0), "d"),
        (lambda: simulate.DiagonalLinear(True), "d"),
        (lambda: simulate.DiagonalLinear(2.0), "d"),
        (lambda: simulate.DiagonalLinear(2, form="sum"), "form"),
        (lambda: simulate.DiagonalLinear(2, form=None), "form"),
        (lambda: simulate.DiagonalLinear(2).init(seed=-1), "seed"),
        (lambda: simulate.DiagonalLinear(2).effective_weights([1.0, 2.0]), "theta"),
        (lambda: simulate.DiagonalLinear(1).effective_weights([1.0, float("nan")]), "theta"),
        (lambda: simulate.DiagonalLinear(1).effective_weights([True, False]), "theta"),
        (lambda: simulate.DiagonalLinear(2).metric_diagonal([1.0, 2.0]), "theta"),
        (lambda: simulate.DiagonalLinear(1).metric_diagonal([[1.0, 2.0]]), "theta"),
        (lambda: simulate.DiagonalLinear(2).gram([1.0, 2.0], [[1.0, 2.0]]), "theta"),
        (lambda: simulate.DiagonalLinear(1).gram([1.0, 2.0], [[1.0, 2.0]]), "X"),
        (lambda: simulate.DiagonalLinear(1).jvp([1.0, 2.0], [[1.0]], [1.0]), "v"),
        (lambda: simulate.DiagonalLinear(1).vjp([1.0, 2.0], [[1.0]], [1.0, 2.0]), "w"),
        (lambda: simulate.DeepLinear(0, (2,)), "d"),
        (lambda: simulate.DeepLinear(2, (2, 0)), "widths"),
        (lambda: simulate.DeepLinear(2, (-1,)), "widths"),
        (lambda: simulate.DeepLinear(2, (True,)), "widths"),
        (lambda: simulate.DeepLinear(2, (2.0,)), "widths"),
        (lambda: simulate.DeepLinear(2, [float("nan")]), "widths"),
        (lambda: simulate.DeepLinear(2, np.array([2.0])), "widths"),
        (lambda: simulate.DeepLinear(2, np.array(2)), "widths"),
        (lambda: simulate.DeepLinear(2, np.ones((2, 2), dtype=int)), "widths"),
        (lambda: simulate.DeepLinear(2, [[1], [2, 3]]), "widths"),
        (lambda: simulate.DeepLinear(2, 3), "widths"),
        (lambda: simulate.DeepLinear(2, None), "widths"),
        (lambda: simulate.DeepLinear(2, "33"), "widths"),
        (lambda: simulate.DeepLinear(2, {3: 1}), "widths"),
        (lambda: simulate.DeepLinear(2, (2,)).init(seed=1.0), "seed"),
        (lambda: simulate.DeepLinear(2, ()).effective_weights([1.0]), "theta"),
        (lambda: simulate.DeepLinear(2, ()).effective_weights([1.0, float("inf")]), "theta"),
        (lambda: simulate.DeepLinear(2, (1,)).gram([1.0, 2.0], [[1.0, 2.0]]), "theta"),
        (lambda: simulate.DeepLinear(2, ()).gram([1.0, 2.0], [[1.0, float("nan")]]), "X"),
        (lambda: simulate.DeepLinear(2, ()).jvp([1.0, 2.0], [[1.0, 2.0]], [1.0]), "v"),
        (lambda: simulate.DeepLinear(2, ()).vjp([1.0, 2.0], [[1.0, 2.0]], [1.0, 2.0]), "w"),
    ],
)
def test_bad_arguments_are_refused(call, name):
    with pytest.raises(simulate.InputError, match=f"^{name}: expected [^\n]*, got [^\n]*$"):
        call()
