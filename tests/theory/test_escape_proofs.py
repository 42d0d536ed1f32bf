"""The proofs of Section 5 end in the statements' own bounds, and reject those of the controls."""

from __future__ import annotations

from functools import partial

import pytest
from escape_mutants import MUTANTS, REJECTED

import theory
from theory._evaluate import evaluate
from theory.catalogue import _second_moments as second
from theory.catalogue import lemma_5_2_parameters as parameters
from theory.catalogue import proposition_5_3 as p53
from theory.catalogue import theorem_5_2 as t52
from theory.catalogue import theorem_5_2_growth as growth
from theory.catalogue import threshold_5_2 as threshold

IDS = ["5.1", "5.2", "5.2-growth", "5.2-parameters", "5.2-threshold", "5.2-threshold-sharp", "5.3"]
VALUES = {
    "A1": 0.7,
    "A2": 2.3,
    "beta": 3.1,
    "D": 0.4,
    "lambda_k": 2.0,
    "lambda_next": 0.5,
    "R": 1.3,
    "q": 0.8,
    "t": 5.0,
}


def arguments(id: str, function) -> tuple:
    (run,) = [
        step.run
        for step in theory.statement(id).proof.steps
        if isinstance(step.run, partial) and step.run.func is function
    ]
    return run.args


@pytest.mark.parametrize(
    ("id", "function"),
    [
        ("5.1", second.noise_between),
        ("5.2-growth", growth.loss_grows),
        ("5.2-parameters", parameters.ratio_of_distances),
        ("5.2-threshold", threshold.below_condition),
        ("5.2-threshold-sharp", threshold.sandwich),
        ("5.3", p53.geometric),
    ],
)
def test_proofs_speak_of_the_statements_own_bounds(id, function):
    statement = theory.statement(id)
    bounds = [bound for bound in (statement.lower, statement.upper) if bound is not None]
    assert arguments(id, function) == tuple(bounds)


def test_the_cases_of_5_2_are_put_together_from_what_is_proved():
    functions = (t52.first_case, t52.second_case, t52.doubling, t52.waiting_time)
    proved = [arguments("5.2", function)[0] for function in functions]
    assert theory.statement("5.2").lower == t52.lower_bound(*proved)


def test_every_control_is_rejected_by_the_proof():
    """But one: no step claims a lower bound on the threshold, which `5.2-threshold:necessary` adds."""
    ids = {control.id for id in IDS for control in theory.statement(id).controls}
    assert ids - set(REJECTED) == {"5.2-threshold:necessary"}
    for id, steps in REJECTED.items():
        used = {step.run.func for step in theory.statement(id.partition(":")[0]).proof.steps}
        for function, index in steps:
            assert function in used
            wrong = theory.Step("mutant", theory.StepStatus.PROVED, partial(function, *MUTANTS[function][index]))
            result = wrong.execute()
            assert result.status is theory.StepStatus.FAILED
            assert result.error == "the check did not come out true"


@pytest.mark.parametrize("id", [id for id in REJECTED if not id.startswith("5.2:")])
def test_what_is_rejected_is_the_controls_own_bound(id):
    ((function, index),) = REJECTED[id]
    (control,) = [c for c in theory.statement(id.partition(":")[0]).controls if c.id == id]
    ((field, _),) = control.changes.items()
    bound = float(evaluate(getattr(control.statement, field), VALUES))
    rejected = [float(evaluate(argument, VALUES)) for argument in MUTANTS[function][index]]
    assert any(bound == pytest.approx(value, rel=1e-12) for value in rejected)


def test_the_controls_of_5_2_are_made_of_what_is_rejected():
    by_name = {control.id: control.statement.lower for control in theory.statement("5.2").controls}
    first, second_, beta, waiting = t52.FIRST, t52.SECOND, t52.LEAST_BETA, t52.WAITING
    made = {
        "5.2:factor": (MUTANTS[t52.first_case][0][0], MUTANTS[t52.second_case][0][0], beta, waiting),
        "5.2:no-waiting": (first, second_, beta, MUTANTS[t52.waiting_time][0][0]),
        "5.2:any-beta": (first, second_, MUTANTS[t52.doubling][0][0], waiting),
    }
    values = {"A1": 0.5, "A2": 2.0, "S_Y": 3.875}
    for id, parts in made.items():
        expected = t52.lower_bound(*parts)
        for beta_, sharp, t in (
            (3.0, 0.125, 1.0),
            (3.0, 0.125, 2.0),
            (1.0, 0.125, 3.0),
            (1.0, 5.0, 1.0),
            (1.0, 5.0, 0.0),
        ):
            at = {**values, "beta": beta_, "S_X": sharp, "t": t}
            assert float(evaluate(by_name[id], at)) == pytest.approx(float(evaluate(expected, at)), rel=1e-12)
