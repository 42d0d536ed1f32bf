"""Facts: what the steps of a proof conclude, written as formulas that the next steps compute with.

A formula is a relation that SymPy leaves as it stands, such as `at_most(a, b)` for a ≤ b. Nothing is decided when it is
built: `shows` decides it, on a box of its symbols, by reducing it to an identity or to the signs of coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy
from sympy.core.relational import Relational

from theory._inequalities import Box, is_identity, is_nonnegative, is_positive

Formulas = tuple[Relational, ...]


@dataclass(frozen=True, eq=False)
class Fact:
    """What one step of a proof concludes.

    Attributes:
        name: by which later steps of the same proof use it.
        formulas: relations, as they stand.
    """

    name: str
    formulas: Formulas


def equal(left: sympy.Expr | int, right: sympy.Expr | int) -> Relational:
    """Write left = right, undecided.

    Args:
        left: the left side.
        right: the right side.

    Returns:
        The relation.
    """
    return sympy.Eq(sympy.sympify(left), sympy.sympify(right), evaluate=False)


def at_most(left: sympy.Expr | int, right: sympy.Expr | int) -> Relational:
    """Write left ≤ right, undecided.

    Args:
        left: the left side.
        right: the right side.

    Returns:
        The relation.
    """
    return sympy.LessThan(sympy.sympify(left), sympy.sympify(right), evaluate=False)


def at_least(left: sympy.Expr | int, right: sympy.Expr | int) -> Relational:
    """Write left ≥ right, undecided.

    Args:
        left: the left side.
        right: the right side.

    Returns:
        The relation.
    """
    return sympy.GreaterThan(sympy.sympify(left), sympy.sympify(right), evaluate=False)


def below(left: sympy.Expr | int, right: sympy.Expr | int) -> Relational:
    """Write left < right, undecided.

    Args:
        left: the left side.
        right: the right side.

    Returns:
        The relation.
    """
    return sympy.StrictLessThan(sympy.sympify(left), sympy.sympify(right), evaluate=False)


def between(low: sympy.Expr | int, middle: sympy.Expr, high: sympy.Expr | int) -> Formulas:
    """Write low ≤ middle ≤ high, undecided.

    Args:
        low: the lower end.
        middle: what lies between.
        high: the upper end.

    Returns:
        Two relations.
    """
    return at_most(low, middle), at_most(middle, high)


def replaced(formula: Relational, values: Mapping[sympy.Basic, sympy.Basic]) -> Relational:
    """Replace parts of both sides of a relation, and leave it undecided.

    Args:
        formula: the relation.
        values: what stands in for what, all at once.

    Returns:
        A relation of the same kind.
    """
    left, right = (side.xreplace(dict(values)) for side in formula.args)
    return formula.func(left, right, evaluate=False)


def shows(formula: Relational, box: Box, values: Mapping[sympy.Basic, sympy.Basic] | None = None) -> bool:
    """Prove a relation between rational functions on a box.

    Args:
        formula: the relation.
        box: for each variable its lower and upper end; None as upper end is infinity.
        values: what stands in for parts of it, before it is proved.

    Returns:
        Whether it is an identity, or the signs of coefficients show it. False means "not shown".

    Raises:
        TypeError: for anything but an identity or an inequality.
    """
    left, right = replaced(formula, values or {}).args
    if isinstance(formula, sympy.Equality):
        return is_identity(left, right)
    if isinstance(formula, sympy.LessThan):
        return is_nonnegative(right - left, box)
    if isinstance(formula, sympy.GreaterThan):
        return is_nonnegative(left - right, box)
    if isinstance(formula, sympy.StrictLessThan):
        return is_positive(right - left, box)
    if isinstance(formula, sympy.StrictGreaterThan):
        return is_positive(left - right, box)
    raise TypeError(f"expected a relation, got {formula}")


def follows(formula: Relational, premise: Relational, box: Box) -> bool:
    """Prove that one inequality follows from another by adding what is non-negative.

    Args:
        formula: the conclusion, an inequality.
        premise: an inequality or an identity.
        box: for each variable of what is added its lower and upper end.

    Returns:
        Whether the room in the conclusion is at least the room in the premise, that is, what the larger side exceeds
        the smaller by.
    """
    if isinstance(formula, sympy.Equality):
        return isinstance(premise, sympy.Equality) and is_identity(_room(formula), _room(premise))
    return is_nonnegative(_room(formula) - _room(premise), box)


def same(formulas: Formulas, others: Formulas) -> bool:
    """Say whether two facts are written in the same way.

    Args:
        formulas: the one.
        others: the other.

    Returns:
        Whether they are the same relations between the same expressions, in the same order.
    """
    return formulas == others


def ends(formulas: Formulas) -> tuple[sympy.Expr, sympy.Expr]:
    """Take the two ends of `between`.

    Args:
        formulas: two relations low ≤ middle and middle ≤ high.

    Returns:
        low and high.

    Raises:
        ValueError: where they are not of that form.
    """
    if len(formulas) != 2 or not all(isinstance(formula, sympy.LessThan) for formula in formulas):
        raise ValueError(f"expected low ≤ middle and middle ≤ high, got {formulas}")
    (low, middle), (same_middle, high) = (formula.args for formula in formulas)
    if middle != same_middle:
        raise ValueError(f"expected one middle, got {middle} and {same_middle}")
    return low, high


def _room(formula: Relational) -> sympy.Expr:
    """Return by how much the larger side exceeds the smaller."""
    left, right = formula.args
    return left - right if isinstance(formula, sympy.GreaterThan | sympy.StrictGreaterThan) else right - left
