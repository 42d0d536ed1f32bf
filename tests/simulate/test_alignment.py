"""Gram identities against the dense oracle, conventions, invariances and bad input."""

import dense_oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulate


def _model_case(model, n, seed):
    rng = np.random.default_rng(seed)
    X = simulate.gaussian_inputs(n, simulate.power_law(model.d, 0.7), seed=rng.integers(2**32).item())
    theta = model.init(seed=seed)
    return model.jacobian(theta, X), model.gram(theta, X), rng.standard_normal(n)


def _random_case(n, outputs, p, seed):
    rng = np.random.default_rng(seed)
    J = rng.standard_normal((n * outputs, p)) * rng.uniform(0.1, 3, p)
    residual = rng.standard_normal((n, outputs)) if outputs > 1 else rng.standard_normal(n)
    return J, J @ J.T, residual


CASES = {
    "linear-tall": _model_case(simulate.Linear(4), 11, 0),
    "linear-wide": _model_case(simulate.Linear(12), 5, 1),
    "one-sample": _model_case(simulate.Linear(3), 1, 2),
    "relu": _model_case(simulate.TwoLayer(3, 6), 9, 3),
    "leaky-both": _model_case(simulate.TwoLayer(3, 5, slope=0.2, train_outer=True), 8, 4),
    "smooth": _model_case(simulate.TwoLayer(4, 3, slope=0.4, activation="smooth"), 10, 5),
    "random": _random_case(7, 1, 13, 6),
    "random-tall": _random_case(15, 1, 4, 7),
    "two-outputs": _random_case(6, 2, 20, 8),
    "three-outputs": _random_case(7, 3, 5, 9),
    "one-column": (*_random_case(6, 1, 8, 10)[:2], _random_case(6, 1, 8, 10)[2][:, None]),
    "one-sample-outputs": _random_case(1, 4, 6, 11),
}
both = pytest.mark.parametrize("centred", [False, True], ids=["uncentred", "centred"])


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


@both
def test_loss_alignment(case, centred, backend):
    J, K, r = case
    value = simulate.loss_alignment(backend.asarray(K), backend.asarray(r), centred=centred)
    assert type(value) is float
    assert value == pytest.approx(dense_oracle.loss_alignment(J, r, centred), rel=1e-10, abs=1e-12)


@both
def test_directional_alignment(case, centred, backend):
    J, K, r = case
    values, alignments = simulate.directional_alignment(backend.asarray(K), backend.asarray(r), centred=centred)
    assert backend.owns(values)
    assert backend.owns(alignments)
    expected_values, expected = dense_oracle.eigen_alignment(J, r, centred)
    np.testing.assert_allclose(simulate.to_host(values), expected_values, rtol=1e-10, atol=1e-12 * expected_values[0])
    np.testing.assert_allclose(simulate.to_host(alignments), expected, rtol=1e-9, atol=1e-10)


@both
def test_directional_alignment_along(case, centred, backend):
    J, _, r = case
    V = np.random.default_rng(0).standard_normal((J.shape[1], 3))
    expected = [dense_oracle.directional_alignment(J, r, v, centred) for v in V.T]
    for v, value in zip(V.T, expected, strict=True):
        jv = (J @ v).reshape(r.shape)
        found = simulate.directional_alignment_along(backend.asarray(jv), backend.asarray(r), centred=centred)
        assert type(found) is float
        assert found == pytest.approx(value, rel=1e-10, abs=1e-12)
    if r.ndim == 1:
        found = simulate.directional_alignment_along(backend.asarray(J @ V), backend.asarray(r), centred=centred)
        assert backend.owns(found)
        np.testing.assert_allclose(simulate.to_host(found), expected, rtol=1e-10, atol=1e-12)


@both
def test_loss_alignment_averages_the_directional_one(case, centred):
    _, K, r = case
    values, alignments = simulate.directional_alignment(K, r, centred=centred)
    average = np.sum(values**2 * alignments) / np.sum(values**2)
    assert simulate.loss_alignment(K, r, centred=centred) == pytest.approx(average, rel=1e-10, abs=1e-12)


@both
@pytest.mark.parametrize("k", [1, 3, 20, 100, 199, 200])
def test_top_directions_are_the_first_of_all(centred, k):
    # At this size the top few come from another eigensolver than all of them.
    X = simulate.gaussian_inputs(200, simulate.power_law(250, 0.5))
    K, r = X @ X.T, np.random.default_rng(0).standard_normal(200)
    values, alignments = simulate.directional_alignment(K, r, centred=centred)
    top_values, top_alignments = simulate.directional_alignment(K, r, centred=centred, k=k)
    np.testing.assert_allclose(top_values, values[:k], rtol=1e-12)
    np.testing.assert_allclose(top_alignments, alignments[:k], rtol=1e-7, atol=1e-9)


