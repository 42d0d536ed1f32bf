"""Theorem 5.2, first half of its proof: from the second moments to a map that D_k rises by in a step.

X and Y are the sharp and the flat part of E 2L, D_k = Y/X; b and c are what one step feeds into the flat and the sharp
directions, in units of the loss.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, ends, equal, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol
from theory.catalogue._directions import (
    CURVATURES,
    MOMENTS,
    NEXT_MOMENTS,
    at_directions,
    loss_along,
    over_flat,
    over_sharp,
)
from theory.catalogue._one_way import lower_bounds, upper_bounds
from theory.catalogue._second_moments import (
    A1,
    A2,
    ALIGNMENT,
    AMPLITUDES,
    CURVATURE,
    LOSS,
    MOMENT,
    NEXT_MOMENT,
    WITH_GAP,
    eta,
)

sharp, flat = symbol("S_X"), symbol("S_Y")
FLAT_GAIN, SHARP_GAIN = (sympy.Symbol(letter, positive=True) for letter in "bc")
NOW = named("ratio_now", "D_k(s)", nonnegative=True)
NEXT = named("ratio_next", "D_k(s+1)", real=True)
NEXT_FROM_FLAT = named("ratio_next_from_flat", r"D_k(s+1)|_{X = 0}", real=True)
LARGE_STEP = eta**2 * sharp
_X, _Y = (sympy.Symbol(letter, positive=True) for letter in "XY")
_NEXT_X, _NEXT_Y = (named(f"next_{letter}", f"{letter}'", positive=True) for letter in "XY")
_DRIFT = named("largest_drift", r"\max_{i \le k} (1 - \eta\lambda_i)^2", positive=True)
_FLOOR = sympy.Symbol("floor", positive=True)


def map_steps() -> tuple[Step, ...]:
    """List the steps to D' ≥ b(1 + D)/(max(1, η²S_X) + c(1 + D)).

    Returns:
        The steps, in order; they use the facts "moments" and "step size".
    """
    proved = StepStatus.PROVED
    fed = 1 + NOW
    return (
        Step(
            "Y' ≥ η²A₁S_Y (X + Y)",
            proved,
            Fact(
                "flat part",
                (
                    equal(_Y, over_flat(CURVATURES * MOMENTS)),
                    equal(_NEXT_Y, over_flat(CURVATURES * NEXT_MOMENTS)),
                    at_least(_NEXT_Y, eta**2 * A1 * flat * (_X + _Y)),
                ),
            ),
            flat_grows,
            ("moments", "step size"),
            "E 2L = X + Y; the drift (1 − ηλᵢ)² is a square; two flat directions, the sums have the same form for any "
            "number",
        ),
        Step(
            "X' ≤ max(1 − ηλᵢ)² X + η²A₂S_X (X + Y)",
            proved,
            Fact(
                "sharp part",
                (
                    equal(_X, over_sharp(CURVATURES * MOMENTS)),
                    equal(_NEXT_X, over_sharp(CURVATURES * NEXT_MOMENTS)),
                    at_most(_NEXT_X, _DRIFT * _X + eta**2 * A2 * sharp * (_X + _Y)),
                ),
            ),
            sharp_bounded,
            ("moments", "step size"),
            "the maximum over i ≤ k; two sharp directions, the sums have the same form for any number",
        ),
        Step(
            "(1 − ηλᵢ)² ≤ max(1, η²S_X) for i ≤ k",
            proved,
            Fact("drift", (at_most(_DRIFT, sympy.Max(1, LARGE_STEP)),)),
            drift_bounded,
            ("step size",),
            "below and above ηλᵢ = 2; λᵢ² ≤ S_X",
        ),
        Step(
            "D' ≥ b(1 + D)/(max(1, η²S_X) + c(1 + D)) with b = η²A₁S_Y and c = η²A₂S_X, and D' ≥ b/c where X = 0",
            proved,
            Fact(
                "map",
                (
                    equal(FLAT_GAIN, eta**2 * A1 * flat),
                    equal(SHARP_GAIN, eta**2 * A2 * sharp),
                    at_least(NEXT, FLAT_GAIN * fed / (sympy.Max(1, LARGE_STEP) + SHARP_GAIN * fed)),
                    at_least(NEXT_FROM_FLAT, FLAT_GAIN / SHARP_GAIN),
                ),
            ),
            ratio_map,
            ("flat part", "sharp part", "drift"),
            "D = Y/X and D' = Y'/X'",
        ),
    )


def flat_grows(conclusion: Formulas, moments: Formulas, step_size: Formulas) -> bool:
    """Add up the second moments after a step, along two flat directions.

    Args:
        conclusion: what Y and Y' are, and what Y' is at least.
        moments: the second moment after a step along one direction, and its alignment between two numbers.
        step_size: what S_X and S_Y are.

    Returns:
        Whether it is at least that, for any drift and any alignments between these numbers.
    """
    before, after, claimed = conclusion
    curvatures, masses, shares, drifts = _directions()
    low, high = ends(moments[1:])
    # One sharp direction comes first; it does not occur.
    loss = _X + at_directions(before.rhs, (1, *curvatures), (1, *masses), cut=1)
    later = [
        _after(moments[0].rhs, curvature, mass, low + share * (high - low), loss).xreplace({
            (1 - eta * curvature) ** 2: drift
        })
        for curvature, mass, share, drift in zip(curvatures, masses, shares, drifts, strict=True)
    ]
    values = {
        _Y: loss - _X,
        _NEXT_Y: at_directions(after.rhs, (1, *curvatures), (1, *masses), (1, *later), cut=1),
        flat: at_directions(step_size[1].rhs, (1, *curvatures), cut=1),
    }
    values = {part: value.xreplace(WITH_GAP) for part, value in values.items()} | WITH_GAP
    free = (*curvatures, *masses, *drifts, eta, _X)
    box = {**AMPLITUDES, **dict.fromkeys(free, (0, None)), **dict.fromkeys(shares, (0, 1))}
    named_first = (before.lhs, after.lhs, step_size[1].lhs) == (_Y, _NEXT_Y, flat) and moments[0].lhs == NEXT_MOMENT
    known = is_identity(values[_Y], loss_along(curvatures, masses)) and is_identity(
        at_directions(after.rhs, (1, *curvatures), (1, *masses), (1, *drifts), cut=1), loss_along(curvatures, drifts)
    )
    return named_first and known and shows(claimed, box, values)


def sharp_bounded(conclusion: Formulas, moments: Formulas, step_size: Formulas) -> bool:
    """Add up the second moments after a step, along two sharp directions.

    Args:
        conclusion: what X and X' are, and what X' is at most.
        moments: the second moment after a step along one direction, and its alignment between two numbers.
        step_size: what S_X and S_Y are.

    Returns:
        Whether it is at most that, for drifts up to the largest and any alignments between these numbers.
    """
    before, after, claimed = conclusion
    curvatures, masses, shares, parts = _directions()
    low, high = ends(moments[1:])
    loss = _Y + at_directions(before.rhs, curvatures, masses, cut=2)
    later = [
        _after(moments[0].rhs, curvature, mass, low + share * (high - low), loss).xreplace({
            (1 - eta * curvature) ** 2: _DRIFT * part
        })
        for curvature, mass, share, part in zip(curvatures, masses, shares, parts, strict=True)
    ]
    values = {
        _X: loss - _Y,
        _NEXT_X: at_directions(after.rhs, curvatures, masses, later, cut=2),
        sharp: at_directions(step_size[0].rhs, curvatures, cut=2),
    }
    values = {part: value.xreplace(WITH_GAP) for part, value in values.items()} | WITH_GAP
    free = (*curvatures, *masses, eta, _Y, _DRIFT)
    box = {**AMPLITUDES, **dict.fromkeys(free, (0, None)), **dict.fromkeys((*shares, *parts), (0, 1))}
    named_first = (before.lhs, after.lhs, step_size[0].lhs) == (_X, _NEXT_X, sharp) and moments[0].lhs == NEXT_MOMENT
    known = is_identity(values[_X], loss_along(curvatures, masses)) and is_identity(
        at_directions(after.rhs, curvatures, masses, parts, cut=2), loss_along(curvatures, parts)
    )
    return named_first and known and shows(claimed, box, values)


def drift_bounded(conclusion: Formulas, step_size: Formulas) -> bool:
    """Bound (1 − ηλᵢ)² by one of the arguments of the maximum, below and above ηλᵢ = 2.

    Args:
        conclusion: the drift below a maximum.
        step_size: what S_X is.

    Returns:
        Whether one of them is enough on either side, for two sharp directions.
    """
    (claimed,) = conclusion
    x, other = sympy.symbols("x other", positive=True)
    square = at_directions(step_size[0].rhs, (x / eta, other / eta), cut=2)
    candidates = [candidate.xreplace({sharp: square}) for candidate in claimed.rhs.args]

    def covered(low: int, high: int | None) -> bool:
        box = {x: (low, high), other: (0, None)}
        return any(is_nonnegative(candidate - (1 - x) ** 2, box) for candidate in candidates)

    is_maximum = isinstance(claimed.rhs, sympy.Max) and isinstance(claimed, sympy.LessThan)
    return is_maximum and claimed.lhs == _DRIFT and covered(0, 2) and covered(2, None)


def ratio_map(conclusion: Formulas, flat_part: Formulas, sharp_part: Formulas, drift: Formulas) -> bool:
    """Divide the flat part by the sharp one after a step.

    Args:
        conclusion: what b and c are, and D' at least what they make of D, or of X = 0.
        flat_part: what Y' is at least.
        sharp_part: what X' is at most.
        drift: what the largest drift is at most.

    Returns:
        Whether both bounds hold, for every X' and drift up to their bounds and every Y' from its own.
    """
    gain_flat, gain_sharp, ratio, from_flat = conclusion
    more, share, part = sympy.symbols("more share part", positive=True)
    bounded = {_DRIFT: part * drift[0].rhs, sympy.Max(1, LARGE_STEP): _FLOOR, _Y: NOW * _X}
    after_flat, after_sharp = flat_part[2].rhs.xreplace(bounded) + more, sharp_part[2].rhs.xreplace(bounded)
    after_sharp = share * after_sharp.xreplace(bounded)
    values = {
        FLAT_GAIN: gain_flat.rhs,
        SHARP_GAIN: gain_sharp.rhs,
        sympy.Max(1, LARGE_STEP): _FLOOR,
        NEXT: after_flat / after_sharp,
    }
    alone = flat_part[2].rhs.xreplace({_X: sympy.S.Zero}) / sharp_part[2].rhs.xreplace({_X: sympy.S.Zero})
    free = (_X, NOW, more, _FLOOR, A1, A2, eta, flat, sharp)
    box = {**dict.fromkeys(free, (0, None)), share: (0, 1), part: (0, 1)}
    from_nothing = shows(from_flat, {more: (0, None)}, values | {NEXT_FROM_FLAT: alone + more})
    named_first = (gain_flat.lhs, gain_sharp.lhs, drift[0].lhs) == (FLAT_GAIN, SHARP_GAIN, _DRIFT)
    exact = is_identity(from_flat.rhs.xreplace(values), alone)
    named_first &= (flat_part[2].lhs, sharp_part[2].lhs) == (_NEXT_Y, _NEXT_X)
    named_first &= lower_bounds(flat_part[2]) and upper_bounds(sharp_part[2], drift[0])
    return named_first and exact and from_nothing and shows(ratio, box, values)


def _directions() -> tuple[tuple[sympy.Symbol, ...], ...]:
    """Make curvatures, second moments, shares of alignments and drifts for two directions."""
    return tuple(sympy.symbols(f"{letter}1:3", positive=True) for letter in ("l", "m", "y", "drift"))


def _after(
    moment: sympy.Expr, curvature: sympy.Expr, mass: sympy.Expr, alignment: sympy.Expr, loss: sympy.Expr
) -> sympy.Expr:
    """Evaluate the second moment after a step along one direction."""
    return moment.xreplace({CURVATURE: curvature, MOMENT: mass, ALIGNMENT: alignment, LOSS: loss})
