"""Lemma C.5: the sample covariance of Gaussian inputs along every direction at once.

Problem:
    x_1, …, x_n ~ N(0, S) independent in ℝᵈ, and Ŝ = (1/n) Σ xᵢxᵢᵀ.

Statement:
    If n ≥ 75 (d + log(1/δ))/ε², then 1 − ε ≤ uᵀŜu/uᵀSu ≤ 1 + ε for all u with uᵀSu > 0.

Guarantee:
    With probability at least 1 − δ over the inputs; the constant is explicit.

Provenance:
    [R]: the paper's appendix has lemmas up to C.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen. The constant is ours.

Controls:
    C.5:no-dimension (the condition without d) and C.5:linear-eps (ε in place of ε²).

Example:
    >>> import theory
    >>> theory.statement("C.5").bounds(eps=0.25)
    (0.75, 1.25)
"""

from __future__ import annotations

from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue.lemma_e3 import CONDITION

eps, delta, d = (symbol(name) for name in ("eps", "delta", "d"))


def build() -> Statement:
    """Build Lemma C.5.

    Returns:
        The statement.
    """
    return Statement(
        id="C.5",
        title="sample covariance along every direction",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix C; by whitening from Vershynin, High-Dimensional Probability (2018), Theorem 4.6.1",
        provenance={"lower": "R", "upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen. The "
        "constant is ours.",
        summary="As many samples as dimensions, times a constant, are enough for the inputs to vary along every "
        "direction about as much in the sample as in the population, whatever their covariance.",
        hypotheses=(
            "x₁, …, xₙ ~ N(0, S) independent in d ≥ 1 dimensions",
            "Ŝ = (1/n) Σ xᵢxᵢᵀ, and u is any direction with uᵀSu > 0",
        ),
        quantity="variance_ratio",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
        },
        lower=1 - eps,
        upper=1 + eps,
        sample_size=(CONDITION,),
        probability=1 - delta,
        controls=_controls(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "C.5:no-dimension",
            "with more dimensions than samples some u is orthogonal to every input, and the ratio along it is 0",
            {"sample_size": ["75*log(1/delta)/eps**2"]},
        ),
        Control(
            "C.5:linear-eps",
            "the ratio strays from 1 by about 2√(d/n), which is 2√(ε/75) at n = 75 d/ε and exceeds ε below 4/75",
            {"sample_size": ["75*(d + log(1/delta))/eps"]},
        ),
    )
