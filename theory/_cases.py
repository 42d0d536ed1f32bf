"""The distinction of two cases by one comparison, which the language writes `where(condition, then, otherwise)`.

In SymPy it is a Piecewise of two branches, the second of them unconditional, and stands as it was written: nothing is
decided or simplified when it is built.
"""

from __future__ import annotations

from typing import NamedTuple

import sympy

COMPARISONS = {
    ">=": sympy.GreaterThan,
    ">": sympy.StrictGreaterThan,
    "<=": sympy.LessThan,
    "<": sympy.StrictLessThan,
}


class Cases(NamedTuple):
    """The parts of a distinction of two cases.

    Attributes:
        left: the left side of the condition.
        comparison: one of `COMPARISONS`.
        right: the right side of the condition.
        then: the value where the condition holds.
        otherwise: the value where it does not.
    """

    left: sympy.Expr
    comparison: str
    right: sympy.Expr
    then: sympy.Expr
    otherwise: sympy.Expr


def piecewise(parts: Cases) -> sympy.Piecewise:
    """Build the distinction of two cases.

    Args:
        parts: its parts; no distinction of cases may occur in the condition, where SymPy would unfold it at any cost.

    Returns:
        The expression, as it stands.
    """
    condition = COMPARISONS[parts.comparison](parts.left, parts.right, evaluate=False)
    return sympy.Piecewise((parts.then, condition), (parts.otherwise, True), evaluate=False)


def cases(node: sympy.Expr) -> Cases | None:
    """Take a distinction of two cases apart.

    Args:
        node: any expression.

    Returns:
        Its parts; None for anything that the language cannot write as `where`: another expression, more branches, a
        second branch with a condition, a condition that is no comparison or contains a distinction of cases itself.
    """
    if not isinstance(node, sympy.Piecewise) or len(node.args) != 2:
        return None
    (then, condition), (otherwise, rest) = node.args
    names = [name for name, relation in COMPARISONS.items() if type(condition) is relation]
    if not names or rest is not sympy.true or condition.has(sympy.Piecewise):
        return None
    return Cases(condition.lhs, names[0], condition.rhs, then, otherwise)
