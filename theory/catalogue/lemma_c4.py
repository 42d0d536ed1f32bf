"""Lemma C.4: the row sums of the squared Gram matrix of a linear model are nearly equal.

Problem:
    x_1, …, x_n ~ N(0, S) independent, n ≥ 2, and aᵢ = Σⱼ (xᵢ·xⱼ)², which decide the loss alignment of the linear model.

Statement:
    If n ≥ 180 log(n/δ)/ε² and d_eff ≥ 180 log(n/δ)/ε², where d_eff = min{srk(S), srk(S²)}, then
    1 − ε ≤ aᵢ/A ≤ 1 + ε for all i, where A = (Tr S)² + (n − 1) Tr S².

Guarantee:
    With probability at least 1 − δ over the inputs; the constant is explicit.

Provenance:
    [R]: the paper's appendix has lemmas up to C.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen. The constant is ours.

Controls:
    TODO

Example:
    >>> import theory
    >>> theory.statement("C.4").bounds(eps=0.25)
    (0.75, 1.25)
"""

from __future__ import annotations

import sympy

from theory._statement import Statement
from theory._symbols import symbol

eps, delta, n = (symbol(name) for name in ("eps", "delta", "n"))

FACTOR = sympy.Integer(180)
CONDITION = FACTOR * sympy.log(n / delta) / eps**2


def build() -> Statement:
    """Build Lemma C.4.

    Returns:
        The statement.
    """
    return Statement(
        id="C.4",
        title="row sums of the squared Gram matrix",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix C",
        provenance={"lower": "R", "upper": "R", "probability": "R", "sample_size": "R", "dimension": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen.",
        summary="With enough samples in enough effective dimensions every input meets the others about equally much.",
        hypotheses=(
            "x₁, …, xₙ ~ N(0, S) independent, n ≥ 2",
            "the effective dimension is min{srk(S), srk(S²)} with srk(A) = Tr A/‖A‖",
        ),
        quantity="row_sum",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d_eff": "the effective dimension min{srk(S), srk(S²)}",
        },
        lower=1 - eps,
        upper=1 + eps,
        sample_size=(CONDITION,),
        dimension=(CONDITION,),
        probability=1 - delta,
    )
