"""Lemma E.5: fourth moments of Gaussian vectors along one fixed direction.

Problem:
    ‖(1/n)Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖ ≤ ε is claimed with probability 1 − δ, with constants that are left open and may
    depend on ε; so no single data set can refute it.

Method:
    At fixed ε the dimension grows and n follows the conditions with fixed constants: the (1 − δ) quantile of the norm,
    which is computed exactly, must not climb. How the conditions depend on δ is tested at d = 1 by the probability that
    one long row alone spoils the bound, P(max zᵢ⁴ > (3 + ε) n), which is computed: at that δ the conditions must not be
    met with ever larger constants as n grows.

Guarantee:
    `holds` when no ray climbs and the constants that rare rows contradict stay bounded. Alterations are judged by the
    same rays; that says little about other ε and δ, and those that say more than the original are at best *not
    refuted*.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from scipy import special

import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._covered import covered
from verify.claims._proofs import proof_evidence
from verify.data_sets import DataSets
from verify.designs import Design
from verify.errors import VerifyError
from verify.failure import allowed_delta, quantile_level
from verify.rays import Ray, RayPoint, symbol_values
from verify.trend import HOLDS_BELOW, VIOLATED_ABOVE, Trend, judge_trend
from verify.uniform_rays import dimension_ray, lay_uniform_ray
from verify.verdict import Basis, Evidence, Plot, State, Verdict, combine

PLANS = {
    "quick": (dimension_ray(0.5, (8, 12, 18, 27, 40), 300, 1),),
    "full": (dimension_ray(0.5, (8, 16, 32, 64, 128), 300, 1), dimension_ray(0.25, (8, 16, 32, 64, 128), 1500, 1)),
}
ROUNDS = {"quick": (60, 120, 240), "full": (60, 120, 240)}
DELTA = 0.1
RARE_EPS = 0.5
RARE_N = np.geomspace(1e3, 4e5, 9).round()
"""Numbers of samples at which rare rows are computed: their probability falls to about 10⁻²⁵⁰."""


class Observations(DataSets):
    """Norms by design and data set.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context, partial(error, context.seed), ["error"])


def error(seed: int, item: tuple[Design, int]) -> tuple[float]:
    """Compute ‖(1/n)Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖ on one data set, for v the first coordinate.

    Args:
        seed: the run's seed.
        item: an isotropic design and the number of the data set.

    Returns:
        The norm, exact. O(nd²).
    """
    design, trial = item
    return (float(np.max(np.abs(np.linalg.eigvalsh(_deviation(design.draw(seed, trial)))))),)


