"""Expressions as text while they travel between processes: SymPy would simplify a pickled one as it is restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sympy

from theory._notation import expression_text
from theory._parse import parse


class _Frozen(NamedTuple):
    """An expression as text."""

    text: str


def frozen(value: Any) -> Any:
    """Turn the expressions in a field into text.

    Args:
        value: an expression, a tuple of values, or anything else.

    Returns:
        The same without expressions.
    """
    if isinstance(value, sympy.Expr):
        return _Frozen(expression_text(value))
    return tuple(frozen(entry) for entry in value) if type(value) is tuple else value


def thawed(value: Any, symbols: Mapping[str, str]) -> Any:
    """Turn text back into expressions.

    Args:
        value: what `frozen` returned.
        symbols: the statement's symbols.

    Returns:
        The value with its expressions.
    """
    if isinstance(value, _Frozen):
        return parse(value.text, symbols)
    return tuple(thawed(entry, symbols) for entry in value) if type(value) is tuple else value
