"""Facts as a reader sees them: relations between any expressions of a proof, in LaTeX and as one line of text.

The writers of `theory._notation` know the language of the statements; a proof has more: sums over samples, entries of
vectors, distinctions of many cases, exponentials, logical conditions. Nothing is evaluated to write it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy
from sympy.core.relational import Relational

from theory._facts import Formulas
from theory._notation import _ATOM, _BRACE, _POWER, _PRODUCT, _SUM, _Latex, _Text, _Written
from theory._notation import _signed as _sign_and_factors
from theory._plain import lowered, plain, raised
from theory._quantities import QUANTITIES
from theory._symbols import latex_names

_SIGNS = {
    sympy.Equality: ("=", "="),
    sympy.Unequality: (r"\ne", "≠"),
    sympy.LessThan: (r"\le", "≤"),
    sympy.GreaterThan: (r"\ge", "≥"),
    sympy.StrictLessThan: ("<", "<"),
    sympy.StrictGreaterThan: (">", ">"),
}
_CHAINED = (sympy.Equality, sympy.LessThan, sympy.StrictLessThan)
_FUNCTIONS = {"log": "log", "Min": "min", "Max": "max", "exp": "exp", "cosh": "cosh", "sinh": "sinh", "gamma": "Γ"}
_FUNCTIONS |= {"tanh": "tanh", "erf": "erf", "erfc": "erfc"}
_KNOWN_TO_LATEX = {"log", "min", "max", "exp", "cosh", "sinh", "tanh"}
_BRACKETS = {"Abs": ("|", "|"), "ceiling": ("⌈", "⌉"), "floor": ("⌊", "⌋")}
_LATEX_BRACKETS = {"|": "|", "⌈": r"\lceil", "⌉": r"\rceil", "⌊": r"\lfloor", "⌋": r"\rfloor"}
_BIG = {sympy.Sum: ("\\sum", "Σ"), sympy.Product: ("\\prod", "Π")}
_CONSTANTS = {sympy.S.Infinity: (r"\infty", "∞"), sympy.S.NegativeInfinity: (r"-\infty", "−∞")}
_CONSTANTS |= {sympy.S.Pi: (r"\pi", "π"), sympy.S.Exp1: ("e", "e"), sympy.S.true: (r"\text{true}", "true")}
_CONSTANTS |= {sympy.S.false: (r"\text{false}", "false")}
# Letters that stand for themselves; longer names that are no Greek letters are words.
_NUMBERED = re.compile(r"[A-Za-z]_?\d+")
_INDEXED = re.compile(r"[A-Za-z]_[A-Za-z]{1,2}")


class _More(_Text, ABC):
    """What both writers add to the language of the statements; the writing differs, the walk does not."""

    place = 0

    def write(self, node: Any) -> _Written:
        """Write one node after its arguments."""
        if node in _CONSTANTS:
            return _Written(_CONSTANTS[node][self.place], _ATOM)
        if isinstance(node, sympy.Symbol):
            return self.notation(node.name)
        if isinstance(node, Relational):
            return _Written(self.relation(node), _BRACE)
        if isinstance(node, sympy.And | sympy.Or):
            return self.joint(node)
        if isinstance(node, sympy.Piecewise):
            return self.branches(node)
        if isinstance(node, sympy.Indexed):
            return self.entry(node)
        if type(node) in _BIG:
            return self.big(node)
        if isinstance(node, sympy.Integral):
            return self.integral(node)
        if isinstance(node, sympy.factorial):
            return _Written(f"{self.inside(node.args[0], _ATOM)}!", _POWER)
        return super().write(node)

    def joint(self, node: Any) -> _Written:
        """Write what holds together, or one of which holds."""
        word = "and" if isinstance(node, sympy.And) else "or"
        between = (rf" \text{{ {word} }} ", f" {word} ")[self.place]
        return _Written(between.join(self.write(part).text for part in node.args), _BRACE)

    @abstractmethod
    def bracketed(self, left: str, text: str, right: str) -> str:
        """Write brackets around what they enclose."""

    @abstractmethod
    def entry(self, node: sympy.Indexed) -> _Written:
        """Write an entry of a vector or a matrix."""

    @abstractmethod
    def big(self, node: Any) -> _Written:
        """Write a sum or a product over an index."""

    @abstractmethod
    def integral(self, node: sympy.Integral) -> _Written:
        """Write an integral."""

    @abstractmethod
    def branches(self, node: sympy.Piecewise) -> _Written:
        """Write a distinction of cases."""

    @abstractmethod
    def foreign(self, node: Any) -> _Written:
        """Write what only SymPy's own printers know."""

    def relation(self, node: Relational) -> str:
        """Write both sides with the sign between them."""
        sign = _SIGNS[type(node)][self.place]
        return f"{self.write(node.lhs).text} {sign} {self.write(node.rhs).text}"

    def notation(self, name: str) -> _Written:
        """Write a symbol, and say how loosely its own notation holds together."""
        text = self.symbol(name)
        return _Written(text, _level(text))

    def _sum(self, terms: Sequence[Any]) -> _Written:
        """Write the terms, one with a plus sign first where there is one."""
        negative = [_sign_and_factors(term)[0] == "-" for term in terms]
        if negative[0] and not all(negative):
            terms = [term for _, term in sorted(zip(negative, terms, strict=True), key=lambda pair: pair[0])]
        return super()._sum(terms)

    def _call(self, node: Any) -> _Written:
        """Write a function, known or not."""
        name = type(node).__name__
        if name in _BRACKETS:
            left, right = _BRACKETS[name]
            return _Written(self.bracketed(left, self.write(node.args[0]).text, right), _ATOM)
        arguments = [self.write(argument).text for argument in node.args]
        if name in _FUNCTIONS:
            return _Written(self.function(_FUNCTIONS[name], arguments), _ATOM)
        if isinstance(node, sympy.core.function.AppliedUndef):
            return _Written(f"{self.symbol(name)}{self.parentheses(', '.join(arguments))}", _ATOM)
        return self.foreign(node)


