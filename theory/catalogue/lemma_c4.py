"""Lemma C.4: the row sums of the squared Gram matrix of a linear model are nearly equal.

Problem:
    x_1, …, x_n ~ N(0, S) independent, n ≥ 2, and aᵢ = Σⱼ (xᵢ·xⱼ)², which decide the loss alignment of the linear model.

Statement:
    If n ≥ 180 log(n/δ)/ε² and d_eff ≥ 180 log(n/δ)/ε², where d_eff = min{srk(S), srk(S²)}, then
    1 − ε ≤ aᵢ/A ≤ 1 + ε for all i, where A = (Tr S)² + (n − 1) Tr S².

Guarantee:
    With probability at least 1 − δ over the inputs; the constant is explicit.

Provenance:
    [R]: the paper's appendix has lemmas up to C.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen. The constant is ours.

Controls:
    C.4:no-dimension (the condition on d_eff dropped) and C.4:linear-eps (ε in place of ε² in both conditions).

Example:
    >>> import theory
    >>> theory.statement("C.4").bounds(eps=0.25)
    (0.75, 1.25)
"""

from __future__ import annotations

from math import isqrt

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, at_most, between, ends, follows, replaced, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._chernoff import TAU
from theory.catalogue._one_way import upper_bounds
from theory.catalogue._row_sum_events import LENGTH, OTHERS, ROW_SUM, SQUARE, TRACE, WEIGHTED, event_steps

eps, delta, n, d_eff = (symbol(name) for name in ("eps", "delta", "n", "d_eff"))

FACTOR = sympy.Integer(180)
LOGARITHM = sympy.log(n / delta)
CONDITION = FACTOR * LOGARITHM / eps**2

_SHARE, _SECOND_SHARE = sympy.symbols("share second_share", positive=True)


