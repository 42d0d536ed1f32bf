"""Lemma E.2: the tails of a Gaussian quadratic form.

Problem:
    x ~ N(0, S), A positive semi-definite; F² = Tr (AS)² and N is the largest eigenvalue of AS, so that F and N are the
    Frobenius and the operator norm of S^{1/2} A S^{1/2}.

Statement:
    −2√τ F ≤ xᵀAx − E xᵀAx ≤ 2√τ F + 2τ N with τ = log(2/δ).

Guarantee:
    With probability at least 1 − δ, for every δ in (0, 1) and with these constants: the Hanson–Wright inequality in the
    form of Laurent & Massart (2000, Lemma 1).

Provenance:
    [R]: the text of the paper's appendix is lost in the copy used; what this lemma says had to be chosen.

Controls:
    E.2:no-operator-norm (the second term of the upper bound dropped) and E.2:lower-halved.

Example:
    >>> import theory
    >>> [round(bound, 2) for bound in theory.statement("E.2").bounds(delta=0.05, F=2, N=1)]
    [-7.68, 15.06]
"""

from __future__ import annotations

import sympy

from theory._statement import Control, Statement
from theory._symbols import symbol

delta, FROBENIUS, OPERATOR = (symbol(name) for name in ("delta", "F", "N"))

LOGARITHM = sympy.log(2 / delta)
LOWER = -2 * sympy.sqrt(LOGARITHM) * FROBENIUS
UPPER = 2 * sympy.sqrt(LOGARITHM) * FROBENIUS + 2 * LOGARITHM * OPERATOR


def build() -> Statement:
    """Build Lemma E.2.

    Returns:
        The statement.
    """
    return Statement(
        id="E.2",
        title="tails of a Gaussian quadratic form",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Laurent & Massart, Adaptive Estimation of a Quadratic Functional by Model "
        "Selection (2000), Lemma 1",
        provenance={"lower": "R", "upper": "R", "probability": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen.",
        summary="A quadratic form in Gaussian variables deviates from its mean like a Gaussian of the Frobenius norm's "
        "size, and far above it like an exponential variable of the operator norm's size.",
        hypotheses=(
            "x ~ N(0, S), A positive semi-definite, S and A fixed",
            "F² = Tr (AS)² and N is the largest eigenvalue of AS",
        ),
        quantity="quadratic_form",
        symbols={
            "delta": "δ, the probability of failure, in (0, 1)",
            "F": "√(Tr (AS)²), the Frobenius norm of A on the scale of S",
            "N": "the largest eigenvalue of AS, at most F",
        },
        lower=LOWER,
        upper=UPPER,
        probability=1 - delta,
        controls=_controls(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "E.2:no-operator-norm",
            "for A of rank one F = N, and x² − 1 exceeds 2√τ with probability 0.011 where δ = 0.001",
            {"upper": "2*sqrt(log(2/delta))*F"},
        ),
        Control(
            "E.2:lower-halved",
            "for the identity in 1000 dimensions N is small beside F, and the sum falls below −√τ F with probability "
            "0.05 where δ = 0.01",
            {"lower": "-sqrt(log(2/delta))*F"},
        ),
    )
