"""Lemma E.5: fourth moments of Gaussian vectors along one fixed direction, in operator norm.

Problem:
    z_1, …, z_n ~ N(0, I) independent in d dimensions, v a unit vector fixed before they are drawn.

Statement:
    There are C₁(ε) and C₂(ε) such that if n ≥ C₁(ε) d log d and n ≥ C₂(ε) (d + log(2/δ)) log(2/δ), then
    ‖(1/n) Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖ ≤ ε.

Guarantee:
    With probability at least 1 − δ over the vectors, with C₁ = 14400/ε² and C₂ = 23040 (1 + log(36000/ε²))/ε². Cai et
    al. (2022), Lemma 17, on which the paper's proof of Theorem 4.3 rests, asks for d log d samples; the second
    condition, for small δ, the constants and the proof are ours.

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

from theory._facts import Fact, Formulas, at_most, shows
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._fixed_direction_blocks import ACROSS, CROSS, ERROR, LARGER, block_steps
from theory.catalogue._fixed_direction_size import ROOT, SCALE, size_steps
from theory.catalogue._fixed_direction_weights import ALONG
from theory.catalogue._one_way import upper_bounds

eps, delta, d = (symbol(name) for name in ("eps", "delta", "d"))

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
        "condition with log(2/δ) is ours, for a small δ lets one long row in, and so are the proof and its constants.",
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
        depends_on=("E.2", "E.4"),
        proof=Proof(_proof),
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
        *size_steps(),
        *block_steps(),
        Step(
            "‖(1/n)Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖ ≤ ε",
            StepStatus.PROVED,
            Fact("error", (at_most(ERROR, eps),)),
            error_from_blocks,
            ("blocks", "along", "across", "cross", "scale", "small"),
            "whichever of |A| and ‖B‖ is larger, 0 < ε < 1",
        ),
    ))


def error_from_blocks(
    conclusion: Formulas,
    blocks: Formulas,
    along: Formulas,
    across: Formulas,
    cross: Formulas,
    scale: Formulas,
    small: Formulas,
) -> bool:
    """Add the bounds of the blocks at the largest scale.

    Args:
        conclusion: the bound on the norm.
        blocks: the norm by the larger diagonal block and the other one.
        along: the bound on the block along v.
        across: that on the block across v.
        cross: that on the other one.
        scale: the comparison of w with s.
        small: the largest s.

    Returns:
        Whether both sums are at most that.
    """
    share, part = sympy.symbols("share part", positive=True)
    at_scale = {ROOT: share * scale[2].rhs}, {SCALE: part * small[0].rhs}
    pinned = (along[0].lhs, across[0].lhs, cross[0].lhs) == (ALONG, ACROSS, CROSS) and small[0].lhs == SCALE
    pinned &= scale[2].lhs == ROOT and upper_bounds(blocks[0], along[0], across[0], cross[0], scale[2], small[0])
    box = {eps: (0, 1), share: (0, 1), part: (0, 1)}
    sums = [
        blocks[0].rhs.xreplace({LARGER: block.rhs, CROSS: cross[0].rhs}).xreplace(at_scale[0]).xreplace(at_scale[1])
        for block in (along[0], across[0])
    ]
    return (
        pinned
        and conclusion[0].lhs == blocks[0].lhs == ERROR
        and all(shows(conclusion[0], box, {ERROR: total}) for total in sums)
    )
