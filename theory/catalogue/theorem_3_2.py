"""Theorem 3.2: the loss alignment of over-parameterised linear models, for every θ at once.

Problem:
    f(x; θ) = ⟨F(θ), x⟩ with any F, inputs x_1, …, x_n ~ N(0, S) independent and noiseless targets ⟨w*, x⟩. The loss
    alignment is μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss or G is zero.

Statement:
    If n ≥ C (d² log²(1/ε) + log²(1/δ))/ε and n ≥ C (d log(1/ε) + log(1/δ))/ε², then
    (1 − ε)/(1 + ε)² ≤ μ(θ) ≤ (3 + ε)/(1 − ε)² for all θ. Neither F nor the number of parameters matters.

Guarantee:
    With probability at least 1 − δ over the inputs, for ε ≤ 1/2; C is an absolute constant that the paper does not
    give. Theorem 3.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D], with the conditions and the range of ε of Theorem 4.2. μ is an average of the directional alignments, and a
    model whose gradients are parallel attains each of them: over all F the two theorems bound the same range.

Controls:
    3.2:upper-2 (3 → 2 above), 3.2:d-for-d2 (d² → d in the first condition) and 3.2:lower-1.2 (1 → 1.2 below).

Example:
    >>> import theory
    >>> theory.statement("3.2").bounds(eps=0.2) == theory.statement("4.2").bounds(eps=0.2)
    True
"""

from __future__ import annotations

from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directional import LOWER, UPPER
from theory.catalogue.theorem_4_2 import CONDITIONS, RANGE

eps, delta = (symbol(name) for name in ("eps", "delta"))


def build() -> Statement:
    """Build Theorem 3.2.

    Returns:
        The statement.
    """
    return Statement(
        id="3.2",
        title="loss alignment of over-parameterised linear models",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 3.2",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "D"},
        provenance_note="Derived again from Theorem 4.2 and checked numerically; the range of ε is ours, as there.",
        summary="With more samples than the square of the dimension the size of the noise is between one and three "
        "times loss times curvature, at every parameter at once and whatever the parameterisation.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            RANGE,
        ),
        quantity="mu_olm",
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
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.2:upper-2",
            "a model with one parameter and F' along u has μ = g(u; u), which tends to 3 as n grows at fixed d",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "3.2:d-for-d2",
            "with F' and u along the longest row that row alone contributes about d²/n to μ, unbounded at n = C d",
            {
                "sample_size": [
                    "(d*log(1/eps)**2 + log(1/delta)**2)/eps",
                    "(d*log(1/eps) + log(1/delta))/eps**2",
                ]
            },
        ),
        Control(
            "3.2:lower-1.2",
            "a model with one parameter and F' orthogonal to u has μ = g, which tends to 1 as n grows at fixed d ≥ 2",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
    )