class _FactLatex(_More, _Latex):
    """Writes the formulas of facts in LaTeX."""

    place = 0

    def symbol(self, name: str) -> str:
        return _symbol_latex(name)

    def inside(self, node: Any, level: int) -> str:
        return self.closed(self.write(node), level)

    def joined(self, factors: list[_Written]) -> str:
        # Two numbers side by side would read as one.
        text = super().joined(factors)
        return re.sub(r"(?<=\d)\\, (?=\d)", r" \\cdot ", text)

    def function(self, name: str, arguments: list[str]) -> str:
        command = rf"\{name}" if name in _KNOWN_TO_LATEX else r"\Gamma" if name == "Γ" else rf"\operatorname{{{name}}}"
        return f"{command}{self.parentheses(', '.join(arguments))}"

    def bracketed(self, left: str, text: str, right: str) -> str:
        return rf"\left{_LATEX_BRACKETS[left]} {text} \right{_LATEX_BRACKETS[right]}"

    def entry(self, node: sympy.Indexed) -> _Written:
        base = self.symbol(str(node.base.label))
        indices = ", ".join(self.write(index).text for index in node.indices)
        return _Written(f"{{{base}}}_{{{indices}}}" if len(base) > 1 else f"{base}_{{{indices}}}", _ATOM)

    def big(self, node: Any) -> _Written:
        below = [_limits(limit) for limit in node.limits]
        signs = ""
        for index, first, last in below:
            if first is None:
                signs += f"{_BIG[type(node)][0]}_{{{self.write(index).text}}} "
            else:
                low, high = self.write(first).text, self.write(last).text
                signs += f"{_BIG[type(node)][0]}_{{{self.write(index).text} = {low}}}^{{{high}}} "
        return _Written(signs + self.inside(node.function, _PRODUCT), _SUM)

    def integral(self, node: sympy.Integral) -> _Written:
        signs, ends = "", ""
        for index, first, last in map(_limits, node.limits):
            low, high = ("", "") if first is None else (self.write(first).text, self.write(last).text)
            signs += rf"\int_{{{low}}}^{{{high}}} " if first is not None else r"\int "
            ends += rf"\, d{self.write(index).text}"
        return _Written(signs + self.inside(node.function, _PRODUCT) + ends, _SUM)

    def branches(self, node: sympy.Piecewise) -> _Written:
        lines = []
        for value, condition in _cases(node):
            when = r"\text{otherwise}" if condition is sympy.true else rf"\text{{if }} {self.write(condition).text}"
            lines.append(f"{self.write(value).text} & {when}")
        return _Written(r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}", _BRACE)

    def foreign(self, node: Any) -> _Written:
        names = {free: _symbol_latex(free.name) for free in node.free_symbols if isinstance(free, sympy.Symbol)}
        return _Written(sympy.latex(node, symbol_names=names), _SUM)


