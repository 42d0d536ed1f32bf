"""Wrong proofs made by machine: one sign, exponent, constant or direction of one formula of one step changed.

A mutant is rejected by its own step, whose check must not come out true, or further down, by a step that uses what the
mutated one concludes. A mutant that is rejected by neither survives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import sympy
from sympy.core.relational import Relational

import theory
from theory import Step, StepStatus
from theory._facts import Fact, Formulas

_TURNED = {
    sympy.LessThan: sympy.GreaterThan,
    sympy.GreaterThan: sympy.LessThan,
    sympy.StrictLessThan: sympy.StrictGreaterThan,
    sympy.StrictGreaterThan: sympy.StrictLessThan,
}


@dataclass(frozen=True)
class Mutant:
    """One changed formula and what became of it.

    Attributes:
        id: the statement.
        fact: the fact whose formula is changed.
        kind: sign, exponent, constant or direction.
        original: the formula as it stands in the proof.
        changed: the changed formula.
        rejected: "by its step", "further down", or "" where it survived.
    """

    id: str
    fact: str
    kind: str
    original: Relational
    changed: Relational
    rejected: str

    def row(self) -> dict[str, str]:
        """Write it as a row of a table.

        Returns:
            Text by column.
        """
        plain = {"id": self.id, "fact": self.fact, "kind": self.kind}
        return {**plain, "before": str(self.original), "after": str(self.changed), "rejected": self.rejected}


def changed(formula: Relational) -> Iterator[tuple[str, Relational]]:
    """Make every mutant of one formula.

    Args:
        formula: the relation.

    Yields:
        What kind of change, and the changed relation; none that is written like the original.
    """
    left, right = formula.args
    if type(formula) in _TURNED:
        yield "direction", _TURNED[type(formula)](left, right, evaluate=False)
    for kind, side in _altered(left):
        yield kind, formula.func(side, right, evaluate=False)
    for kind, side in _altered(right):
        yield kind, formula.func(left, side, evaluate=False)


def mutants(statement: theory.Statement) -> Iterator[Mutant]:
    """Make and judge every mutant of the proof of a statement.

    Args:
        statement: a statement with a proof.

    Yields:
        The mutants, step by step.
    """
    known = statement.proof.facts()
    for step in statement.proof.steps:
        if step.check is None or step.status is StepStatus.CITED:
            continue
        for number, formula in enumerate(step.gives.formulas):
            for kind, other in changed(formula):
                formulas = tuple(other if k == number else f for k, f in enumerate(step.gives.formulas))
                rejected = judged(statement, step, formulas, known)
                yield Mutant(statement.id, step.gives.name, kind, formula, other, rejected)


def judged(statement: theory.Statement, step: Step, formulas: Formulas, known: dict[str, Formulas]) -> str:
    """Run a mutated step, and where it comes out true those that use it.

    Args:
        statement: the statement.
        step: the step whose fact is changed.
        formulas: the changed fact.
        known: the facts of the proof.

    Returns:
        By what the mutant is rejected; empty where it survives.
    """
    if _fails(step, Fact(step.gives.name, formulas), known):
        return "by its step"
    changed_facts = {**known, step.gives.name: formulas}
    users = [s for s in statement.proof.steps if step.gives.name in s.uses and s.check is not None]
    return "further down" if any(_fails(user, user.gives, changed_facts) for user in users) else ""


def _fails(step: Step, gives: Fact, known: dict[str, Formulas]) -> bool:
    """Say whether a step with this conclusion is rejected."""
    trial = Step(step.title, step.status, gives, step.check, step.uses)
    return trial.execute(known).status is StepStatus.FAILED


def _altered(node: sympy.Basic) -> Iterator[tuple[str, sympy.Basic]]:
    """Change one place of an expression in every way."""
    seen = {node}
    for kind, other in _places(node):
        if other not in seen:
            seen.add(other)
            yield kind, other


def _places(node: sympy.Basic) -> Iterator[tuple[str, sympy.Basic]]:
    """Change this node or one below it."""
    if node.is_Rational:
        yield "constant", node + 1
        if node:
            yield "sign", -node
    elif not isinstance(node, sympy.Piecewise):
        yield from _signs(node)
        yield from _power_places(node) if node.is_Pow else _below(node)


def _signs(node: sympy.Basic) -> Iterator[tuple[str, sympy.Basic]]:
    """Turn the sign of each term, or of the whole; factors of a product turn it already."""
    if node.is_Add:
        for term in node.args:
            yield "sign", node - 2 * term
    elif isinstance(node, sympy.Expr) and not node.is_Mul:
        yield "sign", -node


def _power_places(node: sympy.Pow) -> Iterator[tuple[str, sympy.Basic]]:
    """Change the exponent, or something below a power."""
    if node.exp.is_Rational:
        yield "exponent", node.base ** (node.exp + 1)
        yield "exponent", node.base ** (node.exp - 1)
    else:
        for kind, other in _places(node.exp):
            yield kind, node.base**other
    for kind, other in _places(node.base):
        yield kind, other**node.exp


def _below(node: sympy.Basic) -> Iterator[tuple[str, sympy.Basic]]:
    """Square a symbol, or change one argument of anything else."""
    if isinstance(node, sympy.Symbol | sympy.Indexed):
        yield "exponent", node**2
        return
    # Only the summand of a sum, not its index or its limits.
    changeable = node.args[:1] if isinstance(node, sympy.Sum) else node.args
    for position, argument in enumerate(changeable):
        for kind, other in _places(argument):
            # The logarithm of a negative number has no place in a maximum.
            with contextlib.suppress(ValueError):
                yield kind, node.func(*node.args[:position], other, *node.args[position + 1 :])
