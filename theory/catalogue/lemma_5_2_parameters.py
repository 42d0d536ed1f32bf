"""After Theorem 5.2: from the loss along flat directions to the parameters themselves.

Problem:
    λ₁ ≥ λ₂ ≥ … > 0 and E wᵢ² ≥ 0 are any numbers; D_k = Σ_{i>k} λᵢ E wᵢ² / Σ_{i≤k} λᵢ E wᵢ² compares losses,
    P_k = Σ_{i>k} E wᵢ² / Σ_{i≤k} E wᵢ² squared distances.

Statement:
    P_k ≥ (λ_k/λ_{k+1}) D_k.

Guarantee:
    For all such numbers. It turns the bound of Theorem 5.2 of Wang & Wu, arXiv 2310.00692, into one on parameters.

Provenance:
    [D]: derived again.

Controls:
    5.2-parameters:squared, (λ_k/λ_{k+1})² in place of λ_k/λ_{k+1}.

Example:
    >>> import theory
    >>> theory.statement("5.2-parameters").bounds(lambda_k=4, lambda_next=1, D=0.5)
    (2.0, inf)
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._second_moments import RATIO, SOURCE

last_sharp, first_flat, D = (symbol(name) for name in ("lambda_k", "lambda_next", "D"))
LOWER = last_sharp / first_flat * D


def build() -> Statement:
    """Build the comparison of P_k with D_k.

    Returns:
        The statement.
    """
    return Statement(
        id="5.2-parameters",
        title="escape of the parameters along flat directions",
        kind="lemma",
        source=f"{SOURCE}, after Theorem 5.2",
        provenance={"lower": "D"},
        provenance_note="Derived again; the comparison is elementary.",
        summary="Measured by squared distance instead of loss, flat directions weigh more, by at least the ratio of "
        "the two curvatures at the cut.",
        hypotheses=(RATIO, "P_k = Σ_(i>k) E wᵢ²/Σ_(i≤k) E wᵢ², and E wᵢ² > 0 for some i ≤ k"),
        quantity="parameter_ratio",
        symbols={
            "lambda_k": "λ_k, the smallest sharp eigenvalue",
            "lambda_next": "λ_(k+1), the largest flat eigenvalue, at most λ_k",
            "D": "D_k, the loss along flat directions over that along sharp ones, at least 0",
        },
        lower=LOWER,
        upper=None,
        controls=(
            Control(
                "5.2-parameters:squared",
                "with weight on the directions k and k + 1 alone P_k is exactly λ_k/λ_(k+1) times D_k",
                {"lower": "(lambda_k/lambda_next)**2*D"},
            ),
        ),
        proof=Proof((
            Step(
                "P_k ≥ (λ_k/λ_(k+1)) D_k",
                StepStatus.PROVED,
                partial(ratio_of_distances, LOWER),
                "two sharp eigenvalues of at least λ_k and two flat ones of at most λ_(k+1), any E wᵢ²; the sums have "
                "the same form for any number",
            ),
            Step(
                "it is met where only the directions k and k + 1 have weight",
                StepStatus.PROVED,
                partial(met_at_the_cut, LOWER),
                "one eigenvalue on each side",
            ),
        )),
    )


def ratio_of_distances(bound: sympy.Expr) -> bool:
    """Show that P_k is at least the bound for two sharp and two flat directions.

    Args:
        bound: the claimed bound, in λ_k, λ_(k+1) and D.

    Returns:
        Whether it is, for all curvatures on their sides of the cut and all second moments.
    """
    gap, more, share = sympy.symbols("gap more share", positive=True)
    moments = sympy.symbols("m0:4", positive=True)
    box = dict.fromkeys((first_flat, gap, more, *moments), (0, None)) | {share: (0, 1)}
    edge = first_flat + gap
    sharp_loss = edge * moments[0] + (edge + more) * moments[1]
    flat_loss = first_flat * moments[2] + first_flat * share * moments[3]
    distances = (moments[2] + moments[3]) / (moments[0] + moments[1])
    return is_nonnegative(distances - bound.xreplace({last_sharp: edge, D: flat_loss / sharp_loss}), box)


def met_at_the_cut(bound: sympy.Expr) -> bool:
    """Evaluate P_k and the bound with one direction on each side.

    Args:
        bound: the claimed bound, in λ_k, λ_(k+1) and D.

    Returns:
        Whether they are the same.
    """
    sharp_moment, flat_moment = sympy.symbols("m0 m1", positive=True)
    ratio = first_flat * flat_moment / (last_sharp * sharp_moment)
    return is_identity(flat_moment / sharp_moment, bound.xreplace({D: ratio}))