class _FactText(_More, _Text):
    """Writes the formulas of facts on one line, in characters of Unicode."""

    place = 1
    times = "·"

    def symbol(self, name: str) -> str:
        return _symbol_text(name)

    def number(self, value: sympy.Rational) -> str:
        mantissa, _, exponent = super().number(value).partition("e")
        return f"{mantissa}·10{raised(exponent)}" if exponent else mantissa

    def root(self, text: str) -> str:
        return f"√({text})" if len(text) > 1 else f"√{text}"

    def power(self, base: str, exponent: Any) -> str:
        written = self.write(exponent)
        shifted = raised(written.text.replace("−", "-"))
        return f"{base}{shifted}" if not shifted.startswith("^") else f"{base}^{self.closed(written, _ATOM)}"

    def bracketed(self, left: str, text: str, right: str) -> str:
        return f"{left}{text}{right}"

    def entry(self, node: sympy.Indexed) -> _Written:
        indices = ",".join(self.write(index).text.replace(" ", "") for index in node.indices)
        return _Written(f"{self.symbol(str(node.base.label))}{lowered(indices.replace('−', '-'))}", _ATOM)

    def big(self, node: Any) -> _Written:
        signs = ""
        for index, first, last in map(_limits, node.limits):
            ends = "" if first is None else f"={self.write(first).text}…{self.write(last).text}"
            signs += f"{_BIG[type(node)][1]}_{{{self.write(index).text}{ends}}} "
        return _Written(signs + self.inside(node.function, _PRODUCT), _SUM)

    def integral(self, node: sympy.Integral) -> _Written:
        signs, ends = "", ""
        for index, first, last in map(_limits, node.limits):
            signs += "∫ " if first is None else f"∫_{{{self.write(first).text}…{self.write(last).text}}} "
            ends += f" d{self.write(index).text}"
        return _Written(signs + self.inside(node.function, _PRODUCT) + ends, _SUM)

    def branches(self, node: sympy.Piecewise) -> _Written:
        lines = []
        for value, condition in _cases(node):
            when = "otherwise" if condition is sympy.true else f"where {self.write(condition).text}"
            lines.append(f"{self.write(value).text} {when}")
        return _Written("{ " + "; ".join(lines) + " }", _ATOM)

    def foreign(self, node: Any) -> _Written:
        return _Written(sympy.sstr(node), _SUM)

    def _sum(self, terms: Sequence[Any]) -> _Written:
        return _signed(super()._sum(terms))

    def _product(self, node: Any) -> _Written:
        return _signed(super()._product(node))


def formula_latex(formula: Relational) -> str:
    r"""Write a relation in LaTeX.

    Args:
        formula: a formula of a fact, as it stands.

    Returns:
        A formula for mathematics mode; ASCII only.

    Example:
        >>> import theory
        >>> theory.formula_latex(theory.statement("3.3").claim()[1])
        '\\mu(\\theta) \\le 1 + \\varepsilon'
    """
    return _FactLatex().write(formula).text


def formula_text(formula: Relational) -> str:
    """Write a relation on one line.

    Args:
        formula: a formula of a fact, as it stands.

    Returns:
        One line, in characters of Unicode.

    Example:
        >>> import theory
        >>> theory.formula_text(theory.statement("3.3").claim()[1])
        'μ(θ) ≤ 1 + ε'
    """
    return _FactText().write(formula).text


