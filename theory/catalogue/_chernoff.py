"""Chernoff's bound for a centred sum q, from the growth of the logarithm of its moment generating function.

Where log E exp(±uq) is at most vu²/(2(1 − cu)) the level √(2vτ) + cτ is reached with probability at most e^{−τ}, and
the rate u = √(2τ)/(√v + c√(2τ)) makes the exponent exactly −τ. Lemmas E.1 and E.2 end in these steps.
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, at_most, below, equal, shows
from theory._inequalities import is_identity
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol

delta = symbol("delta")

U, LEVEL, TAU = sympy.symbols("u s tau", positive=True)
LOGARITHM = sympy.log(2 / delta)
LOG_UP = named("log_transform_of_sum", r"\log \mathbb{E}\, e^{u q}", real=True)
LOG_DOWN = named("log_transform_of_negative_sum", r"\log \mathbb{E}\, e^{-u q}", real=True)
FAILURE = named("failure", r"\mathbb{P}(\text{failure})", positive=True)
_LOG_ABOVE = named("log_chance_above", r"\log \mathbb{P}(q \ge s)", real=True)
_LOG_BELOW = named("log_chance_below", r"\log \mathbb{P}(q \le -s)", real=True)
_RATES, _LEVELS = (
    tuple(named(f"{word}_{side}", rf"{letter}_{{\mathrm{{{side}}}}}", positive=True) for side in ("above", "below"))
    for word, letter in (("rate", "u"), ("level", "s"))
)
_TAILS = (
    named("log_chance_above_level", r"\log \mathbb{P}(q \ge s_{\mathrm{above}})", real=True),
    named("log_chance_below_level", r"\log \mathbb{P}(q \le -s_{\mathrm{below}})", real=True),
)


def markov_step() -> Step:
    """Write the step from the moment generating function to the tails.

    Returns:
        The step, which gives the fact "Markov".
    """
    return Step(
        "log P(q ≥ s) ≤ log E exp(uq) − us, and likewise below",
        StepStatus.PROVED,
        Fact("Markov", (at_most(_LOG_ABOVE, LOG_UP - U * LEVEL), at_most(_LOG_BELOW, LOG_DOWN - U * LEVEL))),
        markov,
        note="exp(u(q − s)) is positive, and at least 1 where q ≥ s",
    )


def tail_step(title: str, side: int, rate: sympy.Expr, scale: sympy.Expr, level: sympy.Expr) -> Step:
    """Write the step that chooses the rate.

    Args:
        title: what it shows, in words.
        side: 0 for the upper tail, 1 for the lower one.
        rate: u, in τ.
        scale: c, where u must be below 1/c; zero where any u will do.
        level: what q reaches, in τ.

    Returns:
        The step, which gives the fact "upper tail" or "lower tail": rate, that it is allowed, level and probability.
    """
    allowed = (below(scale * _RATES[side], 1),) if scale else ()
    formulas = (equal(_RATES[side], rate), *allowed, equal(_LEVELS[side], level), at_most(_TAILS[side], -TAU))
    return Step(
        title,
        StepStatus.PROVED,
        Fact(("upper tail", "lower tail")[side], formulas),
        (upper_tail, lower_tail)[side],
        ("sum", "Markov"),
        "every τ > 0; the exponent is −τ exactly",
    )


def failure_step() -> Step:
    """Write the step that adds the two tails.

    Returns:
        The step, which gives the fact "failure".
    """
    return Step(
        "at τ = log(2/δ) the two tails have probability at most δ",
        StepStatus.PROVED,
        Fact("failure", (equal(TAU, LOGARITHM), at_most(FAILURE, delta))),
        two_tails,
        ("upper tail", "lower tail"),
        "0 < δ < 1; union bound, met exactly",
    )


def markov(conclusion: Formulas) -> bool:
    """Bound an indicator by an exponential.

    Args:
        conclusion: both bounds, in the logarithm of the exponential's expectation.

    Returns:
        Whether the exponent is zero where q reaches the level and non-negative beyond it, and what is claimed is the
        logarithm of the exponential's expectation.
    """
    gap = sympy.Symbol("gap", positive=True)

    def holds(formula: Relational, expectation: sympy.Symbol) -> bool:
        exponent = formula.rhs.xreplace({expectation: U * (LEVEL + gap)})
        met = is_identity(exponent.xreplace({gap: sympy.S.Zero}), sympy.S.Zero)
        indicator = formula.func(sympy.S.Zero, exponent, evaluate=False)
        beyond = shows(indicator, dict.fromkeys((U, LEVEL, gap), (0, None)))
        return met and beyond and bool(sympy.diff(formula.rhs, expectation) == 1)

    above, under = conclusion
    named_so = (above.lhs, under.lhs) == (_LOG_ABOVE, _LOG_BELOW)
    return named_so and holds(above, LOG_UP) and holds(under, LOG_DOWN)


def upper_tail(conclusion: Formulas, growth: Formulas, markov_bounds: Formulas) -> bool:
    """Take the bound of the upper tail at the chosen rate.

    Args:
        conclusion: the rate and that it is allowed, the level, and the logarithm of the tail's probability.
        growth: the bounds of the logarithms of the moment generating function.
        markov_bounds: the tails for every rate and level.

    Returns:
        Whether the exponent is the claimed one.
    """
    return _tail(0, conclusion, growth, markov_bounds)


def lower_tail(conclusion: Formulas, growth: Formulas, markov_bounds: Formulas) -> bool:
    """Take the bound of the lower tail at the chosen rate.

    Args:
        conclusion: the rate and that it is allowed, the level, and the logarithm of the tail's probability.
        growth: the bounds of the logarithms of the moment generating function.
        markov_bounds: the tails for every rate and level.

    Returns:
        Whether the exponent is the claimed one.
    """
    return _tail(1, conclusion, growth, markov_bounds)


def two_tails(conclusion: Formulas, upper: Formulas, lower: Formulas) -> bool:
    """Add the probabilities of the two tails.

    Args:
        conclusion: what τ is, and the probability of failure.
        upper: the upper tail.
        lower: the lower tail.

    Returns:
        Whether they add up to exactly that.
    """
    definition, failure = conclusion
    total = sympy.exp(upper[-1].rhs) + sympy.exp(lower[-1].rhs)
    pinned = (definition.lhs, failure.lhs) == (TAU, FAILURE) and {upper[-1].func, lower[-1].func} == {failure.func}
    pinned &= (upper[-1].lhs, lower[-1].lhs) == _TAILS
    return pinned and is_identity(total.xreplace({TAU: definition.rhs}), failure.rhs)


def levels(upper: Formulas, lower: Formulas) -> tuple[sympy.Expr, sympy.Expr]:
    """Read off what q lies between outside the two tails.

    Args:
        upper: the upper tail.
        lower: the lower tail.

    Returns:
        The negative level of the lower tail and the level of the upper one, in τ.
    """
    return -lower[-2].rhs, upper[-2].rhs


def rational(*expressions: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """Write every symbol and logarithm that stands under a square root by its root, so that formulas become rational.

    Args:
        *expressions: formulas with square roots of products of symbols and logarithms.

    Returns:
        The formulas in the roots, with the same root for the same symbol; τ is twice a square where √2 occurs.
    """
    powers = set().union(*(expression.atoms(sympy.Pow) for expression in expressions))
    halves = {power.base for power in powers if abs(power.exp) == sympy.S.Half}
    squares = {base: sympy.Dummy(f"root_{base}", positive=True) ** 2 for base in halves if not base.is_Number}
    if 2 in halves and TAU in squares:
        squares[TAU] *= 2
    return tuple(expression.xreplace(squares) for expression in expressions)


def _tail(side: int, conclusion: Formulas, growth: Formulas, markov_bounds: Formulas) -> bool:
    """Say whether the exponent at the chosen rate and level is the claimed one, and the rate allowed."""
    rate, *allowed, level, tail = conclusion
    bound, chernoff = growth[side], markov_bounds[side]
    pinned = (rate.lhs, level.lhs, tail.lhs) == (_RATES[side], _LEVELS[side], _TAILS[side])
    pinned &= chernoff.lhs == (_LOG_ABOVE, _LOG_BELOW)[side]
    exponent = chernoff.rhs.xreplace({bound.lhs: bound.rhs}).xreplace({U: rate.rhs, LEVEL: level.rhs})
    one_way = tail.func is chernoff.func is bound.func
    return pinned and one_way and _allowed(tuple(allowed), rate, bound) and is_identity(*rational(exponent, tail.rhs))


def _allowed(claimed: Formulas, rate: Relational, bound: Relational) -> bool:
    """Say whether the rate lies where the bound of the growth holds: where its denominator is positive."""
    denominator = sympy.denom(sympy.together(bound.rhs))
    if not claimed:
        return not denominator.has(U)
    (formula,) = claimed
    room = (formula.rhs - formula.lhs).xreplace({rate.lhs: U})
    low, high = rational(formula.lhs.xreplace({rate.lhs: rate.rhs}), formula.rhs)
    box = dict.fromkeys(low.free_symbols, (0, None))
    same_range = not sympy.cancel(room / denominator).has(U)
    return same_range and shows(formula.func(low, high, evaluate=False), box)
