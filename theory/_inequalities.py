"""Inequalities between rational functions on boxes, proved by the signs of coefficients.

A variable in (low, high) is written low + (high − low) s/(1 + s), one in (low, ∞) as low + s, with s > 0. If numerator
and denominator then have only non-negative coefficients, the function is non-negative on the whole box. The test is
sound but not complete: False means "not shown". Closed boxes follow by continuity where the denominator is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy

Box = Mapping[sympy.Symbol, tuple[sympy.Expr | int, sympy.Expr | int | None]]


def is_nonnegative(expression: sympy.Expr, box: Box) -> bool:
    """Prove that a rational function is non-negative on a box.

    Args:
        expression: a rational function with rational coefficients in the box's variables.
        box: for each variable its lower and upper end; None as upper end is infinity.

    Returns:
        Whether the signs of the coefficients show it.
    """
    numerator, denominator = _coefficients(expression, box)
    signs = [all(c >= 0 for c in part) for part in (numerator, denominator)]
    opposite = [all(c <= 0 for c in part) for part in (numerator, denominator)]
    return any(denominator) and (all(signs) or all(opposite))


def is_positive(expression: sympy.Expr, box: Box) -> bool:
    """Prove that a rational function is positive in the interior of a box.

    Args:
        expression: a rational function with rational coefficients in the box's variables.
        box: for each variable its lower and upper end; None as upper end is infinity.

    Returns:
        Whether the signs of the coefficients show it.
    """
    return is_nonnegative(expression, box) and any(_coefficients(expression, box)[0])


def is_identity(left: sympy.Expr, right: sympy.Expr) -> bool:
    """Prove that two rational functions are the same.

    Args:
        left: the one.
        right: the other.

    Returns:
        Whether their difference reduces to zero.
    """
    difference = sympy.sympify(left - right)
    # One point is enough to refute, and spares the cancelling of large fractions that do not vanish.
    names = sorted(difference.free_symbols, key=str)
    at_point = difference.xreplace({name: sympy.Rational(2 * k + 3, k + 2) for k, name in enumerate(names)})
    if at_point.is_Rational and at_point != 0:
        return False
    return bool(sympy.cancel(sympy.together(difference)) == 0)


def _coefficients(expression: sympy.Expr, box: Box) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
    """Return the coefficients of numerator and denominator in variables that run through (0, ∞)."""
    slacks = [sympy.Dummy(f"s{index}", positive=True) for index in range(len(box))]
    to_slack = {}
    for slack, (variable, (low, high)) in zip(slacks, box.items(), strict=True):
        to_slack[variable] = low + slack if high is None else low + (high - low) * slack / (1 + slack)
    ratio = sympy.together(sympy.sympify(expression).xreplace(to_slack))
    numerator, denominator = sympy.fraction(sympy.cancel(ratio))
    if not slacks:
        return [numerator], [denominator]
    return sympy.Poly(numerator, *slacks).coeffs(), sympy.Poly(denominator, *slacks).coeffs()
