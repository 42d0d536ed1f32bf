"""Distinctions of two cases: `where` is read, refused, evaluated, written and carried like the rest of the language."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import theory
from theory import StatementError, parse
from theory._cases import COMPARISONS, cases
from theory._evaluate import check_supported, evaluate
from theory._notation import expression_latex, expression_text

SYMBOLS = {"eps": "accuracy", "n": "samples", "d": "dimension", "rho": "correlation"}
NAN = math.nan


def value(text: str, **values: float) -> float:
    return float(evaluate(parse(text, SYMBOLS), {"eps": 0.25, "n": 17.0, "d": 3.0, "rho": -0.5, **values}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where(n > d, 1, 2)", 1),
        ("where(n < d, 1, 2)", 2),
        ("where(d >= 3, 1, 2)", 1),
        ("where(d > 3, 1, 2)", 2),
        ("where(d <= 3, 1, 2)", 1),
        ("where(d < 3, 1, 2)", 2),
        ("where(n>d,eps,n)", 0.25),
        ("1 + 2*where(n + d >= 4*5, eps, n)**2", 1.125),
        ("-where(rho < 0, -rho, rho)", -0.5),
        ("where(n < d, 1, where(n < 2*d, 2, where(n < 6*d, 3, 4)))", 3),
        ("where(n > d, where(d > 3, 1, 2), 3)", 2),
        ("max(where(n > d, 1, 2), where(n > d, 3, 4))", 3),
        ("where(1 > 2, n, d)", 3),
        ("where(n > n, n, d)", 3),
        ("where(n >= n, n, d)", 17),
        ("where(n > 0, n, d)", 17),
    ],
)
def test_examples(text, expected):
    assert value(text) == pytest.approx(expected, rel=1e-15)


def test_nothing_is_decided_or_simplified_while_reading():
    for text in ("where(n > 0, n, d)", "where(1 > 2, n, d)", "where(n > n, n, d)", "where(n > d, eps, eps)"):
        expression = parse(text, SYMBOLS)
        assert isinstance(expression, sympy.Piecewise)
        assert expression_text(expression) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where(rho < 0, 1, log(rho))", 1),
        ("where(rho >= 0, sqrt(rho), 2)", 2),
        ("where(rho < 0, 1, 1/(rho - rho))", 1),
        ("where(rho >= 0, 1, log(rho))", NAN),
        ("where(log(rho) < 0, 1, 2)", NAN),
        ("where(1 < sqrt(rho), 1, 1)", NAN),
        ("where(d < 2, where(log(rho) < 0, 1, 2), 3)", 3),
        ("0*where(rho < 0, 1, log(rho))", 0),
        ("where(n/(d - 3) > 5, 1, 2)", 1),
    ],
)
def test_only_the_case_that_applies_may_be_undefined(text, expected):
    assert value(text) == pytest.approx(expected, nan_ok=True)


def test_entries_choose_for_themselves():
    expression = parse("where(rho >= 0, sqrt(rho), where(n > 2, -1, log(rho)))", SYMBOLS)
    rho, n = np.array([4.0, 0.0, -1.0, NAN]), np.array([[1.0], [3.0]])
    result = evaluate(expression, {"rho": rho, "n": n})
    np.testing.assert_array_equal(result, [[2, 0, NAN, NAN], [2, 0, -1, NAN]])


sides = st.sampled_from(["n", "d", "eps", "rho", "n - d", "2*d", "-rho", "3"])


@given(sides, st.sampled_from(list(COMPARISONS)), sides, st.sampled_from(["n", "1", "eps"]), sides)
def test_agrees_with_python(left, comparison, right, then, otherwise):
    values = {"eps": 0.25, "n": 17.0, "d": 3.0, "rho": -0.5}
    text = f"where({left} {comparison} {right}, {then}, {otherwise})"
    expected = eval(text, {"where": lambda c, x, y: x if c else y, **values})  # noqa: S307 (the text is made here)
    assert value(text) == expected
    written = expression_text(parse(text, SYMBOLS))
    assert parse(written, SYMBOLS) == parse(text, SYMBOLS)


def refusal(text: str) -> str:
    with pytest.raises(StatementError) as caught:
        parse(text, SYMBOLS)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isascii()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("where", ["unexpected end at position 6", "expected '(' after where"]),
        ("where n", ["expected '(' after where"]),
        ("where()", ["unexpected ')' at position 7", "expected a number"]),
        ("where(n, 1, 2)", ["unexpected ',' at position 8", "an operator or a comparison (>=, >, <=, <)"]),
        ("where(n > d)", ["unexpected ')' at position 12", "expected an operator or ','"]),
        ("where(n > d, 1)", ["unexpected ')' at position 15", "expected an operator or ','"]),
        ("where(n > d, 1, 2, 3)", ["unexpected ',' at position 18", "expected an operator or ')'"]),
        ("where(n > d, 1, 2", ["unexpected end", "expected an operator or ')'"]),
        ("where(n > d > 1, 1, 2)", ["unexpected '>' at position 13", "a single comparison"]),
        ("where(n == d, 1, 2)", ["unexpected '=' at position 9", "the comparisons are >=, >, <= and <"]),
        ("where(n != d, 1, 2)", ["unexpected '!' at position 9"]),
        ("where(n => d, 1, 2)", ["unexpected '='"]),
        ("where(n >=, 1, 2)", ["unexpected ',' at position 11"]),
        ("where(> d, 1, 2)", ["unexpected '>' at position 7"]),
        ("where((n > d), 1, 2)", ["unexpected '>' at position 10", "expected an operator or ')'"]),
        ("where(n > d, n > 1, 2)", ["unexpected '>' at position 16"]),
        ("where(n > d and n > 1, 1, 2)", ["unexpected 'and'"]),
        ("where(where(n > d, 1, 2) > 1, 1, 2)", ["where within the condition of another at position 7"]),
        ("where(1 < 2 + where(n > d, 1, 2), 1, 2)", ["where within the condition of another at position 15"]),
        ("n > d", ["unexpected '>' at position 3", "a single comparison may stand first in where(...)"]),
        ("log(n >= d)", ["unexpected '>='"]),
        ("where(n > d, 1/0, 2)", ["division by zero"]),
        ("where(1 > 2, log(-1), 2)", ["no real number"]),
        ("1/where(1 > 2, 1, 0)", ["division by zero"]),
        ("n**where(1 > 2, 1, 65)", ["exponent beyond 64"]),
        ("where(n > d, x, 2)", ["unknown name 'x' at position 14"]),
        ("wheer(n > d, 1, 2)", ["did you mean 'where'"]),
        ("where(n > d, " * 60 + "1" + ", 2)" * 60, ["at most 500 characters"]),
        ("where(n>d," * 20 + "(" * 31 + "1" + ")" * 31 + ",2)" * 20, ["nested deeper than 50"]),
        ("where(" + "(" * 50 + "n" + ")" * 50 + ">d,1,2)", ["nested deeper than 50"]),
    ],
)
def test_refusals(text, words):
    message = refusal(text)
    assert all(word in message for word in words), message


def test_a_refused_condition_leaves_no_trace():
    refusal("where(where(n > d, 1, 2) > 1, 1, 2)")
    assert value("where(n > d, where(n > d, 1, 2), 3)") == 1


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("where(n >= d, 1, 2)", r"\begin{cases} 1 & \text{if } n \ge d \\ 2 & \text{otherwise} \end{cases}"),
        (
            "where(n < d, 1, where(n <= 2*d, eps, 0))",
            r"\begin{cases} 1 & \text{if } n < d \\ \varepsilon & \text{if } n \le 2\, d \\ "
            r"0 & \text{otherwise} \end{cases}",
        ),
        (
            "2*where(n > d, 1, 2)",
            r"2\, \left(\begin{cases} 1 & \text{if } n > d \\ 2 & \text{otherwise} \end{cases}\right)",
        ),
        (
            "where(n > d, 1, 2) + 1",
            r"\left(\begin{cases} 1 & \text{if } n > d \\ 2 & \text{otherwise} \end{cases}\right) + 1",
        ),
    ],
)
def test_latex(text, latex):
    assert expression_latex(parse(text, SYMBOLS)) == latex


n, d = sympy.symbols("n d", positive=True)


def test_piecewise_of_sympy_is_accepted_where_the_language_can_write_it():
    expression = 1 + sympy.Piecewise((n, n > d), (d**2, True))
    check_supported(expression)
    altered = theory.statement("4.2").replace(upper=expression)
    assert altered.to_dict()["upper"] == "1 + where(d < n, n, d**2)"
    assert altered.bounds(n=2, d=1, eps=0.1)[1] == 3
    assert altered.bounds(n=2, d=3, eps=0.1)[1] == 10


@pytest.mark.parametrize(
    "expression",
    [
        sympy.Piecewise((n, n > d)),
        sympy.Piecewise((n, n > d), (d, n < d)),
        sympy.Piecewise((n, n > d), (d, n > 2), (1, True)),
        sympy.Piecewise((n, sympy.Eq(n, d)), (d, True)),
        sympy.Piecewise((n, sympy.Ne(n, d)), (d, True)),
        sympy.Piecewise((n, (n > d) & (n > 2)), (d, True)),
        sympy.Piecewise((sympy.sin(n), n > d), (d, True)),
        sympy.Piecewise((n, sympy.sin(n) > d), (d, True)),
        sympy.Piecewise((n, n > d), (sympy.oo, True)),
        n > d,
    ],
)
def test_other_distinctions_are_refused(expression):
    with pytest.raises(StatementError, match="expected sums, products"):
        check_supported(expression)


def test_a_distinction_within_a_condition_is_none_of_the_languages():
    inner = sympy.Piecewise((n, n > d), (d, True))
    condition = sympy.StrictGreaterThan(inner, 1, evaluate=False)
    pair = sympy.Tuple.__new__(type(inner.args[0]), n, condition)
    outer = sympy.Basic.__new__(sympy.Piecewise, pair, inner.args[1])
    assert cases(inner) is not None
    assert cases(outer) is None
    with pytest.raises(StatementError):
        check_supported(outer)


def test_statements_with_cases_travel():
    altered = theory.statement("4.2").replace(upper="where(n >= d**2, 3 + eps, where(eps < 0.25, n, log(eps - 0.5)))")
    for copied in (pickle.loads(pickle.dumps(altered)), copy.deepcopy(altered)):  # noqa: S301 (made here)
        assert copied.to_dict() == altered.to_dict()
        assert copied.bounds(n=5, d=2, eps=0.1)[1] == pytest.approx(3.1)
        assert copied.bounds(n=3, d=2, eps=0.1)[1] == 3
    assert json.loads(json.dumps(altered.to_dict()))["upper"] == expression_text(altered.upper)
    with pytest.raises(StatementError, match="not a real number"):
        altered.bounds(n=3, d=2, eps=0.3)


def test_conditions_on_the_number_of_samples_may_have_cases():
    statement = theory.statement("3.3").replace(sample_size="where(n < 100, 1000, 50*log(n))", constants="none")
    needed = statement.required_n()
    assert needed >= 50 * math.log(needed) > needed - 2
