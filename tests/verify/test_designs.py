"""Gaussian designs: their spectra, their draws, and the exact extremes on one draw against naive loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import simulate
from verify.designs import FAMILIES, TAIL, Design

families = st.sampled_from(sorted(FAMILIES))
designs = st.builds(Design, families, st.integers(1, 40), st.integers(1, 30))


def effective_rank(values: list[float]) -> float:
    return math.fsum(values) / max(values)


@given(designs)
def test_the_spectrum_has_the_effective_dimension_that_is_claimed(design):
    spectrum = design.spectrum()
    assert spectrum.shape == (design.d,)
    assert spectrum.min() > 0
    assert spectrum.max() == 1
    squares = [float(value) ** 2 for value in spectrum]
    naive = min(effective_rank(spectrum.tolist()), effective_rank(squares))
    assert design.d_eff == pytest.approx(naive, rel=1e-9)
    assert design.d_eff == pytest.approx(design.rank, rel=1e-9)
    assert design.d_eff == pytest.approx(simulate.effective_dimension(spectrum), rel=1e-9)


@pytest.mark.parametrize(("family", "d"), [("isotropic", 7), ("masked", 12), ("spiked", 14)])
def test_dimensions_and_shapes(family, d):
    design = Design(family, 5, 7)
    assert design.d == d
    assert design.draw(0, 0).shape == (5, d)
    assert design.leading_columns(0, 0).shape == (5, 7 if family == "masked" else d)
    assert design.draw(0, 0).dtype == np.float64


@given(designs, st.integers(0, 5), st.integers(0, 5))
def test_a_draw_is_named_by_design_seed_and_trial(design, seed, trial):
    X = design.draw(seed, trial)
    np.testing.assert_array_equal(X, Design(*design).draw(seed, trial))
    assert not np.array_equal(X, design.draw(seed + 1, trial))
    assert not np.array_equal(X, design.draw(seed, trial + 1))
    np.testing.assert_array_equal(
        X[:, : design.leading_columns(seed, trial).shape[1]], design.leading_columns(seed, trial)
    )


def test_designs_of_other_sizes_or_families_are_independent_draws():
    first = Design("isotropic", 30, 4).draw(0, 0)
    assert not np.array_equal(first, Design("isotropic", 31, 4).draw(0, 0)[:30])
    assert not np.array_equal(first, Design("masked", 30, 4).leading_columns(0, 0))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_entries_are_independent_gaussians_with_the_spectrum_as_variances(family):
    design = Design(family, 60, 3)
    draws = np.stack([design.draw(0, trial) for trial in range(60)]) / np.sqrt(design.spectrum())
    assert scipy.stats.kstest(draws[:, :, : design.rank].ravel(), "norm").pvalue > 1e-6
    assert scipy.stats.kstest(draws[:, :, -1].ravel(), "norm").pvalue > 1e-6
    # The correlation of two columns over 3600 rows has standard deviation 1/60.
    correlations = np.corrcoef(draws.reshape(-1, design.d)[:, [0, 1, -1]].T)
    assert np.abs(correlations - np.eye(3)).max() < 5.5 / 60


def naive_weights(X: np.ndarray) -> np.ndarray:
    """a_i = (1/n) Σ_j (x_i·x_j)², one pair at a time."""
    n = len(X)
    return np.array([sum(float(X[i] @ X[j]) ** 2 for j in range(n)) / n for i in range(n)])


@pytest.mark.parametrize("design", [Design("isotropic", 30, 4), Design("spiked", 25, 3), Design("isotropic", 6, 9)])
def test_extremes_by_a_generalised_eigenproblem(design):
    X = design.draw(1, 2)
    a = naive_weights(X)
    if design.n <= design.d:
        expected = a.min() / a.mean(), a.max() / a.mean()
    else:
        values = scipy.linalg.eigh(X.T @ (a[:, None] * X) / a.mean(), X.T @ X, eigvals_only=True)
        expected = values[0], values[-1]
    assert design.loss_extremes(1, 2) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(30, 4), (12, 12), (8, 20), (60, 2)])
def test_masked_extremes_are_the_limit_of_the_design_that_is_written_out(n, m):
    design = Design("masked", n, m)
    X = design.draw(3, 1)
    assert np.linalg.matrix_rank(X, tol=1e-12) == n
    explicit = simulate.loss_alignment_range(X)
    # The tail of 1e-8 adds n·1e-8 to ‖x_i‖² ≈ m: a relative difference of about 1e-7.
    assert design.loss_extremes(3, 1) == pytest.approx((explicit.inf, explicit.sup), rel=5e-6)
    a = naive_weights(design.leading_columns(3, 1))
    assert design.loss_extremes(3, 1) == pytest.approx((a.min() / a.mean(), a.max() / a.mean()), rel=1e-10)


@given(designs, st.integers(0, 3), st.integers(0, 3))
def test_a_recipe_draws_the_same_data_again(design, seed, trial):
    recipe = design.recipe(seed, trial)
    again = Design(recipe["family"], recipe["n"], recipe["d_eff"] if design.family == "isotropic" else design.rank)
    assert (recipe["n"], recipe["d"], recipe["d_eff"]) == (design.n, design.d, design.d_eff)
    assert recipe["meaning"] == FAMILIES[design.family]
    expression = str(recipe["draw"]).removeprefix("verify.designs.Design(").removesuffix(")")
    arguments, _, call = expression.partition(").draw(")
    family, n, rank = (part.strip() for part in arguments.split(","))
    named = dict(part.split("=") for part in call.split(", "))
    again = Design(family.strip("'"), int(n), int(rank))
    np.testing.assert_array_equal(
        again.draw(seed=int(named["seed"]), trial=int(named["trial"])), design.draw(seed, trial)
    )


def test_the_tail_is_negligible_for_the_effective_dimension():
    design = Design("masked", 60_000, 2)
    assert design.d_eff == 2
    assert 60_000 * TAIL**2 < 1e-10
