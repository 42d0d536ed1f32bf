"""Numeric values of expressions, by walking them: no code is generated, and what overflows is infinite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sympy

from theory._cases import Cases, cases
from theory._errors import StatementError, shown

if TYPE_CHECKING:
    import numpy as np

_FUNCTIONS = (sympy.Add, sympy.Mul, sympy.Pow, sympy.log, sympy.Min, sympy.Max, sympy.Abs)


def check_supported(expression: sympy.Expr) -> None:
    """Refuse an expression that the evaluator does not know.

    Args:
        expression: any SymPy expression.

    Raises:
        StatementError: where it contains anything but real numbers, symbols, sums, products, powers, log, min, max and
            absolute values, and distinctions of two cases by one comparison of these.
    """
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        if parts := cases(node):
            waiting += [parts.left, parts.right, parts.then, parts.otherwise]
        elif node.is_Symbol or (node.is_Number and node.is_finite) or isinstance(node, _FUNCTIONS):
            waiting += node.args
        else:
            raise StatementError(
                f"expected sums, products, powers, log, sqrt, min, max and where, got {shown(str(node))}"
            )


def evaluate(expression: sympy.Expr, values: Mapping[str, Any]) -> np.ndarray:
    """Evaluate an expression at numbers or arrays, broadcasting them.

    Args:
        expression: an expression that `check_supported` accepts.
        values: a float or a float64 array for every free symbol, by name.

    Returns:
        The float64 value; not-a-number where the expression is not real. Of two cases only the one that applies counts;
        it is not-a-number as well where a side of the condition is.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        return np.asarray(_walk(expression, values, np), dtype=np.float64)


def number_value(expression: sympy.Expr) -> float:
    """Evaluate an expression without symbols as a float.

    Args:
        expression: an expression that `check_supported` accepts.

    Returns:
        Its value; not-a-number where it is not real.
    """
    return float(evaluate(expression, {}))


def _walk(node: sympy.Expr, values: Mapping[str, Any], np: Any) -> Any:
    """Evaluate one node after its arguments."""
    if node.is_Symbol:
        return np.asarray(values[node.name], dtype=np.float64)
    if node.is_Number:
        return np.float64(_leaf(node))
    if node.is_Pow:
        return _power(_walk(node.base, values, np), node.exp, values, np)
    if parts := cases(node):
        return _choice(parts, values, np)
    arguments = [_walk(argument, values, np) for argument in node.args]
    if len(arguments) == 1:
        return (np.log if node.func is sympy.log else np.abs)(arguments[0])
    binary = {sympy.Add: np.add, sympy.Mul: np.multiply, sympy.Min: np.minimum, sympy.Max: np.maximum}
    total = arguments[0]
    for argument in arguments[1:]:
        total = binary[node.func](total, argument)
    return total


def _choice(parts: Cases, values: Mapping[str, Any], np: Any) -> Any:
    """Choose between two cases, entry by entry; a condition that is not real decides nothing."""
    left, right = _walk(parts.left, values, np), _walk(parts.right, values, np)
    compare = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less}[parts.comparison]
    chosen = np.where(compare(left, right), _walk(parts.then, values, np), _walk(parts.otherwise, values, np))
    return np.where(np.isnan(left) | np.isnan(right), np.nan, chosen)


def _leaf(number: sympy.Expr) -> float:
    """Round a number to the nearest float, infinite where it overflows."""
    if not number.is_Rational:
        return float(number)
    numerator, denominator = int(number.p), int(number.q)
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def _power(base: Any, exponent: sympy.Expr, values: Mapping[str, Any], np: Any) -> Any:
    """Raise to a power, by division and square roots where they are exact to the last bit."""
    if exponent == -1:
        return 1.0 / base
    if exponent == sympy.S.Half:
        return np.sqrt(base)
    if exponent == -sympy.S.Half:
        return 1.0 / np.sqrt(base)
    return np.power(base, _walk(exponent, values, np))
