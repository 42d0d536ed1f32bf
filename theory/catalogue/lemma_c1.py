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

from collections import Counter
from itertools import product
from math import factorial, prod

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, equal, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._index_notation import same_sums

var_u, var_v, cov_uv = (symbol(name) for name in ("uSu", "vSv", "uSv"))

MOMENT = var_u * var_v + 2 * cov_uv**2
FOURTH_MOMENT = quantity_symbol("moment")

# In index notation: the covariance S, two vectors, and m for E[xᵢ xⱼ xₖ xₗ].
_I, _J, _K, _L, _DIMENSION = sympy.symbols("i j k l d", integer=True, positive=True)
_S, _U, _V, _M = (sympy.IndexedBase(name, real=True) for name in "Suvm")
_MOMENTS = _M[_I, _J, _K, _L]
_PAIRINGS = _S[_I, _J] * _S[_K, _L] + _S[_I, _K] * _S[_J, _L] + _S[_I, _L] * _S[_J, _K]
# A quadratic form at two basis vectors and at their sum; the moment, found a second way.
_AT_I, _AT_J, _AT_SUM = (
    named(f"form_at_{name}", f"q({latex})")
    for name, latex in (("first", "e_i"), ("second", "e_j"), ("sum", "e_i + e_j"))
)
_DERIVATIVE = named("fourth_derivative", r"\partial_a^2 \partial_b^2 \mathbb{E}\, e^{a u^\top x + b v^\top x}")


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
        proof=Proof(_proof),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    along_u = _total(_U[_K] * _S[_I, _K], _K) * _total(_U[_L] * _S[_J, _L], _L)
    return Proof((
        Step(
            "Isserlis: m = E[xᵢ xⱼ xₖ xₗ] is the sum over the three pairings",
            proved,
            Fact("Isserlis", (equal(_MOMENTS, _PAIRINGS),)),
            isserlis_from_transform,
            note="fourth derivatives of exp(½ tᵀSt) at 0 for symbolic S: all indices in two and in three dimensions, "
            "and four different indices, of which any others are the case of equal rows of S",
        ),
        Step(
            "variances and covariance are sums over the entries",
            proved,
            Fact(
                "variances",
                (
                    equal(var_u, _total(_U[_K] * _U[_L] * _S[_K, _L], _K, _L)),
                    equal(var_v, _total(_V[_K] * _V[_L] * _S[_K, _L], _K, _L)),
                    equal(cov_uv, _total(_U[_K] * _V[_L] * _S[_K, _L], _K, _L)),
                ),
            ),
            variances_in_entries,
            note="written out in three dimensions; the sums have the same form in any",
        ),
        Step(
            "E[(u·x)² x xᵀ] = (uᵀSu) S + 2 S u uᵀ S",
            proved,
            Fact(
                "matrix form",
                (equal(_total(_U[_K] * _U[_L] * _M[_K, _L, _I, _J], _K, _L), var_u * _S[_I, _J] + 2 * along_u),),
            ),
            matrix_form,
            ("Isserlis", "variances"),
            "in index notation, any dimension: S is symmetric and the indices of sums may be renamed",
        ),
        Step(
            "the scalar form in every v determines the matrix form",
            proved,
            Fact("polarisation", (equal(_S[_I, _J], (_AT_SUM - _AT_I - _AT_J) / 2),)),
            polarisation,
            note="a symmetric matrix is given by its quadratic form at e_i, e_j and e_i + e_j; symbolic at d = 3",
            remark=True,
        ),
        Step(
            "four derivatives of the moment generating function of (u·x, v·x) give the same moment",
            proved,
            Fact("second way", (equal(_DERIVATIVE, MOMENT),)),
            moment_from_transform,
            note="symbolic covariance of (u·x, v·x), any d: derivatives of exp(½(a²uSu + 2ab uSv + b²vSv)) at 0",
            remark=True,
        ),
        Step(
            "E[(u·x)²(v·x)²] = uSu·vSv + 2 uSv²",
            proved,
            Fact("bounds", (equal(FOURTH_MOMENT, MOMENT),)),
            scalar_from_matrix,
            ("matrix form", "variances"),
            "the matrix form tested along v, in index notation, any dimension",
        ),
    ))


def isserlis_from_transform(conclusion: Formulas) -> bool:
    """Compare derivatives of the moment generating function with the sum over pairings.

    Args:
        conclusion: the fourth moments by the covariance.

    Returns:
        Whether the identity holds for every choice of indices in two and three dimensions, and for four different ones.
    """
    (claimed,) = conclusion
    choices = [*((d, indices) for d in (2, 3) for indices in product(range(d), repeat=4)), (4, (0, 1, 2, 3))]
    series = {d: _fourth_order(d) for d in (2, 3, 4)}

    def derivative(d: int, indices: tuple[int, ...]) -> sympy.Expr:
        powers = Counter(indices)
        coefficient = series[d].coeff_monomial(tuple(powers[index] for index in range(d)))
        return coefficient * prod(factorial(power) for power in powers.values())

    def holds(d: int, indices: tuple[int, ...]) -> bool:
        at = dict(zip((_I, _J, _K, _L), (sympy.Integer(index + 1) for index in indices), strict=True))
        pairings = claimed.rhs.xreplace(at).xreplace(_entries(d))
        return bool(sympy.expand(derivative(d, indices) - pairings) == 0)

    return claimed.lhs == _MOMENTS and all(holds(*choice) for choice in choices)


