"""How much data a statement asks for: the smallest n or d_eff that meets conditions which may contain them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sympy

from theory import _values
from theory._errors import StatementError
from theory._evaluate import evaluate
from theory._symbols import symbol

if TYPE_CHECKING:
    import numpy as np

    from theory._statement import Statement

LARGEST = 10**15


def constants(statement: Statement, field: str, constant: Any, values: Mapping[str, Any]) -> list[float]:
    """Settle the constants of the conditions on n or on d_eff.

    Args:
        statement: the statement.
        field: `sample_size` or `dimension`.
        constant: one number, one for each condition, or `explicit` for those of the statement's proof.
        values: a float for every symbol that an explicit constant contains.

    Returns:
        One number for each condition.

    Raises:
        StatementError: for anything else, or where the proof gives no constants.
    """
    count = len(getattr(statement, field))
    if not isinstance(constant, str) or constant != "explicit":
        return _values.constants(constant, count)
    given = statement.explicit_constants
    if given is None:
        raise StatementError(f"constant: expected numbers, as no proof of {statement.id} gives any, got 'explicit'")
    before = 0 if field == "sample_size" else len(statement.sample_size)
    return [float(c.subs({s: values[s.name] for s in c.free_symbols})) for c in given[before : before + count]]


def stated(statement: Statement, values: dict[str, Any]) -> dict[str, Any]:
    """Refuse an ε for which a statement is not made.

    Args:
        statement: the statement.
        values: a float for every symbol needed.

    Returns:
        The values.

    Raises:
        StatementError: where ε is larger than the statement's largest.
    """
    if values.get("eps", 0.0) > statement.largest_eps:
        raise StatementError(
            f"eps: expected at most {statement.largest_eps:g}, for which statement {statement.id} is made, "
            f"got {values['eps']:g}"
        )
    return values


def smallest_n(conditions: Sequence[sympy.Expr], constants: Sequence[float], values: Mapping[str, Any]) -> int:
    """Find the smallest n from which on every condition `n >= C f(n)` holds.

    Args:
        conditions: the right-hand sides f, which may contain n.
        constants: one C for each.
        values: a float for every other symbol.

    Returns:
        An n that meets every condition while n − 1 misses one, or 1. It is the last such crossing as far as the powers
        of two show: above it the conditions were seen to hold at every power of two up to 10¹⁵.

    Raises:
        StatementError: where no n up to 10¹⁵ is enough.
    """

    def holds(n: np.ndarray) -> np.ndarray:
        return _all_hold(conditions, constants, values, "n", n)

    low, high = _bracket(holds, "n")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(_array([middle]))[0] else (middle, high)
    return high


def smallest_dimension(
    conditions: Sequence[sympy.Expr], constants: Sequence[float], values: Mapping[str, Any]
) -> float:
    """Find the smallest d_eff that meets every condition `d_eff >= C f`.

    Args:
        conditions: the right-hand sides f, which may contain d_eff.
        constants: one C for each.
        values: a float for every other symbol.

    Returns:
        The largest C f, at least 0; where f contains d_eff, the last crossing above 1 to twelve digits.

    Raises:
        StatementError: where no d_eff up to 10¹⁵ is enough.
    """
    if not any(symbol("d_eff") in f.free_symbols for f in conditions):
        needed = [c * float(evaluate(f, values)) for f, c in zip(conditions, constants, strict=True)]
        if not all(math.isfinite(value) for value in needed):
            raise StatementError("no d_eff meets the conditions with these values and constants")
        return max([0.0, *needed])

    def holds(d_eff: np.ndarray) -> np.ndarray:
        return _all_hold(conditions, constants, values, "d_eff", d_eff)

    low, high = (float(end) for end in _bracket(holds, "d_eff"))
    while high - low > 1e-12 * high and high > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(_array([middle]))[0] else (middle, high)
    return high


def _bracket(holds: Callable[[np.ndarray], np.ndarray], name: str) -> tuple[int, int]:
    """Bracket the last crossing between a point that fails and one that holds, (0, 1) where all hold."""
    points = [*(2**k for k in range(LARGEST.bit_length()) if 2**k < LARGEST), LARGEST]
    failing = [index for index, held in enumerate(holds(_array(points))) if not held]
    if not failing:
        return 0, 1
    if failing[-1] == len(points) - 1:
        raise StatementError(f"no {name} up to 1e15 meets the conditions with these values and constants")
    return points[failing[-1]], points[failing[-1] + 1]


def _all_hold(
    conditions: Sequence[sympy.Expr],
    constants: Sequence[float],
    values: Mapping[str, Any],
    name: str,
    size: np.ndarray,
) -> np.ndarray:
    """Say at which sizes every condition holds; an undefined right-hand side counts as not met."""
    import numpy as np

    result = size > 0
    # What overflows is infinite, and not met.
    with np.errstate(over="ignore"):
        for condition, constant in zip(conditions, constants, strict=True):
            result &= size >= constant * evaluate(condition, {**values, name: size})
    return result


def _array(points: Sequence[float]) -> np.ndarray:
    """Make a float64 array."""
    import numpy as np

    return np.asarray(points, dtype=np.float64)
