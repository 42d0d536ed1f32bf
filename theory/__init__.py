"""What is claimed: the theorems as objects with bounds, conditions, proofs and false variants.

Everything public is listed in `__all__` and loaded on first use, so that importing the package costs nothing and a
program that never asks for a statement never pays for SymPy.

Example:
    >>> import theory
    >>> theory.statement("3.3").bounds(eps=0.1)
    (0.9, 1.1)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theory._errors import StatementError
    from theory._explicit import ExplicitBounds, explicit_bounds
    from theory._formulas import chains_latex, chains_text, formula_latex, formula_text
    from theory._graph import Graph, graph, graph_text
    from theory._inequalities import is_nonnegative
    from theory._parse import parse
    from theory._proof import Proof, Step, StepResult, StepStatus
    from theory._proof_writing import (
        proof_latex,
        proof_lines,
        sentence,
        step_dict,
        tally,
        used_words,
    )
    from theory._prose import latex_text, shifts
    from theory._replacement import parse_replacement
    from theory._statement import Control, Statement
    from theory._writing import fields_dict, latex_body, markdown
    from theory.catalogue import statement, statements

__all__ = [
    "Control",
    "ExplicitBounds",
    "Graph",
    "Proof",
    "Statement",
    "StatementError",
    "Step",
    "StepResult",
    "StepStatus",
    "chains_latex",
    "chains_text",
    "explicit_bounds",
    "fields_dict",
    "formula_latex",
    "formula_text",
    "graph",
    "graph_text",
    "is_nonnegative",
    "latex_body",
    "latex_text",
    "markdown",
    "parse",
    "parse_replacement",
    "proof_latex",
    "proof_lines",
    "sentence",
    "shifts",
    "statement",
    "statements",
    "step_dict",
    "tally",
    "used_words",
]

_HOMES = {
    "Control": "_statement",
    "ExplicitBounds": "_explicit",
    "Graph": "_graph",
    "Proof": "_proof",
    "Statement": "_statement",
    "StatementError": "_errors",
    "Step": "_proof",
    "StepResult": "_proof",
    "StepStatus": "_proof",
    "chains_latex": "_formulas",
    "chains_text": "_formulas",
    "explicit_bounds": "_explicit",
    "fields_dict": "_writing",
    "formula_latex": "_formulas",
    "formula_text": "_formulas",
    "graph": "_graph",
    "graph_text": "_graph",
    "is_nonnegative": "_inequalities",
    "latex_body": "_writing",
    "latex_text": "_prose",
    "markdown": "_writing",
    "parse": "_parse",
    "parse_replacement": "_replacement",
    "proof_latex": "_proof_writing",
    "proof_lines": "_proof_writing",
    "sentence": "_proof_writing",
    "shifts": "_prose",
    "statement": "catalogue",
    "statements": "catalogue",
    "step_dict": "_proof_writing",
    "tally": "_proof_writing",
    "used_words": "_proof_writing",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module the first time it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'theory' has no attribute {name!r}")
    value = getattr(import_module(f"theory.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
