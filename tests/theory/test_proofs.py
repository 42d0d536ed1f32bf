"""The proofs: every step is executed and comes out as it claims; what is wrong or breaks fails."""

from __future__ import annotations

import pytest
import sympy

import theory
from theory import Proof, Step, StepStatus
from theory._inequalities import is_identity, is_nonnegative, is_positive

STEPS = [(s.id, step) for s in theory.statements() if s.proof for step in s.proof.steps]


@pytest.mark.parametrize(("id", "step"), STEPS, ids=[f"{id}: {step.title}" for id, step in STEPS])
def test_every_step_comes_out_as_it_claims(id, step):
    result = step.execute()
    assert result.status is step.status is result.claimed
    assert result.error == ""
    assert result.title == step.title
    assert result.note


def test_a_proof_runs_all_its_steps():
    proof = theory.statement("4.3").proof
    results = proof.run()
    assert [result.status for result in results] == [step.status for step in proof.steps]
    assert StepStatus.FAILED not in {result.status for result in results}


def test_only_probability_is_cited():
    cited = {id for id, step in STEPS if step.status is StepStatus.CITED}
    assert cited == {"3.2", "3.3", "3.5", "4.2", "4.2-lower", "4.3"}
    distinct = {step.title for _, step in STEPS if step.status is StepStatus.CITED}
    # One for 3.3 and 3.5, the net and the tail bound of 4.2, the deviation in 4.2-lower, and events A and B of 4.3.
    assert len(distinct) == 6


def test_each_statement_that_is_proved_ends_in_executed_steps():
    assert all(any(step.run for step in s.proof.steps) for s in theory.statements() if s.proof)


def test_theorem_3_2_contains_the_proof_of_4_2():
    titles = [step.title for step in theory.statement("3.2").proof.steps]
    assert titles[4:] == [step.title for step in theory.statement("4.2").proof.steps]


@pytest.mark.parametrize("outcome", [False, None, 1, "True", sympy.false, sympy.Symbol("x")])
def test_what_is_not_true_fails(outcome):
    result = Step("t", StepStatus.PROVED, lambda: outcome).execute()
    assert result.status is StepStatus.FAILED
    assert result.claimed is StepStatus.PROVED
    assert result.error


@pytest.mark.parametrize("status", [StepStatus.PROVED, StepStatus.CHECKED])
def test_true_succeeds(status):
    assert Step("t", status, lambda: True).execute().status is status
    assert Step("t", status, lambda: sympy.true).execute().status is status


def test_a_step_that_breaks_fails_and_the_others_still_run():
    proof = Proof((
        Step("breaks", StepStatus.PROVED, lambda: 1 / 0),
        Step("holds", StepStatus.CHECKED, lambda: True),
        Step("cited", StepStatus.CITED, None, "a book"),
    ))
    first, second, third = proof.run()
    assert (first.status, first.error) == (StepStatus.FAILED, "ZeroDivisionError: division by zero")
    assert second.status is StepStatus.CHECKED
    assert third.status is StepStatus.CITED


@pytest.mark.parametrize(
    ("status", "run"),
    [
        (StepStatus.PROVED, None),
        (StepStatus.CHECKED, None),
        (StepStatus.CITED, lambda: True),
        (StepStatus.FAILED, None),
    ],
)
def test_steps_that_make_no_sense(status, run):
    with pytest.raises(ValueError, match="step 't'"):
        Step("t", status, run)


x, y = sympy.symbols("x y", positive=True)


@pytest.mark.parametrize(
    ("expression", "box", "nonnegative", "positive"),
    [
        (1 - x, {x: (0, 1)}, True, True),
        (x - 1, {x: (0, 1)}, False, False),
        (x - 1, {x: (1, None)}, True, True),
        (x - 2, {x: (1, None)}, False, False),
        (x - y, {x: (1, 2), y: (0, 1)}, True, True),
        (x - y, {x: (0, 2), y: (0, 1)}, False, False),
        ((x - 1) / (x - 2), {x: (0, 1)}, True, True),
        (-1 / x, {x: (0, 1)}, False, False),
        (sympy.S.Zero, {x: (0, 1)}, True, False),
        (x - x, {x: (0, 1)}, True, False),
        (sympy.S.One, {x: (0, 1)}, True, True),
        (-sympy.S.One, {x: (0, 1)}, False, False),
        ((x - sympy.Rational(1, 2)) ** 2 - sympy.Rational(1, 100), {x: (0, 1)}, False, False),
    ],
)
def test_inequalities_by_signs(expression, box, nonnegative, positive):
    assert is_nonnegative(expression, box) is nonnegative
    assert is_positive(expression, box) is positive


def test_identities():
    assert is_identity((x**2 - 1) / (x - 1), x + 1)
    assert not is_identity((x**2 - 1) / (x - 1), x - 1)