def build() -> Statement:
    """Build Lemma C.4.

    Returns:
        The statement.
    """
    return Statement(
        id="C.4",
        title="row sums of the squared Gram matrix",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix C",
        provenance={"lower": "R", "upper": "R", "probability": "R", "sample_size": "R", "dimension": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen.",
        summary="With enough samples in enough effective dimensions every input meets the others about equally much.",
        hypotheses=(
            "x₁, …, xₙ ~ N(0, S) independent, n ≥ 2",
            "the effective dimension is min{srk(S), srk(S²)} with srk(A) = Tr A/‖A‖",
        ),
        quantity="row_sum",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d_eff": "the effective dimension min{srk(S), srk(S²)}",
        },
        lower=1 - eps,
        upper=1 + eps,
        sample_size=(CONDITION,),
        dimension=(CONDITION,),
        probability=1 - delta,
        controls=_controls(),
        depends_on=("E.2", "C.3"),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "C.4:no-dimension",
            "in one dimension aᵢ is a multiple of xᵢ², which is no constant however many samples there are",
            {"dimension": []},
        ),
        Control(
            "C.4:linear-eps",
            "‖xᵢ‖² fluctuates by a factor of order √(log(n)/d), so that the least possible ε falls like the square "
            "root of 1/d_eff, not like 1/d_eff",
            {"sample_size": ["180*log(n/delta)/eps"], "dimension": ["180*log(n/delta)/eps"]},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    rational, seventh = sympy.Rational, sympy.Rational(2, 7)
    return Proof((
        *event_steps(),
        Step(
            "τ ≤ (18/5) log(n/δ)",
            proved,
            Fact("logarithm", (at_most(TAU, rational(18, 5) * LOGARITHM),)),
            logarithm_bounded,
            ("ranges",),
            "n ≥ 2 and δ < 1, so that log(n/δ) ≥ log 2; and 6⁵ ≤ 2¹³",
        ),
        Step(
            "τ/d_eff ≤ ε²/50 and τ/(n − 1) ≤ ε²/25",
            proved,
            Fact("ratios", (at_most(TAU / d_eff, eps**2 / 50), at_most(TAU / (n - 1), eps**2 / 25))),
            ratios_bounded,
            ("sample_size", "dimension", "logarithm"),
            "n ≥ 2, so that n − 1 ≥ n/2",
        ),
        Step(
            "p, q and c are within small multiples of ε of 1",
            proved,
            Fact(
                "accuracies",
                (
                    *between(1 - seventh * eps, LENGTH, 1 + (seventh + rational(1, 25)) * eps),
                    *between(1 - seventh * eps, WEIGHTED, 1 + (seventh + rational(1, 25)) * eps),
                    *between(1 - 2 * eps / 5, OTHERS, 1 + (rational(2, 5) + rational(2, 25)) * eps),
                ),
            ),
            accuracies_bounded,
            ("ranges", "ratios"),
            "0 < ε < 1; √50 ≥ 7 and √25 = 5",
        ),
        Step(
            "p² and qc lie between 1 − ε and 1 + ε",
            proved,
            Fact("products", (*between(1 - eps, LENGTH**2, 1 + eps), *between(1 - eps, WEIGHTED * OTHERS, 1 + eps))),
            products_bounded,
            ("accuracies",),
            "0 < ε < 1",
        ),
        Step(
            "1 − ε ≤ aᵢ/A ≤ 1 + ε",
            proved,
            Fact("bounds", between(1 - eps, ROW_SUM, 1 + eps)),
            mean_bounded,
            ("decomposition", "products"),
            "a mean with positive weights lies between the bounds of what it averages",
        ),
    ))


def logarithm_bounded(conclusion: Formulas, ranges: Formulas) -> bool:
    """Compare log(6n/δ) with a multiple of log(n/δ), which is at least log 2.

    Args:
        conclusion: the multiple.
        ranges: what τ is.

    Returns:
        Whether the excess of the multiple over one, times log 2, is at least the logarithm of the factor before n/δ: a
        comparison of powers of integers.
    """
    (claimed,) = conclusion
    factor = sympy.exp(ranges[0].rhs) * delta / n
    excess = sympy.cancel(claimed.rhs / LOGARITHM) - 1
    pinned = claimed.lhs == ranges[0].lhs == TAU and factor.is_Integer and excess.is_Rational and excess > 0
    return bool(pinned and claimed.func(factor**excess.q, 2**excess.p))


def ratios_bounded(conclusion: Formulas, sample_size: Formulas, dimension: Formulas, logarithm: Formulas) -> bool:
    """Insert the conditions into the quotients of τ.

    Args:
        conclusion: the two quotients, each with its bound.
        sample_size: the condition on n.
        dimension: the condition on d_eff.
        logarithm: τ at most a multiple of log(n/δ).

    Returns:
        Whether the bounds follow, and are met where the conditions are met with equality, the second at n = 2.
    """
    # log(n/δ) is a share of the largest value that the condition allows.
    largest = {condition.lhs: condition.lhs / (condition.rhs / LOGARITHM) for condition in (*sample_size, *dimension)}
    box = {_SHARE: (0, 1), eps: (0, 1)}

    def holds(formula: Relational, size: sympy.Symbol, low: int) -> bool:
        tau = logarithm[0].rhs.xreplace({LOGARITHM: _SHARE * largest[size]})
        met = is_identity(*(side.xreplace({TAU: tau}).subs({_SHARE: 1, n: 2}) for side in formula.args))
        return met and shows(formula, box | {size: (low, None)}, {TAU: tau})

    pinned = all(condition.func is sympy.GreaterThan for condition in (*sample_size, *dimension))
    one_way = logarithm[0].lhs == TAU and logarithm[0].func is sympy.LessThan
    return pinned and one_way and holds(conclusion[0], d_eff, 0) and holds(conclusion[1], n, 2)


def accuracies_bounded(conclusion: Formulas, ranges: Formulas, ratios: Formulas) -> bool:
    """Insert the bounds of the quotients of τ into the ranges.

    Args:
        conclusion: the ranges in ε.
        ranges: the ranges in τ.
        ratios: the bounds of τ/d_eff and τ/(n − 1).

    Returns:
        Whether they follow, with roots of the bounds rounded up to a fraction 1/k.
    """
    sizes = (d_eff, d_eff, d_eff, d_eff, n - 1, n - 1)
    bounds = {sympy.cancel(TAU / formula.lhs): formula.rhs for formula in ratios}
    box = {eps: (0, 1), _SHARE: (0, 1), _SECOND_SHARE: (0, 1)}

    def holds(claimed: Relational, given: Relational, size: sympy.Expr) -> bool:
        ratio = bounds[size]
        root = eps / isqrt(int(eps**2 / ratio))
        quotients = {sympy.sqrt(TAU): _SHARE * root * sympy.sqrt(size), TAU: _SECOND_SHARE * ratio * size}
        return follows(claimed, replaced(given, quotients), box)

    return upper_bounds(*ratios) and all(map(holds, conclusion, ranges[1:], sizes)) and len(conclusion) == len(sizes)


def products_bounded(conclusion: Formulas, accuracies: Formulas) -> bool:
    """Multiply the ranges.

    Args:
        conclusion: the ranges of p² and qc.
        accuracies: the ranges of p, q and c.

    Returns:
        Whether they follow for 0 < ε < 1.
    """
    box = {eps: (0, 1), _SHARE: (0, 1), _SECOND_SHARE: (0, 1)}
    values = {}
    for part, share, range_ in (
        (LENGTH, _SHARE, accuracies[:2]),
        (WEIGHTED, _SHARE, accuracies[2:4]),
        (OTHERS, _SECOND_SHARE, accuracies[4:]),
    ):
        low, high = ends(range_)
        values[part] = low + share * (high - low)
    middles = [conclusion[0].rhs, conclusion[2].rhs]
    return middles == [LENGTH**2, WEIGHTED * OTHERS] and all(shows(f, box, values) for f in conclusion)


def mean_bounded(conclusion: Formulas, decomposition: Formulas, products: Formulas) -> bool:
    """Bound a mean of two products.

    Args:
        conclusion: the claimed bounds.
        decomposition: aᵢ/A as a mean of p² and qc.
        products: the ranges of both.

    Returns:
        Whether the bounds follow.
    """
    (square_low, square_high), (low, high) = ends(products[:2]), ends(products[2:])
    first = square_low + _SHARE * (square_high - square_low)
    second = low + _SECOND_SHARE * (high - low)
    mean = decomposition[0].rhs.xreplace({LENGTH**2: first, OTHERS: second / WEIGHTED})
    box = {TRACE: (0, None), SQUARE: (0, None), n: (1, None), eps: (0, 1), _SHARE: (0, 1), _SECOND_SHARE: (0, 1)}
    common = ends(conclusion) == (square_low, square_high) == (low, high)
    return common and decomposition[0].lhs == ROW_SUM and all(shows(f, box, {ROW_SUM: mean}) for f in conclusion)
