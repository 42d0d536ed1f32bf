"""Lemma E.2: the tails of a Gaussian quadratic form.

Problem:
    x ~ N(0, S), A positive semi-definite; F² = Tr (AS)² and N is the largest eigenvalue of AS, so that F and N are the
    Frobenius and the operator norm of S^{1/2} A S^{1/2}.

Statement:
    −2√τ F ≤ xᵀAx − E xᵀAx ≤ 2√τ F + 2τ N with τ = log(2/δ).

Guarantee:
    With probability at least 1 − δ, for every δ in (0, 1) and with these constants: the Hanson–Wright inequality in the
    form of Laurent & Massart (2000, Lemma 1).

Provenance:
    [R]: the text of the paper's appendix is lost in the copy used; what this lemma says had to be chosen.

Controls:
    E.2:no-operator-norm (the second term of the upper bound dropped) and E.2:lower-halved.

Example:
    >>> import theory
    >>> [round(bound, 2) for bound in theory.statement("E.2").bounds(delta=0.05, F=2, N=1)]
    [-7.68, 15.06]
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, at_most, between, ends, equal, replaced, shows
from theory._inequalities import Box, is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._chernoff import (
    LOG_DOWN,
    LOG_UP,
    LOGARITHM,
    TAU,
    U,
    failure_step,
    levels,
    markov_step,
    rational,
    tail_step,
)

delta, FROBENIUS, OPERATOR = (symbol(name) for name in ("delta", "F", "N"))
FORM = quantity_symbol("quadratic_form")

LOWER = -2 * sympy.sqrt(LOGARITHM) * FROBENIUS
UPPER = 2 * sympy.sqrt(LOGARITHM) * FROBENIUS + 2 * LOGARITHM * OPERATOR

# Eigenvalues of S^{1/2} A S^{1/2} and the coordinates along its eigenvectors.
_INDEX = sympy.Symbol("k", integer=True, positive=True)
_RANK = sympy.Symbol("r", integer=True, positive=True)
_EIGENVALUE = sympy.IndexedBase("lambda", nonnegative=True)[_INDEX]
_COORDINATE = sympy.IndexedBase("xi", real=True)[_INDEX]
_LOG_UP = named("log_transform", r"\log \mathbb{E}\, e^{u (\xi^2 - 1)}", real=True)
_LOG_DOWN = named("log_transform_down", r"\log \mathbb{E}\, e^{-u (\xi^2 - 1)}", real=True)


def build() -> Statement:
    """Build Lemma E.2.

    Returns:
        The statement.
    """
    return Statement(
        id="E.2",
        title="tails of a Gaussian quadratic form",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Laurent & Massart, Adaptive Estimation of a Quadratic Functional by Model "
        "Selection (2000), Lemma 1",
        provenance={"lower": "R", "upper": "R", "probability": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen.",
        summary="A quadratic form in Gaussian variables deviates from its mean like a Gaussian of the Frobenius norm's "
        "size, and far above it like an exponential variable of the operator norm's size.",
        hypotheses=(
            "x ~ N(0, S), A positive semi-definite, S and A fixed",
            "F² = Tr (AS)² and N is the largest eigenvalue of AS",
        ),
        quantity="quadratic_form",
        symbols={
            "delta": "δ, the probability of failure, in (0, 1)",
            "F": "√(Tr (AS)²), the Frobenius norm of A on the scale of S",
            "N": "the largest eigenvalue of AS, at most F",
        },
        lower=LOWER,
        upper=UPPER,
        probability=1 - delta,
        controls=_controls(),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "E.2:no-operator-norm",
            "for A of rank one F = N, and x² − 1 exceeds 2√τ with probability 0.011 where δ = 0.001",
            {"upper": "2*sqrt(log(2/delta))*F"},
        ),
        Control(
            "E.2:lower-halved",
            "for the identity in 1000 dimensions N is small beside F, and the sum falls below −√τ F with probability "
            "0.05 where δ = 0.01",
            {"lower": "-sqrt(log(2/delta))*F"},
        ),
    )


def _proof() -> Proof:
    proved, root = StepStatus.PROVED, sympy.sqrt(TAU)
    return Proof((
        Step(
            "q = xᵀAx − E xᵀAx = Σ λₖ(ξₖ² − 1) with independent standard Gaussians ξₖ, F² = Σ λₖ² and 0 ≤ λₖ ≤ N",
            proved,
            Fact(
                "eigenvalues",
                (
                    equal(FORM, _total(_EIGENVALUE * (_COORDINATE**2 - 1))),
                    equal(FROBENIUS**2, _total(_EIGENVALUE**2)),
                    *between(0, _EIGENVALUE, OPERATOR),
                ),
            ),
            diagonal_form,
            note="x = S^{1/2}ξ, and a rotation of ξ is a standard Gaussian again; symbolic rotation and eigenvalues in "
            "the plane, the same products in any dimension",
        ),
        Step(
            "log E exp(u(ξ² − 1)) = −½ log(1 − 2u) − u",
            proved,
            Fact(
                "transform",
                (
                    equal(_LOG_UP, -sympy.log(1 - 2 * U) / 2 - U),
                    equal(_LOG_DOWN, -sympy.log(1 + 2 * U) / 2 + U),
                ),
            ),
            gaussian_integral,
            note="0 < u < ½, and −u for every u > 0; the Gaussian integral by rescaling its variable",
        ),
        Step(
            "log E exp(u(ξ² − 1)) ≤ u²/(1 − 2u), and ≤ u² at −u",
            proved,
            Fact("growth", (at_most(_LOG_UP, U**2 / (1 - 2 * U)), at_most(_LOG_DOWN, U**2))),
            growth_bounded,
            ("transform",),
            "0 < u < ½, and −u for every u > 0: equal at u = 0, and the derivative of the difference is non-negative",
        ),
        Step(
            "log E exp(uq) ≤ u²F²/(1 − 2uN), and ≤ u²F² at −u",
            proved,
            Fact(
                "sum",
                (
                    at_most(LOG_UP, U**2 * FROBENIUS**2 / (1 - 2 * U * OPERATOR)),
                    at_most(LOG_DOWN, U**2 * FROBENIUS**2),
                ),
            ),
            independent_sum,
            ("eigenvalues", "growth"),
            "0 < 2uN < 1; the logarithms of independent factors add, and each term is bounded alone",
        ),
        markov_step(),
        tail_step(
            "P(q ≥ 2√τ F + 2τ N) ≤ e^{−τ}",
            0,
            root / (FROBENIUS + 2 * OPERATOR * root),
            2 * OPERATOR,
            2 * root * FROBENIUS + 2 * TAU * OPERATOR,
        ),
        tail_step("P(q ≤ −2√τ F) ≤ e^{−τ}", 1, root / FROBENIUS, sympy.S.Zero, 2 * root * FROBENIUS),
        failure_step(),
        Step(
            "−2√τ F ≤ xᵀAx − E xᵀAx ≤ 2√τ F + 2τ N",
            proved,
            Fact("bounds", between(LOWER, FORM, UPPER)),
            bounds_from_tails,
            ("upper tail", "lower tail", "failure"),
            "outside the two tails, hence with probability at least 1 − δ",
        ),
    ))


def diagonal_form(conclusion: Formulas) -> bool:
    """Write a quadratic form in the eigenvectors of its matrix, at two coordinates.

    Args:
        conclusion: the form and the squared Frobenius norm as sums over eigenvalues, and these between 0 and N.

    Returns:
        Whether ξᵀBξ − Tr B and Tr B² are the claimed sums for B = O diag(λ) Oᵀ, with Oᵀξ for the coordinates, and
        shares of N lie between the claimed ends.
    """
    form, square, *range_ = conclusion
    t, x, y, first, second = sympy.symbols("t x y first second", real=True)
    O = sympy.Matrix([[1 - t**2, -2 * t], [2 * t, 1 - t**2]]) / (1 + t**2)  # noqa: E741
    eigenvalues, vector = (first, second), sympy.Matrix([x, y])
    B, rotated = O * sympy.diag(*eigenvalues) * O.T, O.T * vector
    entries = {_EIGENVALUE.base[k + 1]: eigenvalues[k] for k in range(2)}
    entries |= {_COORDINATE.base[k + 1]: rotated[k] for k in range(2)}
    values = {FORM: (vector.T * B * vector)[0] - B.trace(), FROBENIUS**2: (B * B).trace()}
    sums = all(shows(formula, {}, values) for formula in _written_out((form, square), entries))
    share = sympy.Symbol("share", positive=True)
    shares = {_EIGENVALUE: share * OPERATOR}
    within = all(shows(formula, {share: (0, 1), OPERATOR: (0, None)}, shares) for formula in range_)
    return sums and within and (O * O.T).applyfunc(sympy.cancel) == sympy.eye(2)


def gaussian_integral(conclusion: Formulas) -> bool:
    """Rescale the variable of E exp(±u(ξ² − 1)) so that the standard Gaussian density remains.

    Args:
        conclusion: the logarithms of the two expectations.

    Returns:
        Whether each is ∓u plus the logarithm of the scale.
    """

    def rescaled(formula: Relational, rate: sympy.Expr) -> bool:
        squared_scale = 1 / (1 - 2 * rate)
        density_left = is_identity((rate - sympy.S.Half) * squared_scale, -sympy.S.Half)
        return density_left and is_identity(sympy.exp(2 * (formula.rhs + rate)), squared_scale)

    up, down = conclusion
    return up.lhs == _LOG_UP and down.lhs == _LOG_DOWN and rescaled(up, U) and rescaled(down, -U)


def growth_bounded(conclusion: Formulas, transform: Formulas) -> bool:
    """Compare the logarithms with their bounds through derivatives.

    Args:
        conclusion: the two bounds.
        transform: the two logarithms.

    Returns:
        Whether the bounds are met at u = 0 and grow at least as fast.
    """

    def holds(formula: Relational, exact: Relational, most: sympy.Expr | None) -> bool:
        starts = formula.lhs == exact.lhs and (formula.rhs - exact.rhs).subs(U, 0) == 0
        slopes = formula.func(sympy.diff(exact.rhs, U), sympy.diff(formula.rhs, U), evaluate=False)
        return starts and shows(slopes, {U: (0, most)})

    return holds(conclusion[0], transform[0], sympy.S.Half) and holds(conclusion[1], transform[1], None)


def independent_sum(conclusion: Formulas, eigenvalues: Formulas, growth: Formulas) -> bool:
    """Bound the logarithm for the sum term by term.

    Args:
        conclusion: the bounds of the sum, multiples of F².
        eigenvalues: the form and F² as sums, and the range of their terms' eigenvalues.
        growth: the bounds of one term.

    Returns:
        Whether each bound is a multiple of F² whose share of every term is at least the bound of that term.
    """
    form, square, *range_ = eigenvalues
    w, share = sympy.symbols("w share", positive=True)
    low, high = ends(tuple(range_))
    factor = sympy.cancel(form.rhs.function / (_COORDINATE**2 - 1))

    def term_by_term(formula: Relational, one: Relational, rate: sympy.Expr, box: Box) -> bool:
        multiple = sympy.cancel(formula.rhs / square.lhs)
        term = formula.func(one.rhs.xreplace({U: U * factor}), multiple * square.rhs.function, evaluate=False)
        inside = replaced(replaced(term, {_EIGENVALUE: low + share * (high - low)}), {U: rate})
        return one.func is formula.func and not multiple.has(FROBENIUS) and shows(inside, box)

    up, down = conclusion
    wide = {OPERATOR: (0, None), share: (0, 1)}
    above = term_by_term(up, growth[0], w / (2 * OPERATOR), wide | {w: (0, 1)})
    return above and term_by_term(down, growth[1], U, wide | {U: (0, None)}) and not factor.has(_COORDINATE)


def bounds_from_tails(conclusion: Formulas, upper: Formulas, lower: Formulas, failure: Formulas) -> bool:
    """Read off the levels.

    Args:
        conclusion: the claimed bounds.
        upper: the upper tail, with its level.
        lower: the lower tail, with its level.
        failure: what τ is.

    Returns:
        Whether the bounds are the levels at that τ.
    """
    at = {TAU: failure[0].rhs}
    low, high, *reached = rational(*ends(conclusion), *(level.xreplace(at) for level in levels(upper, lower)))
    return conclusion[0].rhs == FORM and is_identity(low, reached[0]) and is_identity(high, reached[1])


def _total(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the eigenvalues."""
    return sympy.Sum(entries, (_INDEX, 1, _RANK))


def _written_out(formulas: Formulas, entries: dict[sympy.Basic, sympy.Expr]) -> Formulas:
    """Write the sums of relations out at two terms."""
    return tuple(
        formula.func(*(side.subs(_RANK, 2).doit().xreplace(entries) for side in formula.args), evaluate=False)
        for formula in formulas
    )
