"""Exact ranges of the linear model: references, brute force, witnesses, degenerate and badly scaled designs."""

import tracemalloc

import dense_oracle
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate.arrays import real_arrays
from simulate.extremes.range_basis import basis_of_range


def _designs():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal
    return {
        "tall": normal((40, 5)),
        "anisotropic": normal((25, 6)) * np.array([5.0, 3.0, 1.0, 0.3, 0.1, 0.01]),
        "near-square": normal((8, 7)),
        "square": normal((6, 6)),
        "wide": normal((5, 12)),
        "above-inverse-iteration": normal((120, 70)),
        "low-rank-tall": normal((20, 3)) @ normal((3, 7)),
        "low-rank-wide": normal((8, 3)) @ normal((3, 15)),
        "duplicates-tall": np.repeat(normal((4, 6)), 3, axis=0)[:, [0, 0, 1, 2, 3, 3]],
        "duplicates-wide": np.repeat(normal((3, 8)), 2, axis=0),
        "zero-columns-and-rows": np.pad(normal((9, 3)), ((2, 1), (1, 2))),
        "zero-row-wide": np.pad(normal((3, 6)), ((1, 0), (0, 0))),
        "one-sample": normal((1, 4)),
        "one-feature": normal((7, 1)),
        "single": np.array([[-2.0]]),
        "rank-one": np.outer(normal(6), normal(4)),
        "ones": np.ones((5, 3)),
        "orthogonal": np.vstack([np.eye(3), -np.eye(3)]),
    }


DESIGNS = _designs()
both = pytest.mark.parametrize("centred", [False, True], ids=["uncentred", "centred"])


@pytest.fixture(params=DESIGNS.values(), ids=DESIGNS.keys(), name="X")
def _design(request):
    return request.param


def _range_on(basis, M):
    """Extreme eigenvalues of a symmetric n × n matrix restricted to the columns of an orthonormal basis."""
    values = np.linalg.eigvalsh(basis.T @ M @ basis)
    return values[0], values[-1]


def _range_basis(X):
    left, values, _ = np.linalg.svd(X, full_matrices=False)
    return left[:, values > 1e-12 * values[0]]


def _loss_matrix(X):
    """Diagonal n × n matrix whose Rayleigh quotient at the residual is μ."""
    a = np.array([sum(float(x @ z) ** 2 for z in X) / len(X) for x in X])
    return np.diag(a / a.mean())


def _direction_matrix(X, v, centred):
    """The n × n matrix whose Rayleigh quotient at the residual is g."""
    j = X @ v / np.linalg.norm(X @ v)
    return len(X) * np.diag(j**2) - (np.outer(j, j) if centred else 0)


def _direction(X):
    return np.random.default_rng(1).standard_normal(X.shape[1])


def test_loss_range(X, backend):
    found = simulate.loss_alignment_range(backend.asarray(X))
    assert found[:2] == pytest.approx(_range_on(_range_basis(X), _loss_matrix(X)), rel=1e-10, abs=1e-12)
    assert type(found.inf) is type(found.sup) is float
    assert found.witnesses.shape == (2, X.shape[1])
    assert backend.owns(found.witnesses)


def test_loss_witnesses_attain_the_range(X, backend):
    found = simulate.loss_alignment_range(backend.asarray(X))
    for u, value in zip(simulate.to_host(found.witnesses), found[:2], strict=True):
        assert dense_oracle.loss_alignment(X, X @ u) == pytest.approx(value, rel=1e-10, abs=1e-11)
        assert np.mean((X @ u) ** 2) == pytest.approx(1, rel=1e-10)
        assert np.max(u) == np.max(np.abs(u))


