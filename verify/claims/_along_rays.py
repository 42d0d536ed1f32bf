"""Verdicts on statements with unspecified constants, from what was observed along rays: shared by several claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import theory
from verify.claims._context import Context
from verify.claims._proofs import proof_evidence
from verify.constants import fitted_constant
from verify.failure import quantile_level
from verify.observing import Observed, Source, closed_evidence, observe, point_rows, ratio_plot, trend_evidence
from verify.ratios import SIDES
from verify.rays import Ray
from verify.trend import crossing_scales
from verify.untested import untested_range
from verify.verdict import Basis, Evidence, State, Verdict, combine

Example = Callable[[Observed, str], dict[str, Any]]
"""Makes the example of a witness: the worst data set of a ray on one side, computed again by the definition."""


class LaidRay(NamedTuple):
    """A ray and the sides it is meant for.

    Attributes:
        ray: the ray.
        sides: "upper", "lower" or both.
        statement: what is judged along it; None for the claim's statement.
        source: where its worst cases come from; None for the claim's source.
    """

    ray: Ray
    sides: tuple[str, ...] = SIDES
    statement: theory.Statement | None = None
    source: Source | None = None


AfterRays = Callable[[list[Observed]], tuple[list[Evidence], dict[str, Any] | None]]
"""A claim's own test of what the rays have observed: its evidence, and what reproduces a violation, or None."""


class Tests(NamedTuple):
    """A claim's own tests.

    Attributes:
        evidence: what those said that were made before any ray was observed.
        witness: what reproduces a violation among them, or None.
        after: one to be made of what the rays have observed, or None.
    """

    evidence: list[Evidence]
    witness: dict[str, Any] | None
    after: AfterRays | None = None


def judge_along_rays(
    statement: theory.Statement,
    context: Context,
    source: Source,
    rays: Sequence[LaidRay],
    tests: Tests,
    delta: float,
    rounds: tuple[int, ...],
    example: Example,
    basis: Basis,
    stop_early: bool,
) -> Verdict:
    """Judge a statement along rays.

    Args:
        statement: the statement.
        context: the run.
        source: where worst cases come from.
        rays: the rays, in the order in which they are tried.
        tests: the claim's own tests.
        delta: δ.
        rounds: data sets a point; a ray that stays undecided gets the next larger number.
        example: makes the example of a witness.
        basis: what a `holds` rests on.
        stop_early: whether the first violation ends the work (controls) or everything is tested.

    Returns:
        The verdict.
    """
    evidence, witness = list(tests.evidence), tests.witness
    observed: list[Observed] = []
    level = quantile_level(statement, delta)
    for number, laid in enumerate(rays):
        if stop_early and State.VIOLATED in [e.state for e in evidence]:
            break
        context.progress(number / len(rays), laid.ray.plan.name)
        judged, where = laid.statement or statement, laid.source or source
        one = observe(laid.ray, judged, context, where, delta, rounds, laid.sides)
        observed.append(one)
        evidence += [trend_evidence(one, side) for side in one.trends]
        evidence += [closed_evidence(one, side, level) for side in one.closed]
    if tests.after is not None:
        more, beyond = tests.after(observed)
        evidence += more
        witness = witness or beyond
    evidence += untested_range(statement) + proof_evidence(statement)
    state = combine([e.state for e in evidence])
    if state is State.VIOLATED and witness is None:
        witness = _ray_witness(observed, example, level)
    constant = None
    # A constant that may grow as ε falls has no single value: each design fails at some ε.
    if observed and state is not State.VIOLATED and statement.constants == "absolute":
        # Rays with statements of their own come in blocks; the first block's is the tightest that is exact.
        fitted = rays[0].statement or statement
        kept = [one for one, laid in zip(observed, rays, strict=False) if (laid.statement or statement) is fitted]
        points = [(p, e.certified) for one in kept for p, e in zip(one.ray.points, one.extremes, strict=True)]
        constant = fitted_constant(fitted, points, delta)
    drawn = [] if stop_early else [side for side in SIDES if any(side in one.trends for one in observed)]
    return Verdict(
        claim=statement.id,
        title=statement.title,
        kind="conjecture" if statement.kind == "conjecture" else "theorem",
        state=state,
        basis=Basis.SEARCHED if state is State.NOT_REFUTED else basis,
        summary=_summary(state, evidence, observed, delta, rounds, constant),
        constant=constant,
        witness=witness if state is State.VIOLATED else None,
        evidence=evidence,
        plots=[ratio_plot(observed, side) for side in drawn],
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


def _ray_witness(observed: list[Observed], example: Example, level: float) -> dict[str, Any] | None:
    """Describe the ray that climbs fastest, or one whose bound has no room, with its worst data set."""
    climbing = [(one, side) for one in observed for side, t in one.trends.items() if t.state is State.VIOLATED]
    if not climbing:
        closed = [
            (one, side)
            for one in observed
            for side, shares in one.closed.items()
            if all(e.tight for e in one.extremes) and all(share.low > 1 - level for share in shares)
        ]
        if not closed:
            return None
        one, side = closed[0]
        rows = point_rows(one.ray.points)
        return {"ray": one.ray.plan.name, "side": side, "points": rows, "example": example(one, side)}
    one, side = max(climbing, key=_steepness)
    trend, points = one.trends[side], one.ray.points
    scales = [math.log(p.scale) for p in points]
    exponent = abs(scales[-1] - scales[0]) / max(abs(math.log(points[0].eps / points[-1].eps)), 1e-9)
    return {
        "ray": one.ray.plan.name,
        "side": side,
        "slope": list(trend.slope or ()),
        "points": point_rows(points),
        "ratio": [r.estimate for r in trend.ratios],
        "fails_at": crossing_scales(trend, scales, exponent if exponent < 100 else 1.0),
        "scale": one.ray.scale_name,
        "example": example(one, side),
    }


def _steepness(item: tuple[Observed, str]) -> float:
    """Order climbing sides by how clearly they climb."""
    slope = item[0].trends[item[1]].slope
    return slope.low if slope else 0.0


def _summary(
    state: State,
    evidence: list[Evidence],
    observed: list[Observed],
    delta: float,
    rounds: tuple[int, ...],
    constant: dict[str, Any] | None,
) -> str:
    """Say the verdict in a sentence or two."""
    against = [e for e in evidence if e.state is State.VIOLATED]
    if against:
        return f"Refuted: {against[0].test}: {against[0].finding}."
    slopes = [t.slope.high for one in observed for t in one.trends.values() if t.slope]
    steepest = f"the steepest upper end of a slope is {max(slopes):+.3f}" if slopes else "every bound has slack"
    fitted = f"; fitted constant {constant['estimate']:.3g}" if constant and constant["estimate"] else ""
    level = f"ρ stays bounded on all {len(observed)} rays at δ = {delta}: {steepest} (limit 0.1)"
    if state is State.HOLDS:
        return f"{level}{fitted}."
    if state is State.NOT_REFUTED:
        return f"Nothing that was found contradicts it: {level}; no certificate covers every θ and direction."
    open_ = next(e for e in evidence if e.state in {State.INCONCLUSIVE, State.VACUOUS})
    more = "" if "reach" in open_.test else " Intervals of slopes shrink like one over the square root of their number."
    return f"Undecided after {rounds[-1]} data sets a point. {open_.test}: {open_.finding}.{more}"
