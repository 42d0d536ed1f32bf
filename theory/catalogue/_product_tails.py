"""The tails of the mean of products a²b²: Chernoff's bound for what is left where a² is cut off.

The checks of the last steps of Lemma E.4. Above, the products with a² ≤ h grow no faster than hb², which has a moment
generating function; below, non-negative variables need no more than a second moment.
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Formulas
from theory._inequalities import Box, is_identity, is_nonnegative
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._chernoff import FAILURE, LEVEL, LOG_DOWN, LOG_UP, TAU, U
from theory.catalogue._one_way import upper_bounds
from theory.catalogue._product_moments import ANY_LARGE, CUT, PLAIN, THETA, TILTED, Y, Z

n, delta = symbol("n"), symbol("delta")

ERROR = quantity_symbol("fourth_moment_deviation")
PAIR_UP = named("log_transform_of_pair", r"\log \mathbb{E}\, e^{u (p - \mathbb{E} p)}", real=True)
PAIR_DOWN = named("log_transform_of_negative_pair", r"\log \mathbb{E}\, e^{-u (y - \mathbb{E} y)}", real=True)
LARGEST_RATE = named("largest_rate", r"u_{\max}", positive=True)
LOG_ABOVE = named("log_chance_above", r"\log \mathbb{P}(q \ge s)", real=True)
LOG_BELOW = named("log_chance_below", r"\log \mathbb{P}(q \le -s)", real=True)
RATE_UP = named("rate_above", r"u_{\mathrm{above}}", positive=True)
RATE_DOWN = named("rate_below", r"u_{\mathrm{below}}", positive=True)
# The two terms of the deviation, and the deviation.
ROOT, EXTRA, DEVIATION = sympy.symbols("R W x", positive=True)


def deviation_at(tau: sympy.Expr) -> sympy.Expr:
    """Write the deviation of the mean from its expectation.

    Args:
        tau: minus the logarithm of the probability of each of the three events that are left out.

    Returns:
        The larger of 26 √(τ/n) and 13 √(τ/n) + 35 τ (τ + log(2n))/(2n).
    """
    root = 13 * sympy.sqrt(tau / n)
    return sympy.Max(2 * root, root + sympy.Rational(35, 2) * tau * (tau + sympy.log(2 * n)) / n)


def pair_growth(conclusion: Formulas, exponentials: Formulas, moments: Formulas) -> bool:
    """Bound the logarithms of the moment generating functions of one product.

    Args:
        conclusion: the largest rate, and the bounds above for a cut product and below for a whole one.
        exponentials: bounds of exp(y) and exp(−y) for y ≥ 0, and of 1 + z.
        moments: the rate of the weight, and the second moments with and without it.

    Returns:
        Whether the bounds are what the second moments give, exactly.
    """
    rate, up, down = conclusion
    mean, (theta, weighted, plain) = sympy.Symbol("mean", positive=True), moments
    # up ≤ u h b², so that exp(up) is at most the weight exp(θb²).
    cut_off = (rate.lhs, theta.lhs) == (LARGEST_RATE, THETA) and is_identity(rate.rhs * CUT, THETA)

    def holds(formula: Relational, bound: Relational, moment: Relational, sign: int) -> bool:
        expected = _expectation(bound.rhs, {1: U * mean, 2: U**2 * moment.rhs})
        excess = expected - 1
        tangent = exponentials[2]
        taken = is_identity(tangent.lhs.xreplace({Z: excess}), expected) and tangent.rhs == sympy.exp(Z)
        taken &= bound.lhs == sympy.exp(sign * Y) and upper_bounds(tangent)
        return (
            taken and formula.func is bound.func is moment.func and is_identity(excess - sign * U * mean, formula.rhs)
        )

    named_so = (up.lhs, down.lhs, weighted.lhs, plain.lhs) == (PAIR_UP, PAIR_DOWN, TILTED, PLAIN)
    return named_so and cut_off and holds(up, exponentials[0], weighted, 1) and holds(down, exponentials[1], plain, -1)


def sum_growth(conclusion: Formulas, pair: Formulas) -> bool:
    """Add the logarithms of n independent factors.

    Args:
        conclusion: the bounds for the sums.
        pair: the bounds for one product.

    Returns:
        Whether they are n times as large.
    """
    sums, one = zip(conclusion, pair[1:], strict=True), (LOG_UP, LOG_DOWN)
    return (pair[1].lhs, pair[2].lhs) == (PAIR_UP, PAIR_DOWN) and all(
        total.lhs == name and total.func is term.func and is_identity(total.rhs, n * term.rhs)
        for name, (total, term) in zip(one, sums, strict=True)
    )


def deviation_defined(conclusion: Formulas, cut: Formulas, moments: Formulas, pair: Formulas) -> bool:
    """Derive the two terms from the growth of the moment generating function and the largest rate.

    Args:
        conclusion: the two terms, and the deviation.
        cut: the level at which squares are cut off.
        moments: the rate θ of the weight.
        pair: the growth of the moment generating function, and the largest rate.

    Returns:
        Whether R² = kτ/n for a growth of ku², W = τ/(n u_max), and the deviation is the larger of 2R and R + W.
    """
    root, extra, deviation = conclusion
    growth = sympy.cancel(pair[1].rhs / U**2)
    largest = pair[0].rhs.xreplace({cut[0].lhs: cut[0].rhs}).xreplace({moments[0].lhs: moments[0].rhs})
    logarithm = {sympy.log(2 * n): sympy.Symbol("logarithm", positive=True)}
    two = is_identity(root.rhs**2, growth * TAU / n) and root.rhs.is_positive
    one = is_identity(extra.rhs.xreplace(logarithm), (TAU / (n * largest)).xreplace(logarithm))
    larger = deviation.rhs == sympy.Max(2 * ROOT, ROOT + EXTRA)
    larger &= pair[1].lhs == PAIR_UP and upper_bounds(pair[1])
    return bool(two and one and larger and (root.lhs, extra.lhs, deviation.lhs) == (ROOT, EXTRA, DEVIATION))


def upper_tail(
    conclusion: Formulas,
    growth: Formulas,
    markov: Formulas,
    pair: Formulas,
    moments: Formulas,
    deviation: Formulas,
    cut: Formulas,
) -> bool:
    """Take Chernoff's bound at the smaller of two rates.

    Args:
        conclusion: the rate, and the logarithm of the probability.
        growth: the growth of the moment generating function of the sum.
        markov: the tail for every rate and level.
        pair: the largest rate allowed.
        moments: the rate θ of the weight.
        deviation: the two terms, and their combination.
        cut: the level at which squares are cut off.

    Returns:
        Whether for each of the two rates, where it is the smaller one, one part of the deviation makes the exponent at
        most what is claimed.
    """
    rate, tail = conclusion
    largest = {pair[0].lhs: pair[0].rhs, moments[0].lhs: moments[0].rhs, cut[0].lhs: cut[0].rhs}
    logarithm = sympy.Symbol("logarithm", positive=True)
    # The rate of the first term is allowed only below the largest one, which must be among the two.
    first, limit = sorted(rate.rhs.args, key=lambda part: part == LARGEST_RATE)
    exponent = _exponent(markov[0], growth[0], LOG_UP)
    more, slack = sympy.symbols("more slack", positive=True)
    root, extra = deviation[0], deviation[1]
    term = root.rhs**2 * n / TAU
    parts = deviation[2].rhs.args
    box: Box = dict.fromkeys((ROOT, TAU, more, slack, n, logarithm), (0, None))

    def suffices(chosen: sympy.Expr, part: sympy.Expr, values: dict[sympy.Basic, sympy.Expr]) -> bool:
        worst = exponent.xreplace({U: chosen, LEVEL: n * (part + more)})
        for given in (values, largest, largest, largest):
            worst, claim = worst.xreplace(given), tail.rhs.xreplace(values)
        return is_nonnegative((claim - worst).xreplace({sympy.log(2 * n): logarithm}), box)

    # Where the first rate is the smaller one, τ is n R² over the term's factor; else R is at least so large that it
    # would make the first rate equal to the largest one.
    in_root = {TAU: n * ROOT**2 / term}
    equal_at = sympy.solve(first - limit, ROOT)[0]
    beyond = {ROOT: equal_at + slack, EXTRA: extra.rhs}
    return (
        limit == LARGEST_RATE
        and rate.lhs == RATE_UP
        and (tail.lhs, tail.func) == (markov[0].lhs, markov[0].func)
        and any(suffices(first, part, in_root) for part in parts if not part.has(EXTRA))
        and any(suffices(limit, part, beyond) for part in parts)
    )


def lower_tail(conclusion: Formulas, growth: Formulas, markov: Formulas, deviation: Formulas) -> bool:
    """Take Chernoff's bound for the lower tail.

    Args:
        conclusion: the rate, and the logarithm of the probability.
        growth: the growth of the moment generating function of the negative sum.
        markov: the tail for every rate and level.
        deviation: the two terms, and their combination.

    Returns:
        Whether the exponent at that rate is at most what is claimed, already at the first part of the deviation; the
        rate is the best one.
    """
    rate, tail = conclusion
    exponent = _exponent(markov[1], growth[1], LOG_DOWN).xreplace({LEVEL: n * DEVIATION})
    best = is_identity(sympy.diff(exponent, U).xreplace({U: rate.rhs}), sympy.S.Zero)
    more = sympy.Symbol("more", positive=True)
    term = deviation[0].rhs ** 2 * n / TAU
    (least,) = [part for part in deviation[2].rhs.args if not part.has(EXTRA)]
    worst = exponent.xreplace({U: rate.rhs}).xreplace({DEVIATION: least + more})
    gap = (tail.rhs - worst).xreplace({TAU: n * ROOT**2 / term})
    named_so = rate.lhs == RATE_DOWN and (tail.lhs, tail.func) == (markov[1].lhs, markov[1].func)
    return named_so and best and is_nonnegative(gap, dict.fromkeys((ROOT, more, n), (0, None)))


def three_events(conclusion: Formulas, cut: Formulas, upper: Formulas, lower: Formulas) -> bool:
    """Add the probabilities of a large square and of the two tails.

    Args:
        conclusion: what τ is, and the probability of failure.
        cut: the probability of a large square.
        upper: the upper tail.
        lower: the lower tail.

    Returns:
        Whether they add up to exactly that.
    """
    definition, failure = conclusion
    total = cut[1].rhs + sympy.exp(upper[-1].rhs) + sympy.exp(lower[-1].rhs)
    bounds = {cut[1].func, upper[-1].func, lower[-1].func, failure.func}
    named_so = (definition.lhs, failure.lhs, cut[1].lhs) == (TAU, FAILURE, ANY_LARGE) and bounds == {sympy.LessThan}
    named_so &= (upper[-1].lhs, lower[-1].lhs) == (LOG_ABOVE, LOG_BELOW)
    return named_so and is_identity(total.xreplace({TAU: definition.rhs}), failure.rhs)


def bound_from_tails(
    conclusion: Formulas, deviation: Formulas, upper: Formulas, lower: Formulas, failure: Formulas
) -> bool:
    """Read off the deviation at the τ that is allowed.

    Args:
        conclusion: the claimed bound.
        deviation: the deviation in τ.
        upper: the upper tail.
        lower: the lower tail.
        failure: what τ is.

    Returns:
        Whether the bound is the deviation, beyond which both tails lie.
    """
    (claimed,) = conclusion
    parts = {formula.lhs: formula.rhs for formula in deviation[:2]}
    reached = deviation[2].rhs.xreplace(parts).xreplace({failure[0].lhs: failure[0].rhs})
    both = (upper[-1].lhs, lower[-1].lhs) == (LOG_ABOVE, LOG_BELOW)
    return both and (claimed.lhs, claimed.func) == (ERROR, sympy.LessThan) and claimed.rhs == reached


def general_bound_illustrated(conclusion: Formulas) -> bool:
    """Compare the quantiles of means of fourth powers with the bound at a constant of one.

    Args:
        conclusion: the bound, with a constant left open.

    Returns:
        Whether the quotient stays below ten for three sizes and three levels; seeded.
    """
    import numpy as np

    (claimed,) = conclusion
    (constant,) = claimed.rhs.free_symbols - {TAU, n}
    rng, quotients = np.random.default_rng(4), []
    for size in (1, 10, 100):
        errors = np.abs((rng.standard_normal((4000, size)) ** 4).mean(axis=1) - 3)
        for tau in (2, 4, 6):
            unit = float(claimed.rhs.xreplace({constant: sympy.S.One, TAU: sympy.Integer(tau), n: sympy.Integer(size)}))
            quotients.append(float(np.quantile(errors, 1 - 3 * np.exp(-tau))) / unit)
    return max(quotients) < 10


def _expectation(bound: sympy.Expr, powers: dict[int, sympy.Expr]) -> sympy.Expr:
    """Take the expectation of a bound term by term, given those of y and y², with a weight or without."""
    weight = sympy.Dummy("weight", positive=True)
    terms = sympy.Poly(sympy.expand(bound.xreplace({sympy.exp(Y): weight})), Y, weight).terms()
    # A weight may stand beside the square alone, whose moment is bounded with it.
    if any(weighted > (power == 2) for (power, weighted), _ in terms):
        return sympy.nan
    return sum(factor * powers.get(power, sympy.S.One) for (power, _), factor in terms)


def _exponent(markov: Relational, growth: Relational, name: sympy.Symbol) -> sympy.Expr:
    """Write the exponent of Chernoff's bound in the rate and the level."""
    bounded = growth.lhs == name and upper_bounds(markov, growth)
    return markov.rhs.xreplace({name: growth.rhs}) if bounded else sympy.nan
