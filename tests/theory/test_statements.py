"""What statements compute and say of themselves: bounds, arrays, LaTeX, dictionaries, pickles."""

from __future__ import annotations

import copy
import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import theory
from theory import Statement, StatementError

IDS = ["C.1", "C.2", "C.2-centred", "3.2", "3.3", "3.3-star", "3.5", "4.2", "4.2-lower", "4.3"]
IDS += ["5.1", "5.2", "5.2-growth", "5.2-parameters", "5.2-threshold", "5.2-threshold-sharp", "5.3"]
SAMPLE = {"eps": 0.2, "delta": 0.05, "n": 1000.0, "d": 20.0, "d_eff": 12.5, "K": 5.0, "rho": -0.4} | {
    "uSu": 2.0,
    "vSv": 0.5,
    "uSv": -0.7,
    "alpha": 0.4,
    "beta": 3.0,
    "A1": 0.8,
    "A2": 2.1,
    "S_X": 0.5,
    "S_Y": 4.0,
    "t": 6.0,
    "D": 0.3,
    "F": 3.0,
    "M": 1.5,
    "N": 2.0,
    "V": 0.6,
    "u_squared": 2.5,
    "v_squared": 0.9,
    "R": 1.7,
    "q": 0.36,
    "lambda_k": 2.0,
    "lambda_next": 0.25,
}


def values_of(statement: Statement) -> dict[str, float]:
    return {name: SAMPLE[name] for name in statement.symbols}


def message(function, *args, **kwargs) -> str:
    with pytest.raises(StatementError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("id", "values", "expected"),
    [
        ("C.1", {"uSu": 2, "vSv": 3, "uSv": -1}, (8, 8)),
        ("C.1", {"uSu": 1, "vSv": 1, "uSv": 1}, (3, 3)),
        ("C.2", {}, (1, 3)),
        ("C.2", {"rho": 1}, (1, 3)),
        ("C.2-centred", {"rho": -1}, (1, 2)),
        ("3.3", {"eps": 0.1}, (0.9, 1.1)),
        ("3.3", {"eps": Fraction(1, 4), "n": 100, "delta": np.float64(0.1)}, (0.75, 1.25)),
        ("3.2", {"eps": 0.5}, (0.5 / 2.25, 14)),
        ("3.3-star", {"eps": 0.25, "d": 3, "d_eff": 2.5}, (0.75, 1.25)),
        ("3.5", {"eps": 0.25, "alpha": 0.5, "beta": 1}, (0.75 / 16, 20)),
        ("3.5", {"eps": 0.25, "alpha": 3, "beta": 3}, (0.75, 1.25)),
        ("3.5", {"eps": 0.25, "alpha": 2, "beta": 4.0}, (0.75 / 16, 20)),
        ("3.5", {"eps": 0.5, "alpha": 1e-3, "beta": 1}, (0.5e-12, 1.5e12)),
        ("3.5", {"eps": 0.5, "alpha": 1e-100, "beta": 1}, (0, float("inf"))),
        ("3.5", {"eps": 0.5, "alpha": 0, "beta": 1}, (0, float("inf"))),
        ("4.2", {"eps": 0.5}, (0.5 / 2.25, 14)),
        ("4.2-lower", {"eps": 0.5, "d": 7}, (0.5 / 2.25, float("inf"))),
        ("4.3", {"eps": 0.5}, (0.5 / 2.25, 14)),
        ("4.3", {"eps": np.float32(0.5), "K": np.int64(3)}, (0.5 / 2.25, 14)),
        ("5.1", {"A1": 0, "A2": 0}, (0, 0)),
        ("5.1", {"A1": 1 + 1e-12, "A2": 1}, (1 + 1e-12, 1)),
        ("5.2-growth", {"A1": 0.5, "beta": 3}, (4.5, float("inf"))),
        ("5.2-parameters", {"lambda_k": 3, "lambda_next": 0.5, "D": 0.25}, (1.5, float("inf"))),
        ("5.2-parameters", {"lambda_k": 3, "lambda_next": 3, "D": 0}, (0, float("inf"))),
        ("5.2-threshold", {"A1": 0.25, "A2": 7}, (-float("inf"), 3)),
        ("5.2-threshold", {"A1": 0}, (-float("inf"), float("inf"))),
        ("5.2-threshold-sharp", {"A1": 0.5, "A2": 2}, (0.5, 2)),
        ("5.2-threshold-sharp", {"A1": 0, "A2": 2}, (0.5, float("inf"))),
        ("5.3", {"R": 2, "q": 4, "beta": 3, "t": 5}, (-float("inf"), 2)),
        ("5.3", {"R": 2, "q": 1, "beta": 3, "t": 2}, (-float("inf"), 1 / 8)),
        ("5.3", {"R": 2, "q": 0, "beta": 3, "t": 0}, (-float("inf"), 2)),
        ("5.3", {"R": 0, "q": 0, "beta": 3, "t": 2}, (-float("inf"), 0)),
    ],
)
def test_bounds(id, values, expected):
    bounds = theory.statement(id).bounds(**values)
    assert bounds == pytest.approx(expected, rel=1e-15)
    assert all(type(bound) is float for bound in bounds)


