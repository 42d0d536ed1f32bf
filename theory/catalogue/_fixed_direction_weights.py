"""The weights of Lemma E.5: what the squares and fourth powers of the samples along the fixed direction keep to.

With aᵢ = v·zᵢ: the largest aᵢ², the means of aᵢ² and of aᵢ⁴, and how δ is shared between these events, those at the
points of a net across v, and one for the vector (1/n)Σ aᵢ³yᵢ, yᵢ the rest of zᵢ.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, ends, equal, shows
from theory._inequalities import is_identity
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._fixed_direction_size import POINT_LOG, ROOT, SAMPLE_LOG, SCALE
from theory.catalogue._nets import POINTS
from theory.catalogue._one_way import lower_bounds, upper_bounds

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

EVENT, AT_SAMPLE, AT_POINT = (
    named(f"share_of_{k}", rf"\delta_{{\mathrm{{{k}}}}}", positive=True) for k in ("event", "sample", "point")
)
ALONG = named("along_block", "|A|", nonnegative=True)
SQUARE = named("largest_square", r"\max_i a_i^2", nonnegative=True)
FOURTH = named("mean_fourth_power", r"\tfrac1n \sum_i a_i^4", nonnegative=True)
WEIGHTS = named("mean_square_error", r"\bigl|\tfrac1n \sum_i a_i^2 - 1\bigr|", nonnegative=True)
FROBENIUS, OPERATOR = symbol("F"), symbol("N")


def weight_steps() -> tuple[Step, ...]:
    """List the steps on the squares along the fixed direction.

    Returns:
        The steps, in order; they use `net`, `logarithms`, `scale` and `small`, and give, among others, the facts
        `shares`, `cut`, `along`, `fourth powers` and `weights`.
    """
    proved = StepStatus.PROVED
    shares = (equal(EVENT, delta / 5), equal(AT_SAMPLE, delta / (5 * n)), equal(AT_POINT, delta / (5 * 9**d)))
    return (
        Step(
            "n samples, at most 9^d points and three more events together fail with probability at most δ",
            proved,
            Fact("shares", (*shares, at_most(n * AT_SAMPLE + POINTS * AT_POINT + 3 * EVENT, delta))),
            union_bound,
            ("net",),
            "union bound, met exactly",
        ),
        Step(
            "aᵢ² ≤ 4τ_n for all samples",
            proved,
            Fact("cut", (at_most(SQUARE, 4 * SAMPLE_LOG),)),
            square_cut,
            ("E.2", "shares", "logarithms"),
            "Lemma E.2 for a single square, F = N = 1; 1 + 2√τ + 2τ ≤ 4τ from τ = 49/25 on",
        ),
        Step(
            "|A| ≤ 26w + 28s²",
            proved,
            Fact("along", (at_most(ALONG, 26 * ROOT + 28 * SCALE**2),)),
            along_from_lemma,
            ("E.4", "shares", "logarithms", "scale"),
            "Lemma E.4 with aᵢ = bᵢ",
        ),
        Step(
            "(1/n)Σ aᵢ⁴ ≤ 4",
            proved,
            Fact("fourth powers", (at_most(FOURTH, 4),)),
            fourth_powers,
            ("along", "scale", "small"),
            "it is 3 + A",
        ),
        Step(
            "|(1/n)Σ aᵢ² − 1| ≤ 2w + 2w²",
            proved,
            Fact("weights", (at_most(WEIGHTS, 2 * ROOT + 2 * ROOT**2),)),
            mean_square,
            ("E.2", "shares", "logarithms", "scale"),
            "Lemma E.2 for n squares, F² = n and N = 1, divided by n",
        ),
    )


def union_bound(conclusion: Formulas, net: Formulas) -> bool:
    """Add the probabilities of all events.

    Args:
        conclusion: the shares of δ, and the sum over all events.
        net: the largest number of points.

    Returns:
        Whether the sum is δ exactly at that number.
    """
    *shares, total = conclusion
    values = {share.lhs: share.rhs for share in shares} | {POINTS: net[0].rhs}
    events = total.lhs == n * AT_SAMPLE + POINTS * AT_POINT + 3 * EVENT and upper_bounds(total, *net)
    return events and net[0].lhs == POINTS and is_identity(total.lhs.xreplace(values), total.rhs)


def square_cut(conclusion: Formulas, lemma: Formulas, shares: Formulas, logarithms: Formulas) -> bool:
    """Take Lemma E.2 for a single square at the share of a sample.

    Args:
        conclusion: the bound on the largest square.
        lemma: Lemma E.2.
        shares: the shares of δ.
        logarithms: what the logarithms are, and the least value of that of a sample.

    Returns:
        Whether one plus the lemma's upper bound is at most that.
    """
    second, least = logarithms[1], logarithms[-1]
    root = sympy.Symbol("root", positive=True)
    # 7/5 is less than the root of the least value.
    lowest = sympy.Rational(7, 5)
    values = {FROBENIUS: sympy.S.One, OPERATOR: sympy.S.One, delta: shares[1].rhs}
    bound = 1 + upper_tail(lemma).xreplace(values).xreplace({second.rhs: root**2})
    pinned = conclusion[0].lhs == SQUARE and second.lhs == least.lhs == SAMPLE_LOG
    within = pinned and lower_bounds(least) and bool(lowest**2 <= least.rhs)
    return within and shows(conclusion[0], {root: (lowest, None)}, {SQUARE: bound, SAMPLE_LOG: root**2})


def along_from_lemma(
    conclusion: Formulas, lemma: Formulas, shares: Formulas, logarithms: Formulas, scale: Formulas
) -> bool:
    """Take Lemma E.4 at the share of an event.

    Args:
        conclusion: the bound on the block along v.
        lemma: Lemma E.4.
        shares: the shares of δ.
        logarithms: what the logarithms are and exceed.
        scale: the squares of w and s.

    Returns:
        Whether both terms of which the lemma takes the larger are at most that.
    """
    (claimed,) = conclusion
    x, y = sympy.symbols("x y", positive=True)
    first, sums = logarithms[3], logarithms[5]
    own, joint = first.rhs, sums.rhs
    terms = lemma[0].rhs.xreplace({delta: shares[0].rhs})
    # log(15/δ) = τ_N x² and log(2n) + log(15/δ) = 8τ_n y/5 with x and y at most one.
    matches = sympy.expand_log(own + sympy.log(2 * n) - joint, force=True, factor=True) == 0 and terms.has(own)
    in_logs = {own: POINT_LOG * x**2, sympy.log(2 * n): sums.lhs * y - POINT_LOG * x**2}
    values = in_roots(scale)
    box = {ROOT: (0, None), SCALE: (0, None), n: (0, None), x: (0, 1), y: (0, 1)}
    sizes = [sympy.expand(term.xreplace(in_logs).xreplace(values)) for term in terms.args]
    described = isinstance(terms, sympy.Max) and first.lhs == POINT_LOG and claimed.lhs == ALONG
    described &= lemma[0].lhs == quantity_symbol("fourth_moment_deviation") and upper_bounds(lemma[0])
    described &= lower_bounds(first, sums)
    return described and matches and all(shows(claimed, box, {ALONG: size}) for size in sizes)


def fourth_powers(conclusion: Formulas, along: Formulas, scale: Formulas, small: Formulas) -> bool:
    """Bound the mean of the fourth powers by what the block along v is at most.

    Args:
        conclusion: the bound on the mean.
        along: that on the block.
        scale: the comparison of w with s.
        small: the largest s.

    Returns:
        Whether 3 plus the block's bound is at most that.
    """
    share = sympy.Symbol("share", positive=True)
    largest = 3 + along[0].rhs.xreplace({ROOT: share * scale[2].rhs}).xreplace({SCALE: small[0].rhs})
    pinned = along[0].lhs == ALONG and scale[2].lhs == ROOT and small[0].lhs == SCALE
    pinned &= upper_bounds(along[0], scale[2], small[0])
    return (
        conclusion[0].lhs == FOURTH and pinned and shows(conclusion[0], {eps: (0, 1), share: (0, 1)}, {FOURTH: largest})
    )


def mean_square(conclusion: Formulas, lemma: Formulas, shares: Formulas, logarithms: Formulas, scale: Formulas) -> bool:
    """Take Lemma E.2 for n squares at the share of an event.

    Args:
        conclusion: the bound on the mean's error.
        lemma: Lemma E.2.
        shares: the shares of δ.
        logarithms: what the logarithms are and exceed.
        scale: the squares of w and s.

    Returns:
        Whether both bounds, divided by n, are at most that.
    """
    share = sympy.Symbol("x", positive=True)
    (logarithm,) = upper_tail(lemma).xreplace({delta: shares[0].rhs}).atoms(sympy.log)
    values = {FROBENIUS: sympy.sqrt(n), OPERATOR: sympy.S.One, delta: shares[0].rhs}
    # log(10/δ) is less than log(15/δ), hence than τ_N.
    smaller = bool(sympy.exp(logarithms[3].rhs - logarithm) >= 1) and logarithms[3].lhs == POINT_LOG
    smaller &= lower_bounds(logarithms[3])
    sizes = [
        (end / n).xreplace(values).xreplace({logarithm: POINT_LOG * share**2}).xreplace(in_roots(scale))
        for end in (-ends(lemma)[0], upper_tail(lemma))
    ]
    box = {ROOT: (0, None), n: (0, None), share: (0, 1)}
    return smaller and all(shows(conclusion[0], box, {WEIGHTS: size}) for size in sizes)


def upper_tail(lemma: Formulas) -> sympy.Expr:
    """Take the upper bound of Lemma E.2.

    Args:
        lemma: both bounds.

    Returns:
        The upper one.
    """
    return ends(lemma)[1]


def in_roots(scale: Formulas) -> dict[sympy.Basic, sympy.Basic]:
    """Write both logarithms in w, s and n.

    Args:
        scale: the squares of w and s.

    Returns:
        The logarithms by their definitions.
    """
    root, joint = scale[:2]
    first = sympy.solve(root.lhs - root.rhs, POINT_LOG)[0]
    second = sympy.solve(joint.lhs - joint.rhs.xreplace({POINT_LOG: first}), SAMPLE_LOG)[0]
    return {POINT_LOG: first, SAMPLE_LOG: second}
