"""The numbers that users give for symbols: what is accepted, and what is said about the rest."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from theory._errors import StatementError, shown, suggestion
from theory._symbols import Domain, domain

# In floating point a covariance may exceed the Cauchy-Schwarz bound, and one of two equal values the other.
_ROUND_OFF = 1e-9


def scalars(
    statement_id: str, known: Iterable[str], needed: Iterable[str], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Check numbers given for symbols.

    Args:
        statement_id: the statement they are for, named in the messages.
        known: the names of its symbols.
        needed: the names that must be given.
        values: what was given.

    Returns:
        The values as floats, by name.

    Raises:
        StatementError: for an unknown or missing name, or a value outside its symbol's domain.
    """
    _check_names(statement_id, known, needed, values)
    checked = {name: _scalar(name, value, domain(name)) for name, value in values.items()}
    _check_pairs(checked)
    return checked


def arrays(statement_id: str, known: Iterable[str], needed: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Check numbers or arrays given for symbols, and broadcast them against each other.

    Args:
        statement_id: the statement they are for, named in the messages.
        known: the names of its symbols.
        needed: the names that must be given.
        values: what was given.

    Returns:
        The values as float64 arrays of one shape, by name.

    Raises:
        StatementError: for an unknown or missing name, a value outside its symbol's domain, or shapes that do not
            broadcast.
    """
    import numpy as np

    _check_names(statement_id, known, needed, values)
    checked = {name: _array(name, value, domain(name)) for name, value in values.items()}
    try:
        broadcast = np.broadcast_arrays(*checked.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in checked.items())
        raise StatementError(f"expected shapes that broadcast against each other, got {shapes}") from None
    together = dict(zip(checked, broadcast, strict=True))
    _check_pairs(together)
    return together


def constants(constant: Any, count: int) -> list[float]:
    """Spread a constant over conditions, or check one constant for each.

    Args:
        constant: a positive number, or a sequence of them.
        count: how many conditions there are.

    Returns:
        One positive float for each condition.

    Raises:
        StatementError: for anything else.
    """
    if isinstance(constant, str) or not isinstance(constant, Iterable):
        return [_scalar("constant", constant, domain("constant"))] * count
    given = list(constant)
    if len(given) != count:
        raise StatementError(f"constant: expected one number or {count} (one for each condition), got {len(given)}")
    return [_scalar("constant", value, domain("constant")) for value in given]


def _check_names(statement_id: str, known: Iterable[str], needed: Iterable[str], values: Mapping[str, Any]) -> None:
    """Refuse unknown names, and name those that are missing."""
    names = list(known)
    for name in values:
        if name not in names:
            raise StatementError(f"statement {statement_id} has no symbol {shown(name)}; {suggestion(name, names)}")
    missing = [name for name in needed if name not in values]
    if missing:
        raise StatementError(f"statement {statement_id}: expected a value for {', '.join(missing)}, got none")


def _scalar(name: str, value: Any, allowed: Domain) -> float:
    """Check one number."""
    refusal = StatementError(f"{name}: expected {allowed.words}, got {shown(value)}")
    # NumPy's booleans are no numbers to Python already.
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise refusal
    try:
        number = float(value)
    except OverflowError:
        raise refusal from None
    inside = allowed.low < number < allowed.high or (allowed.closed and number in {allowed.low, allowed.high})
    if not inside or not math.isfinite(number):
        raise refusal
    return number


def _array(name: str, value: Any, allowed: Domain) -> Any:
    """Check every entry of an array."""
    import numpy as np

    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        raise StatementError(f"{name}: expected numbers, got {shown(value)}") from None
    if array.ndim == 0 and array.dtype == object:
        return np.float64(_scalar(name, value, allowed))
    if array.dtype.kind not in "iuf":
        raise StatementError(f"{name}: expected numbers, got {shown(value)}")
    array = array.astype(np.float64)
    inside = (allowed.low < array) & (array < allowed.high)
    if allowed.closed:
        inside |= ((array == allowed.low) | (array == allowed.high)) & np.isfinite(array)
    if not inside.all():
        first = float(array[~inside].flat[0])
        raise StatementError(f"{name}: expected {allowed.words} everywhere, got {first!r}")
    return array


def _check_pairs(values: Mapping[str, Any]) -> None:
    """Refuse values that exclude each other: a covariance above its variances, a least value above the largest."""
    import numpy as np

    pairs: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
        "uSv**2 <= uSu*vSv": (("uSv", "uSu", "vSv"), lambda cov, u, v: cov**2 > u * v * (1 + _ROUND_OFF)),
        "alpha <= beta": (("alpha", "beta"), lambda low, high: low > high),
        "A1 <= A2": (("A1", "A2"), lambda low, high: low > high * (1 + _ROUND_OFF)),
        "lambda_next <= lambda_k": (("lambda_next", "lambda_k"), lambda low, high: low > high * (1 + _ROUND_OFF)),
    }
    for expected, (names, excluded) in pairs.items():
        if not set(names) <= values.keys():
            continue
        given = [np.atleast_1d(values[name]) for name in names]
        wrong = excluded(*given)
        if np.any(wrong):
            got = ", ".join(f"{name}={float(array[wrong][0])!r}" for name, array in zip(names, given, strict=True))
            raise StatementError(f"{names[0]}: expected {expected}, got {got}")
