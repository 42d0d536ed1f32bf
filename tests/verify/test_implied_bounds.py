"""Which bounds are shown to say no more than others: true weakenings are, nothing that is stronger anywhere is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import theory
from verify.claims._implied import nowhere_stronger

LOWER = theory.statement("5.2").to_dict()["lower"]
SECOND, FIRST = "A1*S_Y/(2*A2*S_X)", "A1*S_Y/(S_X*(1 + A2))"
WEAKER = [
    ("5.1", {"lower": "A1/2", "upper": "3*A2"}),
    ("5.1", {"lower": None, "upper": "A2 + A1**2"}),
    ("5.1", {"lower": "2*A1 - A2"}),
    ("5.1", {"lower": "min(A1, 1)"}),
    ("5.2", {"lower": f"({LOWER})/2"}),
    ("5.2", {"lower": LOWER}),
    ("5.2", {"lower": LOWER.replace(SECOND, f"{SECOND}/2")}),
    ("5.2", {"lower": LOWER.replace(FIRST, "A1*S_Y/(S_X*(2 + A2))")}),
    ("5.2", {"lower": f"{LOWER} - 1"}),
    ("5.2", {"lower": f"min({LOWER}, beta)"}),
    ("5.2", {"lower": f"where(beta > 7, {LOWER}, 0)"}),
    ("5.2-growth", {"lower": "beta**2*A1*A1/A2"}),
    ("5.2-parameters", {"lower": "D"}),
    ("5.2-threshold", {"upper": "sqrt(1 + 3/A1)"}),
    ("5.2-threshold", {"upper": "2 + 2/A1"}),
    ("5.2-threshold", {"upper": "max(sqrt(1 + 2/A1), 5)"}),
    ("5.2-threshold-sharp", {"lower": "1/(A1 + A2)", "upper": "2/A1"}),
    ("5.3", {"upper": "2*R*(q/(beta - 1)**2)**t"}),
    ("5.3", {"upper": "(1 + A)*R*(q/(beta - 1)**2)**t".replace("A", "R")}),
]
NOT_WEAKER = [
    ("5.1", {"lower": "A1 + (A2 - A1)/1000"}),
    ("5.1", {"upper": "min(A2, 100)"}),
    ("5.1", {"lower": "max(A1, A2/100)"}),
    ("5.2", {"lower": f"1.0001*({LOWER})"}),
    ("5.2", {"lower": f"where(A1 > 100, 10**9, {LOWER})"}),
    ("5.2", {"lower": f"{LOWER} + max(0, A1 - 100)"}),
    ("5.2", {"lower": f"({LOWER})*max(1, A1)"}),
    ("5.2", {"lower": f"max({LOWER}, 1/10**9)"}),
    ("5.2", {"lower": LOWER.replace(SECOND, "A1*S_Y/(A2*S_X)")}),
    ("5.2", {"lower": LOWER.replace("t < 1", "t < 1/2")}),
    ("5.2", {"lower": LOWER.replace("sqrt(1 + 2/A1)", "1")}),
    ("5.2", {"upper": "10**9"}),
    ("5.2-growth", {"lower": "beta**2*A1 + beta/10**9"}),
    ("5.2-parameters", {"lower": "(lambda_k/lambda_next)**2*D"}),
    ("5.2-threshold", {"upper": "sqrt(1 + 1.999/A1)"}),
    ("5.2-threshold", {"upper": "-2 - 2/A1"}),
    ("5.2-threshold", {"lower": "1/10**9"}),
    ("5.2-threshold-sharp", {"upper": "1/A1 - 1/10**9"}),
    ("5.3", {"upper": "R*(q/(beta - 1)**2)**t*t"}),
    ("5.3", {"upper": "R*(q/(beta - 1)**2)**(t + 1)"}),
    ("5.3", {"upper": "-2*R*(q/(beta - 1)**2)**t"}),
]


@pytest.mark.parametrize(("base", "changes"), WEAKER)
def test_weaker_bounds_are_recognised(base, changes):
    original = theory.statement(base)
    assert nowhere_stronger(original.replace(**changes), original)


@pytest.mark.parametrize(("base", "changes"), NOT_WEAKER)
def test_bounds_that_are_stronger_somewhere_are_not(base, changes):
    original = theory.statement(base)
    assert not nowhere_stronger(original.replace(**changes), original)


@settings(max_examples=40)
@given(st.lists(st.integers(-2, 2), min_size=4, max_size=4))
def test_what_is_recognised_is_weaker_at_random_points(coefficients):
    a, b, c, e = coefficients
    text = f"({a})*A1 + ({b})*A2 + ({c})*A1*A1/A2 + ({e})"
    original = theory.statement("5.1")
    altered = original.replace(lower=text, upper=None)
    if nowhere_stronger(altered, original):
        stream = np.random.default_rng(0)
        A1 = np.exp(stream.uniform(-8, 8, 2000))
        A2 = A1 * np.exp(stream.exponential(2.0, 2000))
        assert (altered.evaluate("lower", A1=A1, A2=A2) <= A1 * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    "lower",
    ["beta**2*A1/(1 + A1 + A2)**40/(1 + beta + A2)**20", "beta**2*A1 - (A1 + beta)**64*(A2 + beta)**64"],
)
def test_what_would_take_minutes_to_expand_is_not_shown(lower, monkeypatch):
    original = theory.statement("5.2-growth")
    expanded = []
    monkeypatch.setattr(theory, "is_nonnegative", lambda gap, box: expanded.append(gap))
    assert not nowhere_stronger(original.replace(lower=lower), original)
    assert not expanded