def _deviation(z: np.ndarray) -> np.ndarray:
    """Return (1/n)Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ), v the first coordinate."""
    n, d = z.shape
    deviation = (z * z[:, :1] ** 2).T @ z / n - np.eye(d)
    deviation[0, 0] -= 2
    return deviation


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma E.5 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    context.progress(0.1, "rare rows")
    rare, witness = _rare_rows(statement)
    evidence, plots = [rare], list[Plot]()
    for plan in PLANS[context.profile]:
        if stop_early and witness is not None:
            break
        context.progress(0.3, plan.name)
        ray = lay_uniform_ray(plan, statement, DELTA)
        samples, trend = _observed(ray, statement, context, observations)
        evidence.append(Evidence(f"ray: {plan.name}", trend.sentence(), trend.state, _figures(ray, trend)))
        plots.append(_plot(statement, ray, trend))
        if trend.state is State.VIOLATED and witness is None:
            witness = _witness(ray, statement, samples, trend, context.seed)
    if witness is None and statement.altered and not covered(statement, theory.statement(statement.base)):
        finding = "it could not be shown to follow from the original: other ε, δ and d were not tried"
        evidence.append(Evidence(f"comparison with statement {statement.base}", finding, State.NOT_REFUTED))
    if not (context.quick or statement.altered):
        evidence += proof_evidence(statement)
    state = combine([e.state for e in evidence])
    deciding = next((e for e in reversed(evidence) if e.state is state), evidence[0])
    opening = {State.VIOLATED: "Refuted", State.HOLDS: "Supported", State.NOT_REFUTED: "Not refuted"}
    return Verdict(
        claim=statement.id,
        title=statement.title,
        kind="conjecture" if statement.kind == "conjecture" else "theorem",
        state=state,
        basis=Basis.SAMPLED if state is State.NOT_REFUTED else Basis.EXACT,
        summary=f"{opening.get(state, 'Undecided')}: {deciding.test}: {deciding.finding}.",
        witness=witness if state is State.VIOLATED else None,
        evidence=evidence,
        plots=[] if stop_early else plots,
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


def _observed(
    ray: Ray, statement: theory.Statement, context: Context, observations: Observations
) -> tuple[list[np.ndarray], Trend]:
    """Draw data sets until the trend of the norm over its bound is decided."""
    designs = [point.design for point in ray.points]
    level = quantile_level(statement, DELTA)
    bounds = [_bound(statement, point) for point in ray.points]
    for trials in ROUNDS[context.profile]:
        samples = [values[:, 0] for values in observations.values(designs, trials)]
        ratios = [np.log(sample / bound) for bound, sample in zip(bounds, samples, strict=True)]
        stream = streams.generator(context.seed, "bootstrap", (ray.plan.name, "fixed direction", trials))
        trend = judge_trend([math.log(point.scale) for point in ray.points], ratios, level, stream)
        if trend.state is not State.INCONCLUSIVE:
            break
    return samples, trend


def _bound(statement: theory.Statement, point: RayPoint) -> float:
    """Evaluate the upper bound at a point; its logarithm is compared."""
    bound = float(np.asarray(statement.evaluate("upper", **symbol_values(statement, point.design, point.eps, DELTA))))
    if bound <= 0:
        raise VerifyError(f"upper: expected a positive bound of a norm, got {bound:g} at d = {point.design.d}")
    return bound


def rare_row_log_probability(n: np.ndarray, eps: float | np.ndarray) -> np.ndarray:
    """Compute the probability that one of n rows alone breaks the bound at d = 1.

    Where zᵢ⁴ > (3 + ε) n, the mean of the fourth powers is above 3 + ε, whatever the other rows are.

    Args:
        n: numbers of samples, shape (m,).
        eps: ε, a number or shape (m,).

    Returns:
        Natural logarithm of P(maxᵢ zᵢ⁴ > (3 + ε) n), shape (m,).
    """
    row = math.log(2) + special.log_ndtr(-(((3 + eps) * n) ** 0.25))
    # 1 − (1 − p)ⁿ, where p may be far below the rounding error of 1.
    return np.asarray(np.log(-np.expm1(n * np.log1p(-np.exp(row)))))


def _rare_rows(statement: theory.Statement) -> tuple[Evidence, dict[str, Any] | None]:
    """Follow the constants that are contradicted as δ falls to the probability of a rare row."""
    test = f"rare rows at d = 1, ε = {RARE_EPS:g}, n up to {RARE_N[-1]:.0f}"
    assert statement.upper is not None
    names = {symbol.name for symbol in statement.upper.free_symbols}
    if "delta" in names:
        return Evidence(test, "δ is looked for, and the bound contains it", State.OBSERVED), None
    at = {"eps": RARE_EPS, "n": RARE_N, "d": 1.0}
    bound = np.asarray(statement.evaluate("upper", **{name: value for name, value in at.items() if name in names}))
    if np.any(bound <= 0):
        raise VerifyError(f"upper: expected a positive bound of a norm, got {float(np.min(bound)):g} at d = 1")
    eps = np.broadcast_to(bound, RARE_N.shape)
    # Half of the probability is less than what happens.
    allowed = [allowed_delta(statement, float(log) - math.log(2)) for log in rare_row_log_probability(RARE_N, eps)]
    if None in allowed:
        return Evidence(test, "the statement allows this much failure at every δ", State.OBSERVED), None
    deltas = np.array(allowed, dtype=np.float64)
    values = {"eps": RARE_EPS, "delta": deltas, "n": RARE_N, "d": np.ones_like(RARE_N)}
    known = {name: value for name, value in values.items() if name in statement.symbols}
    asked = [np.broadcast_to(f, RARE_N.shape) for f in statement.evaluate("sample_size", **known)]
    largest = np.maximum.reduce([np.full(RARE_N.shape, 1e-300), *asked])
    constants = RARE_N / largest
    slope = float(np.polyfit(np.log(RARE_N), np.log(constants), 1)[0])
    figures = {"n": RARE_N, "delta": deltas, "contradicted_constants": constants, "slope": slope}
    finding = f"constants up to {constants[0]:.3g} … {constants[-1]:.3g} are contradicted, slope {slope:+.3f}"
    if slope <= VIOLATED_ABOVE:
        return Evidence(test, f"{finding}: they stay bounded", State.OBSERVED, figures), None
    state = State.VIOLATED if slope > HOLDS_BELOW else State.INCONCLUSIVE
    evidence = Evidence(test, f"{finding}: with n, every constant is contradicted", state, figures)
    how = "P(max zᵢ⁴ > (3 + ε) n) for n standard Gaussians is above δ, and then the mean of zᵢ⁴ is above 3 + ε"
    witness = {"d": 1, "eps": RARE_EPS, **figures, "recompute": how}
    return evidence, witness if state is State.VIOLATED else None


def _witness(
    ray: Ray, statement: theory.Statement, samples: list[np.ndarray], trend: Trend, seed: int
) -> dict[str, Any]:
    """Describe the ray, with its worst data set computed again along its worst direction."""
    point, trial = ray.points[-1], int(np.argmax(samples[-1]))
    deviation = _deviation(point.design.draw(seed, trial))
    values, vectors = np.linalg.eigh(deviation)
    w = vectors[:, int(np.argmax(np.abs(values)))]
    z = point.design.draw(seed, trial)
    exact = 1 + 2 * w[0] ** 2
    value = abs(math.fsum((row[0] * (row @ w)) ** 2 for row in z) / len(z) - exact)
    how = "|(1/n)Σ (v·zᵢ)²(w·zᵢ)² − (1 + 2(v·w)²)| for v the first coordinate"
    example = {"eps": point.eps, "value": value, "bound": _bound(statement, point), "w": w.tolist(), "recompute": how}
    return {
        "ray": ray.plan.name,
        "slope": list(trend.slope or ()),
        "ratio": [ratio.estimate for ratio in trend.ratios],
        **_figures(ray, trend),
        "example": point.design.recipe(seed, trial) | example,
    }


def _figures(ray: Ray, trend: Trend) -> dict[str, Any]:
    """The numbers behind a ray's sentence."""
    points = [{"eps": point.eps, "n": point.design.n, "d": point.design.d} for point in ray.points]
    return {"points_of_ray": points, "constants": ray.constants, "ratios": [list(ratio) for ratio in trend.ratios]}


def _plot(statement: theory.Statement, ray: Ray, trend: Trend) -> Plot:
    """Draw the quantile of the norm over its bound."""
    series = {
        "label": f"{1 - DELTA:.0%} quantile",
        "x": [point.scale for point in ray.points],
        "y": [ratio.estimate for ratio in trend.ratios],
        "low": [ratio.low for ratio in trend.ratios],
        "high": [min(ratio.high, 1e6) for ratio in trend.ratios],
        "style": "line",
    }
    return Plot(
        title=f"{statement.id}: norm over its bound, {ray.plan.name}",
        alt="The quantile of the norm over its bound against the dimension; level or falling lines support the lemma.",
        x_label=ray.scale_name,
        y_label="norm over bound",
        series=[series],
    )
