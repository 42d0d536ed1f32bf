"""The small language: what it reads, with which precedence, and how it is written back."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import StatementError, parse
from theory._evaluate import evaluate
from theory._notation import expression_latex, expression_text

SYMBOLS = {"eps": "accuracy", "n": "samples", "d": "dimension", "rho": "correlation"}
VALUES = {"eps": 0.25, "n": 17.0, "d": 3.0, "rho": -0.5}


def value(text: str, **values: float) -> float:
    return float(evaluate(parse(text, SYMBOLS), {**VALUES, **values}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-2**2", -4),
        ("2**-1", 0.5),
        ("2**3**2", 512),
        ("-2**-2", -0.25),
        ("2*-3", -6),
        ("--2", 2),
        ("+-+2", -2),
        ("6/3/2", 1),
        ("6/3*2", 4),
        ("7-2-1", 4),
        ("7-(2-1)", 6),
        ("1.5e1", 15),
        (".5+5.", 5.5),
        ("1E-3", 0.001),
        ("min(3, 1, 2)", 1),
        ("max(n, d)", 17),
        ("max(n, n)", 17),
        ("log(1)", 0),
        ("sqrt(16)", 4),
        ("sqrt(eps)**2", 0.25),
        ("(2+eps)/(1-eps)**2", 4),
        (" n\t+ d ", 20),
        ("max(rho, -rho)", 0.5),
        ("0**0", 1),
        ("9**0.5", 3),
        ("4**(-1/2)", 0.5),
    ],
)
def test_examples(text, expected):
    assert value(text) == pytest.approx(expected, rel=1e-15)


def test_decimals_are_exact():
    assert parse("0.1", SYMBOLS) == sympy.Rational(1, 10)
    assert parse("1e-300", SYMBOLS) == sympy.Rational(1, 10**300)


def test_symbols_carry_their_assumptions():
    assert all(symbol.is_positive for symbol in parse("eps*n*d", SYMBOLS).free_symbols)
    assert parse("rho", SYMBOLS).is_positive is None


def test_a_list_of_names_serves_as_symbols():
    assert parse("n", ["n"]) == parse("n", {"n": "samples"})


# Python's own evaluation is the reference: with fractions for numbers it is exact, and its precedence is the grammar's.
NAMES = {"eps": Fraction(1, 4), "n": Fraction(17), "d": Fraction(3), "rho": Fraction(-1, 2)}
atoms = st.sampled_from([*NAMES, "1", "2", "3", "0.5", "1.25", "7"])


def combine(inner):
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", " + ", " * "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        # Parentheses keep chains of powers short, which Python would compute at any length.
        st.tuples(inner, st.sampled_from([2, -1, 3, 0, -2])).map(lambda pair: f"({pair[0]})**{pair[1]}"),
        st.tuples(atoms, st.sampled_from(["**2", "**1**2", "**-1**2", "**-(2)"])).map("".join),
    )


rational_text = st.recursive(atoms, combine, max_leaves=12)


@settings(max_examples=400)
@given(rational_text)
def test_agrees_with_python_in_exact_arithmetic(text):
    if text.count("**") > 6 or len(text) > 400:
        return
    python = re.sub(r"\d+(\.\d+)?", lambda match: f"F('{match.group()}')", text)
    try:
        expected = eval(python, {"F": Fraction, **NAMES})  # noqa: S307 (the reference; the text is made here)
    except ZeroDivisionError:
        return
    except (OverflowError, TypeError):  # a fraction with a fractional exponent
        return
    if not isinstance(expected, Fraction):
        return
    try:
        expression = parse(text, SYMBOLS)
    except StatementError as error:
        assert "nested deeper" in str(error) or "exponent beyond" in str(error) or "too large" in str(error)
        return
    assert exact(expression) == expected


def exact(node):
    """Evaluate exactly, by walking."""
    if node.is_Symbol:
        return NAMES[node.name]
    if node.is_Rational:
        return Fraction(int(node.p), int(node.q))
    arguments = [exact(argument) for argument in node.args]
    if node.is_Add:
        return sum(arguments)
    if node.is_Mul:
        return math.prod(arguments)
    return arguments[0] ** arguments[1]


positive = st.recursive(
    st.sampled_from(["eps", "n", "d", "0.3", "2", "5.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+*/"), inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]})**({pair[1]}/({pair[1]}+1))"),
        inner.map("log(1+{})".format),
        inner.map("sqrt({})".format),
        st.lists(inner, min_size=2, max_size=4).map(lambda several: f"max({','.join(several)})"),
        st.lists(inner, min_size=2, max_size=4).map(lambda several: f"min({', '.join(several)})"),
        st.tuples(st.sampled_from(["eps<n", "n >= d", "0.3>eps", "d<=eps"]), inner, inner).map(
            lambda three: f"where({', '.join(three)})"
        ),
    ),
    max_leaves=10,
)


@settings(max_examples=300)
@given(positive)
def test_agrees_with_python_in_floating_point(text):
    if len(text) > 500:
        return
    functions = {"log": math.log, "sqrt": math.sqrt, "min": min, "max": max}
    functions["where"] = lambda condition, then, otherwise: then if condition else otherwise
    expected = eval(text, {**functions, **VALUES})  # noqa: S307 (the reference; the text is made here)
    assert value(text) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=300)
@given(st.one_of(rational_text, positive))
def test_what_is_written_reads_back(text):
    try:
        expression = parse(text, SYMBOLS)
    except StatementError:
        return
    written = expression_text(expression)
    # Parentheses that the text did not need may be added, beyond the longest text that is read.
    if len(written) > 500:
        return
    back = evaluate(parse(written, SYMBOLS), VALUES)
    np.testing.assert_allclose(back, evaluate(expression, VALUES), rtol=1e-10, atol=1e-12)
    latex = expression_latex(expression)
    assert latex.isascii()
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("n-(d-eps)", "n - (d - eps)"),
        ("-(n+d)", "-(n + d)"),
        ("n/(d/eps)", "n/(d/eps)"),
        ("n/d/eps", "n/(d*eps)"),
        ("(n**2)**d", "(n**2)**d"),
        ("n**2**d", "n**(2**d)"),
        ("(-n)**2", "(-n)**2"),
        ("-n/d", "-n/d"),
        ("2.9", "2.9"),
        ("1/3*n", "n/3"),
        ("n**-0.5", "1/sqrt(n)"),
        ("2*(1/3)", "2*(1/3)"),
        ("1e300", "1e300"),
        ("1e-300*n", "1e-300*n"),
        ("n*-1", "n*(-1)"),
    ],
)
def test_writing(text, written):
    assert expression_text(parse(text, SYMBOLS)) == written


def test_catalogue_notation_of_sympy_expressions():
    eps = sympy.Symbol("eps", positive=True)
    assert expression_text((3 + eps) / (1 - eps) ** 2) == "(3 + eps)/(1 - eps)**2"
    assert expression_text(sympy.Abs(sympy.Symbol("rho", real=True)) / 3) == "max(rho, -rho)/3"
    assert expression_latex(sympy.sqrt(eps) / 2) == r"\frac{\sqrt{\varepsilon}}{2}"


def test_evaluation_broadcasts_and_overflows_to_infinity():
    expression = parse("eps*n**64", SYMBOLS)
    result = evaluate(expression, {"eps": np.array([[0.5], [0.25]]), "n": np.array([1.0, 2.0, 1e30])})
    assert result.shape == (2, 3)
    assert result[0, 2] == math.inf
    assert result[1, 1] == 0.25 * 2.0**64
