"""Statements that hold with a probability and whose constants are explicit: how often do they fail?

At given values of its symbols such a statement allows a share of failures, 1 minus its probability. Where the
probability of failure can be computed it is compared with that share; elsewhere independent data sets are drawn and
the interval of Clopper and Pearson (1934) for their failures is. Where the worst case over directions is bracketed,
failures of what was found may refute and only certified values may support.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import theory
from verify.claims._context import Context
from verify.claims._covered import covered
from verify.claims._proofs import proof_evidence
from verify.claims._trials import Computed, Item, Observations, Sampled
from verify.statistics import Interval, clopper_pearson
from verify.verdict import Basis, Evidence, Plot, State, Verdict, combine

FALSE_ALARM = 1e-6
"""Probability with which a true statement may be refuted by its data sets, all points and rounds together."""
DOUBT = 1e-3
"""Probability with which a point may support a false statement, in each round."""
ROUNDS = {"quick": (1, 4), "full": (4, 16)}
"""Data sets of a point, in units of the fewest that can support; later rounds only where earlier ones do not decide."""
ROUND_OFF = 1e-9
"""Relative excess over a probability that rounding errors may cause."""
SMALLEST = 1e-290
"""Shares of failures below this are not compared."""
SIDES = ("lower", "upper")
MOST_WITHOUT_LEVEL = 100
"""Data sets where a statement allows no failure, so that none can support it."""


class _Tested(NamedTuple):
    """What one point says."""

    evidence: Evidence
    witness: dict[str, Any] | None


def judge_failures(
    statement: theory.Statement,
    context: Context,
    observations: Observations,
    points: Sequence[Sampled | Computed],
    stop_early: bool,
    remarks: Sequence[Evidence] = (),
) -> Verdict:
    """Judge a statement that may fail with a given probability.

    Args:
        statement: the statement, altered or not.
        context: the run.
        observations: the data sets.
        points: where it is judged, what costs least first.
        stop_early: whether one violation is enough to know.
        remarks: what else is to be told, such as points that cost too much.

    Returns:
        The verdict: violated where at some point more failures are sure than allowed, holds where every point has at
        most as many as allowed; `inconclusive` without points.
    """
    tested: list[_Tested] = []
    rest = list(points)
    looks = max(1, len(points) * len(ROUNDS[context.profile]))
    while rest and not (stop_early and any(one.witness for one in tested)):
        point = rest.pop(0)
        context.progress(len(tested) / len(points), point.name)
        if isinstance(point, Computed):
            tested.append(_test_computed(statement, point))
        else:
            # Once the statement is refuted, more data sets elsewhere change nothing.
            rounds = ROUNDS[context.profile][: 1 if any(one.witness for one in tested) else None]
            tested.append(_test_sampled(statement, rounds, observations, point, FALSE_ALARM / looks))
    evidence = [one.evidence for one in tested]
    witness = next((one.witness for one in tested if one.witness), None)
    if witness is None:
        evidence += _elsewhere(statement, context)
    state = combine([e.state for e in evidence])
    return Verdict(
        claim=statement.id,
        title=statement.title,
        kind="conjecture" if statement.kind == "conjecture" else "theorem",
        state=state,
        basis=_basis(state, evidence),
        summary=_summary(state, evidence, witness),
        witness=witness,
        evidence=[*evidence, *remarks],
        plots=[] if stop_early else _plots(statement, evidence),
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


def allowed_share(statement: theory.Statement, symbols: Mapping[str, Any]) -> np.ndarray:
    """Compute the share of failures that a statement allows.

    Args:
        statement: the statement.
        symbols: values of its symbols, numbers or arrays.

    Returns:
        1 minus its probability, in the shape of δ; computed without cancellation where it is δ itself.
    """
    if statement.probability is None:
        return np.zeros(np.shape(symbols.get("delta", 0.0)))
    # 1 − (1 − δ) in floats is 0 for a small δ.
    return np.asarray(statement.replace(lower=None, upper=1 - statement.probability).evaluate("upper", **symbols))


def fewest_data_sets(share: float) -> int:
    """Find how many data sets without a failure support a share of failures.

    Args:
        share: the share that is allowed.

    Returns:
        The smallest T whose one-sided upper end at 99.9 % is at most the share; 100 where no failure is allowed.
    """
    if share <= 0:
        return MOST_WITHOUT_LEVEL
    return 1 if share >= 1 - DOUBT else math.ceil(math.log(DOUBT) / math.log1p(-share) - 1e-12)


def _test_sampled(
    statement: theory.Statement,
    rounds: Sequence[int],
    observations: Observations,
    point: Sampled,
    false_alarm: float,
) -> _Tested:
    """Count failures, on more data sets where the first ones decide nothing."""
    own = _own(statement, point.symbols)
    bounds = {side: float(np.asarray(statement.evaluate(side, **own))) for side in SIDES}
    share = float(allowed_share(statement, own))
    state = State.INCONCLUSIVE
    figures: dict[str, Any] = {}
    for factor in rounds:
        trials = min(factor * fewest_data_sets(share), point.most)
        if trials == figures.get("data_sets"):
            break
        values = observations.values(point, trials)
        state, figures = _counted(values, bounds, share, false_alarm)
        if not _may_change(state, figures, point.refutes_only):
            break
    finding = _finding(values, bounds, point.centre, figures)
    if point.refutes_only and state is not State.VIOLATED:
        state, finding = State.OBSERVED, f"{finding} (a part of the worst case alone, which can only refute)"
    evidence = Evidence(point.name, finding, state, figures)
    if state is not State.VIOLATED:
        return _Tested(evidence, None)
    return _confirmed(point, evidence, Item(observations.seed, point.design, 0), values, bounds)


def _may_change(state: State, figures: Mapping[str, Any], refutes_only: bool) -> bool:
    """Say whether more data sets may decide a point."""
    if refutes_only:
        return state is not State.VIOLATED and figures["failures"] > 0
    hopeless = figures["failures_not_excluded"] > figures["allowed"] * figures["data_sets"]
    return state is State.INCONCLUSIVE or (state is State.NOT_REFUTED and not hopeless)


def _counted(
    values: np.ndarray, bounds: Mapping[str, float], share: float, false_alarm: float
) -> tuple[State, dict[str, Any]]:
    """Compare the intervals of the failures with the share that is allowed."""
    trials = len(values)
    found, certified = (
        int(np.sum((values[:, at] < bounds["lower"]) | (values[:, at + 1] > bounds["upper"]))) for at in (0, 2)
    )
    least = clopper_pearson(found, trials, 1 - 2 * false_alarm).low
    most, most_found = (clopper_pearson(count, trials, 1 - 2 * DOUBT).high for count in (certified, found))
    figures = {
        "data_sets": trials,
        "failures": found,
        "failures_not_excluded": certified,
        "allowed": share,
        "at_least": least,
        "at_most": most,
        **{name: bound for name, bound in bounds.items() if math.isfinite(bound)},
    }
    if least > share:
        return State.VIOLATED, figures
    if most <= share or share >= 1:
        return State.HOLDS, figures
    return (State.NOT_REFUTED if most_found <= share else State.INCONCLUSIVE), figures


def _finding(values: np.ndarray, bounds: Mapping[str, float], centre: float, figures: dict[str, Any]) -> str:
    """Say how many fail, and how far inside the bounds the others lie."""
    count, trials, share = figures["failures"], figures["data_sets"], figures["allowed"]
    interval = Interval(count / trials, figures["at_least"], figures["at_most"])
    end = f"at least {interval.low:.3g}" if interval.low > share else f"at most {interval.high:.3g}"
    text = f"{count} failures in {trials} data sets, {end} where {share:.3g} is allowed"
    used = []
    for side, end, extreme in (("above", "upper", np.max(values[:, 1])), ("below", "lower", np.min(values[:, 0]))):
        if math.isfinite(bounds[end]) and bounds[end] != centre:
            reach = float((extreme - centre) / (bounds[end] - centre))
            figures[f"room_used_{side}"] = reach
            used.append(f"{100 * reach:.3g} % of the room {side}")
    return f"{text}; the largest deviation takes {' and '.join(used)}" if used else text


def _confirmed(
    point: Sampled, evidence: Evidence, first: Item, values: np.ndarray, bounds: Mapping[str, float]
) -> _Tested:
    """Compute the clearest failure again by the definitions."""
    beyond = {"lower": bounds["lower"] - values[:, 0], "upper": values[:, 1] - bounds["upper"]}
    side = max(beyond, key=lambda name: float(np.max(beyond[name])))
    trial = int(np.argmax(beyond[side]))
    value, recipe = point.again(first._replace(trial=trial), side)
    outside = value < bounds["lower"] if side == "lower" else value > bounds["upper"]
    if not outside:
        finding = f"{evidence.finding}; plain arithmetic did not confirm the clearest failure"
        return _Tested(Evidence(point.name, finding, State.INCONCLUSIVE, evidence.figures), None)
    named = {"seed": first.seed, "trial": trial, "side": side, "value": value, "bound": bounds[side]}
    counts = {name: evidence.figures[name] for name in ("failures", "data_sets", "allowed", "at_least")}
    return _Tested(evidence, {"points": point.name, **recipe, "symbols": dict(point.symbols), **named, **counts})


def _test_computed(statement: theory.Statement, points: Computed) -> _Tested:
    """Compare probabilities of failure with what is allowed."""
    lower, upper = (statement.evaluate(side, **_own(statement, points.symbols)) for side in SIDES)
    shape = np.broadcast_shapes(*(np.shape(x) for x in points.symbols.values()))
    lower, upper = np.broadcast_to(lower, shape), np.broadcast_to(upper, shape)
    allowed = np.broadcast_to(allowed_share(statement, _own(statement, points.symbols)), shape)
    probability = points.outside(lower, upper)
    # A share that underflows says nothing; one that is 0 forbids every failure.
    forbidden = statement.probability is None or statement.probability == 1
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(allowed > SMALLEST, probability / allowed, np.inf if forbidden else 0.0)
    ratio = np.where(probability > 0, ratio, 0.0)
    at = tuple(map(int, np.unravel_index(int(np.argmax(ratio)), shape)))
    largest = float(ratio[at])
    figures = {"points": int(ratio.size), "largest_share_of_allowed": largest}
    finding = f"at {ratio.size} points the probability of failure is at most {largest:.3g} of what is allowed"
    if largest <= 1 + ROUND_OFF:
        return _Tested(Evidence(points.name, finding, State.HOLDS, figures), None)
    ends = float(lower[at]), float(upper[at])
    again, recipe = points.again(at, *ends)
    finding = f"the probability of failure is up to {largest:.3g} times what is allowed"
    if not again > float(allowed[at]) * (1 + ROUND_OFF):
        finding += "; plain arithmetic did not confirm the largest"
        return _Tested(Evidence(points.name, finding, State.INCONCLUSIVE, figures), None)
    symbols = {name: float(np.broadcast_to(value, shape)[at]) for name, value in points.symbols.items()}
    within = {name: end for name, end in zip(SIDES, ends, strict=True) if math.isfinite(end)}
    witness = {"points": points.name, **recipe, "symbols": symbols, **within, "quantity": "probability of failure"}
    witness |= {"value": again, "bound": float(allowed[at])}
    return _Tested(Evidence(points.name, finding, State.VIOLATED, figures), witness)


def _own(statement: theory.Statement, symbols: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the symbols that the statement has."""
    return {name: value for name, value in symbols.items() if name in statement.symbols}


