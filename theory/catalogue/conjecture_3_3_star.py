"""Conjecture 3.3★: the dimension condition of Theorem 3.3 is not tight once samples outnumber dimensions.

Problem:
    f(x; θ) = ⟨θ, x⟩ with inputs x_1, …, x_n ~ N(0, S) independent and noiseless targets ⟨w*, x⟩, so that the residual
    is X u. The loss alignment is μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss is zero.

Statement:
    If n ≥ C log(n/δ)/ε², d_eff ≥ C/ε and d_eff · max(1, n/d) ≥ C log(n/δ)/ε², where d_eff = srk(S²), then
    1 − ε ≤ μ(θ) ≤ 1 + ε for all θ.

Guarantee:
    Conjectured, with probability at least 1 − δ over the inputs and an absolute constant C. A conjecture of this
    project's; compare Theorem 3.3 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [R], ours, from measurements. The population has 1 ≤ μ ≤ 1 + 2/srk(S²), which is the first condition on d_eff. The
    second one says what is left of the row sums' spread, about √(log(n/δ)/d_eff), after a residual X u with only d
    degrees of freedom has averaged it over n/d samples. Any labels, which Theorem 3.3 allows, would undo
    that: they may put the whole residual on the sample with the largest row sum.

Controls:
    3.3-star:one-condition (d_eff ≥ C/ε alone) and 3.3-star:no-dimension (no condition on d_eff).

Example:
    >>> import theory
    >>> values = {"eps": 0.1, "delta": 0.05, "n": 100000}
    >>> [round(theory.statement("3.3-star").required_dimension(d=d, **values), 1) for d in (1000, 100)]
    [14.5, 10.0]
    >>> round(theory.statement("3.3").required_dimension(**values), 1)
    1450.9
"""

from __future__ import annotations

import sympy

from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue.theorem_3_3 import CONDITION, LOWER, UPPER

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))


def build() -> Statement:
    """Build Conjecture 3.3★.

    Returns:
        The statement.
    """
    return Statement(
        id="3.3-star",
        title="loss alignment of the linear model, weaker condition on the dimension",
        kind="conjecture",
        source="this project, compare Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient "
        "Descent, arXiv 2310.00692, Theorem 3.3",
        provenance={"lower": "R", "upper": "R", "probability": "R", "sample_size": "R", "dimension": "R"},
        provenance_note="Ours, from measurements on five families of spectra, not the paper's: the bounds of Theorem "
        "3.3 on weaker conditions, for targets without noise.",
        summary="Where samples outnumber dimensions, far fewer effective dimensions than Theorem 3.3 asks for are "
        "enough for the noise to have the size of loss times curvature at every parameter at once.",
        hypotheses=(
            "f(x; θ) = ⟨θ, x⟩, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent",
            "the effective dimension is srk(S²) with srk(A) = Tr A/‖A‖",
        ),
        quantity="mu",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
            "d_eff": "the effective dimension srk(S²)",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=(CONDITION,),
        dimension=(1 / eps, sympy.log(n / delta) / (eps**2 * sympy.Max(1, n / d))),
        constants="absolute",
        probability=1 - delta,
        controls=_controls(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.3-star:one-condition",
            "with m unit eigenvalues and a tiny tail of n more the residual may sit on any one sample, and the row "
            "sums spread like √(log(n)/m), far above 1/m, however many samples there are",
            {"dimension": ["1/eps"]},
        ),
        Control(
            "3.3-star:no-dimension",
            "at fixed S the range of μ tends, as n grows, to the population's [1, 1 + 2/srk(S²)], which is wider than "
            "any ε below 2/srk(S²)",
            {"dimension": []},
        ),
    )
