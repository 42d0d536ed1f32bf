"""Deterministic statements on points: exact extremes of a quantity at many values of a statement's symbols.

One point beyond a bound refutes, once plain arithmetic has computed it again. Points alone never show that a bound
holds elsewhere: for that the statement's proof is executed; a user's variant holds if its bounds are nowhere stronger
than those of the proved original (`verify.claims._implied`), and else is not refuted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import theory
from verify.claims._context import Context
from verify.claims._implied import nowhere_stronger
from verify.claims._precise import precise_value
from verify.claims._proofs import proof_evidence
from verify.ratios import SIDES
from verify.verdict import Basis, Evidence, Plot, State, Verdict, combine

ROUND_OFF = 1e-9
"""Relative excess over a bound that rounding errors may cause."""
CLEAR = 1e-6
"""Relative excess from which on the witness is chosen for its size."""
MOST_TRIED = 3
"""Groups, and points of each side in them, that are computed again before a violation counts as unconfirmed."""


@dataclass(frozen=True)
class Again:
    """A point computed again by the definitions.

    Attributes:
        symbols: the values of the statement's symbols.
        value: the quantity.
        recipe: what reproduces it.
    """

    symbols: Mapping[str, float]
    value: float
    recipe: Mapping[str, Any]


@dataclass(frozen=True)
class Points:
    """Extremes of a quantity at values of a statement's symbols.

    Attributes:
        name: what the points are, for the reader; groups of one name are reported together.
        symbols: the symbols' values, arrays that broadcast to the shape of the extremes.
        low: smallest value of the quantity at each point.
        high: largest value.
        again: computes one extreme at a point by the definitions: its index and "lower" or "upper" → the point.
        cost: about how many operations that takes, an array that broadcasts to the shape of the extremes.
        unit: size of the terms whose difference the quantity is; rounding errors are relative to a thousandth of it at
            least. 0 for quantities without cancellation.
    """

    name: str
    symbols: Mapping[str, Any]
    low: np.ndarray
    high: np.ndarray
    again: Callable[[tuple[int, ...], str], Again]
    cost: Any = 1.0
    unit: float = 0.0

    def bound(self, statement: theory.Statement, side: str) -> np.ndarray:
        """Evaluate a bound at every point.

        Args:
            statement: the statement.
            side: "lower" or "upper".

        Returns:
            The bound, infinite where there is none, in the shape of the extremes.
        """
        return self.at(statement, side, self.symbols, self.low.shape)

    def at(
        self, statement: theory.Statement, side: str, symbols: Mapping[str, Any], shape: tuple[int, ...] = ()
    ) -> np.ndarray:
        """Evaluate a bound at given values of the symbols.

        Args:
            statement: the statement.
            side: "lower" or "upper".
            symbols: the values.
            shape: what they broadcast to.

        Returns:
            The bound, of that shape.
        """
        return np.broadcast_to(statement.evaluate(side, **symbols), shape)

    def precisely(self, statement: theory.Statement, side: str, symbols: Mapping[str, float]) -> float:
        """Evaluate a bound at one point with many digits: how it is written must not decide.

        Args:
            statement: the statement.
            side: "lower" or "upper".
            symbols: values of the symbols.

        Returns:
            The bound, in floats where it is not a finite real number.
        """
        expression = getattr(statement, side)
        value = None if expression is None else precise_value(expression, symbols)
        return float(self.at(statement, side, symbols) if value is None else value)

    def says_nothing(self, bound: np.ndarray, side: str) -> np.ndarray:
        """Say where a bound is trivial: all quantities are non-negative.

        Args:
            bound: what `bound` returned.
            side: "lower" or "upper".

        Returns:
            An array of booleans.
        """
        return bound <= 0 if side == "lower" else np.isposinf(bound)

    def excess(self, value: Any, bound: Any, side: str) -> np.ndarray:
        """Compute by how much values leave a bound, relative to the larger of the two; positive beyond it.

        Args:
            value: values of the quantity.
            bound: the bound there.
            side: "lower" or "upper".

        Returns:
            The excess; 1 where one of the two is infinite or zero, and −∞ where both are the same infinity.
        """
        value, bound = np.asarray(value, dtype=np.float64), np.asarray(bound, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = bound - value if side == "lower" else value - bound
            relative = difference / np.maximum(np.maximum(np.abs(value), np.abs(bound)), 1e-3 * self.unit)
        relative = np.where(np.isinf(difference), np.sign(difference), relative)
        return np.where(np.isnan(relative), -np.inf, relative)

    def room(self, bound: np.ndarray, side: str) -> float:
        """Compute how close the quantity comes to a bound.

        Args:
            bound: what `bound` returned.
            side: "lower" or "upper".

        Returns:
            The smallest ratio of the two, at least 1 where the bound holds; infinite where it is trivial everywhere.
        """
        telling = ~self.says_nothing(bound, side)
        large, small = (self.low, bound) if side == "lower" else (bound, self.high)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratios = np.where(telling, large / small, np.inf)
        return float(np.min(np.where(np.isnan(ratios), np.inf, ratios), initial=math.inf))


def judge_points(
    statement: theory.Statement,
    context: Context,
    points: Sequence[Points],
    plots: Sequence[Plot] = (),
    remarks: Sequence[Evidence] = (),
) -> Verdict:
    """Judge a deterministic statement.

    Args:
        statement: the statement, altered or not.
        context: the run.
        points: the points.
        plots: figures for the report.
        remarks: what was observed besides.

    Returns:
        The verdict.
    """
    context.progress(0.5, "points against bounds")
    tested = [_test(statement, group) for group in points]
    witness = _witness(statement, [one for one in tested if one.beyond], context)
    evidence = _by_name(tested, witness is not None)
    if witness is None:
        context.progress(0.9, "what covers all other points")
        trivial = all(one.trivial for one in tested)
        evidence += [_rounded()] if trivial and _hidden(statement, points) else _elsewhere(statement, trivial)
    state = combine([e.state for e in evidence])
    deciding = next((e for e in reversed(evidence) if e.state is state), evidence[0])
    opening = {
        State.VIOLATED: "Refuted",
        State.HOLDS: "Shown",
        State.NOT_REFUTED: "Not refuted",
        State.VACUOUS: "Vacuous",
    }
    return Verdict(
        claim=statement.id,
        title=statement.title,
        kind="conjecture" if statement.kind == "conjecture" else "theorem",
        state=state,
        basis=Basis.EXACT if state in {State.HOLDS, State.VIOLATED} else Basis.SEARCHED,
        summary=_summary(opening.get(state, "Undecided"), deciding, evidence, witness),
        witness=witness if state is State.VIOLATED else None,
        evidence=[*evidence, *remarks],
        plots=plots,
        altered=statement.altered,
        change_note=statement.change_note,
        statement=statement.to_dict(),
    )


class _Tested(NamedTuple):
    """What one group of points says.

    Attributes:
        points: the group.
        told: how many points each bound says something at, by side.
        closest: smallest ratio of quantity and bound, by side.
        beyond: points beyond a bound, the ones to be computed again first: side, index, relative excess.
        violations: how many there are.
    """

    points: Points
    told: dict[str, int]
    closest: dict[str, float]
    beyond: list[tuple[str, tuple[int, ...], float]]
    violations: int

    @property
    def trivial(self) -> bool:
        """Whether the bounds say nothing at any point."""
        return not any(self.told.values())

    @property
    def urgency(self) -> tuple[bool, float]:
        """What puts clear violations first, and among them those that take little to compute again."""
        _side, index, excess = self.beyond[0]
        cost = np.broadcast_to(self.points.cost, self.points.low.shape)[index]
        return excess <= CLEAR, float(cost)


def _test(statement: theory.Statement, points: Points) -> _Tested:
    """Compare one group of points with both bounds."""
    told, closest, beyond, violations = {}, {}, [], 0
    for side in SIDES:
        bound = points.bound(statement, side)
        told[side] = int(points.low.size - np.sum(points.says_nothing(bound, side)))
        closest[side] = points.room(bound, side)
        excess = points.excess(points.low if side == "lower" else points.high, bound, side).ravel()
        places = np.flatnonzero(excess > ROUND_OFF)
        violations += places.size
        cost = np.broadcast_to(points.cost, points.low.shape).ravel()[places]
        order = np.lexsort((-excess[places], cost, excess[places] <= CLEAR))
        for at in places[order[:MOST_TRIED]]:
            index = tuple(map(int, np.unravel_index(at, points.low.shape)))
            beyond.append((side, index, float(excess[at])))
    return _Tested(points, told, closest, beyond, violations)


def _witness(statement: theory.Statement, beyond: list[_Tested], context: Context) -> dict[str, Any] | None:
    """Compute points beyond a bound again by the definitions, until one is confirmed."""
    for one in sorted(beyond, key=lambda one: one.urgency)[:MOST_TRIED]:
        for side, index, _by in one.beyond:
            context.progress(0.7, f"a violation computed again: {one.points.name}")
            again = one.points.again(index, side)
            values = {name: value for name, value in again.symbols.items() if name in statement.symbols}
            bound = one.points.precisely(statement, side, values)
            excess = float(one.points.excess(again.value, bound, side))
            if excess > ROUND_OFF:
                found = {"side": side, "value": again.value, "bound": bound, "excess": excess}
                return {"points": one.points.name, **again.recipe, "symbols": values, **found}
    return None


def _by_name(tested: Sequence[_Tested], confirmed: bool) -> list[Evidence]:
    """Say what the points of one name showed together."""
    names: dict[str, list[_Tested]] = {}
    for one in tested:
        names.setdefault(one.points.name, []).append(one)
    return [_evidence(name, group, confirmed) for name, group in names.items()]


def _evidence(name: str, group: Sequence[_Tested], confirmed: bool) -> Evidence:
    """Say how close points come to the bounds, or how many are beyond."""
    size, violations = sum(one.points.low.size for one in group), sum(one.violations for one in group)
    figures: dict[str, Any] = {"points": size, "violations": violations}
    parts = []
    for side in SIDES:
        told = sum(one.told[side] for one in group)
        if told:
            closest = min(one.closest[side] for one in group)
            figures |= {f"{side}_told": told, f"{side}_closest": closest}
            what = "smallest value over lower bound" if side == "lower" else "upper bound over largest value"
            parts.append(f"{what} {closest:.4g}" + (f" ({_counted(told)} with a bound)" if told < size else ""))
    said = "; ".join(parts) if parts else "vacuous here: the bounds say nothing at any of them"
    if not violations:
        return Evidence(name, f"no violation at {_counted(size)}; {said}", State.OBSERVED, figures)
    found = f"{violations} of {_counted(size)} beyond a bound; {said}"
    if confirmed:
        return Evidence(name, found, State.VIOLATED, figures)
    found = f"{found}; plain arithmetic did not confirm those that were computed again"
    return Evidence(name, found, State.INCONCLUSIVE, figures)


def _counted(number: int) -> str:
    return "1 point" if number == 1 else f"{number} points"


def _hidden(statement: theory.Statement, points: Sequence[Points]) -> bool:
    """Say whether bounds that say nothing in floats do with many digits, at one point of each group."""
    for one in points:
        index = tuple(size - 1 for size in one.low.shape)
        symbols = {name: float(np.broadcast_to(value, one.low.shape)[index]) for name, value in one.symbols.items()}
        for side in SIDES:
            bound = np.asarray(one.precisely(statement, side, symbols))
            if not one.says_nothing(bound, side):
                return True
    return False


def _rounded() -> Evidence:
    """Say that bounds are lost in rounding errors."""
    finding = "in floats the bounds say nothing at any of them, with many digits they do: written otherwise they can be"
    return Evidence("all points", f"{finding} judged", State.INCONCLUSIVE)


def _elsewhere(statement: theory.Statement, trivial: bool) -> list[Evidence]:
    """Say what covers the points that were not tried."""
    original = theory.statement(statement.base)
    if trivial and nowhere_stronger(statement, original):
        return [Evidence("all points", "the bounds say nothing at any of them", State.VACUOUS)]
    if trivial:
        finding = "the bounds say nothing at any of them, but perhaps elsewhere, where nothing was tried"
        return [Evidence("all points", finding, State.INCONCLUSIVE)]
    # Not "is it altered": what a proof shows is the catalogue's bounds, whatever else was changed.
    if (statement.lower, statement.upper) == (original.lower, original.upper):
        return proof_evidence(original)
    test = f"comparison with statement {statement.base}"
    if not nowhere_stronger(statement, original):
        found = "the bounds could not be shown to follow from it: elsewhere nothing covers them"
        return [Evidence(test, found, State.NOT_REFUTED)]
    proved = proof_evidence(original)
    if [e.state for e in proved] != [State.HOLDS]:
        return [Evidence(test, "the bounds follow from it, but its proof was not executed", State.NOT_REFUTED), *proved]
    return [Evidence(test, "the bounds are nowhere stronger, and its proof was executed", State.HOLDS), *proved]


def _summary(opening: str, deciding: Evidence, evidence: Sequence[Evidence], witness: Mapping[str, Any] | None) -> str:
    """Say the verdict in a sentence, with how close the points came."""
    if witness is not None:
        value, bound = (f"{witness[name]:.6g}" for name in ("value", "bound"))
        side = witness["side"]
        return f"{opening}: {witness['points']}: value {value}, where the {side} bound is {bound}; computed again."
    if deciding.state is State.HOLDS:
        tried = sum(int(e.figures.get("points", 0)) for e in evidence)
        closest = [float(e.figures[name]) for e in evidence for name in e.figures if name.endswith("_closest")]
        near = f", the closest within a factor {min(closest):.4g} of its bound" if closest else ""
        return f"{opening}: {deciding.test}, {deciding.finding}; no violation at {tried} points{near}."
    return f"{opening}: {deciding.test}: {deciding.finding}."
