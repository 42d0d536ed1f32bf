"""What a theorem says at a point: its bounds, and how demanding a constant its conditions can have there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theory import Statement


def bound_columns(statement: Statement, d_eff: float = math.inf, **values: float) -> dict[str, float]:
    """Evaluate a statement about n samples at a point.

    Args:
        statement: the statement.
        d_eff: effective dimension of the inputs.
        **values: eps, delta, n, d and further symbols; those that the statement does not have are left out.

    Returns:
        `lower_bound`, `upper_bound` and `largest_constant`, the largest C with which all conditions n ≥ C f and
        d_eff ≥ C f are met: the theorem speaks about this point if its unknown constants are below.
    """
    known = {name: value for name, value in {**values, "d_eff": d_eff}.items() if name in statement.symbols}
    known = {name: value for name, value in known.items() if math.isfinite(value)}
    lower, upper = statement.bounds(**known)
    demands = [(values["n"], f) for f in statement.evaluate("sample_size", **known)]
    demands += [(d_eff, f) for f in statement.evaluate("dimension", **known)]
    largest = min((float(had / f) if f > 0 else math.inf for had, f in demands), default=math.inf)
    return {"lower_bound": lower, "upper_bound": upper, "largest_constant": largest}
