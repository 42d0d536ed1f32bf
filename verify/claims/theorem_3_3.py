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
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import simulate
import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._proofs import proof_evidence
from verify.constants import fitted_constant
from verify.designs import Design
from verify.population import population_test
from verify.rays import Ray, RayPlan, RayPoint, lay_ray, symbol_values
from verify.trend import Trend, crossing_scales, judge_trend
from verify.vanishing import vanishing_test
from verify.verdict import Basis, Evidence, Plot, State, Verdict, combine
from verify.witness import dense_loss_alignment

SIDES = ("upper", "lower")
QUICK = (
    RayPlan("masked, all conditions bind", "masked", n_top=640, rank_top=320),
    RayPlan("isotropic, all conditions bind", "isotropic", n_top=800, rank_top=800),
    RayPlan("masked, n has slack at fixed ε", "masked", n_top=800, rank_top=40, n_slack=50, eps=(0.5, 0.5)),
    RayPlan("spiked, all conditions bind", "spiked", n_top=400, rank_top=400),
    RayPlan("isotropic, d_eff has slack", "isotropic", n_top=250, rank_top=1500, rank_slack=30),
    RayPlan("isotropic, n has slack at fixed ε", "isotropic", n_top=4000, rank_top=60, n_slack=100, eps=(0.5, 0.5)),
)
FULL = (
    RayPlan("masked, all conditions bind", "masked", n_top=1600, rank_top=800),
    RayPlan("isotropic, all conditions bind", "isotropic", n_top=2400, rank_top=2400),
    RayPlan("masked, n has slack at fixed ε", "masked", n_top=2000, rank_top=80, n_slack=50, eps=(0.5, 0.5)),
    RayPlan("spiked, all conditions bind", "spiked", n_top=1000, rank_top=1000),
    RayPlan("isotropic, d_eff has slack", "isotropic", n_top=400, rank_top=4000, rank_slack=30),
    RayPlan("isotropic, n has slack at fixed ε", "isotropic", n_top=20000, rank_top=100, n_slack=150, eps=(0.5, 0.5)),
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
    "full": Settings(FULL, 0.05, (118, 236, 472)),
}


class Observed(NamedTuple):
    """One ray with what was observed on it.

    Attributes:
        ray: the ray.
        extremes: for each point the extremes of μ, shape (data sets, 2).
        trends: the trend on each side that the statement bounds.
    """

    ray: Ray
    extremes: list[np.ndarray]
    trends: dict[str, Trend]


