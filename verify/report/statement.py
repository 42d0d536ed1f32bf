"""A statement of the theory as text or JSON, with its proof as it was run."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from verify.report import formulas
from verify.report.wording import PROVENANCE

if TYPE_CHECKING:
    from theory import Statement, StepResult

_WIDTH = 100


def listing(statements: Sequence[Statement]) -> str:
    """List statements, one line each.

    Args:
        statements: the statements.

    Returns:
        Id, kind, title and claim, in columns.
    """
    rows = [
        (statement.id, statement.kind, statement.title, formulas.claim_text(statement.to_dict()))
        for statement in statements
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{'  '.join(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True))}  {row[3]}" for row in rows
    ]
    return "\n".join(lines) + "\n"


def listing_json(statements: Sequence[Statement]) -> str:
    """List statements as JSON.

    Args:
        statements: the statements.

    Returns:
        An array of everything that each statement says of itself.
    """
    return _json([statement.to_dict() for statement in statements])


def page(statement: Statement, steps: Sequence[StepResult]) -> str:
    """Show one statement.

    Args:
        statement: the statement.
        steps: its proof's steps, executed.

    Returns:
        The page, with a final newline.
    """
    described = statement.to_dict()
    marks = described["provenance"]
    parts = [
        f"{statement.kind.capitalize()} {statement.id}: {statement.title}",
        _wrapped(statement.summary, ""),
        f"    {formulas.claim_text(described)}\n"
        + "".join(f"      {line}\n" for line in formulas.conditions(described)),
        _list("Assumed", statement.hypotheses),
        _list("Symbols, as --replace takes them", [f"{name}: {text}" for name, text in statement.symbols.items()]),
        _wrapped(f"Source: {statement.source}", ""),
        _wrapped(f"Provenance: {', '.join(f'{part} [{mark}]' for part, mark in marks.items())}.", "")
        + "".join(f"  [{mark}] {PROVENANCE[mark]}\n" for mark in sorted(set(marks.values())))
        + _wrapped(statement.provenance_note, "  "),
        _list("Controls, which must be refuted", [_control(control) for control in described["controls"]]),
        _list("Proof, executed now", [_step(step) for step in steps]),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def page_json(statement: Statement, steps: Sequence[StepResult]) -> str:
    """Describe one statement as JSON.

    Args:
        statement: the statement.
        steps: its proof's steps, executed.

    Returns:
        Everything the statement says of itself, its LaTeX, and what became of each step of its proof.
    """
    proof = [
        {
            "title": step.title,
            "status": str(step.status),
            "claimed": str(step.claimed),
            "note": step.note,
            "error": step.error,
        }
        for step in steps
    ]
    return _json({**statement.to_dict(), "latex": statement.latex(), "proof": proof})


def _control(control: dict[str, Any]) -> str:
    changes = "; ".join(f"{name} → {_value(value)}" for name, value in control["changes"].items())
    return f"{control['id']}: {changes}. {control['reason'][:1].upper()}{control['reason'][1:]}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(entry) for entry in value) or "no condition"
    return "none" if value is None else formulas.readable(str(value))


def _step(step: StepResult) -> str:
    note = f" ({step.note})" if step.note else ""
    error = f": {step.error}" if step.error else ""
    return f"{step.status}{error}: {step.title}{note}"


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    return f"{title}:\n" + "".join(_wrapped(item, "    ", "  - ") for item in items)


def _wrapped(text: str, indent: str, first: str | None = None) -> str:
    if not text:
        return ""
    filled = textwrap.fill(text, _WIDTH, initial_indent=indent if first is None else first, subsequent_indent=indent)
    return filled + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
