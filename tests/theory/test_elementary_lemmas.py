"""Lemmas E.1, E.2, E.6 and C.1 to C.4: their proofs, wrong steps, and the claims against exact or sampled values."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import theory
from theory import Step, StepStatus
from theory._facts import Fact
from theory.catalogue._index_notation import same_sums

stats = pytest.importorskip("scipy.stats")

IDS = ["E.1", "E.2", "E.6", "C.1", "C.2", "C.2-centred", "C.3", "C.4"]
FALSE_ALARM = 1e-6


@pytest.mark.parametrize("id", IDS)
def test_every_step_is_proved_and_the_chain_ends_in_the_claim(id):
    statement = theory.statement(id)
    results = statement.proof.run()
    assert [result.error for result in results] == [""] * len(results)
    assert {result.status for result in results} == {StepStatus.PROVED}
    assert results[-1].gives.formulas == statement.claim()


@pytest.mark.parametrize("id", IDS)
def test_what_a_proof_depends_on_is_what_its_steps_use(id):
    statement = theory.statement(id)
    used = {name.partition(":")[0] for step in statement.proof.steps for name in step.uses}
    own = {step.gives.name for step in statement.proof.steps} | {"sample_size", "dimension"}
    assert used - own == set(statement.depends_on)


half, two = sympy.Rational(1, 2), sympy.Integer(2)
# Statement, fact, number of the formula, and what becomes of its two sides.
MUTANTS = [
    ("E.1", "factorials", 0, lambda left, right: (left, right * 3)),
    ("E.1", "factorials", 0, lambda left, right: (left, right.subs(3, 4))),
    ("E.1", "series", 0, lambda left, right: (left, right * half)),
    ("E.1", "series", 1, lambda left, right: (left + 1, right)),
    ("E.1", "one variable", 0, lambda left, right: (left, 1 + (right - 1) * half)),
    ("E.1", "one variable", 1, lambda left, right: (left, right - 1)),
    ("E.1", "sum", 0, lambda left, right: (left, right / sympy.Symbol("n", positive=True))),
    ("E.1", "upper tail", 0, lambda left, right: (left, right * 2)),
    ("E.1", "upper tail", 2, lambda left, right: (left, right * half)),
    ("E.1", "upper tail", 3, lambda left, right: (left, right * 2)),
    ("E.1", "bounds", 0, lambda left, right: (left, right * half)),
    ("E.2", "eigenvalues", 0, lambda left, right: (left, right * 2)),
    ("E.2", "eigenvalues", 1, lambda left, right: (sympy.sqrt(left), right)),
    ("E.2", "transform", 0, lambda left, right: (left, right * half)),
    ("E.2", "transform", 1, lambda left, right: (left, -right)),
    ("E.2", "growth", 0, lambda left, right: (left, right * half)),
    ("E.2", "growth", 1, lambda left, right: (left, right * half)),
    ("E.2", "sum", 0, lambda left, right: (left, right * half)),
    ("E.2", "sum", 1, lambda left, right: (left, right * sympy.Symbol("F", positive=True))),
    ("E.2", "Markov", 0, lambda left, right: (left, 2 * right)),
    ("E.2", "Markov", 1, lambda left, right: (right, left)),
    ("E.2", "upper tail", 1, lambda left, right: (left, right * half)),
    ("E.2", "upper tail", 2, lambda left, right: (left, right * half)),
    ("E.2", "lower tail", 2, lambda left, right: (left, right * 2)),
    ("E.2", "failure", 0, lambda left, right: (left, right * half)),
    ("E.2", "failure", 1, lambda left, right: (left, right * half)),
    ("E.2", "bounds", 1, lambda left, right: (left, right * half)),
    ("E.6", "entries", 1, lambda left, right: (left, right * 2)),
    ("E.6", "Lagrange", 0, lambda left, right: (left, right * 2)),
    ("E.6", "Lagrange", 0, lambda left, right: (-left, right)),
    ("E.6", "area", 0, lambda left, right: (-left, right)),
    ("E.6", "bounds", 0, lambda left, right: (left, right * half)),
    ("C.1", "Isserlis", 0, lambda left, right: (left, right - right.args[0])),
    ("C.1", "variances", 2, lambda left, right: (left, 2 * right)),
    ("C.1", "matrix form", 0, lambda left, right: (left, right * 2)),
    ("C.1", "matrix form", 0, lambda left, right: (left, right.subs(sympy.Symbol("uSu", positive=True), 1))),
    ("C.1", "polarisation", 0, lambda left, right: (left, right * 2)),
    ("C.1", "second way", 0, lambda left, right: (left, right * 2)),
    ("C.1", "bounds", 0, lambda left, right: (left, right + sympy.Symbol("uSv", real=True) ** 2)),
    ("C.2", "factor", 2, lambda left, right: (left, right * 2)),
    ("C.2", "Cauchy–Schwarz", 0, lambda left, right: (left, right * half)),
    ("C.2", "correlation", 0, lambda left, right: (left, right * 2)),
    ("C.2", "correlation", 1, lambda left, right: (left, right * half)),
    ("C.2", "alignment", 0, lambda left, right: (left, right + 1)),
    ("C.2", "attained", 0, lambda left, right: (left, right - 1)),
    ("C.2-centred", "alignment", 0, lambda left, right: (left, 2 * right - 1)),
    ("C.2-centred", "bounds", 1, lambda left, right: (left, right * half)),
    ("C.3", "spectrum", 1, lambda left, right: (left, right * 2)),
    ("C.3", "spectrum", 4, lambda left, right: (2 * left, right)),
    ("C.3", "Frobenius", 0, lambda left, right: (left, right * half)),
    ("C.3", "relative", 0, lambda left, right: (left, right**2)),
    ("C.3", "relative", 1, lambda left, right: (left, right * half)),
    ("C.3", "union", 0, lambda left, right: (left, right * 2)),
    ("C.3", "deviation", 0, lambda left, right: (left, right * 2)),
    ("C.3", "deviation", 2, lambda left, right: (left, right * half)),
    ("C.3", "bounds", 0, lambda left, right: (left + half, right)),
    ("C.4", "decomposition", 0, lambda left, right: (left, right * 2)),
    ("C.4", "chi-square", 1, lambda left, right: (left, right**2)),
    ("C.4", "union", 1, lambda left, right: (left, right * 2)),
    ("C.4", "ranges", 0, lambda left, right: (left, right * half)),
    ("C.4", "ranges", 6, lambda left, right: (left, right * half)),
    ("C.4", "logarithm", 0, lambda left, right: (left, right * sympy.Rational(35, 36))),
    ("C.4", "ratios", 0, lambda left, right: (left, right * half)),
    ("C.4", "ratios", 1, lambda left, right: (left, right * half)),
    ("C.4", "accuracies", 1, lambda left, right: (left, 1 + (right - 1) * half)),
    ("C.4", "products", 1, lambda left, right: (left, 1 + (right - 1) * half)),
    ("C.4", "bounds", 1, lambda left, right: (left, 1 + (right - 1) * half)),
]


@pytest.mark.parametrize(
    ("id", "name", "number", "change"), MUTANTS, ids=[f"{id}: {name}, {number}" for id, name, number, _ in MUTANTS]
)
def test_a_wrong_step_fails(id, name, number, change):
    proof = theory.statement(id).proof
    (step,) = (step for step in proof.steps if step.gives.name == name)
    formulas = list(step.gives.formulas)
    formula = formulas[number]
    formulas[number] = formula.func(*map(sympy.sympify, change(*formula.args)), evaluate=False)
    wrong = Step(step.title, step.status, Fact(name, tuple(formulas)), step.check, step.uses)
    assert wrong.execute(proof.facts()).status is StepStatus.FAILED


def test_every_step_has_a_mutant():
    # The steps that E.1 shares with E.2, and C.2 with its centred form, need one only once.
    shared = {("E.1", name) for name in ("Markov", "lower tail", "failure")}
    shared |= {("C.2", "bounds")} | {("C.2-centred", step.gives.name) for step in theory.statement("C.2").proof.steps}
    steps = {(id, step.gives.name) for id in IDS for step in theory.statement(id).proof.steps}
    assert steps - shared <= {(id, name) for id, name, _, _ in MUTANTS}


i, j, k, d = sympy.symbols("i j k d", integer=True, positive=True)
u, v, S = (sympy.IndexedBase(name, real=True) for name in "uvS")
LENGTH = sympy.Sum(u[i] ** 2, (i, 1, d))
FORM = sympy.Sum(u[i] * S[i, j] * v[j], (i, 1, d), (j, 1, d))


@pytest.mark.parametrize(
    ("left", "right", "symmetric", "same"),
    [
        (LENGTH, sympy.Sum(u[k] ** 2, (k, 1, d)), (), True),
        (LENGTH**2, sympy.Sum(u[i] ** 2 * u[j] ** 2, (i, 1, d), (j, 1, d)), (), True),
        (LENGTH**2, sympy.Sum(u[i] ** 4, (i, 1, d)), (), False),
        (FORM, sympy.Sum(v[i] * S[i, j] * u[j], (i, 1, d), (j, 1, d)), (S,), True),
        (FORM, sympy.Sum(v[i] * S[i, j] * u[j], (i, 1, d), (j, 1, d)), (), False),
        (FORM**2, FORM.xreplace({i: k}) * FORM, (), True),
        (u[i] * FORM, u[j] * FORM, (), False),
        (LENGTH - LENGTH.xreplace({i: j}), sympy.S.Zero, (), True),
    ],
)
def test_sums_are_compared_up_to_the_names_of_their_indices(left, right, symmetric, same):
    assert same_sums(left, right, symmetric) is same


def test_a_quotient_of_sums_is_no_polynomial():
    with pytest.raises(ValueError, match="polynomial in sums"):
        same_sums(1 / LENGTH, u[i])


def two_sided(n: int, p: float, bound: float) -> float:
    """Return the probability that a mean of n centred coins, heads with probability p, is beyond the bound."""
    coins = stats.binom(n, p)
    return float(coins.sf(np.floor(n * (p + bound))) + coins.cdf(np.ceil(n * (p - bound)) - 1))


@pytest.mark.parametrize("delta", [0.5, 0.05, 1e-4, 1e-9])
@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (30, 0.5), (1000, 0.01), (10**4, 1e-4), (10**5, 0.3)])
def test_bernstein_by_exact_binomial_tails(n, p, delta):
    bound = theory.statement("E.1").bounds(delta=delta, n=n, V=p * (1 - p), M=max(p, 1 - p))[1]
    assert two_sided(n, p, bound) <= delta


def test_the_controls_of_e1_are_false():
    no_range, half_variance = (control.statement for control in theory.statement("E.1").controls)
    p = 1e-4
    assert two_sided(1, p, no_range.bounds(delta=5e-5, n=1, V=p * (1 - p), M=1 - p)[1]) > 5e-5
    signs = half_variance.bounds(delta=0.01, n=10**4, V=1, M=1)[1]
    assert two_sided(10**4, 0.5, signs / 2) > 0.01


@pytest.mark.parametrize("delta", [0.9, 0.1, 1e-3, 1e-8])
@pytest.mark.parametrize("degrees", [1, 2, 10, 10**4])
def test_e2_by_exact_chi_square_tails(degrees, delta):
    low, high = theory.statement("E.2").bounds(delta=delta, F=np.sqrt(degrees), N=1)
    law = stats.chi2(degrees)
    assert law.cdf(degrees + low) <= delta / 2
    assert law.sf(degrees + high) <= delta / 2


def test_e2_for_unequal_eigenvalues():
    rng = np.random.default_rng(0)
    eigenvalues = 0.7 ** np.arange(12)
    forms = (rng.standard_normal((40_000, 12)) ** 2 - 1) @ eigenvalues
    for delta in (0.3, 0.02):
        low, high = theory.statement("E.2").bounds(delta=delta, F=np.sqrt(np.sum(eigenvalues**2)), N=1)
        outside = int(np.sum((forms < low) | (forms > high)))
        assert outside <= stats.binom.isf(FALSE_ALARM, forms.size, delta)


def test_the_controls_of_e2_are_false():
    no_norm, halved = (control.statement for control in theory.statement("E.2").controls)
    assert stats.chi2(1).sf(1 + no_norm.bounds(delta=1e-3, F=1, N=1)[1]) > 1e-3
    assert stats.chi2(1000).cdf(1000 + halved.bounds(delta=0.01, F=np.sqrt(1000), N=1)[0]) > 0.01


@settings(max_examples=40)
@given(arrays(float, 5, elements=st.floats(-10, 10)), arrays(float, 5, elements=st.floats(-10, 10)))
def test_e6_on_vectors(first, second):
    lengths = [max(float(x @ x), 1e-300) for x in (first, second)]
    upper = theory.statement("E.6").bounds(u_squared=lengths[0], v_squared=lengths[1])[1]
    assert (first @ second) ** 2 <= upper * (1 + 1e-12) + 1e-300


def test_the_controls_of_e6_are_false():
    vector = np.array([2.0, 0.0])
    for control in theory.statement("E.6").controls:
        assert (vector @ vector) ** 2 > control.statement.bounds(u_squared=4, v_squared=4)[1]


def test_the_matrix_form_of_c1_by_quadrature():
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    grid = np.stack(np.meshgrid(nodes, nodes, nodes), axis=-1).reshape(-1, 3)
    mass = np.prod(np.stack(np.meshgrid(weights, weights, weights), axis=-1).reshape(-1, 3), axis=1)
    rng = np.random.default_rng(1)
    factor, u = rng.standard_normal((3, 3)), rng.standard_normal(3)
    x, S = grid @ factor.T, factor @ factor.T
    moment = np.einsum("m,mi,mj->ij", mass * (x @ u) ** 2, x, x) / mass.sum()
    np.testing.assert_allclose(moment, (u @ S @ u) * S + 2 * np.outer(S @ u, S @ u))


SPECTRA = [np.ones(400), np.linspace(0.5, 2, 600), 1 / np.arange(1, 500) ** 0.2]


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_c3_on_samples(spectrum):
    rng = np.random.default_rng(2)
    n, trials, delta = 20, 200, 0.2
    d_eff = min(spectrum.sum() / spectrum.max(), (spectrum**2).sum() / spectrum.max() ** 2)
    low, high = theory.statement("C.3").bounds(delta=delta, n=n, d_eff=d_eff)
    x = rng.standard_normal((trials * n, spectrum.size)) ** 2
    lengths = np.stack([x @ spectrum / spectrum.sum(), x @ spectrum**2 / (spectrum**2).sum()])
    failed = ((lengths < low) | (lengths > high)).any(axis=0).reshape(trials, n).any(axis=1)
    assert failed.sum() <= stats.binom.isf(FALSE_ALARM, trials, delta)


def test_the_controls_of_c3_are_false():
    faster, no_union = (control.statement for control in theory.statement("C.3").controls)
    low, high = faster.bounds(delta=0.01, n=1, d_eff=10**4)
    assert stats.chi2(10**4).sf(10**4 * high) + stats.chi2(10**4).cdf(10**4 * low) > 0.01
    _, high = no_union.bounds(delta=0.5, n=10**5, d_eff=10**4)
    assert 1 - (1 - stats.chi2(10**4).sf(10**4 * high)) ** 10**5 > 0.99


def relative_row_sums(X: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """Return the row sums of the squared Gram matrix over the A of Lemma C.4."""
    scale = spectrum.sum() ** 2 + (len(X) - 1) * (spectrum**2).sum()
    return ((X @ X.T) ** 2).sum(axis=1) / scale


def test_c4_at_its_own_conditions():
    statement, values = theory.statement("C.4"), {"eps": 0.99, "delta": 0.9}
    n = statement.required_n(**values)
    d = int(np.ceil(statement.required_dimension(n=n, **values)))
    X = np.random.default_rng(3).standard_normal((n, d))
    low, high = statement.bounds(**values)
    sums = relative_row_sums(X, np.ones(d))
    assert low < sums.min() < sums.max() < high


def test_the_controls_of_c4_are_false():
    no_dimension, linear = (control.statement for control in theory.statement("C.4").controls)
    rng = np.random.default_rng(4)
    n = no_dimension.required_n(eps=0.9, delta=0.5)
    sums = relative_row_sums(rng.standard_normal((n, 1)), np.ones(1))
    assert sums.min() < no_dimension.bounds(eps=0.9)[0]
    # One row alone already fails too often; given its length, the rest of it is a chi-square variable.
    eps, delta = 0.001, 0.01
    n = linear.required_n(eps=eps, delta=delta)
    d = int(np.ceil(linear.required_dimension(eps=eps, delta=delta, n=n)))
    length, others = rng.chisquare(d, 2000), rng.chisquare(n - 1, 2000)
    row = (length**2 + length * others) / (d**2 + (n - 1) * d)
    low, high = linear.bounds(eps=eps)
    assert np.sum((row < low) | (row > high)) > stats.binom.isf(FALSE_ALARM, 2000, delta)
