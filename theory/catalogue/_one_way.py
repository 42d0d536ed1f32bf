"""Directions of premises: a bound that a check puts in place of what it bounds must bound it from the right side."""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational


def upper_bounds(*formulas: Relational) -> bool:
    """Say whether relations bound their left sides from above.

    Args:
        *formulas: one or more relations.

    Returns:
        Whether there is one and each reads left ≤ right.
    """
    return bool(formulas) and all(isinstance(formula, sympy.LessThan) for formula in formulas)


def lower_bounds(*formulas: Relational) -> bool:
    """Say whether relations bound their left sides from below.

    Args:
        *formulas: one or more relations.

    Returns:
        Whether there is one and each reads left ≥ right.
    """
    return bool(formulas) and all(isinstance(formula, sympy.GreaterThan) for formula in formulas)
