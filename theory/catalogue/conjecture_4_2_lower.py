"""Theorem 4.2, the lower bound alone: as many samples as dimensions are enough.

Problem:
    As in Theorem 4.2: f(x; θ) = ⟨F(θ), x⟩ with any F, x_1, …, x_n ~ N(0, S) independent, targets ⟨w*, x⟩ without noise.
    g(θ; v) = vᵀΣ₁v/(2 L · vᵀGv), with g := 1 where the loss or the curvature along v is zero.

Statement:
    There is C(ε) such that if n ≥ C(ε) (d + log(1/δ)), then g(θ; v) ≥ (1 − ε)/(1 + ε)² for all θ and all v.

Guarantee:
    With probability at least 1 − δ over the inputs. Not in the paper but after a remark in its Section 6 (Wang & Wu,
    arXiv 2310.00692); listed as a conjecture, for the proof below is ours and has had no other reader.

Provenance:
    The remark [S]: "one-sided bounds require much less samples". The form is ours [R], and so is the proof, which cites
    nothing and gives C(ε) = 9800 (log(1 + 2000/ε³) + 1)/ε³. A few long rows push g up, never down: cutting the squares
    off at a level leaves a lower bound, and what is left is bounded and moves little between neighbouring directions,
    so that a net and Bernstein's inequality are enough, and neither d² nor log²(1/δ) is needed.

Controls:
    4.2-lower:raised (1 → 1.2) and 4.2-lower:log-d (log d in place of d).

Example:
    >>> import theory
    >>> s = theory.statement("4.2-lower")
    >>> s.required_n(10, eps=0.1, delta=0.05, d=200), theory.statement("4.2").required_n(10, eps=0.1, delta=0.05, d=200)
    (2030, 21208490)
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, ends, replaced, same, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import quantity_symbol, symbol
from theory.catalogue._directional import LOWER, MEAN, RATIO_U, RATIO_W, eps, population_step, reduction_steps
from theory.catalogue._directional_events import convention_step, monotone_step, variance_step
from theory.catalogue._one_way import upper_bounds
from theory.catalogue._truncated_net import MOVED, SHORTFALL, net_steps
from theory.catalogue._truncation import EXPECTED, PRODUCT, S, T, truncation_steps

delta, d = symbol("delta"), symbol("d")
G = quantity_symbol("g_uniform")

CONDITION = d + sympy.log(1 / delta)


def build() -> Statement:
    """Build the lower half of Theorem 4.2.

    Returns:
        The statement.
    """
    return Statement(
        id="4.2-lower",
        title="directional alignment of over-parameterised linear models, lower bound alone",
        kind="conjecture",
        source="this project, after the remark of Section 6 in Wang & Wu, A Theoretical Analysis of Noise Geometry in "
        "Stochastic Gradient Descent, arXiv 2310.00692: “one-sided bounds require much less samples”",
        provenance={"lower": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The remark survives, its form does not: that d + log(1/δ) samples are enough, with a constant "
        "that depends on ε, is ours, and so is the proof, with that constant.",
        summary="As many samples as dimensions, times a constant, are enough for the noise along every direction to "
        "reach loss times curvature, at every parameter at once; only the upper bound needs the square.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
        ),
        quantity="g_uniform",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
        },
        lower=LOWER,
        upper=None,
        sample_size=(CONDITION,),
        constants="may depend on eps",
        probability=1 - delta,
        controls=_controls(),
        depends_on=("E.1", "E.6", "C.1", "C.5"),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "4.2-lower:raised",
            "as n grows at fixed d ≥ 2, g at u orthogonal to v tends to 1, below (1.2 − ε)/(1 + ε)² for small ε",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
        Control(
            "4.2-lower:log-d",
            "with no more samples than dimensions u may be orthogonal to every sample but one and v to that one, so "
            "that g = 0",
            {"sample_size": ["log(d) + log(1/delta)"]},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        *reduction_steps("g_uniform", over_parameterised=True),
        population_step(),
        convention_step(upper=False),
        *truncation_steps(),
        *net_steps(),
        Step(
            "event A: m ≥ 1 − ε for all unit vectors a/|a| and b/|b|",
            proved,
            Fact("event A", (at_most(1 - eps, MEAN),)),
            mean_above,
            ("truncation", "truncated mean", "fixed pair", "moved"),
            "m is at least the mean of φ, that of the neighbours less what it moves, and so E φ less the shortfall",
        ),
        variance_step(),
        monotone_step(upper=False),
        Step(
            "numerator at least 1 − ε, denominators at most 1 + ε: g is above the bound",
            proved,
            Fact("bounds", (at_most(LOWER, G),)),
            bound_from_events,
            ("normalised", "event A", "event B", "convention"),
            "0 < ε < 1; met exactly",
        ),
    ))


def mean_above(
    conclusion: Formulas, truncation: Formulas, truncated_mean: Formulas, fixed_pair: Formulas, moved: Formulas
) -> bool:
    """Subtract what the mean loses by truncation, at a pair of the net, and between neighbours.

    Args:
        conclusion: the lower bound of m.
        truncation: the product between its bounds, st above.
        truncated_mean: the lower bound of its expectation.
        fixed_pair: the largest shortfall.
        moved: how far the mean moves between neighbours.

    Returns:
        Whether the bound is what is left, exactly.
    """
    (claimed,), expected = conclusion, truncated_mean[1]
    losses = {formula.lhs: formula.rhs for formula in (*fixed_pair, *moved)}
    left = expected.rhs - losses[SHORTFALL] - losses[MOVED]
    from_below = ends(truncation)[1] == S * T and truncation[1].lhs == PRODUCT and expected.lhs == EXPECTED
    one_way = isinstance(claimed, sympy.LessThan) and isinstance(expected, sympy.GreaterThan)
    one_way &= upper_bounds(*fixed_pair, *moved)
    return from_below and one_way and claimed.rhs == MEAN and is_identity(claimed.lhs, left)


def bound_from_events(
    conclusion: Formulas, quotient: Formulas, mean: Formulas, variances: Formulas, convention: Formulas
) -> bool:
    """Bound g by its value where the mean is least and both quotients are largest.

    Args:
        conclusion: the lower bound of g.
        quotient: g in the mean and the two quotients.
        mean: event A.
        variances: event B.
        convention: that the bound is below 1.

    Returns:
        Whether the bound holds on the whole box, with equality at that corner.
    """
    (claimed,), definition = conclusion, quotient[0]
    more, x, y = sympy.symbols("more x y", positive=True)
    values = {MEAN: mean[0].lhs + more}
    for ratio, share, (_, high) in ((RATIO_U, x, ends(variances[:2])), (RATIO_W, y, ends(variances[2:]))):
        values[ratio] = high * share
    value = definition.rhs.xreplace(values)
    box = {eps: (0, 1), more: (0, None), x: (0, 1), y: (0, 1)}
    corner = value.xreplace({more: sympy.S.Zero, x: sympy.S.One, y: sympy.S.One})
    conventional = same(convention, (replaced(claimed, {definition.lhs: sympy.S.One}),))
    described = claimed.rhs == definition.lhs and mean[0].rhs == MEAN and upper_bounds(*mean) and conventional
    return described and is_identity(claimed.lhs, corner) and shows(claimed, box, {definition.lhs: value})
