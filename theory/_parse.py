"""The small language in which bounds and conditions are written.

    sum      := product (("+" | "-") product)*
    product  := signed (("*" | "/") signed)*
    signed   := ("+" | "-") signed | power
    power    := atom ["**" signed]
    atom     := number | symbol | function "(" sum ("," sum)* ")" | "(" sum ")"

Precedence is Python's (`-a**b` is `-(a**b)`, `**` associates to the right); numbers are exact decimals; the functions
are log, sqrt, min and max. Nothing is ever handed to an evaluator of code, and every cost is bounded before it is paid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple, NoReturn

import sympy

from theory._errors import StatementError, shown, suggestion
from theory._evaluate import number_value
from theory._functions import Kept, Maximum, Minimum
from theory._symbols import symbol

MAX_CHARACTERS = 500
MAX_DEPTH = 50
MAX_DIGITS = 40
MAX_DECIMAL_EXPONENT = 300
MAX_POWER = 64
MAX_BITS = 4096
MAX_ROOT = 12

FUNCTIONS = ("log", "sqrt", "min", "max")

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\*\*|[-+*/(),])"
    r"|(?P<space>[ \t]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_OPERAND = "a number, a symbol, a function or '('"
_UNDEFINED = (sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I)


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse(text: str, symbols: Iterable[str]) -> sympy.Expr:
    """Read an expression of the small language.

    Args:
        text: the expression, at most 500 characters, such as `"(3 + eps)/(1 - eps)**2"`.
        symbols: the names it may use; a mapping from names to meanings serves as well.

    Returns:
        The expression, exact: decimals become rationals.

    Raises:
        StatementError: where the text is not an expression of the language or would be too costly; the message is one
            line and names the position, what stands there and what was expected.

    Example:
        >>> parse("1 + eps**2", ["eps"])
        eps**2 + 1
    """
    if not isinstance(text, str):
        raise StatementError(f"expression: expected a string, got {shown(text)}")
    if len(text) > MAX_CHARACTERS:
        raise StatementError(f"expression: expected at most {MAX_CHARACTERS} characters, got {len(text)}")
    return _Parser(text, tuple(symbols)).whole()


def _tokens(text: str) -> list[_Token]:
    """Cut the text into tokens and mark its end."""
    found = [_Token(str(match.lastgroup), match.group(), match.start() + 1) for match in _TOKEN.finditer(text)]
    kept = [token for token in found if token.kind != "space"]
    return [*kept, _Token("end", "", len(text) + 1)]


class _Parser:
    """One pass over one expression; each method reads one rule of the grammar."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self._text = text
        self._names = names
        self._tokens = _tokens(text)
        self._index = 0
        self._depth = 0

    def whole(self) -> sympy.Expr:
        value = self._sum()
        if self._next.kind != "end":
            self._unexpected("an operator or the end")
        return value

    @property
    def _next(self) -> _Token:
        return self._tokens[self._index]

    def _take(self, *texts: str) -> _Token | None:
        """Consume the next token if it is one of these operators."""
        token = self._next
        if token.kind != "operator" or token.text not in texts:
            return None
        self._index += 1
        return token

    def _expect(self, text: str, expected: str) -> None:
        if self._take(text) is None:
            self._unexpected(expected)

    def _fail(self, token: _Token, problem: str) -> NoReturn:
        raise StatementError(f"expression {shown(self._text)}: {problem} at position {token.position}")

    def _unexpected(self, expected: str) -> NoReturn:
        token = self._next
        came = "unexpected end" if token.kind == "end" else f"unexpected {shown(token.text)}"
        hint = " (a power is written **)" if token.text == "^" else ""
        raise StatementError(
            f"expression {shown(self._text)}: {came} at position {token.position}; expected {expected}{hint}"
        )

    def _sum(self) -> sympy.Expr:
        value = self._product()
        while token := self._take("+", "-"):
            other = self._product()
            value = self._admit(value + other if token.text == "+" else value - other, token)
        return value

    def _product(self) -> sympy.Expr:
        value = self._signed()
        while token := self._take("*", "/"):
            other = self._signed()
            if token.text == "/" and other == 0:
                self._fail(token, "division by zero")
            value = self._admit(value * other if token.text == "*" else value / other, token)
        return value

    def _signed(self) -> sympy.Expr:
        # Every way to nest (parentheses, exponents, signs) passes through here once.
        self._depth += 1
        if self._depth > MAX_DEPTH + 1:
            self._fail(self._next, f"nested deeper than {MAX_DEPTH}")
        token = self._take("+", "-")
        if token is None:
            value = self._power()
        else:
            operand = self._signed()
            value = operand if token.text == "+" else -operand
        self._depth -= 1
        return value

    def _power(self) -> sympy.Expr:
        base = self._atom()
        token = self._take("**")
        if token is None:
            return base
        exponent = self._signed()
        self._check_power(base, exponent, token)
        return self._admit(_raise(base, exponent), token)

    def _check_power(self, base: sympy.Expr, exponent: sympy.Expr, token: _Token) -> None:
        """Refuse a power before it is computed if its result would be too large or is undefined."""
        if exponent.free_symbols:
            return
        power = number_value(exponent)
        if not abs(power) <= MAX_POWER:
            self._fail(token, f"exponent beyond {MAX_POWER}")
        if base == 0 and power < 0:
            self._fail(token, "division by zero")
        if base.is_Rational and _bits(base) * abs(power) > MAX_BITS:
            self._fail(token, f"number of more than {MAX_BITS} bits")

    def _atom(self) -> sympy.Expr:
        token = self._next
        if token.kind == "number":
            self._index += 1
            return self._number(token)
        if token.kind == "name":
            self._index += 1
            return self._call(token) if token.text in FUNCTIONS else self._symbol(token)
        self._expect("(", _OPERAND)
        value = self._sum()
        self._expect(")", "an operator or ')'")
        return value

    def _number(self, token: _Token) -> sympy.Expr:
        mantissa, _, exponent = token.text.lower().partition("e")
        if len(mantissa.replace(".", "")) > MAX_DIGITS:
            self._fail(token, f"number of more than {MAX_DIGITS} digits")
        if len(exponent) > MAX_DIGITS or abs(int(exponent or 0)) > MAX_DECIMAL_EXPONENT:
            self._fail(token, f"decimal exponent beyond {MAX_DECIMAL_EXPONENT}")
        value = Fraction(token.text)
        return sympy.Rational(value.numerator, value.denominator)

    def _symbol(self, token: _Token) -> sympy.Expr:
        if token.text not in self._names:
            hint = suggestion(token.text, (*self._names, *FUNCTIONS))
            raise StatementError(
                f"expression {shown(self._text)}: unknown name {shown(token.text)} at position {token.position}; {hint}"
            )
        return symbol(token.text)

    def _call(self, token: _Token) -> sympy.Expr:
        self._expect("(", f"'(' after {token.text}")
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._expect(")", "an operator, ',' or ')'")
        self._check_count(token, len(arguments))
        return self._admit(_apply(token.text, arguments), token)

    def _check_count(self, token: _Token, count: int) -> None:
        if token.text in {"min", "max"} and count < 2:
            self._fail(token, f"{token.text} needs two arguments or more, got {count}")
        if token.text in {"log", "sqrt"} and count != 1:
            self._fail(token, f"{token.text} needs one argument, got {count}")

    def _admit(self, value: sympy.Expr, token: _Token) -> sympy.Expr:
        """Pass a result on if it is a real number of bearable size for some values of the symbols."""
        if value.has(*_UNDEFINED) or any(_is_complex(power) for power in value.atoms(sympy.Pow)):
            self._fail(token, f"{shown(token.text)} gives no real number")
        if not value.free_symbols and math.isnan(number_value(value)):
            self._fail(token, f"{shown(token.text)} gives no real number")
        if any(_bits(number) > MAX_BITS for number in value.atoms(sympy.Rational)):
            self._fail(token, f"number of more than {MAX_BITS} bits")
        return value


