"""Wrong proofs are rejected: in every executed step signs, exponents, constants and directions are changed."""

from __future__ import annotations

import pytest
import sympy
from proof_mutation import changed, judged

import theory
from theory import StepStatus
from theory._facts import at_most

MOST = 4
"""Mutants of each step that are tried until one is rejected; tests/campaigns/proof_mutants.py makes all of them."""

EXECUTED = [
    (statement, step)
    for statement in theory.statements()
    if statement.proof
    for step in statement.proof.steps
    if step.status is not StepStatus.CITED
]


def some_mutants(step):
    """Take mutants of different kinds, from the last formula backwards, since the last ones tend to hold the claim."""
    kinds, rest = {}, []
    for number in reversed(range(len(step.gives.formulas))):
        for kind, other in changed(step.gives.formulas[number]):
            mutant = tuple(other if k == number else f for k, f in enumerate(step.gives.formulas))
            if kinds.setdefault(kind, mutant) is not mutant:
                rest.append(mutant)
    return [*kinds.values(), *rest][:MOST]


@pytest.mark.parametrize(
    ("statement", "step"), EXECUTED, ids=[f"{statement.id}: {step.gives.name}" for statement, step in EXECUTED]
)
def test_a_mutated_step_is_rejected_by_its_own_check(statement, step):
    known = statement.proof.facts()
    assert any(judged(statement, step, mutant, known) == "by its step" for mutant in some_mutants(step))


def test_mutants_are_different_and_of_every_kind():
    x, y = sympy.symbols("x y", positive=True)
    made = list(changed(at_most(2 * x - 3, y**2)))
    assert {kind for kind, _ in made} == {"sign", "exponent", "constant", "direction"}
    assert at_most(2 * x - 3, y**2) not in [other for _, other in made]
    assert sympy.GreaterThan(2 * x - 3, y**2, evaluate=False) in [other for _, other in made]
    assert len(made) == len({str(other) for _, other in made})


def test_there_are_enough_steps():
    assert len(EXECUTED) >= 60
