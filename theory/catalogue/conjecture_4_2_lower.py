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
    The remark [S]: "one-sided bounds require much less samples". The form is ours [R], and so is the proof, which rests
    on cited inequalities. A few long rows push g up, never down: cutting the squares off at a level leaves a lower
    bound, and what is cut off has bounded differences, so that neither d² nor log²(1/δ) is needed.

Controls:
    4.2-lower:raised (1 → 1.2) and 4.2-lower:log-d (log d in place of d).

Example:
    >>> import theory
    >>> s = theory.statement("4.2-lower")
    >>> s.required_n(10, eps=0.1, delta=0.05, d=200), theory.statement("4.2").required_n(10, eps=0.1, delta=0.05, d=200)
    (2030, 21208490)
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import Box, is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directional import (
    LOWER,
    WHITENING,
    bounds_nested,
    invariances,
    one_within_bounds,
    over_parameterised_form,
)

eps, delta, d = (symbol(name) for name in ("eps", "delta", "d"))

CONDITION = d + sympy.log(1 / delta)
# E[a⁴b²] for standard Gaussians a and b with squared correlation q, and the level at which squares are cut off.
square = sympy.Symbol("q", positive=True)
SIXTH_MOMENT = 3 + 12 * square
LEVEL = 60 / eps


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
        "that depends on ε, is ours, and so is the proof.",
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
        proof=_proof(),
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
    proved, cited = StepStatus.PROVED, StepStatus.CITED
    return Proof((
        Step(
            "J v = X v' with v' = ∇F(θ) v, and g = (1/n)Σ(u·xᵢ)²(v'·xᵢ)²/(uᵀŜu · v'ᵀŜv')",
            proved,
            partial(over_parameterised_form, 2),
            "as in Theorem 4.2",
        ),
        Step(
            "g does not change under X → XA, u → A⁻¹u, v' → A⁻¹v', nor with the lengths of u and v'",
            proved,
            partial(invariances, 2),
            "so S = I and |u| = |v'| = 1 without loss; symbolic A (2×2)",
        ),
        Step(
            "where the loss or the curvature along v is zero, g = 1 is above the bound",
            proved,
            partial(one_within_bounds, LOWER),
            "0 < ε < 1",
        ),
        Step(
            "st ≥ min(s, M) min(t, M) ≥ st − (s²t + st²)/M for s, t ≥ 0",
            proved,
            partial(truncation_loss, 1),
            "M = 1 by scaling, t ≤ s by symmetry; the three places that 1 can have",
        ),
        Step(
            "E[a⁴b²] = 3 + 12ρ² for standard Gaussians of correlation ρ",
            proved,
            partial(sixth_moment, SIXTH_MOMENT),
            "six derivatives of exp(½(x² + 2ρxy + y²)) at 0",
        ),
        Step(
            "E[min((u·z)², M) min((v·z)², M)] ≥ 1 − ε/2 at M = 60/ε",
            proved,
            partial(truncated_mean, LEVEL, eps / 2),
            "E[(u·z)²(v·z)²] = 1 + 2ρ², ρ = u·v, ρ² in [0, 1]",
        ),
        Step(
            "(s, t) ↦ min(s², M) min(t², M) changes by at most 2M^{3/2} times the change of s, and as much of t",
            proved,
            partial(lipschitz, 2),
            "its derivatives where they exist: 2s min(t², M) for s² < M and 0 beyond; M = 1 by scaling",
        ),
        Step(
            "the mean over the samples is nowhere below its expectation by more than "
            "c₁ √(d/n) + c₂ √(log(2/δ)/n), for all unit u and v, w.p. ≥ 1 − δ/2; c₁ and c₂ depend on M",
            cited,
            None,
            "symmetrisation; Maurer, A vector-contraction inequality for Rademacher complexities, ALT 2016, with the "
            "mean length of (1/n)Σ ±zᵢ at most √(d/n); McDiarmid's inequality, each sample moving the mean by at most "
            "M²/n",
        ),
        Step(
            "n ≥ C (d + log(1/δ)) makes that at most ε/2 at C = 16 max(c₁, c₂)²/ε²",
            proved,
            partial(condition_suffices, CONDITION, 16),
            "d ≥ 1; (a + b)² = 2(a² + b²) − (a − b)²; log 2 < 1",
        ),
        WHITENING,
        Step(
            "numerator at least 1 − ε/2 − ε/2, denominators at most 1 + ε: g is above the bound",
            proved,
            partial(bound_from_events, LOWER),
            "0 < ε < 1; met exactly",
        ),
        Step(
            "the bound falls as ε grows",
            proved,
            partial(bounds_nested, LOWER),
            "sign of the derivative on 0 < ε < 1: a smaller ε is a stronger statement",
        ),
    ))


