"""Worst cases of diagonal and deep linear networks against dense definitions, grids, random search and oracle 3."""

from __future__ import annotations

import dense_oracle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulate
from simulate import (
    DeepLinear,
    DiagonalLinear,
    InputError,
    deep_linear_alignment_search,
    deep_linear_witness,
    diagonal_alignment_search,
    loss_alignment,
)
from simulate.extremes import family_ascents


def normal(n: int, d: int, seed: int = 0, exponent: float = 0.0) -> np.ndarray:
    return simulate.gaussian_inputs(n, simulate.power_law(d, exponent), seed)


def dense_alignment(model: DiagonalLinear | DeepLinear, X: np.ndarray, witness: simulate.FamilyWitness) -> float:
    """μ from a Jacobian by differences of F, which is a polynomial of the parameters, and p × p matrices."""
    columns = []
    for step in np.eye(model.size):
        # The derivative of a polynomial of degree at most 4 in each parameter, exactly.
        values = [effective_weights(model, witness.theta + t * step) for t in (-2, -1, 1, 2)]
        columns.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / 12)
    residual = X @ (effective_weights(model, witness.theta) - witness.teacher)
    return dense_oracle.loss_alignment(X @ np.array(columns).T, residual)


def effective_weights(model: DiagonalLinear | DeepLinear, theta: np.ndarray) -> np.ndarray:
    """F(θ), written down again."""
    if isinstance(model, DiagonalLinear):
        alpha, beta = theta[: model.d], theta[model.d :]
        return alpha**2 - beta**2 if model.form == "difference" else alpha * beta
    product, start = np.eye(model.d), 0
    for out, into in zip((*model.widths, 1), (model.d, *model.widths), strict=True):
        product = theta[start : start + out * into].reshape(out, into) @ product
        start += out * into
    return product[0]


def by_gram(model: DiagonalLinear | DeepLinear, X: np.ndarray, witness: simulate.FamilyWitness) -> float:
    return loss_alignment(model.gram(witness.theta, X), model.predict(witness.theta, X) - X @ witness.teacher)


DESIGNS = {
    "isotropic": normal(40, 5),
    "power law": normal(40, 5, 1, 1.0),
    "few samples": normal(4, 5, 2),
    "rank": normal(20, 5, 3) @ np.diag([1.0, 1.0, 0.0, 1.0, 0.0]),
}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("form", ["difference", "product"])
def test_diagonal_witnesses_attain_what_was_found(name, form):
    X, model = DESIGNS[name], DiagonalLinear(5, form)
    found = diagonal_alignment_search(model, X)
    for witness, alignment in ((found.inf_witness, found.inf_found), (found.sup_witness, found.sup_found)):
        assert dense_alignment(model, X, witness) == pytest.approx(alignment, rel=1e-9)
        assert by_gram(model, X, witness) == pytest.approx(alignment, rel=1e-9)
    assert found.basis == "searched"
    assert found.starts == 16


@pytest.mark.parametrize("seed", range(2))
def test_a_diagonal_network_in_the_plane_against_a_grid(seed):
    X = normal(25, 2, seed, 0.5) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    values = []
    for angle in np.linspace(0, np.pi / 2, 2001):
        diagonal = np.array([np.cos(angle), np.sin(angle)])
        weights = np.sum((X * diagonal @ X.T) ** 2, axis=1)
        # Given the diagonal, μ is a generalised Rayleigh quotient.
        pencil = np.linalg.solve(X.T @ X, (X.T * weights) @ X) / weights.mean()
        values.append(np.linalg.eigvals(pencil).real)
    found = diagonal_alignment_search(DiagonalLinear(2), X)
    assert np.max(values) * (1 - 1e-9) <= found.sup_found <= np.max(values) * (1 + 1e-4)
    assert np.min(values) * (1 - 1e-4) <= found.inf_found <= np.min(values) * (1 + 1e-9)