def test_null_directions_are_dropped(backend):
    _, K, r = _random_case(100, 1, 7, 0)
    for k, kept in [(None, 7), (100, 7), (12, 7), (7, 7), (2, 2)]:
        values, alignments = simulate.directional_alignment(backend.asarray(K), backend.asarray(r), k=k)
        assert values.shape == alignments.shape == (kept,)
    small = np.diag([1.0, 1e-11, 1e-13, 0.0])
    assert simulate.directional_alignment(backend.asarray(small), backend.asarray(np.ones(4)))[0].shape == (2,)


@both
def test_conventions(centred, backend):
    K, zero, one = backend.asarray(np.diag([4.0, 2.0])), backend.asarray(np.zeros(2)), backend.asarray(np.ones(2))
    assert simulate.loss_alignment(K, zero, centred=centred) == 1.0
    assert simulate.loss_alignment(0 * K, one, centred=centred) == 1.0
    assert simulate.loss_alignment(0 * K, zero, centred=centred) == 1.0
    values, alignments = simulate.directional_alignment(K, zero, centred=centred)
    np.testing.assert_array_equal(simulate.to_host(values), [2.0, 1.0])
    np.testing.assert_array_equal(simulate.to_host(alignments), [1.0, 1.0])
    values, alignments = simulate.directional_alignment(0 * K, one, centred=centred)
    assert values.shape == alignments.shape == (0,)
    assert simulate.directional_alignment_along(zero, one, centred=centred) == 1.0
    assert simulate.directional_alignment_along(one, zero, centred=centred) == 1.0
    some = simulate.directional_alignment_along(backend.asarray([[0.0, 1.0], [0.0, 2.0]]), one, centred=centred)
    assert simulate.to_host(some)[0] == 1.0
    assert simulate.to_host(some)[1] == pytest.approx(0.1 if centred else 1.0)


