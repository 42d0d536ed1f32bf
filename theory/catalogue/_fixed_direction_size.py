"""How many samples make log(10·9^d/δ) log(10n/δ)/n small, for the proof of Lemma E.5.

The logarithm of n stands on both sides: it lies below any of its tangents, and a tangent at a multiple of d + log(2/δ)
takes up half of n and leaves logarithms of d and of δ.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, equal
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol
from theory.catalogue._logarithms import rational_logarithms
from theory.catalogue._one_way import lower_bounds, upper_bounds

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

C1, C2 = sympy.symbols("C1 C2", positive=True)
# log(2/δ') at the share δ' of a point of the net and of a sample, √(first/n) and √(first · second/n).
POINT_LOG = named("point_logarithm", r"\tau_{\mathcal{N}}", positive=True)
SAMPLE_LOG = named("sample_logarithm", r"\tau_n", positive=True)
ROOT = sympy.Symbol("w", positive=True)
SCALE = sympy.Symbol("s", positive=True)

_LENGTH = d + sympy.log(2 / delta)
_NET = sympy.log(36000 / eps**2)


def size_steps() -> tuple[Step, ...]:
    """List the steps from the conditions on n to the scale of the deviations.

    Returns:
        The steps, in order; they give, among others, the facts `logarithms`, `constant`, `scale` and `small`.
    """
    proved = StepStatus.PROVED
    failure = sympy.log(2 / delta)
    first, second = d * sympy.log(d), _LENGTH * failure
    return (
        Step(
            "two logarithms, and others that they exceed",
            proved,
            Fact(
                "logarithms",
                (
                    equal(POINT_LOG, sympy.log(10 * 9**d / delta)),
                    equal(SAMPLE_LOG, sympy.log(10 * n / delta)),
                    at_most(POINT_LOG, 4 * _LENGTH),
                    at_least(POINT_LOG, sympy.log(15 / delta)),
                    at_least(POINT_LOG, 2 * d),
                    at_least(sympy.Rational(8, 5) * SAMPLE_LOG, sympy.log(30 * n / delta)),
                    at_least(SAMPLE_LOG, 2),
                ),
            ),
            logarithms_compare,
            note="d ≥ 1, n ≥ 1, 0 < δ < 1",
        ),
        Step(
            "log n ≤ n/(BD) + log(Bd) + log(2/δ) − 1 with B = 7200/ε² and D = d + log(2/δ)",
            proved,
            Fact(
                "tangent",
                (
                    at_most(
                        sympy.log(n),
                        n * eps**2 / (7200 * _LENGTH) + sympy.log(7200 / eps**2) + sympy.log(d) + failure - 1,
                    ),
                ),
            ),
            below_tangent,
            note="log y ≤ y − 1 at y = n/(BD) and at y = D/d, and D/d − 1 ≤ log(2/δ), d ≥ 1",
        ),
        Step(
            "the product of the logarithms is at most half of what n allows and multiples of d log d and D log(2/δ)",
            proved,
            Fact(
                "needed",
                (
                    at_most(
                        POINT_LOG * SAMPLE_LOG,
                        n * eps**2 / 1800 + 4 * first + (sympy.Rational(32, 5) * _NET + sympy.Rational(28, 5)) * second,
                    ),
                ),
            ),
            product_bounded,
            ("logarithms", "tangent"),
            "log d ≤ d − 1, d ≥ 1, 0 < ε < 1, 0 < δ < 1",
        ),
        Step(
            "constants that make those multiples at most the other half",
            proved,
            Fact("constant", (equal(C1, 14400 / eps**2), equal(C2, 23040 * (_NET + 1) / eps**2))),
            constants_suffice,
            ("sample_size", "needed"),
            "n ≥ (C₁ d log d + C₂ D log(2/δ))/2",
        ),
        Step(
            "w² = τ_N/n and s² = τ_N τ_n/n: w ≤ 5s/7",
            proved,
            Fact(
                "scale",
                (
                    equal(ROOT**2, POINT_LOG / n),
                    equal(SCALE**2, POINT_LOG * SAMPLE_LOG / n),
                    at_most(ROOT, sympy.Rational(5, 7) * SCALE),
                ),
            ),
            roots_compare,
            ("logarithms",),
            "τ_n ≥ 2",
        ),
        Step(
            "s ≤ ε/30",
            proved,
            Fact("small", (at_most(SCALE, eps / 30),)),
            scale_small,
            ("scale", "needed", "constant", "sample_size"),
            "two halves of ε²/900, met exactly",
        ),
    )


def logarithms_compare(conclusion: Formulas) -> bool:
    """Compare logarithms of products.

    Args:
        conclusion: the two logarithms, and what they exceed or do not exceed.

    Returns:
        Whether every comparison holds for d ≥ 1, n ≥ 1 and 0 < δ < 1.
    """
    first, second, *comparisons = conclusion
    values = {first.lhs: first.rhs, second.lhs: second.rhs}
    pinned = (first.lhs, second.lhs) == (POINT_LOG, SAMPLE_LOG)
    return pinned and all(
        _nonnegative((formula.gts - formula.lts).xreplace(values)) and formula.has(POINT_LOG, SAMPLE_LOG)
        for formula in comparisons
    )


def below_tangent(conclusion: Formulas) -> bool:
    """Bound log n by two tangents of the logarithm.

    Args:
        conclusion: the bound.

    Returns:
        Whether what it leaves, after y − 1 − log y at two places, is not negative, and y − 1 − log y falls to zero at
        one and rises from there.
    """
    (claimed,) = conclusion
    y = sympy.Symbol("y", positive=True)
    gap = y - 1 - sympy.log(y)
    touches = gap.subs(y, 1) == 0
    falls = is_nonnegative(-sympy.diff(gap, y), {y: (0, 1)}) and is_nonnegative(sympy.diff(gap, y), {y: (1, None)})
    length = sympy.Symbol("length", positive=True)
    gaps = [gap.xreplace({y: place}) for place in (n * eps**2 / (7200 * length), length / d)]
    room = claimed.rhs - claimed.lhs - sympy.expand_log(sum(gaps), force=True).xreplace({length: _LENGTH})
    return isinstance(claimed, sympy.LessThan) and touches and falls and _nonnegative(room)


def product_bounded(conclusion: Formulas, logarithms: Formulas, tangent: Formulas) -> bool:
    """Multiply the bounds of the two logarithms.

    Args:
        conclusion: the bound on their product.
        logarithms: what they are, and a bound on the first.
        tangent: the bound on log n.

    Returns:
        Whether the product of the bounds is no larger.
    """
    (claimed,), (bound,) = conclusion, tangent
    second, largest = logarithms[1], logarithms[2]
    expanded = sympy.expand_log(second.rhs, force=True).xreplace({bound.lhs: bound.rhs})
    product = POINT_LOG * SAMPLE_LOG
    described = claimed.lhs == product and isinstance(claimed, sympy.LessThan) and largest.lhs == POINT_LOG
    upper = all(isinstance(formula, sympy.LessThan) for formula in (largest, bound))
    # Term by term D cancels, and a polynomial is left.
    most = sum(sympy.cancel(largest.rhs * term) for term in sympy.Add.make_args(expanded))
    return described and upper and _nonnegative(claimed.rhs - most)


def constants_suffice(conclusion: Formulas, sample_size: Formulas, needed: Formulas) -> bool:
    """Compare what the conditions give with what is needed besides the share of n.

    Args:
        conclusion: the constants.
        sample_size: the conditions on n.
        needed: the bound on the product of the logarithms.

    Returns:
        Whether the mean of the conditions, times the share of n, is at least the rest.
    """
    (bound,), values = needed, {formula.lhs: formula.rhs for formula in conclusion}
    share = sympy.diff(bound.rhs, n)
    available = sum(condition.rhs for condition in sample_size).xreplace(values) / 2
    described = values.keys() == {C1, C2} and all(condition.lhs == n for condition in sample_size)
    described &= bound.lhs == POINT_LOG * SAMPLE_LOG and upper_bounds(bound) and lower_bounds(*sample_size)
    return described and _nonnegative(share * available - (bound.rhs - n * share))


def roots_compare(conclusion: Formulas, logarithms: Formulas) -> bool:
    """Compare the two roots.

    Args:
        conclusion: their squares, and the comparison.
        logarithms: the least value of the second logarithm.

    Returns:
        Whether the squares compare at that value.
    """
    root, scale, claimed = conclusion
    least = logarithms[-1]
    factor = claimed.rhs / SCALE
    pinned = root.lhs == ROOT**2 and scale.lhs == SCALE**2 and claimed.lhs == ROOT and least.lhs == SAMPLE_LOG
    ratio = factor**2 * (scale.rhs / root.rhs).xreplace({SAMPLE_LOG: least.rhs})
    one_way = isinstance(claimed, sympy.LessThan) and isinstance(least, sympy.GreaterThan)
    return pinned and one_way and bool(factor.is_Rational and factor > 0) and bool(ratio >= 1)


def scale_small(
    conclusion: Formulas, scale: Formulas, needed: Formulas, constant: Formulas, sample_size: Formulas
) -> bool:
    """Add the two halves of what n allows.

    Args:
        conclusion: the bound on the scale.
        scale: its square.
        needed: the bound on the product of the logarithms.
        constant: the constants for which all but the share of n is at most that share.
        sample_size: the conditions on n.

    Returns:
        Whether its square is twice the share of n, exactly.
    """
    (claimed,), (bound,), squared = conclusion, needed, scale[1]
    twice = 2 * sympy.diff(bound.rhs, n)
    met = {formula.lhs for formula in constant} == {C1, C2} and all(condition.lhs == n for condition in sample_size)
    described = claimed.lhs == SCALE and upper_bounds(claimed, bound) and squared.rhs == bound.lhs / n
    described &= squared.lhs == SCALE**2 and lower_bounds(*sample_size)
    positive = is_nonnegative(claimed.rhs, {eps: (0, 1)})
    return met and described and positive and is_identity(claimed.rhs**2, twice)


def _nonnegative(room: sympy.Expr) -> bool:
    """Prove that an expression in d, n, ε, log d, log n, log(1/ε) and log(1/δ) is not negative."""
    share, of_n = sympy.symbols("share log_n", positive=True)
    # log(2/δ) exceeds log 2, and log(36000/ε²) exceeds log 36000: these two become variables.
    of_delta, of_eps = sympy.symbols("log_delta log_eps", positive=True)
    net = sympy.expand_log(_NET, force=True).subs(sympy.log(eps), 0)
    values = {
        sympy.log(d): (d - 1) * share,
        sympy.log(n): of_n,
        sympy.log(delta): sympy.log(2) - of_delta,
        sympy.log(eps): (net - of_eps) / 2,
    }
    expanded = sympy.expand(sympy.expand_log(room, force=True).xreplace(values))
    rational, box = rational_logarithms(expanded)
    lowest = {of_delta: sympy.log(2), of_eps: sympy.log(36000)}
    bounds = {variable: (sympy.Rational(sympy.floor(20 * low), 20), None) for variable, low in lowest.items()}
    bounds |= {d: (1, None), n: (1, None), eps: (0, 1), share: (0, 1), of_n: (0, None), **box}
    present = {variable: ends for variable, ends in bounds.items() if rational.has(variable)}
    return is_nonnegative(rational, present or {d: (1, None)})
