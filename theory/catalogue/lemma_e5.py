"""Lemma E.5: fourth moments of Gaussian vectors along one fixed direction, in operator norm.

Problem:
    z_1, …, z_n ~ N(0, I) independent in d dimensions, v a unit vector fixed before they are drawn.

Statement:
    There are C₁(ε) and C₂(ε) such that if n ≥ C₁(ε) d log d and n ≥ C₂(ε) (d + log(2/δ)) log(2/δ), then
    ‖(1/n) Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖ ≤ ε.

Guarantee:
    With probability at least 1 − δ over the vectors. Cited: Cai et al. (2022), Lemma 17, on which the paper's proof of
    Theorem 4.3 rests, asks for d log d samples. The second condition, for small δ, is ours.

Provenance:
    [R]: the paper's appendix has lemmas up to E.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen. The second condition is needed: on an event of probability δ the largest (v·zᵢ)² reaches
    about 2 log(1/δ), and that row alone contributes 4 log²(1/δ)/n along v and 2d log(1/δ)/n along itself.

Controls:
    E.5:log-d (d log d → log d, and no d in the second condition) and E.5:one-logarithm (the second condition
    log(2/δ)).

Example:
    >>> import theory
    >>> theory.statement("E.5").required_n([10, 2], eps=0.5, delta=0.1, d=10)
    231
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import quantity_symbol, symbol

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

ERROR = quantity_symbol("fixed_direction_error")
LOGARITHM = sympy.log(2 / delta)
CONDITIONS = (d * sympy.log(d), (d + LOGARITHM) * LOGARITHM)


def build() -> Statement:
    """Build Lemma E.5.

    Returns:
        The statement.
    """
    return Statement(
        id="E.5",
        title="fourth moments of Gaussian vectors along a fixed direction",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Cai et al. (2022), Lemma 17",
        provenance={"upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen. The "
        "condition with log(2/δ) is ours: a small δ lets one long row in.",
        summary="Along a direction fixed in advance, little more samples than dimensions are enough for the weighted "
        "sample covariance to be close to its mean in every other direction at once.",
        hypotheses=(
            "z₁, …, zₙ ~ N(0, I) independent in d ≥ 1 dimensions",
            "v is a unit vector, fixed before they are drawn",
        ),
        quantity="fixed_direction_error",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the vectors",
        },
        lower=None,
        upper=eps,
        sample_size=CONDITIONS,
        constants="may depend on eps",
        probability=1 - delta,
        controls=_controls(),
        proof=_proof(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "E.5:log-d",
            "with fewer samples than dimensions the first matrix is singular, so that the error is at least 1",
            {"sample_size": ["log(d)", "log(2/delta)**2"]},
        ),
        Control(
            "E.5:one-logarithm",
            "(v·z₁)⁴ exceeds 4n with a probability near exp(−√n), and then the error along v exceeds 1; δ is as small "
            "as 2 exp(−n/C)",
            {"sample_size": ["d*log(d)", "log(2/delta)"]},
        ),
    )


def _proof() -> Proof:
    return Proof((
        Step(
            "‖(1/n)Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖ ≤ ε",
            StepStatus.CITED,
            Fact("error", (at_most(ERROR, eps),)),
            sampled_error_within,
            ("sample_size",),
            "Cai et al. (2022), Lemma 17, for n ≥ C₁(ε) d log d; that a small δ asks for the second condition is ours: "
            "needed, by the examples of the provenance, and seen to be enough in experiments, but not proved here. "
            "Illustrated at ε = 1/2, δ = 1/10, d = 10 and both constants 100 on five seeded samples",
        ),
    ))


def sampled_error_within(conclusion: Formulas, sample_size: Formulas) -> bool:
    """Illustrate the cited bound on samples of the size that the conditions ask for.

    Args:
        conclusion: the bound on the error.
        sample_size: the conditions on n.

    Returns:
        Whether five samples keep to it, at ε = 1/2, d = 10, δ = 1/10 and both constants 100.
    """
    import numpy as np

    dimension, values = 10, {eps: sympy.Rational(1, 2), d: 10, delta: sympy.Rational(1, 10)}
    needed = [condition.rhs.subs(values) for condition in sample_size]
    asked = max(sympy.ceiling(size.subs(dict.fromkeys(size.free_symbols, 100))) for size in needed)
    for seed in range(5):
        z = np.random.default_rng(seed).standard_normal((int(asked), dimension))
        error = (z * z[:, :1] ** 2).T @ z / len(z) - np.eye(dimension)
        error[0, 0] -= 2
        observed = {ERROR: float(np.linalg.norm(error, 2)), eps: values[eps]}
        if not all(formula.subs(observed) for formula in conclusion):
            return False
    return True
