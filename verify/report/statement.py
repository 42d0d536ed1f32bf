"""A statement of the theory as text or JSON, with its proof as it was run; and the list of all."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from verify.report import formulas
from verify.report.wording import PROVENANCE

if TYPE_CHECKING:
    from theory import Graph, Statement, StepResult

_WIDTH = 100
GROUPS = (
    ("E.", "Tools: concentration and linear algebra (Appendix E)"),
    ("C.", "Lemmas on Gaussian inputs (Appendix C)"),
    ("3.", "The size of the noise: loss alignment (Section 3)"),
    ("4.", "The shape of the noise: directional alignment (Section 4)"),
    ("5.", "Escape from a minimum (Section 5)"),
    ("", "Other statements"),
)
"""Beginnings of ids, and what the statements with them have in common; the first that fits counts."""


def grouped(statements: Sequence[Statement]) -> list[tuple[str, list[Statement]]]:
    """Sort statements into the groups in which a reader looks for them.

    Args:
        statements: the statements.

    Returns:
        For each group that has any its title and its statements, in their order.
    """
    found: dict[str, list[Statement]] = {title: [] for _, title in GROUPS}
    for statement in statements:
        title = next(title for start, title in GROUPS if statement.id.startswith(start))
        found[title].append(statement)
    return [(title, members) for title, members in found.items() if members]


def claim_text(statement: Statement) -> str:
    """Write what a statement claims on one line.

    Args:
        statement: the statement.

    Returns:
        Such as "1 − ε ≤ μ(θ) ≤ 1 + ε".
    """
    import theory

    return "; ".join(theory.chains_text(statement.claim()))


def listing(statements: Sequence[Statement]) -> str:
    """List statements in groups, one line each.

    Args:
        statements: the statements.

    Returns:
        Id, kind, title, claim and what each rests on, in columns.
    """
    rows = {statement.id: (statement.id, statement.kind, statement.title) for statement in statements}
    widths = [max(len(row[column]) for row in rows.values()) for column in range(3)]
    blocks = []
    for title, members in grouped(statements):
        lines = [title]
        for statement in members:
            cells = [cell.ljust(width) for cell, width in zip(rows[statement.id], widths, strict=True)]
            arrow = f"  ← {', '.join(statement.depends_on)}" if statement.depends_on else ""
            lines.append(f"  {'  '.join(cells)}  {claim_text(statement)}{arrow}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def listing_json(statements: Sequence[Statement]) -> str:
    """List statements as JSON.

    Args:
        statements: the statements.

    Returns:
        An array of everything that each statement says of itself, what it depends on included.
    """
    return as_json([statement.to_dict() for statement in statements])


def page(statement: Statement, steps: Sequence[StepResult], graph: Graph | None = None) -> str:
    """Show one statement.

    Args:
        statement: the statement.
        steps: its proof's steps, executed.
        graph: which statement rests on which, to say what needs this one; None where that is not asked for.

    Returns:
        The page, with a final newline.
    """
    import theory

    described = theory.fields_dict(statement)
    marks = described["provenance"]
    parts = [
        f"{statement.kind.capitalize()} {statement.id}: {statement.title}",
        _wrapped(statement.summary, ""),
        _wrapped(claim_text(statement), "      ", "    ")
        + "".join(f"      {line}\n" for line in formulas.conditions(described)),
        _list("Assumed", statement.hypotheses),
        _list("Symbols, as --replace takes them", [f"{name}: {text}" for name, text in statement.symbols.items()]),
        _wrapped(f"Source: {statement.source}", ""),
        _wrapped(f"Provenance: {', '.join(f'{part} [{mark}]' for part, mark in marks.items())}.", "")
        + "".join(f"  [{mark}] {PROVENANCE[mark]}\n" for mark in sorted(set(marks.values())))
        + _wrapped(statement.provenance_note, "  "),
        _dependencies(statement, graph),
        _list("Controls, which must be refuted", [_control(control) for control in described["controls"]]),
        _proof(statement, steps),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def page_json(statement: Statement, steps: Sequence[StepResult], graph: Graph | None = None) -> str:
    """Describe one statement as JSON.

    Args:
        statement: the statement.
        steps: its proof's steps, executed.
        graph: which statement rests on which; None where that is not asked for.

    Returns:
        Everything the statement says of itself, its LaTeX, what needs it, its explicit constants, and what became of
        each step of its proof.
    """
    import theory

    more: dict[str, Any] = {"latex": statement.latex(), "proof": [theory.step_dict(step) for step in steps]}
    constants = statement.given_constants()
    more["explicit_constants"] = [theory.formula_text(constant) for constant in constants]
    if graph is not None:
        more["needed_by"] = list(graph.needed_by(statement.id))
    return as_json({**statement.to_dict(), **more})


def as_json(value: Any) -> str:
    """Write a value as JSON.

    Args:
        value: what JSON can hold.

    Returns:
        The text, with a final newline.
    """
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def control_text(control: dict[str, Any]) -> str:
    """Say what a false variant changes.

    Args:
        control: the control, as `Statement.to_dict` describes it.

    Returns:
        Such as "lower → (1 − ε)·5/4".
    """
    return "; ".join(f"{name} → {_value(value)}" for name, value in control["changes"].items())


def _control(control: dict[str, Any]) -> str:
    reason = control["reason"]
    return f"{control['id']}: {control_text(control)}. {reason[:1].upper()}{reason[1:]}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(entry) for entry in value) or "no condition"
    return "none" if value is None else formulas.readable(str(value))


def _dependencies(statement: Statement, graph: Graph | None) -> str:
    """Say what a statement rests on, and what rests on it."""
    lines = ""
    if statement.depends_on:
        lines += _wrapped(f"Rests on: {', '.join(statement.depends_on)}", "  ", "")
    if graph is not None and (users := graph.needed_by(statement.id)):
        lines += _wrapped(f"Needed by: {', '.join(users)}", "  ", "")
    return lines


def _proof(statement: Statement, steps: Sequence[StepResult]) -> str:
    """Write the steps, each with its formulas and what it rests on."""
    if not steps:
        return ""
    import theory

    lines = f"Proof, executed now: {theory.tally(steps)}\n"
    for number, (first, *rest) in enumerate(theory.proof_lines(statement, steps), start=1):
        lines += _wrapped(first, "      ", f"{number:>4}. ")
        lines += "".join(_wrapped(line, "          ", "      ") for line in rest)
    if constants := statement.given_constants():
        lines += "\n" + _wrapped(f"Constants: {', '.join(map(theory.formula_text, constants))}", "  ", "")
    return lines


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    return f"{title}:\n" + "".join(_wrapped(item, "    ", "  - ") for item in items)


def _wrapped(text: str, indent: str, first: str | None = None) -> str:
    if not text:
        return ""
    indented = len(text) - len(text.lstrip())
    start = (indent if first is None else first) + " " * indented
    return textwrap.fill(text.strip(), _WIDTH, initial_indent=start, subsequent_indent=indent) + "\n"
