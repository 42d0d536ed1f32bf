"""What two events say of the directional alignment, for the statements that share them.

Event A: the mean m of r_i² y_i²/(uᵀSu wᵀSw) is within ε of its expectation. Event B: uᵀŜu/uᵀSu and wᵀŜw/wᵀSw are
within ε of one. Then g = m/(uᵀŜu/uᵀSu · wᵀŜw/wᵀSw) is within the bounds of `_directional`, whatever the directions.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, below, between, ends, replaced, same, shows
from theory._inequalities import is_identity
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol
from theory.catalogue._directional import COSINE, LOWER, MEAN, POPULATION, RATIO_U, RATIO_W, UPPER, eps
from theory.catalogue._one_way import upper_bounds

_LARGER = named("larger_eps", r"\varepsilon'", positive=True)


def mean_step(lemma: str) -> Step:
    """Make the step to event A from a lemma that bounds the error of m for the directions in question.

    Args:
        lemma: the id of a statement that bounds a quantity which is never below |m − (1 + 2c²)|.

    Returns:
        The step; it also uses the facts `population` and `constant`, and gives the fact `event A`.
    """
    return Step(
        "event A: m is within ε of its expectation",
        StepStatus.PROVED,
        Fact("event A", between(POPULATION - eps, MEAN, POPULATION + eps)),
        mean_within,
        (lemma, "population", "constant"),
        f"Lemma {lemma} bounds |m − (1 + 2c²)| by ε",
    )


def variance_step() -> Step:
    """Make the step to event B from Lemma C.5.

    Returns:
        The step; it also uses the fact `constant`, and gives the fact `event B`.
    """
    return Step(
        "event B: uᵀŜu/uᵀSu and wᵀŜw/wᵀSw are within ε of one",
        StepStatus.PROVED,
        Fact("event B", (*between(1 - eps, RATIO_U, 1 + eps), *between(1 - eps, RATIO_W, 1 + eps))),
        variances_within,
        ("C.5", "constant"),
        "Lemma C.5, which holds for all directions at once",
    )


def convention_step(*, upper: bool = True) -> Step:
    """Make the step on parameters without loss or curvature, where g is 1 by convention.

    Args:
        upper: whether there is an upper bound.

    Returns:
        The step; it gives the fact `convention`.
    """
    formulas = between(LOWER, sympy.S.One, UPPER) if upper else (at_most(LOWER, 1),)
    return Step(
        "where the loss or the curvature along v is zero, 1 lies within the bounds",
        StepStatus.PROVED,
        Fact("convention", formulas),
        one_within_bounds,
        note="0 < ε < 1",
    )


def bounds_step(quantity: str) -> Step:
    """Make the last step, from the two events to the bounds of g.

    Args:
        quantity: the name of g in the statement.

    Returns:
        The step; it uses `normalised`, `event A`, `event B`, `convention` and Lemma C.2.
    """
    return Step(
        "on A and B, g lies within the bounds",
        StepStatus.PROVED,
        Fact("bounds", between(LOWER, quantity_symbol(quantity), UPPER)),
        bounds_from_events,
        ("normalised", "C.2", "event A", "event B", "convention"),
        "numerator within ε of [1, 3], both denominators within ε of 1, 0 < ε < 1; both bounds are met exactly",
    )


def monotone_step(*, upper: bool = True) -> Step:
    """Make the remark that a smaller ε is a stronger statement.

    Args:
        upper: whether there is an upper bound.

    Returns:
        The step, a remark; it gives the fact `monotone`.
    """
    falls = below(LOWER.xreplace({eps: _LARGER}), LOWER)
    rises = (below(UPPER, UPPER.xreplace({eps: _LARGER})),) if upper else ()
    return Step(
        f"the bound{'s widen' if upper else ' falls'} as ε grows",
        StepStatus.PROVED,
        Fact("monotone", (falls, *rises)),
        bounds_nested,
        note="0 < ε < ε' < 1: a smaller ε is a stronger statement",
        remark=True,
    )


def mean_within(conclusion: Formulas, lemma: Formulas, expectation: Formulas, constant: Formulas) -> bool:
    """Turn a bound of an error into bounds of the mean.

    Args:
        conclusion: m between two ends.
        lemma: an upper bound of the error.
        expectation: what the error is counted from.
        constant: the constants for which the lemma's conditions are met.

    Returns:
        Whether the ends are the expectation less and plus the bound.
    """
    low, high = ends(conclusion)
    middle, bound = expectation[0].lhs, lemma[-1].rhs
    exact = is_identity(middle - low, bound) and is_identity(high - middle, bound)
    # The lemma's quantity is the largest |m − (1 + 2c²)|.
    counted = lemma[-1].lhs == quantity_symbol("uniform_moment_error") and upper_bounds(lemma[-1])
    counted &= is_identity(expectation[0].rhs, 1 + 2 * COSINE**2) and middle == POPULATION
    return exact and counted and conclusion[0].rhs == MEAN and _are_constants(constant)


def variances_within(conclusion: Formulas, lemma: Formulas, constant: Formulas) -> bool:
    """Take Lemma C.5 at u and at w.

    Args:
        conclusion: both quotients between two ends.
        lemma: the same for any direction.
        constant: the constants for which the lemma's conditions are met.

    Returns:
        Whether the conclusion is that.
    """
    any_ratio = quantity_symbol("variance_ratio")
    taken = [replaced(formula, {any_ratio: ratio}) for ratio in (RATIO_U, RATIO_W) for formula in lemma]
    return same(conclusion, tuple(taken)) and _are_constants(constant)


def one_within_bounds(conclusion: Formulas) -> bool:
    """Show that the value 1, which g has by convention where it is not defined, lies within the bounds.

    Args:
        conclusion: the bounds at 1.

    Returns:
        Whether it does.
    """
    return all(sympy.S.One in formula.args and shows(formula, {eps: (0, 1)}) for formula in conclusion)


def bounds_from_events(
    conclusion: Formulas,
    quotient: Formulas,
    population_range: Formulas,
    mean: Formulas,
    variances: Formulas,
    convention: Formulas,
) -> bool:
    """Bound g by its values at the corners of the two events.

    Args:
        conclusion: the bounds of g.
        quotient: g in the mean and the two quotients.
        population_range: between what the expectation of the mean lies.
        mean: event A.
        variances: event B.
        convention: that the bounds contain 1.

    Returns:
        Whether the bounds hold on the whole box, with equality at a corner each.
    """
    definition, low_event, high_event = quotient[0], ends(variances[:2]), ends(variances[2:])
    g, (least, most) = definition.lhs, ends(population_range)
    shares = sympy.symbols("x0:4", positive=True)
    at = [{POPULATION: least + shares[0] * (most - least)}]
    pairs = ((MEAN, ends(mean)), (RATIO_U, low_event), (RATIO_W, high_event))
    at.append({part: low + share * (high - low) for (part, (low, high)), share in zip(pairs, shares[1:], strict=True)})
    value = definition.rhs.xreplace(at[1]).xreplace(at[0])
    box = {eps: (0, 1)} | dict.fromkeys(shares, (0, 1))
    corners = [value.xreplace(dict(zip(shares, corner, strict=True))) for corner in ((0, 0, 1, 1), (1, 1, 0, 0))]
    exact = all(is_identity(corner, end) for corner, end in zip(corners, ends(conclusion), strict=True))
    conventional = same(convention, tuple(replaced(formula, {g: sympy.S.One}) for formula in conclusion))
    return exact and conventional and all(shows(formula, box, {g: value}) for formula in conclusion)


def bounds_nested(conclusion: Formulas) -> bool:
    """Show that the lower bound falls and the upper bound rises with ε.

    Args:
        conclusion: the bounds at a larger ε against those at ε.

    Returns:
        Whether each compares the same function at both, and they do.
    """
    share = sympy.Symbol("x", positive=True)
    box = {eps: (0, 1), share: (0, 1)}
    same_function = all(
        left.xreplace({_LARGER: eps}) == right.xreplace({_LARGER: eps})
        for left, right in (formula.args for formula in conclusion)
    )
    both = all({eps, _LARGER} == formula.free_symbols for formula in conclusion)
    return (
        same_function
        and both
        and all(shows(formula, box, {_LARGER: eps + (1 - eps) * share}) for formula in conclusion)
    )


def _are_constants(formulas: Formulas) -> bool:
    """Say whether a fact fixes constants of the statement's conditions."""
    return bool(formulas) and all(formula.lhs.name.startswith("C") for formula in formulas)
