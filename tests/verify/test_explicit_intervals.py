"""The explicit interval of Theorem 3.3 as evidence: what holds, what is refuted, and a test that cannot tell."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import theory
from verify import explicit_intervals
from verify.claims import theorem_3_3
from verify.claims._context import Context
from verify.designs import Design
from verify.explicit_intervals import explicit_test, interval_of
from verify.loss_rays import Observations
from verify.observing import Extremes
from verify.rays import RayPlan
from verify.verdict import State

DELTA = 0.1
DESIGNS = [Design("masked", 300, 40), Design("isotropic", 60, 90), Design("isotropic", 400, 20)]


def observed(found: list[np.ndarray], repeats: int = 1) -> list:
    """A ray through the designs, with these extremes."""
    points = [SimpleNamespace(design=design) for design in DESIGNS]
    ray = SimpleNamespace(points=points, plan=SimpleNamespace(repeats=repeats))
    return [SimpleNamespace(ray=ray, extremes=[Extremes(values, values) for values in found])]


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    return [np.array([design.loss_extremes(0, trial) for trial in range(60)]) for design in DESIGNS]


def test_true_data_hold_and_the_control_is_refuted(drawn):
    (evidence,), witness = explicit_test(observed(drawn), theory.statement("3.3"), 60, DELTA, 0)
    assert (evidence.state, witness) == (State.HOLDS, None)
    figures = evidence.figures
    # The third design has n > d and linear teachers only.
    assert (figures["data_sets"], len(figures["points"])) == (120, 2)
    assert figures["control_refuted"] and figures["control_failures"] > 60
    assert figures["at_most"] <= DELTA
    assert f"{figures['failures']} of 120 data sets" in evidence.finding
    json.dumps(figures, allow_nan=False)


def test_data_that_leave_the_interval_refute_it_with_a_witness(drawn):
    stretched = [1 + 3 * (values - 1) for values in drawn]
    (evidence,), witness = explicit_test(observed(stretched), theory.statement("3.3"), 60, DELTA, 0)
    assert evidence.state is State.VIOLATED
    assert evidence.figures["at_least"] > DELTA
    assert witness["n"] == 60
    # The value is computed again from the inputs, which were not stretched.
    assert witness["value"] == pytest.approx(drawn[1][witness["trial"], 1 if witness["side"] == "upper" else 0])
    assert witness["bound"] in interval_of(DESIGNS[1], DELTA)[:2]
    json.dumps(witness, allow_nan=False)


def test_data_on_which_the_control_survives_say_nothing(drawn):
    shrunk = [1 + (values - 1) / 10 for values in drawn]
    (evidence,), witness = explicit_test(observed(shrunk), theory.statement("3.3"), 60, DELTA, 0)
    assert (evidence.state, witness) == (State.INCONCLUSIVE, None)
    assert "does not refute" in evidence.finding


def test_few_data_sets_say_nothing(drawn):
    (evidence,), _ = explicit_test(observed(drawn), theory.statement("3.3"), 20, DELTA, 0)
    assert evidence.figures["data_sets"] == 40
    assert evidence.state is State.INCONCLUSIVE


def test_other_statements_have_no_explicit_interval(drawn):
    theorem = theory.statement("3.3")
    for other in (theorem.replace(upper="1 + 2*eps"), theorem.controls[0].statement, theory.statement("3.3-star")):
        assert explicit_test(observed(drawn), other, 60, DELTA, 0) == ([], None)
    assert explicit_test([], theorem, 60, DELTA, 0) == ([], None)


def test_a_masked_design_is_taken_without_its_tail():
    with_tail = theory.explicit_bounds("3.3", n=300, spectrum=DESIGNS[0].spectrum(), delta=DELTA)
    limit = interval_of(DESIGNS[0], DELTA)
    assert limit[:2] == theory.explicit_bounds("3.3", n=300, spectrum=np.ones(40), delta=DELTA)[:2]
    assert math.isclose(limit.upper, with_tail.upper, rel_tol=0.2)


def test_the_verdict_on_3_3_has_this_evidence(monkeypatch):
    plans = (RayPlan("masked, all conditions bind", "masked", n_top=500, rank_top=50, n_floor=60),)
    monkeypatch.setitem(theorem_3_3.PROFILES, "quick", theorem_3_3.Settings(plans, DELTA, (30,)))
    monkeypatch.setattr("verify.claims._along_rays.proof_evidence", lambda statement: [])
    same = Context(
        "quick", 0, mapper=lambda function, items: [function(item) for item in items], progress=lambda *_: None
    )
    verdict = theorem_3_3.judge(theory.statement("3.3"), same, Observations(same), stop_early=False)
    (evidence,) = [e for e in verdict.evidence if e.test == explicit_intervals.TEST]
    assert evidence.state is State.HOLDS
    assert evidence.figures["data_sets"] == 150
