"""Deterministic statements about two jointly Gaussian variables u·x and v·x.

Their law depends on the two variances and the correlation ρ alone, so "for all S, u and v in any dimension" is a
statement about three numbers. A bound is refuted by one point beyond round-off; it holds if it is shown on the whole
region by the signs of coefficients (`theory.is_nonnegative`) on a covering of ρ in [−1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._proofs import proof_evidence
from verify.verdict import Basis, Evidence, Plot, State, Verdict, combine
from verify.witness import quadrature_moment

ROUND_OFF = 1e-9
COVERING_DEPTH = 6
"""ρ is split into at most 2^6 intervals on either side of 0."""


@dataclass(frozen=True)
class Quantity:
    """What is bounded, as a function of the variances and the correlation.

    Attributes:
        exact: the value by Isserlis' formula, for arrays and for SymPy expressions: (s, t, ρ) → value, with the
            standard deviations s of u·x and t of v·x.
        normalise: turns the moment E[(u·x)²(v·x)²] into the quantity: (moment, s², t², ρst) → value.
        symbols: values of the statement's symbols: (s, t, ρ) → mapping, likewise.
        scales: standard deviations that are tried.
    """

    exact: Callable[[Any, Any, Any], Any]
    normalise: Callable[[float, float, float, float], float]
    symbols: Callable[[Any, Any, Any], dict[str, Any]]
    scales: tuple[float, ...]


def judge_gaussian(statement: theory.Statement, quantity: Quantity, context: Context, stop_early: bool) -> Verdict:
    """Judge a deterministic statement.

    Args:
        statement: the statement.
        quantity: what it bounds.
        context: the run.
        stop_early: whether it is a control: then nothing is drawn.

    Returns:
        The verdict.
    """
    context.progress(0.1, "grid of correlations and scales")
    grid, witness = _grid_test(statement, quantity)
    evidence = [grid]
    context.progress(0.4, "quadrature at random covariances")
    evidence.append(_quadrature_test(statement, quantity, context))
    if combine([e.state for e in evidence]) is not State.VIOLATED:
        context.progress(0.6, "covering of the region")
        evidence.append(_covering_test(statement, quantity))
        evidence += proof_evidence(statement)
    shown = evidence[2].state is State.HOLDS if len(evidence) > 2 else False
    state = combine([e.state for e in evidence])
    if witness is None and state is State.VIOLATED:
        witness = evidence[1].figures["witness"]
    deciding = next((e for e in evidence if e.state is state), evidence[0])
    return Verdict(
        claim=statement.id,
        title=statement.title,
        kind="conjecture" if statement.kind == "conjecture" else "theorem",
        state=state,
        basis=Basis.EXACT if shown or state is State.VIOLATED else Basis.SEARCHED,
        summary=f"{'Refuted' if state is State.VIOLATED else 'Shown' if shown else 'Not refuted'}: {deciding.finding}.",
        witness=witness if state is State.VIOLATED else None,
        evidence=evidence,
        plots=[] if stop_early else [_plot(statement, quantity)],
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


def _excess(
    statement: theory.Statement, quantity: Quantity, s: Any, t: Any, rho: Any, value: Any
) -> dict[str, np.ndarray]:
    """By how much a value leaves each bound, relative to its size; positive beyond it."""
    at = quantity.symbols(s, t, rho)
    values = {name: number for name, number in at.items() if name in statement.symbols}
    lower, upper = statement.evaluate("lower", **values), statement.evaluate("upper", **values)
    size = np.abs(value)
    return {"lower": (np.asarray(lower) - value) / size, "upper": (value - np.asarray(upper)) / size}


def _grid_test(statement: theory.Statement, quantity: Quantity) -> tuple[Evidence, dict[str, Any] | None]:
    """Try a grid of correlations and scales, ends included."""
    scales = np.array(quantity.scales)
    s, t, rho = (x.ravel() for x in np.meshgrid(scales, scales, np.linspace(-1, 1, 801), indexing="ij"))
    value = quantity.exact(s, t, rho)
    excess = _excess(statement, quantity, s, t, rho, value)
    side = max(excess, key=lambda name: float(np.max(excess[name])))
    at = int(np.argmax(excess[side]))
    test = f"{rho.size} correlations and scales, the extreme ones included"
    if excess[side][at] <= ROUND_OFF:
        gaps = {name: float(-np.max(e)) for name, e in excess.items()}
        tight = ", ".join(f"{name} {gap:.2g}" for name, gap in gaps.items() if math.isfinite(gap))
        return Evidence(test, f"no violation; smallest relative distance to a bound: {tight}", State.OBSERVED), None
    witness = _witness(statement, quantity, float(s[at]), float(t[at]), float(rho[at]), side)
    finding = _beyond(witness)
    return Evidence(test, finding, State.VIOLATED, {"side": side}), witness


def _witness(
    statement: theory.Statement, quantity: Quantity, s: float, t: float, rho: float, side: str
) -> dict[str, Any]:
    """Build S = I, u and v with these variances and this correlation; the value comes from quadrature."""
    u = s * np.array([1.0, 0.0])
    v = t * np.array([rho, math.sqrt(max(0.0, 1 - rho * rho))])
    return _at(statement, quantity, np.eye(2), u, v) | {"side": side}


def _at(statement: theory.Statement, quantity: Quantity, S: np.ndarray, u: np.ndarray, v: np.ndarray) -> dict[str, Any]:
    """Evaluate the quantity by quadrature, and the bounds."""
    a, b, c = float(u @ S @ u), float(v @ S @ v), float(u @ S @ v)
    deviations = math.sqrt(a), math.sqrt(b)
    rho = max(-1.0, min(1.0, c / math.prod(deviations)))
    value = quantity.normalise(quadrature_moment(S, u, v), a, b, c)
    excess = _excess(statement, quantity, *deviations, rho, value)
    side = max(excess, key=lambda name: float(excess[name]))
    values = {name: number for name, number in quantity.symbols(*deviations, rho).items() if name in statement.symbols}
    bound = float(np.asarray(statement.evaluate(side, **values)))
    return {
        "S": S.tolist(),
        "u": u.tolist(),
        "v": v.tolist(),
        "rho": rho,
        "value": value,
        "side": side,
        "bound": bound,
        "excess": float(excess[side]),
        "recompute": "verify.witness.quadrature_moment(S, u, v), divided by uSu·vSv for g (minus uSv² where centred)",
    }


def _quadrature_test(statement: theory.Statement, quantity: Quantity, context: Context) -> Evidence:
    """Compare with Gauss–Hermite quadrature at random covariances: a route that knows nothing of Isserlis."""
    count = 200 if context.quick else 2000
    stream = streams.generator(context.seed, "covariances", (statement.base,))
    worst: dict[str, Any] = {"excess": -math.inf}
    for number in range(count):
        d = 1 + number % 5
        factor = stream.standard_normal((d, d)) + np.eye(d)
        u = stream.standard_normal(d)
        v = u if number % 7 == 0 else stream.standard_normal(d)
        found = _at(statement, quantity, factor @ factor.T, u, v)
        worst = max(worst, found, key=lambda item: item["excess"])
    test = f"Gauss–Hermite quadrature at {count} random (S, u, v), d = 1…5"
    if worst["excess"] > ROUND_OFF:
        finding = _beyond(worst)
        return Evidence(test, finding, State.VIOLATED, {"witness": worst})
    return Evidence(test, f"no violation; largest relative excess {worst['excess']:.1e}", State.OBSERVED)


def _beyond(witness: dict[str, Any]) -> str:
    """Say how a witness leaves a bound."""
    at = f"at ρ = {witness['rho']:.4g} the value is {witness['value']:.6g}"
    return f"{at} and the {witness['side']} bound {witness['bound']:.6g}"


def _covering_test(statement: theory.Statement, quantity: Quantity) -> Evidence:
    """Show the bounds on the whole region, ρ in [−1, 1] and all variances."""
    test = "the whole region, by signs of coefficients on a covering of ρ"
    unshown = [side for side in ("lower", "upper") if not _covered(statement, quantity, side)]
    if unshown:
        found = f"the {' and the '.join(unshown)} bound could not be shown on the whole region, only searched"
        return Evidence(test, found, State.NOT_REFUTED)
    return Evidence(test, "both bounds hold for every covariance, u and v, in every dimension", State.HOLDS)


def _covered(statement: theory.Statement, quantity: Quantity, side: str) -> bool:
    """Show one bound on the whole region."""
    bound = getattr(statement, side)
    if bound is None:
        return True
    s, t, size = sympy.symbols("s t rho", positive=True)
    for sign in (1, -1):
        values = quantity.symbols(s, t, sign * size)
        replaced = bound.xreplace({free: values[free.name] for free in bound.free_symbols})
        gap = quantity.exact(s, t, sign * size) - replaced
        gap = sympy.simplify(gap if side == "lower" else -gap)
        if not gap.is_nonnegative and not _shown(gap, (s, t), size, (0, 1), COVERING_DEPTH):
            return False
    return True


def _shown(
    gap: sympy.Expr, scales: tuple[sympy.Symbol, ...], rho: sympy.Symbol, ends: tuple[Any, Any], depth: int
) -> bool:
    """Show that a function is non-negative for |ρ| between two numbers, splitting the interval where needed."""
    if not gap.is_rational_function(*scales, rho):
        return False
    box = {symbol: (0, None) for symbol in scales if gap.has(symbol)}
    if theory.is_nonnegative(gap, {**box, rho: ends}):
        return True
    middle = sympy.Rational(sum(ends)) / 2
    if depth == 0 or gap.subs(rho, middle).is_negative:
        return False
    halves = (ends[0], middle), (middle, ends[1])
    return all(_shown(gap, scales, rho, half, depth - 1) for half in halves)


def _plot(statement: theory.Statement, quantity: Quantity) -> Plot:
    """Draw value and bounds against ρ at unit variances."""
    rho = np.linspace(-1, 1, 101)
    ones = np.ones_like(rho)
    values = {name: x for name, x in quantity.symbols(ones, ones, rho).items() if name in statement.symbols}
    series: list[dict[str, Any]] = [
        {"label": "exact value", "x": rho.tolist(), "y": quantity.exact(ones, ones, rho).tolist(), "style": "line"}
    ]
    for side in ("lower", "upper"):
        bound = np.broadcast_to(statement.evaluate(side, **values), rho.shape)
        if np.isfinite(bound).all():
            series.append({"label": f"{side} bound", "x": rho.tolist(), "y": bound.tolist(), "style": "bound"})
    return Plot(
        title=f"{statement.id}: value and bounds against the correlation",
        alt="The exact population value as a function of the correlation ρ between −1 and 1, with the bounds.",
        x_label="ρ",
        y_label="value at unit variances",
        series=series,
        x_log=False,
        y_log=False,
    )
