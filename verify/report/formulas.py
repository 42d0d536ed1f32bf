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
    "A1": "A₁",
    "A2": "A₂",
    "beta": "β",
    "alpha": "α",
    "lambda_k": "λ_k",
    "lambda_next": "λ_{k+1}",
    "D": "D_k",
    "u_squared": "|u|²",
    "v_squared": "|v|²",
}
_QUANTITIES = {
    "mean_deviation": "|(1/n)Σ Xᵢ|",
    "quadratic_form": "xᵀAx − E xᵀAx",
    "covariance_error": "‖Ŝ − I‖",
    "fourth_moment_deviation": "|(1/n)Σ aᵢ²bᵢ² − E a²b²|",
    "fixed_direction_error": "‖(1/n)Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖",
    "squared_inner_product": "(u·v)²",
    "squared_length": "‖xᵢ‖²/Tr S, xᵢᵀSxᵢ/Tr S²",
    "row_sum": "aᵢ/A",
    "variance_ratio": "uᵀŜu/uᵀSu",
    "uniform_moment_error": "max |(1/n)Σ (u·zᵢ)²(v·zᵢ)² − (1 + 2(u·v)²)|",
    "moment": "E[(u·x)²(v·x)²]",
    "population_g": "g",
    "population_g_centred": "g_centred",
    "mu": "μ(θ)",
    "g_fixed": "g(θ; v_k)",
    "g_eigen": "g_centred(θ; uᵢ)",
    "flat_to_sharp": "D_k(t)",
    "loss_growth": "E L(t + 1)/E L(t)",
    "parameter_ratio": "P_k",
    "stability_threshold": "η*‖G‖_F",
    "threshold_sum": "Σᵢ η*λᵢ/(2 − η*λᵢ)",
    "flat_to_sharp_gd": "D_k(t)",
}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def readable(expression: str) -> str:
    """Write an expression of the statements' language in the signs of a paper.

    Args:
        expression: such as "(3 + eps)/(1 - eps)**2".

    Returns:
        Such as "(3 + ε)/(1 − ε)²"; cases as "{ 0 where t < 1; 1/t otherwise }".
    """
    if parts := _parts_of_where(expression):
        return _cases(parts)
    text = re.sub(r"([A-Za-z_]\w*)(\s*\*\*)?", _renamed, expression)
    text = re.sub(r"\*\*(\d+)(?![\d.])", lambda match: match.group(1).translate(_SUPERSCRIPTS), text)
    text = text.replace(">=", "≥").replace("<=", "≤")
    return text.replace("**", "^").replace("*", "·").replace("-", "−")


def _parts_of_where(expression: str) -> list[str]:
    """Split where(condition, then, otherwise) into its three parts; nothing for any other expression."""
    if not (expression.startswith("where(") and expression.endswith(")")):
        return []
    parts, depth = [""], 0
    for sign in expression[len("where(") : -1]:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            return []
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _cases(parts: list[str]) -> str:
    """Write a chain of cases in one line."""
    lines = []
    while parts:
        condition, then, otherwise = parts
        lines.append(f"{readable(then)} where {readable(condition)}")
        parts = _parts_of_where(otherwise)
    return "{ " + "; ".join([*lines, f"{readable(otherwise)} otherwise"]) + " }"


def _renamed(match: re.Match[str]) -> str:
    """Write a name in its sign; products and squares need parentheses under a power."""
    name, power = match.group(1), match.group(2) or ""
    sign = _NAMES.get(name, name)
    return f"({sign}){power}" if power and ("ᵀ" in sign or "²" in sign) else f"{sign}{power}"


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