def chains_latex(formulas: Formulas) -> list[str]:
    """Write the formulas of a fact in LaTeX, a ≤ b and b ≤ c as a ≤ b ≤ c.

    Args:
        formulas: relations, as they stand.

    Returns:
        A formula for mathematics mode for each chain of relations.
    """
    return _chains(formulas, _FactLatex())


def chains_text(formulas: Formulas) -> list[str]:
    """Write the formulas of a fact as text, a ≤ b and b ≤ c as a ≤ b ≤ c.

    Args:
        formulas: relations, as they stand.

    Returns:
        A line for each chain of relations.
    """
    return _chains(formulas, _FactText())


def _chains(formulas: Formulas, writer: _FactLatex | _FactText) -> list[str]:
    """Write relations, each that begins where the last one ended in the same formula."""
    written: list[str] = []
    before: Relational | None = None
    for formula in formulas:
        chained = before is not None and isinstance(formula, _CHAINED) and isinstance(before, _CHAINED)
        if chained and before is not None and before.args[1] == formula.args[0]:
            written[-1] += f" {_SIGNS[type(formula)][writer.place]} {writer.write(formula.args[1]).text}"
        else:
            written.append(writer.write(formula).text)
        before = formula
    return written


def _cases(node: sympy.Piecewise) -> list[tuple[Any, Any]]:
    """List values and conditions; what is distinguished in the last case needs no brace of its own."""
    *first, (value, condition) = [(value, condition) for value, condition in node.args]
    if condition is sympy.true and isinstance(value, sympy.Piecewise):
        return [*first, *_cases(value)]
    return [*first, (value, condition)]


def _limits(limit: Any) -> tuple[Any, Any, Any]:
    """Take the index of a sum and where it runs; None where it runs over everything."""
    index, *ends = limit
    return (index, *ends) if len(ends) == 2 else (index, None, None)


def _signed(written: _Written) -> _Written:
    """Write minus signs as such, and leave those of names and exponents, which are none, as they are."""
    text = written.text.replace(" - ", " − ")
    return _Written(f"−{text[1:]}" if text.startswith("-") else text, written.level)


def _symbol_latex(name: str) -> str:
    """Write a symbol's name in LaTeX: as it was registered, or as its letters say."""
    return latex_names().get(name) or _spelt(name)


@cache
def _spelt(name: str) -> str:
    """Write a name that has no notation of its own: a letter, perhaps Greek and with an index, or words."""
    known = sympy.latex(sympy.Symbol(name))
    if len(name) == 1 or known.startswith("\\") or _NUMBERED.fullmatch(name) or _INDEXED.fullmatch(name):
        return known
    words = name.replace("_", r"\ ")
    return rf"\mathrm{{{words}}}"


def _symbol_text(name: str) -> str:
    """Write a symbol's name as text."""
    return QUANTITIES[name].text if name in QUANTITIES else plain(_symbol_latex(name))


@cache
def _level(text: str) -> int:
    """Say how loosely the notation of a symbol holds together."""
    outside = re.sub(r"_\{[^{}]*\}", "", _outermost(text))
    if re.search(r"\\(max|min|sum)\b|^(max|min|Σ) |, | [-−+] |\\ ", outside):
        return _SUM
    if "/" in outside or "·" in outside or re.search(r"\\mathbb\{?E|^E", text):
        return _PRODUCT
    return _POWER if re.search(r"\^|[²³ᵀ]", outside) else _ATOM


def _outermost(text: str) -> str:
    """Return what stands outside all brackets."""
    kept, depth = "", 0
    # A norm's or an absolute value's bars close what they opened.
    opened = False
    for token in re.findall(r"\\[A-Za-z]+|\\.|.", text):
        if token in {r"\|", "‖", "|"}:
            opened = not opened
            kept += "" if opened else "x"
        elif token in {"(", "[", r"\langle", "⟨"}:
            depth += 1
        elif token in {")", "]", r"\rangle", "⟩"}:
            depth -= 1
            kept += "x" if depth == 0 and not opened else ""
        elif depth == 0 and not opened:
            kept += token
    return kept
