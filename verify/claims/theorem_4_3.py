"""Theorem 4.3: the directional alignment of the linear model along K directions fixed in advance, for every θ at once.

Problem:
    "For all θ" cannot be sampled, and the constants may depend on ε, so that ρ cannot be followed through ε.

Method:
    ε is fixed. For each data set and direction the extremes of g over all θ are exact (oracle 2), on the first n rows
    for a grid of n. The smallest n from which on the bounds hold is compared with the conditions on n, along rays in d
    (one direction) and in K (fixed d), each side of the bound by itself (`verify.required_samples`). Two more rays
    follow δ → 0 by lower bounds on the probability of failure (`verify.rare_events`, `verify.rare_rows`). The spectrum
    of the inputs drops out: g depends on them only through the whitened rows.

Guarantee:
    `holds` when no ray climbs at any ε that the budget reaches (`verify.trend`) and the population range [1, 3] lies
    within the bounds at every ε. δ is 0.1 (quick) or 0.05 (full) on the first two rays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import simulate
import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._proofs import proof_evidence
from verify.designs import Design
from verify.direction_profiles import Observations, RayPlan, directions
from verify.population import population_test
from verify.rare_events import rare_event_test
from verify.rare_rows import rare_row_test
from verify.required_samples import SideOfRay, judge_in_eps, judge_side, symbol_values
from verify.untested import untested_range
from verify.verdict import Basis, Evidence, Plot, State, Verdict, combine
from verify.witness import dense_directional_alignment

SIDES = ("upper", "lower")
EPS = (0.5, 0.35, 0.25, 0.15)
"""Values of ε that are tried; those whose smallest n lies beyond the grid are left out, and said so."""


class Settings(NamedTuple):
    """What a profile spends.

    Attributes:
        rays: the rays, each with a substitute in fewer dimensions and with more samples for bounds that need them.
        delta: δ.
        rounds: data sets a point; a side that stays undecided gets the next larger number.
        step: ratio of consecutive n.
    """

    rays: tuple[tuple[RayPlan, RayPlan], ...]
    delta: float
    rounds: tuple[int, ...]
    step: float


def _in_dimension(dimensions: tuple[int, ...], cap: int) -> RayPlan:
    """A ray in d with one direction."""
    return RayPlan("d grows, one direction", tuple((d, 1) for d in dimensions), cap)


def _in_directions(d: int, counts: tuple[int, ...], cap: int) -> RayPlan:
    """A ray in K at fixed d."""
    return RayPlan(f"K grows, d = {d}", tuple((d, K) for K in counts), cap)


PROFILES = {
    "quick": Settings(
        rays=(
            (_in_dimension((8, 16, 32, 64, 128), 24), _in_dimension((8, 12, 18, 27, 40), 300)),
            (_in_directions(6, (1, 4, 16, 64, 256), 80), _in_directions(4, (1, 4, 16, 64), 2500)),
        ),
        delta=0.1,
        rounds=(58, 116, 232, 464),
        step=1.15,
    ),
    "full": Settings(
        rays=(
            (_in_dimension((8, 16, 32, 64, 128, 192), 40), _in_dimension((8, 16, 32, 64), 600)),
            (_in_directions(8, (1, 4, 16, 64, 256, 1024), 160), _in_directions(4, (1, 4, 16, 64, 256), 5000)),
        ),
        delta=0.05,
        rounds=(118, 236, 472),
        step=1.1,
    ),
}


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge a statement about the directional alignment of the linear model along fixed directions.

    Args:
        statement: Theorem 4.3 or a variant of it.
        context: the run.
        observations: what was observed before, and the place for more.
        stop_early: whether the first violation ends the work (controls) or everything is tested.

    Returns:
        The verdict.

    """
    settings = PROFILES[context.profile]
    population, witness = population_test(statement, context.seed, settings.delta)
    rare, rare_witness = rare_event_test(statement, context.seed)
    evidence = [population, rare]
    witness = witness or rare_witness
    if witness is None:
        row, witness = rare_row_test(statement, context.seed)
        evidence.append(row)
    judged: list[SideOfRay] = []
    for number, plans in enumerate(settings.rays):
        if stop_early and State.VIOLATED in [e.state for e in evidence]:
            break
        context.progress((1 + number) / (1 + len(settings.rays)), plans[0].name)
        on_ray = [one for side in SIDES for one in _judge_ray(plans, side, statement, context, observations)]
        judged += on_ray
        evidence += [_evidence(one) for one in on_ray]
        evidence += _beyond_reach(on_ray, plans[0], statement)
    if statement.constants == "absolute":
        evidence += _in_eps(statement, context, observations)
    evidence += untested_range(statement) + proof_evidence(statement)
    state = combine([e.state for e in evidence])
    if state is State.VIOLATED and witness is None:
        climbing = [one for one in judged if one.state is State.VIOLATED]
        if climbing:
            witness = _ray_witness(max(climbing, key=_steepness), statement, context, observations)
        else:
            witness = next(dict(e.figures) for e in evidence if e.state is State.VIOLATED)
    constant = None if state is State.VIOLATED else _constant(judged)
    return Verdict(
        claim=statement.id,
        title=statement.title,
        kind="conjecture" if statement.kind == "conjecture" else "theorem",
        state=state,
        basis=Basis.EXACT,
        summary=_summary(state, evidence, judged, settings, constant),
        constant=constant,
        witness=witness if state is State.VIOLATED else None,
        evidence=evidence,
        plots=[] if stop_early else [_plot(judged, plans[0].name) for plans in settings.rays],
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


def _judge_ray(
    plans: tuple[RayPlan, RayPlan], side: str, statement: theory.Statement, context: Context, observations: Observations
) -> list[SideOfRay]:
    """Judge one side at every ε; where no ε is within reach, again with more samples in fewer dimensions."""
    if getattr(statement, side) is None:
        return []
    found: list[SideOfRay] = []
    for plan in plans:
        found = [_decide(plan, side, eps, statement, context, observations) for eps in EPS]
        if any(one.state is not State.OBSERVED for one in found):
            break
    return found


def _decide(
    plan: RayPlan, side: str, eps: float, statement: theory.Statement, context: Context, observations: Observations
) -> SideOfRay:
    """Judge one side at one ε with as many data sets as it takes."""
    settings = PROFILES[context.profile]
    for trials in settings.rounds:
        profiles = observations.profiles(plan, settings.step, trials)
        stream = streams.generator(context.seed, "bootstrap", (plan.name, side, eps, trials))
        one = judge_side(statement, plan, side, eps, settings.delta, profiles, stream)
        if one.state is not State.INCONCLUSIVE:
            break
    return one


def _evidence(one: SideOfRay) -> Evidence:
    """Say what one side of one ray showed at one ε."""
    test = f"ray: {one.plan.name}; {one.side} bound at ε = {one.eps}"
    figures: dict[str, Any] = {
        "side": one.side,
        "eps": one.eps,
        "trials": one.trials,
        "points": [{"d": d, "K": K} for d, K in one.plan.points],
        "needed_n": [list(q) for q in one.needed],
        "failures_at_largest_n": one.failures,
        "slope": list(one.trend.slope) if one.trend and one.trend.slope else None,
    }
    if one.trend:
        needed = f"smallest n {one.needed[0].estimate:.0f} → {one.needed[-1].estimate:.0f}"
        return Evidence(test, f"{one.trend.sentence()}; {needed}", one.state, figures)
    worst = max(one.failures)
    if one.state is State.OBSERVED:
        beyond = (
            f"not judged: the smallest n lies beyond {one.plan.cap} d (up to {worst:.0%} of the data sets fail there)"
        )
        return Evidence(test, beyond, one.state, figures)
    least = min(one.failures)
    found = (
        f"the bound leaves no room beside the population value: at least {least:.0%} of the data sets fail at every n"
    )
    return Evidence(test, found, one.state, figures)


def _in_eps(statement: theory.Statement, context: Context, observations: Observations) -> list[Evidence]:
    """Follow ε → 0 at fixed d, where the statement says that its constants do not depend on ε."""
    settings = PROFILES[context.profile]
    plan = settings.rays[0][1]
    profiles = observations.profiles(plan, settings.step, settings.rounds[0])[0]
    evidence = []
    for side in SIDES:
        if getattr(statement, side) is not None:
            stream = streams.generator(context.seed, "bootstrap", ("eps", side))
            trend, needed = judge_in_eps(statement, plan.points[0], side, EPS, settings.delta, profiles, stream)
            state = trend.state if trend else State.INCONCLUSIVE
            finding = trend.sentence() if trend else "fewer than three values of ε are within reach"
            figures = {"side": side, "needed_n": [list(q) for q in needed], "d": plan.points[0][0], "eps": EPS}
            evidence.append(Evidence(f"ray: ε falls, d = {plan.points[0][0]}; {side} bound", finding, state, figures))
    return evidence


def _beyond_reach(on_ray: list[SideOfRay], plan: RayPlan, statement: theory.Statement) -> list[Evidence]:
    """Say so where no ε of a side could be judged: then the claim stays open."""
    missing = []
    for side in SIDES:
        states = [one.state for one in on_ray if one.side == side]
        if getattr(statement, side) is not None and all(state is State.OBSERVED for state in states):
            found = "at no ε is the smallest n within the grid; more samples a dimension would decide"
            missing.append(Evidence(f"ray: {plan.name}; {side} bound", found, State.INCONCLUSIVE))
    return missing


def _steepness(one: SideOfRay) -> float:
    """Order violated sides by how clearly they are violated."""
    return one.trend.slope.low if one.trend and one.trend.slope else 0.0


def _ray_witness(
    one: SideOfRay, statement: theory.Statement, context: Context, observations: Observations
) -> dict[str, Any]:
    """Describe a ray that climbs, with the data set that needs most samples, computed again by the definition."""
    settings = PROFILES[context.profile]
    d, K = one.plan.points[-1]
    worst: dict[str, Any] = {}
    profiles = observations.profiles(one.plan, settings.step, one.trials)[-1]
    for trial, profile in enumerate(profiles):
        values = symbol_values(statement, one.eps, settings.delta, (d, K), profile.sizes.astype(float))
        bound = np.broadcast_to(statement.evaluate(one.side, **values), profile.sizes.shape)
        fails = profile.sup[:, 0] > bound if one.side == "upper" else profile.inf[:, 0] < bound
        if fails.any() and profile.sizes[fails][-1] > worst.get("n", 0):
            at = int(np.flatnonzero(fails)[-1])
            worst = {
                "trial": trial,
                "n": int(profile.sizes[at]),
                "bound": float(bound[at]),
                "rows": int(profile.sizes[-1]),
            }
    witness = {
        "ray": one.plan.name,
        "side": one.side,
        "eps": one.eps,
        "slope": list(one.trend.slope) if one.trend and one.trend.slope else None,
        "points": [{"d": e, "K": k} for e, k in one.plan.points],
        "needed_n": [q.estimate for q in one.needed],
    }
    return witness | {"example": _example(worst, one.side, d, K, context.seed)} if worst else witness


def _example(worst: dict[str, Any], side: str, d: int, K: int, seed: int) -> dict[str, Any]:
    """Find the direction and θ on one data set, and compute g there by the definition."""
    design = Design("isotropic", worst["rows"], d)
    X = design.draw(seed, worst["trial"])[: worst["n"]]
    V = directions(seed, d, K)
    inf, sup = simulate.directional_alignment_ranges(X, V)
    k = int(np.argmax(sup) if side == "upper" else np.argmin(inf))
    u = simulate.directional_alignment_range(X, V[:, k]).witnesses[1 if side == "upper" else 0]
    return design.recipe(seed, worst["trial"]) | {
        "rows_used": worst["n"],
        "v": f"column {k} of verify.direction_profiles.directions({seed}, {d}, {K})",
        "u": u.tolist(),
        "value": dense_directional_alignment(X, u, V[:, k]),
        "bound": worst["bound"],
    }


def _constant(judged: list[SideOfRay]) -> dict[str, Any] | None:
    """Fitted constant at each ε: the smallest C with at most a share δ of failures at every point tried."""
    rows = []
    for eps in EPS:
        here = [one for one in judged if one.eps == eps and one.trend]
        scaled = [
            (c, c * q.low / q.estimate, c * q.high / q.estimate)
            for one in here
            for c, q in zip(one.constants, one.needed, strict=True)
        ]
        if scaled:
            estimate, low, high = (float(max(column)) for column in zip(*scaled, strict=True))
            rows.append({"eps": eps, "estimate": estimate, "low": low, "high": high})
    if not rows:
        return None
    return rows[0] | {"by_eps": rows, "meaning": "smallest C (for all conditions) with at most a share δ of failures"}


def _summary(
    state: State, evidence: list[Evidence], judged: list[SideOfRay], settings: Settings, constant: dict[str, Any] | None
) -> str:
    """Say the verdict in a sentence or two."""
    against = [e for e in evidence if e.state is State.VIOLATED]
    if against:
        return f"Refuted: {against[0].test}: {against[0].finding}."
    slopes = [one.trend.slope.high for one in judged if one.trend and one.trend.slope]
    steepest = f"the steepest upper end of a slope is {max(slopes):+.3f}" if slopes else "no slope was measured"
    if state is State.HOLDS:
        reached = sorted({one.eps for one in judged if one.trend}, reverse=True)
        fitted = f"; fitted constant {constant['estimate']:.3g} at ε = {constant['eps']}" if constant else ""
        return (
            f"The smallest n grows no faster than the conditions at δ = {settings.delta}, "
            f"ε = {', '.join(map(str, reached))}: {steepest} (limit 0.1){fitted}."
        )
    open_ = next(e for e in evidence if e.state is State.INCONCLUSIVE)
    return f"Undecided after {settings.rounds[-1]} data sets a point. {open_.test}: {open_.finding}."


def _plot(judged: list[SideOfRay], ray: str) -> Plot:
    """Draw the smallest n against d or K."""
    series = []
    along_d = ray.startswith("d grows")
    for one in judged:
        if one.trend and one.plan.name.split(",")[0] == ray.split(",")[0]:
            series.append({
                "label": f"{one.side} bound, ε = {one.eps}",
                "x": [d if along_d else K for d, K in one.plan.points],
                "y": [q.estimate for q in one.needed],
                "low": [q.low for q in one.needed],
                "high": [q.high for q in one.needed],
                "style": "line",
            })
    return Plot(
        title=f"Samples needed: {ray}",
        alt=f"Smallest n from which on a bound holds, against {'d' if along_d else 'K'}, for each side and ε.",
        x_label="d" if along_d else "K",
        y_label="smallest n (1 − δ quantile)",
        series=series,
    )
