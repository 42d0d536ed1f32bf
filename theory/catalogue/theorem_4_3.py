"""Theorem 4.3: the directional alignment of the linear model along K fixed directions, for every θ at once.

Problem:
    f(x; θ) = ⟨θ, x⟩ with x_1, …, x_n ~ N(0, S) independent and noiseless linear targets, so that the residual is X u
    with u = θ − w*. The directions v_1, …, v_K are fixed before the data are drawn.
    g(θ; v) = vᵀΣ₁v/(2 L · vᵀGv).

Statement:
    There are C₁(ε) and C₂(ε) such that if n ≥ C₁(ε) d log d and n ≥ C₂(ε) (d + log(K/δ)) log(K/δ), then
    (1 − ε)/(1 + ε)² ≤ g(θ; v_k) ≤ (3 + ε)/(1 − ε)² for all θ and each k.

Guarantee:
    With probability at least 1 − δ over the inputs. Theorem 4.3 of Wang & Wu, arXiv 2310.00692; the surviving proof
    rests on Lemma 17 of Cai et al. (2022).

Provenance:
    [R], corrected. The reconstruction in docs/theory.md has n ≥ C₂(ε) log(K/δ) as its second condition, and that is
    false; so is log(K/δ)² alone. Write L = log(K/δ), whiten the inputs to rows z_i, and take |v| = 1. Among K
    directions, or on an event of probability δ, the largest (v·z_i)² reaches about 2L.
    - At u = v one row contributes (v·z_i)⁴/n, about 4L²/n, to g: n must grow at least like L².
    - At u = z_i/|z_i| it contributes (v·z_i)²|z_i|²/n, about 2L d/n: n must grow at least like d L. This exceeds both
      d log d and L² when log d ≪ L ≪ d (d = 800, L = √(d log d), n = 2 d log d: sup g = 12.7 instead of 3.3).
    At K and δ fixed the correction only adds a multiple of d, which d log d covers.
    At d = 1 the first condition is empty, since log 1 = 0; the second one then carries the statement.

Controls:
    4.3:upper-2 (3 → 2 above), 4.3:lower-1.2 (1 → 1.2 below), 4.3:log-d (d log d → log d) and 4.3:log-K (the second
    condition log(K/δ)). In 4.3:log-d the second condition is log(K/δ)², so that no d is left in it to cover for the
    first.

Example:
    >>> import theory
    >>> [round(x, 3) for x in theory.statement("4.3").bounds(eps=0.1)]
    [0.744, 3.827]
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directional import (
    LOWER,
    UPPER,
    WHITENING,
    bounds_from_events,
    bounds_nested,
    invariances,
    population_form,
    population_range,
    quotient_form,
)

eps, delta, d, K = (symbol(name) for name in ("eps", "delta", "d", "K"))

FAILURE = sympy.log(K / delta)

_CORRECTION = (
    "[R], corrected: the conditions had to be chosen. The reconstruction with n ≥ C log(K/δ) as second condition is "
    "false, and so is log(K/δ)² alone: with L = log(K/δ), one row contributes about 4L²/n to g at u = v and about "
    "2Ld/n at u along that row, so n must grow at least like L² and like dL. At d = 1 the first condition is empty, "
    "since log 1 = 0."
)


def build() -> Statement:
    """Build Theorem 4.3.

    Returns:
        The statement.
    """
    return Statement(
        id="4.3",
        title="directional alignment of the linear model along fixed directions",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 4.3",
        provenance={"lower": "R", "upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note=_CORRECTION,
        summary="Along directions fixed in advance, little more samples than dimensions are enough for the noise to be "
        "between one and three times loss times curvature, at every parameter at once.",
        hypotheses=(
            "f(x; θ) = ⟨θ, x⟩, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            "the K directions are fixed before the data are drawn",
        ),
        quantity="g_fixed",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
            "K": "the number of directions",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=(d * sympy.log(d), (d + FAILURE) * FAILURE),
        constants="may depend on eps",
        probability=1 - delta,
        controls=_controls(),
        proof=_proof(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "4.3:upper-2",
            "as n grows at fixed d, g at u = v tends to 3, above (2 + ε)/(1 − ε)² for small ε",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "4.3:lower-1.2",
            "as n grows at fixed d ≥ 2, g at u orthogonal to v tends to 1, below (1.2 − ε)/(1 + ε)² for small ε",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
        Control(
            "4.3:log-d",
            "with fewer samples than dimensions the residual may sit on the one sample where v·x is smallest, and g "
            "tends to 0",
            {"sample_size": ["log(d)", "log(K/delta)**2"]},
        ),
        Control(
            "4.3:log-K",
            "for K growing exponentially in d the largest (v_k·x_i)⁴/n is of order d²/n, unbounded at n = C d log d",
            {"sample_size": ["d*log(d)", "log(K/delta)"]},
        ),
    )


def _proof() -> Proof:
    proved, cited = StepStatus.PROVED, StepStatus.CITED
    return Proof((
        Step(
            "g = (1/n)Σ(u·xᵢ)²(v·xᵢ)²/(uᵀŜu · vᵀŜv) by the definition of Σ₁, L and G",
            proved,
            partial(quotient_form, 2),
            "r = Xu; symbolic X (3×2), u and v",
        ),
        Step(
            "g does not change under X → XA, u → A⁻¹u, v → A⁻¹v, nor with the lengths of u and v",
            proved,
            partial(invariances, 2),
            "so S = I and |u| = |v| = 1 without loss; symbolic A (2×2)",
        ),
        Step(
            "E[(u·z)²(v·z)²] = 1 + 2(u·v)² for z ~ N(0, I), |u| = |v| = 1",
            proved,
            partial(population_form, 2),
            "Lemma C.1 at S = I",
        ),
        Step(
            "1 ≤ 1 + 2(u·v)² ≤ 3",
            proved,
            partial(population_range, 1, 3),
            "(u·v)² in [0, 1]",
        ),
        Step(
            "event A: ‖(1/n)Σ(v_k·zᵢ)² zᵢzᵢᵀ − (I + 2v_kv_kᵀ)‖ ≤ ε for each k, w.p. ≥ 1 − δ/2",
            cited,
            None,
            "Cai et al. (2022), Lemma 17, for one direction, n ≥ C₁(ε) d log d. That K of them, or a small δ, ask for "
            "n ≥ C₂(ε)(d + log(K/δ)) log(K/δ), because max (v_k·zᵢ)² is then of order log(K/δ), is ours: needed, by "
            "the two examples of the provenance, and seen to be enough in experiments, but not proved here",
        ),
        WHITENING,
        Step(
            "K events of probability δ/(2K) and one of δ/2 together have probability at most δ",
            proved,
            partial(union_bound, delta / (2 * K), delta / 2),
            "union bound",
        ),
        Step(
            "on A and B, g lies within the bounds",
            proved,
            partial(bounds_from_events, LOWER, UPPER, 1, 3),
            "numerator within ε of [1, 3], both denominators within ε of 1, 0 < ε < 1",
        ),
        Step(
            "the bounds widen as ε grows",
            proved,
            partial(bounds_nested, LOWER, UPPER),
            "signs of the derivatives on 0 < ε < 1: a smaller ε is a stronger statement",
        ),
    ))


def union_bound(each: sympy.Expr, other: sympy.Expr) -> bool:
    """Show that K events of one probability and one of another stay within δ.

    Args:
        each: the probability of each of the K events.
        other: the probability of the other event.

    Returns:
        Whether they do, for every K ≥ 1.
    """
    return is_nonnegative(delta - (K * each + other), {K: (1, None), delta: (0, 1)})