def variances_in_entries(conclusion: Formulas) -> bool:
    """Compare the sums with products of matrices in three dimensions.

    Args:
        conclusion: the two variances and the covariance as sums.

    Returns:
        Whether they agree.
    """
    S, (u, v) = _covariance(3), (sympy.Matrix(sympy.symbols(f"{name}0:3", real=True)) for name in "uv")
    values = {var_u: (u.T * S * u)[0], var_v: (v.T * S * v)[0], cov_uv: (u.T * S * v)[0]}
    values |= _entries(3) | {_U[k + 1]: u[k] for k in range(3)} | {_V[k + 1]: v[k] for k in range(3)}
    pinned = tuple(formula.lhs for formula in conclusion) == (var_u, var_v, cov_uv)
    return pinned and all(shows(_written_out(formula, 3), {}, values) for formula in conclusion)


def matrix_form(conclusion: Formulas, isserlis: Formulas, variances: Formulas) -> bool:
    """Insert the fourth moments into the sum over two indices.

    Args:
        conclusion: the matrix form, entry (i, j).
        isserlis: the fourth moments.
        variances: the variances as sums.

    Returns:
        Whether the terms of both sides agree in any dimension.
    """
    (claimed,), (rule,) = conclusion, isserlis
    values = {formula.lhs: formula.rhs for formula in variances}
    moments = {
        entry: rule.rhs.xreplace(dict(zip(rule.lhs.indices, entry.indices, strict=True)))
        for entry in claimed.lhs.atoms(sympy.Indexed)
        if entry.base == _M
    }
    right = claimed.rhs.xreplace(values)
    return bool(moments) and same_sums(claimed.lhs.xreplace(moments), right, (_S,))


def scalar_from_matrix(conclusion: Formulas, matrix: Formulas, variances: Formulas) -> bool:
    """Test the matrix form along v.

    Args:
        conclusion: the moment by variances and covariance.
        matrix: the matrix form, entry (i, j).
        variances: variances and covariance as sums.

    Returns:
        Whether the terms of both sides agree in any dimension.
    """
    values = {formula.lhs: formula.rhs for formula in variances}
    tested = _total(_V[_I] * _V[_J] * matrix[0].rhs.xreplace(values), _I, _J)
    return conclusion[0].lhs == FOURTH_MOMENT and same_sums(tested, conclusion[0].rhs.xreplace(values), (_S,))


def polarisation(conclusion: Formulas) -> bool:
    """Recover every entry of a symmetric matrix from its quadratic form.

    Args:
        conclusion: the entry (i, j) by three values of the form.

    Returns:
        Whether the identity holds in three dimensions.
    """
    (claimed,), M, unit = conclusion, _covariance(3), sympy.eye(3)

    def form(v: sympy.Matrix) -> sympy.Expr:
        return (v.T * M * v)[0]

    def holds(i: int, j: int) -> bool:
        first, second = unit[:, i], unit[:, j]
        values = {_AT_I: form(first), _AT_J: form(second), _AT_SUM: form(first + second), claimed.lhs: M[i, j]}
        return shows(claimed, {}, values)

    return claimed.lhs == _S[_I, _J] and all(holds(i, j) for i in range(3) for j in range(3))


def moment_from_transform(conclusion: Formulas) -> bool:
    """Compare four derivatives of the moment generating function of (u·x, v·x) with the claim.

    Args:
        conclusion: the derivative at zero.

    Returns:
        Whether the identity holds.
    """
    a, b = sympy.symbols("a b", real=True)
    generating = sympy.exp((a**2 * var_u + 2 * a * b * cov_uv + b**2 * var_v) / 2)
    derivative = sympy.diff(generating, a, a, b, b).subs({a: 0, b: 0})
    return conclusion[0].lhs == _DERIVATIVE and is_identity(derivative, conclusion[0].rhs)


def _total(entries: sympy.Expr, *indices: sympy.Symbol) -> sympy.Expr:
    """Write a sum over the dimensions."""
    return sympy.Sum(entries, *((index, 1, _DIMENSION) for index in indices))


def _written_out(formula: Relational, dimension: int) -> Relational:
    """Write the sums of an identity out."""
    return equal(*(side.subs(_DIMENSION, dimension).doit() for side in formula.args))


def _fourth_order(d: int) -> sympy.Poly:
    """Return the terms of degree four of exp(½ tᵀSt): only the second term of the exponential series has them."""
    t = sympy.Matrix(sympy.symbols(f"t0:{d}"))
    half = (t.T * _covariance(d) * t)[0] / 2
    return sympy.Poly(sympy.expand(half**2 / 2), *t)


def _entries(d: int) -> dict[sympy.Basic, sympy.Expr]:
    """Write the entries of S as those of a symmetric matrix of symbols."""
    S = _covariance(d)
    return {_S[i + 1, j + 1]: S[i, j] for i in range(d) for j in range(d)}


def _covariance(d: int) -> sympy.Matrix:
    """Make a symmetric matrix of symbols."""
    return sympy.Matrix(d, d, lambda i, j: sympy.Symbol(f"S{min(i, j)}{max(i, j)}", real=True))