def _bits(number: sympy.Rational) -> int:
    """Count the bits of the longer of numerator and denominator."""
    return max(int(number.p).bit_length(), int(number.q).bit_length())


def _is_complex(power: sympy.Pow) -> bool:
    """Say whether this is a root of a negative number."""
    negative = power.base.is_Rational and power.base < 0
    return bool(negative and power.exp.is_Rational and not power.exp.is_Integer)


def _raise(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    """Raise to a power, but let SymPy simplify only where that is cheap."""
    if exponent.is_Integer or base in {0, 1}:
        return base**exponent
    if base.is_Rational:
        costly = exponent.is_Rational and exponent.q > MAX_ROOT
    else:
        costly = isinstance(base, sympy.Pow | sympy.Mul) and not _is_monomial(base)
    return (Kept(base) if costly else base) ** exponent


def _is_monomial(expression: sympy.Expr) -> bool:
    """Say whether an expression is a product of numbers and of powers of positive symbols."""
    nodes = sympy.preorder_traversal(expression)
    return all(
        node.is_Rational or node.is_Mul or node.is_Pow or (node.is_Symbol and node.is_positive) for node in nodes
    )


def _apply(name: str, arguments: list[sympy.Expr]) -> sympy.Expr:
    """Apply a function of the language."""
    if name in {"log", "sqrt"}:
        return sympy.log(arguments[0]) if name == "log" else _raise(arguments[0], sympy.S.Half)
    if all(argument.is_Rational for argument in arguments):
        return min(arguments) if name == "min" else max(arguments)
    different = list(dict.fromkeys(arguments))
    if len(different) == 1:
        return different[0]
    return (Minimum if name == "min" else Maximum)(*different)
