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

from theory._facts import Fact, Formulas, at_most, between, equal, replaced, same, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._index_notation import same_sums
from theory.catalogue._one_way import upper_bounds
from theory.catalogue.lemma_c1 import FOURTH_MOMENT, cov_uv, var_u, var_v
from theory.catalogue.lemma_e6 import INNER_SQUARED, U_SQUARED, V_SQUARED

rho = symbol("rho")
G, G_CENTRED = quantity_symbol("population_g"), quantity_symbol("population_g_centred")

ALIGNMENT = 1 + 2 * rho**2
ALIGNMENT_CENTRED = 1 + rho**2
LOWER = sympy.Integer(1)

_ALONG = named("g_along", "g|_{v' = u}")
_UNRELATED = named("g_unrelated", r"g|_{\rho = 0}")

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
        lower=LOWER,
        upper=upper,
        controls=(
            Control("C.2:upper-2.9", "at v' = u the population alignment is exactly 3", {"upper": "2.9"}),
            Control("C.2:lower-1.05", _UNCORRELATED, {"lower": "1.05"}),
        ),
        depends_on=("C.1", "E.6"),
        proof=_proof(G, ALIGNMENT, upper, partial(alignment_from_moment, sympy.S.Zero), "g = 1 + 2ρ²"),
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
        lower=LOWER,
        upper=upper,
        controls=(
            Control("C.2-centred:upper-1.9", "at v' = u the centred alignment is exactly 2", {"upper": "1.9"}),
            Control("C.2-centred:lower-1.05", _UNCORRELATED, {"lower": "1.05"}),
        ),
        depends_on=("C.1", "E.6"),
        proof=_proof(G_CENTRED, ALIGNMENT_CENTRED, upper, partial(alignment_from_moment, sympy.S.One), "g = 1 + ρ²"),
    )


def _proof(
    quantity: sympy.Symbol, alignment: sympy.Expr, upper: sympy.Expr, form: partial[bool], wording: str
) -> Proof:
    proved = StepStatus.PROVED
    product = var_u * var_v
    return Proof((
        Step(
            "uSu, v'Sv' and uSv' are squared lengths and the inner product of a = Lᵀu and b = Lᵀv', where S = LLᵀ",
            proved,
            Fact("factor", (equal(U_SQUARED, var_u), equal(V_SQUARED, var_v), equal(INNER_SQUARED, cov_uv**2))),
            factored,
            note="in index notation, any dimension; every positive semi-definite S has such a factor",
        ),
        Step(
            "uSv'² ≤ uSu·v'Sv'",
            proved,
            Fact("Cauchy–Schwarz", (at_most(cov_uv**2, product),)),
            lemma_at_factor,
            ("E.6", "factor"),
            "Lemma E.6 at a and b",
        ),
        Step(
            "ρ² = uSv'²/(uSu·v'Sv') ≤ 1",
            proved,
            Fact("correlation", (equal(rho**2, cov_uv**2 / product), at_most(rho**2, 1))),
            correlation_bounded,
            ("Cauchy–Schwarz",),
            "both variances positive",
        ),
        Step(
            wording,
            proved,
            Fact("alignment", (equal(quantity, alignment),)),
            form,
            ("C.1", "correlation"),
            "the moment over the product of the variances, any d; the centred moment is less by uSv'², the square of "
            "the mean E[(u·x)(v'·x)]",
        ),
        Step(
            "both ends are attained",
            proved,
            Fact("attained", (equal(_ALONG, upper), equal(_UNRELATED, LOWER))),
            ends_attained,
            ("alignment",),
            "v' = u gives ρ = 1; u = e_1, v' = e_2 and S = I give ρ = 0",
            remark=True,
        ),
        Step(
            "the bounds on −1 ≤ ρ ≤ 1",
            proved,
            Fact("bounds", between(LOWER, quantity, upper)),
            range_within,
            ("alignment", "correlation"),
            "in ρ² ∈ [0, 1]; both bounds are met exactly",
        ),
    ))


def factored(conclusion: Formulas) -> bool:
    """Write the variances through a factor of the covariance.

    Args:
        conclusion: squared lengths and squared inner product of the transformed vectors.

    Returns:
        Whether both sides agree in any dimension.
    """
    i, j, k, d = sympy.symbols("i j k d", integer=True, positive=True)
    L, u, v = (sympy.IndexedBase(name, real=True) for name in "Luv")

    def form(left: sympy.IndexedBase, right: sympy.IndexedBase) -> sympy.Expr:
        covariance = sympy.Sum(L[i, k] * L[j, k], (k, 1, d))
        return sympy.Sum(left[i] * right[j] * covariance, (i, 1, d), (j, 1, d))

    def inner(left: sympy.IndexedBase, right: sympy.IndexedBase) -> sympy.Expr:
        first, second = sympy.Sum(L[i, k] * left[i], (i, 1, d)), sympy.Sum(L[j, k] * right[j], (j, 1, d))
        return sympy.Sum(first * second, (k, 1, d))

    values = {var_u: form(u, u), var_v: form(v, v), cov_uv: form(u, v)}
    values |= {U_SQUARED: inner(u, u), V_SQUARED: inner(v, v), INNER_SQUARED: inner(u, v) ** 2}
    pinned = tuple(formula.lhs for formula in conclusion) == (U_SQUARED, V_SQUARED, INNER_SQUARED)
    return pinned and all(same_sums(*(side.xreplace(values) for side in formula.args)) for formula in conclusion)