def truncation_loss(factor: sympy.Expr) -> bool:
    """Show st ≥ min(s, 1) min(t, 1) ≥ st − factor·(s²t + st²) for 0 ≤ t ≤ s.

    Args:
        factor: the factor of what may be lost; one is enough.

    Returns:
        Whether both hold with 1 above s, between t and s, and below t.
    """
    s, t, more = sympy.symbols("s t more", positive=True)
    cases: list[tuple[sympy.Expr, sympy.Expr, Box]] = [
        (s * t, s, {s: (0, 1), t: (0, 1)}),
        (t, s, {s: (1, None), t: (0, 1)}),
        (sympy.S.One, t + more, {t: (1, None), more: (0, None)}),
    ]
    return all(
        is_nonnegative(larger * t - product, box)
        and is_nonnegative(product - larger * t + factor * (larger**2 * t + larger * t**2), box)
        for product, larger, box in cases
    )


def sixth_moment(claimed: sympy.Expr) -> bool:
    """Compare six derivatives of the moment generating function with the claim.

    Args:
        claimed: the claimed value of E[a⁴b²], in the squared correlation.

    Returns:
        Whether the identity holds.
    """
    x, y, rho = sympy.symbols("x y rho", real=True)
    generating = sympy.exp((x**2 + 2 * rho * x * y + y**2) / 2)
    return is_identity(sympy.diff(generating, x, 4, y, 2).subs({x: 0, y: 0}), claimed.xreplace({square: rho**2}))


def truncated_mean(level: sympy.Expr, loss: sympy.Expr) -> bool:
    """Show that the truncated moment is at least 1 − loss.

    Args:
        level: M, in ε.
        loss: the claimed loss, in ε.

    Returns:
        Whether 1 + 2ρ² − 2 E[a⁴b²]/M is at least that for every ρ² in [0, 1].
    """
    least = 1 + 2 * square - 2 * SIXTH_MOMENT / level
    box = {eps: (0, 1), square: (0, 1)}
    return is_nonnegative(level, box) and is_nonnegative(least - (1 - loss), box)


def lipschitz(factor: sympy.Expr) -> bool:
    """Bound the derivative of min(s², 1) min(t², 1) in s by a constant.

    Args:
        factor: the claimed bound; two is right.

    Returns:
        Whether it holds where s² < 1, with t² below and above 1; beyond, the derivative is zero.
    """
    s, t = sympy.symbols("s t", positive=True)
    box = {s: (0, 1), t: (0, 1)}
    slopes = [sympy.diff(s**2 * t**2, s), sympy.diff(s**2, s)]
    return all(is_nonnegative(factor - slope, box) and is_nonnegative(slope, box) for slope in slopes)


def condition_suffices(condition: sympy.Expr, factor: int) -> bool:
    """Show that (c₁√d + c₂√log(2/δ))² ≤ factor·max(c₁, c₂)² f/4, so that n ≥ C f makes the deviation ε/2 at most.

    Args:
        condition: the right-hand side f.
        factor: the factor of max(c₁, c₂)²/ε² in C.

    Returns:
        Whether it is, for every d ≥ 1.
    """
    failure, log2, a, b = sympy.symbols("failure log2 a b", positive=True)
    needed = condition.xreplace({sympy.log(1 / delta): failure})
    halves = is_identity((a + b) ** 2, 2 * (a**2 + b**2) - (a - b) ** 2)
    box = {d: (1, None), failure: (0, None), log2: (0, 1)}
    rest = sympy.Rational(factor, 4) * needed - 2 * (d + log2 + failure)
    return bool(halves and sympy.log(2) < 1) and is_nonnegative(rest, box)


def bound_from_events(lower: sympy.Expr) -> bool:
    """Show that a numerator of at least 1 − ε and denominators of at most 1 + ε put the quotient above the bound.

    Args:
        lower: the claimed lower bound, in ε.

    Returns:
        Whether it does, with equality at the corner.
    """
    more, y, z = sympy.symbols("more y z", positive=True)
    quotient = (1 - eps + more) / ((1 + eps) ** 2 * y * z)
    box = {eps: (0, 1), more: (0, None), y: (0, 1), z: (0, 1)}
    return is_identity((1 - eps) / (1 + eps) ** 2, lower) and is_nonnegative(quotient - lower, box)
