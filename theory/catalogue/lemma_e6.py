"""Lemma E.6: the Cauchy–Schwarz inequality.

Problem:
    u and v are vectors in ℝᵈ, any d, neither of them zero.

Statement:
    (u·v)² ≤ |u|² |v|².

Guarantee:
    Always.

Provenance:
    [R]: the text of the paper's appendix is lost in the copy used; what this lemma says had to be chosen.

Controls:
    E.6:halved (the right side halved) and E.6:lengths (the lengths in place of their squares).

Example:
    >>> import theory
    >>> theory.statement("E.6").bounds(u_squared=4, v_squared=9)[1]
    36.0
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, equal, follows, shows
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol
from theory.catalogue._index_notation import same_sums

U_SQUARED = named("u_squared", "|u|^2", positive=True)
V_SQUARED = named("v_squared", "|v|^2", positive=True)
INNER_SQUARED = quantity_symbol("squared_inner_product")
UPPER = U_SQUARED * V_SQUARED

_I, _J, _DIMENSION = sympy.symbols("i j d", integer=True, positive=True)
_U, _V = (sympy.IndexedBase(name, real=True) for name in "uv")
_INNER = sympy.Sum(_U[_I] * _V[_I], (_I, 1, _DIMENSION))
# The area that u and v span, squared: half the sum of the squares of all minors.
_MINORS = sympy.Sum((_U[_I] * _V[_J] - _U[_J] * _V[_I]) ** 2, (_I, 1, _DIMENSION), (_J, 1, _DIMENSION))


def build() -> Statement:
    """Build Lemma E.6.

    Returns:
        The statement.
    """
    return Statement(
        id="E.6",
        title="Cauchy–Schwarz inequality",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Cauchy (1821), by Lagrange's identity",
        provenance={"upper": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen.",
        summary="The squared inner product of two vectors is at most the product of their squared lengths.",
        hypotheses=("u and v are vectors of the same dimension, any dimension, neither of them zero",),
        quantity="squared_inner_product",
        symbols={"u_squared": "|u|², the squared length of u", "v_squared": "|v|², the squared length of v"},
        lower=None,
        upper=UPPER,
        controls=(
            Control("E.6:halved", "at u = v both sides of the inequality are |u|⁴", {"upper": "u_squared*v_squared/2"}),
            Control(
                "E.6:lengths",
                "at u = v with |u| = 2 the left side is 16 and |u| |v| is 4",
                {"upper": "sqrt(u_squared*v_squared)"},
            ),
        ),
        proof=Proof(_proof),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    lengths = (
        equal(U_SQUARED, sympy.Sum(_U[_I] ** 2, (_I, 1, _DIMENSION))),
        equal(V_SQUARED, sympy.Sum(_V[_J] ** 2, (_J, 1, _DIMENSION))),
    )
    area = U_SQUARED * V_SQUARED - INNER_SQUARED
    return Proof((
        Step(
            "inner product and lengths are sums over the entries",
            proved,
            Fact("entries", (equal(INNER_SQUARED, _INNER**2), *lengths)),
            in_entries,
            note="written out in three dimensions; the sums have the same form in any",
        ),
        Step(
            "|u|²|v|² − (u·v)² = ½ Σ (uᵢvⱼ − uⱼvᵢ)² (Lagrange's identity)",
            proved,
            Fact("Lagrange", (equal(area, _MINORS / 2),)),
            lagrange_identity,
            ("entries",),
            "in index notation, any dimension: expanding and renaming the indices of the sums",
        ),
        Step(
            "a sum of squares is not negative",
            proved,
            Fact("area", (at_least(area, 0),)),
            squares_add_up,
            ("Lagrange",),
            "every term is the square of a real number",
        ),
        Step(
            "(u·v)² ≤ |u|²|v|²",
            proved,
            Fact("bounds", (at_most(INNER_SQUARED, UPPER),)),
            moved_across,
            ("area",),
            "with equality where u and v are parallel",
        ),
    ))


def in_entries(conclusion: Formulas) -> bool:
    """Compare the sums with products of vectors in three dimensions.

    Args:
        conclusion: the squared inner product and the squared lengths as sums.

    Returns:
        Whether they agree.
    """
    u, v = (sympy.Matrix(sympy.symbols(f"{name}0:3", real=True)) for name in "uv")
    values = {INNER_SQUARED: u.dot(v) ** 2, U_SQUARED: u.dot(u), V_SQUARED: v.dot(v)}
    values |= {_U[k + 1]: u[k] for k in range(3)} | {_V[k + 1]: v[k] for k in range(3)}
    pinned = tuple(formula.lhs for formula in conclusion) == (INNER_SQUARED, U_SQUARED, V_SQUARED)
    written = [equal(*(side.subs(_DIMENSION, 3).doit() for side in formula.args)) for formula in conclusion]
    return pinned and all(shows(formula, {}, values) for formula in written)


def lagrange_identity(conclusion: Formulas, entries: Formulas) -> bool:
    """Expand both sides in the entries.

    Args:
        conclusion: the identity.
        entries: inner product and lengths as sums.

    Returns:
        Whether the terms of both sides agree in any dimension.
    """
    (claimed,) = conclusion
    values = {formula.lhs: formula.rhs for formula in entries}
    return isinstance(claimed, sympy.Equality) and same_sums(claimed.lhs.xreplace(values), claimed.rhs)


def squares_add_up(conclusion: Formulas, lagrange: Formulas) -> bool:
    """Show the sign of a sum of squares.

    Args:
        conclusion: the sign.
        lagrange: the expression as a multiple of a sum.

    Returns:
        Whether it is a positive multiple of a sum of squares of real numbers, and its sign is claimed.
    """
    (claimed,), (identity,) = conclusion, lagrange
    multiple, sum_ = identity.rhs.as_coeff_Mul()
    square = isinstance(sum_, sympy.Sum) and sum_.function.is_Pow and sum_.function.exp == 2
    real = bool(square) and sum_.function.base.is_real
    nonnegative = bool(real and multiple > 0)
    value = sympy.Symbol("value", positive=True)
    return nonnegative and shows(claimed, {value: (0, None)}, {identity.lhs: value})


def moved_across(conclusion: Formulas, area: Formulas) -> bool:
    """Move the squared inner product to the other side.

    Args:
        conclusion: the inequality.
        area: the difference of its sides is not negative.

    Returns:
        Whether the one is the other.
    """
    box = dict.fromkeys((U_SQUARED, V_SQUARED), (0, None))
    return conclusion[0].lhs == INNER_SQUARED and follows(conclusion[0], area[0], box)
