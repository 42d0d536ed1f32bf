"""From the points of a net to the uniform fourth moment: the checks of the last steps of Lemma C.6.

At every point Lemma E.4 bounds the deviation in τ = log(3·41ᵈ/δ), which is at most t = 7 d log(1/ε) + log(1/δ); the two
conditions on n make both terms of that bound small. That is where log(1/ε) comes from: log(2n) is at most of order t.
"""

from __future__ import annotations

import sympy

from theory._facts import Formulas
from theory._inequalities import is_identity, is_nonnegative
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._chernoff import TAU
from theory.catalogue._nets import POINTS
from theory.catalogue._one_way import lower_bounds, upper_bounds
from theory.catalogue._quartic_forms import DIAGONAL, ERROR, TOP
from theory.catalogue.lemma_c1 import cov_uv, var_u, var_v

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

ACCURACY, FAILURE = sympy.log(1 / eps), sympy.log(1 / delta)
EXPONENT = 7 * d * ACCURACY + FAILURE
T = sympy.Symbol("t", positive=True)
SHARE = named("share_of_delta", r"\delta_{\mathcal{N}}", positive=True)

# log 2 and what log(1/ε) exceeds it by, log(1/δ), and what d exceeds 1 by.
_LOG_TWO, _SLACK, _LOG_FAILURE, _MORE = sympy.symbols("log2 slack failure more", positive=True)
_IN_SLACK = {ACCURACY: _LOG_TWO + _SLACK, FAILURE: _LOG_FAILURE, d: 1 + _MORE}


def union_over_net(conclusion: Formulas, net: Formulas) -> bool:
    """Show that the failures at all points of the net add up to no more than δ.

    Args:
        conclusion: the share of one point, and the sum.
        net: the largest number of points.

    Returns:
        Whether the share times that number is δ exactly.
    """
    share, total = conclusion
    described = share.lhs == SHARE and total.lhs == POINTS * SHARE and upper_bounds(total, *net)
    most = total.lhs.xreplace({net[0].lhs: net[0].rhs}).xreplace({share.lhs: share.rhs})
    return described and is_identity(most, total.rhs)


def deviation_on_net(conclusion: Formulas, moment: Formulas, lemma: Formulas, share: Formulas) -> bool:
    """Take Lemma E.4 at equal variables and at the share of δ.

    Args:
        conclusion: τ, and the largest deviation on the net.
        moment: Lemma C.1.
        lemma: the bound of Lemma E.4.
        share: the share of δ.

    Returns:
        Whether the bound is that of Lemma E.4, which counts from 1 + 2ρ² at ρ = 1, as Lemma C.1 does at u = v.
    """
    tau, claimed = conclusion
    expectation = moment[0].rhs.xreplace(dict.fromkeys((var_u, var_v, cov_uv), sympy.S.One))
    bound = lemma[0].rhs.xreplace({delta: share[0].rhs})
    counted = expectation == 1 + 2 and lemma[0].lhs == quantity_symbol("fourth_moment_deviation")
    named_so = (tau.lhs, claimed.lhs) == (TAU, TOP) and claimed.func is lemma[0].func
    return bool(counted) and named_so and claimed.rhs.xreplace({TAU: tau.rhs}) == bound


def exponent_within(conclusion: Formulas, on_net: Formulas) -> bool:
    """Compare two sums of logarithms for ε ≤ 1/2 and d ≥ 1.

    Args:
        conclusion: what t is, and that τ is at most t.
        on_net: what τ is.

    Returns:
        Whether t − τ has non-negative coefficients in what log(1/ε) exceeds log 2 by, in d − 1 and in log(1/δ).
    """
    exponent, claimed = conclusion
    tau = sympy.expand_log(on_net[0].rhs, force=True).xreplace({sympy.log(delta): -_LOG_FAILURE, d: 1 + _MORE})
    room = (exponent.rhs.xreplace(_IN_SLACK) - tau).xreplace({_LOG_TWO: sympy.log(2)})
    coefficients = sympy.Poly(sympy.expand(room), _SLACK, _LOG_FAILURE, _MORE).coeffs()
    # Sums of multiples of logarithms of integers, whose exponentials are rational.
    least = all(sympy.exp(coefficient) >= 1 for coefficient in coefficients)
    described = (exponent.lhs, claimed.lhs, claimed.rhs) == (T, TAU, T) and isinstance(claimed, sympy.LessThan)
    return described and least


def exponent_large(conclusion: Formulas, exponent: Formulas) -> bool:
    """Bound t from below.

    Args:
        conclusion: the least t, and that log(1/ε) is at most a share of t.
        exponent: what t is.

    Returns:
        Whether both hold for ε ≤ 1/2, d ≥ 1 and δ < 1, the first with nothing to spare.
    """
    least, share = conclusion
    value = exponent[0].rhs.xreplace(_IN_SLACK)
    box = dict.fromkeys((_SLACK, _LOG_FAILURE, _MORE, _LOG_TWO), (0, None))
    above = value - least.rhs.xreplace({sympy.log(2): _LOG_TWO})
    tight = is_identity(above.xreplace(dict.fromkeys((_SLACK, _LOG_FAILURE, _MORE), sympy.S.Zero)), sympy.S.Zero)
    rest = share.rhs.xreplace({T: value}) - share.lhs.xreplace(_IN_SLACK)
    described = (least.lhs, share.lhs) == (T, ACCURACY)
    one_way = isinstance(least, sympy.GreaterThan) and isinstance(share, sympy.LessThan)
    return described and one_way and tight and is_nonnegative(above, box) and is_nonnegative(rest, box)


