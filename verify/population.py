"""The population limit: as n → ∞ at fixed d the worst case tends to a known range (section 4 of docs/theory.md).

A bound that excludes part of that range for some ε in (0, 1), small ones included, is false, and no affordable ray
would reach it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import simulate
import theory
from simulate import streams
from verify.designs import Design
from verify.verdict import Evidence, State
from verify.witness import dense_directional_alignment, dense_loss_alignment

TOLERANCE = 1e-9
ALONG_DIRECTIONS = ("g_fixed", "g_uniform", "mu_olm")
"""Quantities whose worst case is a directional alignment: of the loss alignment it is that of a rank-one Jacobian."""
EPS_GRID = np.geomspace(1e-6, 0.999, 400)


class Exclusion(NamedTuple):
    """A bound that excludes part of the population range.

    Attributes:
        side: "lower" or "upper".
        eps: the ε at which it excludes most.
        bound: its value there.
        endpoint: the end of the population range on that side.
    """

    side: str
    eps: float
    bound: float
    endpoint: float


def population_test(statement: theory.Statement, seed: int, delta: float) -> tuple[Evidence, dict[str, Any] | None]:
    """Test a statement's bounds against the population range.

    Args:
        statement: a statement about "mu", or about one of `ALONG_DIRECTIONS`.
        seed: the run's seed.
        delta: δ.

    Returns:
        The evidence, and a witness where the statement is violated.
    """
    low, high, size = population_range(statement)
    test = "population limit (n → ∞)"
    finding = f"the worst case tends to [{low:g}, {high:g}]; the bounds contain it for every ε from 1e-6 to 0.999"
    figures: dict[str, Any] = {"population_range": [low, high]}
    exclusion = _exclusion(statement, low, high, size, delta)
    if exclusion is None:
        return Evidence(test, finding, State.HOLDS, figures), None
    side, eps, bound, endpoint = exclusion
    witness = _attained(statement, exclusion, size, seed)
    figures |= {"side": side, "eps": eps, "bound": bound, "endpoint": endpoint}
    said = f"at ε = {eps:.3g} the {side} bound is {bound:.6g}, but the worst case tends to {endpoint:g} as n → ∞"
    if witness is None:
        return Evidence(test, f"{said}; no data set at hand shows it yet", State.INCONCLUSIVE, figures), None
    witness |= {"eps": eps, "bound": bound, "side": side}
    shown = f"{said}; {witness['value']:.4g} is attained on {witness['n']} samples in {witness['d']} dimensions"
    return Evidence(test, shown, State.VIOLATED, figures), witness


def population_range(statement: theory.Statement) -> tuple[float, float, int]:
    """Range to which the worst cases tend at fixed d.

    For g it is [1, 3] (Lemma C.2). For μ of the linear model it is [1, 1 + 2/srk(S²)]; where the statement constrains
    d_eff it may demand any size, which leaves {1}, else d_eff = 2 is allowed.

    Args:
        statement: a statement about "mu", or about one of `ALONG_DIRECTIONS`.

    Returns:
        Lower end, upper end, and the dimension of a witness.
    """
    if statement.quantity in ALONG_DIRECTIONS:
        return 1.0, 3.0, 4
    return (1.0, 1.0, 50) if statement.dimension else (1.0, 2.0, 2)


def symbol_limits(statement: theory.Statement, eps: np.ndarray, size: int, delta: float) -> dict[str, Any]:
    """Values of a statement's symbols in the limit.

    Args:
        statement: the statement.
        eps: values of ε.
        size: dimension where the statement leaves it free.
        delta: δ.

    Returns:
        Values by name.
    """
    d = 1e9 if statement.dimension else float(size)
    known = {"eps": eps, "delta": delta, "n": 1e15, "d": d, "d_eff": d, "K": 1.0}
    return {name: value for name, value in known.items() if name in statement.symbols}


def _exclusion(statement: theory.Statement, low: float, high: float, size: int, delta: float) -> Exclusion | None:
    """Find the ε at which a bound excludes most of the range."""
    values = symbol_limits(statement, EPS_GRID, size, delta)
    lower, upper = statement.evaluate("lower", **values), statement.evaluate("upper", **values)
    gaps = {"lower": np.asarray(lower) - low, "upper": high - np.asarray(upper)}
    side = max(gaps, key=lambda name: float(np.max(gaps[name])))
    at = int(np.argmax(gaps[side]))
    if gaps[side][at] <= TOLERANCE:
        return None
    bound, endpoint = (lower, low) if side == "lower" else (upper, high)
    return Exclusion(side, float(EPS_GRID[at]), float(np.asarray(bound)[at]), endpoint)


def _attained(statement: theory.Statement, exclusion: Exclusion, size: int, seed: int) -> dict[str, Any] | None:
    """Find a data set and a θ that attain a value beyond the bound, and compute it again by the definition."""
    row = 0 if exclusion.side == "lower" else 1
    for n in (20_000, 200_000, 2_000_000):
        design = Design("isotropic", n, size)
        X = design.draw(seed, 0)
        witness = design.recipe(seed, 0)
        if statement.quantity == "mu":
            u = simulate.loss_alignment_range(X).witnesses[row]
            value = dense_loss_alignment(X, u)
        else:
            v = streams.generator(seed, "directions", (size,)).standard_normal(size)
            u = simulate.directional_alignment_range(X, v).witnesses[row]
            value = dense_directional_alignment(X, u, v)
            witness["v"] = v.tolist()
        if (value < exclusion.bound) if exclusion.side == "lower" else (value > exclusion.bound):
            return witness | {"u": u.tolist(), "value": value, "quantity": statement.quantity}
    return None
