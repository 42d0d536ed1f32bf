"""Premises are not taken from the wrong side, and corners of the parameter ranges are covered."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import sympy

import theory
from theory._facts import at_least, at_most, below, equal
from theory._symbols import symbol
from theory.catalogue._one_way import lower_bounds, upper_bounds

_TURNED = {
    sympy.LessThan: sympy.GreaterThan,
    sympy.GreaterThan: sympy.LessThan,
    sympy.StrictLessThan: sympy.StrictGreaterThan,
    sympy.StrictGreaterThan: sympy.StrictLessThan,
}
# Statement, step, premise and the formula of it that the step rests on.
PREMISES = (
    ("E.1", "failure", "upper tail", -1),
    ("E.3", "norm", "neighbour", 0),
    ("E.3", "share", "net", 0),
    ("E.3", "width", "sample_size", 0),
    ("E.3", "on the net", "width", 0),
    ("E.3", "error", "on the net", 0),
    ("E.4", "cut", "one square", 0),
    ("E.4", "one pair", "exponentials", 2),
    ("E.4", "deviation", "one pair", 1),
    ("E.4", "upper tail", "sum", 0),
    ("E.4", "lower tail", "sum", 1),
    ("E.5", "shares", "net", 0),
    ("E.5", "constant", "needed", 0),
    ("E.5", "small", "needed", 0),
    ("E.5", "cut", "logarithms", 6),
    ("E.5", "along", "E.4", 0),
    ("E.5", "fourth powers", "along", 0),
    ("E.5", "norms", "cut", 0),
    ("E.5", "on the net", "norms", 1),
    ("E.5", "across", "weights", 0),
    ("E.5", "cross", "fourth powers", 0),
    ("E.5", "error", "blocks", 0),
    ("E.5", "error", "cross", 0),
    ("C.2", "bounds", "correlation", 1),
    ("C.4", "accuracies", "ratios", 0),
    ("C.5", "error", "sample_size", 0),
    ("C.5", "bounds", "error", 0),
    ("C.6", "share", "net", 0),
    ("C.6", "square", "least exponent", 0),
    ("C.6", "square", "tangent", 0),
    ("3.2", "bounds", "eigenvectors", 0),
    ("3.3", "constant", "sample_size", 0),
    ("3.5", "constant", "dimension", 0),
    ("4.2", "constant", "halved", 0),
    ("4.2", "event A", "C.6", 0),
    ("4.3", "outside", "convention", 1),
    ("4.3", "dimensions", "outside", 0),
    ("4.3", "scaled", "needed", 0),
    ("4.3", "scaled", "dimensions", 0),
    ("4.3", "event A", "E.5", 0),
    ("4.2-lower", "deviation", "E.1", 0),
    ("4.2-lower", "fixed pair", "width", 0),
    ("4.2-lower", "steps", "E.6", 0),
    ("4.2-lower", "moved", "steps", 0),
    ("4.2-lower", "event A", "moved", 0),
    ("4.2-lower", "bounds", "event A", 0),
    ("5.2", "map", "flat part", 2),
    ("5.2", "large step", "map", 2),
    ("5.2", "carried", "doubling", 0),
    ("5.2", "growing", "start", 0),
    ("5.2", "reached", "growing", 0),
    ("5.2", "bound", "start", 1),
    ("5.2-growth", "bound", "loss", 2),
    ("5.2-threshold", "fixed point", "crossing", 0),
    ("5.2-threshold-sharp", "step below two", "crossing", 0),
    ("5.2-threshold-sharp", "bounds", "step below two", 0),
    ("5.2-parameters", "bound", "flat part", 1),
)


def executed(id, fact, premise=None, number=0, change=None):
    """Run one step, with one formula of one premise changed."""
    proof = theory.statement(id).proof
    known = dict(proof.facts())
    if premise is not None:
        formulas = list(known[premise])
        formulas[number] = change(formulas[number])
        known[premise] = tuple(formulas)
    step = next(step for step in proof.steps if step.gives.name == fact)
    assert premise is None or premise in step.uses
    return not step.execute(known).error


def turned(formula):
    """Turn the direction of an inequality."""
    return _TURNED[type(formula)](*formula.args, evaluate=False)


@pytest.mark.parametrize("case", PREMISES, ids=lambda case: ": ".join(map(str, case)))
def test_a_premise_from_the_wrong_side_is_not_accepted(case):
    assert not executed(*case, turned)


def test_the_steps_hold_with_their_own_premises():
    assert all(executed(id, fact) for id, fact in {case[:2] for case in PREMISES[:12]})


def test_the_constant_of_theorem_3_2_is_that_of_theorem_4_2():
    larger = lambda formula: equal(formula.lhs, formula.rhs + 1)  # noqa: E731
    assert executed("3.2", "constant")
    assert not executed("3.2", "constant", "4.2:constant", 0, larger)


def test_the_error_of_theorem_4_2_is_counted_from_the_expectation():
    other = lambda formula: equal(formula.lhs, formula.rhs + 1)  # noqa: E731
    assert not executed("4.2", "event A", "population", 0, other)


def test_directions_of_bounds():
    x, y = sympy.symbols("x y", positive=True)
    assert upper_bounds(at_most(x, y))
    assert lower_bounds(at_least(x, y), at_least(y, x))
    assert not upper_bounds(at_most(x, y), at_least(x, y))
    assert not upper_bounds(below(x, y))
    assert not lower_bounds(at_most(x, y))
    assert not upper_bounds()
    assert not lower_bounds()


def fixed_direction_rooms(eps, delta, d):
    """Return ε²/900 less the scale s² of Lemma E.5 at the least n that its conditions allow, and at ten times that."""
    n = theory.statement("E.5").required_n("explicit", eps=eps, delta=delta, d=d)
    log_point = math.log(10 / delta) + d * math.log(9)
    return [eps**2 / 900 - log_point * math.log(10 * m / delta) / m for m in (n, 10 * n)]


@pytest.mark.parametrize("corner", list(itertools.product((0.01, 0.5, 0.999), (1e-12, 0.5, 0.999), (1, 2, 1000))))
def test_the_conditions_of_lemma_e5_make_the_scale_small_at_every_corner(corner):
    assert min(fixed_direction_rooms(*corner)) >= 0


@pytest.mark.parametrize("corner", list(itertools.product((1e-3, 0.25, 0.5), (1e-12, 0.5, 0.999), (1, 2, 1000))))
def test_the_conditions_of_lemma_c6_make_both_terms_small_at_every_corner(corner):
    eps, delta, d = corner
    n = theory.statement("C.6").required_n("explicit", eps=eps, delta=delta, d=d)
    tau = math.log(3 / delta) + d * math.log(41)
    root, extra = 13 * math.sqrt(tau / n), 17.5 * tau * (tau + math.log(2 * n)) / n
    assert 1.25 * max(2 * root, root + extra) <= eps * (1 + 1e-12)
    if d < 100:
        stated = float(theory.statement("E.4").evaluate("upper", n=n, delta=delta / 41.0**d))
        assert stated == pytest.approx(max(2 * root, root + extra))


@pytest.mark.parametrize("corner", list(itertools.product((1e-3, 0.5, 0.999), (1e-12, 0.5, 0.999), (2, 3, 10**6))))
def test_the_conditions_of_lemma_c4_give_its_bounds_at_every_corner(corner):
    eps, delta, least = corner
    # The condition on n, met as closely as a number of samples can.
    n = max(least, theory.statement("C.4").required_n(eps=eps, delta=delta))
    size = theory.statement("C.4").required_dimension(eps=eps, delta=delta, n=n)
    tau = math.log(6 * n / delta)
    (low, high), (least_sum, most_sum) = ends_at(tau, size), ends_at(tau, n - 1)
    assert 1 - eps <= min(low**2, low * least_sum)
    assert max(high**2, high * most_sum) <= 1 + eps


def ends_at(tau, size):
    """Return the ends of the bracket of Lemma E.2 in units of the mean."""
    root = 2 * math.sqrt(tau / size)
    return 1 - root, 1 + root + 2 * tau / size


@pytest.mark.parametrize("corner", list(itertools.product((0.01, 0.5, 0.99), (1, 2, 3, 1000))))
def test_theorem_4_3_in_one_dimension_needs_nothing_for_a_large_delta(corner):
    eps, n = corner
    upper = float(theory.statement("4.3").evaluate("upper", eps=eps))
    a = np.random.default_rng(5).standard_normal((4000, n)) ** 2
    alignment = n * (a**2).sum(axis=1) / a.sum(axis=1) ** 2
    # The chance is at most 1 − ε; six standard deviations of the share.
    assert (alignment > upper).mean() <= 1 - eps + 6 * math.sqrt(eps * (1 - eps) / 4000)
    assert alignment.min() >= 1 - 1e-12


def test_ties_do_not_matter_for_the_parameters():
    # Equal curvatures at the cut: P_k = D_k where all curvatures are the same.
    assert theory.statement("5.2-parameters").bounds(lambda_k=2, lambda_next=2, D=0.7)[0] == 0.7


def test_nothing_is_claimed_where_the_alignment_may_vanish():
    values = {"A1": 0, "A2": 1, "beta": 3, "S_X": 0.5, "S_Y": 2, "t": 50}
    assert theory.statement("5.2").bounds(**values)[0] == 0
    assert theory.statement("5.2-threshold").bounds(A1=0)[1] == math.inf
    assert theory.statement("5.2-threshold-sharp").bounds(A1=0, A2=1) == (1, math.inf)
    assert symbol("A1").is_positive is None
