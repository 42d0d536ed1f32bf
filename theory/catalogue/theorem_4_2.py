"""Theorem 4.2: the directional alignment of over-parameterised linear models, for every θ and every direction at once.

Problem:
    f(x; θ) = ⟨F(θ), x⟩ with any F, inputs x_1, …, x_n ~ N(0, S) independent and noiseless targets ⟨w*, x⟩, so that the
    residual is X u with u = F(θ) − w* and the derivative along v is X v' with v' = A v, A = ∇F(θ).
    g(θ; v) = vᵀΣ₁v/(2 L · vᵀGv), with g := 1 where the loss or the curvature along v is zero.

Statement:
    If n ≥ C (d² log²(1/ε) + log²(1/δ))/ε and n ≥ C (d log(1/ε) + log(1/δ))/ε², then
    (1 − ε)/(1 + ε)² ≤ g(θ; v) ≤ (3 + ε)/(1 − ε)² for all θ and all v.

Guarantee:
    With probability at least 1 − δ over the inputs, for ε ≤ 1/2; C is an absolute constant that the paper does not
    give. Theorem 4.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D], but for the range of ε, which is ours: as ε → 1 the conditions lose their d, n < d becomes possible, and then
    g = 0 somewhere (u orthogonal to every input but one, v to that one), below a bound that is positive. The paper's
    proof has a "Moreover, if …" with a sharper range, whose formula is lost: unknown.
    For the proof below log(1/ε) need not be there at all; log(1/ε) ≥ log 2 is all that it uses.

Controls:
    4.2:upper-2 (3 → 2 above), 4.2:d-for-d2 (d² → d in the first condition) and 4.2:lower-1.2 (1 → 1.2 below).

Example:
    >>> import theory
    >>> s = theory.statement("4.2")
    >>> s.required_n(eps=0.1, delta=0.05, d=20), s.required_n(eps=0.1, delta=0.05, d=200)
    (21298, 2120849)
"""

from __future__ import annotations

import sympy

from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directional import LOWER, UPPER

eps, delta, d = (symbol(name) for name in ("eps", "delta", "d"))

ACCURACY, FAILURE = sympy.log(1 / eps), sympy.log(1 / delta)
CONDITIONS = (
    (d**2 * ACCURACY**2 + FAILURE**2) / eps,
    (d * ACCURACY + FAILURE) / eps**2,
)
RANGE = "ε is at most 1/2: as ε → 1 the conditions would allow n < d"


def build() -> Statement:
    """Build Theorem 4.2.

    Returns:
        The statement.
    """
    return Statement(
        id="4.2",
        title="directional alignment of over-parameterised linear models along every direction",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 4.2",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "D"},
        provenance_note="Derived again and checked numerically. The proof in the paper has a “Moreover, if …” with a "
        "sharper range, whose formula is lost: it is unknown. That ε must stay away from 1 is ours.",
        summary="With more samples than the square of the dimension the noise along every direction is between one and "
        "three times loss times curvature, at every parameter at once and whatever the parameterisation.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            RANGE,
        ),
        quantity="g_uniform",
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
            "4.2:upper-2",
            "as n grows at fixed d, g at u = v tends to 3, above (2 + ε)/(1 − ε)² for small ε",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "4.2:d-for-d2",
            "at u = v along the longest row that row alone contributes about d²/n to g, unbounded at n = C d",
            {
                "sample_size": [
                    "(d*log(1/eps)**2 + log(1/delta)**2)/eps",
                    "(d*log(1/eps) + log(1/delta))/eps**2",
                ]
            },
        ),
        Control(
            "4.2:lower-1.2",
            "as n grows at fixed d ≥ 2, g at u orthogonal to v tends to 1, below (1.2 − ε)/(1 + ε)² for small ε",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
    )
