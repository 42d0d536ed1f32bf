"""Conjectures of a user's own: altered statements, their texts, and the false variants that statements ship."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import theory
from theory import StatementError, parse_replacement


def message(function, *args, **kwargs) -> str:
    with pytest.raises(StatementError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_replacing_bounds_and_conditions():
    original = theory.statement("3.3")
    altered = original.replace(upper="1 + eps**2", sample_size=["log(n/delta)/eps"])
    assert altered.bounds(eps=0.5) == (0.5, 1.25)
    assert altered.evaluate("sample_size", n=10, delta=0.1, eps=0.5)[0] == pytest.approx(2 * np.log(100))
    assert altered.altered
    assert altered.base == "3.3"
    assert altered.id == "3.3*"
    assert altered.controls == ()
    assert altered.proof is None
    assert altered.kind == "theorem"
    assert "upper: 1 + eps → 1 + eps**2" in altered.change_note
    assert "sample_size: log(n/delta)/eps**2 → log(n/delta)/eps" in altered.change_note
    assert altered.change_note in altered.summary
    assert set(altered.provenance) == set(original.provenance) - {"upper", "sample_size"}
    assert original.bounds(eps=0.5) == (0.5, 1.5)
    assert not original.altered


def test_replacing_twice_keeps_the_base_and_both_notes():
    altered = theory.statement("4.3").replace(lower=0).replace(title="mine", upper=4)
    assert (altered.id, altered.base, altered.title) == ("4.3*", "4.3", "mine")
    assert altered.bounds() == (0, 4)
    assert altered.change_note.startswith("lower: ")
    assert altered.change_note.endswith("upper: (3 + eps)/(1 - eps)**2 → 4")


@pytest.mark.parametrize(
    "value",
    ["1 + eps/10", "1+0.1*eps", 1 + sympy.Symbol("eps") / 10, 1 + sympy.Symbol("eps", positive=True) / 10],
)
def test_text_and_sympy_expressions(value):
    assert theory.statement("3.3").replace(upper=value).bounds(eps=0.5)[1] == pytest.approx(1.05, rel=1e-15)


@pytest.mark.parametrize("value", [2, 2.0, np.float64(2), np.int64(2), sympy.Integer(2), sympy.Float(2), "2"])
def test_numbers(value):
    assert theory.statement("3.3").replace(upper=value).bounds(eps=0.5)[1] == 2


def test_a_float_means_the_decimal_it_shows():
    assert theory.statement("3.3").replace(upper=0.1).upper == sympy.Rational(1, 10)


def test_conditions_take_one_entry_several_or_none():
    statement = theory.statement("4.3")
    assert len(statement.replace(sample_size="d").sample_size) == 1
    assert len(statement.replace(sample_size=sympy.Symbol("d")).sample_size) == 1
    assert len(statement.replace(sample_size=5).sample_size) == 1
    assert len(statement.replace(sample_size=("d", "K", 3)).sample_size) == 3
    assert statement.replace(sample_size=[]).sample_size == ()
    assert "no condition" in statement.replace(sample_size=[]).change_note


def test_other_fields():
    altered = theory.statement("3.3").replace(
        kind="conjecture", constants="none", title=" T ", hypotheses="only one", probability="1 - delta**2", lower=None
    )
    assert (altered.kind, altered.constants, altered.title) == ("conjecture", "none", "T")
    assert altered.hypotheses == ("only one",)
    assert altered.evaluate("probability", delta=0.5) == 0.75
    assert altered.lower is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ["at least one field"]),
        ({"uper": "1"}, ["no field 'uper'", "did you mean 'upper'", "known: lower, upper"]),
        ({"id": "x"}, ["no field 'id'"]),
        ({"upper": "1 + epsilon"}, ["upper: expression '1 + epsilon'", "unknown name 'epsilon'", "did you mean 'eps'"]),
        ({"upper": "__import__('os').getcwd()"}, ["upper: ", "unknown name '__import__' at position 1"]),
        ({"upper": True}, ["upper: expected an expression or a finite number, got True"]),
        ({"upper": float("nan")}, ["upper", "got nan"]),
        ({"upper": float("inf")}, ["upper", "got inf"]),
        ({"upper": [1]}, ["upper", "got [1]"]),
        ({"upper": sympy.Symbol("foo")}, ["upper", "unknown name 'foo'"]),
        ({"upper": sympy.sin(sympy.Symbol("eps"))}, ["upper: expected sums", "sin"]),
        ({"upper": sympy.pi}, ["upper", "pi"]),
        ({"upper": sympy.oo}, ["upper", "oo"]),
        ({"upper": sympy.I}, ["upper", "'I'"]),
        ({"upper": sympy.Symbol("eps") > 1}, ["upper: expected an expression"]),
        ({"sample_size": {"a": 1}}, ["sample_size: expected a list"]),
        ({"sample_size": None}, ["sample_size: expected a list, got None"]),
        ({"sample_size": ["d", "2 +"]}, ["sample_size: expression '2 +'", "unexpected end"]),
        ({"title": ""}, ["title: expected a text"]),
        ({"title": 3}, ["title: expected a text, got 3"]),
        ({"hypotheses": [1]}, ["hypotheses: expected a text, got 1"]),
        ({"kind": "law"}, ["kind: expected one of theorem, lemma, conjecture, got 'law'"]),
        ({"constants": "some"}, ["constants: expected one of none, absolute"]),
    ],
)
def test_bad_replacements(fields, words):
    said = message(theory.statement("3.3").replace, **fields)
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("upper=(2+eps)/(1-eps)**2", ("upper", "(2+eps)/(1-eps)**2")),
        (" lower = 0 ", ("lower", "0")),
        ("lower=", ("lower", None)),
        ("sample_size=d*log(d); log(K/delta)", ("sample_size", ["d*log(d)", "log(K/delta)"])),
        ("dimension=", ("dimension", [])),
        ("hypotheses=a; b", ("hypotheses", ["a", "b"])),
        ("title=a = b; c", ("title", "a = b; c")),
        ("kind=conjecture", ("kind", "conjecture")),
    ],
)
def test_replacements_of_the_command_line(text, expected):
    assert parse_replacement(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("upper", "expected field=expression, got 'upper'"),
        ("", "expected field=expression"),
        ("=1", "no field ''"),
        ("uper=1", "did you mean 'upper'"),
    ],
)
def test_bad_replacements_of_the_command_line(text, words):
    assert words in message(parse_replacement, text)


def test_a_replacement_goes_from_the_command_line_into_a_statement():
    field, value = parse_replacement("sample_size=d; K;")
    assert "sample_size: expression '': unexpected end" in message(theory.statement("4.3").replace, **{field: value})
    field, value = parse_replacement("dimension=")
    assert theory.statement("3.3").replace(**{field: value}).dimension == ()


EXPECTED_CONTROLS = {
    "C.1": ["C.1:factor-1", "C.1:factor-3"],
    "C.2": ["C.2:upper-2.9", "C.2:lower-1.05"],
    "C.2-centred": ["C.2-centred:upper-1.9", "C.2-centred:lower-1.05"],
    "3.3": ["3.3:no-dimension", "3.3:linear-eps", "3.3:raised-lower"],
    "3.2": ["3.2:upper-2", "3.2:d-for-d2", "3.2:lower-1.2"],
    "3.3-star": ["3.3-star:one-condition", "3.3-star:no-dimension"],
    "3.5": ["3.5:exponent-1", "3.5:lower-exponent-1", "3.5:no-dimension"],
    "4.2": ["4.2:upper-2", "4.2:d-for-d2", "4.2:lower-1.2"],
    "4.2-lower": ["4.2-lower:raised", "4.2-lower:log-d"],
    "4.3": ["4.3:upper-2", "4.3:lower-1.2", "4.3:log-d", "4.3:log-K"],
    "5.1": ["5.1:larger-A1", "5.1:smaller-A2"],
    "5.2": ["5.2:factor", "5.2:no-waiting", "5.2:any-beta"],
    "5.2-growth": ["5.2-growth:A2", "5.2-growth:plus-one"],
    "5.2-parameters": ["5.2-parameters:squared"],
    "5.2-threshold": ["5.2-threshold:necessary", "5.2-threshold:smaller"],
    "5.2-threshold-sharp": ["5.2-threshold-sharp:one", "5.2-threshold-sharp:mean"],
    "5.3": ["5.3:rate-squared"],
}


@pytest.mark.parametrize("id", EXPECTED_CONTROLS)
def test_controls(id):
    original = theory.statement(id)
    assert [control.id for control in original.controls] == EXPECTED_CONTROLS[id]
    for control in original.controls:
        variant = control.statement
        assert control.statement is variant
        assert variant.id == control.id
        assert variant.base == id
        assert variant.altered
        assert variant.controls == ()
        assert control.reason
        changed = {name for name in ("lower", "upper", "sample_size", "dimension") if name in control.changes}
        assert changed == set(control.changes)
        for name in ("lower", "upper", "sample_size", "dimension"):
            same = getattr(variant, name) == getattr(original, name)
            assert same is (name not in changed)


def test_control_values():
    by_id = {control.id: control.statement for s in theory.statements() for control in s.controls}
    assert by_id["C.1:factor-1"].bounds(uSu=1, vSv=1, uSv=1) == (2, 2)
    assert by_id["C.2:upper-2.9"].bounds() == (1, 2.9)
    assert by_id["C.2:lower-1.05"].bounds() == (1.05, 3)
    assert by_id["C.2-centred:upper-1.9"].bounds() == (1, 1.9)
    assert by_id["3.3:no-dimension"].dimension == ()
    assert by_id["3.3:raised-lower"].bounds(eps=0.2)[0] == pytest.approx(1.0)
    (condition,) = by_id["3.3:linear-eps"].evaluate("dimension", n=10, delta=0.1, eps=0.1)
    assert condition == pytest.approx(np.log(100) / 0.1)
    assert by_id["4.3:upper-2"].bounds(eps=0.5)[1] == 10
    assert by_id["4.3:lower-1.2"].bounds(eps=0.2)[0] == pytest.approx(1 / 1.44)
    for id in ("3.2", "4.2"):
        assert by_id[f"{id}:upper-2"].bounds(eps=0.5)[1] == 10
        assert by_id[f"{id}:lower-1.2"].bounds(eps=0.2)[0] == pytest.approx(1 / 1.44)
        first, second = by_id[f"{id}:d-for-d2"].evaluate("sample_size", d=7, eps=0.1, delta=0.01)
        assert first == pytest.approx((7 * np.log(10) ** 2 + np.log(100) ** 2) / 0.1)
        assert second == theory.statement(id).evaluate("sample_size", d=7, eps=0.1, delta=0.01)[1]
    assert by_id["3.5:exponent-1"].bounds(eps=0.5, alpha=0.5, beta=1) == (0.5 / 16, 3)
    assert by_id["3.5:lower-exponent-1"].bounds(eps=0.5, alpha=0.5, beta=1) == (0.25, 24)
    assert by_id["3.5:no-dimension"].dimension == by_id["3.3-star:no-dimension"].dimension == ()
    (condition,) = by_id["3.3-star:one-condition"].evaluate("dimension", eps=0.1)
    assert condition == pytest.approx(10)
    assert by_id["4.2-lower:raised"].bounds(eps=0.2) == (pytest.approx(1 / 1.44), np.inf)
    (condition,) = by_id["4.2-lower:log-d"].evaluate("sample_size", d=np.e**2, delta=np.e**-1)
    assert condition == pytest.approx(3)
    assert float(by_id["4.3:log-d"].evaluate("sample_size", d=np.e**2, K=1, delta=0.5)[0]) == pytest.approx(2)
    assert float(by_id["4.3:log-K"].evaluate("sample_size", d=2, K=1, delta=np.e**-3)[1]) == pytest.approx(3)


def test_a_control_needs_a_statement():
    assert "belong to a statement" in message(lambda: theory.Control("x:y", "reason", {"upper": 1}).statement)
