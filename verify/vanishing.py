"""Bounds that hold with probability 1 − δ for every δ need conditions that tighten as δ → 0."""

from __future__ import annotations

from typing import Any

import numpy as np

import simulate
import theory
from verify.designs import Design
from verify.failure import must_vanish
from verify.verdict import Evidence, State
from verify.witness import dense_loss_alignment

SIZE = 400
POWER = 1e6
"""Growth between δ = 1e-100 and 1e-200 from which a condition counts as a power of 1/δ."""
STRETCH = {"upper": 10.0, "lower": 0.1}
TEST = "failure must be able to vanish with δ"


def vanishing_test(statement: theory.Statement, seed: int) -> tuple[Evidence, dict[str, Any] | None]:
    """Refute statements about μ whose conditions and bounds know no δ.

    They would have to hold with probability 1, or to allow only failures far rarer than long rows are. But whatever n
    and d are, inputs of which one row is much longer (or shorter) than the others form an open set, which has positive
    probability, and put μ far from 1.

    Args:
        statement: a statement about "mu".
        seed: the run's seed.

    Returns:
        The evidence, and a witness where the statement is violated. Where δ occurs the evidence is neutral: how the
        conditions depend on it is not tested.
    """
    if not must_vanish(statement):
        return Evidence(TEST, "a fixed probability of failure is allowed", State.OBSERVED), None
    certain = statement.probability is None or not statement.probability.has(*_delta_symbols(statement))
    if not certain and _tightens(statement):
        finding = "conditions or bounds depend on δ; how they depend on it is judged at one δ only"
        return Evidence(TEST, finding, State.OBSERVED), None
    witness = _stretched_row(statement, seed)
    if witness is None:
        return Evidence(
            TEST, "the bounds would hold with probability 1, yet no violation was found", State.INCONCLUSIVE
        ), None
    finding = (
        "the conditions do not tighten enough as δ → 0: inputs with one row "
        f"{'longer' if witness['side'] == 'upper' else 'shorter'} than the others are likelier than that and give "
        f"μ = {witness['value']:.3g}"
    )
    return Evidence(TEST, finding, State.VIOLATED), witness


def _delta_symbols(statement: theory.Statement) -> list[Any]:
    """The symbol δ of a statement's probability, as a list that may be empty."""
    free = statement.probability.free_symbols if statement.probability is not None else set()
    return [symbol for symbol in free if str(symbol) == "delta"]


def _tightens(statement: theory.Statement) -> bool:
    """Whether conditions or bounds tighten enough as δ → 0.

    A condition on d_eff must grow with 1/δ, unless there is none or that on n alone grows like a power of 1/δ: with n
    only like log(1/δ), and d_eff fixed, one long row has probability exp(−O(d_eff)), far above δ = exp(−O(n)).

    Returns:
        Whether they do.
    """
    growth = {field: _growth(statement, field) for field in ("lower", "upper", "sample_size", "dimension")}
    if growth["lower"] > 1 or growth["upper"] > 1 or growth["dimension"] > 1:
        return True
    if statement.dimension and growth["sample_size"] > 1 and _follows_n(statement):
        return True
    return growth["sample_size"] > (POWER if statement.dimension else 1)


def _follows_n(statement: theory.Statement) -> bool:
    """Whether the condition on d_eff grows with n like a power, and so with δ where that on n does."""
    sizes = []
    for n in (1e6, 1e12):
        known = {"eps": 0.5, "delta": 0.1, "n": n, "d": 1e3, "d_eff": 1e3}
        values = {name: value for name, value in known.items() if name in statement.symbols}
        sizes.append(max(float(f) for f in statement.evaluate("dimension", **values)))
    return sizes[1] > 10 * sizes[0]


def _growth(statement: theory.Statement, field: str) -> float:
    """By which factor a bound or the largest condition changes between δ = 1e-100 and 1e-200; 1 if it does not."""
    if not getattr(statement, field):
        return 1.0
    design = Design("isotropic", SIZE, SIZE)
    sizes = []
    for delta in (1e-100, 1e-200):
        known = {"eps": 0.5, "delta": delta, "n": design.n, "d": design.d, "d_eff": design.d_eff}
        values = {name: value for name, value in known.items() if name in statement.symbols}
        found = statement.evaluate(field, **values)
        sizes.append(float(np.max(found)))
    return abs(sizes[1] / sizes[0]) if sizes[0] and sizes[0] != sizes[1] else 1.0


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