@both
def test_direction_range(X, centred, backend):
    v = _direction(X)
    found = simulate.directional_alignment_range(backend.asarray(X), backend.asarray(v), centred=centred)
    expected = _range_on(_range_basis(X), _direction_matrix(X, v, centred))
    assert found[:2] == pytest.approx(expected, rel=1e-10, abs=1e-11)
    assert type(found.inf) is type(found.sup) is float
    assert backend.owns(found.witnesses)
    for u, value in zip(simulate.to_host(found.witnesses), found[:2], strict=True):
        assert dense_oracle.directional_alignment(X, X @ u, v, centred) == pytest.approx(value, rel=1e-9, abs=1e-11)
        assert np.mean((X @ u) ** 2) == pytest.approx(1, rel=1e-10)


@both
@pytest.mark.parametrize("directions", [1, 4, 100])
def test_many_directions_agree_with_one(X, centred, directions, backend):
    V = np.random.default_rng(2).standard_normal((X.shape[1], directions))
    inf, sup = simulate.directional_alignment_ranges(backend.asarray(X), backend.asarray(V), centred=centred)
    assert backend.owns(inf)
    assert backend.owns(sup)
    inf, sup = simulate.to_host(inf), simulate.to_host(sup)
    assert inf.shape == sup.shape == (directions,)
    for k in range(0, directions, 7):
        one = simulate.directional_alignment_range(X, V[:, k], centred=centred)
        assert (inf[k], sup[k]) == pytest.approx(one[:2], rel=1e-10, abs=1e-11)


@both
def test_many_directions_at_large_rank(centred, monkeypatch):
    X = simulate.gaussian_inputs(90, simulate.power_law(40, 0.5))
    V = np.random.default_rng(2).standard_normal((40, 5))
    V[:, 2] = 0.0
    monkeypatch.setattr("simulate.extremes.directions.BLOCK_ENTRIES", 400)
    inf, sup = simulate.directional_alignment_ranges(X, V, centred=centred)
    for k in (0, 1, 3, 4):
        one = _range_on(_range_basis(X), _direction_matrix(X, V[:, k], centred))
        assert (inf[k], sup[k]) == pytest.approx(one, rel=1e-10, abs=1e-11)
    assert inf[2] == sup[2] == 1.0


def _brute_force(objective, d, value, sign):
    """Search never passes the extreme value (1e-9) and comes within 1e-6 of it."""
    # A quotient of quadratic forms has no local extremes but its extremes, so that few starts do.
    found = sign * dense_oracle.search(lambda u: sign * objective(u), d, np.random.default_rng(5), 3, 100)
    assert sign * (found - value) > -1e-9 * max(1.0, abs(value))
    assert found == pytest.approx(value, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", ["tall", "anisotropic", "near-square", "low-rank-tall", "duplicates-tall"])
def test_brute_force_reaches_the_loss_range(name):
    X = DESIGNS[name]
    found = simulate.loss_alignment_range(X)
    M = np.diag(_loss_matrix(X))

    def objective(u):
        return (X @ u) ** 2 @ M / np.sum((X @ u) ** 2)

    u = np.random.default_rng(0).standard_normal(X.shape[1])
    assert objective(u) == pytest.approx(dense_oracle.loss_alignment(X, X @ u), rel=1e-10)
    _brute_force(objective, X.shape[1], found.inf, 1)
    _brute_force(objective, X.shape[1], found.sup, -1)


@both
@pytest.mark.parametrize("name", ["tall", "near-square", "low-rank-wide"])
def test_brute_force_reaches_the_direction_range(name, centred):
    X = DESIGNS[name]
    v = _direction(X)
    found = simulate.directional_alignment_range(X, v, centred=centred)
    M = _direction_matrix(X, v, centred)

    def objective(u):
        return (X @ u) @ M @ (X @ u) / np.sum((X @ u) ** 2)

    u = np.random.default_rng(0).standard_normal(X.shape[1])
    assert objective(u) == pytest.approx(dense_oracle.directional_alignment(X, X @ u, v, centred), rel=1e-10)
    _brute_force(objective, X.shape[1], found.inf, 1)
    _brute_force(objective, X.shape[1], found.sup, -1)


def test_full_row_rank_attains_the_bounds_for_all_residuals():
    X = DESIGNS["wide"]
    a = np.diag(_loss_matrix(X))
    assert simulate.loss_alignment_range(X)[:2] == pytest.approx((a.min(), a.max()), rel=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (1, 1)])
