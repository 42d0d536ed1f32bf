"""Verdicts: how states combine, and what JSON gets to see."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.verdict import Basis, Evidence, State, Verdict, combine, plain

# From the strongest objection to none; `observed` does not count.
ORDER = [State.VIOLATED, State.INCONCLUSIVE, State.VACUOUS, State.NOT_REFUTED, State.HOLDS]
nested = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=3), st.sampled_from(State),
        st.floats(allow_nan=True).map(np.float64), st.integers(0, 9).map(np.int64),
        st.lists(st.floats(), max_size=3).map(np.array),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3), st.tuples(inner)
    ),
    max_leaves=8,
)  # fmt: skip


def test_one_violation_refutes_and_holds_needs_every_test():
    for count in (1, 2, 3):
        for states in itertools.product(State, repeat=count):
            counted = [state for state in states if state is not State.OBSERVED]
            expected = next((state for state in ORDER if state in counted), State.INCONCLUSIVE)
            assert combine(states) is expected
            assert combine(states[::-1]) is expected


def test_no_tests_decide_nothing():
    assert combine([]) is State.INCONCLUSIVE
    assert combine([State.OBSERVED]) is State.INCONCLUSIVE


@given(nested)
def test_plain_values_are_json(value):
    json.dumps(plain(value), allow_nan=False)


def test_what_plain_makes_of_each_kind():
    assert plain({1: (np.float64(2), np.int64(3), np.array([[1.5, math.inf]]))}) == {"1": [2.0, 3, [[1.5, None]]]}
    assert plain([math.nan, -math.inf, True, None, "a", State.HOLDS]) == [None, None, True, None, "a", "holds"]
    assert type(plain(np.bool_(True))) is bool
    assert type(plain(np.int64(3))) is int
    assert type(plain(State.HOLDS)) is str


def test_a_verdict_as_a_dictionary():
    verdict = Verdict(
        claim="3.3*",
        title="t",
        kind="theorem",
        state=State.VIOLATED,
        basis=Basis.EXACT,
        summary="s",
        constant={"estimate": np.float64(1.5), "high": math.inf},
        witness={"u": np.arange(2.0)},
        evidence=[Evidence("a test", "found", State.OBSERVED, {"x": np.nan})],
        altered=True,
        seconds=1.23456,
    )
    described = json.loads(json.dumps(verdict.to_dict(), allow_nan=False))
    assert described["id"] == "3.3*"
    assert (described["state"], described["basis"], described["kind"]) == ("violated", "exact", "theorem")
    assert described["constant"] == {"estimate": 1.5, "high": None}
    assert described["witness"] == {"u": [0.0, 1.0]}
    assert described["evidence"] == [
        {"test": "a test", "finding": "found", "state": "observed", "figures": {"x": None}}
    ]
    assert described["seconds"] == 1.235
    assert described["altered"] is True
    assert "plots" not in described


@pytest.mark.parametrize("state", State)
def test_states_print_as_words(state):
    assert str(state) == state.value == f"{state}"
