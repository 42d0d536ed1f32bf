"""Lemma C.3: the lengths of all inputs at once, plain and weighted by the covariance.

Problem:
    x_1, …, x_n ~ N(0, S), with any dependence; the effective dimension is d_eff = min{srk(S), srk(S²)}.

Statement:
    1 − 2√(τ/d_eff) ≤ ‖xᵢ‖²/Tr S, xᵢᵀSxᵢ/Tr S² ≤ 1 + 2√(τ/d_eff) + 2τ/d_eff for all i, with τ = log(4n/δ).

Guarantee:
    With probability at least 1 − δ, with these constants.

Provenance:
    [R]: the paper's appendix has lemmas up to C.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen.

Controls:
    C.3:faster (d_eff in place of its root) and C.3:no-union (τ without n).

Example:
    >>> import theory
    >>> [round(bound, 2) for bound in theory.statement("C.3").bounds(delta=0.05, n=100, d_eff=1000)]
    [0.81, 1.21]
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, at_most, between, ends, equal, replaced, same, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._chernoff import FAILURE, TAU, rational

delta, n, d_eff, FROBENIUS, OPERATOR = (symbol(name) for name in ("delta", "n", "d_eff", "F", "N"))
LENGTH, FORM = quantity_symbol("squared_length"), quantity_symbol("quadratic_form")

LOGARITHM = sympy.log(4 * n / delta)
LOWER = 1 - 2 * sympy.sqrt(LOGARITHM / d_eff)
UPPER = 1 + 2 * sympy.sqrt(LOGARITHM / d_eff) + 2 * LOGARITHM / d_eff

# Eigenvalues of S or of S², whichever length is meant, and their sum.
_INDEX = sympy.Symbol("k", integer=True, positive=True)
_RANK = sympy.Symbol("r", integer=True, positive=True)
_EIGENVALUE = sympy.IndexedBase("lambda", nonnegative=True)[_INDEX]
_TRACE = named("mean_length", r"\mathbb{E}\, x^\top A x", positive=True)
_EVENT = named("failure_of_one", r"\delta_{\mathrm{one}}", positive=True)


def build() -> Statement:
    """Build Lemma C.3.

    Returns:
        The statement.
    """
    return Statement(
        id="C.3",
        title="lengths of all inputs",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix C",
        provenance={"lower": "R", "upper": "R", "probability": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen.",
        summary="In many effective dimensions all inputs are about equally long, also as the covariance weighs them.",
        hypotheses=(
            "x₁, …, xₙ ~ N(0, S), with any dependence",
            "the effective dimension is min{srk(S), srk(S²)} with srk(A) = Tr A/‖A‖",
        ),
        quantity="squared_length",
        symbols={
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d_eff": "the effective dimension min{srk(S), srk(S²)}",
        },
        lower=LOWER,
        upper=UPPER,
        probability=1 - delta,
        controls=_controls(),
        depends_on=("E.2",),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "C.3:faster",
            "the squared length of a standard Gaussian vector, in units of its mean d, has the standard deviation "
            "√(2/d), not one of the order of 1/d",
            {"lower": "1 - 2*log(4*n/delta)/d_eff", "upper": "1 + 4*log(4*n/delta)/d_eff"},
        ),
        Control(
            "C.3:no-union",
            "the largest of n independent lengths grows with n: at d = 10⁴, δ = ½ and n = 10⁵ it passes the bound "
            "almost surely",
            {
                "lower": "1 - 2*sqrt(log(4/delta)/d_eff)",
                "upper": "1 + 2*sqrt(log(4/delta)/d_eff) + 2*log(4/delta)/d_eff",
            },
        ),
    )


def _proof() -> Proof:
    proved, root = StepStatus.PROVED, sympy.sqrt(TAU)
    return Proof((
        Step(
            "both lengths are xᵀAx, with A = I or S: the mean is Σ λₖ, F² = Σ λₖ² and N = max λₖ ≤ Σ λₖ/d_eff over the "
            "eigenvalues of AS, which is S or S²",
            proved,
            Fact(
                "spectrum",
                (
                    equal(_TRACE, _total(_EIGENVALUE)),
                    equal(FROBENIUS**2, _total(_EIGENVALUE**2)),
                    *between(0, _EIGENVALUE, OPERATOR),
                    at_most(d_eff, _TRACE / OPERATOR),
                ),
            ),
            lengths_as_forms,
            note="symbolic eigenvalues of S; the sums have the same form for any number. d_eff is the smaller of the "
            "two quotients Σ λₖ/N",
        ),
        Step(
            "F² ≤ N Σ λₖ",
            proved,
            Fact("Frobenius", (at_most(FROBENIUS**2, OPERATOR * _TRACE),)),
            frobenius_bounded,
            ("spectrum",),
            "term by term",
        ),
        Step(
            "relative to the mean F² and N are at most 1/d_eff",
            proved,
            Fact("relative", (at_most(FROBENIUS**2 / _TRACE**2, 1 / d_eff), at_most(OPERATOR / _TRACE, 1 / d_eff))),
            relative_norms,
            ("spectrum", "Frobenius"),
            "d_eff is at most the stable rank of S and of S²",
        ),
        Step(
            "2n events, each of probability δ/(2n), fail together with probability at most δ",
            proved,
            Fact("union", (equal(_EVENT, delta / (2 * n)), at_most(FAILURE, delta))),
            union_bound,
            note="two lengths of each of n inputs; met exactly",
        ),
        Step(
            "−2√τ F ≤ xᵀAx − E xᵀAx ≤ 2√τ F + 2τ N with τ = log(4n/δ)",
            proved,
            Fact(
                "deviation",
                (
                    equal(TAU, LOGARITHM),
                    *between(-2 * root * FROBENIUS, FORM, 2 * root * FROBENIUS + 2 * TAU * OPERATOR),
                ),
            ),
            lemma_at_event,
            ("E.2", "union"),
            "Lemma E.2 at δ/(2n) in place of δ",
        ),
        Step(
            "1 − 2√(τ/d_eff) ≤ xᵀAx/E xᵀAx ≤ 1 + 2√(τ/d_eff) + 2τ/d_eff",
            proved,
            Fact("bounds", between(LOWER, LENGTH, UPPER)),
            relative_deviation,
            ("deviation", "relative"),
            "a length in units of its mean is 1 + (xᵀAx − E xᵀAx)/E xᵀAx; Tr S = E ‖x‖², Tr S² = E xᵀSx",
        ),
    ))


def lengths_as_forms(conclusion: Formulas) -> bool:
    """Compute means and norms of the two forms from two symbolic eigenvalues of the covariance.

    Args:
        conclusion: the mean and the squared Frobenius norm as sums, the range of the eigenvalues, and the effective
            dimension at most the quotient of mean and operator norm.

    Returns:
        Whether they hold for A = I and A = S, and the last for each of two quotients of which it is the smaller.
    """
    *sums, least, most, dimension = conclusion
    share, gap = sympy.symbols("share gap", positive=True)
    S = sympy.diag(*sympy.symbols("l0:2", positive=True))

    def holds(A: sympy.Matrix) -> bool:
        product = A * S
        values = {_TRACE: product.trace(), FROBENIUS**2: (product * product).trace()}
        entries = {_EIGENVALUE.base[k + 1]: product[k, k] for k in range(2)}
        written = [
            formula.func(*(side.subs(_RANK, 2).doit() for side in formula.args), evaluate=False) for formula in sums
        ]
        return all(shows(formula, {}, values | entries) for formula in written)

    box = {OPERATOR: (0, None), share: (0, 1), d_eff: (0, None), gap: (0, None)}
    within = all(shows(formula, box, {_EIGENVALUE: share * OPERATOR}) for formula in (least, most))
    smaller = shows(dimension, box, {_TRACE: (d_eff + gap) * OPERATOR})
    return within and smaller and holds(sympy.eye(2)) and holds(S)


def frobenius_bounded(conclusion: Formulas, spectrum: Formulas) -> bool:
    """Bound the sum of squares term by term.

    Args:
        conclusion: the squared Frobenius norm at most a multiple of the trace.
        spectrum: both as sums, and the range of the eigenvalues.

    Returns:
        Whether every term is bounded.
    """
    (claimed,) = conclusion
    trace, square, *range_, _ = spectrum
    low, high = ends(tuple(range_))
    share = sympy.Symbol("share", positive=True)
    multiple = sympy.cancel(claimed.rhs / trace.lhs)
    term = claimed.func(square.rhs.function, multiple * trace.rhs.function, evaluate=False)
    inside = replaced(term, {_EIGENVALUE: low + share * (high - low)})
    pinned = claimed.lhs == square.lhs and not multiple.has(_TRACE)
    return pinned and shows(inside, {OPERATOR: (0, None), share: (0, 1)})


def relative_norms(conclusion: Formulas, spectrum: Formulas, frobenius: Formulas) -> bool:
    """Divide the norms by the mean.

    Args:
        conclusion: both quotients at most 1/d_eff.
        spectrum: with d_eff at most the quotient of mean and operator norm.
        frobenius: the squared Frobenius norm at most the product of operator norm and mean.

    Returns:
        Whether both follow, with equality where the premises are equalities.
    """
    dimension, share = spectrum[-1], sympy.Symbol("share", positive=True)
    mean = dimension.lhs / share / sympy.cancel(dimension.rhs / _TRACE)
    square = share * frobenius[0].rhs
    box = {OPERATOR: (0, None), d_eff: (0, None), share: (0, 1)}
    values = {FROBENIUS**2: square.xreplace({_TRACE: mean}), _TRACE: mean}
    exact = all(is_identity(*(side.xreplace(values).subs(share, 1) for side in formula.args)) for formula in conclusion)
    one_way = frobenius[0].func is dimension.func
    return one_way and exact and all(shows(formula, box, values) for formula in conclusion)


def union_bound(conclusion: Formulas) -> bool:
    """Add the probabilities of the events that two lengths of n inputs leave their range.

    Args:
        conclusion: the probability of one event, and of all together.

    Returns:
        Whether they add up to exactly that.
    """
    one, all_ = conclusion
    total = sum(count * one.rhs for count in (n, n))
    pinned = (one.lhs, all_.lhs) == (_EVENT, FAILURE) and isinstance(all_, sympy.LessThan)
    return pinned and is_identity(total, all_.rhs)


def lemma_at_event(conclusion: Formulas, lemma: Formulas, union: Formulas) -> bool:
    """Take Lemma E.2 at the probability of one event.

    Args:
        conclusion: what τ is, and the range of the form in τ.
        lemma: the same in log(2/δ).
        union: the probability of one event.

    Returns:
        Whether the conclusion is that.
    """
    definition, *range_ = conclusion
    at_event = tuple(replaced(formula, {delta: union[0].rhs}) for formula in lemma)
    return definition.lhs == TAU and same(tuple(replaced(f, {TAU: definition.rhs}) for f in range_), at_event)


def relative_deviation(conclusion: Formulas, deviation: Formulas, relative: Formulas) -> bool:
    """Divide the deviation by the mean.

    Args:
        conclusion: the claimed bounds.
        deviation: what τ is, and the range of the form.
        relative: the norms relative to the mean.

    Returns:
        Whether the bounds follow, with equality where the norms are as large as they can be.
    """
    tau, *range_ = deviation
    f, g = sympy.symbols("f g", positive=True)
    frobenius, operator = (formula.rhs for formula in relative)
    norms = {FROBENIUS: f * sympy.sqrt(frobenius) * _TRACE, OPERATOR: g * operator * _TRACE}
    low, high = (1 + (end.xreplace(norms) / _TRACE) for end in ends(tuple(range_)))
    lower, upper = ends(conclusion)
    box = {f: (0, 1), g: (0, 1)}

    def holds(formula: Relational, reached: sympy.Expr, claimed: sympy.Expr) -> bool:
        rooted, end = rational(reached, claimed.xreplace({tau.rhs: TAU}))
        wide = box | dict.fromkeys((rooted.free_symbols | end.free_symbols) - {f, g}, (0, None))
        sides = [end if side == claimed else rooted for side in formula.args]
        exact = is_identity(rooted.subs({f: 1, g: 1}), end)
        return exact and shows(formula.func(*sides, evaluate=False), wide)

    pinned = conclusion[0].rhs == LENGTH and all(isinstance(formula, sympy.LessThan) for formula in relative)
    return pinned and holds(conclusion[0], low, lower) and holds(conclusion[1], high, upper)


def _total(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the eigenvalues."""
    return sympy.Sum(entries, (_INDEX, 1, _RANK))
