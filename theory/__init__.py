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
    from theory._inequalities import is_nonnegative
    from theory._parse import parse
    from theory._proof import Proof, Step, StepResult, StepStatus
    from theory._replacement import parse_replacement
    from theory._statement import Control, Statement
    from theory.catalogue import statement, statements

__all__ = [
    "Control",
    "Proof",
    "Statement",
    "StatementError",
    "Step",
    "StepResult",
    "StepStatus",
    "is_nonnegative",
    "parse",
    "parse_replacement",
    "statement",
    "statements",
]

_HOMES = {
    "Control": "_statement",
    "Proof": "_proof",
    "Statement": "_statement",
    "StatementError": "_errors",
    "Step": "_proof",
    "StepResult": "_proof",
    "StepStatus": "_proof",
    "is_nonnegative": "_inequalities",
    "parse": "_parse",
    "parse_replacement": "_replacement",
    "statement": "catalogue",
    "statements": "catalogue",
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
