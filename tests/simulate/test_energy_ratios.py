"""Energy ratios of second moments, and the constants of Assumption 5.1, against definitions and searches."""

import dense_oracle
import moment_oracle
import numpy as np
import pytest
import scipy.linalg

import simulate

normal = np.random.default_rng(5).standard_normal
DESIGNS = {
    "tall": normal((30, 4)) * np.array([2.0, 1.0, 0.5, 0.3]),
    "near-square": normal((6, 5)),
    "wide": normal((4, 7)),
    "low-rank": normal((12, 3)) @ normal((3, 5)),
    "one-feature": normal((9, 1)),
}
both = pytest.mark.parametrize("X", DESIGNS.values(), ids=DESIGNS.keys())


def _eigen(X):
    """Positive eigenvalues of G, descending, and their eigenvectors."""
    values, U = np.linalg.eigh(X.T @ X / len(X))
    kept = values[::-1] > 1e-12 * values[-1]
    return values[::-1][kept], U[:, ::-1][:, kept]


@both
def test_ratios_by_their_definition(X):
    moments = simulate.second_moments(X, np.eye(X.shape[1]), 0.4, 5)
    found = simulate.energy_ratios(X, moments)
    values, U = _eigen(X)
    assert found.eigenvalues == pytest.approx(values, rel=1e-10)
    assert found.flat_to_sharp.shape == found.parameter_ratios.shape == (6, len(values) - 1)
    for t, M in enumerate(moments):
        m = [u @ M @ u for u in U.T]
        for k in range(1, len(values)):
            energies = values * m
            assert found.flat_to_sharp[t, k - 1] == pytest.approx(sum(energies[k:]) / sum(energies[:k]), rel=1e-9)
            assert found.parameter_ratios[t, k - 1] == pytest.approx(sum(m[k:]) / sum(m[:k]), rel=1e-9)
            # P_k ≥ (λ_k/λ_{k+1}) D_k
            bound = values[k - 1] / values[k] * found.flat_to_sharp[t, k - 1]
            assert found.parameter_ratios[t, k - 1] >= bound * (1 - 1e-12)


def test_ratios_do_not_depend_on_scale_and_are_nan_beyond_float64():
    X = DESIGNS["tall"]
    moments = simulate.second_moments(X, np.eye(4), 40.0, 200)
    assert np.isinf(moments[-1]).all()
    found = simulate.energy_ratios(X, moments)
    finite = np.isfinite(moments).all(axis=(1, 2))
    assert np.array_equal(np.isnan(found.flat_to_sharp).any(axis=1), ~finite)
    small = simulate.energy_ratios(X * 1e-150, moments[:3] * 1e-290)
    assert small.flat_to_sharp == pytest.approx(found.flat_to_sharp[:3], rel=1e-12)
    nothing = simulate.energy_ratios(X, np.zeros((1, 4, 4)))
    assert np.isnan(nothing.flat_to_sharp).all()


