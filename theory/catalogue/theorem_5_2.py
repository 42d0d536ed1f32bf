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

from functools import partial

import sympy

from theory._cases import Cases, piecewise
from theory._inequalities import is_identity, is_nonnegative, is_positive
from theory._notation import expression_text
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._second_moments import (
    A1,
    A2,
    CONSTANTS,
    LINEAR,
    MEANING,
    RATIO,
    SGD,
    SOURCE,
    WITH_GAP,
    alignments_between,
    dynamics_steps,
)

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
WAITING = 1 + sympy.Max(0, sympy.log(1 / SHARP_GAIN) / sympy.log(FLAT_GAIN / 2))


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
        proof=_proof(),
    )


def _altered(*parts: sympy.Expr) -> dict[str, str]:
    """Make the change of a control, as text like every other."""
    return {"lower": expression_text(lower_bound(*parts))}


def _proof() -> Proof:
    return Proof((*dynamics_steps(), *_map_steps(), *_case_steps()))


def _map_steps() -> tuple[Step, ...]:
    """List the steps to D' ≥ b(1 + D)/(max(1, η²S_X) + c(1 + D))."""
    proved = StepStatus.PROVED
    return (
        Step(
            "Y' ≥ η²A₁S_Y (X + Y)",
            proved,
            partial(flat_grows, A1),
            "X and Y are the sharp and the flat part of E 2L; two flat directions, any drifts (1 − ηλᵢ)² ≥ 0",
        ),
        Step(
            "X' ≤ max(1 − ηλᵢ)² X + η²A₂S_X (X + Y)",
            proved,
            partial(sharp_bounded, A2),
            "the maximum over i ≤ k; two sharp directions",
        ),
        Step(
            "(1 − ηλᵢ)² ≤ max(1, η²S_X) for i ≤ k",
            proved,
            partial(drift_bounded, 2),
            "below and above ηλᵢ = 2; λᵢ² ≤ S_X",
        ),
        Step(
            "D' ≥ b(1 + D)/(m + c(1 + D)) with m = max(1, η²S_X), and the right-hand side rises with D",
            proved,
            partial(ratio_map, 1),
            "X = 1, Y = D, since everything is linear; at X = 0 the limit D → ∞, D' ≥ b/c",
        ),
    )


def _case_steps() -> tuple[Step, ...]:
    """List the steps from that map to the two cases."""
    proved = StepStatus.PROVED
    return (
        Step(
            "η²S_X ≥ 1: D' ≥ A₁/(1 + A₂) · S_Y/S_X",
            proved,
            partial(first_case, FIRST),
            "the map at D = 0, where it is least, and m = η²S_X",
        ),
        Step(
            "η²S_X < 1 and β > √(1 + 2/A₁): b > 2",
            proved,
            partial(doubling, LEAST_BETA),
            "b = A₁(β² − η²S_X)",
        ),
        Step(
            "m = 1, c(1 + D) ≥ 1: D' ≥ b/(2c) = A₁/(2A₂) · S_Y/S_X",
            proved,
            partial(second_case, SECOND),
            "then c(1 + D') ≥ 1 as well, since b > 2, so that the bound holds from then on",
        ),
        Step(
            "m = 1, c(1 + D) ≤ 1: 1 + D' ≥ (b/2)(1 + D)",
            proved,
            partial(amplified, 2),
            "until c(1 + D) ≥ 1",
        ),
        Step(
            "(b/2)^(t−1) ≥ 1/c at t = 1 + max(0, log(1/c)/log(b/2)), and later",
            proved,
            partial(waiting_time, WAITING),
            "1 + D(0) ≥ 1 and b > 2, so that c(1 + D) ≥ 1 one step before such a t at the latest; where c ≥ 1 it does "
            "from the start",
        ),
    )


def flat_grows(least: sympy.Expr) -> bool:
    """Show Y' ≥ η² · least · S_Y (X + Y).

    Args:
        least: the claimed factor; A₁ is right.

    Returns:
        Whether it holds for two flat directions and any drift.
    """
    box, alignments = alignments_between(2)
    curvatures, moments, drifts = (sympy.symbols(f"{name}0:2", positive=True) for name in ("l", "m", "drift"))
    rest, eta = sympy.symbols("rest eta", positive=True)
    box |= dict.fromkeys((*curvatures, *moments, *drifts, rest, eta), (0, None))
    loss = rest + sum(c * m for c, m in zip(curvatures, moments, strict=True))
    after = sum(
        c * (drift * m + eta**2 * g * c * loss)
        for c, m, drift, g in zip(curvatures, moments, drifts, alignments, strict=True)
    )
    squares = sum(c**2 for c in curvatures)
    return is_nonnegative(after - eta**2 * least.xreplace(WITH_GAP) * squares * loss, box)


