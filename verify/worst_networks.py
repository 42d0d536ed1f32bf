"""The worst two-layer networks on few samples in many dimensions, found by search, against the bounds of Theorem 3.5.

There the fourth power of β/α is attained in the limit: a neuron that is active on one sample alone makes the entries of
that sample (β/α)⁴ times larger than the others'. The search is not told so.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import simulate
import theory
from verify.claims._context import Context
from verify.designs import Design
from verify.two_layer_rays import WorstNetwork, worst_network
from verify.verdict import Evidence, State
from verify.witness import dense_alignment_of_jacobian

TEST = "worst networks found on few samples in many dimensions"
DESIGNS = tuple(Design("isotropic", n, n * n) for n in (6, 9, 13))
SEARCHED_SLOPES = (0.5, 0.2)
DATA_SETS = 3
WIDTH = 3
STARTS = 3
EPS = 0.5
EPS_GRID = np.geomspace(1e-6, 0.999, 200)


def worst_networks_test(
    statement: theory.Statement, context: Context, delta: float
) -> tuple[list[Evidence], dict[str, Any] | None]:
    """Search for networks that leave a statement's bounds at ε = 1/2.

    A statement with a free constant is refuted where every data set leaves the bound at every scale, and so does the
    limit [(α/β)⁴, (β/α)⁴] of the worst cases for n ≪ d, which the proof of Theorem 3.5 shows to be attained. A bound
    that excludes part of that limit for some ε, but is not left at these sizes, stays open.

    Args:
        statement: a statement about "mu_two_layer".
        context: the run.
        delta: δ.

    Returns:
        The evidence, and a witness where the statement is violated.
    """
    evidence = []
    witness = None
    for slope in SEARCHED_SLOPES:
        found = _found(context, slope)
        for side in ("upper", "lower"):
            if getattr(statement, side) is not None:
                one, example = _compare(statement, side, slope, found, context.seed, delta)
                evidence.append(one)
                witness = witness or example
    return evidence, witness


def _found(context: Context, slope: float) -> list[list[WorstNetwork]]:
    """Search on every data set, once a run."""
    key = f"worst networks {slope}"
    if key not in context.shared:
        items = [(design, slope, trial) for design in DESIGNS for trial in range(DATA_SETS)]
        flat = context.mapper(partial(worst_network, context.seed, WIDTH, STARTS), items)
        context.shared[key] = [flat[i : i + DATA_SETS] for i in range(0, len(flat), DATA_SETS)]
    found: list[list[WorstNetwork]] = context.shared[key]
    return found


def _compare(
    statement: theory.Statement, side: str, slope: float, found: list[list[WorstNetwork]], seed: int, delta: float
) -> tuple[Evidence, dict[str, Any] | None]:
    """Compare one side at one slope."""
    values = [[one.sup if side == "upper" else one.inf for one in at] for at in found]
    bounds = [_bound(statement, side, slope, design, EPS, delta) for design in DESIGNS]
    sign = 1 if side == "upper" else -1
    beyond = all(sign * (v - bound) > 0 for at, bound in zip(values, bounds, strict=True) for v in at)
    middle = [float(np.median(at)) for at in values]
    limit = slope**-4 if side == "upper" else slope**4
    sizes = ", ".join(f"{value:.3g} at n = {d.n}, d = {d.d}" for value, d in zip(middle, DESIGNS, strict=True))
    said = f"μ {sizes}, towards {limit:.4g}; the bound at ε = {EPS} is {bounds[-1]:.4g}"
    figures = {"slope": slope, "median": middle, "limit": limit, "bounds": bounds, "side": side}
    test = f"{TEST}, slope {slope:g}; {side} bound"
    if beyond and sign * (limit - max(bounds, key=lambda bound: sign * bound)) > 0:
        return Evidence(test, said, State.VIOLATED, figures), _witness(
            statement, side, slope, found[-1][0], seed, delta
        )
    if _excludes_limit(statement, side, slope, limit, delta):
        note = f"{said}; for some ε it excludes the limit, which is not reached at these sizes"
        return Evidence(test, note, State.INCONCLUSIVE, figures), None
    return Evidence(test, said, State.OBSERVED, figures), None


def _bound(statement: theory.Statement, side: str, slope: float, design: Design, eps: Any, delta: float) -> Any:
    """Evaluate a bound at a design and a slope."""
    known = {"n": design.n, "d": design.d, "d_eff": design.d_eff, "alpha": slope, "beta": 1.0}
    known |= {"eps": eps, "delta": delta}
    values = {name: value for name, value in known.items() if name in statement.symbols}
    bound = np.asarray(statement.evaluate(side, **values))
    return float(bound) if bound.ndim == 0 else bound


def _excludes_limit(statement: theory.Statement, side: str, slope: float, limit: float, delta: float) -> bool:
    """Whether a bound excludes the limit for some ε."""
    bounds = np.broadcast_to(_bound(statement, side, slope, DESIGNS[-1], EPS_GRID, delta), EPS_GRID.shape)
    return bool(np.any(bounds < limit * (1 - 1e-9)) if side == "upper" else np.any(bounds > limit * (1 + 1e-9)))


def _witness(
    statement: theory.Statement, side: str, slope: float, worst: WorstNetwork, seed: int, delta: float
) -> dict[str, Any]:
    """Describe the worst network of the largest design, with μ computed again from explicit p×p matrices."""
    design = DESIGNS[-1]
    one = worst.extremes.sup_witness if side == "upper" else worst.extremes.inf_witness
    model = simulate.TwoLayer(design.d, WIDTH, slope, outer=one.outer)
    X = design.draw(seed, 0)
    value = dense_alignment_of_jacobian(model.jacobian(one.theta, X), one.residual)
    return design.recipe(seed, 0) | {
        "eps": EPS,
        "side": side,
        "slope": slope,
        "bound": _bound(statement, side, slope, design, EPS, delta),
        "value": value,
        "model": f"simulate.TwoLayer({design.d}, {WIDTH}, slope={slope}, outer={np.asarray(one.outer).tolist()})",
        "theta": one.theta.tolist(),
        "residual": f"1 on sample {one.sample}, 0 elsewhere",
    }