def test_zero_design(shape, backend):
    X = backend.asarray(np.zeros(shape))
    V = backend.asarray(np.ones((shape[1], 2)))
    for found in (simulate.loss_alignment_range(X), simulate.directional_alignment_range(X, V[:, 0])):
        assert found[:2] == (1.0, 1.0)
        assert backend.owns(found.witnesses)
        np.testing.assert_array_equal(simulate.to_host(found.witnesses), np.zeros((2, shape[1])))
    for values in simulate.directional_alignment_ranges(X, V):
        np.testing.assert_array_equal(simulate.to_host(values), [1.0, 1.0])


@both
def test_null_directions(centred):
    X = DESIGNS["duplicates-tall"]
    exact = np.array([1.0, -1.0, 0, 0, 0, 0])
    assert simulate.directional_alignment_range(X, exact, centred=centred)[:2] == (1.0, 1.0)
    assert simulate.directional_alignment_range(X, 0 * exact, centred=centred)[:2] == (1.0, 1.0)
    # A null direction that only rounding makes non-zero: without a tolerance it would give plausible nonsense.
    X = DESIGNS["low-rank-tall"]
    null = np.linalg.svd(X)[2][-1]
    assert np.any(X @ null != 0)
    assert simulate.directional_alignment_range(X, null, centred=centred)[:2] == (1.0, 1.0)
    inf, sup = simulate.directional_alignment_ranges(X, np.stack([null, _direction(X)], axis=1), centred=centred)
    assert inf[0] == sup[0] == 1.0
    assert inf[1] < 1 < sup[1]


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
@pytest.mark.parametrize("name", ["tall", "wide", "low-rank-tall", "low-rank-wide", "anisotropic", "square"])
def test_extreme_scales(name, scale):
    X = DESIGNS[name]
    v = _direction(X)
    plain, scaled = simulate.loss_alignment_range(X), simulate.loss_alignment_range(scale * X)
    assert scaled[:2] == pytest.approx(plain[:2], rel=1e-10)
    for u, expected in zip(scaled.witnesses, plain.witnesses, strict=True):
        # Where the rank is below d the parameters, and so their sign, are one choice among many.
        assert abs(np.mean((scale * X @ u) * (X @ expected))) == pytest.approx(1, rel=1e-9)
    for centred in (False, True):
        one = simulate.directional_alignment_range(X, v, centred=centred)
        for vector_scale in (1e-150, 1.0, 1e150):
            other = simulate.directional_alignment_range(scale * X, vector_scale * v, centred=centred)
            assert other[:2] == pytest.approx(one[:2], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("decay", [1e-3, 1e-6, 1e-9, 1e-12, 1e-60])
@pytest.mark.parametrize("shape", [(30, 5), (4, 6), (2000, 20)])
def test_columns_of_very_different_scales(decay, shape):
    # The range of X is that of its well-conditioned factor, so the reference is accurate whatever the decay.
    Z = np.random.default_rng(3).standard_normal(shape)
    X = Z * decay ** np.linspace(0, 1, shape[1])
    a = np.sum((X @ X.T) ** 2, axis=1)
    basis = np.linalg.qr(Z)[0]
    assert simulate.loss_alignment_range(X)[:2] == pytest.approx(_range_on(basis, np.diag(a / a.mean())), rel=1e-9)
    for v in (np.ones(shape[1]), np.eye(shape[1])[-1]):
        expected = _range_on(basis, _direction_matrix(X / np.abs(X @ v).max(), v, False))
        assert simulate.directional_alignment_range(X, v)[:2] == pytest.approx(expected, rel=1e-9, abs=1e-11)


def _rotated(condition, n, d):
    """A design with singular values from 1 to 1/condition and no special directions."""
    rng = np.random.default_rng(4)
    left, right = (np.linalg.qr(rng.standard_normal((m, d)))[0] for m in (n, d))
    return left * np.geomspace(1, 1 / condition, d) @ right.T


def _range_in_high_precision(X):
    """Oracle 1 for the given floating-point matrix, with 60 digits."""
    with mpmath.workdps(60):
        A = mpmath.matrix(X.tolist())
        K = A * A.T
        a = [sum(K[i, j] ** 2 for j in range(A.rows)) for i in range(A.rows)]
        basis, _ = mpmath.qr(A, mode="skinny")
        weighted = mpmath.matrix([[basis[i, j] * a[i] for j in range(A.cols)] for i in range(A.rows)])
        values = mpmath.eigsy(basis.T * weighted / (sum(a) / A.rows), eigvals_only=True)
        return float(min(values)), float(max(values))


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e6, 1e8, 1e10, 1e12])
def test_badly_conditioned_designs(condition):
    # The entries of X determine its range up to about eps times the condition number.
    X = _rotated(condition, 24, 4)
    expected = _range_in_high_precision(X)
    assert simulate.loss_alignment_range(X)[:2] == pytest.approx(expected, rel=max(1e-11, 1e-16 * condition))