@both
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("gram_scale", [1e-150, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("residual_scale", [1e-300, 1e-150, 1.0, 1e150])
def test_extreme_scales(centred, outputs, gram_scale, residual_scale):
    _, K, r = _random_case(6, outputs, 9, 1)
    mu = simulate.loss_alignment(K, r, centred=centred)
    assert simulate.loss_alignment(gram_scale * K, residual_scale * r, centred=centred) == pytest.approx(mu, rel=1e-12)
    values, alignments = simulate.directional_alignment(K, r, centred=centred)
    scaled_values, scaled = simulate.directional_alignment(gram_scale * K, residual_scale * r, centred=centred)
    np.testing.assert_allclose(scaled_values, gram_scale * values, rtol=1e-10)
    np.testing.assert_allclose(scaled, alignments, rtol=1e-9, atol=1e-12)
    along = simulate.directional_alignment_along(r + 1, r, centred=centred)
    scaled_along = simulate.directional_alignment_along(gram_scale * (r + 1), residual_scale * r, centred=centred)
    assert scaled_along == pytest.approx(along, rel=1e-12)


def test_directions_of_very_different_scales():
    _, _, r = _random_case(6, 1, 9, 1)
    jv = np.random.default_rng(0).standard_normal((6, 3))
    np.testing.assert_allclose(
        simulate.directional_alignment_along(jv * [1e-200, 1.0, 1e200], r),
        simulate.directional_alignment_along(jv, r),
        rtol=1e-12,
    )


@st.composite
def problems(draw):
    """A random Jacobian and residual, with any shape and spread of scales."""
    n, outputs, p = draw(st.integers(1, 7)), draw(st.integers(1, 3)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    J = rng.standard_normal((n * outputs, p)) * 10.0 ** rng.uniform(-1, 1, p)
    return n, outputs, J, rng.standard_normal((n, outputs)), rng


@given(problems(), st.booleans())
def test_any_shape(problem, centred):
    _, _, J, r, _ = problem
    mu = simulate.loss_alignment(J @ J.T, r, centred=centred)
    assert mu == pytest.approx(dense_oracle.loss_alignment(J, r, centred), rel=1e-10, abs=1e-11)
    values, alignments = simulate.directional_alignment(J @ J.T, r, centred=centred)
    assert np.all(np.diff(values) <= 0)
    assert len(values) <= min(J.shape)
    assert np.all(alignments >= 0)
    assert np.sum(values) == pytest.approx(np.sum(J * J) / len(r), rel=1e-10)


@given(problems(), st.booleans(), st.floats(1e-100, 1e100), st.floats(-1e100, 1e100).filter(lambda x: abs(x) > 1e-100))
def test_invariances(problem, centred, gram_scale, residual_scale):
    n, outputs, J, r, rng = problem
    K = J @ J.T
    mu = simulate.loss_alignment(K, r, centred=centred)
    rotation, _ = np.linalg.qr(rng.standard_normal((J.shape[1], J.shape[1])))
    rotated = simulate.loss_alignment(J @ rotation @ (J @ rotation).T, r, centred=centred)
    assert rotated == pytest.approx(mu, rel=1e-9, abs=1e-10)
    rescaled = simulate.loss_alignment(gram_scale * K, residual_scale * r, centred=centred)
    assert rescaled == pytest.approx(mu, rel=1e-10, abs=1e-11)
    order = rng.permutation(n)
    rows = (outputs * order[:, None] + np.arange(outputs)).ravel()
    shuffled = K[np.ix_(rows, rows)]
    assert simulate.loss_alignment(shuffled, r[order], centred=centred) == pytest.approx(mu, rel=1e-10, abs=1e-11)
    if np.linalg.matrix_rank(J) == min(J.shape):
        values, alignments = simulate.directional_alignment(K, r, centred=centred)
        _, other = simulate.directional_alignment(shuffled, r[order], centred=centred)
        # Eigenvectors of close eigenvalues are only as good as the gap; their weighted sum is not affected.
        assert np.sum(values * other) == pytest.approx(np.sum(values * alignments), rel=1e-9, abs=1e-10)


def test_blocks_of_samples_agree(monkeypatch):
    for outputs in (1, 3):
        _, K, r = _random_case(20, outputs, 9, 1)
        whole = simulate.loss_alignment(K, r, centred=True)
        with monkeypatch.context() as patch:
            patch.setattr("simulate.validation.BLOCK_ENTRIES", 300)
            assert simulate.loss_alignment(K, r, centred=True) == pytest.approx(whole, rel=1e-13)


def test_float32_is_kept():
    _, K, r = _random_case(30, 1, 40, 1)
    values, alignments = simulate.directional_alignment(K.astype(np.float32), r.astype(np.float32))
    assert values.dtype == alignments.dtype == np.float32
    mu = simulate.loss_alignment(K.astype(np.float32), r.astype(np.float32))
    assert mu == pytest.approx(simulate.loss_alignment(K, r), rel=1e-5)


EYE = np.eye(3)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: simulate.loss_alignment([[1.0, 0.5], [0.4, 1.0]], [1.0, 1.0]), "gram"),
        (lambda: simulate.loss_alignment(EYE + np.triu(np.full((3, 3), 1e-9)), np.ones(3)), "gram"),
        (lambda: simulate.loss_alignment(EYE[:2], np.ones(3)), "gram"),
        (lambda: simulate.loss_alignment(np.ones(3), np.ones(3)), "gram"),
        (lambda: simulate.loss_alignment(np.empty((0, 0)), np.ones(3)), "gram"),
        (lambda: simulate.loss_alignment(np.where(EYE == 1, np.nan, EYE), np.ones(3)), "gram"),
        (lambda: simulate.loss_alignment(EYE, np.ones(2)), "residual"),
        (lambda: simulate.loss_alignment(EYE, np.ones((3, 2))), "residual"),
        (lambda: simulate.loss_alignment(EYE, np.ones((1, 1, 3))), "residual"),
        (lambda: simulate.loss_alignment(EYE, [1.0, np.inf, 1.0]), "residual"),
        (lambda: simulate.loss_alignment(EYE, [True, False, True]), "residual"),
        (lambda: simulate.loss_alignment(EYE, np.ones(3), centred=1), "centred"),
        (lambda: simulate.directional_alignment(EYE, np.ones(3), k=0), "k"),
        (lambda: simulate.directional_alignment(EYE, np.ones(3), k=4), "k"),
        (lambda: simulate.directional_alignment(EYE, np.ones(3), k=True), "k"),
        (lambda: simulate.directional_alignment(-EYE, np.ones(3)), "gram"),
        (lambda: simulate.directional_alignment(np.diag([1.0, -0.1, 1.0]), np.ones(3)), "gram"),
        (lambda: simulate.directional_alignment_along(np.ones(2), np.ones(3)), "jv"),
        (lambda: simulate.directional_alignment_along(np.ones((3, 2)), np.ones((3, 3))), "jv"),
        (lambda: simulate.directional_alignment_along(np.ones(3), np.ones((3, 1))), "jv"),
        (lambda: simulate.directional_alignment_along(np.ones((3, 1, 1)), np.ones(3)), "jv"),
        (lambda: simulate.directional_alignment_along(np.ones(3), np.ones(3), centred=None), "centred"),
    ],
)
def test_bad_arguments_are_refused(call, name):
    with pytest.raises(simulate.InputError, match=f"^{name}: expected [^\n]*, got [^\n]*$"):
        call()
