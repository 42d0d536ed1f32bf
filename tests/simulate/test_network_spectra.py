"""Spectra of networks against dense p × p matrices: alignment, subsampling, and eigenpairs of G and of the Hessian."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate.networks import Network, alignment_spectrum, convolutional, fully_connected, subsampling_error
from simulate.networks import top_eigenpairs as top
from simulate.networks.blocks import Chain, Residual
from simulate.networks.convolution import Convolution
from simulate.networks.layers import Dense, Rectifier, ToImages
from simulate.networks.pooling import GlobalAverage
from simulate.networks.scalars import Scale, Shift
from simulate.networks.spectra import random_subset

BLOCK = Residual(Chain(Shift(), Convolution(2, bias=False), Scale()))
NETWORKS = {
    "dense": lambda: fully_connected((4,), (5, 4), slope=0.1),
    "convolutional, 3 outputs": lambda: convolutional((1, 4, 4), (2, 2), 3, 3, 0.1),
    "residual, 2 outputs": lambda: Network(
        [ToImages((2, 4, 4)), Convolution(2), Rectifier(0.2), BLOCK, GlobalAverage(), Dense(2)], (2, 4, 4)
    ),
}
SAMPLES = 8


@pytest.fixture(params=NETWORKS, name="case", scope="module")
def _case(request):
    """A network, parameters, inputs and targets."""
    network = NETWORKS[request.param]()
    rng = np.random.default_rng(3)
    theta = network.init(1) + 0.1 * rng.standard_normal(network.size)
    X = rng.standard_normal((SAMPLES, *network.shape))
    y = rng.standard_normal((SAMPLES,) if network.outputs == 1 else (SAMPLES, network.outputs))
    return network, theta, X, y


@pytest.fixture(name="dense", scope="module")
def _dense(case):
    """G and the Hessian."""
    network, theta, X, y = case
    return {"fisher": fisher(network, theta, X), "hessian": hessian(network, theta, X, y)}


def fisher(network, theta, X):
    J = network.jacobian(theta, X)
    return J.T @ J / len(X)


def hessian(network, theta, X, y):
    return np.stack([network.hessian_vector(theta, X, y, unit) for unit in np.eye(network.size)])


def noise(network, theta, X, y, centred):
    gradients = network.per_sample_gradients(theta, X, y)
    mean = gradients.mean(axis=0)
    return gradients.T @ gradients / len(X) - (np.outer(mean, mean) if centred else 0)


def there(array):
    return array_api_strict.asarray(array, device=array_api_strict.Device("device1"))


@pytest.mark.parametrize("centred", [False, True])
def test_alignment_is_that_of_dense_matrices(case, centred):
    network, theta, X, y = case
    found = alignment_spectrum(network, theta, X, y, centred)
    G, S, loss = fisher(network, theta, X), noise(network, theta, X, y, centred), network.loss(theta, X, y)
    values, vectors = np.linalg.eigh(G)
    values, vectors = values[::-1][: found.kept], vectors[:, ::-1][:, : found.kept]
    assert (found.n, found.p) == (SAMPLES, network.size)
    assert found.kept == np.linalg.matrix_rank(network.jacobian(theta, X), tol=1e-6 * values[0] ** 0.5)
    assert found.centred is centred
    assert found.loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(found.eigenvalues, values, rtol=1e-9, atol=1e-12 * values[0])
    energies = np.sum(vectors * (S @ vectors), axis=0) / (2 * loss)
    np.testing.assert_allclose(found.noise_energies, energies, rtol=1e-10, atol=1e-10 * energies.max())
    mu = np.trace(S @ G) / (2 * loss * np.sum(G * G))
    assert found.loss_alignment == pytest.approx(mu, rel=1e-10)
    # The loss alignment is the average of the directional one with weights λ².
    weights = found.eigenvalues**2
    assert np.sum(weights * found.alignments) / np.sum(weights) == pytest.approx(mu, rel=1e-10)


def test_top_of_the_spectrum_and_a_gram_matrix_at_hand(case):
    network, theta, X, y = case
    whole, some = (alignment_spectrum(network, theta, X, y, k=k) for k in (None, 3))
    assert some.kept == 3
    np.testing.assert_allclose(some.alignments, whole.alignments[:3], rtol=1e-12)
    # Twice the Gram matrix: twice the eigenvalues, so it is the one that is used.
    doubled = alignment_spectrum(network, theta, X, y, gram=2 * network.gram(theta, X))
    np.testing.assert_allclose(doubled.eigenvalues, 2 * whole.eigenvalues, rtol=1e-12)


@pytest.mark.parametrize("at_hand", [False, True])
def test_subset_is_these_samples_alone(case, at_hand):
    network, theta, X, y = case
    rows = random_subset(SAMPLES, 5, 7)
    gram = network.gram(theta, X) if at_hand else None
    found = alignment_spectrum(network, theta, X, y, gram=gram, subset=5, seed=7)
    alone = alignment_spectrum(network, theta, X[rows], y[rows])
    assert found.n == 5
    np.testing.assert_allclose(found.eigenvalues, alone.eigenvalues, rtol=1e-10)
    np.testing.assert_allclose(found.alignments, alone.alignments, rtol=1e-8)
    assert found.loss_alignment == pytest.approx(alone.loss_alignment, rel=1e-10)


@pytest.mark.parametrize("centred", [False, True])
def test_subsampling_error_is_that_of_subsets(case, centred):
    network, theta, X, y = case
    gram, residual = network.gram(theta, X), network.predict(theta, X) - y
    found = subsampling_error(gram, residual, 4, subsets=3, k=2, centred=centred, seed=5)
    whole = alignment_spectrum(network, theta, X, y, centred, k=2)
    np.testing.assert_allclose(found.exact_eigenvalues, whole.eigenvalues, rtol=1e-12)
    stream = simulate.generator(5, "subset")
    for s in range(3):
        rows = random_subset(SAMPLES, 4, stream)
        alone = alignment_spectrum(network, theta, X[rows], y[rows], centred, k=2)
        np.testing.assert_allclose(found.eigenvalues[s], alone.eigenvalues, rtol=1e-10)
        np.testing.assert_allclose(found.alignments[s], alone.alignments, rtol=1e-8)
        assert found.loss_alignments[s] == pytest.approx(alone.loss_alignment, rel=1e-10)
    np.testing.assert_allclose(found.eigenvalue_bias, found.eigenvalues.mean(axis=0) / whole.eigenvalues - 1)
    np.testing.assert_allclose(found.eigenvalue_spread, found.eigenvalues.std(axis=0, ddof=1) / whole.eigenvalues)
    np.testing.assert_allclose(found.alignment_bias, found.alignments.mean(axis=0) - whole.alignments, atol=1e-9)
    np.testing.assert_allclose(found.alignment_spread, found.alignments.std(axis=0, ddof=1))
    assert found.loss_alignment_bias == pytest.approx(found.loss_alignments.mean() - whole.loss_alignment)
    assert found.loss_alignment_spread == pytest.approx(found.loss_alignments.std(ddof=1))


def test_all_samples_make_no_error():
    rng = np.random.default_rng(0)
    J, residual = rng.standard_normal((6, 9)), rng.standard_normal(6)
    found = subsampling_error(J @ J.T, residual, 6, subsets=1, k=6)
    assert np.abs([found.eigenvalue_bias, found.alignment_bias]).max() < 1e-12
    assert abs(found.loss_alignment_bias) < 1e-12
    assert np.isnan(found.loss_alignment_spread)


def test_largest_eigenvalue_of_subsets_is_biased_upwards():
    """G of a subset is unbiased, and the largest eigenvalue is convex: its mean over subsets is larger."""
    rng = np.random.default_rng(1)
    J, residual = rng.standard_normal((60, 40)), rng.standard_normal(60)
    found = subsampling_error(J @ J.T, residual, 10, subsets=50, k=12)
    assert found.eigenvalue_bias[0] > 10 * found.eigenvalue_spread[0] / 50**0.5
    # Ten samples have ten directions.
    assert np.isnan(found.eigenvalues[:, 10:]).all()
    assert not np.isnan(found.eigenvalues[:, :10]).any()


@pytest.mark.parametrize("order", ["algebraic", "magnitude"])
@pytest.mark.parametrize("which", ["fisher", "hessian"])
def test_eigenpairs_are_those_of_dense_matrices(case, dense, which, order):
    network, theta, X, y = case
    A = dense[which]
    found = top(network, theta, X, y, 4, which, order=order, tolerance=1e-10)
    values, vectors = np.linalg.eigh((A + A.T) / 2)
    chosen = np.argsort(-values if order == "algebraic" else -np.abs(values))[:4]
    np.testing.assert_allclose(found.eigenvalues, values[chosen], atol=1e-10 * np.abs(values).max())
    cosines = np.abs(np.sum(found.eigenvectors * vectors[:, chosen], axis=0))
    np.testing.assert_allclose(cosines, 1, rtol=1e-10)
    residuals = np.linalg.norm(A @ found.eigenvectors - found.eigenvectors * found.eigenvalues, axis=0)
    np.testing.assert_allclose(found.residuals, residuals, atol=1e-13 * np.abs(values).max())
    assert found.converged.all()


def test_hessian_has_negative_eigenvalues_that_magnitude_finds():
    network = fully_connected((4,), (5,), slope=0.2)
    rng = np.random.default_rng(0)
    theta, X = network.init(0), rng.standard_normal((6, 4))
    y = -20 * network.predict(theta, X)
    values = np.linalg.eigvalsh(hessian(network, theta, X, y))
    assert values.min() < 0
    found = top(network, theta, X, y, network.size, "hessian", order="magnitude").eigenvalues
    np.testing.assert_allclose(np.sort(found), values, atol=1e-10 * np.abs(values).max())
    assert (np.diff(np.abs(found)) <= 0).all()


def crowded():
    """A linear network with white inputs, whose eigenvalues lie close together, so that one basis is too small."""
    network = fully_connected((150,), ())
    return network, network.init(0), np.random.default_rng(2).standard_normal((400, 150))


def test_many_restarts_reach_the_same_eigenpairs():
    network, theta, X = crowded()
    found = top(network, theta, X, None, 3, tolerance=1e-10)
    values = np.linalg.eigvalsh(fisher(network, theta, X))[::-1]
    np.testing.assert_allclose(found.eigenvalues, values[:3], rtol=1e-10)
    assert found.products > 2 * (2 * 3 + 20)
    assert found.converged.all()


def test_products_that_end_too_early_are_no_convergence():
    network, theta, X = crowded()
    found = top(network, theta, X, None, 3, tolerance=1e-10, most=26)
    assert found.products == 29
    assert not found.converged.any()
    assert (found.residuals > 1e-10 * found.eigenvalues[0]).all()


def test_eigenvalues_that_repeat_beyond_the_rank_are_zero():
    """G of two samples has two eigenvalues; the Krylov space ends and the search goes on beside it."""
    network = fully_connected((5,), (3,))
    X = np.random.default_rng(0).standard_normal((2, 5))
    found = top(network, network.init(0), X, None, 6)
    values = np.linalg.eigvalsh(fisher(network, network.init(0), X))[::-1]
    np.testing.assert_allclose(found.eigenvalues, values[:6], atol=1e-12 * values[0])
    np.testing.assert_allclose(found.eigenvectors.T @ found.eigenvectors, np.eye(6), atol=1e-12)


def test_no_curvature_at_all():
    network = fully_connected((5,), (3,))
    found = top(network, np.zeros(network.size), np.zeros((2, 5)), None, 1)
    # Only the last bias moves the output: λ = 1.
    assert found.eigenvalues[0] == pytest.approx(1, rel=1e-12)
    found = top(network, np.zeros(network.size), np.zeros((2, 5)), np.zeros(2), 3, "hessian")
    np.testing.assert_allclose(found.eigenvalues, [1, 0, 0], atol=1e-12)


@given(st.integers(0, 2**16), st.integers(1, 5), st.sampled_from(["fisher", "hessian"]))
@settings(max_examples=8, deadline=None)
def test_residuals_bound_the_distance_to_the_spectrum(seed, k, which):
    network = fully_connected((4,), (5,), slope=0.1)
    rng = np.random.default_rng(seed)
    theta, X, y = network.init(seed), rng.standard_normal((9, 4)), rng.standard_normal(9)
    found = top(network, theta, X, y, k, which, seed=seed, tolerance=1e-3)
    values = np.linalg.eigvalsh(fisher(network, theta, X) if which == "fisher" else hessian(network, theta, X, y))
    distances = np.abs(found.eigenvalues[:, None] - values).min(axis=1)
    assert (distances <= found.residuals + 1e-12 * np.abs(values).max()).all()


def test_one_seed_fixes_all(case):
    network, theta, X, y = case
    first, again, other = (top(network, theta, X, y, 2, subset=5, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(first.eigenvectors, again.eigenvectors)
    assert not np.array_equal(first.eigenvectors, other.eigenvectors)
    rows = random_subset(SAMPLES, 5, 4)
    values = np.linalg.eigvalsh(fisher(network, theta, X[rows]))[::-1]
    np.testing.assert_allclose(first.eigenvalues, values[:2], rtol=1e-10)


def test_another_library_and_device(case):
    network, theta, X, y = case
    strict = [there(array) for array in (theta, X, y)]
    for which in ("fisher", "hessian"):
        found, expected = top(network, *strict, 1, which), top(network, theta, X, y, 1, which)
        assert found.eigenvectors.device == array_api_strict.Device("device1")
        np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, rtol=1e-10)
        np.testing.assert_allclose(simulate.to_host(found.eigenvectors), expected.eigenvectors, atol=1e-6)
    spectrum, other = alignment_spectrum(network, *strict, subset=6), alignment_spectrum(network, theta, X, y, subset=6)
    assert spectrum.eigenvalues.device == array_api_strict.Device("device1")
    np.testing.assert_allclose(simulate.to_host(spectrum.noise_energies), other.noise_energies, rtol=1e-8)
    gram, residual = network.gram(theta, X), network.predict(theta, X) - y
    errors = [subsampling_error(g, r, 4, 2, 3) for g, r in ((gram, residual), (there(gram), there(residual)))]
    np.testing.assert_allclose(errors[0].alignments, errors[1].alignments, rtol=1e-8)


def test_single_precision_agrees_with_double(case):
    network, theta, X, y = case
    small = [array.astype(np.float32) for array in (theta, X, y)]
    for which in ("fisher", "hessian"):
        found, expected = top(network, *small, 2, which), top(network, theta, X, y, 2, which)
        assert found.eigenvectors.dtype == np.float32
        assert found.converged.all()
        np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, rtol=1e-4)
    found, expected = (alignment_spectrum(network, *given, k=3) for given in (small, (theta, X, y)))
    np.testing.assert_allclose(found.alignments, expected.alignments, rtol=1e-2)
    assert found.loss_alignment == pytest.approx(expected.loss_alignment, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k: expected an integer >= 1 and <= "),
        ({"which": "sigma"}, "which: expected 'fisher' or 'hessian'"),
        ({"order": "smallest"}, "order: expected 'algebraic' or 'magnitude'"),
        ({"subset": 9}, "subset: expected an integer >= 1 and <= 8"),
        ({"tolerance": 0.0}, "tolerance: expected a finite real number > 0"),
        ({"which": "hessian", "y": None}, "y: expected targets"),
        ({"X": np.zeros((8, 4))}, "X: expected shape"),
        ({"seed": -1}, "seed: expected"),
        ({"most": 0}, "most: expected"),
    ],
)
def test_bad_arguments_of_eigenpairs(arguments, message):
    network = fully_connected((5,), (3,))
    given = {"theta": network.init(0), "X": np.ones((8, 5)), "y": np.zeros(8), "k": 2}
    with pytest.raises(simulate.InputError, match=message):
        top(network, **{**given, **arguments})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda K, r: subsampling_error(K, r, 7, k=2), "subset: expected"),
        (lambda K, r: subsampling_error(K, r, 3, 0, k=2), "subsets: expected"),
        (lambda K, r: subsampling_error(K, r, 3, k=7), "k: expected"),
        (lambda K, r: subsampling_error(K[:4, :4], r, 3, k=2), "residual: expected 4 entries"),
        (lambda K, r: spectrum_of(gram=K[:4], subset=3), "gram: expected a square matrix"),
        (lambda K, r: spectrum_of(gram=K[:4, :4]), "residual: expected 4 entries"),
        (lambda K, r: spectrum_of(y=np.float64(1), subset=2), "y: expected shape"),
        (lambda K, r: spectrum_of(y=np.zeros(5)), "y: expected shape \\(6,\\)"),
    ],
)
def test_bad_arguments_of_spectra(call, message):
    with pytest.raises(simulate.InputError, match=message):
        call(np.eye(6), np.ones(6))


def spectrum_of(**arguments):
    network = fully_connected((5,), (3,))
    X = np.random.default_rng(0).standard_normal((6, 5))
    return alignment_spectrum(network, **{"theta": network.init(0), "X": X, "y": np.zeros(6), **arguments})
