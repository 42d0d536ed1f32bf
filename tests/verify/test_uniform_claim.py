"""Theorems 4.2 and 3.2 and the one-sided conjecture, judged on small rays: what may hold, what is only not refuted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import theory
from verify import rare_rows
from verify.claims import theorem_4_2
from verify.claims._context import Context
from verify.uniform_rays import Observations, accuracy_ray, dimension_ray
from verify.verdict import Basis, State
from verify.witness import dense_directional_alignment

SMALL = theorem_4_2.Settings(
    absolute=(dimension_ray(0.5, (4, 6, 9), 50, 2), accuracy_ray(2, (0.3, 0.005), 90, 30_000, count=4)),
    by_accuracy=(dimension_ray(0.5, (10, 13, 17), 160, 1),),
    delta=0.1,
    rounds=(30, 60),
    most_starts=2,
)
TOO_FEW = ["(d*log(1/eps)**2 + log(1/delta)**2)/eps", "(d*log(1/eps) + log(1/delta))/eps**2"]


@pytest.fixture(scope="module")
def judge():
    run = Context("quick", 0, lambda function, items: [function(item) for item in items], lambda share, doing: None)
    observations = Observations(run, SMALL.most_starts)

    def judging(claim: str, changes: dict[str, object], stop_early: bool = False):
        statement = theory.statement(claim)
        statement = statement.replace(**changes) if changes else statement
        verdict = theorem_4_2.judge(statement, run, observations, stop_early)
        json.dumps(verdict.to_dict(), allow_nan=False)
        return verdict

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(theorem_4_2.PROFILES, "quick", SMALL)
        patch.setattr(rare_rows, "DIMENSIONS", (20, 40, 80))
        yield judging


@pytest.mark.parametrize("claim", ["4.2", "3.2"])
def test_the_theorems_hold_on_certificates(judge, claim):
    verdict = judge(claim, {})
    assert (verdict.state, verdict.basis) == (State.HOLDS, Basis.CERTIFIED)
    assert verdict.witness is None
    assert any("certified values" in evidence.finding for evidence in verdict.evidence)


def test_without_certificates_the_best_is_not_refuted(judge):
    verdict = judge("4.2-lower", {})
    assert (verdict.state, verdict.basis) == (State.NOT_REFUTED, Basis.SEARCHED)


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("4.2", {"upper": "3 + eps**2"}),
        ("3.2", {"upper": "3"}),
        ("4.2", {"lower": "1 - eps**2"}),
        ("4.2", {"sample_size": TOO_FEW}),
        ("4.2-lower", {"sample_size": ["log(d) + log(1/delta)"]}),
        ("4.2-lower", {"lower": "(1.2 - eps)/(1 + eps)**2"}),
    ],
)
def test_false_variants_are_refuted_by_something_that_can_be_recomputed(judge, claim, changes):
    verdict = judge(claim, changes, stop_early=True)
    assert verdict.state is State.VIOLATED
    example = verdict.witness.get("example", verdict.witness)
    if "u" in example and "v" in example and "trial" in example and "large_row" not in example:
        from verify.designs import Design

        X = Design("isotropic", example["n"], example["d"]).draw(0, example["trial"])
        value = dense_directional_alignment(X, np.array(example["u"]), np.array(example["v"]))
        assert value == pytest.approx(example["value"], rel=1e-8)


def test_one_large_row_refutes_conditions_that_shrink_too_little_as_delta_falls(judge):
    verdict = judge("4.2", {"sample_size": TOO_FEW}, stop_early=True)
    assert [e.state for e in verdict.evidence if e.test == rare_rows.TEST] == [State.VIOLATED]


@pytest.mark.parametrize("changes", [{"upper": "4 + eps"}, {"lower": "1 - 4*eps"}])
def test_true_weakenings_are_not_refuted(judge, changes):
    assert judge("4.2", changes).state in {State.HOLDS, State.NOT_REFUTED, State.INCONCLUSIVE}
