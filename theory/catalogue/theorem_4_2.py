"""Theorem 4.2: the directional alignment of over-parameterised linear models, for every θ and every direction at once.

Problem:
    f(x; θ) = ⟨F(θ), x⟩ with any F, inputs x_1, …, x_n ~ N(0, S) independent and noiseless targets ⟨w*, x⟩, so that the
    residual is X u with u = F(θ) − w* and the derivative along v is X v' with v' = A v, A = ∇F(θ).
    g(θ; v) = vᵀΣ₁v/(2 L · vᵀGv), with g := 1 where the loss or the curvature along v is zero.

Statement:
    If n ≥ C (d² log²(1/ε) + log²(1/δ))/ε and n ≥ C (d log(1/ε) + log(1/δ))/ε², then
    (1 − ε)/(1 + ε)² ≤ g(θ; v) ≤ (3 + ε)/(1 − ε)² for all θ and all v.

Guarantee:
    With probability at least 1 − δ over the inputs, for ε ≤ 1/2; C is an absolute constant that the paper does not
    give. Theorem 4.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D], but for the range of ε, which is ours: as ε → 1 the conditions lose their d, n < d becomes possible, and then
    g = 0 somewhere (u orthogonal to every input but one, v to that one), below a bound that is positive. The paper's
    proof has a "Moreover, if …" with a sharper range, whose formula is lost: unknown.
    For the proof below log(1/ε) need not be there at all; log(1/ε) ≥ log 2 is all that it uses.

Controls:
    4.2:upper-2 (3 → 2 above), 4.2:d-for-d2 (d² → d in the first condition) and 4.2:lower-1.2 (1 → 1.2 below).

Example:
    >>> import theory
    >>> s = theory.statement("4.2")
    >>> s.required_n(eps=0.1, delta=0.05, d=20), s.required_n(eps=0.1, delta=0.05, d=200)
    (21298, 2120849)
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directional import (
    LOWER,
    UPPER,
    WHITENING,
    bounds_from_events,
    bounds_nested,
    invariances,
    one_within_bounds,
    over_parameterised_form,
    population_form,
    population_range,
)

eps, delta, d = (symbol(name) for name in ("eps", "delta", "d"))
# The constant of the cited tail bound, at least one.
tail = sympy.Symbol("c0", positive=True)

ACCURACY, FAILURE = sympy.log(1 / eps), sympy.log(1 / delta)
CONDITIONS = (
    (d**2 * ACCURACY**2 + FAILURE**2) / eps,
    (d * ACCURACY + FAILURE) / eps**2,
)
# The proof's net: its radius, and the exponent t that makes the tail bound hold on all of it.
RADIUS = sympy.Rational(1, 8)
EXPONENT = 2 * d * sympy.log(17) + 2 * sympy.log(2) + FAILURE
FACTOR = 11
CONSTANT = (8 * FACTOR * tail) ** 2

RANGE = "ε is at most 1/2: as ε → 1 the conditions would allow n < d"


def build() -> Statement:
    """Build Theorem 4.2.

    Returns:
        The statement.
    """
    return Statement(
        id="4.2",
        title="directional alignment of over-parameterised linear models along every direction",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 4.2",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "D"},
        provenance_note="Derived again and checked numerically. The proof in the paper has a “Moreover, if …” with a "
        "sharper range, whose formula is lost: it is unknown. That ε must stay away from 1 is ours.",
        summary="With more samples than the square of the dimension the noise along every direction is between one and "
        "three times loss times curvature, at every parameter at once and whatever the parameterisation.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            RANGE,
        ),
        quantity="g_uniform",
        symbols={
            "eps": "ε, the accuracy, in (0, 1/2]",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=CONDITIONS,
        constants="absolute",
        probability=1 - delta,
        controls=_controls(),
        proof=Proof(steps()),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "4.2:upper-2",
            "as n grows at fixed d, g at u = v tends to 3, above (2 + ε)/(1 − ε)² for small ε",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "4.2:d-for-d2",
            "at u = v along the longest row that row alone contributes about d²/n to g, unbounded at n = C d",
            {
                "sample_size": [
                    "(d*log(1/eps)**2 + log(1/delta)**2)/eps",
                    "(d*log(1/eps) + log(1/delta))/eps**2",
                ]
            },
        ),
        Control(
            "4.2:lower-1.2",
            "as n grows at fixed d ≥ 2, g at u orthogonal to v tends to 1, below (1.2 − ε)/(1 + ε)² for small ε",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
    )


def steps() -> tuple[Step, ...]:
    """List the steps of the proof, which Theorem 3.2 needs as well.

    Returns:
        The steps, in order.
    """
    return (*_reduction(), *_uniform_moment(), *_conclusion())


def _reduction() -> tuple[Step, ...]:
    proved = StepStatus.PROVED
    return (
        Step(
            "J v = X v' with v' = ∇F(θ) v, and g = (1/n)Σ(u·xᵢ)²(v'·xᵢ)²/(uᵀŜu · v'ᵀŜv')",
            proved,
            partial(over_parameterised_form, 2),
            "so every model and every direction is a pair of vectors u, v' of the input space; any differentiable F of "
            "two parameters into two dimensions, symbolic X, J (3×2), r and v",
        ),
        Step(
            "g does not change under X → XA, u → A⁻¹u, v' → A⁻¹v', nor with the lengths of u and v'",
            proved,
            partial(invariances, 2),
            "so S = I and |u| = |v'| = 1 without loss; symbolic A (2×2)",
        ),
        Step(
            "where the loss or the curvature along v is zero, g = 1 lies within the bounds",
            proved,
            partial(one_within_bounds, LOWER, UPPER),
            "0 < ε < 1",
        ),
        Step(
            "E[(u·z)²(v·z)²] = 1 + 2(u·v)² for z ~ N(0, I), |u| = |v| = 1",
            proved,
            partial(population_form, 2),
            "Lemma C.1 at S = I",
        ),
        Step("1 ≤ 1 + 2(u·v)² ≤ 3", proved, partial(population_range, 1, 3), "(u·v)² in [0, 1]"),
    )


def _uniform_moment() -> tuple[Step, ...]:
    """List the steps to event A: the fourth moments lie within ε of the population for all unit u and v at once."""
    proved, cited = StepStatus.PROVED, StepStatus.CITED
    return (
        Step(
            "D(u, v) − D(u₀, v₀) = D(u − u₀, u + u₀; v, v) + D(u₀, u₀; v − v₀, v + v₀)",
            proved,
            partial(telescoping, 1),
            "D(u, v) = (1/n)Σ(u·zᵢ)²(v·zᵢ)² less its expectation; D(a, b; c, e) is the same with the product of four "
            "inner products. One term decides, for D is linear in the terms",
        ),
        Step(
            "|D(a, b; v, v)| ≤ M |a||b| with M the largest |D(u, v)| over unit u and v",
            proved,
            partial(bilinear_norm, sympy.Rational(1, 4)),
            "polarisation and the parallelogram identity, for |a| = |b| = 1; symbolic at d = 2",
        ),
        Step(
            "M is at most twice the largest |D| on pairs from a net of radius 1/8",
            proved,
            partial(net_factor, RADIUS, 2),
            "|u − u₀| ≤ 1/8 and |u + u₀| ≤ 2, twice",
        ),
        Step(
            "the sphere has such a net of at most 17ᵈ points",
            cited,
            None,
            "Vershynin, High-Dimensional Probability (2018), Corollary 4.2.13: (1 + 2/η)ᵈ",
        ),
        Step(
            "for one pair |D| ≤ C₀(√(t/n) + t²/n) w.p. ≥ 1 − 2 exp(−t)",
            cited,
            None,
            "Kuchibhotla & Chakrabortty, Moving beyond sub-Gaussianity in high-dimensional statistics, Information and "
            "Inference 11 (2022), Theorem 3.1: a product of four Gaussians is sub-Weibull of order 1/2",
        ),
        Step(
            "17²ᵈ pairs at t = 2d log 17 + log(4/δ), and event B, fail with probability at most δ together",
            proved,
            partial(union_over_net, EXPONENT),
            "union bound; event B has δ/2",
        ),
        Step(
            "t ≤ 11(d log(1/ε) + log(1/δ))",
            proved,
            partial(exponent_within, EXPONENT, FACTOR),
            "ε ≤ 1/2, d ≥ 1; 17² ≤ 2⁹",
        ),
        Step(
            "n ≥ C f₁ and n ≥ C f₂ give t/n ≤ 11 ε²/C and t²/n ≤ 242 ε/C",
            proved,
            partial(conditions_suffice, CONDITIONS, FACTOR),
            "f₁ and f₂ are the two conditions; (a + b)² = 2(a² + b²) − (a − b)²",
        ),
        Step(
            "event A: M ≤ ε at C = (88 C₀)²",
            proved,
            partial(constant_suffices, CONSTANT, FACTOR),
            "C₀ ≥ 1; 2C₀(√(11/C) + 242/C) ≤ 1",
        ),
    )


def _conclusion() -> tuple[Step, ...]:
    proved = StepStatus.PROVED
    return (
        WHITENING,
        Step(
            "the second condition covers that of event B",
            proved,
            partial(whitening_covered, CONDITIONS[1], 2),
            "ε ≤ 1/2, where log(1/ε) ≥ log 2 > 1/2",
        ),
        Step(
            "on A and B, g lies within the bounds",
            proved,
            partial(bounds_from_events, LOWER, UPPER, 1, 3),
            "numerator within ε of [1, 3], both denominators within ε of 1, 0 < ε < 1",
        ),
        Step(
            "the bounds widen as ε grows",
            proved,
            partial(bounds_nested, LOWER, UPPER),
            "signs of the derivatives on 0 < ε < 1: a smaller ε is a stronger statement",
        ),
    )


def telescoping(sign: int) -> bool:
    """Write the difference of two products of squares as two products, each with one small factor.

    Args:
        sign: the sign of the second product; plus one is right.

    Returns:
        Whether the identity holds for one sample.
    """
    a, a0, b, b0 = sympy.symbols("a a0 b b0", real=True)
    return is_identity(a**2 * b**2 - a0**2 * b0**2, (a - a0) * (a + a0) * b**2 + sign * a0**2 * (b - b0) * (b + b0))


def bilinear_norm(factor: sympy.Expr) -> bool:
    """Bound a symmetric bilinear form by its quadratic form, at unit vectors.

    Args:
        factor: the factor of Q(a + b) − Q(a − b); a quarter is right.

    Returns:
        Whether polarisation holds and gives the bound M.
    """
    Q = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"Q{min(i, j)}{max(i, j)}", real=True))
    a, b = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "ab")
    plus, minus = a + b, a - b
    polarised = is_identity((a.T * Q * b)[0], factor * ((plus.T * Q * plus)[0] - (minus.T * Q * minus)[0]))
    # |Q(w)| ≤ M |w|² turns the right-hand side into factor · M (|a + b|² + |a − b|²).
    lengths = is_identity(plus.dot(plus) + minus.dot(minus), 2 * (a.dot(a) + b.dot(b)))
    return polarised and lengths and factor * 2 * (1 + 1) <= 1


def net_factor(radius: sympy.Expr, factor: int) -> bool:
    """Show that the supremum is at most a multiple of the maximum on a net.

    Args:
        radius: the net's radius.
        factor: the claimed multiple.

    Returns:
        Whether sup ≤ max + 4 radius sup gives it.
    """
    moved = 2 * radius + 2 * radius
    return bool(moved < 1 and 1 / (1 - moved) <= factor)


def union_over_net(exponent: sympy.Expr) -> bool:
    """Add the probabilities that the tail bound fails at a pair of the net, and δ/2.

    Args:
        exponent: t, in d and δ.

    Returns:
        Whether the sum is δ.
    """
    log_of_sum = 2 * d * sympy.log(17) + sympy.log(2) - exponent
    return bool(sympy.expand_log(log_of_sum - sympy.log(delta / 2)).expand() == 0)


def exponent_within(exponent: sympy.Expr, factor: int) -> bool:
    """Bound t by a multiple of d log(1/ε) + log(1/δ), for ε ≤ 1/2.

    Args:
        exponent: t, in d and δ.
        factor: the claimed multiple.

    Returns:
        Whether the bound holds for every d ≥ 1.
    """
    log2, slack, failure = sympy.symbols("log2 slack failure", positive=True)
    larger = exponent.xreplace({sympy.log(17): sympy.Rational(9, 2) * log2, sympy.log(2): log2, FAILURE: failure})
    accuracy = log2 * (1 + slack)
    box = {d: (1, None), log2: (0, None), slack: (0, None), failure: (0, None)}
    return 17**2 <= 2**9 and is_nonnegative(factor * (d * accuracy + failure) - larger, box)


def conditions_suffice(conditions: tuple[sympy.Expr, sympy.Expr], factor: int) -> bool:
    """Show that the conditions bound t/n and t²/n at t = factor·(d log(1/ε) + log(1/δ)).

    Args:
        conditions: the right-hand sides f₁ and f₂.
        factor: the factor of t.

    Returns:
        Whether t ≤ factor ε² f₂, exactly, and t² ≤ 2 factor² ε f₁, up to a square.
    """
    accuracy, failure = sympy.symbols("accuracy failure", positive=True)
    first, second = (entry.xreplace({ACCURACY: accuracy, FAILURE: failure}) for entry in conditions)
    exponent = factor * (d * accuracy + failure)
    square = factor**2 * (d * accuracy - failure) ** 2
    return is_identity(exponent, factor * eps**2 * second) and is_identity(
        2 * factor**2 * eps * first - exponent**2, square
    )


def constant_suffices(constant: sympy.Expr, factor: int) -> bool:
    """Show that 2C₀(√(t/n) + t²/n) ≤ ε under the conditions with this constant.

    Args:
        constant: C, in C₀.
        factor: the factor of t.

    Returns:
        Whether it is, for every C₀ ≥ 1.
    """
    box = {tail: (1, None)}
    # √(t/n) is at most ε times the root, t²/n at most ε times the square.
    root, square = 1 / (8 * tail), 2 * factor**2 / constant
    root_serves = is_nonnegative(constant, box) and is_nonnegative(root**2 - factor / constant, box)
    return root_serves and is_nonnegative(1 - 2 * tail * (root + square), box)


def whitening_covered(condition: sympy.Expr, factor: int) -> bool:
    """Show that d + log(1/δ) is at most a multiple of ε² times the condition, for ε ≤ 1/2.

    Args:
        condition: the right-hand side f₂.
        factor: the claimed multiple.

    Returns:
        Whether it is.
    """
    accuracy, failure = sympy.symbols("accuracy failure", positive=True)
    half = sympy.Rational(1, 2)
    scaled = factor * eps**2 * condition.xreplace({ACCURACY: accuracy, FAILURE: failure})
    box = {eps: (0, half), d: (1, None), accuracy: (half, None), failure: (0, None)}
    return bool(sympy.log(2) > half) and is_nonnegative(scaled - d - failure, box)
