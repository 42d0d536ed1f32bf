"""Lemma C.6: the fourth moments of a Gaussian sample along every pair of directions at once.

Problem:
    z_1, …, z_n ~ N(0, I) independent in ℝᵈ; the mean of (u·zᵢ)²(v·zᵢ)² has the expectation 1 + 2(u·v)² for unit u, v.

Statement:
    If n ≥ 130 t²/ε and n ≥ (4225/4) t/ε² with t = 7 d log(1/ε) + log(1/δ), then
    |(1/n)Σ (u·zᵢ)²(v·zᵢ)² − (1 + 2(u·v)²)| ≤ ε for all unit u and v.

Guarantee:
    With probability at least 1 − δ over the sample, for ε ≤ 1/2; the constants are explicit. They are those of Theorem
    4.2 but for its constant, since t² ≤ 50 (d² log²(1/ε) + log²(1/δ)).

Provenance:
    [R]: the text of the paper's appendix is lost in the copy used; what this lemma says had to be chosen. The constants
    are ours. One net of the sphere is enough, of 41ᵈ points, for the largest deviation over pairs is one at u = v.

Controls:
    C.6:no-factors (t²/ε and t/ε² alone) and C.6:narrow (ε/30 in place of ε above).

Example:
    >>> import theory
    >>> theory.statement("C.6").required_n(eps=0.5, delta=0.1, d=10)
    671572
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, at_least, at_most, equal
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory.catalogue import _uniform_moment as uniform
from theory.catalogue._chernoff import TAU
from theory.catalogue._nets import POINTS, cardinality_steps
from theory.catalogue._product_tails import deviation_at
from theory.catalogue._quartic_forms import ERROR, TOP, diagonal_steps, net_steps
from theory.catalogue._uniform_moment import ACCURACY, EXPONENT, SHARE, T, d, delta, eps, n

CONDITIONS = (130 * EXPONENT**2 / eps, sympy.Rational(4225, 4) * (EXPONENT / eps**2))


def build() -> Statement:
    """Build Lemma C.6.

    Returns:
        The statement.
    """
    return Statement(
        id="C.6",
        title="fourth moments of a Gaussian sample along every pair of directions",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix C; nets as in Vershynin, High-Dimensional Probability (2018), Section 4.2",
        provenance={"upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen. The "
        "constants are ours.",
        summary="With more samples than the square of the dimension the fourth moments of a Gaussian sample are close "
        "to those of the population along all pairs of directions at once.",
        hypotheses=("z₁, …, zₙ ~ N(0, I) independent in d ≥ 1 dimensions", "ε is at most 1/2"),
        quantity="uniform_moment_error",
        symbols={
            "eps": "ε, the accuracy, in (0, 1/2]",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the vectors",
        },
        lower=None,
        upper=eps,
        sample_size=CONDITIONS,
        probability=1 - delta,
        largest_eps=0.5,
        controls=_controls(),
        depends_on=("C.1", "E.4"),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    plain = "7*d*log(1/eps) + log(1/delta)"
    return (
        Control(
            "C.6:no-factors",
            "at d = 1 and ε = δ = 1/2 that allows n = 62, where the mean of z⁴ has a standard deviation of 1.2",
            {"sample_size": [f"({plain})**2/eps", f"({plain})/eps**2"]},
        ),
        Control(
            "C.6:narrow",
            "at d = 1 and ε = δ = 1/2 the mean of z⁴ at n = 23431 has a standard deviation of 0.064, far above 1/60",
            {"upper": "eps/30"},
        ),
    )


def _proof() -> Proof:
    radius, base, factor = sympy.Rational(1, 20), 41, sympy.Rational(5, 4)
    return Proof((
        *diagonal_steps(),
        *cardinality_steps(radius, base),
        *net_steps(factor),
        *_net_deviation_steps(base),
        *_size_steps(),
        Step(
            "|D(u, v)| ≤ ε for all unit u and v",
            StepStatus.PROVED,
            Fact("error", (at_most(ERROR, eps),)),
            uniform.error_within,
            ("diagonal", "from net", "on the net", "root", "square"),
            "both parts of the deviation make 4ε/5 exactly",
        ),
    ))


def _net_deviation_steps(base: int) -> tuple[Step, ...]:
    """List the steps to the deviation at all points of the net."""
    proved = StepStatus.PROVED
    return (
        Step(
            "what may fail at one point, times the number of points, is at most δ",
            proved,
            Fact("share", (equal(SHARE, delta / base**d), at_most(POINTS * SHARE, delta))),
            uniform.union_over_net,
            ("net",),
            "union bound",
        ),
        Step(
            "|D(y, y)| ≤ max(26√(τ/n), 13√(τ/n) + 35τ(τ + log(2n))/(2n)) at every point, τ = log(3·41ᵈ/δ)",
            proved,
            Fact("on the net", (equal(TAU, sympy.log(3 * base**d / delta)), at_most(TOP, deviation_at(TAU)))),
            uniform.deviation_on_net,
            ("C.1", "E.4", "share"),
            "Lemma E.4 at a = b = y·z and the share of δ; the expectation is 3, by both lemmas",
        ),
        Step(
            "τ ≤ t = 7d log(1/ε) + log(1/δ)",
            proved,
            Fact("exponent", (equal(T, EXPONENT), at_most(TAU, T))),
            uniform.exponent_within,
            ("on the net",),
            "ε ≤ 1/2, d ≥ 1; 3·41 ≤ 2⁷",
        ),
    )


def _size_steps() -> tuple[Step, ...]:
    """List the steps from the conditions on n to the two terms of the deviation."""
    proved = StepStatus.PROVED
    return (
        Step(
            "t ≥ 7 log 2 and log(1/ε) ≤ t/7",
            proved,
            Fact("least exponent", (at_least(T, 7 * sympy.log(2)), at_most(ACCURACY, T / 7))),
            uniform.exponent_large,
            ("exponent",),
            "ε ≤ 1/2, d ≥ 1, δ < 1",
        ),
        Step(
            "log t ≤ t/5 + log 5 − 1",
            proved,
            Fact("tangent", (at_most(sympy.log(T), T / 5 + sympy.log(5) - 1),)),
            uniform.tangent_above,
            note="the tangent at t = 5 of a concave function",
        ),
        Step(
            "τ/n ≤ 4ε²/4225",
            proved,
            Fact("root", (at_most(TAU / n, 4 * eps**2 / 4225),)),
            uniform.root_small,
            ("exponent", "sample_size"),
            "the second condition, with nothing to spare",
        ),
        Step(
            "τ(τ + log(2n))/n ≤ 4ε/175",
            proved,
            Fact("square", (at_most(TAU * (TAU + sympy.log(2 * n)) / n, 4 * eps / 175),)),
            uniform.square_small,
            ("exponent", "least exponent", "tangent", "sample_size"),
            "the first condition; (t + log(2n))/n falls as n grows, so that n = 130t²/ε decides",
        ),
    )