def sharp_bounded(most: sympy.Expr) -> bool:
    """Show X' ≤ top · X + η² · most · S_X (X + Y) where top is the largest drift.

    Args:
        most: the claimed factor; A₂ is right.

    Returns:
        Whether it holds for two sharp directions.
    """
    box, alignments = alignments_between(2)
    curvatures, moments, shares = (sympy.symbols(f"{name}0:2", positive=True) for name in ("l", "m", "share"))
    rest, eta, top = sympy.symbols("rest eta top", positive=True)
    box |= dict.fromkeys((*curvatures, *moments, rest, eta, top), (0, None)) | dict.fromkeys(shares, (0, 1))
    sharp_loss = sum(c * m for c, m in zip(curvatures, moments, strict=True))
    loss = rest + sharp_loss
    after = sum(
        c * (top * share * m + eta**2 * g * c * loss)
        for c, m, share, g in zip(curvatures, moments, shares, alignments, strict=True)
    )
    squares = sum(c**2 for c in curvatures)
    return is_nonnegative(top * sharp_loss + eta**2 * most.xreplace(WITH_GAP) * squares * loss - after, box)


def drift_bounded(power: int) -> bool:
    """Show (1 − x)² ≤ 1 for x ≤ 2 and (1 − x)² ≤ x^power for x ≥ 2.

    Args:
        power: the power of x = ηλᵢ that stands in η²S_X; two is right.

    Returns:
        Whether both hold.
    """
    x = sympy.Symbol("x", positive=True)
    return is_nonnegative(1 - (1 - x) ** 2, {x: (0, 2)}) and is_nonnegative(x**power - (1 - x) ** 2, {x: (2, None)})


def ratio_map(sign: int) -> bool:
    """Bound D' = Y'/X' from below by the map, and show that the map rises.

    Args:
        sign: the sign of the drift m in the denominator; plus one is right.

    Returns:
        Whether both hold.
    """
    gain_flat, gain_sharp, drift, D, more, share = sympy.symbols("b c m D more share", positive=True)
    box = dict.fromkeys((gain_flat, gain_sharp, drift, D, more), (0, None)) | {share: (0, 1)}
    image = gain_flat * (1 + D) / (sign * drift + gain_sharp * (1 + D))
    after = (gain_flat * (1 + D) + more) / (share * (drift + gain_sharp * (1 + D)))
    return is_nonnegative(after - image, box) and is_nonnegative(sympy.diff(image, D), box)


def first_case(bound: sympy.Expr) -> bool:
    """Evaluate the map at D = 0 and m = η²S_X, and at D → ∞.

    Args:
        bound: the claimed bound.

    Returns:
        Whether it is the value of the first, and at most the limit of the second.
    """
    at_zero = FLAT_GAIN / (LARGE_STEP + SHARP_GAIN)
    box = {A1: (0, None), A2: (0, None), flat: (0, None), sharp: (0, None)}
    return is_identity(at_zero, bound) and is_nonnegative(sympy.cancel(FLAT_GAIN / SHARP_GAIN) - bound, box)


def doubling(least_beta: sympy.Expr) -> bool:
    """Show b > 2 where β exceeds the claimed value and η²S_X < 1.

    Args:
        least_beta: the claimed value.

    Returns:
        Whether b = A₁(β² − η²S_X), and that is above 2.
    """
    step, more = sympy.symbols("step more", positive=True)
    box = {A1: (0, None), step: (0, 1), more: (0, None)}
    same = is_identity(FLAT_GAIN, A1 * (beta**2 - LARGE_STEP))
    return same and is_positive(A1 * (least_beta**2 + more - step) - 2, box)


def second_case(bound: sympy.Expr) -> bool:
    """Show that the map at m = 1 is at least b/(2c) where c(1 + D) ≥ 1, and that this carries over.

    Args:
        bound: the claimed bound.

    Returns:
        Whether it is b/(2c), the map reaches it, and c(1 + b/(2c)) ≥ 1 for b ≥ 2.
    """
    b, c, more = sympy.symbols("b c more", positive=True)
    reached = (1 + more) / c
    box = {b: (2, None), c: (0, None), more: (0, None)}
    target = b / (2 * c)
    reaches = is_nonnegative(b * reached / (1 + c * reached) - target, box)
    stays = is_nonnegative(c * (1 + target) - 1, box)
    return reaches and stays and is_identity(FLAT_GAIN / (2 * SHARP_GAIN), bound)


def amplified(divisor: int) -> bool:
    """Show that the map at m = 1 is at least (b/divisor)(1 + D) where c(1 + D) ≤ 1.

    Args:
        divisor: the claimed divisor; two is enough.

    Returns:
        Whether it is.
    """
    b, Z, share = sympy.symbols("b Z share", positive=True)
    box = {b: (2, None), Z: (1, None), share: (0, 1)}
    return is_nonnegative(b * Z / (1 + share) - b * Z / divisor, box)


def waiting_time(waiting: sympy.Expr) -> bool:
    """Show that (b/2)^(t − 1) = 1/c at the waiting time where c < 1, and that this is 1 where c ≥ 1.

    Args:
        waiting: the claimed waiting time.

    Returns:
        Whether it is; with ℓ = log(b/2) > 0 the left-hand side rises with t.
    """
    rate, reach = sympy.symbols("rate reach", positive=True)
    for c_below_one, exponent in ((True, reach), (False, -reach)):
        named = waiting.xreplace({sympy.log(1 / SHARP_GAIN): exponent, sympy.log(FLAT_GAIN / 2): rate})
        expected = reach if c_below_one else sympy.S.Zero
        if named.free_symbols - {rate, reach} or not is_identity(rate * (named - 1), expected):
            return False
    return True
