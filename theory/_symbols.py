"""The symbols of the statements: their assumptions, the values they may take, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy

from theory._quantities import QUANTITIES

_PROBABILITY_LIKE = ("eps", "delta")
# An alignment that is zero, no step taken, no flat share, a direction that one step of descent removes.
_FROM_ZERO = ("A1", "A2", "t", "D", "R", "q")

_LATEX = {
    "eps": r"\varepsilon",
    "delta": r"\delta",
    "rho": r"\rho",
    "alpha": r"\alpha",
    "beta": r"\beta",
    "d_eff": r"d_{\mathrm{eff}}",
    "A1": "A_1",
    "A2": "A_2",
    "lambda_k": r"\lambda_k",
    "lambda_next": r"\lambda_{k+1}",
    "D": "D_k",
    "uSu": r"u^\top S u",
    "vSv": r"v^\top S v",
    "uSv": r"u^\top S v",
}


@dataclass(frozen=True)
class Domain:
    """The interval in which a symbol may lie; only finite ends can belong to it."""

    low: float
    high: float
    closed: bool
    words: str


CONSTANT = sympy.Symbol("C", positive=True)
"""The absolute constant of a condition n ≥ C f."""


@cache
def quantity_symbol(quantity: str) -> sympy.Symbol:
    """Return the symbol that stands for what a statement bounds.

    Args:
        quantity: one of the quantities of `Statement`.

    Returns:
        A real symbol of that name.
    """
    return sympy.Symbol(quantity, real=True)


@cache
def symbol(name: str) -> sympy.Symbol:
    """Return the symbol of that name, with the assumptions every statement makes of it.

    Args:
        name: the symbol's name, as in the expressions of a statement.

    Returns:
        `rho` and `uSv` are real, the constants, counts and ratios of Section 5 that may be zero are non-negative, every
        other symbol is positive.
    """
    if name in {"rho", "uSv"}:
        return sympy.Symbol(name, real=True)
    if name in _FROM_ZERO:
        return sympy.Symbol(name, nonnegative=True)
    return sympy.Symbol(name, positive=True)


def domain(name: str) -> Domain:
    """Return the values that a symbol may take.

    Args:
        name: the symbol's name.

    Returns:
        The interval.
    """
    infinity = float("inf")
    if name in _PROBABILITY_LIKE:
        return Domain(0.0, 1.0, False, "a number strictly between 0 and 1")
    if name == "rho":
        return Domain(-1.0, 1.0, True, "a number between -1 and 1")
    if name == "uSv":
        return Domain(-infinity, infinity, False, "a finite number")
    if name == "alpha" or name in _FROM_ZERO:
        # At alpha = 0, the slope of a ReLU, and at A1 = 0 nothing is claimed, and the bounds say so.
        return Domain(0.0, infinity, True, "a finite number, at least 0")
    return Domain(0.0, infinity, False, "a positive finite number")


def named(name: str, latex: str, **assumptions: bool) -> sympy.Symbol:
    """Return a symbol that a proof introduces, and remember how LaTeX writes it.

    Args:
        name: a name that no other symbol with another notation has.
        latex: a formula for mathematics mode.
        **assumptions: what SymPy may assume of it, such as `positive=True`.

    Returns:
        The symbol.

    Raises:
        ValueError: where the name is written otherwise elsewhere.
    """
    if _LATEX.setdefault(name, latex) != latex:
        raise ValueError(f"name: {name!r} is written {_LATEX[name]!r} elsewhere, got {latex!r}")
    return sympy.Symbol(name, **assumptions)


def latex_names() -> dict[str, str]:
    """List the symbols whose notation is not their name.

    Returns:
        A formula for mathematics mode by name.
    """
    return {**{name: quantity.latex for name, quantity in QUANTITIES.items()}, **_LATEX}


def latex_name(name: str) -> str:
    """Return how LaTeX writes a symbol.

    Args:
        name: the symbol's name.

    Returns:
        A formula for mathematics mode.
    """
    return _LATEX.get(name, name)
