"""How an expression is written: as text that `theory.parse` reads back, and in LaTeX.

SymPy's printers rebuild expressions as they go, which may simplify them at any cost; these only walk them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import sympy

from theory._cases import Cases, cases
from theory._symbols import latex_name

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
# Two lines under one brace hold together less than anything.
_BRACE = -1
_PLAIN_DIGITS = 20


class _Written(NamedTuple):
    """A piece of notation, and how loosely it holds together."""

    text: str
    level: int


class _Text:
    """Writes the language of `theory.parse`."""

    times = "*"

    def write(self, node: sympy.Expr) -> _Written:
        """Write one node after its arguments."""
        if node.is_Symbol:
            return _Written(self.symbol(node.name), _ATOM)
        if node.is_Number or node.is_Mul:
            return self._product(node)
        if node.is_Add:
            return self._sum(node.args)
        if node.is_Pow:
            return self._power(node.base, node.exp)
        if parts := cases(node):
            return self.cases(parts)
        return self._call(node)

    def symbol(self, name: str) -> str:
        return name

    def inside(self, node: sympy.Expr, level: int) -> str:
        """Write a node in parentheses unless it holds together at least so closely."""
        return self.closed(self.write(node), level)

    def closed(self, written: _Written, level: int) -> str:
        """Put what was written in parentheses unless it holds together at least so closely."""
        return written.text if written.level >= level else self.parentheses(written.text)

    def parentheses(self, text: str) -> str:
        return f"({text})"

    def number(self, value: sympy.Rational) -> str:
        """Write a number whose denominator divides a power of ten."""
        mantissa, exponent = _decimal(value)
        return f"{mantissa}e{exponent}" if exponent else mantissa

    def joined(self, factors: list[_Written]) -> str:
        """Write factors next to each other; a single one stands as it is."""
        if len(factors) == 1:
            return factors[0].text
        return self.times.join(self.closed(factor, _POWER) for factor in factors)

    def fraction(self, above: list[_Written], below: list[_Written]) -> str:
        numerator = self.closed(above[0], _POWER) if len(above) == 1 else self.joined(above)
        denominator = self.closed(below[0], _POWER) if len(below) == 1 else self.parentheses(self.joined(below))
        return f"{numerator}/{denominator}"

    def root(self, text: str) -> str:
        return f"sqrt({text})"

    def power(self, base: str, exponent: sympy.Expr) -> str:
        return f"{base}**{self.inside(exponent, _ATOM)}"

    def function(self, name: str, arguments: list[str]) -> str:
        return f"{name}({', '.join(arguments)})"

    def cases(self, parts: Cases) -> _Written:
        """Write a distinction of two cases."""
        condition = f"{self.write(parts.left).text} {parts.comparison} {self.write(parts.right).text}"
        branches = [self.write(branch).text for branch in (parts.then, parts.otherwise)]
        return _Written(self.function("where", [condition, *branches]), _ATOM)

    def _sum(self, terms: Sequence[sympy.Expr]) -> _Written:
        """Write the terms with their signs between them."""
        text = ""
        for term in terms:
            sign, factors = _signed(term)
            body = self.closed(self._unsigned(factors), _SUM if sign == "+" else _PRODUCT)
            text += f" {sign} {body}" if text else f"{sign if sign == '-' else ''}{body}"
        return _Written(text, _SUM)

    def _product(self, node: sympy.Expr) -> _Written:
        """Write a number or a product, with a leading sign where it is negative."""
        sign, factors = _signed(node)
        written = self._unsigned(factors)
        return written if sign == "+" else _Written(f"-{self.closed(written, _PRODUCT)}", _SUM)

    def _unsigned(self, factors: Sequence[sympy.Expr]) -> _Written:
        """Write a product as one fraction."""
        above: list[_Written] = []
        below: list[_Written] = []
        for factor in factors:
            if factor.is_Rational and factor >= 0:
                numerator, denominator = _ratio(factor, alone=len(factors) == 1)
                above += [_Written(self.number(numerator), _ATOM)] if numerator != 1 else []
                below += [_Written(self.number(denominator), _ATOM)] if denominator != 1 else []
            elif factor.is_Pow and factor.exp.is_Rational and factor.exp < 0:
                below.append(self._inverse(factor.base, factor.exp))
            else:
                above.append(self.write(factor))
        above = above or [_Written("1", _ATOM)]
        if below:
            return _Written(self.fraction(above, below), _PRODUCT)
        return above[0] if len(above) == 1 else _Written(self.joined(above), _PRODUCT)

    def _inverse(self, base: sympy.Expr, exponent: sympy.Expr) -> _Written:
        """Write what a negative power divides by."""
        return self.write(base) if exponent == -1 else self._power(base, -exponent)

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> _Written:
        """Write a power, a root or a reciprocal."""
        if exponent.is_Rational and exponent < 0:
            return _Written(self.fraction([_Written("1", _ATOM)], [self._inverse(base, exponent)]), _PRODUCT)
        if exponent == sympy.S.Half:
            return _Written(self.root(self.write(base).text), _ATOM)
        return _Written(self.power(self.inside(base, _ATOM), exponent), _POWER)

    def _call(self, node: sympy.Expr) -> _Written:
        """Write a function of the language; an absolute value is the larger of two."""
        if isinstance(node, sympy.Abs):
            argument = self.write(node.args[0]).text
            negative = f"-{self.inside(node.args[0], _POWER)}"
            return _Written(self.function("max", [argument, negative]), _ATOM)
        name = {sympy.log: "log", sympy.Min: "min", sympy.Max: "max"}[node.func]
        return _Written(self.function(name, [self.write(argument).text for argument in node.args]), _ATOM)


class _Latex(_Text):
    """Writes LaTeX."""

    times = r"\, "

    def symbol(self, name: str) -> str:
        return latex_name(name)

    def inside(self, node: sympy.Expr, level: int) -> str:
        # A symbol written with a superscript of its own cannot carry another one.
        if level == _ATOM and node.is_Symbol and "^" in latex_name(node.name):
            return self.parentheses(latex_name(node.name))
        return super().inside(node, level)

    def parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"

    def number(self, value: sympy.Rational) -> str:
        mantissa, exponent = _decimal(value)
        return rf"{mantissa} \cdot 10^{{{exponent}}}" if exponent else mantissa

    def fraction(self, above: list[_Written], below: list[_Written]) -> str:
        return rf"\frac{{{self.joined(above)}}}{{{self.joined(below)}}}"

    def root(self, text: str) -> str:
        return rf"\sqrt{{{text}}}"

    def power(self, base: str, exponent: sympy.Expr) -> str:
        return f"{base}^{{{self.write(exponent).text}}}"

    def function(self, name: str, arguments: list[str]) -> str:
        return rf"\{name}{self.parentheses(', '.join(arguments))}"

    def cases(self, parts: Cases) -> _Written:
        # What is distinguished in the last case needs no brace of its own.
        lines = []
        further: Cases | None = parts
        while further:
            parts = further
            comparison = {">=": r"\ge", "<=": r"\le"}.get(parts.comparison, parts.comparison)
            condition = f"{self.write(parts.left).text} {comparison} {self.write(parts.right).text}"
            lines.append(rf"{self.write(parts.then).text} & \text{{if }} {condition}")
            further = cases(parts.otherwise)
        lines.append(rf"{self.write(parts.otherwise).text} & \text{{otherwise}}")
        return _Written(r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}", _BRACE)


def expression_text(expression: sympy.Expr) -> str:
    """Write an expression so that `theory.parse` reads it back.

    Args:
        expression: an expression that `check_supported` accepts.

    Returns:
        One line.
    """
    return _Text().write(expression).text


def expression_latex(expression: sympy.Expr) -> str:
    """Write an expression in LaTeX.

    Args:
        expression: an expression that `check_supported` accepts.

    Returns:
        A formula for mathematics mode.
    """
    return _Latex().write(expression).text


def _signed(node: sympy.Expr) -> tuple[str, Sequence[sympy.Expr]]:
    """Split a term into its sign and its factors."""
    factors = [_exact(factor) for factor in (node.args if node.is_Mul else [node])]
    if factors[0].is_Mul:
        sign, inner = _signed(factors[0])
        # A product within a product stays one factor, but its sign may stand in front of both.
        within = inner[0] if len(inner) == 1 else sympy.Mul(*inner, evaluate=False)
        return sign, [within, *factors[1:]] if sign == "-" else factors
    if not (factors[0].is_Number and factors[0] < 0):
        return "+", factors
    positive = -factors[0]
    return "-", factors[1:] if positive == 1 and len(factors) > 1 else [positive, *factors[1:]]


def _exact(node: sympy.Expr) -> sympy.Expr:
    """Turn a float into the decimal that it shows."""
    return sympy.Rational(repr(float(node))) if node.is_Float else node


def _ratio(number: sympy.Rational, alone: bool) -> tuple[sympy.Rational, sympy.Rational]:
    """Split a rational into a decimal and an integer to divide it by, the latter one wherever that is exact."""
    if number.p == 1 and number.q < 10 and not alone:
        return sympy.S.One, sympy.Integer(number.q)
    rest = int(number.q)
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1:
        return number, sympy.S.One
    return sympy.Integer(number.p), sympy.Integer(number.q)


def _decimal(number: sympy.Rational) -> tuple[str, int]:
    """Write a non-negative decimal plainly, or as an integer times a power of ten where that would be long."""
    numerator, denominator, exponent = int(number.p), int(number.q), 0
    while denominator != 1:
        divisor = math.gcd(denominator, 10)
        numerator, denominator, exponent = numerator * (10 // divisor), denominator // divisor, exponent - 1
    if -exponent > _PLAIN_DIGITS or numerator >= 10**_PLAIN_DIGITS:
        while numerator and numerator % 10 == 0:
            numerator, exponent = numerator // 10, exponent + 1
        return str(numerator), exponent
    digits = str(numerator).zfill(1 - exponent)
    return (f"{digits[:exponent]}.{digits[exponent:]}" if exponent else digits), 0
