"""Bounds with many digits: as written, whatever floats make of them, and so the verdicts on them."""

from __future__ import annotations

import math

import pytest
from test_escape_claims import SMALL, context

import theory
from verify import claims
from verify.claims._implied import nowhere_stronger
from verify.claims._precise import precise_value
from verify.escape_data import EscapeData
from verify.verdict import State

NAMES = ("x", "y")
VALUES = {"x": 3.0, "y": 1e300}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + 1e16 - 1e16", 3),
        ("x + 1e300 - 1e300", 3),
        ("x*1e-200*1e-200*1e200*1e200", 3),
        ("(x - y) + y", 3),
        ("y**3/y**3*x", 3),
        # SymPy's printer of code divides by 1/1000 here.
        ("x/(1e-3)**(-1)", 0.003),
        ("x/(1/1e-3)", 0.003),
        ("where(x > 2, x, sqrt(0 - x))", 3),
        ("where(x <= 2, sqrt(0 - x), min(x, y))", 3),
        ("where(x >= 3, where(y < x, 1, 2), 4)", 2),
        ("max(log(x)/log(3), 0.5, -y)", 1),
        ("sqrt(x)**2", 3),
        ("0**(x - x)", 1),
        ("-x**2", -9),
    ],
)
def test_values(text, expected):
    assert float(precise_value(theory.parse(text, NAMES), VALUES)) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    ["1/(x - x)", "log(x - x)", "log(-x)", "sqrt(-x)", "1 + sqrt(1 - x)", "0**(-x)", "where(sqrt(-x) > 0, 1, 2)"],
)
def test_what_is_no_finite_real_number(text):
    assert precise_value(theory.parse(text, NAMES), VALUES) is None


@pytest.fixture(scope="module")
def shared():
    run = context()
    run.shared["escape"] = EscapeData(run, SMALL)
    return run


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("5.1", {"lower": "A1 + 1e16 - 1e16"}),
        ("5.1", {"upper": "A2*1e-200*1e-200*1e200*1e200"}),
        ("5.2-growth", {"lower": "beta**2*A1 + 1e17 - 1e17"}),
        ("5.2-threshold", {"upper": "sqrt(1 + 2/A1)*1e-200*1e-200*1e200*1e200"}),
        ("5.3", {"upper": "(R + 1e16 - 1e16)*(q/(beta - 1)**2)**t"}),
    ],
)
def test_rounding_of_a_bound_refutes_nothing(shared, base, changes):
    verdict, _, _ = claims.judge(theory.statement(base).replace(**changes), shared)
    assert verdict.state in {State.HOLDS, State.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("5.2-growth", {"lower": "2*beta**2*A2 + 1e20 - 1e20"}),
        ("5.2-threshold", {"upper": "0.01*sqrt(A2)*1e200*1e200*1e-200*1e-200"}),
    ],
)
def test_bounds_that_rounding_hides_are_not_vacuous(shared, base, changes):
    verdict, _, _ = claims.judge(theory.statement(base).replace(**changes), shared)
    assert verdict.state in {State.INCONCLUSIVE, State.VIOLATED}


def test_a_bound_beyond_floats_is_read_as_written(shared):
    # True: at least ten times the original. Read as 1/100000 of it, it was refuted at many steps.
    upper = "1e4*R*(q/(beta - 1)**2)**t/(1e-3)**(-1)"
    verdict, _, _ = claims.judge(theory.statement("5.3").replace(upper=upper), shared)
    assert verdict.state is State.HOLDS


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("5.1", {"lower": "-1/(A1 - A1)"}),
        ("5.1", {"upper": "A2*(A2 - A2)/(0*A2)"}),
        ("5.1", {"lower": "where(A2 + 1 >= 1e-30, A1, 3/A1/(A1 - A1))"}),
        ("5.2", {"lower": "min(1, (0*2)**1.5)"}),
        ("5.2-threshold", {"upper": "sqrt(1 + 2/A1)*(1 - 0*2/(1 + (0 - 1e-9)))"}),
        ("5.3", {"lower": "min(0, 0*q/where(q > 1e-9, 1e-9, 0))"}),
    ],
)
def test_what_sympy_refuses_to_simplify_is_not_shown(base, changes):
    original = theory.statement(base)
    assert nowhere_stronger(original.replace(**changes), original) in {True, False}


def test_bounds_of_minus_infinity_say_nothing(shared):
    verdict, _, _ = claims.judge(theory.statement("5.1").replace(lower="-1/(A1 - A1)"), shared)
    assert verdict.state is State.NOT_REFUTED
    assert math.isinf(float(theory.statement("5.1").replace(lower="-1/(A1 - A1)").bounds(A1=1, A2=2)[0]))
