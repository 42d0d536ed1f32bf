"""Truncated products along all pairs of directions at once: a net, and how far they move between its points.

At one pair of points of the net the sample mean of φ = min(s, κ) min(t, κ) obeys Bernstein's inequality, Lemma E.1;
elsewhere it differs from that at the neighbours by no more than the samples move, on average, along short vectors.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, ends, equal, shows
from theory._inequalities import is_identity, is_nonnegative, is_positive
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._logarithms import rational_logarithms
from theory.catalogue._nets import POINTS, RADIUS, cardinality_steps
from theory.catalogue._one_way import upper_bounds
from theory.catalogue._truncation import LEVEL, VARIANCE
from theory.catalogue.lemma_e6 import U_SQUARED, V_SQUARED

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

C1 = sympy.Symbol("C1", positive=True)
BASE = 1 + 2000 / eps**3
PAIR, COVARIANCE = (
    named(f"share_of_{k}", rf"\delta_{{\mathrm{{{k}}}}}", positive=True) for k in ("pair", "covariance")
)
WIDTH = sympy.Symbol("w", positive=True)
# How much the sample mean of φ falls short of its expectation at a pair of the net, and moves away from it.
SHORTFALL = named("shortfall", r"\mathbb{E}\, \varphi - \varphi_n", real=True)
MOVED = named("moved", r"|\varphi_n(a, b) - \varphi_n(a', b')|", nonnegative=True)
_STEP = named("mean_step", r"\tfrac1n \sum_i |(a - a') \cdot z_i|", nonnegative=True)
_CHANGE = named("mean_change", r"\tfrac1n \sum_i |\min(s_i, \kappa) - \min(s'_i, \kappa)|", nonnegative=True)
_BOUND, _VARIANCE = symbol("M"), symbol("V")


def net_steps() -> tuple[Step, ...]:
    """List the steps from the condition on n to all pairs of directions.

    Returns:
        The steps, in order; they use `truncated mean` and `bounded`, and give, among others, the facts `constant`,
        `fixed pair` and `moved`.
    """
    proved = StepStatus.PROVED
    return (
        *cardinality_steps(eps**3 / 1000, BASE, "a net of radius ε³/1000 has at most (1 + 2000/ε³)^d points"),
        Step(
            "what may fail at a pair, times the number of pairs, and for the covariance, is at most δ",
            proved,
            Fact(
                "shares",
                (
                    equal(PAIR, delta / (2 * BASE ** (2 * d))),
                    equal(COVARIANCE, delta / 2),
                    at_most(POINTS**2 * PAIR + COVARIANCE, delta),
                ),
            ),
            union_bound,
            ("net",),
            "union bound, met exactly",
        ),
        Step(
            "a constant that meets the condition of Lemma C.5",
            proved,
            Fact("constant", (equal(C1, 9800 * (sympy.log(BASE) + 1) / eps**3),)),
            covariance_condition_met,
            ("sample_size", "C.5:sample_size", "shares"),
            "d ≥ 1",
        ),
        Step(
            "at one pair the mean of φ falls short of E φ by at most 15w + κ²w²/3, w² = log(2/δ_pair)/n",
            proved,
            Fact(
                "deviation",
                (
                    equal(WIDTH**2, sympy.log(4 * BASE ** (2 * d) / delta) / n),
                    at_most(SHORTFALL, 15 * WIDTH + LEVEL**2 * WIDTH**2 / 3),
                ),
            ),
            bernstein_at_share,
            ("E.1", "bounded", "shares"),
            "Lemma E.1 for E φ − φ, which is at most κ² in size; φₙ is the mean over the samples; 2 · 105 ≤ 15²",
        ),
        Step(
            "w² ≤ ε³/4900",
            proved,
            Fact("width", (at_most(WIDTH**2, eps**3 / 4900),)),
            width_small,
            ("sample_size", "constant", "deviation"),
            "d ≥ 1, log(4·B^{2d}/δ) ≤ 2(log B + 1)(d + log(1/δ)) with B = 1 + 2000/ε³",
        ),
        Step(
            "at every pair of the net the mean of φ is at least E φ − ε/4",
            proved,
            Fact("fixed pair", (at_most(SHORTFALL, eps / 4),)),
            shortfall_small,
            ("deviation", "width", "truncated mean"),
            "w ≤ ε/70, since ε³ ≤ ε²",
        ),
        Step(
            "min(s, κ) moves by at most 2√κ times what √s moves, and φ by 2κ times as much in both",
            proved,
            Fact("change", (at_most(_CHANGE, 2 * sympy.sqrt(LEVEL) * _STEP), at_most(MOVED, 2 * LEVEL * _CHANGE))),
            truncation_moves,
            note="√s = |a·z| moves by at most |(a − a')·z|; both below √κ, one, or none; st − s't' = (s − s')t + "
            "s'(t − t')",
        ),
        Step(
            "((1/n)Σ |(a − a')·zᵢ|)² ≤ (1 + ε)r²",
            proved,
            Fact("steps", (at_most(_STEP**2, (1 + eps) * RADIUS**2),)),
            mean_step_small,
            ("E.6", "C.5", "constant"),
            "Lemma E.6 with the vector of ones, then Lemma C.5 along a − a', which is no longer than r",
        ),
        Step(
            "between neighbours the mean of φ moves by at most ε/4",
            proved,
            Fact("moved", (at_most(MOVED, eps / 4),)),
            moved_little,
            ("change", "steps", "balls", "truncated mean"),
            "the squares of both sides, 0 < ε < 1",
        ),
    )


def union_bound(conclusion: Formulas, net: Formulas) -> bool:
    """Add the probabilities of all events.

    Args:
        conclusion: the share of a pair, that of the covariance, and their sum over all events.
        net: the largest number of points.

    Returns:
        Whether the sum is δ exactly at that number.
    """
    *shares, total = conclusion
    values = {share.lhs: share.rhs for share in shares} | {POINTS: net[0].rhs}
    events = total.lhs == POINTS**2 * PAIR + COVARIANCE and upper_bounds(total, *net)
    return events and net[0].lhs == POINTS and is_identity(total.lhs.xreplace(values), total.rhs)


def covariance_condition_met(
    conclusion: Formulas, sample_size: Formulas, covariance: Formulas, shares: Formulas
) -> bool:
    """Show that the condition on n with this constant implies that of Lemma C.5 at its share of δ.

    Args:
        conclusion: the constant.
        sample_size: the condition on n.
        covariance: that of Lemma C.5.
        shares: the shares of δ.

    Returns:
        Whether it does.
    """
    (constant,), (own,), (asked,) = conclusion, sample_size, covariance
    room = own.rhs.xreplace({constant.lhs: constant.rhs}) - asked.rhs.xreplace({delta: shares[1].rhs})
    return constant.lhs == C1 and own.lhs == asked.lhs == n and _nonnegative_with_logarithms(room)


def bernstein_at_share(conclusion: Formulas, lemma: Formulas, bounded: Formulas, shares: Formulas) -> bool:
    """Take Lemma E.1 at the share of a pair.

    Args:
        conclusion: the squared width, and the bound on the shortfall.
        lemma: what Lemma E.1 claims.
        bounded: the bounds on the product and on its variance.
        shares: the shares of δ.

    Returns:
        Whether the lemma's bound is at most the claimed one, term by term.
    """
    width, claimed = conclusion
    (logarithm,) = width.rhs.atoms(sympy.log)
    scale = {logarithm: sympy.solve(width.lhs - width.rhs, logarithm)[0]}
    low, high = ends(bounded[:2])
    # φ and its expectation both lie between these ends.
    values = {_BOUND: high - low, _VARIANCE: bounded[2].rhs, delta: shares[0].rhs}
    room = sympy.Poly(claimed.rhs - lemma[-1].rhs.xreplace(values).xreplace(scale), WIDTH, LEVEL)
    described = width.lhs == WIDTH**2 and claimed.lhs == SHORTFALL and bounded[2].lhs == VARIANCE
    described &= lemma[-1].lhs == quantity_symbol("mean_deviation") and upper_bounds(claimed, lemma[-1], bounded[2])
    return described and all(bool(coefficient >= 0) for coefficient in room.coeffs())


def width_small(conclusion: Formulas, sample_size: Formulas, constant: Formulas, deviation: Formulas) -> bool:
    """Show that the condition on n makes the width small.

    Args:
        conclusion: the bound on the squared width.
        sample_size: the condition on n.
        constant: its constant.
        deviation: the squared width.

    Returns:
        Whether it holds at the least n, for every d ≥ 1.
    """
    (claimed,), squared = conclusion, deviation[0]
    least = sample_size[0].rhs.xreplace({constant[0].lhs: constant[0].rhs})
    described = claimed.lhs == squared.lhs and isinstance(claimed, sympy.LessThan) and sample_size[0].lhs == n
    return described and _nonnegative_with_logarithms(claimed.rhs * least - squared.rhs * n)


def shortfall_small(conclusion: Formulas, deviation: Formulas, width: Formulas, truncated_mean: Formulas) -> bool:
    """Show that the shortfall at a pair of the net is a share of ε.

    Args:
        conclusion: the bound on the shortfall.
        deviation: the shortfall in the width.
        width: the bound on the squared width.
        truncated_mean: the level.

    Returns:
        Whether it follows, with a width at most a multiple of ε whose square is ε² times the bound at ε = 1.
    """
    (widest,), level = width, truncated_mean[0]
    # ε³ ≤ ε², so that the width is at most a rational multiple of ε.
    multiple = sympy.sqrt(widest.rhs.subs(eps, 1))
    covered = is_nonnegative((multiple * eps) ** 2 - widest.rhs, {eps: (0, 1)})
    at_powers = {0: 0, 1: multiple * eps, 2: widest.rhs}
    in_width = sympy.Poly(deviation[1].rhs.xreplace({level.lhs: level.rhs}), WIDTH)
    largest = sum(coefficient * at_powers[power] for (power,), coefficient in in_width.terms())
    one_way = widest.lhs == WIDTH**2 and upper_bounds(widest, deviation[1])
    return (
        bool(multiple.is_Rational) and one_way and covered and shows(conclusion[0], {eps: (0, 1)}, {SHORTFALL: largest})
    )


def truncation_moves(conclusion: Formulas) -> bool:
    """Bound what a truncated square and a product of two of them move.

    Args:
        conclusion: the first by what the root moves, the second by the first.

    Returns:
        Whether the first holds with both roots below √κ, one, or none, and the second for values between 0 and κ.
    """
    single, double = conclusion
    root, x, y, v, w = sympy.symbols("root x y v w", positive=True)
    inside, beyond = {root: (0, None), x: (0, 1), y: (0, 1)}, {root: (0, None), x: (0, 1), y: (0, None)}
    low = root * x
    high = low + (root - low) * y
    cases = [
        (high**2 - low**2, high - low, inside),
        (root**2 - low**2, root + y - low, beyond),
        (sympy.S.Zero, y, beyond),
    ]
    at_root = {sympy.sqrt(LEVEL): root, LEVEL: root**2}
    moves = all(shows(single, box, at_root | {_CHANGE: change, _STEP: step}) for change, step, box in cases)
    # st − s't' = (s − s')t + s'(t − t'), where the differences are at most the change in size.
    differences = _CHANGE * (2 * v - 1), _CHANGE * (2 * w - 1)
    product = differences[0] * LEVEL * x + LEVEL * y * differences[1]
    box = {LEVEL: (0, None), _CHANGE: (0, None), **dict.fromkeys((v, w, x, y), (0, 1))}
    return moves and all(shows(double, box, {MOVED: sign * product}) for sign in (1, -1))


def mean_step_small(conclusion: Formulas, lemma: Formulas, covariance: Formulas, constant: Formulas) -> bool:
    """Bound the mean of |(a − a')·zᵢ| by the mean of its square.

    Args:
        conclusion: the bound on the squared mean.
        lemma: Lemma E.6.
        covariance: Lemma C.5.
        constant: the constant for which its condition is met.

    Returns:
        Whether it is |u|²|v|²/n², u with the entries |(a − a')·zᵢ| and v with ones, at the largest quotient.
    """
    (claimed,), upper = conclusion, covariance[-1]
    # The squared length of u is n times the quotient times |a − a'|², that of v is n.
    length = n * quantity_symbol("variance_ratio") * RADIUS**2
    largest = lemma[-1].rhs.xreplace({U_SQUARED: length, V_SQUARED: n}) / n**2
    bound = largest.xreplace({upper.lhs: upper.rhs})
    described = claimed.lhs == _STEP**2 and upper_bounds(claimed, lemma[-1], upper) and constant[0].lhs == C1
    described &= lemma[-1].lhs == quantity_symbol("squared_inner_product")
    return described and is_identity(claimed.rhs, bound)


def moved_little(
    conclusion: Formulas, change: Formulas, steps: Formulas, balls: Formulas, truncated_mean: Formulas
) -> bool:
    """Put the radius of the net and the level into what the mean moves.

    Args:
        conclusion: the bound on it.
        change: it in terms of the change, and that in terms of the mean step.
        steps: the squared mean step.
        balls: the radius of the net.
        truncated_mean: the level.

    Returns:
        Whether the squares of both sides compare, for all ε.
    """
    (claimed,), (single, double), (step,) = conclusion, change, steps
    values = {level.lhs: level.rhs for level in (balls[0], truncated_mean[0])}
    squared = sympy.expand(double.rhs.xreplace({single.lhs: single.rhs}) ** 2)
    bound = (squared / step.lhs * step.rhs).xreplace(values)
    box = {eps: (0, 1)}
    described = claimed.lhs == double.lhs == MOVED and upper_bounds(claimed, single, double, step)
    return described and is_nonnegative(claimed.rhs, box) and is_nonnegative(claimed.rhs**2 - bound, box)


def _nonnegative_with_logarithms(room: sympy.Expr) -> bool:
    """Prove that an expression in d, ε, log(1/δ) and log(1 + 2000/ε³) is not negative."""
    rational, box = rational_logarithms(room)
    # Any other logarithm is that of a number above one.
    others = sorted(rational.atoms(sympy.log), key=str)
    above_one = all(is_positive(logarithm.args[0] - 1, {eps: (0, 1)}) for logarithm in others)
    variables = {logarithm: sympy.Dummy(positive=True) for logarithm in others}
    box = {eps: (0, 1), d: (1, None), **dict.fromkeys(variables.values(), (0, None)), **box}
    return above_one and is_nonnegative(rational.xreplace(variables), box)
