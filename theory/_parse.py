"""The small language in which bounds and conditions are written.

    sum      := product (("+" | "-") product)*
    product  := signed (("*" | "/") signed)*
    signed   := ("+" | "-") signed | power
    power    := atom ["**" signed]
    atom     := number | symbol | function "(" sum ("," sum)* ")" | "(" sum ")"
              | "where" "(" sum (">=" | ">" | "<=" | "<") sum "," sum "," sum ")"

Precedence is Python's (`-a**b` is `-(a**b)`, `**` associates to the right); numbers are exact decimals; the functions
are log, sqrt, min and max. `where(condition, then, otherwise)` distinguishes two cases by one comparison, in which no
other `where` may stand. Nothing is ever handed to an evaluator of code.

The expression is built as it stands, without SymPy's automatic simplification: that can take minutes, or all memory, on
a line of text. So every cost is linear in the length of the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple, NoReturn

import sympy

from theory._cases import COMPARISONS, Cases, piecewise
from theory._errors import StatementError, shown, suggestion
from theory._evaluate import number_value
from theory._symbols import symbol

MAX_CHARACTERS = 500
MAX_DEPTH = 50
MAX_DIGITS = 40
MAX_DECIMAL_EXPONENT = 300
MAX_POWER = 64

FUNCTIONS = ("log", "sqrt", "min", "max", "where")

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\*\*|[<>]=?|[-+*/(),])"
    r"|(?P<space>[ \t]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_OPERAND = "a number, a symbol, a function or '('"
_COMPARISON = f"a comparison ({', '.join(COMPARISONS)})"
_HINTS = {"^": "a power is written **", "=": "the comparisons are >=, >, <= and <"} | dict.fromkeys(
    COMPARISONS, "a single comparison may stand first in where(...)"
)


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
        The expression as it stands, not simplified; decimals become exact rationals.

    Raises:
        StatementError: where the text is not an expression of the language or would be too costly; the message is one
            line and names the position, what stands there and what was expected.

    Example:
        >>> parse("(1 + eps)**2", ["eps"])
        (eps + 1)**2
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
        self._comparing = False

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
        hint = f" ({_HINTS[token.text]})" if token.text in _HINTS else ""
        raise StatementError(
            f"expression {shown(self._text)}: {came} at position {token.position}; expected {expected}{hint}"
        )

    def _sum(self) -> sympy.Expr:
        terms = [self._product()]
        while token := self._take("+", "-"):
            term = self._product()
            terms.append(term if token.text == "+" else _negative(term))
        return self._join(sympy.Add, terms)

    def _product(self) -> sympy.Expr:
        factors = [self._signed()]
        while token := self._take("*", "/"):
            factor = self._signed()
            if token.text == "/":
                if _constant(factor) == 0:
                    self._fail(token, "division by zero")
                factor = sympy.Pow(factor, -1, evaluate=False)
            factors.append(factor)
        return self._join(sympy.Mul, factors)

    def _join(self, operation: type[sympy.Expr], operands: list[sympy.Expr]) -> sympy.Expr:
        """Add or multiply, in the order in which the operands stand."""
        if len(operands) == 1:
            return operands[0]
        return self._admit(operation(*operands, evaluate=False), self._tokens[self._index - 1])

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
            value = operand if token.text == "+" else _negative(operand)
        self._depth -= 1
        return value

    def _power(self) -> sympy.Expr:
        base = self._atom()
        token = self._take("**")
        if token is None:
            return base
        exponent = self._signed()
        self._check_power(base, exponent, token)
        return self._admit(sympy.Pow(base, exponent, evaluate=False), token)

    def _check_power(self, base: sympy.Expr, exponent: sympy.Expr, token: _Token) -> None:
        """Refuse towers of numbers and powers of zero."""
        power = _constant(exponent)
        if power is None:
            return
        if not abs(power) <= MAX_POWER:
            self._fail(token, f"exponent beyond {MAX_POWER}")
        if _constant(base) == 0 and power < 0:
            self._fail(token, "division by zero")

    def _atom(self) -> sympy.Expr:
        token = self._next
        if token.kind == "number":
            self._index += 1
            return self._number(token)
        if token.kind == "name":
            self._index += 1
            if token.text == "where":
                return self._where(token)
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

    def _where(self, token: _Token) -> sympy.Expr:
        if self._comparing:
            self._fail(token, "where within the condition of another")
        self._expect("(", "'(' after where")
        self._comparing = True
        left = self._sum()
        comparison = self._take(*COMPARISONS)
        if comparison is None:
            self._unexpected(f"an operator or {_COMPARISON}")
        right = self._sum()
        self._comparing = False
        self._expect(",", "an operator or ','")
        then = self._sum()
        self._expect(",", "an operator or ','")
        otherwise = self._sum()
        self._expect(")", "an operator or ')'")
        return self._admit(piecewise(Cases(left, comparison.text, right, then, otherwise)), token)

    def _call(self, token: _Token) -> sympy.Expr:
        self._expect("(", f"'(' after {token.text}")
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._expect(")", "an operator, ',' or ')'")
        self._check_count(token, len(arguments))
        different = list(dict.fromkeys(arguments))
        if token.text in {"min", "max"} and len(different) == 1:
            return different[0]
        functions = {"log": sympy.log, "min": sympy.Min, "max": sympy.Max}
        if token.text == "sqrt":
            return self._admit(sympy.Pow(arguments[0], sympy.S.Half, evaluate=False), token)
        return self._admit(functions[token.text](*different, evaluate=False), token)

    def _check_count(self, token: _Token, count: int) -> None:
        if token.text in {"min", "max"} and count < 2:
            self._fail(token, f"{token.text} needs two arguments or more, got {count}")
        if token.text in {"log", "sqrt"} and count != 1:
            self._fail(token, f"{token.text} needs one argument, got {count}")

    def _admit(self, value: sympy.Expr, token: _Token) -> sympy.Expr:
        """Pass a result on unless it is a constant that is no finite real number."""
        constant = _constant(value)
        if constant is not None and not math.isfinite(constant):
            problem = "no real number" if math.isnan(constant) else "an infinite or too large number"
            self._fail(token, f"{problem} comes out")
        return value


def _constant(value: sympy.Expr) -> float | None:
    """Return the value of an expression without symbols."""
    return None if value.free_symbols else number_value(value)


def _negative(value: sympy.Expr) -> sympy.Expr:
    """Change the sign, in the number itself where it is one."""
    return -value if value.is_Rational else sympy.Mul(-1, value, evaluate=False)
