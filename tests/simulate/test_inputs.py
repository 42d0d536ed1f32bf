"""Spectra, effective ranks, Gaussian designs and targets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import simulate
from simulate import streams


def test_spectra():
    np.testing.assert_array_equal(simulate.isotropic(3), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(simulate.power_law(4, 2), [1, 1 / 4, 1 / 9, 1 / 16], rtol=1e-15)
    np.testing.assert_array_equal(simulate.power_law(3, 0.0), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(simulate.spiked(4, 2, 9.0), [9.0, 9.0, 1.0, 1.0])
    np.testing.assert_array_equal(simulate.spiked(2, 0, 9.0), [1.0, 1.0])
    assert all(
        s.dtype == np.float64 for s in (simulate.isotropic(2), simulate.power_law(2, 1), simulate.spiked(2, 1, 3))
    )


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: simulate.isotropic(0), "d"),
        (lambda: simulate.isotropic(True), "d"),
        (lambda: simulate.isotropic(2.0), "d"),
        (lambda: simulate.power_law(3, float("nan")), "exponent"),
        (lambda: simulate.power_law(3, True), "exponent"),
        (lambda: simulate.power_law(10, 400.0), "exponent"),
        (lambda: simulate.power_law(10, -400.0), "exponent"),
        (lambda: simulate.spiked(3, 4, 2.0), "spikes"),
        (lambda: simulate.spiked(3, -1, 2.0), "spikes"),
        (lambda: simulate.spiked(3, 1, 0.0), "strength"),
        (lambda: simulate.spiked(3, 1, "2"), "strength"),
        (lambda: simulate.effective_rank([1.0, 0.0]), "spectrum"),
        (lambda: simulate.effective_rank([]), "spectrum"),
        (lambda: simulate.effective_dimension([1.0, -1.0]), "spectrum"),
        (lambda: simulate.effective_dimension([[1.0]]), "spectrum"),
        (lambda: simulate.effective_dimension(2.0), "spectrum"),
        (lambda: simulate.gaussian_inputs(0, [1.0]), "n"),
        (lambda: simulate.gaussian_inputs(True, [1.0]), "n"),
        (lambda: simulate.gaussian_inputs(2.0, [1.0]), "n"),
        (lambda: simulate.gaussian_inputs(2, [1.0, float("inf")]), "spectrum"),
        (lambda: simulate.gaussian_inputs(2, [1.0, 0.0]), "spectrum"),
        (lambda: simulate.gaussian_inputs(2, [True, True]), "spectrum"),
        (lambda: simulate.gaussian_inputs(2, [1.0], seed=-1), "seed"),
        (lambda: simulate.gaussian_inputs(2, [1.0], seed=True), "seed"),
        (lambda: simulate.gaussian_inputs(2, [1.0], seed=None), "seed"),
        (lambda: simulate.teacher_targets([[1.0, 2.0]], [1.0]), "teacher"),
        (lambda: simulate.teacher_targets([1.0], [1.0]), "X"),
        (lambda: simulate.teacher_targets([[1.0]], [1.0], noise=-1.0), "noise"),
        (lambda: simulate.teacher_targets([[1.0]], [1.0], noise=float("nan")), "noise"),
        (lambda: simulate.teacher_targets([[1.0]], [1.0], seed=1.5), "seed"),
        (lambda: simulate.random_targets(0), "n"),
        (lambda: simulate.random_targets(True), "n"),
        (lambda: simulate.random_targets(2.0), "n"),
        (lambda: simulate.random_targets(2, seed=-1), "seed"),
        (lambda: simulate.random_targets(2, kind="uniform"), "kind"),
        (lambda: simulate.random_targets(2, kind=1), "kind"),
        (lambda: simulate.random_targets(2, like="numpy"), "like"),
    ],
)
def test_bad_arguments_are_refused(call, name):
    with pytest.raises(simulate.InputError, match=f"^{name}: expected [^\n]*, got [^\n]*$"):
        call()


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20), st.floats(1e-150, 1e150))
def test_effective_ranks(spectrum, scale):
    S = np.diag(spectrum)
    srk, srk2 = np.trace(S) / np.linalg.norm(S, 2), np.trace(S @ S) / np.linalg.norm(S @ S, 2)
    scaled = scale * np.array(spectrum)
    assert simulate.effective_rank(scaled) == pytest.approx(srk, rel=1e-12)
    assert simulate.effective_dimension(scaled) == pytest.approx(min(srk, srk2), rel=1e-12)


def test_effective_ranks_on_every_backend(backend):
    spectrum = backend.asarray([4.0, 1.0, 1.0])
    assert simulate.effective_rank(spectrum) == 1.5
    assert simulate.effective_dimension(spectrum) == 1.125


def test_inputs_live_where_the_spectrum_lives(backend):
    X = simulate.gaussian_inputs(5, backend.asarray([1.0, 2.0, 3.0]), seed=3)
    assert backend.owns(X)
    assert X.shape == (5, 3)
    assert X.dtype == backend.xp.float64
    np.testing.assert_array_equal(simulate.to_host(X), simulate.gaussian_inputs(5, [1.0, 2.0, 3.0], seed=3))
    teacher = backend.asarray([1.0, -1.0, 0.5])
    y = simulate.teacher_targets(X, teacher, noise=0.1, seed=1)
    assert backend.owns(y)
    assert y.shape == (5,)


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 7), st.integers(0, 2**70))
def test_the_first_rows_do_not_depend_on_n(m, more, d, seed):
    spectrum = simulate.power_law(d, 1.0)
    short, long = (simulate.gaussian_inputs(n, spectrum, seed=seed) for n in (m, m + more))
    np.testing.assert_array_equal(short, long[:m])


def test_a_generator_is_used_and_advanced():
    stream = streams.generator(0, "mine")
    first, second = (simulate.gaussian_inputs(3, [1.0, 2.0], seed=stream) for _ in range(2))
    both = simulate.gaussian_inputs(6, [1.0, 2.0], seed=streams.generator(0, "mine"))
    np.testing.assert_array_equal(np.vstack([first, second]), both)


def test_inputs_do_not_change_between_versions():
    np.testing.assert_allclose(
        simulate.gaussian_inputs(1, [1.0, 4.0])[0], [-0.7292920406477895, 1.9033952446469569], rtol=1e-14
    )


def test_float32_spectra_give_float32_inputs():
    X = simulate.gaussian_inputs(4, np.ones(2, dtype=np.float32))
    assert X.dtype == np.float32


def test_covariance_of_the_inputs():
    # (1/n) Σ x xᵀ has entries with mean S_ij and variance at most 2 S_ii S_jj / n, nearly normal at n = 1e5. With 15
    # entries and the level 1e-6 the threshold is 5.4 standard deviations; 6 leaves room for the skewness of χ².
    n, spectrum = 100_000, np.array([4.0, 2.0, 1.0, 0.5, 0.1])
    assert 15 * 2 * special.ndtr(-6.0) < 1e-6
    X = simulate.gaussian_inputs(n, spectrum, seed=5)
    deviation = (X.T @ X / n - np.diag(spectrum)) / np.sqrt(np.outer(spectrum, spectrum))
    assert np.max(np.abs(deviation)) < 6.0 * np.sqrt(2 / n)


def test_targets():
    X = simulate.gaussian_inputs(2000, simulate.isotropic(3))
    teacher = [1.0, -2.0, 0.5]
    clean = simulate.teacher_targets(X, teacher)
    np.testing.assert_allclose(clean, X @ np.array(teacher), rtol=1e-14)
    noise = simulate.teacher_targets(X, teacher, noise=0.5, seed=4) - clean
    # The variance of 2000 draws is within 6 standard deviations, 6 sqrt(2/n), of 1/4.
    assert abs(np.mean(noise**2) / 0.25 - 1) < 6.0 * np.sqrt(2 / 2000)
    np.testing.assert_array_equal(simulate.teacher_targets(X, teacher, noise=0.5, seed=4) - clean, noise)


@pytest.mark.parametrize("kind", ["gaussian", "sign"])
def test_random_targets(backend, kind):
    like = backend.asarray([[0.0]])
    y = simulate.random_targets(4000, seed=2, kind=kind, like=like)
    assert backend.owns(y)
    y = simulate.to_host(y)
    assert y.shape == (4000,)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, simulate.random_targets(4000, seed=2, kind=kind))
    np.testing.assert_array_equal(y[:7], simulate.random_targets(7, seed=2, kind=kind))
    assert not np.array_equal(y, simulate.random_targets(4000, seed=3, kind=kind))
    # Mean and variance of 4000 draws, within 6 standard deviations.
    assert abs(np.mean(y)) < 6 / np.sqrt(4000)
    assert abs(np.mean(y**2) - 1) < 6 * np.sqrt(2 / 4000)
    if kind == "sign":
        assert set(y) == {-1.0, 1.0}
        np.testing.assert_array_equal(y, np.sign(simulate.random_targets(4000, seed=2)))


def test_random_targets_take_the_dtype_of_the_inputs():
    assert simulate.random_targets(3, like=np.ones((3, 2), dtype=np.float32)).dtype == np.float32
    stream = streams.generator(0, "mine")
    assert not np.array_equal(simulate.random_targets(3, stream), simulate.random_targets(3, stream))
