"""How much data the conditions ask for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import theory
from theory import StatementError


def message(function, *args, **kwargs) -> str:
    with pytest.raises(StatementError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


@given(st.floats(0.01, 0.9), st.floats(1e-6, 0.9), st.floats(0.01, 50))
def test_the_smallest_n_of_3_3(eps, delta, constant):
    def met(n: int) -> bool:
        return n >= constant * math.log(n / delta) / eps**2

    n = theory.statement("3.3").required_n(constant, eps=eps, delta=delta)
    assert isinstance(n, int)
    assert met(n)
    assert n == 1 or not met(n - 1)
    assert all(met(k * n) for k in (2, 3, 10, 1000))


@given(st.integers(1, 2000), st.integers(1, 10**9), st.floats(1e-9, 0.5), st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_smallest_n_of_4_3(d, K, delta, first, second):
    n = theory.statement("4.3").required_n([first, second], d=d, K=K, delta=delta)
    bound = max(first * d * math.log(d), second * (d + math.log(K / delta)) * math.log(K / delta))
    assert n == pytest.approx(max(1, math.ceil(bound)), abs=1, rel=1e-12)


@given(st.integers(1, 500), st.floats(0.01, 0.5), st.floats(1e-9, 0.9), st.floats(0.01, 100))
def test_the_smallest_n_of_4_2(d, eps, delta, constant):
    accuracy, failure = -math.log(eps), -math.log(delta)
    first = (d**2 * accuracy**2 + failure**2) / eps
    second = (d * accuracy + failure) / eps**2
    expected = max(1, math.ceil(constant * max(first, second)))
    for id in ("3.2", "4.2"):
        n = theory.statement(id).required_n(constant, eps=eps, delta=delta, d=d)
        assert n == pytest.approx(expected, abs=1, rel=1e-12)


def test_what_4_2_and_its_lower_half_ask_for():
    # 10 ((20 log 10)² + (log 20)²), by hand 10 (2120.76 + 8.97).
    assert theory.statement("4.2").required_n(eps=0.1, delta=0.05, d=20) == 21298
    # The second condition decides in low dimensions: 100 (log 10 + log 20).
    assert theory.statement("4.2").required_n(eps=0.1, delta=0.05, d=1) == 530
    assert theory.statement("4.2-lower").required_n(eps=0.1, delta=0.05, d=20) == 23


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.floats(0.01, 0.9), st.floats(1e-6, 0.9))
def test_the_dimension_of_3_3_star(n, d, eps, delta):
    needed = theory.statement("3.3-star").required_dimension(2, eps=eps, delta=delta, n=n, d=d)
    assert needed == pytest.approx(2 * max(1 / eps, math.log(n / delta) / eps**2 / max(1, n / d)))
    ordinary = theory.statement("3.3").required_dimension(2, eps=eps, delta=delta, n=n)
    assert theory.statement("3.5").required_dimension(2, eps=eps, delta=delta, n=n) == ordinary
    if n <= d:
        assert needed == pytest.approx(max(2 / eps, ordinary))


def test_one_constant_serves_all_conditions():
    statement = theory.statement("4.3")
    assert statement.required_n(2, d=5, K=2, delta=0.1) == statement.required_n([2, 2.0], d=5, K=2, delta=0.1)


def test_a_condition_that_holds_early_and_late_but_not_between():
    # n ≥ 50 log(n/δ) holds at n = 1 (log(1/0.99) is tiny), fails at n = 2 and holds again for good from some point on.
    n = theory.statement("3.3").required_n(50 * 0.25, eps=0.5, delta=0.99)
    assert n > 250
    assert n >= 50 * math.log(n / 0.99) > n - 2


def test_without_conditions_one_sample_is_enough():
    assert theory.statement("C.2").required_n() == 1
    assert theory.statement("C.2").required_dimension() == 0


def test_required_dimension():
    statement = theory.statement("3.3")
    assert statement.required_dimension(2, eps=0.5, delta=0.1, n=10) == pytest.approx(8 * math.log(100))
    two = statement.replace(dimension=["1/eps", "n"])
    assert two.required_dimension([10, 1], eps=0.5, n=7) == 20
    itself = statement.replace(dimension=["log(d_eff/delta)/eps**2"])
    d_eff = itself.required_dimension(eps=0.5, delta=0.1)
    assert d_eff == pytest.approx(4 * math.log(d_eff / 0.1), rel=1e-11)
    assert statement.replace(dimension=["sqrt(d_eff)/10"]).required_dimension() == 1


@pytest.mark.parametrize(
    ("constant", "values", "words"),
    [
        (1, {"eps": 0.1}, "expected a value for delta"),
        (1, {"eps": 0.1, "delta": 0.1, "n": 5}, "n: expected to be left out"),
        (0, {"eps": 0.1, "delta": 0.1}, "constant: expected a positive finite number, got 0"),
        (-1, {"eps": 0.1, "delta": 0.1}, "constant"),
        (True, {"eps": 0.1, "delta": 0.1}, "constant"),
        ("1", {"eps": 0.1, "delta": 0.1}, "constant"),
        ([1, 2], {"eps": 0.1, "delta": 0.1}, "expected one number or 1"),
        ([math.nan], {"eps": 0.1, "delta": 0.1}, "got nan"),
        (1, {"eps": 1e-9, "delta": 0.1}, "no n up to 1e15"),
        (1, {"eps": 0.1, "delta": 2}, "delta"),
    ],
)
def test_bad_requests(constant, values, words):
    said = message(theory.statement("3.3").required_n, constant, **values)
    assert words in said
    assert "\n" not in said


def test_conditions_that_nothing_meets():
    statement = theory.statement("3.3")
    assert "no n up to 1e15" in message(statement.replace(sample_size="2*n").required_n)
    assert "no n up to 1e15" in message(statement.replace(sample_size="sqrt(1 - 2*n)").required_n)
    assert "no d_eff up to 1e15" in message(statement.replace(dimension="2*d_eff").required_dimension)
    assert "no d_eff" in message(statement.replace(dimension="log(eps - 1/2)").required_dimension, eps=0.25)
    assert "d_eff: expected to be left out" in message(statement.required_dimension, d_eff=3)


@pytest.mark.filterwarnings("error")
def test_conditions_beyond_the_floats_are_refused_quietly():
    with pytest.raises(theory.StatementError, match="no n up to 1e15"):
        theory.statement("3.3").required_n(eps=1e-300, delta=0.1)


def test_statements_for_a_small_accuracy_refuse_a_large_one():
    for id in ("3.2", "4.2", "C.6"):
        values = {"delta": 0.99, "d": 1000}
        with pytest.raises(theory.StatementError, match=f"eps: expected at most 0.5.*{id}"):
            theory.statement(id).required_n(eps=0.51, **values)
        assert theory.statement(id).required_n(eps=0.5, **values) > 0
    assert theory.statement("4.2-lower").required_n(eps=0.51, delta=0.5, d=10) > 0
