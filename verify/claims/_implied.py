"""Whether an altered statement says no more than the original, whose proof then covers it.

Bounds are compared on the whole region of the symbols by the signs of coefficients (`theory.is_nonnegative`), case by
case where they distinguish cases. Sound but not complete: False means "not shown".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import sympy

import theory
from simulate import streams

MOST_CASES = 12
"""Distinctions of cases in both bounds together up to which they are compared."""
MOST_TERMS = 3000
"""Terms that the numerator or the denominator of a difference may have; with more, expanding takes minutes."""
SPOT_CHECKS = 4000
"""Random values of the symbols at which what was shown is tried as well."""
_GAP = sympy.Symbol("gap", positive=True)


class _Split(NamedTuple):
    """An expression on both sides of one condition."""

    condition: tuple[type, sympy.Expr, sympy.Expr]
    then: sympy.Expr
    otherwise: sympy.Expr


def nowhere_stronger(statement: theory.Statement, original: theory.Statement) -> bool:
    """Show that both bounds of a statement are at most as strong as those of another.

    Args:
        statement: the statement.
        original: the other one, about the same quantity; its bounds are non-negative, as the quantity is.

    Returns:
        Whether this was shown for all values of the symbols, and is so at some thousands of random ones.
    """
    lower, upper = statement.lower, statement.upper
    known_lower = sympy.S.Zero if original.lower is None else original.lower
    if sum(one.count(sympy.Piecewise) for one in (lower, upper, original.lower, original.upper) if one) > MOST_CASES:
        return False
    try:
        below = lower is None or _at_most(lower, known_lower, known_is_small=False)
        above = upper is None or (original.upper is not None and _at_most(original.upper, upper, known_is_small=True))
    except (TypeError, ValueError, ArithmeticError, sympy.PolynomialError):
        # Text stands as it was written, and SymPy may come upon 0/0 or 1/0 in it once it simplifies.
        return False
    return below and above and _on_spot_checks(statement, original)


def _on_spot_checks(statement: theory.Statement, original: theory.Statement) -> bool:
    """Compare the bounds at random values: a second opinion, which can only object."""
    stream = streams.generator(0, "spot checks of bounds")
    values = {name: np.exp(stream.uniform(-5, 5, SPOT_CHECKS)) for name in statement.symbols}
    for small, large in (("A1", "A2"), ("lambda_next", "lambda_k")):
        if small in values:
            values[large] = values[small] * (1 + values.get(large, 1.0))
    values = {name: value for name, value in values.items() if name in statement.symbols}
    try:
        lower, upper = (statement.evaluate(side, **values) for side in ("lower", "upper"))
        known_lower, known_upper = (original.evaluate(side, **values) for side in ("lower", "upper"))
    except theory.StatementError:
        return False
    known_lower = np.where(np.isneginf(known_lower), 0.0, known_lower)
    below = lower <= known_lower + 1e-9 * np.abs(known_lower) + math.ulp(0.0)
    above = upper >= known_upper - 1e-9 * np.where(np.isinf(known_upper), 0.0, np.abs(known_upper))
    return bool(below.all() and above.all())


def _at_most(small: sympy.Expr, large: sympy.Expr, known_is_small: bool) -> bool:
    """Show small ≤ large, where one of the two is known to be non-negative."""
    if small == large or _by_signs(large - small) or _by_squares(small, large):
        return True
    known, other = (small, large) if known_is_small else (large, small)
    if known != 0 and _by_signs((other / known - 1) * (1 if known_is_small else -1)):
        return True
    left, right = _split(small), _split(large)
    if left and right and left.condition == right.condition:
        pairs = [(left.then, right.then), (left.otherwise, right.otherwise)]
    elif left:
        pairs = [(left.then, large), (left.otherwise, large)]
    elif right:
        pairs = [(small, right.then), (small, right.otherwise)]
    else:
        return _by_extremes(small, large, known_is_small)
    return all(_at_most(a, b, known_is_small) for a, b in pairs)


def _by_extremes(small: sympy.Expr, large: sympy.Expr, known_is_small: bool) -> bool:
    """Take a minimum or a maximum that is the altered bound apart."""
    altered = large if known_is_small else small
    if not isinstance(altered, sympy.Max | sympy.Min):
        return False
    shown = (_at_most(*((small, a) if known_is_small else (a, large)), known_is_small) for a in altered.args)
    return any(shown) if isinstance(altered, sympy.Max) == known_is_small else all(shown)


def _split(expression: sympy.Expr) -> _Split | None:
    """Take the outermost distinction of two cases apart, wherever in the expression it is."""
    for node in sympy.preorder_traversal(expression):
        if isinstance(node, sympy.Piecewise) and len(node.args) == 2:
            (then, relation), (otherwise, _) = node.args
            condition = type(relation), _flat(relation.lhs), _flat(relation.rhs)
            return _Split(condition, expression.xreplace({node: then}), expression.xreplace({node: otherwise}))
    return None


def _flat(expression: sympy.Expr) -> sympy.Expr:
    """Write powers of products as products of powers: parsed text keeps them as they were written."""
    flattened: sympy.Expr = expression.replace(
        lambda node: node.is_Pow and node.base.is_Mul and node.exp.is_Integer,
        lambda node: sympy.Mul(*(factor**node.exp for factor in node.base.args)),
    )
    return flattened


def _by_signs(gap: sympy.Expr) -> bool:
    """Show that a rational function is non-negative wherever its symbols may lie."""
    if gap.has(sympy.Piecewise, sympy.Max, sympy.Min, sympy.zoo, sympy.nan):
        return False
    names = {free.name: free for free in gap.free_symbols}
    # The least value is at most the largest, and the first flat eigenvalue at most the last sharp one.
    for small, large in (("A1", "A2"), ("lambda_next", "lambda_k")):
        if {small, large} <= names.keys():
            gap = gap.xreplace({names[large]: names[small] + _GAP})
    symbols = sorted(gap.free_symbols, key=str)
    if not gap.is_rational_function(*symbols):
        return False
    if not symbols:
        return bool(gap.is_nonnegative)
    if math.comb(max(_degrees(gap)) + len(symbols), len(symbols)) > MOST_TERMS:
        return False
    return theory.is_nonnegative(gap, dict.fromkeys(symbols, (0, None)))


def _degrees(ratio: sympy.Expr) -> tuple[int, int]:
    """Bound the degrees of numerator and denominator of a rational function before anything is expanded."""
    if not ratio.args:
        return int(ratio.is_Symbol), 0
    if ratio.is_Pow:
        above, below = (degree * abs(int(ratio.exp)) for degree in _degrees(ratio.base))
        return (above, below) if ratio.exp > 0 else (below, above)
    parts = [_degrees(part) for part in ratio.args]
    below = sum(one for _, one in parts)
    if ratio.is_Mul:
        return sum(one for one, _ in parts), below
    return max(above + below - own for above, own in parts), below


def _by_squares(small: sympy.Expr, large: sympy.Expr) -> bool:
    """Show it by the squares of non-negative bounds, one of them a square root."""

    def is_root(one: sympy.Expr) -> bool:
        return bool(one.is_Pow and one.exp in {sympy.S.Half, -sympy.S.Half})

    if not (is_root(small) or is_root(large)):
        return False
    return (is_root(large) or _by_signs(large)) and _by_signs(large**2 - small**2)
