"""Theorem 3.5: the loss alignment of two-layer networks with a fixed outer layer, for every θ at once.

Problem:
    f(x; θ) = Σ_k a_k σ(b_k·x) with the a_k fixed and θ = (b_1, b_2, …), inputs x_1, …, x_n ~ N(0, S) independent, and
    any labels. The slopes of σ lie between α and β, 0 < α ≤ β; a leaky ReLU of slope s has α = s and β = 1.
    μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss is zero.

Statement:
    If n ≥ C log(n/δ)/ε² and d_eff ≥ C log(n/δ)/ε², where d_eff = min{srk(S), srk(S²)}, then
    (α/β)⁴ (1 − ε) ≤ μ(θ) ≤ (β/α)⁴ (1 + ε) for all θ, any width and any outer layer.

Guarantee:
    With probability at least 1 − δ over the inputs; C is an absolute constant that the paper does not give. Vacuous for
    the ReLU itself: at α = 0 the lower bound is 0 and the upper one infinite.
    Theorem 3.5 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D]; the conditions are those of Theorem 3.3.

Controls:
    3.5:exponent-1 (β/α in place of its fourth power above), 3.5:lower-exponent-1 (the same below) and 3.5:no-dimension
    (the condition on d_eff dropped).

Example:
    >>> import theory
    >>> s = theory.statement("3.5")
    >>> s.bounds(eps=0.25, alpha=0.5, beta=1), s.bounds(eps=0.25, alpha=0, beta=1)
    ((0.046875, 20.0), (0.0, inf))
"""

from __future__ import annotations

from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue import theorem_3_3 as linear

eps, delta, alpha, beta = (symbol(name) for name in ("eps", "delta", "alpha", "beta"))

LOWER = (alpha / beta) ** 4 * linear.LOWER
UPPER = (beta / alpha) ** 4 * linear.UPPER


def build() -> Statement:
    """Build Theorem 3.5.

    Returns:
        The statement.
    """
    return Statement(
        id="3.5",
        title="loss alignment of two-layer networks with a fixed outer layer",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 3.5",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "D", "dimension": "D"},
        provenance_note="Derived again and checked numerically, with the conditions of Theorem 3.3. Vacuous for the "
        "ReLU, α = 0: the lower bound is 0, the upper one infinite.",
        summary="With enough samples in enough effective dimensions the noise of a two-layer network has the size of "
        "loss times curvature up to the fourth power of the ratio of its slopes, at every parameter at once.",
        hypotheses=(
            "f(x; θ) is the sum over k of aₖ σ(bₖ·x), only the bₖ are trained, square loss, any labels",
            "α ≤ σ' ≤ β with 0 < α ≤ β; for a leaky ReLU of slope s, α = s and β = 1",
            "x₁, …, xₙ ~ N(0, S) independent",
            "the effective dimension is min{srk(S), srk(S²)} with srk(A) = Tr A/‖A‖",
        ),
        quantity="mu_two_layer",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
            "d_eff": "the effective dimension min{srk(S), srk(S²)}",
            "alpha": "α, the least slope of the activation",
            "beta": "β, its largest slope, at least α",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=(linear.CONDITION,),
        dimension=(linear.CONDITION,),
        constants="absolute",
        probability=1 - delta,
        controls=_controls(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.5:exponent-1",
            "at n ≤ d one neuron of large |a_k|, active on one sample only, gives μ near (β/α)⁴ for the residual on "
            "that sample",
            {"upper": "(beta/alpha)*(1 + eps)"},
        ),
        Control(
            "3.5:lower-exponent-1",
            "at n ≤ d one neuron of large |a_k|, active on all samples but one, gives μ near (α/β)⁴ for the residual "
            "on that sample",
            {"lower": "(alpha/beta)*(1 - eps)"},
        ),
        Control(
            "3.5:no-dimension",
            "with α = β the network is linear, and at fixed S the row sum of the longest of n inputs, over their mean, "
            "grows with n",
            {"dimension": []},
        ),
    )
