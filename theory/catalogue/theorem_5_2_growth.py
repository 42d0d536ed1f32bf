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

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, ends, equal, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._directions import (
    CURVATURES,
    MOMENTS,
    NEXT_MOMENTS,
    at_directions,
    beta,
    everywhere,
    loss_along,
    step_size_step,
)
from theory.catalogue._one_way import lower_bounds
from theory.catalogue._second_moments import (
    A1,
    A2,
    ALIGNMENT,
    AMPLITUDES,
    CONSTANTS,
    CURVATURE,
    LINEAR,
    LOSS,
    MEANING,
    MOMENT,
    SGD,
    SOURCE,
    WITH_GAP,
    dynamics_steps,
    eta,
)

GROWTH = beta**2 * A1
loss_growth = quantity_symbol("loss_growth")
sharp, flat = symbol("S_X"), symbol("S_Y")
_NEXT_LOSS = named("twice_next_loss", r"\mathbb{E}\, 2L'", positive=True)


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
        depends_on=("5.1",),
        proof=Proof(_proof),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        *dynamics_steps(),
        step_size_step(),
        Step(
            "Σ λᵢmᵢ' ≥ η²A₁(S_X + S_Y) Σ λᵢmᵢ",
            proved,
            Fact(
                "loss",
                (
                    equal(LOSS, everywhere(CURVATURES * MOMENTS)),
                    equal(_NEXT_LOSS, everywhere(CURVATURES * NEXT_MOMENTS)),
                    at_least(_NEXT_LOSS, eta**2 * A1 * (sharp + flat) * LOSS),
                ),
            ),
            loss_grows,
            ("moments", "step size"),
            "the drift (1 − ηλᵢ)² is a square; two directions, the sum has the same form for any number",
        ),
        Step(
            "E L(t+1)/E L(t) ≥ β²A₁",
            proved,
            Fact("bound", (at_most(GROWTH, loss_growth),)),
            growth_from_loss,
            ("loss", "step size"),
            "E L(t) > 0 at every t, or A₁ = 0 and nothing is claimed",
        ),
    ))


def loss_grows(conclusion: Formulas, moments: Formulas, step_size: Formulas) -> bool:
    """Add up the second moments after a step, along two directions.

    Args:
        conclusion: what E 2L is before and after a step, and what it is at least.
        moments: the second moment after a step along one direction, and its alignment between two numbers.
        step_size: what S_X and S_Y are.

    Returns:
        Whether it is at least that, for any drift and any alignments between these numbers.
    """
    before, after, claimed = conclusion
    curvatures, masses, shares = (sympy.symbols(f"{letter}1:3", positive=True) for letter in ("l", "m", "y"))
    low, high = ends(moments[1:])
    loss = at_directions(before.rhs, curvatures, masses)
    later = [
        moments[0].rhs.xreplace({CURVATURE: curvature, MOMENT: mass, ALIGNMENT: low + share * (high - low), LOSS: loss})
        for curvature, mass, share in zip(curvatures, masses, shares, strict=True)
    ]
    sums = {formula.lhs: at_directions(formula.rhs, curvatures, cut=1) for formula in step_size[:2]}
    values = {LOSS: loss, _NEXT_LOSS: at_directions(after.rhs, curvatures, masses, later), **sums}
    values = {part: value.xreplace(WITH_GAP) for part, value in values.items()} | WITH_GAP
    # The drift is a square; without it the rest has signs.
    drifts = {
        (1 - eta * curvature) ** 2: sympy.Symbol(f"drift{i}", positive=True) for i, curvature in enumerate(curvatures)
    }
    values = {part: value.xreplace(drifts) for part, value in values.items()}
    free = (*curvatures, *masses, *drifts.values(), eta)
    box = {**AMPLITUDES, **dict.fromkeys(free, (0, None)), **dict.fromkeys(shares, (0, 1))}
    defined = {LOSS: loss_along(curvatures, masses), _NEXT_LOSS: loss_along(curvatures, later)}
    parts = (
        (before, at_directions(before.rhs, curvatures, masses)),
        (after, at_directions(after.rhs, curvatures, (), later)),
    )
    known = all(is_identity(defined[formula.lhs], value) for formula, value in parts)
    return (before.lhs, after.lhs) == (LOSS, _NEXT_LOSS) and known and shows(claimed, box, values)


def growth_from_loss(conclusion: Formulas, loss: Formulas, step_size: Formulas) -> bool:
    """Divide by the loss before the step.

    Args:
        conclusion: the growth of the loss, above a bound.
        loss: what the loss is at least after a step.
        step_size: η²(S_X + S_Y).

    Returns:
        Whether the bound is exactly what follows.
    """
    (claimed,) = conclusion
    least, step = loss[2], step_size[2]
    squared = step.rhs / (sharp + flat)
    follows_from = (least.rhs / LOSS).xreplace({eta**2: squared})
    more = sympy.Symbol("more", positive=True)
    box = dict.fromkeys((A1, A2, beta, more), (0, None))
    above = shows(claimed, box, {loss_growth: follows_from + more})
    named = is_identity(step.lhs, eta**2 * (sharp + flat)) and (least.lhs, claimed.rhs) == (_NEXT_LOSS, loss_growth)
    named &= lower_bounds(least)
    return named and above and is_identity(claimed.lhs, follows_from)
