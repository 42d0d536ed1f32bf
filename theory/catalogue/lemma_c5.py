"""Lemma C.5: the sample covariance of Gaussian inputs along every direction at once.

Problem:
    x_1, …, x_n ~ N(0, S) independent in ℝᵈ, and Ŝ = (1/n) Σ xᵢxᵢᵀ.

Statement:
    If n ≥ 75 (d + log(1/δ))/ε², then 1 − ε ≤ uᵀŜu/uᵀSu ≤ 1 + ε for all u with uᵀSu > 0.

Guarantee:
    With probability at least 1 − δ over the inputs; the constant is explicit.

Provenance:
    [R]: the paper's appendix has lemmas up to C.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen. The constant is ours.

Controls:
    C.5:no-dimension (the condition without d) and C.5:linear-eps (ε in place of ε²).

Example:
    >>> import theory
    >>> theory.statement("C.5").bounds(eps=0.25)
    (0.75, 1.25)
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, between, ends, equal, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._logarithms import rational_logarithms
from theory.catalogue._nets import form_within_norm
from theory.catalogue._one_way import lower_bounds, upper_bounds
from theory.catalogue.lemma_e3 import CONDITION, ERROR

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

RATIO = quantity_symbol("variance_ratio")
LOWER = 1 - eps
UPPER = 1 + eps
# The Rayleigh quotient of the whitened inputs' error along w = S^{1/2}u, the least and the largest eigenvalue.
_RAYLEIGH = named("rayleigh_quotient", r"\frac{w^\top (\hat S_z - I) w}{|w|^2}", real=True)


def build() -> Statement:
    """Build Lemma C.5.

    Returns:
        The statement.
    """
    return Statement(
        id="C.5",
        title="sample covariance along every direction",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix C; by whitening from Vershynin, High-Dimensional Probability (2018), Theorem 4.6.1",
        provenance={"lower": "R", "upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen. The "
        "constant is ours.",
        summary="As many samples as dimensions, times a constant, are enough for the inputs to vary along every "
        "direction about as much in the sample as in the population, whatever their covariance.",
        hypotheses=(
            "x₁, …, xₙ ~ N(0, S) independent in d ≥ 1 dimensions",
            "Ŝ = (1/n) Σ xᵢxᵢᵀ, and u is any direction with uᵀSu > 0",
        ),
        quantity="variance_ratio",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=(CONDITION,),
        probability=1 - delta,
        controls=_controls(),
        depends_on=("E.3",),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "C.5:no-dimension",
            "with more dimensions than samples some u is orthogonal to every input, and the ratio along it is 0",
            {"sample_size": ["75*log(1/delta)/eps**2"]},
        ),
        Control(
            "C.5:linear-eps",
            "the ratio strays from 1 by about 2√(d/n), which is 2√(ε/75) at n = 75 d/ε and exceeds ε below 4/75",
            {"sample_size": ["75*(d + log(1/delta))/eps"]},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "uᵀŜu/uᵀSu = 1 + wᵀ(Ŝ_z − I)w/|w|² with w = S^{1/2}u and xᵢ = S^{1/2}zᵢ",
            proved,
            Fact("whitening", (equal(RATIO, 1 + _RAYLEIGH),)),
            whitened_ratio,
            note="the zᵢ are standard Gaussian vectors; symbolic S^{1/2} (2×2) and zᵢ (three of them)",
        ),
        Step(
            "a Rayleigh quotient is at most the operator norm, on both sides",
            proved,
            Fact("rayleigh", between(-ERROR, _RAYLEIGH, ERROR)),
            rayleigh_within_norm,
            note="in the eigenvectors' coordinates; three eigenvalues, sums have the same form for any number",
        ),
        Step(
            "‖Ŝ_z − I‖ ≤ ε",
            proved,
            Fact("error", (at_most(ERROR, eps),)),
            lemma_applies,
            ("E.3", "E.3:sample_size", "sample_size"),
            "Lemma E.3 for the zᵢ: its condition is met",
        ),
        Step(
            "1 − ε ≤ uᵀŜu/uᵀSu ≤ 1 + ε",
            proved,
            Fact("bounds", between(LOWER, RATIO, UPPER)),
            ratio_within,
            ("whitening", "rayleigh", "error"),
            "for all u at once, since the norm speaks of all w; both bounds are met exactly",
        ),
    ))


def whitened_ratio(conclusion: Formulas) -> bool:
    """Write the ratio in whitened inputs.

    Args:
        conclusion: the ratio by the Rayleigh quotient.

    Returns:
        Whether the identity holds for a symmetric root (2×2), three inputs and any u.
    """
    a, b, c = sympy.symbols("a b c", real=True)
    root = sympy.Matrix([[a, b], [b, c]])
    z = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"z{i}{j}", real=True))
    u = sympy.Matrix(sympy.symbols("u0:2", real=True))
    x, w = z * root, root * u
    ratio = (u.T * x.T * x * u)[0] / 3 / (u.T * root * root * u)[0]
    rayleigh = (w.T * (z.T * z / 3 - sympy.eye(2)) * w)[0] / w.dot(w)
    return conclusion[0].lhs == RATIO and shows(conclusion[0], {}, {RATIO: ratio, _RAYLEIGH: rayleigh})


def rayleigh_within_norm(conclusion: Formulas) -> bool:
    """Bound a weighted mean of eigenvalues by the largest of them in size.

    Args:
        conclusion: the quotient between minus the norm and the norm.

    Returns:
        Whether both bounds hold for three eigenvalues anywhere between them.
    """
    return form_within_norm(conclusion, _RAYLEIGH, ERROR)


def lemma_applies(conclusion: Formulas, lemma: Formulas, asked: Formulas, own: Formulas) -> bool:
    """Take Lemma E.3, whose condition the own one implies.

    Args:
        conclusion: the bound on the error.
        lemma: what Lemma E.3 claims.
        asked: its condition.
        own: the condition at hand.

    Returns:
        Whether the bound is the lemma's and the own condition asks for no less.
    """
    room, box = rational_logarithms(own[0].rhs - asked[0].rhs)
    enough = own[0].lhs == asked[0].lhs == n and is_nonnegative(room, {eps: (0, 1), d: (1, None), **box})
    return enough and lower_bounds(own[0], asked[0]) and conclusion == lemma


def ratio_within(conclusion: Formulas, whitening: Formulas, rayleigh: Formulas, error: Formulas) -> bool:
    """Put the bound on the error into the ratio.

    Args:
        conclusion: the bounds on the ratio.
        whitening: the ratio by the Rayleigh quotient.
        rayleigh: the quotient between minus the norm and the norm.
        error: the bound on the norm.

    Returns:
        Whether both bounds are those at the largest norm, exactly.
    """
    worst = {error[0].lhs: error[0].rhs}
    extremes = [whitening[0].rhs.xreplace({_RAYLEIGH: end.xreplace(worst)}) for end in ends(rayleigh)]
    claimed = ends(conclusion)
    same_ends = all(is_identity(own, extreme) for own, extreme in zip(claimed, extremes, strict=True))
    return conclusion[0].rhs == whitening[0].lhs == RATIO and upper_bounds(*error) and same_ends