def test_the_last_singular_value_counts_down_to_rounding():
    # Dropping a direction would lose its part of the range: of 3 directions the third is 1e-12 of the first.
    X = _rotated(1e12, 12, 3)
    exact = _range_in_high_precision(X)
    truncated = _range_on(np.linalg.svd(X, full_matrices=False)[0][:, :2], _loss_matrix(X))
    found = simulate.loss_alignment_range(X)[:2]
    assert abs(found[0] - exact[0]) + abs(found[1] - exact[1]) < 1e-3
    assert abs(truncated[0] - exact[0]) + abs(truncated[1] - exact[1]) > 1e-2


@pytest.mark.parametrize("condition", [1e6, 1e9, 1e12])
def test_badly_conditioned_bases_are_orthonormal(condition):
    X = _rotated(condition, 200, 10)
    xp, (X,) = real_arrays(X=X)
    Z = np.vstack(list(basis_of_range(xp, X).blocks()))
    np.testing.assert_allclose(Z.T @ Z, np.eye(10), atol=1e-13)


def test_small_scales_and_small_angles_do_not_add_up_to_a_lost_direction():
    # Two columns of a millionth, at an angle of 1e-9 to each other: each alone is harmless, 1e-15 would count as zero.
    Z = np.random.default_rng(6).standard_normal((30, 3))
    X = np.stack([Z[:, 0], 1e-6 * Z[:, 1], 1e-6 * (Z[:, 1] + 1e-9 * Z[:, 2])], axis=1)
    assert simulate.loss_alignment_range(X)[:2] == pytest.approx(_range_in_high_precision(X), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1e-20, 1e-140])
def test_tiny_samples_count_where_every_residual_is_possible(scale):
    X = np.random.default_rng(7).standard_normal((4, 6))
    X[2] *= scale
    a = np.diag(_loss_matrix(X))
    found = simulate.loss_alignment_range(X)
    assert found[:2] == pytest.approx((a.min(), a.max()), rel=1e-12)
    if scale == 1e-9:
        # Below eps no floating-point u has its residual on the tiny sample alone.
        np.testing.assert_allclose(np.abs(X @ found.witnesses[0]), [0, 0, 2, 0], atol=1e-6)
    j = X @ np.ones(6)
    direction = simulate.directional_alignment_range(X, np.ones(6))
    assert direction.inf == pytest.approx(4 * np.min(j**2) / np.sum(j**2), rel=1e-9)


def test_large_blocks_and_small_blocks_agree(monkeypatch):
    for X in (DESIGNS["tall"], DESIGNS["low-rank-tall"], _rotated(1e6, 60, 4)):
        V = np.random.default_rng(0).standard_normal((X.shape[1], 3))
        whole = simulate.loss_alignment_range(X), simulate.directional_alignment_ranges(X, V, centred=True)
        with monkeypatch.context() as patch:
            patch.setattr("simulate.validation.BLOCK_ENTRIES", 30)
            blocks = simulate.loss_alignment_range(X), simulate.directional_alignment_ranges(X, V, centred=True)
        assert blocks[0][:2] == pytest.approx(whole[0][:2], rel=1e-8)
        np.testing.assert_allclose(blocks[1], whole[1], rtol=1e-8, atol=1e-11)


