"""Oracle 3 against dense definitions, random and local searches, exact special cases, and itself by other routes."""

from __future__ import annotations

import dense_oracle
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate.arrays import to_host
from simulate.extremes import certificates, fourth_moment
from simulate.extremes.lanczos import largest_eigenvalue, relative_error

SPECTRA = {
    "isotropic": np.ones(6),
    "power law": simulate.power_law(6, 1.0),
    "spiked": simulate.spiked(6, 1, 50.0),
}


def design(name: str, n: int = 90, seed: int = 0) -> np.ndarray:
    if name == "student t":
        rng = np.random.default_rng(seed)
        return rng.standard_normal((n, 6)) / np.sqrt(rng.chisquare(3, (n, 1)) / 3)
    return simulate.gaussian_inputs(n, SPECTRA[name], seed)


NAMES = [*SPECTRA, "student t"]


def dense_g(X: np.ndarray, u: np.ndarray, v: np.ndarray) -> float:
    return dense_oracle.directional_alignment(X, X @ u, v)


def random_values(X: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Values of g at random θ and v, in blocks."""
    values = []
    for _ in range(count // 5000):
        r, j = (X @ rng.standard_normal((X.shape[1], 5000)) for _ in range(2))
        values.append(len(X) * np.sum(r**2 * j**2, 0) / (np.sum(r**2, 0) * np.sum(j**2, 0)))
    return np.concatenate(values)


@pytest.mark.parametrize("name", NAMES)
def test_certificates_found_values_and_a_hundred_thousand_random_ones_are_in_order(name):
    X = design(name)
    found = simulate.uniform_alignment_range(X)
    values = random_values(X, 100_000, np.random.default_rng(1))
    assert found.sup_certified >= found.sup_found >= values.max()
    assert found.inf_certified <= found.inf_found <= values.min()
    # Certificates that are far off would be worth nothing.
    assert found.sup_certified <= 1.5 * found.sup_found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [12, 30, 90])
def test_the_witnesses_attain_what_was_found(name, n):
    X = design(name, n)
    found = simulate.uniform_alignment_range(X)
    assert dense_g(X, *found.sup_witness) == pytest.approx(found.sup_found, rel=1e-10)
    assert dense_g(X, *found.inf_witness) == pytest.approx(found.inf_found, rel=1e-9, abs=1e-12)
    for vector in (*found.sup_witness, *found.inf_witness):
        assert np.sum((X @ vector) ** 2) == pytest.approx(n)


@pytest.mark.parametrize("seed", range(3))
def test_local_search_by_other_means_reaches_the_extremes_and_never_beats_them(seed):
    X = design("power law", 40, seed)
    found = simulate.uniform_alignment_range(X)
    rng = np.random.default_rng(seed)

    def value(both, sign):
        r, j = X @ both[:6], X @ both[6:]
        A, B = np.sum(r**2), np.sum(j**2)
        g = len(X) * np.sum(r**2 * j**2) / (A * B)
        slopes = [len(X) * r * j**2 / (A * B) - g * r / A, len(X) * j * r**2 / (A * B) - g * j / B]
        return sign * g, sign * 2 * np.concatenate([slope @ X for slope in slopes])

    for sign, best in ((1.0, found.inf_found), (-1.0, found.sup_found)):
        runs = [scipy.optimize.minimize(value, rng.standard_normal(12), (sign,), jac=True).fun for _ in range(40)]
        assert sign * min(runs) == pytest.approx(best, rel=1e-4)


def test_the_supremum_is_attained_where_both_directions_agree():
    X = design("isotropic", 60)
    found = simulate.uniform_alignment_range(X)
    u, v = found.sup_witness
    assert abs(u @ v) == pytest.approx(np.linalg.norm(u) * np.linalg.norm(v), rel=1e-4)


@pytest.mark.parametrize("n", [5, 6])
def test_with_as_many_dimensions_as_samples_everything_is_possible(n):
    found = simulate.uniform_alignment_range(design("isotropic", n))
    assert (found.inf_found, found.inf_certified) == (0.0, 0.0)
    assert (found.sup_found, found.sup_certified) == (n, n)
    assert found.method == "exact"
    assert found.rank == n
    X = design("isotropic", n)
    assert dense_g(X, *found.sup_witness) == pytest.approx(n)
    assert dense_g(X, *found.inf_witness) == pytest.approx(0, abs=1e-12)
    assert found.lost_directions.shape == (6 - n, 6)
    assert np.abs(found.lost_directions @ X.T).max(initial=0.0) < 1e-12


def test_one_sample_one_dimension_and_no_signal():
    one = simulate.uniform_alignment_range([[2.0, 1.0]])
    assert (one.inf_found, one.sup_found) == (1.0, 1.0)
    x = np.random.default_rng(0).standard_normal((20, 1))
    line = simulate.uniform_alignment_range(x)
    assert line.inf_found == line.sup_found == pytest.approx(20 * np.sum(x**4) / np.sum(x**2) ** 2)
    zero = simulate.uniform_alignment_range(np.zeros((4, 3)))
    assert (zero.inf_found, zero.inf_certified, zero.sup_found, zero.sup_certified) == (1, 1, 1, 1)
    assert zero.rank == 0
    assert zero.lost_directions.shape == (3, 3)


def test_lost_directions_of_a_rank_deficient_design_are_named_and_do_not_matter():
    X = design("isotropic", 60)
    mixing = np.random.default_rng(2).standard_normal((6, 9))
    wide = X @ mixing
    found, narrow = simulate.uniform_alignment_range(wide), simulate.uniform_alignment_range(X)
    assert found.rank == 6
    lost = found.lost_directions
    assert lost.shape == (3, 9)
    assert lost @ lost.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.abs(wide @ lost.T).max() < 1e-12
    assert found.sup_certified == pytest.approx(narrow.sup_certified, rel=1e-8)
    assert found.sup_found == pytest.approx(narrow.sup_found, rel=1e-5)
    assert dense_g(wide, *found.inf_witness) == pytest.approx(found.inf_found, rel=1e-8)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(8, 40), st.integers(2, 4))
def test_linear_changes_of_the_inputs_permutations_and_scale_drop_out(seed, n, d):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    changed = 1e6 * X[rng.permutation(n)] @ rng.standard_normal((d, d))
    one, other = simulate.uniform_alignment_range(X), simulate.uniform_alignment_range(changed)
    assert other.sup_certified == pytest.approx(one.sup_certified, rel=1e-6)
    assert other.sup_found <= one.sup_certified * (1 + 1e-6)
    assert (other.inf_certified is None) == (one.inf_certified is None)
    if one.inf_certified is not None:
        assert other.inf_certified == pytest.approx(one.inf_certified, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("n", [30, 90])
def test_every_route_gives_a_bound_and_lanczos_a_probability(monkeypatch, n):
    X = design("isotropic", n)
    dense = simulate.uniform_alignment_range(X)
    monkeypatch.setattr(certificates, "DENSE_SAMPLES", 0)
    by_matrix = simulate.uniform_alignment_range(X)
    monkeypatch.setattr(fourth_moment, "DENSE_PAIRS", 0)
    lanczos = simulate.uniform_alignment_range(X)
    assert by_matrix.method == "dense operator"
    assert by_matrix.sup_certified == pytest.approx(dense.sup_certified, rel=1e-9)
    assert lanczos.method == "Lanczos"
    # In 20 dimensions of traceless matrices the Krylov space is soon exhausted.
    assert lanczos.sup_certified == pytest.approx(dense.sup_certified, rel=1e-8)
    assert lanczos.sup_found == pytest.approx(dense.sup_found, rel=1e-5)
    if n == 90:
        assert lanczos.inf_certified == pytest.approx(by_matrix.inf_certified, abs=0.1)
        assert lanczos.inf_certified <= lanczos.inf_found


def test_lanczos_in_many_dimensions_bounds_what_the_dense_operator_computes(monkeypatch):
    X = simulate.gaussian_inputs(900, np.ones(25), 3)
    dense = simulate.uniform_alignment_range(X, most_starts=4)
    monkeypatch.setattr(fourth_moment, "DENSE_PAIRS", 0)
    found = simulate.uniform_alignment_range(X, most_starts=4)
    assert 0 < found.failure_probability <= 1e-12
    assert dense.sup_certified <= found.sup_certified <= 1.05 * dense.sup_certified
    assert found.inf_certified <= dense.inf_certified


def test_the_lanczos_bound_holds_for_many_starts():
    values = np.r_[np.linspace(0, 0.99, 400), 1.0]
    rng = np.random.default_rng(0)
    xp = __import__("array_api_compat").array_namespace(values)
    failures = 0
    for _ in range(200):
        start = rng.standard_normal(values.size)
        found = largest_eigenvalue(xp, lambda x: values * x, start, values.size, 12, 0.05)
        assert found.ritz <= 1 + 1e-12
        failures += found.upper < 1
    assert relative_error(12, values.size, 0.05) < 1
    # At most 5 % of the starts may fail; 27 of 200 has a probability below 1e-6 at that rate.
    assert failures <= 27


def test_relative_error_inverts_the_published_bound():
    error = relative_error(100, 5000, 1e-12)
    assert 1.648 * np.sqrt(5000) * np.exp(-np.sqrt(error) * 199) == pytest.approx(1e-12)
    assert relative_error(3, 5000, 1e-12) > 1


def test_the_operator_in_both_forms_equals_the_sum_over_samples(monkeypatch):
    rng = np.random.default_rng(0)
    Z, U = rng.standard_normal((50, 5)), rng.standard_normal((5, 3))
    xp = __import__("array_api_compat").array_namespace(Z)
    expected = np.stack([sum((z @ u) ** 2 * np.outer(z, z) for z in Z) / 50 for u in U.T])
    dense = fourth_moment.FourthMoment(xp, Z)
    monkeypatch.setattr(fourth_moment, "DENSE_PAIRS", 0)
    free = fourth_moment.FourthMoment(xp, Z)
    assert dense.weighted(U) == pytest.approx(expected)
    assert free.weighted(U) == pytest.approx(expected)
    V = U @ U.T
    assert free.apply(V) == pytest.approx(sum((z @ V @ z) * np.outer(z, z) for z in Z) / 50)
    flat = dense.flatten(np.stack([V, np.eye(5)]))
    assert flat[0] @ flat[1] == pytest.approx(np.trace(V))
    assert dense.unflatten(flat)[0] == pytest.approx(V)
    assert dense.unflatten((dense.matrix @ flat[0])[None])[0] == pytest.approx(free.apply(V))


@pytest.mark.parametrize("shape", [(40, 4), (9, 4), (4, 6), (20, 1)])
def test_every_library_and_device_gives_the_same(backend, shape):
    values = np.random.default_rng(1).standard_normal(shape)
    here, there = simulate.uniform_alignment_range(values), simulate.uniform_alignment_range(backend.asarray(values))
    assert there.sup_certified == pytest.approx(here.sup_certified, rel=1e-9)
    assert there.sup_found == pytest.approx(here.sup_found, rel=1e-6)
    assert (there.inf_certified or 0) == pytest.approx(here.inf_certified or 0, abs=1e-9)
    for vector in (*there.sup_witness, *there.inf_witness):
        assert backend.owns(vector)
    assert backend.owns(there.lost_directions)
    u, v = (to_host(vector) for vector in there.sup_witness)
    assert dense_g(values, u, v) == pytest.approx(there.sup_found, rel=1e-9)


def test_a_seed_fixes_everything():
    X = design("isotropic", 50)
    one, same = (simulate.uniform_alignment_range(X, seed=5) for _ in range(2))
    assert (one.inf_found, one.sup_found, one.starts, one.reached) == (
        same.inf_found,
        same.sup_found,
        same.starts,
        same.reached,
    )
    assert np.array_equal(one.inf_witness[0], same.inf_witness[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": [[1.0, np.nan]]}, "X: expected finite"),
        ({"X": [1.0, 2.0]}, "X: expected"),
        ({"X": np.ones((3, 2)), "seed": -1}, "seed: expected"),
        ({"X": np.ones((3, 2)), "most_starts": 0}, "most_starts: expected"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(simulate.InputError, match=message):
        simulate.uniform_alignment_range(**arguments)
