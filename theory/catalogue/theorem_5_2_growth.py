"""Theorem 5.2, the growth of the loss: how fast SGD escapes, whatever the learning rate.

Problem:
    As in Theorem 5.2: f(x; θ) = ⟨θ, x⟩ with targets ⟨θ*, x⟩ without noise, SGD with one sample a step, η = β/‖G‖_F.

Statement:
    E L(t+1)/E L(t) ≥ β² A₁ for every t ≥ 0 and every β: the noise alone feeds that much. So SGD escapes, in mean
    square, as soon as β² A₁ > 1; the theorem assumes more, β > √(1 + 2/A₁).

Guarantee:
    For any inputs and any start with E L(0) > 0, no probability; A₁ is that of Assumption 5.1. The first part of
    Theorem 5.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D]: derived again and checked on the exact second moments.

Controls:
    5.2-growth:A2 (the larger constant) and 5.2-growth:plus-one (1 + β²A₁, as if the drift never shrank the loss).

Example:
    >>> import theory
    >>> theory.statement("5.2-growth").bounds(A1=0.5, beta=2)
    (2.0, inf)
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._second_moments import (
    A1,
    CONSTANTS,
    LINEAR,
    MEANING,
    SGD,
    SOURCE,
    WITH_GAP,
    alignments_between,
    dynamics_steps,
)

beta = symbol("beta")
GROWTH = beta**2 * A1


def build() -> Statement:
    """Build the growth of the loss in Theorem 5.2.

    Returns:
        The statement.
    """
    return Statement(
        id="5.2-growth",
        title="growth of the loss of SGD in a step",
        kind="theorem",
        source=f"{SOURCE}, Theorem 5.2",
        provenance={"lower": "D"},
        provenance_note="Derived again and checked on the exact second moments; the paper's own rate is lost.",
        summary="In every step the noise multiplies the expected loss by at least the squared learning rate times the "
        "alignment, in the units of the theorem.",
        hypotheses=(LINEAR, SGD, CONSTANTS),
        quantity="loss_growth",
        symbols=MEANING,
        lower=GROWTH,
        upper=None,
        controls=(
            Control(
                "5.2-growth:A2",
                "started along a direction whose mean alignment is below A₂, at the β that makes the drift there zero, "
                "the loss grows by β² times that mean alone",
                {"lower": "beta**2*A2"},
            ),
            Control(
                "5.2-growth:plus-one",
                "with small steps the loss shrinks: the drift is (1 − ηλ)², below one for ηλ < 2",
                {"lower": "1 + beta**2*A1"},
            ),
        ),
        proof=_proof(),
    )


def _proof() -> Proof:
    return Proof((*dynamics_steps(), growth_step()))


def growth_step() -> Step:
    """Make the step from one direction to the loss, which the threshold needs as well.

    Returns:
        The step.
    """
    return Step(
        "Σ λᵢmᵢ' ≥ β²A₁ Σ λᵢmᵢ",
        StepStatus.PROVED,
        partial(loss_grows, GROWTH),
        "η² Σλᵢ² = β²; two directions with any drifts (1 − ηλᵢ)² ≥ 0, the sum has the same form for any number",
    )


def loss_grows(factor: sympy.Expr) -> bool:
    """Show that the loss after a step is at least a factor times the loss before.

    Args:
        factor: the claimed factor; β²A₁ is right.

    Returns:
        Whether it holds for two directions and any drift.
    """
    box, alignments = alignments_between(2)
    curvatures, moments, drifts = (sympy.symbols(f"{name}0:2", positive=True) for name in ("l", "m", "drift"))
    box |= dict.fromkeys((*curvatures, *moments, *drifts, beta), (0, None))
    squared_step = beta**2 / sum(c**2 for c in curvatures)
    loss = sum(c * m for c, m in zip(curvatures, moments, strict=True))
    after = sum(
        c * (drift * m + squared_step * g * c * loss)
        for c, m, drift, g in zip(curvatures, moments, drifts, alignments, strict=True)
    )
    return is_nonnegative(after - factor.xreplace(WITH_GAP) * loss, box)