class Observations:
    """Extremes of μ over θ by design and data set; each is computed once for a statement and all its controls.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._known: dict[tuple[Design, int], tuple[float, float]] = {}

    def extremes(self, designs: list[Design], trials: int) -> list[np.ndarray]:
        """Compute the extremes for the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            For each design inf and sup of μ, shape (trials, 2).
        """
        missing = [(design, t) for design in designs for t in range(trials) if (design, t) not in self._known]
        # Largest first, so that no process is left with a long point at the end.
        missing.sort(key=lambda item: -item[0].n * item[0].d * min(item[0].n, item[0].d))
        found = self.context.mapper(partial(loss_extremes, self.context.seed), missing)
        self._known.update(zip(missing, found, strict=True))
        return [np.array([self._known[design, t] for t in range(trials)]) for design in designs]

    def table(self) -> pd.DataFrame:
        """List everything that was observed.

        Returns:
            One row a data set: family, n, d, d_eff, trial, inf, sup.
        """
        rows = [(*design, design.d, design.d_eff, trial, *ends) for (design, trial), ends in self._known.items()]
        columns = ["family", "n", "rank", "d", "d_eff", "trial", "inf_loss_alignment", "sup_loss_alignment"]
        return pd.DataFrame(rows, columns=columns).sort_values(["family", "n", "rank", "trial"], ignore_index=True)


def loss_extremes(seed: int, item: tuple[Design, int]) -> tuple[float, float]:
    """Compute the range of μ over all θ on one data set.

    Args:
        seed: the run's seed.
        item: a design and the number of the data set.

    Returns:
        inf and sup of μ.
    """
    design, trial = item
    inf, sup, _ = simulate.loss_alignment_range(design.draw(seed, trial))
    return inf, sup


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
        one = observe(lay_ray(plan, statement, settings.delta), statement, context, observations)
        observed.append(one)
        evidence += [_evidence(one, side) for side in one.trends]
    evidence += proof_evidence(statement)
    state = combine([e.state for e in evidence])
    if state is State.VIOLATED and witness is None:
        witness = _ray_witness(observed, context.seed, settings.delta, statement)
    constant = None
    if observed:
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
        plots=[] if stop_early else [_plot(observed, side) for side in SIDES if any(side in o.trends for o in observed)],
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


def observe(ray: Ray, statement: theory.Statement, context: Context, observations: Observations) -> Observed:
    """Observe a ray with as many data sets as it takes to decide it.

    Args:
        ray: the ray.
        statement: the statement that is judged.
        context: the run.
        observations: what was observed before, and the place for more.

    Returns:
        The ray with its extremes and trends.
    """
    settings = PROFILES[context.profile]
    designs = [point.design for point in ray.points]
    for trials in settings.rounds:
        extremes = observations.extremes(designs, trials)
        trends = {}
        for side in SIDES:
            if getattr(statement, side) is None:
                continue
            ratios = [
                log_ratio(statement, side, p, e, settings.delta) for p, e in zip(ray.points, extremes, strict=True)
            ]
            stream = streams.generator(context.seed, "bootstrap", (ray.plan.name, side, trials))
            scales = [math.log(p.scale) for p in ray.points]
            trends[side] = judge_trend(scales, ratios, 1 - settings.delta, stream)
        if all(trend.state is not State.INCONCLUSIVE for trend in trends.values()):
            break
    return Observed(ray, extremes, trends)


def log_ratio(
    statement: theory.Statement, side: str, point: RayPoint, extremes: np.ndarray, delta: float
) -> np.ndarray:
    """Compare the deviation from the population value 1 with the room that the bound leaves, in units of ε.

    Args:
        statement: gives the bound.
        side: "upper" or "lower".
        point: gives ε and the design.
        extremes: inf and sup of μ, shape (data sets, 2).
        delta: δ.

    Returns:
        log ρ for each data set; −inf where there is no deviation on this side or no bound.
    """
    room, exponent = _room(statement, side, point, delta)
    deviation = extremes[:, 1] - 1 if side == "upper" else -np.log(np.maximum(extremes[:, 0], 1e-300))
    with np.errstate(divide="ignore"):
        return (np.log(np.maximum(deviation, 0.0)) - math.log(room)) / exponent if room < math.inf else np.full(
            len(extremes), -math.inf
        )


def _room(statement: theory.Statement, side: str, point: RayPoint, delta: float) -> tuple[float, float]:
    """Distance of a bound from 1 at a point, and the power of ε with which it shrinks there."""
    at = np.array([point.eps, 0.8 * point.eps])
    values = np.asarray(statement.evaluate(side, **symbol_values(statement, point.design, at, delta)))
    room = np.maximum(values - 1 if side == "upper" else 1 - values, 1e-12)
    room = np.broadcast_to(room, (2,))
    if not math.isfinite(room[0]):
        return math.inf, 1.0
    exponent = math.log(room[0] / room[1]) / math.log(1 / 0.8)
    return float(room[0]), exponent if 0.25 <= exponent <= 4 else 1.0


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
    return Evidence(f"ray: {ray.plan.name}; {side} bound", trend.sentence(), trend.state, figures)


def _ray_witness(
    observed: list[Observed], seed: int, delta: float, statement: theory.Statement
) -> dict[str, Any] | None:
    """Describe the ray that climbs fastest, with its worst data set computed again by the definition."""
    climbing = [(one, side) for one in observed for side, t in one.trends.items() if t.state is State.VIOLATED]
    if not climbing:
        return None
    one, side = max(climbing, key=lambda item: item[0].trends[item[1]].slope.low)  # type: ignore[union-attr]
    trend, points = one.trends[side], one.ray.points
    scales = [math.log(p.scale) for p in points]
    exponent = abs(scales[-1] - scales[0]) / max(abs(math.log(points[0].eps / points[-1].eps)), 1e-9)
    column, pick = (1, np.argmax) if side == "upper" else (0, np.argmin)
    trial = int(pick(one.extremes[-1][:, column]))
    design = points[-1].design
    X = design.draw(seed, trial)
    u = simulate.loss_alignment_range(X).witnesses[column]
    return {
        "ray": one.ray.plan.name,
        "side": side,
        "slope": list(trend.slope or ()),
        "points": [{"eps": p.eps, "n": p.design.n, "d": p.design.d, "d_eff": p.design.d_eff} for p in points],
        "ratio": [r.estimate for r in trend.ratios],
        "fails_at": crossing_scales(trend, scales, exponent if exponent < 100 else 1.0),
        "scale": one.ray.scale_name,
        "example": design.recipe(seed, trial)
        | {
            "eps": points[-1].eps,
            "bound": float(statement.evaluate(side, **symbol_values(statement, design, points[-1].eps, delta))),
            "value": dense_loss_alignment(X, u),
            "u": u.tolist() if u.size <= 64 else "witnesses of simulate.loss_alignment_range(X)",
        },
    }


def _summary(
    state: State, evidence: list[Evidence], observed: list[Observed], settings: Settings, constant: dict[str, Any] | None
) -> str:
    """Say the verdict in a sentence or two."""
    against = [e for e in evidence if e.state is State.VIOLATED]
    if against:
        return f"Refuted. {against[0].test}: {against[0].finding}."
    slopes = [t.slope.high for one in observed for t in one.trends.values() if t.slope]
    steepest = f"the steepest upper end of a slope is {max(slopes):+.3f}" if slopes else "every bound has slack"
    fitted = f"; fitted constant {constant['estimate']:.3g}" if constant and constant["estimate"] else ""
    if state is State.HOLDS:
        return f"ρ stays bounded on all {len(observed)} rays at δ = {settings.delta}: {steepest} (limit 0.1){fitted}."
    return (
        f"Undecided after {settings.rounds[-1]} data sets a point: {steepest}; a slope's interval shrinks like one over "
        "the square root of their number."
    )


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