def lemma_at_factor(conclusion: Formulas, lemma: Formulas, factor: Formulas) -> bool:
    """Take Lemma E.6 at the transformed vectors.

    Args:
        conclusion: the inequality between covariance and variances.
        lemma: the inequality between inner product and lengths.
        factor: what these are.

    Returns:
        Whether the one is the other.
    """
    values = {formula.lhs: formula.rhs for formula in factor}
    return same(conclusion, tuple(replaced(formula, values) for formula in lemma))


def correlation_bounded(conclusion: Formulas, cauchy_schwarz: Formulas) -> bool:
    """Divide the inequality by the variances.

    Args:
        conclusion: what ρ² is, and its bound.
        cauchy_schwarz: the squared covariance at most the product of the variances.

    Returns:
        Whether the bound follows, with equality where the inequality is an equality.
    """
    (definition, bound), (inequality,) = conclusion, cauchy_schwarz
    share = sympy.Symbol("share", positive=True)
    value = definition.rhs.xreplace({inequality.lhs: share * inequality.rhs})
    exact = is_identity(value.subs(share, 1), bound.rhs)
    pinned = (definition.lhs, bound.lhs) == (rho**2, rho**2) and isinstance(inequality, sympy.LessThan)
    box = {share: (0, 1), var_u: (0, None), var_v: (0, None)}
    return pinned and exact and shows(bound, box, {rho**2: value})


def alignment_from_moment(subtracted: sympy.Expr, conclusion: Formulas, moment: Formulas, relation: Formulas) -> bool:
    """Divide the moment of Lemma C.1 by the two variances.

    Args:
        subtracted: how often the square of the mean E[(u·x)(v'·x)] = uSv' is subtracted; once for the centred noise.
        conclusion: the alignment, in ρ.
        moment: the moment by variances and covariance.
        relation: what ρ² is.

    Returns:
        Whether the identity holds.
    """
    mean_square = cov_uv**2
    quotient = (moment[0].rhs - subtracted * mean_square) / (var_u * var_v)
    values = {conclusion[0].lhs: quotient, rho**2: relation[0].rhs}
    pinned = moment[0].lhs == FOURTH_MOMENT and conclusion[0].lhs in (G, G_CENTRED)
    return pinned and shows(conclusion[0], {}, values)


def ends_attained(conclusion: Formulas, alignment: Formulas) -> bool:
    """Evaluate the alignment at the two examples.

    Args:
        conclusion: its value at each.
        alignment: in ρ.

    Returns:
        Whether the examples attain these values.
    """

    def at(u: sympy.Matrix, v: sympy.Matrix) -> sympy.Expr:
        return alignment[0].rhs.subs(rho, u.dot(v) / sympy.sqrt(u.dot(u) * v.dot(v)))

    first, second = sympy.Matrix([1, 0]), sympy.Matrix([0, 1])
    values = {_ALONG: at(first, first), _UNRELATED: at(first, second)}
    pinned = tuple(formula.lhs for formula in conclusion) == (_ALONG, _UNRELATED)
    return pinned and all(shows(formula, {}, values) for formula in conclusion)


def range_within(conclusion: Formulas, alignment: Formulas, relation: Formulas) -> bool:
    """Show the bounds for every ρ² from zero to its bound.

    Args:
        conclusion: the bounds.
        alignment: in ρ.
        relation: what ρ² is, and its bound.

    Returns:
        Whether the bounds hold, with equality at the ends of the range of ρ².
    """
    share, most = sympy.Symbol("share", positive=True), relation[1].rhs
    value = alignment[0].rhs.xreplace({rho**2: share * most})
    lower, upper = conclusion
    met = value.subs(share, 0) == lower.lhs and value.subs(share, 1) == upper.rhs
    pinned = lower.rhs == upper.lhs == alignment[0].lhs and relation[1].lhs == rho**2 and upper_bounds(relation[1])
    return bool(pinned and met) and all(shows(f, {share: (0, 1)}, {alignment[0].lhs: value}) for f in conclusion)
