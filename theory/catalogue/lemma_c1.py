"""Lemma C.1: the fourth moment that carries the noise of a linear model.

Problem:
    x ~ N(0, S) in ℝᵈ, any d, any positive semi-definite S; u and v are fixed vectors.

Statement:
    E[(u·x)² x xᵀ] = (uᵀSu) S + 2 S u uᵀ S.
    Tested along a direction v, in scalars: E[(u·x)²(v·x)²] = uᵀSu · vᵀSv + 2 (uᵀSv)².
    The two are equivalent: the scalar form in every v determines the symmetric matrix by polarisation, and the law of
    (u·x, v·x) is a Gaussian in the plane with exactly the covariance uSu, uSv, vSv, so nothing else can matter.

Guarantee:
    An identity, for all S, u, v and d. Lemma C.1 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D] the formula is lost in the copy used; it was derived again (below) and checked numerically.

Controls:
    C.1:factor-1 and C.1:factor-3, the factor 2 replaced; false wherever uSv is not 0.

Example:
    >>> import theory
    >>> theory.statement("C.1").bounds(uSu=1, vSv=1, uSv=1)
    (3.0, 3.0)
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol

var_u, var_v, cov_uv = (symbol(name) for name in ("uSu", "vSv", "uSv"))

MOMENT = var_u * var_v + 2 * cov_uv**2


def build() -> Statement:
    """Build Lemma C.1.

    Returns:
        The statement.
    """
    return Statement(
        id="C.1",
        title="fourth moment of a Gaussian vector",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Lemma C.1",
        provenance={"lower": "D", "upper": "D"},
        provenance_note="The formula is lost in the copy used; derived again and checked numerically.",
        summary="For Gaussian inputs the second moment of the noise is the covariance, weighted by the loss, plus "
        "twice a rank-one term along the residual's own direction.",
        hypotheses=("x ~ N(0, S), S positive semi-definite, any dimension", "u and v are fixed vectors"),
        quantity="moment",
        symbols={
            "uSu": "uᵀSu, the variance of u·x",
            "vSv": "vᵀSv, the variance of v·x",
            "uSv": "uᵀSv, their covariance; its square is at most uSu·vSv",
        },
        lower=MOMENT,
        upper=MOMENT,
        controls=(
            Control(
                "C.1:factor-1",
                "at u = v the moment is the fourth moment of a Gaussian, 3 times the squared variance, not 2 times",
                {"lower": "uSu*vSv + uSv**2", "upper": "uSu*vSv + uSv**2"},
            ),
            Control(
                "C.1:factor-3",
                "at u = v the moment is the fourth moment of a Gaussian, 3 times the squared variance, not 4 times",
                {"lower": "uSu*vSv + 3*uSv**2", "upper": "uSu*vSv + 3*uSv**2"},
            ),
        ),
        proof=_proof(),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "Isserlis: E[xᵢ xⱼ xₖ xₗ] is the sum over the three pairings",
            proved,
            isserlis_from_mgf,
            "symbolic 4×4 covariance: the coefficient of t₁t₂t₃t₄ in exp(½ tᵀSt); equal indices are the case of "
            "equal rows of S",
        ),
        Step(
            "E[(u·x)²(v·x)²] = uSu·vSv + 2 uSv²",
            proved,
            partial(moment_from_mgf, MOMENT),
            "symbolic covariance of (u·x, v·x), any d: four derivatives of exp(½(a²uSu + 2ab uSv + b²vSv)) at 0",
        ),
        *(
            Step(
                f"E[(u·x)² x xᵀ] = (uᵀSu) S + 2 S u uᵀ S at d = {d}",
                proved,
                partial(matrix_identity, d, 1, 2),
                "symbolic S and u, entry by entry through Isserlis",
            )
            for d in (2, 3)
        ),
        Step(
            "the matrix form tested along v is the scalar form",
            proved,
            partial(scalar_from_matrix, 3, MOMENT),
            "symbolic S, u, v at d = 3",
        ),
        Step(
            "the scalar form in every v determines the matrix form",
            proved,
            partial(polarisation, 3, sympy.Rational(1, 2)),
            "a symmetric matrix is given by its quadratic form at e_i, e_j and e_i + e_j; symbolic at d = 3",
        ),
    ))


def isserlis_from_mgf(pairings: int = 3) -> bool:
    """Compare the mixed derivative of the moment generating function with the sum over pairings.

    Args:
        pairings: how many of the three pairings to sum; three are right.

    Returns:
        Whether the identity holds.
    """
    S = _covariance(4)
    t = sympy.Matrix(sympy.symbols("t0:4"))
    half = sympy.Rational(1, 2) * (t.T * S * t)[0]
    # Only the second term of the exponential series has degree four.
    fourth = sympy.Poly(sympy.expand(half**2 / 2), *t).coeff_monomial(t[0] * t[1] * t[2] * t[3])
    pairs = [S[0, 1] * S[2, 3], S[0, 2] * S[1, 3], S[0, 3] * S[1, 2]][:pairings]
    return is_identity(fourth, sum(pairs))


def moment_from_mgf(claimed: sympy.Expr) -> bool:
    """Compare four derivatives of the moment generating function of (u·x, v·x) with the claim.

    Args:
        claimed: the claimed value of E[(u·x)²(v·x)²].

    Returns:
        Whether the identity holds.
    """
    a, b = sympy.symbols("a b", real=True)
    generating = sympy.exp((a**2 * var_u + 2 * a * b * cov_uv + b**2 * var_v) / 2)
    return is_identity(sympy.diff(generating, a, a, b, b).subs({a: 0, b: 0}), claimed)


def matrix_identity(d: int, weight: int, factor: int) -> bool:
    """Compare E[(u·x)² x xᵀ], summed by Isserlis, with weight·(uᵀSu) S + factor·S u uᵀ S.

    Args:
        d: the dimension.
        weight: the factor of (uᵀSu) S; one is right.
        factor: the factor of S u uᵀ S; two is right.

    Returns:
        Whether the identity holds.
    """
    S, u = _covariance(d), sympy.Matrix(sympy.symbols(f"u0:{d}"))

    def entry(i: int, j: int) -> sympy.Expr:
        return sum(
            u[k] * u[m] * (S[k, m] * S[i, j] + S[k, i] * S[m, j] + S[k, j] * S[m, i])
            for k in range(d)
            for m in range(d)
        )

    claimed = weight * (u.T * S * u)[0] * S + factor * S * u * u.T * S
    return bool((sympy.Matrix(d, d, entry) - claimed).expand().is_zero_matrix)


def scalar_from_matrix(d: int, claimed: sympy.Expr) -> bool:
    """Compare vᵀ((uᵀSu) S + 2 S u uᵀ S)v with the claim.

    Args:
        d: the dimension.
        claimed: the claimed value of E[(u·x)²(v·x)²].

    Returns:
        Whether the identity holds.
    """
    S = _covariance(d)
    u, v = (sympy.Matrix(sympy.symbols(f"{name}0:{d}")) for name in "uv")
    tested = (v.T * ((u.T * S * u)[0] * S + 2 * S * u * u.T * S) * v)[0]
    values = {var_u: (u.T * S * u)[0], var_v: (v.T * S * v)[0], cov_uv: (u.T * S * v)[0]}
    return is_identity(tested, claimed.xreplace(values))


def polarisation(d: int, factor: sympy.Expr) -> bool:
    """Recover every entry of a symmetric matrix from its quadratic form.

    Args:
        d: the dimension.
        factor: the factor of form(e_i + e_j) − form(e_i) − form(e_j); a half is right.

    Returns:
        Whether the identity holds.
    """
    M, unit = _covariance(d), sympy.eye(d)

    def form(v: sympy.Matrix) -> sympy.Expr:
        return (v.T * M * v)[0]

    return all(
        is_identity(factor * (form(unit[:, i] + unit[:, j]) - form(unit[:, i]) - form(unit[:, j])), M[i, j])
        for i in range(d)
        for j in range(d)
    )


def _covariance(d: int) -> sympy.Matrix:
    """Make a symmetric matrix of symbols."""
    return sympy.Matrix(d, d, lambda i, j: sympy.Symbol(f"S{min(i, j)}{max(i, j)}", real=True))
