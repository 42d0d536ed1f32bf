"""What the rays of an altered statement cannot see: weakenings that set in beyond the ε and n they reach.

A ray ends at ε = 0.1 and at an affordable n. A condition such as log(n/δ)/max(ε, 0.1)² equals the original's all along
it, and demands too little below. So an altered statement is compared with the one it derives from: where its conditions
weaken, or its bounds tighten, beyond the rays and not along them, nothing that was observed speaks for it there.
"""

from __future__ import annotations

import math

import numpy as np

import theory
from verify.population import ALONG_DIRECTIONS
from verify.verdict import Evidence, State

ON_RAYS = {"eps": (0.5, 0.1), "n": (1e2, 1e4)}
"""Spans that rays cover, from their first to their last point."""
BEYOND = {"eps": (0.1, 1e-4), "n": (1e5, 1e12)}
TYPICAL = {"eps": 0.2, "delta": 0.1, "n": 1e6, "d": 1e3, "d_eff": 1e3, "K": 16.0, "alpha": 0.5, "beta": 1.0}
STEEPER = 0.02
"""Difference of logarithmic slopes from which a weakening counts as one that the rays do not show."""


def untested_range(statement: theory.Statement) -> list[Evidence]:
    """Compare an altered statement with its original beyond the reach of the rays.

    Args:
        statement: the statement that is judged; for one of the catalogue, and its controls, there is nothing to say.

    Returns:
        One piece of evidence, inconclusive, for each condition or bound that weakens there and not along the rays.
    """
    if not statement.altered or statement.id != f"{statement.base}*":
        return []
    original = theory.statement(statement.base)
    found = []
    for axis in ("eps", "n") if statement.constants == "absolute" else ("n",):
        for field in ("sample_size", "dimension", "lower", "upper"):
            on, off = (_slope(statement, original, field, axis, span[axis]) for span in (ON_RAYS, BEYOND))
            if off < min(on, 0.0) - STEEPER:
                found.append(_evidence(field, axis, on, off))
    return found


def _evidence(field: str, axis: str, on: float, off: float) -> Evidence:
    """Say what is not tested."""
    name, reach = ("1/ε", "below ε = 0.1") if axis == "eps" else ("n", "above n = 10⁵")
    what = "condition on n" if field == "sample_size" else "condition on d_eff" if field == "dimension" else field
    what = what if "condition" in what else f"room under the {what} bound"
    finding = (
        f"{reach} the {what} falls behind the original's like a power {off:+.2f} of {name}, along the rays like "
        f"{on:+.2f}: the rays say nothing about the statement there"
    )
    return Evidence(f"reach of the rays: {what}, {name}", finding, State.INCONCLUSIVE, {"on_rays": on, "beyond": off})


def _slope(
    statement: theory.Statement, original: theory.Statement, field: str, axis: str, span: tuple[float, float]
) -> float:
    """Logarithmic slope, along an axis away from the rays' start, of what a field demands relative to the original."""
    ends = [_demand(statement, field, axis, at) - _demand(original, field, axis, at) for at in span]
    distance = abs(math.log(span[1] / span[0]))
    slope = (ends[1] - ends[0]) / distance
    return slope if math.isfinite(slope) else 0.0


def _demand(statement: theory.Statement, field: str, axis: str, at: float) -> float:
    """Logarithm of the largest condition, or of the room that a bound leaves; 0 where there is none."""
    values = {name: value for name, value in (TYPICAL | {axis: at}).items() if name in statement.symbols}
    entry = getattr(statement, field)
    if entry is None or entry == ():
        return 0.0
    with np.errstate(all="ignore"):
        if isinstance(entry, tuple):
            return math.log(max(1e-300, *(float(f) for f in statement.evaluate(field, **values))))
        low, high = (1.0, 3.0) if statement.quantity in ALONG_DIRECTIONS else (1.0, 1.0)
        if statement.quantity == "mu_two_layer":
            low, high = TYPICAL["alpha"] ** 4, TYPICAL["alpha"] ** -4
        bound = float(np.asarray(statement.evaluate(field, **values)))
        room = low - bound if field == "lower" else bound - high
        return math.log(room) if 0 < room < math.inf else 0.0
