"""The proofs: every step is executed and comes out as it claims, and they are chains; what is wrong or breaks fails."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import sympy

import theory
from theory import Proof, Step, StepStatus
from theory._facts import Fact, at_least, at_most, below, between, ends, equal, follows, replaced, shows
from theory._inequalities import is_identity, is_nonnegative, is_positive

PROVED = [statement for statement in theory.statements() if statement.proof]
x, y = sympy.symbols("x y", positive=True)
FACT = Fact("fact", (at_most(x, y),))


def _without_checks(steps):
    """Let every check come out true, so that only the chain decides."""
    return tuple(dataclasses.replace(step, check=lambda *formulas: True) if step.check else step for step in steps)


def failed(results):
    return [(result.gives.name, result.error) for result in results if result.status is StepStatus.FAILED]


@pytest.mark.parametrize("statement", PROVED, ids=lambda statement: statement.id)
def test_every_step_comes_out_as_it_claims(statement):
    results = statement.proof.run()
    assert failed(results) == []
    for step, result in zip(statement.proof.steps, results, strict=True):
        assert result.status is step.status is result.claimed
        assert (result.title, result.gives, result.uses, result.remark) == (
            *(step.title, step.gives, step.uses, step.remark),
        )
        assert result.note


@pytest.mark.parametrize("statement", PROVED, ids=lambda statement: statement.id)
def test_a_proof_concludes_the_statement_and_no_other(statement):
    assert statement.proof.steps[-1].gives.formulas == statement.claim()
    if statement.lower is not None:
        other = dataclasses.replace(statement, lower=statement.lower + 1, upper=None, controls=())
    else:
        other = dataclasses.replace(statement, upper=statement.upper + 1, controls=())
    taken = Proof(_without_checks(statement.proof.steps), other)
    last = taken.run()[-1]
    assert (last.status, last.error) == (StepStatus.FAILED, "does not conclude the statement's own claim")


@pytest.mark.parametrize("statement", PROVED, ids=lambda statement: statement.id)
def test_a_proof_depends_on_what_its_statement_says(statement):
    used = {name.split(":")[0] for step in statement.proof.steps for name in step.uses}
    assert used & {other.id for other in theory.statements()} == set(statement.depends_on)


@pytest.mark.parametrize("statement", PROVED, ids=lambda statement: statement.id)
def test_no_step_can_be_left_out(statement):
    for number, step in enumerate(statement.proof.steps[:-1]):
        if step.remark:
            continue
        steps = statement.proof.steps[:number] + statement.proof.steps[number + 1 :]
        shorter = Proof(_without_checks(steps), statement)
        assert any(step.gives.name in error for _, error in failed(shorter.run()))


def test_statements_travel_with_their_proofs():
    for statement in PROVED:
        assert pickle.loads(pickle.dumps(statement)).proof is statement.proof  # noqa: S301 (our own bytes)
    with pytest.raises(TypeError, match="without a statement"):
        pickle.dumps(Proof(()))


@pytest.mark.parametrize("outcome", [False, None, 1, "True", sympy.false, sympy.Symbol("x")])
def test_what_is_not_true_fails(outcome):
    result = Step("t", StepStatus.PROVED, FACT, lambda formulas: outcome).execute({})
    assert result.status is StepStatus.FAILED
    assert result.claimed is StepStatus.PROVED
    assert result.error


@pytest.mark.parametrize("status", [StepStatus.PROVED, StepStatus.CHECKED, StepStatus.CITED])
def test_true_succeeds(status):
    assert Step("t", status, FACT, lambda formulas: True).execute({}).status is status
    assert Step("t", status, FACT, lambda formulas: sympy.true).execute({}).status is status


def test_a_cited_step_fails_where_its_illustration_contradicts_it():
    assert Step("t", StepStatus.CITED, FACT, None).execute({}).status is StepStatus.CITED
    assert Step("t", StepStatus.CITED, FACT, lambda formulas: False).execute({}).status is StepStatus.FAILED


def test_a_check_is_given_the_conclusion_and_what_it_uses():
    seen = []
    other = Fact("other", (equal(x, y),))
    proof = Proof((
        Step("first", StepStatus.PROVED, other, lambda formulas: True),
        Step("second", StepStatus.PROVED, FACT, lambda *formulas: bool(seen.append(formulas)) or True, ("other",)),
    ))
    assert failed(proof.run()) == []
    assert seen == [(FACT.formulas, other.formulas)]


def test_a_step_that_breaks_fails_and_the_others_still_run():
    proof = Proof((
        Step("breaks", StepStatus.PROVED, Fact("a", ()), lambda formulas: 1 / 0),
        Step("holds", StepStatus.CHECKED, Fact("b", ()), lambda *formulas: True, ("a",)),
        Step("cited", StepStatus.CITED, Fact("c", ()), None, ("b",), "a book"),
    ))
    first, second, third = proof.run()
    assert (first.status, first.error) == (StepStatus.FAILED, "ZeroDivisionError: division by zero")
    assert second.status is StepStatus.CHECKED
    assert third.status is StepStatus.CITED


def test_chains_that_do_not_hold_together():
    def step(name: str, *uses: str, remark: bool = False) -> Step:
        return Step(name, StepStatus.PROVED, Fact(name, FACT.formulas), lambda *formulas: True, uses, "", remark)

    assert failed(Proof((step("a"), step("b", "a"))).run()) == []
    assert failed(Proof((step("a", remark=True), step("b"))).run()) == []
    assert failed(Proof((step("a"), step("b"))).run()) == [("a", "nothing that follows uses it")]
    assert failed(Proof((step("b", "a"), step("a"))).run())[0] == ("b", "uses a, which nothing before it gives")
    assert ("a", "gives a again") in failed(Proof((step("a"), step("a"), step("b", "a"))).run())
    statement = theory.statement("C.2")
    assert failed(Proof((step("a"), step("b", "a")), statement).run()) == [
        ("b", "does not conclude the statement's own claim")
    ]


@pytest.mark.parametrize(
    ("status", "check"),
    [(StepStatus.PROVED, None), (StepStatus.CHECKED, None), (StepStatus.FAILED, None), (StepStatus.FAILED, bool)],
)
def test_steps_that_make_no_sense(status, check):
    with pytest.raises(ValueError, match="step 't'"):
        Step("t", status, FACT, check)


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (at_most(x, 1), True),
        (at_most(1, x), False),
        (at_least(1, x), True),
        (at_least(x, 1), False),
        (below(x, 2), True),
        (below(2, x), False),
        (sympy.StrictGreaterThan(2, x, evaluate=False), True),
        (sympy.StrictGreaterThan(x, 2, evaluate=False), False),
        (equal((x**2 - 1) / (x - 1), x + 1), True),
        (equal(x, 1), False),
    ],
)
def test_relations_are_shown_on_a_box(formula, shown):
    assert shows(formula, {x: (0, 1)}) is shown


def test_relations_stand_as_they_were_written():
    assert at_most(1, 2) != sympy.true
    assert replaced(at_most(x, y), {x: sympy.Integer(1), y: sympy.Integer(2)}).args == (1, 2)
    assert ends(between(0, x, y)) == (0, y)
    with pytest.raises(ValueError, match="expected low"):
        ends((at_least(x, 0), at_most(x, 1)))
    with pytest.raises(ValueError, match="one middle"):
        ends((at_most(0, x), at_most(y, 1)))
    with pytest.raises(TypeError, match="expected a relation"):
        shows(sympy.Ne(x, y, evaluate=False), {})


def test_one_inequality_follows_from_another():
    box = {x: (0, None), y: (0, None)}
    assert follows(at_most(x, 2 * y), at_most(x, y), box)
    assert not follows(at_most(x, y), at_most(x, 2 * y), box)
    assert follows(at_least(y, x), at_most(x, y), box)
    assert follows(equal(x, y), equal(x + 1, y + 1), box)
    assert not follows(equal(x, y), at_most(x, y), box)


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
