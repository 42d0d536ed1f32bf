"""Sums of logarithms of products, bounded by rational functions.

log(2·9^d/δ) is log 2 + 2d log 3 + log(1/δ): the logarithms of primes lie below rational numbers, which SymPy decides by
arithmetic of sufficient precision, and the logarithm of 1/δ is a positive variable.
"""

from __future__ import annotations

import sympy

from theory._inequalities import Box
from theory._symbols import symbol

delta = symbol("delta")

# log(1/δ), which is positive.
FAILURE = sympy.Symbol("failure", positive=True)
_DENOMINATOR = 20


def rational_logarithms(expression: sympy.Expr) -> tuple[sympy.Expr, Box]:
    """Write the logarithms of an expression in variables.

    Args:
        expression: an expression in logarithms of products of integers, powers and 1/δ.

    Returns:
        The same with a variable for the logarithm of each prime, and `FAILURE` for log(1/δ); and the box of these
        variables, in which the logarithm of each prime is at most one twentieth above its value.
    """
    expanded = sympy.expand_log(expression, force=True)
    values: dict[sympy.Basic, sympy.Expr] = {sympy.log(delta): -FAILURE}
    box: dict[sympy.Symbol, tuple[sympy.Expr | int, sympy.Expr | int | None]] = {FAILURE: (0, None)}
    for logarithm in sorted(expanded.atoms(sympy.log), key=str):
        if logarithm.args[0].is_Integer:
            variable = sympy.Symbol(f"log{logarithm.args[0]}", positive=True)
            values[logarithm] = variable
            below = sympy.floor(logarithm * _DENOMINATOR)
            box[variable] = (sympy.Rational(below, _DENOMINATOR), sympy.Rational(below + 1, _DENOMINATOR))
    return expanded.xreplace(values), box
