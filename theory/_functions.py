"""Minimum, maximum and bases of powers that SymPy leaves alone.

SymPy's own minimum and maximum compare every pair of their arguments whenever an expression is rebuilt: that takes
seconds for long lists, and raises for arguments that it cannot show to be real. Its powers look for the branch of a
complex logarithm, and for high roots of numbers, which can take minutes.
"""

from __future__ import annotations

from typing import Any

import sympy


class Minimum(sympy.Function):
    """The least of its arguments."""

    is_extended_real = True

    def _sympystr(self, printer: Any) -> str:
        return f"min({', '.join(printer._print(argument) for argument in self.args)})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\min{power}\left({', '.join(printer._print(argument) for argument in self.args)}\right)"


class Maximum(sympy.Function):
    """The greatest of its arguments."""

    is_extended_real = True

    def _sympystr(self, printer: Any) -> str:
        return f"max({', '.join(printer._print(argument) for argument in self.args)})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\max{power}\left({', '.join(printer._print(argument) for argument in self.args)}\right)"


class Kept(sympy.UnevaluatedExpr):
    """A base that SymPy must not merge with its exponent."""

    is_extended_real = True

    def _eval_is_extended_positive(self) -> bool | None:
        return bool(self.args[0] > 0) if self.args[0].is_Rational else None