@pytest.mark.parametrize(
    ("id", "values", "words"),
    [
        ("3.3", {}, ["expected a value for eps"]),
        ("C.1", {"uSu": 1}, ["vSv, uSv"]),
        ("3.3", {"epsilon": 0.1}, ["no symbol 'epsilon'", "did you mean 'eps'", "known: eps, delta, n, d, d_eff"]),
        ("3.3", {"eps": 0.0}, ["eps: expected a number strictly between 0 and 1, got 0.0"]),
        ("3.3", {"eps": 1}, ["eps", "got 1"]),
        ("3.3", {"eps": -0.1}, ["got -0.1"]),
        ("3.3", {"eps": float("nan")}, ["got nan"]),
        ("3.3", {"eps": True}, ["got True"]),
        ("3.3", {"eps": np.True_}, ["eps", "True"]),
        ("3.3", {"eps": "0.1"}, ["got '0.1'"]),
        ("3.3", {"eps": None}, ["got None"]),
        ("3.3", {"eps": 0.1j}, ["got 0.1j"]),
        ("3.3", {"eps": [0.1]}, ["got [0.1]"]),
        ("3.3", {"eps": 0.1, "delta": 1.5}, ["delta", "strictly between 0 and 1", "1.5"]),
        ("3.3", {"eps": 0.1, "n": 0}, ["n: expected a positive finite number, got 0"]),
        ("3.3", {"eps": 0.1, "d_eff": float("inf")}, ["d_eff", "positive finite", "inf"]),
        ("4.3", {"eps": 0.1, "K": 10**400}, ["K", "positive finite"]),
        ("C.2", {"rho": 1.5}, ["rho: expected a number between -1 and 1, got 1.5"]),
        ("C.1", {"uSu": 1, "vSv": 1, "uSv": 1.1}, ["uSv**2 <= uSu*vSv", "uSv=1.1"]),
        ("C.1", {"uSu": 1, "vSv": -1, "uSv": 0}, ["vSv: expected a positive"]),
        ("3.5", {"eps": 0.1}, ["expected a value for alpha, beta"]),
        ("3.5", {"eps": 0.1, "alpha": 1, "beta": 0.5}, ["alpha: expected alpha <= beta, got alpha=1.0, beta=0.5"]),
        ("3.5", {"eps": 0.1, "alpha": -0.1, "beta": 1}, ["alpha: expected a finite number, at least 0, got -0.1"]),
        ("3.5", {"eps": 0.1, "alpha": 0, "beta": 0}, ["beta: expected a positive finite number"]),
        ("3.5", {"eps": 0.1, "alpha": 1, "beta": float("inf")}, ["beta: expected a positive finite number"]),
        ("5.1", {"A1": 1, "A2": 0.5}, ["A1: expected A1 <= A2, got A1=1.0, A2=0.5"]),
        ("5.1", {"A1": -1, "A2": 0.5}, ["A1: expected a finite number, at least 0, got -1"]),
        (
            "5.2-parameters",
            {"lambda_k": 1, "lambda_next": 2, "D": 1},
            ["lambda_next: expected lambda_next <= lambda_k, got lambda_next=2.0, lambda_k=1.0"],
        ),
        ("5.3", {"R": 1, "q": 1, "beta": 3, "t": -1}, ["t: expected a finite number, at least 0, got -1"]),
    ],
)
def test_bad_values(id, values, words):
    said = message(theory.statement(id).bounds, **values)
    assert all(word in said for word in words), said


