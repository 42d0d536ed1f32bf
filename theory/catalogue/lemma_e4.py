"""Lemma E.4: the mean of products of squared Gaussians.

Problem:
    (a_1, b_1), …, (a_n, b_n) independent pairs of standard Gaussian variables of any correlation ρ. The products a²b²
    have the tails of exp(−√y): they are sub-Weibull of order 1/2, and have no moment generating function.

Statement:
    |(1/n)Σ aᵢ²bᵢ² − (1 + 2ρ²)| ≤ max(26 √(τ/n), 13 √(τ/n) + 35 τ (τ + log(2n))/(2n)) with τ = log(3/δ).

Guarantee:
    With probability at least 1 − δ, for every n, δ and ρ, with these constants. Kuchibhotla & Chakrabortty (2022),
    Theorem 3.1, have √(τ/n) + τ²/n with a constant that they leave open.

Provenance:
    [R]: the text of the paper's appendix is lost in the copy used; what this lemma says had to be chosen. The constants
    are ours: the squares aᵢ² are cut off at a level that all of them keep to, and Chernoff's bound does the rest.

Controls:
    E.4:gaussian-tails (the second term dropped) and E.4:linear-tails (τ in place of τ (τ + log(2n))).

Example:
    >>> import theory
    >>> round(theory.statement("E.4").bounds(n=10_000, delta=0.05)[1], 3)
    0.526
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, at_most, equal
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named
from theory.catalogue import _product_moments as moments
from theory.catalogue import _product_tails as tails
from theory.catalogue._chernoff import FAILURE, LOG_DOWN, LOG_UP, TAU, U, markov_step

delta, n = tails.delta, tails.n

LOGARITHM = sympy.log(3 / delta)
UPPER = tails.deviation_at(LOGARITHM)


def build() -> Statement:
    """Build Lemma E.4.

    Returns:
        The statement.
    """
    return Statement(
        id="E.4",
        title="mean of products of squared Gaussians",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Kuchibhotla & Chakrabortty, Moving beyond sub-Gaussianity in high-dimensional "
        "statistics, Information and Inference 11 (2022), Theorem 3.1",
        provenance={"upper": "R", "probability": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen. The "
        "constants are ours.",
        summary="The sample mean of the product of two squared Gaussian variables is close to its expectation, up to a "
        "Gaussian term and one for the few largest products.",
        hypotheses=(
            "(aᵢ, bᵢ) independent pairs of standard Gaussian variables, i ≤ n",
            "the correlation ρ of aᵢ and bᵢ is any, the same for all i; E a²b² = 1 + 2ρ²",
        ),
        quantity="fourth_moment_deviation",
        symbols={"n": "the number of pairs", "delta": "δ, the probability of failure, in (0, 1)"},
        lower=None,
        upper=UPPER,
        probability=1 - delta,
        controls=_controls(),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "E.4:gaussian-tails",
            "at n = 1 and ρ = 1 the deviation a⁴ − 3 exceeds 26 √τ with a probability above δ from δ = 0.0025 on",
            {"upper": "26*sqrt(log(3/delta)/n)"},
        ),
        Control(
            "E.4:linear-tails",
            "at n = 1 and ρ = 1 the deviation a⁴ − 3 grows like 4τ², above any multiple of τ",
            {"upper": "max(26*sqrt(log(3/delta)/n), 13*sqrt(log(3/delta)/n) + 35*log(3/delta)/(2*n))"},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        *_moment_steps(),
        *_tail_steps(),
        _remark(),
        Step(
            "the mean lies within max(2R, R + W) of its expectation",
            proved,
            Fact("bounds", (at_most(tails.ERROR, UPPER),)),
            tails.bound_from_tails,
            ("deviation", "upper tail", "lower tail", "failure"),
            "outside the three events, hence with probability at least 1 − δ",
        ),
    ))


def _moment_steps() -> tuple[Step, ...]:
    """List the steps on one pair: how rarely a² is large, and the moments of what is left."""
    proved, q, v = StepStatus.PROVED, moments.SQUARED_CORRELATION, moments.VARIANCE
    tilted = sympy.sqrt(v) * (105 * q**2 * v**4 + 90 * q * (1 - q) * v**3 + 9 * (1 - q) ** 2 * v**2)
    y, z = moments.Y, moments.Z
    return (
        Step(
            "E exp(uξ) = exp(u²/2)",
            proved,
            Fact("transform", (equal(moments.TRANSFORM, sympy.exp(U**2 / 2)),)),
            moments.gaussian_transform,
            note="ξ ~ N(0, 1); the square is completed, and the density is that of N(u, 1)",
        ),
        Step(
            "P(a² > h) ≤ 2 exp(−h/2)",
            proved,
            Fact("one square", (at_most(moments.LARGE, 2 * sympy.exp(-moments.CUT / 2)),)),
            moments.large_square,
            ("transform",),
            "P(a > √h) ≤ exp(−u√h) E exp(ua) at u = √h, and as much for −a",
        ),
        Step(
            "all aᵢ² ≤ h = 2(τ + log(2n)), but with probability exp(−τ)",
            proved,
            Fact(
                "cut",
                (
                    equal(moments.CUT, 2 * (TAU + sympy.log(2 * n))),
                    at_most(moments.ANY_LARGE, sympy.exp(-TAU)),
                ),
            ),
            moments.any_large_square,
            ("one square",),
            "union bound over the n pairs, met exactly",
        ),
        Step(
            "eʸ ≤ 1 + y + y²eʸ/2 and e⁻ʸ ≤ 1 − y + y²/2 for y ≥ 0; 1 + z ≤ eᶻ for every z",
            proved,
            Fact(
                "exponentials",
                (
                    at_most(sympy.exp(y), 1 + y + y**2 * sympy.exp(y) / 2),
                    at_most(sympy.exp(-y), 1 - y + y**2 / 2),
                    at_most(1 + z, sympy.exp(z)),
                ),
            ),
            moments.exponentials,
            note="equal at 0, and so are the derivatives up to one whose sign is seen",
        ),
        Step(
            "E a⁴b⁴ exp(θb²) = √v (105q²v⁴ + 90q(1 − q)v³ + 9(1 − q)²v²), q = ρ², v = 1/(1 − 2θ)",
            proved,
            Fact("tilted", (equal(v, 1 / (1 - 2 * moments.THETA)), equal(moments.TILTED, tilted))),
            moments.tilted_moment,
            ("transform",),
            "0 ≤ θ < 1/2; a = ρb + √(1 − ρ²)c with c independent of b, and exp(θb²) makes the variance of b equal to v",
        ),
        Step(
            "at θ = 4/35 it is at most 338, and at θ = 0 at most 105",
            proved,
            Fact(
                "moments",
                (
                    equal(moments.THETA, sympy.Rational(4, 35)),
                    at_most(moments.TILTED, 338),
                    at_most(moments.PLAIN, 105),
                ),
            ),
            moments.moments_bounded,
            ("tilted",),
            "0 ≤ q ≤ 1, largest at q = 1; 105² (35/27)⁹ ≤ 338²",
        ),
    )


def _tail_steps() -> tuple[Step, ...]:
    """List the steps from one pair to the tails of the mean, by Chernoff's bound."""
    proved = StepStatus.PROVED
    root, extra = tails.ROOT, tails.EXTRA
    return (
        Step(
            "log E exp(u(p − E p)) ≤ 169u² for u ≤ θ/h, and log E exp(−u(y − E y)) ≤ 105u²/2",
            proved,
            Fact(
                "one pair",
                (
                    equal(tails.LARGEST_RATE, moments.THETA / moments.CUT),
                    at_most(tails.PAIR_UP, 169 * U**2),
                    at_most(tails.PAIR_DOWN, sympy.Rational(105, 2) * U**2),
                ),
            ),
            tails.pair_growth,
            ("exponentials", "moments"),
            "y = a²b², and p = y where a² ≤ h, 0 beyond: then up ≤ uhb² ≤ θb² and p² ≤ a⁴b⁴",
        ),
        Step(
            "the sums over n pairs have n times that",
            proved,
            Fact(
                "sum",
                (
                    at_most(LOG_UP, 169 * n * U**2),
                    at_most(LOG_DOWN, sympy.Rational(105, 2) * n * U**2),
                ),
            ),
            tails.sum_growth,
            ("one pair",),
            "the logarithms of independent factors add; q is Σ(pᵢ − E p) above and Σ(yᵢ − E y) below",
        ),
        markov_step(),
        Step(
            "the deviation x = max(2R, R + W) with R = 13√(τ/n) and W = 35τ(τ + log(2n))/(2n)",
            proved,
            Fact(
                "deviation",
                (
                    equal(root, 13 * sympy.sqrt(TAU / n)),
                    equal(extra, sympy.Rational(35, 2) * TAU * (TAU + sympy.log(2 * n)) / n),
                    equal(tails.DEVIATION, sympy.Max(2 * root, root + extra)),
                ),
            ),
            tails.deviation_defined,
            ("cut", "moments", "one pair"),
            "R² = 169τ/n and W = hτ/(θn)",
        ),
        Step(
            "P(Σ(pᵢ − E p) ≥ nx) ≤ exp(−τ)",
            proved,
            Fact(
                "upper tail",
                (
                    equal(tails.RATE_UP, sympy.Min(root / 169, tails.LARGEST_RATE)),
                    at_most(tails.LOG_ABOVE, -TAU),
                ),
            ),
            tails.upper_tail,
            ("sum", "Markov", "one pair", "moments", "deviation", "cut"),
            "where R/169 ≤ θ/h the part 2R of x is enough, else R + W; E p ≤ E y",
        ),
        Step(
            "P(Σ(yᵢ − E y) ≤ −nx) ≤ exp(−τ)",
            proved,
            Fact(
                "lower tail",
                (equal(tails.RATE_DOWN, tails.DEVIATION / 105), at_most(tails.LOG_BELOW, -TAU)),
            ),
            tails.lower_tail,
            ("sum", "Markov", "deviation"),
            "y ≥ 0; x ≥ 2R, and 4·169 ≥ 2·105",
        ),
        Step(
            "at τ = log(3/δ) the three events have probability at most δ together",
            proved,
            Fact("failure", (equal(TAU, LOGARITHM), at_most(FAILURE, delta))),
            tails.three_events,
            ("cut", "upper tail", "lower tail"),
            "0 < δ < 1; union bound, met exactly",
        ),
    )


def _remark() -> Step:
    constant = named("weibull_constant", "C_{1/2}", positive=True)
    general = constant * (sympy.sqrt(TAU / n) + TAU**2 / n)
    return Step(
        "the same for every mean of variables with tails like exp(−√y), with a constant left open",
        StepStatus.CITED,
        Fact("general", (at_most(tails.ERROR, general),)),
        tails.general_bound_illustrated,
        note="Kuchibhotla & Chakrabortty (2022), Theorem 3.1, at order 1/2; there without log n, here with constants. "
        "Illustration: 4000 means of 1, 10 and 100 fourth powers each reach less than ten times that at τ = 2, 4 and 6",
        remark=True,
    )
