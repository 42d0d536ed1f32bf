"""Lemmas C.1 and C.2 judged in full: true statements hold, false ones do not, witnesses can be checked."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_claims import altered, check_form, context

import theory
from verify import claims
from verify.verdict import Basis, State
from verify.witness import quadrature_moment


def moment_again(witness: dict, statement: theory.Statement) -> tuple[float, float, float]:
    """Value and bounds at a witness, from its S, u and v by Isserlis' formula."""
    S, u, v = (np.array(witness[name]) for name in ("S", "u", "v"))
    a, b, c = u @ S @ u, v @ S @ v, u @ S @ v
    moment = a * b + 2 * c * c
    assert quadrature_moment(S, u, v) == pytest.approx(moment, rel=1e-9)
    value = {
        "moment": moment,
        "population_g": moment / (a * b),
        "population_g_centred": (moment - c * c) / (a * b),
    }[statement.quantity]
    # Rounding must not put the covariance beyond the variances.
    rho = float(np.clip(c / math.sqrt(a * b), -1, 1))
    at = {"uSu": a, "vSv": b, "uSv": rho * math.sqrt(a * b), "rho": rho}
    bounds = statement.bounds(**{name: float(x) for name, x in at.items() if name in statement.symbols})
    return float(value), *bounds


@pytest.mark.parametrize("base", ["C.1", "C.2", "C.2-centred"])
def test_the_lemmas_hold_and_their_controls_do_not(base):
    told: list[tuple[float, str]] = []
    verdict, controls, table = claims.judge(base, context(told=told))
    assert (verdict.state, verdict.basis, verdict.claim) == (State.HOLDS, Basis.EXACT, base)
    assert [control.claim for control in controls] == [c.id for c in theory.statement(base).controls]
    assert len(controls) >= 1
    for one in (verdict, *controls):
        check_form(one)
        assert one.seconds > 0
    for control, judged in zip(theory.statement(base).controls, controls, strict=True):
        assert judged.state is State.VIOLATED
        value, lower, upper = moment_again(judged.witness, control.statement)
        assert judged.witness["value"] == pytest.approx(value, rel=1e-9)
        assert not lower * (1 - 1e-9) <= value <= upper * (1 + 1e-9)
    assert set(table["claim"]) == {base, *(control.claim for control in controls)}
    assert all(0 <= share <= 1 for share, _ in told)
    assert verdict.plots


TRUE_LEMMAS = [
    ("C.1", {"upper": "3*uSu*vSv"}),
    ("C.1", {"lower": "uSu*vSv", "upper": None}),
    ("C.1", {"lower": "3*uSv**2"}),
    ("C.1", {"lower": "0", "upper": "3*uSu*vSv"}),
    ("C.1", {"upper": "uSu*vSv + 2*uSv**2 + 1/10**12"}),
    ("C.2", {"lower": "0"}),
    ("C.2", {"upper": None}),
    ("C.2", {"lower": "1 + rho**2"}),
    ("C.2", {"lower": "1 + 2*rho**2", "upper": "1 + 2*rho**2"}),
    ("C.2", {"upper": "2*rho**2 + 1 + (rho - 3/10)**2"}),
    ("C.2", {"lower": "1 - 1/rho**2"}),
    ("C.2-centred", {"upper": "3"}),
    ("C.2-centred", {"lower": "1 + rho**4", "upper": "1 + max(rho, -rho)"}),
]


FALSE_LEMMAS = [
    ("C.1", {"upper": "uSu*vSv + 1.999*uSv**2"}),
    ("C.1", {"lower": "3*uSv**2 + uSu*vSv/10**6"}),
    ("C.1", {"lower": "2*uSu*vSv"}),
    ("C.1", {"lower": "3*uSv**2 + (uSu*vSv - uSv**2)*uSv/1000"}),
    ("C.1", {"lower": "5*uSu*vSv", "upper": "0"}),
    ("C.1", {"upper": "1000*uSu + 1000*vSv"}),
    ("C.2", {"upper": "2.9999"}),
    ("C.2", {"lower": "1.0001"}),
    ("C.2", {"upper": "3 - 1/10**7"}),
    ("C.2", {"lower": "1 + 2*rho"}),
    ("C.2", {"upper": "1 + 2*rho**4"}),
    ("C.2", {"upper": "1/rho"}),
    ("C.2-centred", {"upper": "1.99"}),
    ("C.2-centred", {"lower": "1 + rho**2 + rho*(1 - rho**2)/100"}),
]


@pytest.mark.parametrize(("base", "changes"), TRUE_LEMMAS)
def test_true_alterations_of_the_lemmas_hold(base, changes):
    verdict, controls, _ = claims.judge(altered(base, changes), context())
    check_form(verdict)
    assert verdict.state is State.HOLDS
    assert controls == []
    assert (verdict.claim, verdict.altered) == (f"{base}*", True)


@pytest.mark.parametrize(("base", "changes"), FALSE_LEMMAS)
def test_false_alterations_of_the_lemmas_are_violated(base, changes):
    statement = altered(base, changes)
    verdict, _, _ = claims.judge(statement, context())
    check_form(verdict)
    assert verdict.state is State.VIOLATED
    value, lower, upper = moment_again(verdict.witness, statement)
    assert verdict.witness["value"] == pytest.approx(value, rel=1e-9)
    assert value < lower or value > upper


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        ("C.2", {"lower": "1 + max(0, 1/10**4 - 1000*(rho - 0.00125)**2)"}),  # a peak between the points of the grid
        ("C.2", {"upper": "3 - 1/10**10"}),  # within rounding errors
        ("C.1", {"upper": "10**30"}),  # beyond every scale that is tried
        ("C.1", {"lower": "1/10**20", "upper": None}),
    ],
)
def test_false_alterations_that_no_grid_sees_do_not_hold(base, changes):
    verdict, _, _ = claims.judge(altered(base, changes), context())
    assert verdict.state in {State.NOT_REFUTED, State.INCONCLUSIVE, State.VIOLATED}


@settings(max_examples=20)
@given(st.lists(st.integers(-4, 4), min_size=5, max_size=5), st.sampled_from(["lower", "upper"]))
def test_polynomial_bounds_on_the_population_alignment(coefficients, side):
    text = " + ".join(f"({c})*rho**{power}/2" if power else f"({c})" for power, c in enumerate(coefficients))
    statement = altered("C.2", {"lower": None, "upper": None} | {side: text})
    verdict, _, _ = claims.judge(statement, context())
    rho = np.linspace(-1, 1, 20_001)
    bound = sum(c * rho**power * (0.5 if power else 1) for power, c in enumerate(coefficients))
    gap = (1 + 2 * rho**2 - bound) * (1 if side == "lower" else -1)
    if gap.min() > 1e-9:
        assert verdict.state is not State.VIOLATED
    if gap.min() < -1e-6:
        assert verdict.state is not State.HOLDS
    if gap.min() < -1e-3:
        assert verdict.state is State.VIOLATED
