"""Sample covariances: Lemmas E.3, E.5 and C.5, Theorem 4.3 and the lower half of 4.2, their proofs and their claims."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import sympy

import theory
from theory import StepStatus
from theory._facts import Fact, at_least, at_most, equal
from theory._proof import Step
from theory._symbols import quantity_symbol, symbol
from theory.catalogue import _fixed_direction_size, _fixed_direction_weights, _fixed_directions, _nets, _truncation
from theory.catalogue._truncated_net import BASE, COVARIANCE, MOVED, PAIR, SHORTFALL, WIDTH

eps, delta, n, d, K = (symbol(name) for name in ("eps", "delta", "n", "d", "K"))
IDS = ["E.3", "E.5", "C.5", "4.3", "4.2-lower"]
STEPS = [(id, step) for id in IDS for step in theory.statement(id).proof.steps]
GRID = list(product((0.9, 0.3, 0.01), (0.9, 0.1, 1e-9), (1, 2, 7, 300)))


def fact(id: str, name: str) -> tuple:
    return theory.statement(id).proof.facts()[name]


def number(expression: sympy.Expr, **values: float) -> float:
    known = {symbol(name): value for name, value in values.items()}
    return float(expression.subs({free: known.get(free, values.get(free.name)) for free in expression.free_symbols}))


def largest_condition(statement: theory.Statement, constants: list[float], **values: float) -> float:
    sizes = statement.evaluate("sample_size", **values)
    return max(constant * float(size) for constant, size in zip(constants, sizes, strict=True))


@pytest.mark.parametrize(("id", "step"), STEPS, ids=[f"{id} {step.gives.name}" for id, step in STEPS])
def test_every_step_is_proved(id, step):
    result = step.execute(theory.statement(id).proof.facts())
    assert result.error == ""
    assert result.status is StepStatus.PROVED


# Each entry: the statement, the fact, which formula of it, and a false one in its place.
WRONG = [
    ("E.3", "balls", 1, equal(_nets.SMALL, _nets.RADIUS)),
    ("E.3", "balls", 0, equal(_nets.RADIUS, sympy.Rational(3, 4))),
    ("E.3", "net", 0, at_most(_nets.POINTS, 5**d)),
    ("E.3", "norm", 0, at_most(quantity_symbol("covariance_error"), sympy.Rational(3, 2) * _nets.TOP)),
    ("E.3", "norms", 0, equal(symbol("F") ** 2, n**2)),
    ("E.3", "width", 0, at_most(sympy.Symbol("w", positive=True), eps / 6)),
    ("E.3", "on the net", 0, at_most(_nets.TOP, eps / 3)),
    ("E.5", "logarithms", 2, at_most(_fixed_direction_size.POINT_LOG, d + sympy.log(2 / delta))),
    ("E.5", "constant", 0, equal(_fixed_direction_size.C1, 14000 / eps**2)),
    ("E.5", "constant", 1, equal(_fixed_direction_size.C2, 23040 * sympy.log(36000 / eps**2) / eps)),
    ("E.5", "small", 0, at_most(_fixed_direction_size.SCALE, eps / 31)),
    ("E.5", "cut", 0, at_most(_fixed_direction_weights.SQUARE, 2 * _fixed_direction_size.SAMPLE_LOG)),
    ("E.5", "along", 0, at_most(_fixed_direction_weights.ALONG, 13 * _fixed_direction_size.ROOT)),
    ("E.5", "fourth powers", 0, at_most(_fixed_direction_weights.FOURTH, 3)),
    ("E.5", "weights", 0, at_most(_fixed_direction_weights.WEIGHTS, _fixed_direction_size.ROOT)),
    ("C.5", "rayleigh", 1, at_most(fact("C.5", "rayleigh")[1].lhs, quantity_symbol("covariance_error") / 2)),
    ("C.5", "error", 0, at_most(quantity_symbol("covariance_error"), eps / 2)),
    ("C.5", "bounds", 0, at_most(1 - eps / 2, quantity_symbol("variance_ratio"))),
    ("4.3", "one dimension", 0, equal(_fixed_directions.EXPECTED, 3 * n / (n + 1))),
    ("4.3", "outside", 0, at_most(_fixed_directions.OUTSIDE, 1 - 4 * eps)),
    ("4.3", "dimensions", 0, at_most(d, d * sympy.log(d))),
    ("4.3", "shares", 0, equal(_fixed_directions.DIRECTION, delta / K)),
    ("4.3", "needed", 1, at_most(d + sympy.log(2 / delta), d + sympy.log(K / delta) * (d + sympy.log(K / delta)))),
    ("4.3", "constant", 0, equal(_fixed_directions.C1, _fixed_directions.A1 + 11 * _fixed_directions.A2)),
    ("4.2-lower", "truncation", 0, at_most(_truncation.S * _truncation.T, _truncation.PRODUCT)),
    ("4.2-lower", "moments", 0, equal(_truncation.SIXTH, 15)),
    ("4.2-lower", "truncated mean", 1, at_least(_truncation.EXPECTED, 1 - eps / 3)),
    ("4.2-lower", "bounded", 2, at_most(_truncation.VARIANCE, 100)),
    ("4.2-lower", "shares", 0, equal(PAIR, delta / (2 * BASE**d))),
    ("4.2-lower", "shares", 1, equal(COVARIANCE, delta)),
    ("4.2-lower", "deviation", 1, at_most(SHORTFALL, 14 * WIDTH)),
    ("4.2-lower", "width", 0, at_most(WIDTH**2, eps**4 / 4900)),
    ("4.2-lower", "fixed pair", 0, at_most(SHORTFALL, eps / 5)),
    ("4.2-lower", "moved", 0, at_most(MOVED, eps / 5)),
    ("4.2-lower", "event A", 0, at_most(1 - eps / 2, fact("4.2-lower", "event A")[0].rhs)),
]


@pytest.mark.parametrize(("id", "name", "place", "wrong"), WRONG, ids=[f"{w[0]} {w[1]} {w[2]}" for w in WRONG])
def test_a_wrong_formula_fails(id, name, place, wrong):
    statement = theory.statement(id)
    (step,) = [step for step in statement.proof.steps if step.gives.name == name]
    known = statement.proof.facts()
    formulas = tuple(wrong if k == place else formula for k, formula in enumerate(step.gives.formulas))
    assert run(step, formulas, known) is StepStatus.FAILED


def run(step: Step, formulas: tuple, known: dict) -> StepStatus:
    return replace(step, gives=Fact(step.gives.name, formulas)).execute(known).status


def test_a_premise_that_is_too_weak_is_not_enough():
    """With the conditions or the lemma they rest on made weaker, the steps that use them fail."""
    statement = theory.statement("E.3")
    width = next(step for step in statement.proof.steps if step.gives.name == "width")
    weaker = {**statement.proof.facts(), "sample_size": (at_least(n, 20 * (d + sympy.log(1 / delta)) / eps**2),)}
    assert run(width, width.gives.formulas, weaker) is StepStatus.FAILED
    lower = theory.statement("4.2-lower")
    deviation = next(step for step in lower.proof.steps if step.gives.name == "deviation")
    bernstein = at_most(quantity_symbol("mean_deviation"), sympy.sqrt(3 * symbol("V") * sympy.log(2 / delta) / n))
    assert run(deviation, deviation.gives.formulas, {**lower.proof.facts(), "E.1": (bernstein,)}) is StepStatus.FAILED


def test_sample_covariances_keep_to_the_lemmas():
    """At δ = 10⁻⁷ ten samples all keep to the bounds, but with probability 10⁻⁶."""
    values = {"eps": 0.5, "delta": 1e-7, "d": 6}
    size = theory.statement("E.3").required_n(**values)
    low, high = theory.statement("C.5").bounds(eps=0.5)
    root = np.diag([1.0, 2, 3, 4, 5, 30]) + 0.5
    for seed in range(10):
        z = np.random.default_rng(seed).standard_normal((size, 6))
        whitened = z.T @ z / size
        assert np.linalg.norm(whitened - np.eye(6), 2) <= 0.5
        x, inverse = z @ root, np.linalg.inv(root)
        ratios = np.linalg.eigvalsh(inverse @ (x.T @ x / size) @ inverse)
        assert low <= ratios[0]
        assert ratios[-1] <= high


def test_without_the_dimension_the_covariance_is_singular():
    for id in ("E.3", "C.5"):
        control = theory.statement(id).controls[0].statement
        size = control.required_n(eps=0.9, delta=0.5)
        assert size == 65
        z = np.random.default_rng(1).standard_normal((size, size + 1))
        assert np.linalg.norm(z.T @ z / size - np.eye(size + 1), 2) >= 1


def test_linear_accuracy_is_refuted_by_a_sample():
    size = theory.statement("E.3").controls[1].statement.required_n(eps=0.01, delta=0.5, d=10)
    errors = []
    for seed in range(3):
        z = np.random.default_rng(seed).standard_normal((size, 10))
        errors.append(np.linalg.norm(z.T @ z / size - np.eye(10), 2))
    assert min(errors) > 0.01


def test_a_greedy_net_of_the_circle():
    """Points more than 1/4 apart: fewer than 9², and twice their largest value bounds the norm."""
    points: list[np.ndarray] = []
    for angle in np.random.default_rng(0).uniform(0, 2 * np.pi, 4000):
        x = np.array([np.cos(angle), np.sin(angle)])
        if all(np.linalg.norm(x - y) > 0.25 for y in points):
            points.append(x)
    net = np.array(points)
    assert 10 < len(net) <= 9**2
    for seed in range(50):
        A = np.random.default_rng(seed).standard_normal((2, 2))
        A += A.T
        top = np.abs(np.einsum("pi,ij,pj->p", net, A, net)).max()
        assert top <= np.linalg.norm(A, 2) <= 2 * top


def test_a_fixed_direction_has_a_small_error_along_all_others():
    """At n = 100 (d + log(2/δ)) log(2/δ), far below the explicit constants."""
    errors = []
    for seed in range(5):
        z = np.random.default_rng(seed).standard_normal((3900, 10))
        error = (z * z[:, :1] ** 2).T @ z / len(z) - np.eye(10)
        error[0, 0] -= 2
        errors.append(np.linalg.norm(error, 2))
    assert max(errors) < 0.5
    assert min(errors) > 0.05


def test_moments_by_quadrature():
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    x, y = np.meshgrid(nodes, nodes)
    mass = np.outer(weights, weights) / (2 * np.pi)
    sixth, eighth = fact("4.2-lower", "moments")
    level, expected = fact("4.2-lower", "truncated mean")
    for c in (-1.0, -0.3, 0.0, 0.6, 1.0):
        s, t = x**2, (c * x + np.sqrt(1 - c**2) * y) ** 2
        assert (mass * s**2 * t).sum() == pytest.approx(number(sixth.rhs, c=c), rel=1e-10)
        assert (mass * s**2 * t**2).sum() == pytest.approx(number(eighth.rhs, c=c), rel=1e-10)
        for accuracy in (0.1, 0.5, 0.9):
            cut = number(level.rhs, eps=accuracy)
            truncated = np.minimum(s, cut) * np.minimum(t, cut)
            assert (mass * truncated).sum() >= number(expected.rhs, eps=accuracy)
            assert (mass * truncated**2).sum() <= 105


def test_alignment_of_two_samples_on_the_line():
    """Here g = 2(cos⁴ + sin⁴) of a uniform angle: its mean is 3n/(n + 2) at n = 2, and it is never below 1."""
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    g = 2 * (np.cos(angles) ** 4 + np.sin(angles) ** 4)
    expectation = fact("4.3", "one dimension")[0]
    assert g.mean() == pytest.approx(number(expectation.rhs, n=2), rel=1e-12)
    assert g.min() == pytest.approx(1)


@pytest.mark.parametrize(("accuracy", "failure", "dimension"), GRID)
def test_the_constants_are_enough(accuracy, failure, dimension):
    """What the proofs need of n, at the least n that the conditions allow."""
    values = {"eps": accuracy, "delta": failure, "d": dimension}
    direction = theory.statement("E.5")
    constants = [number(formula.rhs, eps=accuracy) for formula in fact("E.5", "constant")]
    size = largest_condition(direction, constants, **values)
    logs = [number(formula.rhs, n=size, **values) for formula in fact("E.5", "logarithms")[:2]]
    assert logs[0] * logs[1] / size <= (accuracy / 30) ** 2
    lower = theory.statement("4.2-lower")
    least = largest_condition(lower, [number(fact("4.2-lower", "constant")[0].rhs, eps=accuracy)], **values)
    # The logarithm in the width is written out: its argument is beyond the floating-point range.
    width = (np.log(4 / failure) + 2 * dimension * np.log(1 + 2000 / accuracy**3)) / least
    assert width <= accuracy**3 / 4900
    assert least >= 75 * (dimension + np.log(2 / failure)) / accuracy**2


@pytest.mark.parametrize(("accuracy", "failure", "dimension"), GRID)
@pytest.mark.parametrize("directions", [1, 10, 1e30])
def test_theorem_4_3_meets_the_conditions_of_its_lemmas(accuracy, failure, dimension, directions):
    if dimension == 1 and failure >= 1 - accuracy:
        return
    lemma = [number(formula.rhs, eps=accuracy) for formula in fact("E.5", "constant")]
    named = {"lemma_constant_1": lemma[0], "lemma_constant_2": lemma[1]}
    constants = [
        float(formula.rhs.subs({free: named.get(free.name, accuracy) for free in formula.rhs.free_symbols}))
        for formula in fact("4.3", "constant")
    ]
    values = {"eps": accuracy, "delta": failure, "d": dimension}
    size = largest_condition(theory.statement("4.3"), constants, **values, K=directions)
    share = {**values, "delta": failure / (2 * directions)}
    assert size >= largest_condition(theory.statement("E.5"), lemma, **share)
    assert size >= float(theory.statement("C.5").evaluate("sample_size", **{**values, "delta": failure / 2})[0])
