"""How a statement is written down: one line of text, LaTeX, Markdown, and values for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from theory._formulas import chains_latex, formula_latex
from theory._notation import expression_latex, expression_text
from theory._proof_writing import markdown_text, proof_markdown, step_dict
from theory._prose import latex_text
from theory._quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from theory._proof import StepResult
    from theory._statement import Statement


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
    return rf"\paragraph{{{latex_text(heading(statement))}.}}" + "\n" + latex_body(statement)


def heading(statement: Statement) -> str:
    """Name a statement.

    Args:
        statement: the statement.

    Returns:
        Such as "Theorem 3.3 (loss alignment of the linear model)".
    """
    return f"{statement.kind.capitalize()} {statement.id} ({statement.title})"


def latex_body(statement: Statement) -> str:
    """Write hypotheses, conditions and claim as a LaTeX fragment without a heading.

    Args:
        statement: the statement.

    Returns:
        The fragment, in ASCII.
    """
    lines = []
    if statement.hypotheses:
        items = [rf"  \item {latex_text(hypothesis)}" for hypothesis in statement.hypotheses]
        lines += [r"Assume", r"\begin{itemize}", *items, r"\end{itemize}"]
    lines += [*_conditions(statement), r"\[", f"  {_claim(statement)}.", r"\]"]
    if statement.change_note:
        lines.append(rf"\emph{{Altered: {latex_text(statement.change_note)}.}}")
    return "\n".join(lines) + "\n"


def markdown(statement: Statement, results: Sequence[StepResult] | None = None) -> str:
    """Write a statement and its proof in Markdown, with formulas in LaTeX between dollars.

    Args:
        statement: the statement.
        results: what became of each step of its proof; None where it was not run.

    Returns:
        A section: heading, summary, hypotheses, conditions, claim, provenance, dependencies, proof and controls.
    """
    lines = [f"## {markdown_text(heading(statement))}", "", markdown_text(statement.summary), ""]
    if statement.hypotheses:
        lines += ["Assume", "", *(f"- {markdown_text(hypothesis)}" for hypothesis in statement.hypotheses), ""]
    conditions = [each for field in ("sample_size", "dimension") for each in statement.conditions(field)]
    if conditions:
        lines += ["If", "", *(f"$$ {formula_latex(condition)} $$\n" for condition in conditions)]
    if statement.probability is not None:
        lines += [f"then with probability at least ${expression_latex(statement.probability)}$", ""]
    elif conditions:
        lines += ["then", ""]
    lines += [f"$$ {formula} $$\n" for formula in chains_latex(statement.claim())]
    marks = ", ".join(f"{part} [{mark}]" for part, mark in statement.provenance.items())
    lines += [f"Source: {markdown_text(statement.source)}.", ""]
    lines += [f"Provenance: {markdown_text(marks)}. {markdown_text(statement.provenance_note)}".rstrip(), ""]
    if statement.depends_on:
        lines += [f"Rests on {', '.join(statement.depends_on)}.", ""]
    lines += [proof_markdown(statement, results)] if statement.proof else []
    if statement.controls:
        lines += ["False variants, which must be refuted:", ""]
        lines += [f"- {_control_markdown(control)}" for control in fields_dict(statement)["controls"]]
    return "\n".join(lines).rstrip("\n") + "\n"


def to_dict(statement: Statement) -> dict[str, Any]:
    """Describe a statement in values that JSON can hold.

    Args:
        statement: the statement.

    Returns:
        Its fields by name, and the steps of its proof.
    """
    steps = statement.proof.steps if statement.proof else ()
    return {**fields_dict(statement), "proof": [step_dict(step) for step in steps]}


def fields_dict(statement: Statement) -> dict[str, Any]:
    """Describe a statement without its proof in values that JSON can hold.

    Args:
        statement: the statement.

    Returns:
        Its fields by name.
    """
    plain = ("id", "title", "kind", "source", "provenance_note", "summary", "quantity", "constants", "base", "altered")
    described: dict[str, Any] = {name: getattr(statement, name) for name in (*plain, "change_note")}
    described |= {name: dict(getattr(statement, name)) for name in ("provenance", "symbols")}
    described["hypotheses"] = list(statement.hypotheses)
    described["depends_on"] = list(statement.depends_on)
    for name in ("lower", "upper", "probability"):
        value = getattr(statement, name)
        described[name] = None if value is None else expression_text(value)
    for name in ("sample_size", "dimension"):
        described[name] = [expression_text(entry) for entry in getattr(statement, name)]
    described["controls"] = [
        {"id": control.id, "reason": control.reason, "changes": {k: _plain(v) for k, v in control.changes.items()}}
        for control in statement.controls
    ]
    return described


def _control_markdown(control: dict[str, Any]) -> str:
    """Say what a false variant changes, and why it is false."""
    changes = "; ".join(
        f"{name}: {'; '.join(value) or 'no condition' if isinstance(value, list) else value}"
        for name, value in control["changes"].items()
    )
    return f"`{control['id']}` ({markdown_text(changes)}): {markdown_text(control['reason'])}"


def _plain(value: Any) -> Any:
    """Write the value of a control's change as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return expression_text(value) if isinstance(value, sympy.Basic) else value


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
