"""Bounds at one point with so many digits that neither cancellation nor the range of floats decides.

In floats `A1 + 1e16 - 1e16` is a multiple of 2, and `A1*1e-200*1e-200*1e200*1e200` is zero: statements would be
refuted by how they are written.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import mpmath  # type: ignore[import-untyped]
import sympy

DIGITS = 1000
"""Enough for the sum of any two numbers of the language, whose exponents end at 300, and for some of their powers."""
_COMPARE = {
    sympy.GreaterThan: operator.ge,
    sympy.StrictGreaterThan: operator.gt,
    sympy.LessThan: operator.le,
    sympy.StrictLessThan: operator.lt,
}


def precise_value(expression: sympy.Expr, values: Mapping[str, float]) -> Any:
    """Evaluate an expression as it stands. SymPy's own printers of code misread some that are not simplified.

    Args:
        expression: an expression of the language of `theory.parse`.
        values: the symbols' values.

    Returns:
        A number of mpmath, with about a thousand digits; None where the expression is not a finite real number.
    """
    with mpmath.workdps(DIGITS):
        try:
            value = _walk(expression, values)
        except (ArithmeticError, ValueError):
            # Division by zero, the logarithm of zero, or an exponent beyond all measure.
            return None
        return value if isinstance(value, mpmath.mpf) and mpmath.isfinite(value) else None


def _walk(node: sympy.Expr, values: Mapping[str, float]) -> Any:
    """Evaluate one node after its arguments; of two cases only the one that applies."""
    if node.is_Symbol:
        return mpmath.mpf(values[node.name])
    if node.is_Rational:
        return mpmath.mpf(int(node.p)) / int(node.q)
    if node.is_Number:
        return mpmath.mpf(str(node))
    if isinstance(node, sympy.Piecewise):
        (then, condition), (otherwise, _) = node.args
        holds = _COMPARE[type(condition)](_real(condition.lhs, values), _real(condition.rhs, values))
        return _walk(then if holds else otherwise, values)
    arguments = [_real(argument, values) for argument in node.args]
    if node.is_Pow:
        return arguments[0] ** arguments[1]
    if node.is_Mul:
        return mpmath.fprod(arguments)
    functions = {sympy.Add: mpmath.fsum, sympy.Max: max, sympy.Min: min}
    if node.func in functions:
        return functions[node.func](arguments)
    return (mpmath.log if node.func is sympy.log else abs)(arguments[0])


def _real(node: sympy.Expr, values: Mapping[str, float]) -> Any:
    """Evaluate a node that must be real."""
    value = _walk(node, values)
    if not isinstance(value, mpmath.mpf):
        raise ValueError("a root or a logarithm of a negative number")
    return value
