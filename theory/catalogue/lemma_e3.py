"""Lemma E.3: the sample covariance of standard Gaussian vectors, in operator norm.

Problem:
    z_1, …, z_n ~ N(0, I) independent in ℝᵈ, and Ŝ = (1/n) Σ zᵢzᵢᵀ.

Statement:
    If n ≥ 75 (d + log(1/δ))/ε², then ‖Ŝ − I‖ ≤ ε.

Guarantee:
    With probability at least 1 − δ over the vectors; the constant is explicit. Vershynin, High-Dimensional Probability
    (2018), Theorem 4.6.1, has the same with a constant that it leaves open.

Provenance:
    [R]: the paper's appendix has lemmas up to E.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen. The constant is ours.

Controls:
    E.3:no-dimension (the condition without d) and E.3:linear-eps (ε in place of ε²).

Example:
    >>> import theory
    >>> theory.statement("E.3").required_n(eps=0.5, delta=0.05, d=10)
    3899
"""

from __future__ import annotations

import sympy

from theory._statement import Control, Statement
from theory._symbols import symbol

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

FACTOR = sympy.Integer(75)
CONDITION = FACTOR * ((d + sympy.log(1 / delta)) / eps**2)


def build() -> Statement:
    """Build Lemma E.3.

    Returns:
        The statement.
    """
    return Statement(
        id="E.3",
        title="sample covariance of standard Gaussian vectors",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Vershynin, High-Dimensional Probability (2018), Theorem 4.6.1",
        provenance={"upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen. The "
        "constant is ours.",
        summary="As many samples as dimensions, times a constant, are enough for the sample covariance of standard "
        "Gaussian vectors to be close to the identity in every direction at once.",
        hypotheses=("z₁, …, zₙ ~ N(0, I) independent in d ≥ 1 dimensions", "Ŝ = (1/n) Σ zᵢzᵢᵀ"),
        quantity="covariance_error",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the vectors",
        },
        lower=None,
        upper=eps,
        sample_size=(CONDITION,),
        probability=1 - delta,
        controls=_controls(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "E.3:no-dimension",
            "with more dimensions than samples Ŝ is singular, so that the error is at least 1",
            {"sample_size": ["75*log(1/delta)/eps**2"]},
        ),
        Control(
            "E.3:linear-eps",
            "the error falls like 2√(d/n), which is 2√(ε/75) at n = 75 d/ε and exceeds ε below 4/75",
            {"sample_size": ["75*(d + log(1/delta))/eps"]},
        ),
    )