@pytest.mark.parametrize("name", DESIGNS)
def test_no_random_diagonal_network_is_worse_and_no_linear_model_better(name):
    X, rng = DESIGNS[name], np.random.default_rng(0)
    model = DiagonalLinear(5)
    found = diagonal_alignment_search(model, X)
    for _ in range(500):
        theta, teacher = (rng.standard_normal(size) * 10 ** rng.uniform(-1, 1, size) for size in (10, 5))
        alignment = by_gram(model, X, simulate.FamilyWitness(theta, teacher))
        assert found.inf_found <= alignment <= found.sup_found
    for j in range(5):
        along = simulate.directional_alignment_range(X, np.eye(5)[j])
        assert found.inf_found <= along.inf * (1 + 1e-9)
        assert found.sup_found >= along.sup * (1 - 1e-9)
    linear, every = simulate.loss_alignment_range(X), simulate.uniform_alignment_range(X)
    assert found.inf_found <= linear.inf * (1 + 1e-9)
    assert found.sup_found >= linear.sup * (1 - 1e-9)
    assert found.sup_found <= every.sup_certified * (1 + 1e-9)
    assert found.inf_found >= (every.inf_certified or 0.0) * (1 - 1e-9)


@settings(max_examples=12)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 10**6))
def test_the_two_forms_and_the_scales_of_columns_do_not_matter(n, d, seed):
    X = normal(n, d, seed)
    found = diagonal_alignment_search(DiagonalLinear(d), X, seed=seed, starts=4)
    product = diagonal_alignment_search(DiagonalLinear(d, "product"), X, seed=seed, starts=4)
    assert (product.inf_found, product.sup_found) == pytest.approx((found.inf_found, found.sup_found), rel=1e-9)
    # Powers of two, so that the search takes the same steps.
    stretched = X * 2.0 ** np.random.default_rng(seed).integers(-30, 30, d)
    again = diagonal_alignment_search(DiagonalLinear(d), stretched, seed=seed, starts=4)
    assert (again.inf_found, again.sup_found) == pytest.approx((found.inf_found, found.sup_found), rel=1e-6, abs=1e-9)


def test_the_ascent_over_diagonals_takes_steps_that_gain():
    design = family_ascents.DiagonalDesign(normal(30, 6))
    for sign in (1, -1):
        diagonal = np.ones(6)
        value, residual, u = design.worst_error(diagonal, sign)
        assert design.X @ u == pytest.approx(residual, abs=1e-12)
        better = design.better_diagonal(residual, diagonal, sign)
        assert better.min() >= 0
        assert sign * family_ascents.alignment_of(design.X, u, np.diag(better)) > sign * value
        assert family_ascents.alignment_of(design.X, u, np.diag(diagonal)) == pytest.approx(value, rel=1e-12)


WIDTHS = [(1,), (3,), (1, 1), (2, 3), (4, 1, 2)]


@pytest.mark.parametrize("widths", WIDTHS)
def test_deep_linear_networks_attain_every_directional_alignment(widths):
    rng = np.random.default_rng(0)
    X, model = normal(20, 4), DeepLinear(4, widths)
    for _ in range(5):
        u, v = rng.standard_normal((2, 4))
        witness = deep_linear_witness(4, widths, u, v)
        expected = dense_oracle.directional_alignment(X, X @ u, v)
        assert dense_alignment(model, X, witness) == pytest.approx(expected, rel=1e-9)
        assert by_gram(model, X, witness) == pytest.approx(expected, rel=1e-9)
        assert model.gram(witness.theta, np.eye(4)) == pytest.approx(np.outer(v, v), abs=1e-12)


@pytest.mark.parametrize("widths", WIDTHS)
def test_deep_linear_networks_attain_the_extremes_of_all_linear_models(widths):
    X, model = normal(60, 4), DeepLinear(4, widths)
    every = simulate.uniform_alignment_range(X)
    for pair, alignment in ((every.inf_witness, every.inf_found), (every.sup_witness, every.sup_found)):
        witness = deep_linear_witness(4, widths, *pair)
        assert by_gram(model, X, witness) == pytest.approx(alignment, rel=1e-9)


