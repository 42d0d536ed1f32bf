"""How a statement is written down: one line of text, LaTeX, and values for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from theory._notation import expression_latex, expression_text
from theory._quantities import QUANTITIES

if TYPE_CHECKING:
    from theory._statement import Statement

_ESCAPES = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "^": r"\textasciicircum{}"}
_ESCAPES |= {character: f"\\{character}" for character in "&%$#_"}
_MATHS = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "η": r"\eta", "θ": r"\theta",
    "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "ρ": r"\rho", "σ": r"\sigma", "Σ": r"\Sigma", "∇": r"\nabla",
    "ℝ": r"\mathbb{R}",
    "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "∈": r"\in", "∞": r"\infty", "→": r"\to", "±": r"\pm",
    "·": r"\cdot", "×": r"\times", "−": "-", "‖": r"\|", "√": r"\surd", "⟨": r"\langle", "⟩": r"\rangle",
    "²": "^2", "³": "^3", "⁴": "^4", "⁸": "^8", "ᵀ": r"^\top", "⁻": "^-", "½": r"\tfrac12",
    "₀": "_0", "₁": "_1", "₂": "_2", "ᵢ": "_i", "ⱼ": "_j", "ₖ": "_k", "ₙ": "_n",
    "~": r"\sim", "…": r"\ldots", "Ŝ": r"\hat S", "★": r"\star",
}  # fmt: skip
_TYPOGRAPHY = {"–": "--", "—": "---", "’": "'", "“": "``", "”": "''", "é": r"\'e", "ö": r"\"o"}


def field_text(value: Any) -> str:
    """Write the value of any field on one line.

    Args:
        value: an expression, a text, None, or a tuple of these.

    Returns:
        One line.
    """
    if isinstance(value, tuple):
        return "; ".join(field_text(entry) for entry in value) or "no condition"
    if value is None:
        return "none"
    return expression_text(value) if isinstance(value, sympy.Basic) else str(value)


def claim_text(statement: Statement) -> str:
    """Write what is claimed on one line.

    Args:
        statement: the statement.

    Returns:
        The quantity between its bounds.
    """
    quantity = QUANTITIES[statement.quantity].text
    if statement.lower is not None and statement.lower == statement.upper:
        return f"{quantity} = {expression_text(statement.lower)}"
    left = "" if statement.lower is None else f"{expression_text(statement.lower)} ≤ "
    right = "" if statement.upper is None else f" ≤ {expression_text(statement.upper)}"
    return f"{left}{quantity}{right}"


def latex(statement: Statement) -> str:
    """Write a statement as a LaTeX fragment.

    Args:
        statement: the statement.

    Returns:
        The fragment, in ASCII.
    """
    lines = [
        rf"\paragraph{{{latex_text(f'{statement.kind.capitalize()} {statement.id}')} ({latex_text(statement.title)}).}}"
    ]
    if statement.hypotheses:
        items = [rf"  \item {latex_text(hypothesis)}" for hypothesis in statement.hypotheses]
        lines += [r"Assume", r"\begin{itemize}", *items, r"\end{itemize}"]
    lines += [*_conditions(statement), r"\[", f"  {_claim(statement)}.", r"\]"]
    if statement.change_note:
        lines.append(rf"\emph{{Altered: {latex_text(statement.change_note)}.}}")
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Escape plain text for LaTeX, its mathematical characters included.

    Args:
        text: any text.

    Returns:
        The text for use outside formulas.
    """
    pieces = []
    for character in text:
        if character in _MATHS:
            pieces.append(rf"\ensuremath{{{_based(_MATHS[character])}}}")
        else:
            pieces.append({**_ESCAPES, **_TYPOGRAPHY}.get(character, character))
    return "".join(pieces)


def to_dict(statement: Statement) -> dict[str, Any]:
    """Describe a statement in values that JSON can hold.

    Args:
        statement: the statement.

    Returns:
        Its fields by name.
    """
    plain = ("id", "title", "kind", "source", "provenance_note", "summary", "quantity", "constants", "base", "altered")
    described: dict[str, Any] = {name: getattr(statement, name) for name in (*plain, "change_note")}
    described |= {name: dict(getattr(statement, name)) for name in ("provenance", "symbols")}
    described["hypotheses"] = list(statement.hypotheses)
    for name in ("lower", "upper", "probability"):
        value = getattr(statement, name)
        described[name] = None if value is None else expression_text(value)
    for name in ("sample_size", "dimension"):
        described[name] = [expression_text(entry) for entry in getattr(statement, name)]
    described["controls"] = [
        {"id": control.id, "reason": control.reason, "changes": {k: _plain(v) for k, v in control.changes.items()}}
        for control in statement.controls
    ]
    steps = statement.proof.steps if statement.proof else ()
    described["proof"] = [{"title": step.title, "status": str(step.status), "note": step.note} for step in steps]
    return described


def _plain(value: Any) -> Any:
    """Write the value of a control's change as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return expression_text(value) if isinstance(value, sympy.Basic) else value


def _based(formula: str) -> str:
    """Give an exponent or index an empty base, since its own base lies outside the formula."""
    return "{}" + formula if formula[0] in "^_" else formula


def _conditions(statement: Statement) -> list[str]:
    """Write the conditions on n and d_eff, and the probability."""
    symbols = [(r"n", entry) for entry in statement.sample_size]
    symbols += [(r"d_{\mathrm{eff}}", entry) for entry in statement.dimension]
    constant = {"none": "{}", "absolute": "C"}.get(statement.constants)
    parts = []
    for index, (name, entry) in enumerate(symbols, start=1):
        factor = constant or rf"C_{{{index}}}(\varepsilon)"
        parts.append(rf"  {name} &\ge {factor}\, {expression_latex(entry)}")
    lines = []
    if parts:
        lines = ["If", r"\begin{align*}", ",\\\\\n".join(parts) + ",", r"\end{align*}"]
    if statement.probability is not None:
        lines.append(rf"then with probability at least ${expression_latex(statement.probability)}$")
    elif parts:
        lines.append("then")
    return lines


def _claim(statement: Statement) -> str:
    """Write the bounds around the quantity."""
    quantity = QUANTITIES[statement.quantity].latex
    if statement.lower is not None and statement.lower == statement.upper:
        return f"{quantity} = {expression_latex(statement.lower)}"
    left = "" if statement.lower is None else rf"{expression_latex(statement.lower)} \le "
    right = "" if statement.upper is None else rf" \le {expression_latex(statement.upper)}"
    return f"{left}{quantity}{right}"
