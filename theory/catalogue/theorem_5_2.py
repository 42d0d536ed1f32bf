"""Theorem 5.2: SGD leaves a minimum along its flat directions.

Problem:
    f(x; θ) = ⟨θ, x⟩ with targets ⟨θ*, x⟩ without noise; SGD with one sample a step and the learning rate η = β/‖G‖_F.
    wᵢ = ⟨uᵢ, θ − θ*⟩ along the eigenvectors of G = XᵀX/n. The loss along the flat directions i > k over that along
    the sharp ones: D_k(t) = Σ_{i>k} λᵢ E wᵢ(t)² / Σ_{i≤k} λᵢ E wᵢ(t)². S_X = Σ_{i≤k} λᵢ², S_Y = Σ_{i>k} λᵢ².

Statement:
    If η²S_X ≥ 1, then D_k(t) ≥ A₁/(1 + A₂) · S_Y/S_X for every t ≥ 1, whatever β is.
    If η²S_X < 1 and β > √(1 + 2/A₁), then D_k(t) ≥ A₁/(2A₂) · S_Y/S_X for every t ≥ 1 + max(0, log(1/c)/log(b/2)),
    where b = η²A₁S_Y and c = η²A₂S_X.
    The lower bound is 0, so that nothing is claimed, in all other cases: before the waiting time, or where β is small.

Guarantee:
    For any inputs and any start, no probability; A₁ and A₂ are those of Assumption 5.1. D_k is a ratio of expectations.
    Theorem 5.2 of Wang & Wu, arXiv 2310.00692, which leaves the constants unspecified.

Provenance:
    [D]: derived again with explicit constants and checked on the exact recursion of second moments, where the worst
    start for each k and t is an eigenvector. The paper's own constants are lost.

Controls:
    5.2:factor (S_Y/S_X times 2A₂/A₁), 5.2:no-waiting (the second case from t = 1 on) and 5.2:any-beta (the second case
    for every β).

Example:
    >>> import theory
    >>> s = theory.statement("5.2")
    >>> [s.bounds(A1=0.5, A2=2, beta=3, S_X=0.125, S_Y=3.875, t=t)[0] for t in (1, 4)]
    [0.0, 3.875]
"""

from __future__ import annotations

import sympy

from theory._cases import Cases, piecewise
from theory._notation import expression_text
from theory._proof import Proof
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directions import step_size_step
from theory.catalogue._escape_cases import case_steps
from theory.catalogue._escape_induction import conclusion_step, induction_steps, waiting_from
from theory.catalogue._escape_map import map_steps
from theory.catalogue._second_moments import A1, A2, CONSTANTS, LINEAR, MEANING, RATIO, SGD, SOURCE, dynamics_steps

beta, sharp, flat, t = (symbol(name) for name in ("beta", "S_X", "S_Y", "t"))

STEP_SQUARED = beta**2 / (sharp + flat)
"""η², since ‖G‖²_F = S_X + S_Y."""
FIRST = A1 / (1 + A2) * flat / sharp
SECOND = A1 / (2 * A2) * flat / sharp
LARGE_STEP = STEP_SQUARED * sharp
LEAST_BETA = sympy.sqrt(1 + 2 / A1)
# b and c: what one step feeds into the flat and the sharp directions, in units of the loss.
FLAT_GAIN = STEP_SQUARED * A1 * flat
SHARP_GAIN = STEP_SQUARED * A2 * sharp
WAITING = waiting_from(FLAT_GAIN, SHARP_GAIN)


def lower_bound(first: sympy.Expr, second: sympy.Expr, least_beta: sympy.Expr, waiting: sympy.Expr) -> sympy.Expr:
    """Put the two cases together.

    Args:
        first: the bound where η²S_X ≥ 1.
        second: the bound where η²S_X < 1.
        least_beta: the value that β must exceed in the second case.
        waiting: the first t of the second case.

    Returns:
        The bound in all cases, zero where nothing is claimed.
    """
    nothing = sympy.S.Zero
    arrived = piecewise(Cases(t, ">=", waiting, second, nothing))
    small_step = piecewise(Cases(beta, "<=", least_beta, nothing, arrived))
    after_a_step = piecewise(Cases(LARGE_STEP, ">=", sympy.S.One, first, small_step))
    return piecewise(Cases(t, "<", sympy.S.One, nothing, after_a_step))


LOWER = lower_bound(FIRST, SECOND, LEAST_BETA, WAITING)


def build() -> Statement:
    """Build Theorem 5.2.

    Returns:
        The statement.
    """
    return Statement(
        id="5.2",
        title="SGD escapes along flat directions",
        kind="theorem",
        source=f"{SOURCE}, Theorem 5.2",
        provenance={"lower": "D"},
        provenance_note="Derived again with explicit constants and checked on the exact second moments; the constants "
        "of the paper are lost.",
        summary="Soon after it starts to escape, SGD has moved along the flat directions at least by a share that is "
        "the ratio of squared curvatures, up to a constant, whatever the start.",
        hypotheses=(LINEAR, SGD, CONSTANTS, RATIO),
        quantity="flat_to_sharp",
        symbols={
            **MEANING,
            "S_X": "Σ_(i≤k) λᵢ², the squared curvatures of the sharp directions",
            "S_Y": "Σ_(i>k) λᵢ², those of the flat directions",
            "t": "the number of steps, at least 0",
        },
        lower=LOWER,
        upper=None,
        controls=(
            Control(
                "5.2:factor",
                "one step from the sharp directions leaves D_k below S_Y/S_X: the sharp ones keep their drift and "
                "receive noise of their own, aligned at least as well",
                _altered(FIRST * 2 * A2 / A1, SECOND * 2 * A2 / A1, LEAST_BETA, WAITING),
            ),
            Control(
                "5.2:no-waiting",
                "started in the sharp directions, where one step feeds the flat ones with b of the loss and leaves "
                "the sharp ones nearly as they were, D_k(1) is about b, far below b/(2c) where c is small",
                _altered(FIRST, SECOND, LEAST_BETA, sympy.S.One),
            ),
            Control(
                "5.2:any-beta",
                "with small steps nothing is amplified: a start in the sharp directions stays there for long",
                _altered(FIRST, SECOND, sympy.S.Zero, WAITING),
            ),
        ),
        depends_on=("5.1",),
        proof=Proof(_proof),
    )


def _altered(*parts: sympy.Expr) -> dict[str, str]:
    """Make the change of a control, as text like every other."""
    return {"lower": expression_text(lower_bound(*parts))}


def _proof() -> Proof:
    return Proof((
        *dynamics_steps(),
        step_size_step(),
        *map_steps(),
        *case_steps(),
        *induction_steps(),
        conclusion_step(LOWER),
    ))
