"""Lemma C.2: the directional alignment of an over-parameterised linear model in the population.

Problem:
    f(x; θ) = ⟨F(θ), x⟩ with x ~ N(0, S) and targets ⟨w*, x⟩: the residual is u·x with u = F(θ) − w*, and the derivative
    along v is v'·x with v' = ∇F(θ) v. Their correlation is ρ = uᵀSv'/√(uᵀSu · v'ᵀSv').

Statement:
    g = E[(u·x)²(v'·x)²] / (E(u·x)² · E(v'·x)²) = 1 + 2ρ², hence 1 ≤ g ≤ 3.
    Without the mean gradient (the noise covariance in place of its second moment): g = 1 + ρ², hence 1 ≤ g ≤ 2.

Guarantee:
    For every S, F, θ and v with both variances positive. Both ends are attained: the upper one at v' = u, the lower one
    where u·x and v'·x are uncorrelated, which needs rank S ≥ 2. Lemma C.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D] the range was derived again from Lemma C.1 and checked numerically; the centred form is derived alongside.

Controls:
    C.2:upper-2.9 and C.2:lower-1.05; centred C.2-centred:upper-1.9 and C.2-centred:lower-1.05.

Example:
    >>> import theory
    >>> theory.statement("C.2").bounds(), theory.statement("C.2-centred").bounds()
    ((1.0, 3.0), (1.0, 2.0))
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue.lemma_c1 import MOMENT, cov_uv, var_u, var_v

rho = symbol("rho")

ALIGNMENT = 1 + 2 * rho**2
ALIGNMENT_CENTRED = 1 + rho**2

_SOURCE = (
    "Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, arXiv 2310.00692, Lemma C.2"
)
_HYPOTHESES = (
    "x ~ N(0, S), f(x; θ) = ⟨F(θ), x⟩, noiseless linear targets, so that the residual is u·x",
    "v is a direction along which the model is not constant; ρ is the correlation of u·x and the derivative along v",
)
_SYMBOLS = {"rho": "the correlation of the residual u·x and of the derivative v'·x, between −1 and 1"}
_UNCORRELATED = "where u·x and v'·x are uncorrelated the population alignment is exactly 1"


def build() -> Statement:
    """Build Lemma C.2.

    Returns:
        The statement.
    """
    upper = sympy.Integer(3)
    return Statement(
        id="C.2",
        title="population alignment of an over-parameterised linear model",
        kind="lemma",
        source=_SOURCE,
        provenance={"lower": "D", "upper": "D"},
        provenance_note="Derived again from Lemma C.1: g = 1 + 2ρ². The lower end is attained only if rank S ≥ 2.",
        summary="In the population the noise along a direction is between one and three times loss times curvature, "
        "whatever the parameterisation.",
        hypotheses=_HYPOTHESES,
        quantity="population_g",
        symbols=_SYMBOLS,
        lower=sympy.Integer(1),
        upper=upper,
        controls=(
            Control("C.2:upper-2.9", "at v' = u the population alignment is exactly 3", {"upper": "2.9"}),
            Control("C.2:lower-1.05", _UNCORRELATED, {"lower": "1.05"}),
        ),
        proof=_proof(partial(alignment_from_moment, ALIGNMENT), ALIGNMENT, upper, "g = 1 + 2ρ²"),
    )


def build_centred() -> Statement:
    """Build Lemma C.2 for the centred noise.

    Returns:
        The statement.
    """
    upper = sympy.Integer(2)
    return Statement(
        id="C.2-centred",
        title="population alignment of an over-parameterised linear model, centred",
        kind="lemma",
        source=f"{_SOURCE}, for the noise covariance",
        provenance={"lower": "D", "upper": "D"},
        provenance_note="Derived alongside Lemma C.2 for the noise covariance; the lower end needs rank S ≥ 2.",
        summary="In the population the centred noise along a direction is between one and two times loss times "
        "curvature, whatever the parameterisation.",
        hypotheses=_HYPOTHESES,
        quantity="population_g_centred",
        symbols=_SYMBOLS,
        lower=sympy.Integer(1),
        upper=upper,
        controls=(
            Control("C.2-centred:upper-1.9", "at v' = u the centred alignment is exactly 2", {"upper": "1.9"}),
            Control("C.2-centred:lower-1.05", _UNCORRELATED, {"lower": "1.05"}),
        ),
        proof=_proof(partial(centred_from_moment, ALIGNMENT_CENTRED), ALIGNMENT_CENTRED, upper, "g = 1 + ρ²"),
    )


def _proof(formula: partial[bool], alignment: sympy.Expr, upper: sympy.Expr, wording: str) -> Proof:
    proved, lower = StepStatus.PROVED, sympy.Integer(1)
    return Proof((
        Step(wording, proved, formula, "from Lemma C.1, with uSv = ρ √(uSu·vSv); symbolic variances, any d"),
        Step(
            "ρ² ≤ 1 (Cauchy–Schwarz)",
            proved,
            partial(cauchy_schwarz, 1),
            "uSu·vSv − uSv² is vSv times the variance of u·x − (uSv/vSv) v'·x; for S = LLᵀ at d = 3 a sum of squares",
        ),
        Step("the bounds on −1 ≤ ρ ≤ 1", proved, partial(range_within, alignment, lower, upper), "in ρ² ∈ [0, 1]"),
        Step(
            "both ends are attained",
            proved,
            partial(ends_attained, alignment, lower, upper),
            "v' = u gives ρ = 1; u = e_1, v' = e_2 and S = I give ρ = 0",
        ),
    ))


def alignment_from_moment(claimed: sympy.Expr) -> bool:
    """Divide the moment of Lemma C.1 by the two variances.

    Args:
        claimed: the claimed alignment, in ρ.

    Returns:
        Whether the identity holds.
    """
    return is_identity((MOMENT / (var_u * var_v)).xreplace({cov_uv**2: rho**2 * var_u * var_v}), claimed)


def centred_from_moment(claimed: sympy.Expr) -> bool:
    """Subtract the squared mean gradient (E[(u·x)(v'·x)] = uSv) before dividing.

    Args:
        claimed: the claimed centred alignment, in ρ.

    Returns:
        Whether the identity holds.
    """
    return is_identity(
        ((MOMENT - cov_uv**2) / (var_u * var_v)).expand().xreplace({cov_uv**2: rho**2 * var_u * var_v}), claimed
    )


def cauchy_schwarz(factor: int) -> bool:
    """Write uSu·vSv − factor·uSv² as a variance, and as a sum of squares.

    Args:
        factor: the factor of uSv²; one is right.

    Returns:
        Whether the identity holds.
    """
    c = cov_uv / var_v
    residual_variance = var_u - 2 * c * cov_uv + c**2 * var_v
    as_variance = is_identity(var_v * residual_variance, var_u * var_v - factor * cov_uv**2)
    # With S = L Lᵀ the three numbers are inner products of a = Lᵀu and b = Lᵀv.
    a, b = (sympy.Matrix(sympy.symbols(f"{name}0:3", real=True)) for name in "ab")
    squares = sum((a[i] * b[j] - a[j] * b[i]) ** 2 for i in range(3) for j in range(i))
    return as_variance and is_identity(a.dot(a) * b.dot(b) - factor * a.dot(b) ** 2, squares)


def range_within(alignment: sympy.Expr, lower: sympy.Expr, upper: sympy.Expr) -> bool:
    """Show lower ≤ alignment ≤ upper for every ρ² in [0, 1].

    Args:
        alignment: a function of ρ².
        lower: the claimed lower bound.
        upper: the claimed upper bound.

    Returns:
        Whether the bounds hold.
    """
    square = sympy.Symbol("q", positive=True)
    in_square = alignment.xreplace({rho**2: square})
    box = {square: (0, 1)}
    return not in_square.has(rho) and is_nonnegative(in_square - lower, box) and is_nonnegative(upper - in_square, box)


def ends_attained(alignment: sympy.Expr, lower: sympy.Expr, upper: sympy.Expr) -> bool:
    """Evaluate the alignment at the two examples.

    Args:
        alignment: a function of ρ.
        lower: its claimed minimum.
        upper: its claimed maximum.

    Returns:
        Whether the examples attain both.
    """

    def at(u: sympy.Matrix, v: sympy.Matrix) -> sympy.Expr:
        return alignment.subs(rho, u.dot(v) / sympy.sqrt(u.dot(u) * v.dot(v)))

    first, second = sympy.Matrix([1, 0]), sympy.Matrix([0, 1])
    return bool(at(first, first) == upper and at(first, second) == lower)
