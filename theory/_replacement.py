"""Altered fields of a statement: what may be replaced, by what, and how the command line writes it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from theory._errors import StatementError, shown, suggestion
from theory._evaluate import check_supported
from theory._notation import expression_text
from theory._parse import parse

KINDS = ("theorem", "lemma", "conjecture")
CONSTANTS = ("none", "absolute", "may depend on eps")

_BOUNDS = ("lower", "upper", "probability")
_CONDITIONS = ("sample_size", "dimension")
_CHOICES = {"constants": CONSTANTS, "kind": KINDS}
FIELDS = (*_BOUNDS, *_CONDITIONS, "title", "hypotheses", *_CHOICES)


def parse_replacement(text: str) -> tuple[str, str | list[str] | None]:
    """Read `field=value` as the command line writes it.

    Args:
        text: a field of `Statement.replace`, an equals sign and its new value. The entries of `sample_size`,
            `dimension` and `hypotheses` are separated by semicolons; nothing after the equals sign drops the bound or
            the conditions.

    Returns:
        The field and the value to hand to `Statement.replace`; expressions are still text.

    Raises:
        StatementError: where there is no equals sign or no such field.

    Example:
        >>> parse_replacement("sample_size=d*log(d); log(K/delta)")
        ('sample_size', ['d*log(d)', 'log(K/delta)'])
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        raise StatementError(f"replacement: expected field=expression, got {shown(text)}")
    check_field(name)
    if name in _CONDITIONS or name == "hypotheses":
        return name, [part.strip() for part in value.split(";")] if value else []
    if name in _BOUNDS and not value:
        return name, None
    return name, value


def check_field(name: str) -> None:
    """Refuse a field that cannot be replaced.

    Args:
        name: the field.

    Raises:
        StatementError: where a statement has no such replaceable field; the message suggests the nearest.
    """
    if name not in FIELDS:
        raise StatementError(f"replacement: no field {shown(name)}; {suggestion(name, FIELDS)}")


def coerce(name: str, value: Any, symbols: Mapping[str, str]) -> Any:
    """Turn a user's value of a field into what a statement stores.

    Args:
        name: one of `FIELDS`.
        value: text, a number or a SymPy expression; for conditions and hypotheses one of these or several.
        symbols: the symbols that expressions may use.

    Returns:
        An expression or None, a tuple of expressions or of texts, or a text.

    Raises:
        StatementError: where the value does not fit the field.
    """
    check_field(name)
    if name in _BOUNDS:
        return None if value is None else _expression(name, value, symbols)
    if name in _CONDITIONS:
        entries = [value] if isinstance(value, str | sympy.Basic | numbers.Number) else _entries(name, value)
        return tuple(_expression(name, entry, symbols) for entry in entries)
    if name == "hypotheses":
        return tuple(_text(name, entry) for entry in ([value] if isinstance(value, str) else _entries(name, value)))
    text = _text(name, value)
    if name in _CHOICES and text not in _CHOICES[name]:
        raise StatementError(f"{name}: expected one of {', '.join(_CHOICES[name])}, got {shown(text)}")
    return text


def _entries(name: str, value: Any) -> list[Any]:
    """List the entries of a field that holds several."""
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        raise StatementError(f"{name}: expected a list, got {shown(value)}")
    return list(value)


def _text(name: str, value: Any) -> str:
    """Check a text."""
    if not isinstance(value, str) or not value.strip():
        raise StatementError(f"{name}: expected a text, got {shown(value)}")
    return value.strip()


def _expression(name: str, value: Any, symbols: Mapping[str, str]) -> sympy.Expr:
    """Read text, a number or an expression as an expression in the statement's symbols."""
    try:
        if isinstance(value, str):
            return parse(value, symbols)
        if isinstance(value, sympy.Expr):
            check_supported(value)
            return parse(expression_text(value), symbols)
    except StatementError as error:
        raise StatementError(f"{name}: {error}") from None
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise StatementError(f"{name}: expected an expression or a finite number, got {shown(value)}")
    # The shortest decimal is what the user wrote: 0.1 means one tenth.
    return sympy.Rational(value) if isinstance(value, numbers.Rational) else sympy.Rational(repr(float(value)))
