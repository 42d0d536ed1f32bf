"""Lemma E.1: Bernstein's inequality for bounded variables.

Problem:
    X_1, …, X_n independent with mean zero, |Xᵢ| ≤ M and variance at most V.

Statement:
    |(1/n) Σ Xᵢ| ≤ √(2Vτ/n) + Mτ/(3n) with τ = log(2/δ).

Guarantee:
    With probability at least 1 − δ, for every δ in (0, 1) and with these constants.

Provenance:
    [R]: the text of the paper's appendix is lost in the copy used; what this lemma says had to be chosen.

Controls:
    E.1:no-range (the second term dropped) and E.1:half-variance.

Example:
    >>> import theory
    >>> round(theory.statement("E.1").bounds(delta=0.05, n=100, V=1, M=3)[1], 3)
    0.309
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, at_least, at_most, replaced, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._chernoff import (
    LOG_DOWN,
    LOG_UP,
    LOGARITHM,
    TAU,
    U,
    failure_step,
    levels,
    markov_step,
    rational,
    tail_step,
)

delta, n, VARIANCE, RANGE = (symbol(name) for name in ("delta", "n", "V", "M"))
DEVIATION = quantity_symbol("mean_deviation")
UPPER = sympy.sqrt(2 * VARIANCE * LOGARITHM / n) + RANGE * LOGARITHM / (3 * n)

_Y = sympy.Symbol("y", positive=True)
_K = sympy.Symbol("k", integer=True, positive=True)
_TRANSFORM_UP = named("transform", r"\mathbb{E}\, e^{u X}", positive=True)
_TRANSFORM_DOWN = named("transform_down", r"\mathbb{E}\, e^{-u X}", positive=True)


def build() -> Statement:
    """Build Lemma E.1.

    Returns:
        The statement.
    """
    return Statement(
        id="E.1",
        title="Bernstein's inequality",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Boucheron, Lugosi & Massart, Concentration Inequalities (2013), Theorem 2.10",
        provenance={"upper": "R", "probability": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen.",
        summary="The mean of bounded independent variables deviates from zero like a Gaussian of its variance, and far "
        "out like an exponential variable of the size of the largest value.",
        hypotheses=("X₁, …, Xₙ independent, E Xᵢ = 0", "|Xᵢ| ≤ M and E Xᵢ² ≤ V for all i"),
        quantity="mean_deviation",
        symbols={
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of variables",
            "V": "a bound of their variances",
            "M": "a bound of their absolute values",
        },
        lower=None,
        upper=UPPER,
        probability=1 - delta,
        controls=_controls(),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "E.1:no-range",
            "a variable that is 1 with probability 10⁻⁴, less its mean, has V about 10⁻⁴; one alone is nearly 1 with "
            "probability 10⁻⁴, above √(2Vτ) where δ is 5·10⁻⁵",
            {"upper": "sqrt(2*V*log(2/delta)/n)"},
        ),
        Control(
            "E.1:half-variance",
            "the mean of 10⁴ random signs passes √(Vτ/n) + Mτ/(3n) with probability 0.02 where δ = 0.01",
            {"upper": "sqrt(V*log(2/delta)/n) + M*log(2/delta)/(3*n)"},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    remainder = _Y**2 / (2 * (1 - _Y / 3))
    growth = U**2 * VARIANCE / (2 * (1 - U * RANGE / 3))
    root, scale = sympy.sqrt(2 * TAU), RANGE / 3
    rate = root / (sympy.sqrt(n * VARIANCE) + scale * root)
    level = sympy.sqrt(n * VARIANCE) * root + scale * TAU
    return Proof((
        Step(
            "k! ≥ 2·3^(k−2) for k ≥ 2",
            proved,
            Fact("factorials", (at_least(sympy.factorial(_K), 2 * 3 ** (_K - 2)),)),
            factorials_grow,
            note="equal at k = 2, and from k to k + 1 the left side grows by k + 1, the right one by 3",
        ),
        Step(
            "e^y − 1 − y ≤ y²/(2(1 − y/3)), and likewise at −y",
            proved,
            Fact(
                "series",
                (
                    at_most(sympy.exp(_Y) - 1 - _Y, remainder),
                    at_most(sympy.exp(-_Y) - 1 + _Y, remainder),
                ),
            ),
            series_compared,
            ("factorials",),
            "0 < y < 3; the coefficients ±1/k! of the left side against the geometric series on the right",
        ),
        Step(
            "E exp(±uX) ≤ 1 + u²V/(2(1 − uM/3))",
            proved,
            Fact("one variable", (at_most(_TRANSFORM_UP, 1 + growth), at_most(_TRANSFORM_DOWN, 1 + growth))),
            one_variable,
            ("series",),
            "0 < uM < 3; at every value of X between −M and M, then E X = 0 and E X² ≤ V",
        ),
        Step(
            "log E exp(±uq) ≤ n u²V/(2(1 − uM/3)) for q = Σ Xᵢ",
            proved,
            Fact("sum", (at_most(LOG_UP, n * growth), at_most(LOG_DOWN, n * growth))),
            independent_sum,
            ("one variable",),
            "the logarithms of independent factors add, and log(1 + z) ≤ z",
        ),
        markov_step(),
        tail_step("P(q ≥ √(2nVτ) + Mτ/3) ≤ e^{−τ}", 0, rate, scale, level),
        tail_step("P(q ≤ −√(2nVτ) − Mτ/3) ≤ e^{−τ}", 1, rate, scale, level),
        failure_step(),
        Step(
            "|(1/n) Σ Xᵢ| ≤ √(2Vτ/n) + Mτ/(3n)",
            proved,
            Fact("bounds", (at_most(DEVIATION, UPPER),)),
            bound_from_tails,
            ("upper tail", "lower tail", "failure"),
            "outside the two tails, hence with probability at least 1 − δ",
        ),
    ))


def factorials_grow(conclusion: Formulas) -> bool:
    """Compare both sides by induction.

    Args:
        conclusion: the inequality.

    Returns:
        Whether both sides agree at k = 2 and the left one grows at least as fast from there on.
    """
    (claimed,) = conclusion
    start = [side.subs(_K, 2) for side in claimed.args]
    left, right = (sympy.combsimp(side.subs(_K, _K + 1) / side) for side in claimed.args)
    begins = start[0] == start[1] and bool(start[0] > 0) and claimed.lhs == sympy.factorial(_K)
    return begins and shows(claimed.func(left, right, evaluate=False), {_K: (2, None)})


def series_compared(conclusion: Formulas, factorials: Formulas) -> bool:
    """Compare the coefficients of two series.

    Args:
        conclusion: the exponential series from its third term on, at y and at −y, below a rational function.
        factorials: their lower bound.

    Returns:
        Whether each left side f solves f′ = ±f + y with f(0) = 0, so that its coefficients are ±1/k! from k = 2 on, and
        the right side is the series of the reciprocals of the lower bounds.
    """
    (bound,) = factorials
    first, ratio = 1 / bound.rhs.subs(_K, 2), sympy.combsimp(bound.rhs / bound.rhs.subs(_K, _K + 1))
    geometric = first * _Y**2 / (1 - ratio * _Y)

    def holds(formula: Relational, sign: int) -> bool:
        slope = sympy.diff(formula.lhs, _Y) - sign * formula.lhs - _Y
        solves = sympy.expand(slope) == 0 and formula.lhs.subs(_Y, 0) == 0
        return solves and isinstance(formula, sympy.LessThan) and is_identity(formula.rhs, geometric)

    below_factorials = isinstance(bound, sympy.GreaterThan) and bound.lhs == sympy.factorial(_K)
    return bool(below_factorials and ratio.is_Rational) and all(map(holds, conclusion, (1, -1)))


def one_variable(conclusion: Formulas, series: Formulas) -> bool:
    """Bound the exponential at every value of a bounded variable by a quadratic function.

    Args:
        conclusion: the bounds of its expectations.
        series: the bounds of the exponential at y and at −y.

    Returns:
        Whether each claim, with X² for V and with the linear term whose mean is zero, holds at every X.
    """
    w, share = sympy.symbols("w share", positive=True)
    box = {w: (0, 1), share: (0, 1), RANGE: (0, None)}
    rate, size = 3 * w / RANGE, RANGE * share

    def holds(formula: Relational, sign: int, side: int) -> bool:
        exponent = sign * side
        used = series[0] if exponent > 0 else series[1]
        exponential = used.rhs - (used.lhs - sympy.exp(exponent * _Y))
        linear = exponent * U * size
        quadratic = formula.rhs.xreplace({VARIANCE: size**2}) + linear
        claimed = formula.func(exponential.xreplace({_Y: U * size}), quadratic, evaluate=False)
        return used.func is formula.func and shows(replaced(claimed, {U: rate}), box)

    def grows(formula: Relational) -> bool:
        slope = sympy.diff(formula.rhs, VARIANCE)
        return not slope.has(VARIANCE) and is_nonnegative(slope.xreplace({U: rate}), box)

    pinned = tuple(formula.lhs for formula in conclusion) == (_TRANSFORM_UP, _TRANSFORM_DOWN)
    pointwise = all(holds(f, sign, side) for f, sign in zip(conclusion, (1, -1), strict=True) for side in (1, -1))
    return pinned and pointwise and all(map(grows, conclusion))


def independent_sum(conclusion: Formulas, one: Formulas) -> bool:
    """Add the logarithms of independent factors.

    Args:
        conclusion: the bounds of the logarithms for the sum.
        one: the bounds of the expectation for one variable.

    Returns:
        Whether each is n times what the other exceeds one by, and log(1 + z) ≤ z.
    """
    z = sympy.Symbol("z", positive=True)
    gap = z - sympy.log(1 + z)
    logarithm_below = gap.subs(z, 0) == 0 and is_nonnegative(sympy.diff(gap, z), {z: (0, None)})

    def holds(formula: Relational, factor: Relational) -> bool:
        one_way = isinstance(formula, sympy.LessThan) and isinstance(factor, sympy.LessThan)
        return one_way and is_identity(formula.rhs, n * (factor.rhs - 1))

    pinned = tuple(formula.lhs for formula in conclusion) == (LOG_UP, LOG_DOWN)
    pinned &= tuple(formula.lhs for formula in one) == (_TRANSFORM_UP, _TRANSFORM_DOWN)
    return pinned and logarithm_below and all(map(holds, conclusion, one))


def bound_from_tails(conclusion: Formulas, upper: Formulas, lower: Formulas, failure: Formulas) -> bool:
    """Divide the levels by the number of variables.

    Args:
        conclusion: the claimed bound.
        upper: the upper tail, with its level.
        lower: the lower tail, with its level.
        failure: what τ is.

    Returns:
        Whether the bound is both levels' size at that τ.
    """
    (claimed,), at = conclusion, {TAU: failure[0].rhs}
    low, high, most = rational(*(level.xreplace(at) / n for level in levels(upper, lower)), claimed.rhs)
    one_way = isinstance(claimed, sympy.LessThan) and claimed.lhs == DEVIATION
    return one_way and is_identity(high, most) and is_identity(-low, most)
