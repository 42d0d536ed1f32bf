"""Theorem 4.2, the lower bound alone: as many samples as dimensions are enough.

Problem:
    As in Theorem 4.2: f(x; θ) = ⟨F(θ), x⟩ with any F, x_1, …, x_n ~ N(0, S) independent, targets ⟨w*, x⟩ without noise.
    g(θ; v) = vᵀΣ₁v/(2 L · vᵀGv), with g := 1 where the loss or the curvature along v is zero.

Statement:
    There is C(ε) such that if n ≥ C(ε) (d + log(1/δ)), then g(θ; v) ≥ (1 − ε)/(1 + ε)² for all θ and all v.

Guarantee:
    With probability at least 1 − δ over the inputs. A conjecture of this project's, after the remark in Section 6 of
    Wang & Wu, arXiv 2310.00692.

Provenance:
    The remark [S]: "one-sided bounds require much less samples". The form is ours [R]. A few long rows push g up, never
    down, so that neither d² nor log²(1/δ) is needed.

Controls:
    4.2-lower:raised (1 → 1.2) and 4.2-lower:log-d (log d in place of d).

Example:
    >>> import theory
    >>> s = theory.statement("4.2-lower")
    >>> s.required_n(10, eps=0.1, delta=0.05, d=200), theory.statement("4.2").required_n(10, eps=0.1, delta=0.05, d=200)
    (2030, 21208490)
"""

from __future__ import annotations

import sympy

from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directional import LOWER

eps, delta, d = (symbol(name) for name in ("eps", "delta", "d"))


def build() -> Statement:
    """Build the lower half of Theorem 4.2.

    Returns:
        The statement.
    """
    return Statement(
        id="4.2-lower",
        title="directional alignment of over-parameterised linear models, lower bound alone",
        kind="conjecture",
        source="this project, after the remark of Section 6 in Wang & Wu, A Theoretical Analysis of Noise Geometry in "
        "Stochastic Gradient Descent, arXiv 2310.00692: “one-sided bounds require much less samples”",
        provenance={"lower": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The remark survives, its form does not: that d + log(1/δ) samples are enough, with a constant "
        "that depends on ε, is ours.",
        summary="As many samples as dimensions, times a constant, are enough for the noise along every direction to "
        "reach loss times curvature, at every parameter at once; only the upper bound needs the square.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
        ),
        quantity="g_uniform",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
        },
        lower=LOWER,
        upper=None,
        sample_size=(d + sympy.log(1 / delta),),
        constants="may depend on eps",
        probability=1 - delta,
        controls=_controls(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "4.2-lower:raised",
            "as n grows at fixed d ≥ 2, g at u orthogonal to v tends to 1, below (1.2 − ε)/(1 + ε)² for small ε",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
        Control(
            "4.2-lower:log-d",
            "with no more samples than dimensions u may be orthogonal to every sample but one and v to that one, so "
            "that g = 0",
            {"sample_size": ["log(d) + log(1/delta)"]},
        ),
    )