@pytest.mark.parametrize("id", IDS)
def test_arrays_agree_with_scalars(id):
    statement = theory.statement(id)
    values = values_of(statement)
    assert float(statement.evaluate("lower", **values)) == statement.bounds(**values)[0]
    assert float(statement.evaluate("upper", **values)) == statement.bounds(**values)[1]


@given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=1, max_size=5), st.integers(1, 10**9))
def test_every_entry_is_the_scalar_value(eps, n):
    statement = theory.statement("4.3")
    upper = statement.evaluate("upper", eps=np.array(eps), n=n)
    assert upper.dtype == np.float64
    assert upper.tolist() == [statement.bounds(eps=entry)[1] for entry in eps]


def test_arrays_broadcast():
    statement = theory.statement("3.3")
    eps, n = np.linspace(0.1, 0.5, 4), np.array([[10], [1000]])
    assert statement.evaluate("lower", eps=eps, n=n).shape == (2, 4)
    (condition,) = statement.evaluate("sample_size", eps=eps, n=n, delta=0.1)
    np.testing.assert_allclose(condition, np.log(n / 0.1) / eps**2, rtol=1e-14)
    assert statement.evaluate("probability", delta=0.1) == 0.9
    assert len(theory.statement("4.3").evaluate("sample_size", d=np.arange(2, 5), K=2, delta=0.1)) == 2
    assert theory.statement("4.3").evaluate("dimension") == []


def test_absent_bounds_are_infinite():
    statement = theory.statement("3.3").replace(lower=None, upper=None, probability=None)
    assert statement.bounds() == (-np.inf, np.inf)
    assert statement.evaluate("lower", eps=np.array([0.1, 0.2])).tolist() == [-np.inf, -np.inf]
    assert statement.evaluate("probability") == 1


@pytest.mark.parametrize(
    ("field", "values", "words"),
    [
        ("uper", {"eps": 0.1}, ["no field 'uper'", "did you mean 'upper'"]),
        ("title", {}, ["no field 'title'"]),
        (3, {}, ["no field 3"]),
        ("upper", {"eps": np.array([0.1, 2.0])}, ["eps", "everywhere, got 2.0"]),
        ("upper", {"eps": np.array([0.1, np.nan])}, ["got nan"]),
        ("upper", {"eps": np.array([True])}, ["eps: expected numbers"]),
        ("upper", {"eps": np.array(["a"])}, ["eps: expected numbers"]),
        ("upper", {"eps": [[0.1], [0.1, 0.2]]}, ["eps: expected numbers"]),
        ("upper", {"eps": np.array([0.1, 0.2]), "n": np.array([1, 2, 3])}, ["broadcast", "eps (2,)", "n (3,)"]),
        ("sample_size", {"eps": 0.1, "n": 10}, ["expected a value for delta"]),
    ],
)
def test_bad_arrays(field, values, words):
    said = message(theory.statement("3.3").evaluate, field, **values)
    assert all(word in said for word in words), said


def test_arrays_of_slopes():
    statement = theory.statement("3.5")
    alpha = np.array([[0.0], [0.5], [1.0]])
    upper = statement.evaluate("upper", eps=[0.25, 0.5], alpha=alpha, beta=1)
    assert upper.tolist() == [[np.inf, np.inf], [20, 24], [1.25, 1.5]]
    said = message(statement.evaluate, "upper", eps=0.1, alpha=alpha, beta=0.75)
    assert "alpha: expected alpha <= beta" in said
    said = message(statement.evaluate, "upper", eps=0.1, alpha=np.array([0.5, np.inf]), beta=1)
    assert "at least 0 everywhere, got inf" in said
    covariance = np.array([[0.5], [2.0]])
    said = message(theory.statement("C.1").evaluate, "upper", uSu=1, vSv=[1, 1.5], uSv=covariance)
    assert said == "uSv: expected uSv**2 <= uSu*vSv, got uSv=2.0, uSu=1.0, vSv=1.0"


def test_results_that_are_not_real_are_refused():
    statement = theory.statement("3.3").replace(upper="log(eps - 0.5)")
    assert statement.bounds(eps=0.75)[1] == pytest.approx(np.log(0.25))
    assert "upper of statement 3.3*: 'log(eps - 0.5)' is not a real number" in message(statement.bounds, eps=0.25)
    assert "not a real number" in message(statement.evaluate, "upper", eps=np.array([0.75, 0.25]))