def test_long_parameters_come_close_to_every_extreme_for_any_teacher():
    X, teacher = normal(60, 4), np.array([1.0, -2.0, 0.0, 0.5])
    every = simulate.uniform_alignment_range(X)
    u, v = every.sup_witness
    model = DeepLinear(4, (2, 3, 2))
    gaps = []
    for length in (1e1, 1e2, 1e3):
        first = np.array([length * v, u + teacher])
        theta = np.concatenate([first.ravel(), np.eye(3, 2).ravel(), np.eye(2, 3).ravel(), [0.0, 1.0]])
        gaps.append(every.sup_found - by_gram(model, X, simulate.FamilyWitness(theta, teacher)))
    assert 0 <= gaps[2] < gaps[1] / 50 < gaps[0]
    assert gaps[2] < 1e-3


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("name", ["isotropic", "few samples"])
def test_searched_deep_linear_networks_attain_what_was_found(widths, name):
    X, model, teacher = DESIGNS[name], DeepLinear(5, widths), np.array([1.0, -1.0, 0.5, 0.0, 2.0])
    found = deep_linear_alignment_search(model, X, teacher, starts=2)
    every = simulate.uniform_alignment_range(X)
    for witness, alignment in ((found.inf_witness, found.inf_found), (found.sup_witness, found.sup_found)):
        assert np.array_equal(witness.teacher, teacher)
        assert by_gram(model, X, witness) == pytest.approx(alignment, rel=1e-8, abs=1e-12)
    assert found.sup_found <= every.sup_certified * (1 + 1e-9)
    assert found.inf_found >= (every.inf_certified or 0.0)
    rng = np.random.default_rng(1)
    for _ in range(100):
        alignment = by_gram(model, X, simulate.FamilyWitness(rng.standard_normal(model.size), teacher))
        assert found.inf_found <= alignment <= found.sup_found


def test_searched_witness_by_the_dense_definition():
    X, model = normal(15, 3), DeepLinear(3, (2, 2))
    found = deep_linear_alignment_search(model, X, np.ones(3), starts=2)
    for witness, alignment in ((found.inf_witness, found.inf_found), (found.sup_witness, found.sup_found)):
        assert dense_alignment(model, X, witness) == pytest.approx(alignment, rel=1e-7)


def test_a_deep_search_comes_near_the_range_of_all_linear_models():
    X = normal(40, 4)
    every = simulate.uniform_alignment_range(X)
    found = deep_linear_alignment_search(DeepLinear(4, (4, 4)), X, np.ones(4), starts=4)
    assert found.sup_found >= 0.98 * every.sup_found
    assert found.inf_found <= 1.1 * every.inf_found


