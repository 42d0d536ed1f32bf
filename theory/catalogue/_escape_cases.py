"""Theorem 5.2: what one application of the map does to D_k, in either case.

A fact that holds in one case alone begins with the conditions of that case.
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, at_least, at_most, below, same, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory.catalogue._directions import beta
from theory.catalogue._escape_map import (
    FLAT_GAIN,
    LARGE_STEP,
    NEXT,
    NEXT_FROM_FLAT,
    NOW,
    SHARP_GAIN,
    flat,
    sharp,
)
from theory.catalogue._one_way import lower_bounds
from theory.catalogue._second_moments import A1, A2, eta

_FIRST = A1 / (1 + A2) * flat / sharp
_SECOND = FLAT_GAIN / (2 * SHARP_GAIN)


def case_steps() -> tuple[Step, ...]:
    """List what one application of the map does in either case.

    Returns:
        The steps, in order; they use the facts "map" and "step size".
    """
    proved = StepStatus.PROVED
    fed = SHARP_GAIN * (1 + NOW)
    return (
        Step(
            "η²S_X ≥ 1: D' ≥ A₁/(1 + A₂) · S_Y/S_X",
            proved,
            Fact("large step", (at_least(LARGE_STEP, 1), at_most(_FIRST, NEXT), at_most(_FIRST, NEXT_FROM_FLAT))),
            large_step,
            ("map",),
            "the map at D = 0, where it is least",
        ),
        Step(
            "η²S_X < 1 and β > √(1 + 2/A₁): b > 2",
            proved,
            Fact(
                "doubling",
                (below(LARGE_STEP, 1), below(sympy.sqrt(1 + 2 / A1), beta), below(2, FLAT_GAIN)),
            ),
            doubling,
            ("map", "step size"),
            "b = A₁(β² − η²S_X)",
        ),
        Step(
            "then c(1 + D) ≥ 1 gives D' ≥ b/(2c), and c(1 + D') ≥ 1 as well",
            proved,
            Fact(
                "carried",
                (
                    at_least(fed, 1),
                    at_most(_SECOND, NEXT),
                    at_most(_SECOND, NEXT_FROM_FLAT),
                    at_least(SHARP_GAIN * (1 + NEXT), 1),
                ),
            ),
            carried,
            ("map", "doubling"),
            "max(1, η²S_X) = 1 and b > 2; where X = 0, D is infinite",
        ),
        Step(
            "and c(1 + D) ≤ 1 gives 1 + D' ≥ (b/2)(1 + D)",
            proved,
            Fact("amplified", (at_most(fed, 1), at_least(1 + NEXT, FLAT_GAIN / 2 * (1 + NOW)))),
            amplified,
            ("map", "doubling"),
            "max(1, η²S_X) = 1",
        ),
    )


def large_step(conclusion: Formulas, ratio_map: Formulas) -> bool:
    """Evaluate the map where η²S_X ≥ 1.

    Args:
        conclusion: the case, and D' above a bound, from any D and from X = 0.
        ratio_map: what b and c are, and D' at least what they make of D.

    Returns:
        Whether both hold, the first with equality at D = 0.
    """
    case, *bounds = conclusion
    gains = {formula.lhs: formula.rhs for formula in ratio_map[:2]}
    # In this case the maximum is η²S_X, for the other argument is the case's own bound.
    image = _at_maximum(ratio_map[2].rhs, case.lhs, case.rhs).xreplace(gains)
    alone, more = ratio_map[3].rhs.xreplace(gains), sympy.Symbol("more", positive=True)
    box = dict.fromkeys((A1, A2, flat, sharp, eta, NOW, more), (0, None))
    holds = all(shows(bound, box, {NEXT: image + more, NEXT_FROM_FLAT: alone + more}) for bound in bounds)
    exact = is_identity(image.xreplace({NOW: sympy.S.Zero}), bounds[0].lhs)
    one_way = isinstance(case, sympy.GreaterThan) and _is_map(ratio_map)
    return one_way and exact and holds and _speaks_of(bounds, NEXT, NEXT_FROM_FLAT)


def doubling(conclusion: Formulas, ratio_map: Formulas, step_size: Formulas) -> bool:
    """Show b > 2 where η²S_X < 1 and β is large.

    Args:
        conclusion: the case, and the bound on b.
        ratio_map: what b is.
        step_size: η²(S_X + S_Y).

    Returns:
        Whether it holds, with nothing to spare at the ends of the case.
    """
    small, large, claimed = conclusion
    step, more = sympy.symbols("step more", positive=True)
    total = step_size[2]
    # η²S_Y = β² − η²S_X.
    gain = ratio_map[0].rhs.xreplace({flat: (total.rhs - LARGE_STEP) / eta**2})
    known = is_identity(total.lhs, eta**2 * (sharp + flat)) and ratio_map[0].lhs == FLAT_GAIN
    at_case = {sharp: step / eta**2, beta: sympy.sqrt(large.lhs**2 + more)}
    value = sympy.expand(gain.xreplace(at_case))
    ends_met = is_identity(value.xreplace({step: small.rhs, more: sympy.S.Zero}), claimed.lhs)
    in_case = all(isinstance(formula, sympy.StrictLessThan) for formula in conclusion)
    in_case &= small.lhs == LARGE_STEP and large.rhs == beta and claimed.rhs == FLAT_GAIN
    return (
        known
        and in_case
        and ends_met
        and shows(claimed, {A1: (0, None), step: (0, small.rhs), more: (0, None)}, {FLAT_GAIN: value})
    )


def carried(conclusion: Formulas, ratio_map: Formulas, doubling: Formulas) -> bool:
    """Show that the map is at least b/(2c) where c(1 + D) ≥ 1, and that this carries over.

    Args:
        conclusion: the case, D' above a bound, from any D and from X = 0, and c(1 + D') above the case's own bound.
        ratio_map: D' at least what b and c make of D.
        doubling: that the maximum is 1, and b above 2.

    Returns:
        Whether all hold.
    """
    case, *bounds, again = conclusion
    more, even_more = sympy.symbols("more even_more", positive=True)
    # c(1 + D) = 1 + more, as the case says.
    reached = case.rhs + more
    fed = sympy.cancel(case.lhs / (1 + NOW))
    image = _at_maximum(ratio_map[2].rhs, doubling[0].rhs, doubling[0].lhs).xreplace({NOW: reached / fed - 1})
    box = {FLAT_GAIN: (doubling[2].lhs, None)} | dict.fromkeys((SHARP_GAIN, more, even_more), (0, None))
    values = {NEXT: image + even_more, NEXT_FROM_FLAT: ratio_map[3].rhs + even_more}
    target = {NEXT: bounds[0].lhs + even_more}
    cyclic = same((again,), (at_least(case.lhs.xreplace({NOW: NEXT}), case.rhs),))
    holds = all(shows(bound, box, values) for bound in bounds) and shows(again, box, target)
    one_way = isinstance(case, sympy.GreaterThan) and _is_map(ratio_map) and _is_small(doubling)
    return one_way and cyclic and holds and _speaks_of(bounds, NEXT, NEXT_FROM_FLAT)


def amplified(conclusion: Formulas, ratio_map: Formulas, doubling: Formulas) -> bool:
    """Show that the map multiplies 1 + D by at least b/2 where c(1 + D) ≤ 1.

    Args:
        conclusion: the case, and 1 + D' above a multiple of 1 + D.
        ratio_map: D' at least what b and c make of D.
        doubling: that the maximum is 1.

    Returns:
        Whether it does.
    """
    case, claimed = conclusion
    share = sympy.Symbol("share", positive=True)
    gain = share * case.rhs / sympy.cancel(case.lhs / SHARP_GAIN)
    image = _at_maximum(ratio_map[2].rhs, doubling[0].rhs, doubling[0].lhs).xreplace({SHARP_GAIN: gain})
    box = {FLAT_GAIN: (0, None), NOW: (0, None), share: (0, 1)}
    in_case = isinstance(case, sympy.LessThan) and is_nonnegative(gain, box)
    in_case &= _is_map(ratio_map) and _is_small(doubling)
    return in_case and claimed.lhs == 1 + NEXT and shows(claimed, box, {NEXT: image})


def _at_maximum(expression: sympy.Expr, largest: sympy.Expr, least: sympy.Expr) -> sympy.Expr:
    """Replace the maximum of two numbers by the one that is known to be the larger."""
    return expression.xreplace({sympy.Max(largest, least): sympy.sympify(largest)})


def _is_map(ratio_map: Formulas) -> bool:
    """Say whether D' is bounded from below, from any D and from X = 0."""
    named = tuple(formula.lhs for formula in ratio_map[2:]) == (NEXT, NEXT_FROM_FLAT)
    return named and lower_bounds(*ratio_map[2:])


def _is_small(doubling: Formulas) -> bool:
    """Say whether the case is that of a small step and a large β, in which b exceeds a number."""
    named = (doubling[0].lhs, doubling[2].rhs) == (LARGE_STEP, FLAT_GAIN)
    return named and all(isinstance(formula, sympy.StrictLessThan) for formula in doubling)


def _speaks_of(bounds: list[Relational], *quantities: sympy.Symbol) -> bool:
    """Say whether these are lower bounds of these quantities, in their order."""
    return all(
        isinstance(bound, sympy.LessThan) and bound.rhs == quantity
        for bound, quantity in zip(bounds, quantities, strict=True)
    )