def test_memory_is_that_of_a_block():
    X = simulate.gaussian_inputs(200_000, simulate.isotropic(40))
    tracemalloc.start()
    simulate.loss_alignment_range(X)
    simulate.directional_alignment_range(X, np.ones(40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6 < X.nbytes


@settings(max_examples=35)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32), st.booleans())
def test_invariances(n, d, seed, centred):
    rng = np.random.default_rng(seed)
    X, v = rng.standard_normal((n, d)), rng.standard_normal(d)
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    order = rng.permutation(n)
    scale = 10.0 ** rng.uniform(-100, 100)
    loss = simulate.loss_alignment_range(X)
    direction = simulate.directional_alignment_range(X, v, centred=centred)
    assert 0 <= loss.inf <= loss.sup
    assert 0 <= direction.inf <= direction.sup <= n + 1e-9
    for other, turned in [(X @ rotation, rotation.T @ v), (X[order], v), (scale * X, v)]:
        assert simulate.loss_alignment_range(other)[:2] == pytest.approx(loss[:2], rel=1e-7, abs=1e-8)
        found = simulate.directional_alignment_range(other, turned, centred=centred)
        assert found[:2] == pytest.approx(direction[:2], rel=1e-6, abs=1e-7)
    u = rng.standard_normal(d)
    assert loss.inf - 1e-9 <= simulate.loss_alignment(X @ X.T, X @ u) <= loss.sup + 1e-9
    value = simulate.directional_alignment_along(X @ v, X @ u, centred=centred)
    assert direction.inf - 1e-9 <= value <= direction.sup + 1e-9


def test_float32_is_kept():
    X = DESIGNS["tall"].astype(np.float32)
    found = simulate.loss_alignment_range(X)
    assert found.witnesses.dtype == np.float32
    assert found[:2] == pytest.approx(simulate.loss_alignment_range(DESIGNS["tall"])[:2], rel=1e-4)
    assert simulate.directional_alignment_ranges(X, X[:2].T)[0].dtype == np.float32


def test_lists_are_accepted():
    assert simulate.loss_alignment_range([[1, 2], [3, 4], [5, 6]]).witnesses.shape == (2, 2)


GOOD = np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: simulate.loss_alignment_range(np.ones(3)), "X"),
        (lambda: simulate.loss_alignment_range(np.ones((2, 2, 2))), "X"),
        (lambda: simulate.loss_alignment_range(np.empty((0, 3))), "X"),
        (lambda: simulate.loss_alignment_range(np.empty((3, 0))), "X"),
        (lambda: simulate.loss_alignment_range([[1.0, np.nan]]), "X"),
        (lambda: simulate.loss_alignment_range([[1.0, np.inf]]), "X"),
        (lambda: simulate.loss_alignment_range([[1.0, 1j]]), "X"),
        (lambda: simulate.loss_alignment_range(None), "X"),
        (lambda: simulate.directional_alignment_range(GOOD, np.ones(3)), "v"),
        (lambda: simulate.directional_alignment_range(GOOD, np.ones((2, 1))), "v"),
        (lambda: simulate.directional_alignment_range(GOOD, [1.0, np.nan]), "v"),
        (lambda: simulate.directional_alignment_range(GOOD, np.ones(2), centred="yes"), "centred"),
        (lambda: simulate.directional_alignment_ranges(GOOD, np.ones(2)), "V"),
        (lambda: simulate.directional_alignment_ranges(GOOD, np.ones((3, 2))), "V"),
        (lambda: simulate.directional_alignment_ranges(GOOD, np.empty((2, 0))), "V"),
    ],
)
def test_bad_arguments_are_refused(call, name):
    with pytest.raises(simulate.InputError, match=f"^{name}: expected [^\n]*, got [^\n]*$"):
        call()