def test_one_layer_is_exact():
    X, teacher = normal(30, 4), np.arange(4.0)
    model = DeepLinear(4, ())
    found, linear = deep_linear_alignment_search(model, X, teacher), simulate.loss_alignment_range(X)
    assert (found.inf_found, found.sup_found, found.basis, found.starts) == (linear.inf, linear.sup, "exact", 0)
    assert dense_alignment(model, X, found.inf_witness) == pytest.approx(linear.inf, rel=1e-9)
    assert dense_alignment(model, X, found.sup_witness) == pytest.approx(linear.sup, rel=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("widths", [(), *WIDTHS])
def test_the_gradient_of_a_deep_ascent_by_differences(widths, sign):
    rng = np.random.default_rng(0)
    X, model = normal(12, 4), DeepLinear(4, widths)
    theta, teacher = rng.standard_normal(model.size), rng.standard_normal(4)

    def objective(shift: np.ndarray) -> float:
        arguments = (model, X, X.T @ X / 12, teacher, sign)
        return family_ascents.deep_descent_objective(theta + shift, *arguments)[0]

    gradient = family_ascents.deep_descent_objective(theta, model, X, X.T @ X / 12, teacher, sign)[1]
    numeric = [(objective(step) - objective(-step)) / 2e-6 for step in 1e-6 * np.eye(model.size)]
    assert gradient == pytest.approx(np.array(numeric), abs=1e-7)
    alignment = by_gram(model, X, simulate.FamilyWitness(theta, teacher))
    assert objective(np.zeros(model.size)) == pytest.approx(-sign * np.log(alignment), abs=1e-9)


def test_seeds_fix_everything():
    X = normal(12, 5)
    for search in (
        lambda seed: diagonal_alignment_search(DiagonalLinear(5), X, seed=seed, starts=4),
        lambda seed: deep_linear_alignment_search(DeepLinear(5, (2,)), X, np.ones(5), seed=seed, starts=2),
    ):
        first, again, drawn = search(5), search(5), search(np.random.default_rng(0))
        assert (first.inf_found, first.sup_found, first.reached) == (again.inf_found, again.sup_found, again.reached)
        assert np.array_equal(first.sup_witness.theta, again.sup_witness.theta)
        assert drawn.sup_found >= 1


def test_every_array_library(backend):
    X = normal(8, 3)
    given_array = backend.asarray(X)
    found = diagonal_alignment_search(DiagonalLinear(3), given_array, starts=1)
    assert found.sup_found == diagonal_alignment_search(DiagonalLinear(3), X, starts=1).sup_found
    teacher = backend.asarray(np.ones(3))
    deep = deep_linear_alignment_search(DeepLinear(3, (2,)), given_array, teacher, starts=1)
    assert deep.sup_found == deep_linear_alignment_search(DeepLinear(3, (2,)), X, np.ones(3), starts=1).sup_found
    u, v = backend.asarray([1.0, 0.0, 2.0]), backend.asarray([0.0, 1.0, 1.0])
    assert isinstance(deep_linear_witness(3, (2,), u, v).theta, np.ndarray)


def test_without_inputs_every_alignment_is_one():
    X = np.zeros((4, 3))
    found = diagonal_alignment_search(DiagonalLinear(3), X, starts=2)
    assert (found.inf_found, found.sup_found) == (1.0, 1.0)
    deep = deep_linear_alignment_search(DeepLinear(3, (2,)), X, np.ones(3), starts=2)
    assert (deep.inf_found, deep.sup_found) == (1.0, 1.0)


@pytest.mark.parametrize("scale", [1e-140, 1e140])
def test_extreme_scales(scale):
    X = normal(12, 3)
    for search in (
        lambda inputs: diagonal_alignment_search(DiagonalLinear(3), inputs, starts=4),
        lambda inputs: deep_linear_alignment_search(DeepLinear(3, ()), inputs, np.ones(3)),
    ):
        found, again = search(X), search(scale * X)
        assert (again.inf_found, again.sup_found) == pytest.approx((found.inf_found, found.sup_found), rel=1e-6)


def test_bad_arguments_are_refused():
    X = normal(5, 3)
    with pytest.raises(InputError, match="model: expected a DiagonalLinear"):
        diagonal_alignment_search(DeepLinear(3, (2,)), X)
    with pytest.raises(InputError, match="model: expected a DeepLinear"):
        deep_linear_alignment_search(DiagonalLinear(3), X, np.ones(3))
    with pytest.raises(InputError, match="X"):
        diagonal_alignment_search(DiagonalLinear(4), X)
    with pytest.raises(InputError, match="teacher"):
        deep_linear_alignment_search(DeepLinear(3, (2,)), X, np.ones(4))
    with pytest.raises(InputError, match="widths: expected at least one hidden width"):
        deep_linear_witness(3, (), np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="u"):
        deep_linear_witness(3, (2,), np.ones(2), np.ones(3))
    with pytest.raises(InputError, match="v"):
        deep_linear_witness(3, (2,), np.ones(3), np.ones((3, 1)))


@given(st.one_of(st.none(), st.integers(max_value=0), st.floats(), st.booleans(), st.text(max_size=3)))
def test_bad_numbers_of_starts_are_refused(starts):
    X = normal(5, 3)
    with pytest.raises(InputError, match="starts: expected an integer >= 1"):
        diagonal_alignment_search(DiagonalLinear(3), X, starts=starts)
    with pytest.raises(InputError, match="starts: expected an integer >= 1"):
        deep_linear_alignment_search(DeepLinear(3, (2,)), X, np.ones(3), starts=starts)


@given(st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, 14))
def test_entries_that_are_not_finite_are_refused(entry, place):
    X = normal(5, 3)
    X.flat[place] = entry
    with pytest.raises(InputError, match="X: expected finite entries"):
        diagonal_alignment_search(DiagonalLinear(3), X)
    with pytest.raises(InputError, match="X: expected finite entries"):
        deep_linear_alignment_search(DeepLinear(3, (2,)), X, np.ones(3))
    with pytest.raises(InputError, match="v: expected finite entries"):
        deep_linear_witness(3, (2,), np.ones(3), [entry, 1.0, 2.0])