def _elsewhere(statement: theory.Statement, context: Context) -> list[Evidence]:
    """Say what covers the points that were not tried."""
    original = theory.statement(statement.base)
    if not statement.altered:
        # Executing every proof takes longer than the quick profile's data sets.
        return [] if context.quick else proof_evidence(original)
    test = f"comparison with statement {statement.base}"
    if covered(statement, original):
        return [Evidence(test, "it says no more than the original", State.HOLDS)]
    finding = "it could not be shown to follow from the original: elsewhere nothing covers it"
    return [Evidence(test, finding, State.NOT_REFUTED)]


def _basis(state: State, evidence: Sequence[Evidence]) -> Basis:
    """Say how the worst case was found."""
    if state is State.VIOLATED:
        return Basis.EXACT
    supporting = [e.figures for e in evidence if e.state is not State.OBSERVED]
    bracketed = any(figures.get("failures") != figures.get("failures_not_excluded") for figures in supporting)
    if state is State.HOLDS:
        return Basis.CERTIFIED if bracketed else Basis.EXACT
    return Basis.SEARCHED if bracketed else Basis.SAMPLED


def _summary(state: State, evidence: Sequence[Evidence], witness: Mapping[str, Any] | None) -> str:
    """Say the verdict in a sentence."""
    if all(e.state is State.OBSERVED for e in evidence):
        return "Undecided: no point that could support is affordable under these conditions."
    if witness is not None:
        one = next(e for e in evidence if e.state is State.VIOLATED)
        return f"Refuted: {one.test}: {one.finding}; computed again."
    if state is State.HOLDS:
        used = [float(e.figures[name]) for e in evidence for name in e.figures if name.startswith("room_used")]
        shares = [float(e.figures["largest_share_of_allowed"]) for e in evidence if "points" in e.figures]
        parts = [f"the largest deviation takes {100 * max(used):.3g} % of its room"] if used else []
        parts += [f"computed failures reach {max(shares):.3g} of what is allowed"] if shares else []
        return f"Supported at every point; {', and '.join(parts)}." if parts else "Supported at every point."
    one = next(e for e in evidence if e.state is state)
    return f"{'Not refuted' if state is State.NOT_REFUTED else 'Undecided'}: {one.test}: {one.finding}."


def _plots(statement: theory.Statement, evidence: Sequence[Evidence]) -> list[Plot]:
    """Draw how much of the room the data sets take at each point."""
    series = []
    for side in ("above", "below"):
        name = f"room_used_{side}"
        found = [(k, float(e.figures[name])) for k, e in enumerate(evidence, start=1) if name in e.figures]
        if found:
            places, shares = zip(*found, strict=True)
            series.append({"label": f"largest deviation {side}", "x": places, "y": shares, "style": "points"})
    if not series:
        return []
    ends = [1, len(evidence)]
    series.append({"label": "bound", "x": ends, "y": [1.0, 1.0], "style": "bound"})
    return [
        Plot(
            title=f"{statement.id}: largest deviation over the room that the bound leaves",
            alt="The largest deviation on any data set at each point, as a share of the room that the bound leaves.",
            x_label="point",
            y_label="share of the room",
            series=series,
            x_log=False,
            y_log=False,
        )
    ]
