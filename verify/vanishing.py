"""Bounds that hold with probability 1 − δ for every δ need conditions that tighten as δ → 0."""

from __future__ import annotations

from typing import Any

import simulate
import theory
from verify.designs import Design
from verify.failure import must_vanish
from verify.verdict import Evidence, State
from verify.witness import dense_loss_alignment

SIZE = 400
STRETCH = {"upper": 10.0, "lower": 0.1}
TEST = "failure must be able to vanish with δ"


def vanishing_test(statement: theory.Statement, seed: int) -> tuple[Evidence, dict[str, Any] | None]:
    """Refute statements about μ whose conditions and bounds know no δ.

    They would have to hold with probability 1. But whatever n and d are, inputs of which one row is much longer (or
    shorter) than the others form an open set, which has positive probability, and put μ far from 1.

    Args:
        statement: a statement about "mu".
        seed: the run's seed.

    Returns:
        The evidence, and a witness where the statement is violated. Where δ occurs the evidence is neutral: how the
        conditions depend on it is not tested.
    """
    bounds = [bound for bound in (statement.lower, statement.upper) if bound is not None]
    names = {str(s) for e in (*bounds, *statement.sample_size, *statement.dimension) for s in e.free_symbols}
    if not must_vanish(statement):
        return Evidence(TEST, "a fixed probability of failure is allowed", State.OBSERVED), None
    if statement.probability is not None and "delta" in names:
        finding = "conditions or bounds depend on δ; how they depend on it is judged at one δ only"
        return Evidence(TEST, finding, State.OBSERVED), None
    witness = _stretched_row(statement, seed)
    if witness is None:
        return Evidence(
            TEST, "the bounds would hold with probability 1, yet no violation was found", State.INCONCLUSIVE
        ), None
    finding = (
        "the bounds would hold with probability 1, whatever δ is; but inputs with one row "
        f"{'longer' if witness['side'] == 'upper' else 'shorter'} than the others have positive probability and give "
        f"μ = {witness['value']:.3g}"
    )
    return Evidence(TEST, finding, State.VIOLATED), witness


def _stretched_row(statement: theory.Statement, seed: int) -> dict[str, Any] | None:
    """Stretch one row until μ leaves the bounds at ε = 1/2 for some θ."""
    design = Design("isotropic", SIZE, SIZE)
    known = {"eps": 0.5, "delta": 0.1, "n": design.n, "d": design.d, "d_eff": design.d_eff}
    values = {name: value for name, value in known.items() if name in statement.symbols}
    for side, factor in STRETCH.items():
        X = design.draw(seed, 0)
        X[0] *= factor
        row = 1 if side == "upper" else 0
        u = simulate.loss_alignment_range(X).witnesses[row]
        value, bound = dense_loss_alignment(X, u), statement.bounds(**values)[row]
        if (value > bound) if side == "upper" else (value < bound):
            recipe = design.recipe(seed, 0)
            recipe["draw"] = f"{recipe['draw']}, row 0 multiplied by {factor}"
            u_text = f"witness {row} of simulate.loss_alignment_range(X)"
            return recipe | {"eps": 0.5, "side": side, "bound": bound, "value": value, "u": u_text}
    return None