def tangent_above(conclusion: Formulas) -> bool:
    """Show that a line touches the logarithm and lies above it.

    Args:
        conclusion: the logarithm of t is at most a linear function of t.

    Returns:
        Whether the difference is zero at one point, falls before it and rises beyond it.
    """
    (claimed,) = conclusion
    gap = claimed.rhs - claimed.lhs
    touching = 1 / claimed.rhs.coeff(T)
    slope = sympy.diff(gap, T)
    falls, rises = is_nonnegative(-slope, {T: (0, touching)}), is_nonnegative(slope, {T: (touching, None)})
    described = claimed.lhs == sympy.log(T) and isinstance(claimed, sympy.LessThan)
    return described and falls and rises and is_identity(gap.xreplace({T: touching}), sympy.S.Zero)


def root_small(conclusion: Formulas, exponent: Formulas, sample_size: Formulas) -> bool:
    """Divide t by the least n of the second condition.

    Args:
        conclusion: the bound on τ/n.
        exponent: what t is, and that τ is at most t.
        sample_size: the conditions on n.

    Returns:
        Whether the bound is t over the least n, exactly.
    """
    (claimed,) = conclusion
    size = _least_size(sample_size, 1, exponent)
    described = claimed.lhs == TAU / n and isinstance(claimed, sympy.LessThan)
    return described and _is_bound_of_tau(exponent) and is_identity(claimed.rhs, T / size)


def square_small(
    conclusion: Formulas, exponent: Formulas, least: Formulas, tangent: Formulas, sample_size: Formulas
) -> bool:
    """Evaluate t(t + log(2n))/n at the least n of the first condition.

    Args:
        conclusion: the bound on τ(τ + log(2n))/n.
        exponent: what t is, and that τ is at most t.
        least: the least t, and log(1/ε) by t.
        tangent: log t by t.
        sample_size: the conditions on n.

    Returns:
        Whether the quotient falls as n grows, and at the least n its logarithms, bounded by t, leave room at every t.
    """
    (claimed,) = conclusion
    size, larger, logarithm = (
        _least_size(sample_size, 0, exponent),
        sympy.Symbol("larger", positive=True),
        sympy.log(2 * n),
    )
    in_t = claimed.lhs.xreplace({TAU: T})
    slope = sympy.expand(sympy.diff(in_t, n) * n**2, log=False).xreplace({logarithm: _SLACK})
    falls = is_nonnegative(-slope, {T: (1, None), _SLACK: (0, None)}) and least[0].rhs > 1
    expanded = sympy.expand_log(logarithm.xreplace({n: size}), force=True)
    bounded = expanded.xreplace({sympy.log(eps): -least[1].rhs, tangent[0].lhs: tangent[0].rhs})
    rising = least[1].lhs == ACCURACY and all(
        expanded.coeff(sympy.log(part)) * sign >= 0 for part, sign in ((eps, -1), (T, 1))
    )
    most = in_t.xreplace({logarithm: bounded}).xreplace({n: size})
    room = sympy.expand(sympy.cancel((claimed.rhs - most) * size / T)).xreplace({T: least[0].rhs + larger})
    coefficients = sympy.Poly(sympy.expand(room), larger).coeffs()
    described = _is_bound_of_tau(exponent) and upper_bounds(claimed, least[1], *tangent)
    described &= least[0].lhs == T and lower_bounds(least[0])
    return bool(described and falls and rising and all(coefficient >= 0 for coefficient in coefficients))


def error_within(
    conclusion: Formulas, diagonal: Formulas, from_net: Formulas, on_net: Formulas, root: Formulas, square: Formulas
) -> bool:
    """Put the bounds of both terms into the deviation, and that into the bounds by the net.

    Args:
        conclusion: the bound on the largest deviation over pairs.
        diagonal: it is at most that over single directions.
        from_net: that is at most a multiple of the one on the net.
        on_net: the deviation on the net.
        root: the bound on τ/n.
        square: the bound on τ(τ + log(2n))/n.

    Returns:
        Whether each of the two parts of the deviation makes exactly the bound.
    """
    (claimed,) = conclusion
    ratio, product = sympy.symbols("ratio product", positive=True)
    logarithm = {sympy.log(2 * n): product * n / TAU - TAU}
    most = {ratio: sympy.sqrt(root[0].rhs), product: square[0].rhs}
    chain = (claimed.lhs, diagonal[0].rhs, from_net[0].rhs.coeff(TOP) * TOP) == (ERROR, DIAGONAL, from_net[0].rhs)
    terms = is_identity(root[0].lhs.xreplace({TAU: ratio**2 * n}), ratio**2)
    terms &= is_identity(square[0].lhs.xreplace(logarithm), product)

    def reached(part: sympy.Expr) -> sympy.Expr:
        in_terms = sympy.expand(part.xreplace(logarithm)).xreplace({TAU: ratio**2 * n})
        return from_net[0].rhs.xreplace({TOP: sympy.cancel(in_terms).xreplace(most)})

    bounds = {diagonal[0].func, from_net[0].func, on_net[1].func, root[0].func, square[0].func, claimed.func}
    return (
        chain
        and terms
        and bounds == {sympy.LessThan}
        and all(is_identity(reached(part), claimed.rhs) for part in on_net[1].rhs.args)
    )


def _least_size(sample_size: Formulas, number: int, exponent: Formulas) -> sympy.Expr:
    """Write the least n of a condition in t."""
    condition = sample_size[number]
    return condition.rhs.xreplace({exponent[0].rhs: T}) if isinstance(condition, sympy.GreaterThan) else sympy.nan


def _is_bound_of_tau(exponent: Formulas) -> bool:
    """Say whether τ is at most t."""
    return isinstance(exponent[1], sympy.LessThan) and exponent[1].args == (TAU, T)
