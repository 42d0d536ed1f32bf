"""A statement as a reader sees it, from its plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAMES = {
    "eps": "ε",
    "delta": "δ",
    "rho": "ρ",
    "uSu": "uᵀSu",
    "vSv": "vᵀSv",
    "uSv": "uᵀSv",
}
_QUANTITIES = {
    "moment": "E[(u·x)²(v·x)²]",
    "population_g": "g",
    "population_g_centred": "g_centred",
    "mu": "μ(θ)",
    "g_fixed": "g(θ; v_k)",
}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def readable(expression: str) -> str:
    """Write an expression of the statements' language in the signs of a paper.

    Args:
        expression: such as "(3 + eps)/(1 - eps)**2".

    Returns:
        Such as "(3 + ε)/(1 − ε)²".
    """
    text = re.sub(r"([A-Za-z_]\w*)(\s*\*\*)?", _renamed, expression)
    text = re.sub(r"\*\*(\d+)(?![\d./])", lambda match: match.group(1).translate(_SUPERSCRIPTS), text)
    return text.replace("**", "^").replace("*", "·").replace("-", "−")


def _renamed(match: re.Match[str]) -> str:
    """Write a name in its sign; a product of letters needs parentheses under a power."""
    name, power = match.group(1), match.group(2) or ""
    sign = _NAMES.get(name, name)
    return f"({sign}){power}" if power and "ᵀ" in sign else f"{sign}{power}"


def claim_text(statement: Mapping[str, Any]) -> str:
    """Write what a statement claims.

    Args:
        statement: its plain values, as `Statement.to_dict` gives them.

    Returns:
        Such as "1 − ε ≤ μ(θ) ≤ 1 + ε".
    """
    quantity = str(statement.get("quantity") or "")
    name = _QUANTITIES.get(quantity, quantity)
    lower, upper = statement.get("lower"), statement.get("upper")
    if lower is not None and lower == upper:
        return f"{name} = {readable(lower)}"
    left = "" if lower is None else f"{readable(lower)} ≤ "
    right = "" if upper is None else f" ≤ {readable(upper)}"
    return f"{left}{name}{right}"


def conditions(statement: Mapping[str, Any]) -> list[str]:
    """Write the conditions on which a statement claims its bounds.

    Args:
        statement: its plain values, as `Statement.to_dict` gives them.

    Returns:
        One line for each condition, the probability last.
    """
    entries = [("n", entry) for entry in statement.get("sample_size") or ()]
    entries += [("d_eff", entry) for entry in statement.get("dimension") or ()]
    constants = statement.get("constants")
    lines = []
    for index, (name, entry) in enumerate(entries, start=1):
        number = str(index).translate(_SUBSCRIPTS)
        factor = {"none": "", "absolute": "C · "}.get(str(constants), f"C{number}(ε) · ")
        lines.append(f"{name} ≥ {factor}{readable(entry)}")
    if statement.get("probability") is not None:
        lines.append(f"with probability at least {readable(statement['probability'])}")
    return lines
