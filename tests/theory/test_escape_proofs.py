"""The proofs of Section 5 and of Theorem 3.5 end in the statements' own bounds, and reject those of the controls."""

from __future__ import annotations

import pytest
import sympy

import theory
from theory import StepStatus
from theory._facts import Fact
from theory._proof import Step

IDS = ["3.5", "5.1", "5.2", "5.2-growth", "5.2-parameters", "5.2-threshold", "5.2-threshold-sharp", "5.3"]
# What a control drops is a condition, of which the last step does not speak.
OF_BOUNDS = [c.id for id in IDS for c in theory.statement(id).controls if set(c.changes) <= {"lower", "upper"}]


def last_step(id: str, formulas: tuple) -> theory.StepResult:
    """Run the last step of a proof with another conclusion."""
    proof = theory.statement(id).proof
    step = proof.steps[-1]
    return Step(step.title, step.status, Fact("other", formulas), step.check, step.uses).execute(proof.facts())


@pytest.mark.parametrize("id", IDS)
def test_the_last_step_accepts_what_was_written_as_text(id):
    statement = theory.statement(id)
    again = {
        field: theory.parse(statement.to_dict()[field], statement.symbols)
        for field in ("lower", "upper")
        if getattr(statement, field) is not None
    }
    assert last_step(id, statement.replace(**again).claim()).error == ""


@pytest.mark.parametrize("control", OF_BOUNDS)
def test_the_last_step_rejects_every_bound_of_a_control(control):
    id = control.partition(":")[0]
    (changed,) = [c.statement for c in theory.statement(id).controls if c.id == control]
    result = last_step(id, changed.claim())
    assert result.status is StepStatus.FAILED
    assert result.error == "the check did not come out true"


def test_all_controls_but_one_are_of_bounds():
    ids = {control.id for id in IDS for control in theory.statement(id).controls}
    assert ids - set(OF_BOUNDS) == {"3.5:no-dimension"}


def test_a_dropped_condition_leaves_3_5_without_a_step():
    """`3.5:no-dimension`: without the condition on the effective dimension Lemma C.4 cannot be used."""
    proof = theory.statement("3.5").proof
    (step,) = [step for step in proof.steps if step.gives.name == "constant"]
    known = proof.facts()
    assert step.execute(known).error == ""
    assert "dimension, which nothing" in step.execute({k: v for k, v in known.items() if k != "dimension"}).error


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("t < 1", "t < 0"),
        ("t < 1", "t > 1"),
        (">= 1, A1*S_Y/(S_X*(1 + A2))", ">= 1/2, A1*S_Y/(S_X*(1 + A2))"),
        (">= 1, A1*S_Y/(S_X*(1 + A2))", "<= 1, A1*S_Y/(S_X*(1 + A2))"),
        ("A1*S_Y/(S_X*(1 + A2))", "A1*S_Y/(S_X*(1 - A2))"),
        ("A1*S_Y/(S_X*(1 + A2))", "1"),
        ("sqrt(1 + 2/A1)", "sqrt(1 + 1/A1)"),
        ("sqrt(1 + 2/A1)", "sqrt(1 + 2/A2)"),
        ("beta <=", "beta >="),
        ("max(0, ", "min(0, "),
        ("t >= 1 + max", "t >= max"),
        ("t >= 1 + max", "t < 1 + max"),
    ],
)
def test_a_branch_of_5_2_with_another_condition_or_value_is_rejected(before, after):
    statement = theory.statement("5.2")
    text = statement.to_dict()["lower"]
    assert before in text
    assert last_step("5.2", statement.replace(lower=text.replace(before, after)).claim()).status is StepStatus.FAILED


def test_a_bound_of_5_2_that_is_no_distinction_of_two_cases_is_rejected():
    statement = theory.statement("5.2")
    (claim,) = statement.claim()
    (value, condition), *_ = claim.lhs.args
    odd = sympy.Piecewise(
        (value, condition), (sympy.S.One, sympy.And(condition, statement.proof.facts()["doubling"][0]))
    )
    result = last_step("5.2", (sympy.LessThan(odd, claim.rhs, evaluate=False),))
    assert "expected distinctions of two cases" in result.error
