"""Whether an altered statement with explicit constants says no more than the original, whose proof then covers it.

It says no more if its bounds are nowhere stronger, each of the original's conditions follows from one of its own, and
it allows at least as many failures. Expressions are compared by the signs of coefficients (`theory.is_nonnegative`),
with logarithms of known sign as unknowns of their own. Sound but not complete: False means "not shown".
"""

from __future__ import annotations

import sympy

import theory

_BELOW_ONE = ("eps", "delta")
_FROM_ONE = ("n", "d", "d_eff", "K")


def covered(statement: theory.Statement, original: theory.Statement) -> bool:
    """Show that a statement follows from another one about the same quantity.

    Args:
        statement: the statement.
        original: the other one.

    Returns:
        Whether this was shown.
    """
    if statement.constants != original.constants:
        return False
    lower, upper, probability = statement.lower, statement.upper, statement.probability
    known = original.probability
    return (
        (lower is None or (original.lower is not None and _at_most(lower, original.lower)))
        and (upper is None or (original.upper is not None and _at_most(original.upper, upper)))
        # No probability at all is probability 1.
        and (known is None or (probability is not None and _at_most(probability, known)))
        and all(
            any(_at_most(condition, own) for own in getattr(statement, field))
            for field in ("sample_size", "dimension")
            for condition in getattr(original, field)
        )
    )


def _at_most(small: sympy.Expr, large: sympy.Expr) -> bool:
    """Show small ≤ large wherever the symbols may lie: with logarithms as they are, or taken apart."""
    if small == large:
        return True
    try:
        gap = (large - small).replace(sympy.log, sympy.log)
        return _nonnegative(gap) or _nonnegative(sympy.expand_log(gap))
    except (TypeError, ValueError, ArithmeticError, sympy.PolynomialError):
        # Text stands as it was written, and SymPy may come upon 0/0 or 1/0 in it once it simplifies.
        return False


def _nonnegative(gap: sympy.Expr) -> bool:
    """Show that an expression is non-negative."""
    logarithms = sorted(gap.atoms(sympy.log), key=str)
    signs = {log: _sign(log) for log in logarithms}
    # Squares, so that their roots are rational as well; a logarithm of unknown sign stays, and nothing is shown.
    gap = gap.xreplace({log: sign * sympy.Dummy(positive=True) ** 2 for log, sign in signs.items() if sign})
    names = {free: free.name for free in gap.free_symbols if not isinstance(free, sympy.Dummy)}
    gap = gap.xreplace({free: sympy.Symbol(name, positive=True) ** 2 for free, name in names.items()})
    box = {free: (0, 1 if free.name in _BELOW_ONE else None) for free in gap.free_symbols}
    if not box:
        return bool(gap.is_nonnegative)
    return bool(gap.is_rational_function(*box)) and theory.is_nonnegative(gap, box)


def _sign(logarithm: sympy.Expr) -> int:
    """Find the sign of a logarithm: 1, −1, or 0 where it is not known."""
    terms = sympy.Add.make_args(sympy.expand_log(logarithm))
    signs = {_sign_of_term(term) for term in terms}
    return signs.pop() if len(signs) == 1 else 0


def _sign_of_term(term: sympy.Expr) -> int:
    """Find the sign of a multiple of the logarithm of one symbol or number."""
    factor, rest = term.as_coeff_Mul()
    if not (isinstance(rest, sympy.log) and factor.is_nonzero):
        return 0
    sign = 1 if factor.is_positive else -1
    (argument,) = rest.args
    if argument.is_Number:
        return sign if argument > 1 else -sign
    if argument.is_Symbol and argument.name in _FROM_ONE:
        return sign
    return -sign if argument.is_Symbol and argument.name in _BELOW_ONE else 0
