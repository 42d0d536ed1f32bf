"""The catalogue: one file per result, each built the first time it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from theory._errors import StatementError, shown, suggestion

if TYPE_CHECKING:
    from theory._statement import Statement

# id → module and the function in it that builds the statement, in the order in which they are listed.
_BUILDERS = {
    "E.1": ("lemma_e1", "build"),
    "E.2": ("lemma_e2", "build"),
    "E.3": ("lemma_e3", "build"),
    "E.4": ("lemma_e4", "build"),
    "E.5": ("lemma_e5", "build"),
    "E.6": ("lemma_e6", "build"),
    "C.1": ("lemma_c1", "build"),
    "C.2": ("lemma_c2", "build"),
    "C.2-centred": ("lemma_c2", "build_centred"),
    "C.3": ("lemma_c3", "build"),
    "C.4": ("lemma_c4", "build"),
    "C.5": ("lemma_c5", "build"),
    "C.6": ("lemma_c6", "build"),
    "3.2": ("theorem_3_2", "build"),
    "3.3": ("theorem_3_3", "build"),
    "3.3-star": ("conjecture_3_3_star", "build"),
    "3.5": ("theorem_3_5", "build"),
    "4.2": ("theorem_4_2", "build"),
    "4.2-lower": ("conjecture_4_2_lower", "build"),
    "4.3": ("theorem_4_3", "build"),
    "5.1": ("assumption_5_1", "build"),
    "5.2": ("theorem_5_2", "build"),
    "5.2-growth": ("theorem_5_2_growth", "build"),
    "5.2-parameters": ("lemma_5_2_parameters", "build"),
    "5.2-threshold": ("threshold_5_2", "build"),
    "5.2-threshold-sharp": ("threshold_5_2", "build_sharp"),
    "5.3": ("proposition_5_3", "build"),
}


def statement(id: str) -> Statement:
    """Return a statement of the catalogue.

    Args:
        id: its number in the paper, such as `3.3`.

    Returns:
        The statement, the same object every time.

    Raises:
        StatementError: where there is none of that id; the message suggests the nearest.

    Example:
        >>> statement("4.3").required_n(constant=[2, 1], eps=0.5, delta=0.1, d=20, K=3)
        120
    """
    if not isinstance(id, str) or id not in _BUILDERS:
        hint = suggestion(id if isinstance(id, str) else "", _BUILDERS)
        raise StatementError(f"statement: no statement {shown(id)}; {hint}")
    return _built(id)


def statements() -> list[Statement]:
    """Return every statement of the catalogue.

    Returns:
        The statements in the catalogue's order.
    """
    return [_built(id) for id in _BUILDERS]


@cache
def _built(id: str) -> Statement:
    """Build a statement once."""
    module, builder = _BUILDERS[id]
    built: Statement = getattr(import_module(f"{__name__}.{module}"), builder)()
    return built