@pytest.mark.parametrize("id", IDS)
def test_latex(id):
    for statement in (theory.statement(id), *(control.statement for control in theory.statement(id).controls)):
        text = statement.latex()
        assert text.isascii()
        assert text.count(r"\[") == text.count(r"\]") == 1
        assert text.count(r"\begin{") == text.count(r"\end{")
        depth = 0
        for character in text.replace(r"\{", "").replace(r"\}", ""):
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0
        assert depth == 0
        assert statement.id in text
        assert all(rf"\item {item[0]}" in text for item in statement.hypotheses if item[0].isascii())


def test_latex_formulas():
    text = theory.statement("4.3").latex()
    assert r"\frac{1 - \varepsilon}{\left(1 + \varepsilon\right)^{2}} \le g(\theta; v_k)" in text
    assert r"n &\ge C_{1}(\varepsilon)\, d\, \log\left(d\right)" in text
    assert r"with probability at least $1 - \delta$" in text
    assert r"d_{\mathrm{eff}} &\ge C\, \frac{" in theory.statement("3.3").latex()
    assert r"\left(u^\top S v\right)^{2}" in theory.statement("C.1").latex()
    title = "50% of {a_b} & \\c^dd ~ θ₁ ≥ x² – “é”"
    altered = theory.statement("3.3").replace(title=title).latex()
    assert r"50\% of \{a\_b\} \& \textbackslash{}c\textasciicircum{}dd" in altered
    assert altered.isascii()


@pytest.mark.parametrize("id", IDS)
def test_dictionary(id):
    statement = theory.statement(id)
    described = statement.to_dict()
    assert json.loads(json.dumps(described)) == described
    assert described["id"] == id
    assert set(described["provenance"].values()) <= {"S", "D", "R"}
    assert [control["id"] for control in described["controls"]] == [control.id for control in statement.controls]
    steps = statement.proof.steps if statement.proof else ()
    assert [step["status"] for step in described["proof"]] == [step.status for step in steps]
    values = values_of(statement)
    for side in ("lower", "upper"):
        if getattr(statement, side) is None:
            assert described[side] is None
            continue
        read = theory.parse(described[side], statement.symbols)
        again = statement.replace(**{side: read})
        assert again.evaluate(side, **values) == pytest.approx(statement.evaluate(side, **values), rel=1e-14)
    assert len(described["sample_size"]) == len(statement.sample_size)


def unpickled(statement: Statement) -> Statement:
    return pickle.loads(pickle.dumps(statement))  # noqa: S301 (made here)


@pytest.mark.parametrize("duplicate", [unpickled, copy.deepcopy, copy.copy])
def test_statements_travel(duplicate):
    hostile = theory.statement("4.3").replace(upper="(7.25**2)**((3**64)*(1-2)+0.5*2/n*2) + max(eps, 1 - 1)")
    for statement in (*theory.statements(), theory.statement("4.3").controls[0].statement, hostile):
        copied = duplicate(statement)
        assert copied.to_dict() == statement.to_dict()
        values = values_of(statement)
        assert copied.bounds(**values) == pytest.approx(statement.bounds(**values), rel=1e-14)
        assert len(copied.controls) == len(statement.controls)


def test_a_statement_checks_itself():
    parts = {name: getattr(theory.statement("3.3"), name) for name in Statement.__dataclass_fields__}
    assert "kind: expected one of theorem" in message(Statement, **{**parts, "kind": "law"})
    assert "quantity: expected one of" in message(Statement, **{**parts, "quantity": "nu"})
    assert "provenance: expected S, D or R" in message(Statement, **{**parts, "provenance": {"lower": "X"}})
    assert "expected its own symbols only, got foo" in message(Statement, **{**parts, "lower": sympy.Symbol("foo")})
    assert "expected sums" in message(Statement, **{**parts, "lower": sympy.sin(sympy.Symbol("eps"))})


def test_repr_is_one_line():
    assert repr(theory.statement("3.3")) == "<Statement 3.3: 1 - eps ≤ μ(θ) ≤ 1 + eps>"
    assert repr(theory.statement("3.3").replace(lower=None)) == "<Statement 3.3*: μ(θ) ≤ 1 + eps>"