def test_online_ratios_sort_the_spectrum():
    spectrum = np.array([0.3, 2.0, 1.0])
    diagonals = simulate.online_second_moments(spectrum, [1.0, 2.0, 3.0], 0.5, 4)
    found = simulate.online_energy_ratios(spectrum, diagonals)
    m, s = diagonals[:, [1, 2, 0]], spectrum[[1, 2, 0]]
    assert np.array_equal(found.eigenvalues, s)
    assert found.flat_to_sharp[:, 0] == pytest.approx((m * s)[:, 1:].sum(axis=1) / (m * s)[:, 0], rel=1e-13)
    assert found.parameter_ratios[:, 1] == pytest.approx(m[:, 2] / m[:, :2].sum(axis=1), rel=1e-13)
    full = simulate.online_second_moments(spectrum, np.diag([1.0, 2.0, 3.0]), 0.5, 4)
    again = simulate.online_energy_ratios(spectrum, full)
    assert again.flat_to_sharp == pytest.approx(found.flat_to_sharp, rel=1e-13)
    sharp_only = simulate.online_energy_ratios([2.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    assert sharp_only.flat_to_sharp.ravel().tolist() == [0.0, np.inf]


def _noise_ranges(X):
    """Extremes of g_centred along each eigenvector by generalised eigenproblems over residuals in the range of X."""
    left = np.linalg.svd(X, full_matrices=False)[0][:, : np.linalg.matrix_rank(X)]
    for u in _eigen(X)[1].T:
        j = X @ u
        # vᵀΣv = (1/n) Σ r_i² j_i² − ((1/n) Σ r_i j_i)²
        noise = np.diag(j**2) / len(X) - np.outer(j, j) / len(X) ** 2
        scale = np.eye(len(X)) * (j @ j) / len(X) ** 2
        yield scipy.linalg.eigh(left.T @ noise @ left, left.T @ scale @ left, eigvals_only=True)[[0, -1]]


@both
def test_constants_are_the_extremes_along_each_eigenvector(X):
    found = simulate.alignment_constants(X)
    ranges = np.array(list(_noise_ranges(X)))
    assert found.inf == pytest.approx(ranges[:, 0], rel=1e-8, abs=1e-10)
    assert found.sup == pytest.approx(ranges[:, 1], rel=1e-8)
    assert found.A1 == found.inf.min() == found.inf[found.directions[0]]
    assert found.A2 == found.sup.max() == found.sup[found.directions[1]]
    if len(found.eigenvalues) == len(X):
        assert found.A1 == 0.0
    for value, i, w in zip((found.A1, found.A2), found.directions, found.witnesses, strict=True):
        attained = dense_oracle.directional_alignment(X, (X @ w)[:, None], _eigen(X)[1][:, i], centred=True)
        assert attained == pytest.approx(value, rel=1e-8, abs=1e-12)


def test_no_parameters_beat_the_constants_and_a_search_comes_near():
    X = DESIGNS["tall"]
    found = simulate.alignment_constants(X)
    U = _eigen(X)[1]
    rng = np.random.default_rng(0)

    def value(u, i):
        return dense_oracle.directional_alignment(X, (X @ u)[:, None], U[:, i], centred=True)

    low = min(dense_oracle.search(lambda u, i=i: value(u, i), 4, rng, 3, 40) for i in range(4))
    high = -min(dense_oracle.search(lambda u, i=i: -value(u, i), 4, rng, 3, 40) for i in range(4))
    assert low == pytest.approx(found.A1, rel=1e-5)
    assert high == pytest.approx(found.A2, rel=1e-5)


def test_identical_samples_have_no_noise():
    found = simulate.alignment_constants(np.ones((5, 2)))
    assert found.A1 == 0.0
    assert pytest.approx(0.0, abs=1e-12) == found.A2


@both
def test_constants_along_a_run(X):
    moments = simulate.second_moments(X, np.arange(1.0, X.shape[1] + 1), 0.6, 6)
    found = simulate.alignment_constants_along(X, moments)
    values, U = _eigen(X)
    G = X.T @ X / len(X)
    for t, M in enumerate(moments):
        noise = moment_oracle.step(X, M, 1.0, 1.0) - (np.eye(len(G)) - G) @ M @ (np.eye(len(G)) - G)
        expected = [u @ noise @ u / (value * np.trace(G @ M)) for value, u in zip(values, U.T, strict=True)]
        assert found.values[t] == pytest.approx(expected, rel=1e-7, abs=1e-10)
    assert found.values[found.lowest[::-1]] == found.A1 == np.nanmin(found.values)
    assert found.values[found.highest[::-1]] == found.A2 == np.nanmax(found.values)
    everywhere = simulate.alignment_constants(X)
    assert everywhere.A1 <= found.A1 * (1 + 1e-12) + 1e-12
    assert found.A2 <= everywhere.A2 * (1 + 1e-10) + 1e-12


def test_moments_without_a_loss_or_beyond_float64_are_left_out():
    X = np.pad(DESIGNS["tall"], ((0, 0), (0, 1)))
    moments = np.stack([np.diag([0, 0, 0, 0, 1.0]), np.eye(5), 1e-300 * np.eye(5), np.full((5, 5), np.inf)])
    found = simulate.alignment_constants_along(X, moments)
    assert np.isnan(found.values[[0, 3]]).all()
    assert found.values[2] == pytest.approx(found.values[1], rel=1e-12)
    scaled = simulate.alignment_constants_along(X * 2.0**200, moments)
    assert scaled.values[1] == pytest.approx(found.values[1], rel=1e-12)
    with pytest.raises(simulate.InputError, match="moments: expected at least one finite moment"):
        simulate.alignment_constants_along(X, moments[[0, 3]])


@pytest.mark.parametrize(
    "moments", [np.eye(4), np.zeros((0, 4, 4)), np.ones((2, 3, 3)), "moments", np.ones((1, 4, 4)) * 1j, [[1.0], [2, 3]]]
)
def test_bad_moments(moments):
    for function in (simulate.energy_ratios, simulate.alignment_constants_along):
        with pytest.raises(simulate.InputError, match=r"^moments: [^\n]*$"):
            function(DESIGNS["tall"], moments)
    with pytest.raises(simulate.InputError, match=r"^moments: [^\n]*$"):
        simulate.online_energy_ratios([1.0, 2.0], moments)


def test_bad_designs():
    for X in (np.zeros((3, 4)), np.ones(3), [[np.nan]]):
        with pytest.raises(simulate.InputError, match=r"^X: [^\n]*$"):
            simulate.alignment_constants(X)
        with pytest.raises(simulate.InputError, match=r"^X: [^\n]*$"):
            simulate.energy_ratios(X, np.ones((1, 4, 4)))


@pytest.mark.parametrize("scale", [5e-324, 1e-200, 1e200, 1e308])
def test_constants_at_the_ends_of_float64(scale):
    X = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    found, expected = simulate.alignment_constants(X * scale), simulate.alignment_constants(X)
    np.testing.assert_allclose([found.A1, found.A2], [expected.A1, expected.A2], rtol=1e-12)
    assert np.all((found.eigenvalues == 0) | np.isinf(found.eigenvalues))
