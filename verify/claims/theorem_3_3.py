"""Theorem 3.3: the loss alignment of the linear model is within ε of 1, for every θ at once.

Problem:
    "For all θ" cannot be sampled, and the constant in "n ≳ …" is not given.

Method:
    The extremes of μ over all θ are exact for each data set (oracle 1). They are observed along rays on which the
    statement's conditions hold with a fixed constant while the scale grows; each side of the bound is judged by itself.
    ρ is the (1 − δ) quantile of the deviation from the population value 1, in units of the room that the bound leaves
    at that ε, raised to the power that makes it a ratio of ε's. Deviations below 1 are measured as −log μ: the ratio of
    ε's itself saturates there (μ ≥ 0 whatever n is), which makes ρ climb for a true statement, by 0.13 ± 0.02 on
    n = d ≤ 900. A statement that is true for some constant keeps ρ bounded.

Guarantee:
    `holds` when no ray climbs (see `verify.trend`), the population range lies within the bounds, and failure can
    vanish with δ. δ is fixed at 0.1 (quick) or 0.05 (full); what the statement says of smaller δ is tested only as far
    as the conditions must depend on δ at all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import simulate
import theory
from verify.claims._context import Context
from verify.claims._proofs import proof_evidence
from verify.constants import fitted_constant
from verify.failure import quantile_level
from verify.loss_rays import SIDES, Observations, Observed, observe
from verify.population import population_test
from verify.rays import RayPlan, lay_ray, symbol_values
from verify.trend import crossing_scales
from verify.untested import untested_range
from verify.vanishing import vanishing_test
from verify.verdict import Basis, Evidence, Plot, State, Verdict, combine
from verify.witness import dense_loss_alignment

LARGEST_WITNESS = 1500
"""Largest n at which a violation is computed again from p×p matrices."""
QUICK = (
    RayPlan("masked, all conditions bind", "masked", n_top=6000, rank_top=600, n_floor=240),
    RayPlan("masked, n has slack at fixed ε", "masked", 60_000, rank_top=10, n_slack=100, eps=(0.5, 0.5), repeats=4),
    RayPlan("isotropic, all conditions bind", "isotropic", n_top=700, rank_top=700),
    RayPlan("spiked, all conditions bind", "spiked", n_top=400, rank_top=400),
    RayPlan("isotropic, d_eff has slack", "isotropic", n_top=250, rank_top=3000, rank_slack=300),
    RayPlan("isotropic, n has slack at fixed ε", "isotropic", n_top=4000, rank_top=60, n_slack=100, eps=(0.5, 0.5)),
)
FULL = (
    RayPlan("masked, all conditions bind", "masked", n_top=10_000, rank_top=1000, n_floor=240),
    RayPlan("masked, n has slack at fixed ε", "masked", 300_000, rank_top=10, n_slack=100, eps=(0.5, 0.5), repeats=4),
    RayPlan("isotropic, all conditions bind", "isotropic", n_top=2000, rank_top=2000),
    RayPlan("spiked, all conditions bind", "spiked", n_top=1000, rank_top=1000),
    RayPlan("isotropic, d_eff has slack", "isotropic", n_top=400, rank_top=6000, rank_slack=450),
    RayPlan("isotropic, n has slack at fixed ε", "isotropic", n_top=20_000, rank_top=100, n_slack=150, eps=(0.5, 0.5)),
)


class Settings(NamedTuple):
    """What a profile spends.

    Attributes:
        plans: the rays, in the order in which they are tried.
        delta: δ.
        rounds: data sets a point; a ray that stays undecided gets the next larger number.
    """

    plans: tuple[RayPlan, ...]
    delta: float
    rounds: tuple[int, ...]


PROFILES = {
    "quick": Settings(QUICK, 0.1, (40, 80, 160)),
    "full": Settings(FULL, 0.05, (118, 236)),
}


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge a statement about the loss alignment of the linear model.

    Args:
        statement: Theorem 3.3 or a variant of it.
        context: the run.
        observations: what was observed before, and the place for more.
        stop_early: whether the first violation ends the work (controls) or everything is tested.

    Returns:
        The verdict.
    """
    settings = PROFILES[context.profile]
    population, witness = population_test(statement, context.seed, settings.delta)
    evidence = [population]
    vanishing, long_row = vanishing_test(statement, context.seed)
    evidence.append(vanishing)
    witness = witness or long_row
    observed: list[Observed] = []
    for number, plan in enumerate(settings.plans):
        if stop_early and State.VIOLATED in [e.state for e in evidence]:
            break
        context.progress(number / len(settings.plans), plan.name)
        ray = lay_ray(plan, statement, settings.delta)
        one = observe(ray, statement, context, observations, settings.delta, settings.rounds)
        observed.append(one)
        evidence += [_evidence(one, side) for side in one.trends]
        evidence += [_closed_evidence(one, side, quantile_level(statement, settings.delta)) for side in one.closed]
    evidence += untested_range(statement) + proof_evidence(statement)
    state = combine([e.state for e in evidence])
    if state is State.VIOLATED and witness is None:
        witness = _ray_witness(observed, context.seed, settings.delta, statement)
    constant = None
    if observed and state is not State.VIOLATED:
        points = [(p, e) for one in observed for p, e in zip(one.ray.points, one.extremes, strict=True)]
        constant = fitted_constant(statement, points, settings.delta)
    return Verdict(
        claim=statement.id,
        title=statement.title,
        kind="conjecture" if statement.kind == "conjecture" else "theorem",
        state=state,
        basis=Basis.EXACT,
        summary=_summary(state, evidence, observed, settings, constant),
        constant=constant,
        witness=witness if state is State.VIOLATED else None,
        evidence=evidence,
        plots=[]
        if stop_early
        else [_plot(observed, side) for side in SIDES if any(side in o.trends for o in observed)],
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


def _evidence(one: Observed, side: str) -> Evidence:
    """Say what one side of one ray showed."""
    trend, ray = one.trends[side], one.ray
    figures = {
        "ray": ray.plan.name,
        "side": side,
        "family": ray.plan.family,
        "scale": ray.scale_name,
        "trials": len(one.extremes[0]),
        "constants": ray.constants,
        "points": [{"eps": p.eps, "n": p.design.n, "d": p.design.d, "d_eff": p.design.d_eff} for p in ray.points],
        "ratio": [list(r) for r in trend.ratios],
        "slope": list(trend.slope) if trend.slope else None,
        "top_slope": list(trend.top_slope) if trend.top_slope else None,
    }
    finding = trend.sentence()
    if trend.state is State.INCONCLUSIVE and ray.bends:
        finding += (
            "; n and d_eff pass each other here, or slack shrinks, which moves ρ by itself: climbing refutes nothing"
        )
    return Evidence(f"ray: {ray.plan.name}; {side} bound", finding, trend.state, figures)


def _closed_evidence(one: Observed, side: str, level: float) -> Evidence:
    """Say what a bound that lies on the population value showed: every fluctuation breaks it."""
    shares = one.closed[side]
    certain = all(share.low > 1 - level for share in shares)
    finding = (
        f"the bound leaves no room beside the population value 1, and at least "
        f"{min(share.estimate for share in shares):.0%} of the data sets lie beyond it at every scale "
        f"(a share of {1 - level:.2g} is allowed)"
    )
    state = State.VIOLATED if certain else State.INCONCLUSIVE
    return Evidence(f"ray: {one.ray.plan.name}; {side} bound", finding, state, {"share": [list(s) for s in shares]})


def _ray_witness(
    observed: list[Observed], seed: int, delta: float, statement: theory.Statement
) -> dict[str, Any] | None:
    """Describe the ray that climbs fastest, or one whose bound has no room, with its worst data set."""
    climbing = [(one, side) for one in observed for side, t in one.trends.items() if t.state is State.VIOLATED]
    closed = [(one, side) for one in observed for side in one.closed]
    if not climbing:
        if not closed:
            return None
        one, side = closed[0]
        return {"ray": one.ray.plan.name, "side": side, "example": _example(one, side, seed, delta, statement)}
    one, side = max(climbing, key=lambda item: item[0].trends[item[1]].slope.low)  # type: ignore[union-attr]
    trend, points = one.trends[side], one.ray.points
    scales = [math.log(p.scale) for p in points]
    exponent = abs(scales[-1] - scales[0]) / max(abs(math.log(points[0].eps / points[-1].eps)), 1e-9)
    return {
        "ray": one.ray.plan.name,
        "side": side,
        "slope": list(trend.slope or ()),
        "points": [{"eps": p.eps, "n": p.design.n, "d": p.design.d, "d_eff": p.design.d_eff} for p in points],
        "ratio": [r.estimate for r in trend.ratios],
        "fails_at": crossing_scales(trend, scales, exponent if exponent < 100 else 1.0),
        "scale": one.ray.scale_name,
        "example": _example(one, side, seed, delta, statement),
    }


def _example(one: Observed, side: str, seed: int, delta: float, statement: theory.Statement) -> dict[str, Any]:
    """Take the worst data set at the largest affordable point, and compute μ there by the definition."""
    points = one.ray.points
    at = max((i for i, p in enumerate(points) if p.design.n <= LARGEST_WITNESS), default=0)
    column, pick = (1, np.argmax) if side == "upper" else (0, np.argmin)
    trial, design = int(pick(one.extremes[at][:, column])), points[at].design
    X = design.draw(seed, trial)
    u = simulate.loss_alignment_range(X).witnesses[column]
    values = symbol_values(statement, design, points[at].eps, delta)
    return design.recipe(seed, trial) | {
        "eps": points[at].eps,
        "bound": float(np.asarray(statement.evaluate(side, **values))),
        "value": dense_loss_alignment(X, u),
        "u": u.tolist() if u.size <= 64 else f"row {column} of simulate.loss_alignment_range(X).witnesses",
    }


def _summary(
    state: State,
    evidence: list[Evidence],
    observed: list[Observed],
    settings: Settings,
    constant: dict[str, Any] | None,
) -> str:
    """Say the verdict in a sentence or two."""
    against = [e for e in evidence if e.state is State.VIOLATED]
    if against:
        return f"Refuted: {against[0].test}: {against[0].finding}."
    slopes = [t.slope.high for one in observed for t in one.trends.values() if t.slope]
    steepest = f"the steepest upper end of a slope is {max(slopes):+.3f}" if slopes else "every bound has slack"
    fitted = f"; fitted constant {constant['estimate']:.3g}" if constant and constant["estimate"] else ""
    if state is State.HOLDS:
        return f"ρ stays bounded on all {len(observed)} rays at δ = {settings.delta}: {steepest} (limit 0.1){fitted}."
    open_ = next(e for e in evidence if e.state is State.INCONCLUSIVE)
    more = "" if "reach" in open_.test else " Intervals of slopes shrink like one over the square root of their number."
    return f"Undecided after {settings.rounds[-1]} data sets a point. {open_.test}: {open_.finding}.{more}"


def _plot(observed: list[Observed], side: str) -> Plot:
    """Draw ρ along every ray."""
    series: list[dict[str, Any]] = []
    for one in observed:
        if side in one.trends:
            ratios = one.trends[side].ratios
            series.append({
                "label": one.ray.plan.name,
                "x": [p.scale / one.ray.points[0].scale for p in one.ray.points],
                "y": [r.estimate for r in ratios],
                "low": [max(r.low, 1e-3) for r in ratios],
                "high": [min(r.high, 1e6) for r in ratios],
                "style": "line",
            })
    return Plot(
        title=f"{side} bound: ρ along the rays",
        alt=f"The ratio of observed deviation to room under the {side} bound against the scale, one line a ray. "
        "Level lines support the statement, climbing ones refute it.",
        x_label="scale relative to the ray's first point",
        y_label="ρ",
        series=series,
    )
