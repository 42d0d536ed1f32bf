"""Theorem 5.2: what iterates of the map do, and the theorem's own bound.

The last step looks for the conditions of each case in the theorem's distinction of cases.
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._cases import COMPARISONS, cases
from theory._facts import Fact, Formulas, at_least, at_most, same, shows
from theory._inequalities import is_identity
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._escape_map import FLAT_GAIN, NEXT, NEXT_FROM_FLAT, NOW, SHARP_GAIN
from theory.catalogue._one_way import lower_bounds
from theory.catalogue._second_moments import eta

t = symbol("t")
RATIO = quantity_symbol("flat_to_sharp")
_START = named("ratio_start", "D_k(0)", real=True)
_BEFORE = named("ratio_before", "D_k(t-1)", real=True)
_STEPS = sympy.Symbol("s", nonnegative=True)
_NEGATED = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


def waiting_from(flat_gain: sympy.Expr, sharp_gain: sympy.Expr) -> sympy.Expr:
    """Write the first t at which the second case has been reached from any start.

    Args:
        flat_gain: b.
        sharp_gain: c.

    Returns:
        1 + max(0, log(1/c)/log(b/2)).
    """
    return 1 + sympy.Max(0, sympy.log(1 / sharp_gain) / sympy.log(flat_gain / 2))


def induction_steps() -> tuple[Step, ...]:
    """List what repeated application of the map does in the second case.

    Returns:
        The steps, in order; they use the facts of one application.
    """
    proved = StepStatus.PROVED
    power = (FLAT_GAIN / 2) ** _STEPS
    return (
        Step(
            "D_k(0) ≥ 0, and D_k(t) ≥ 0 at every t",
            proved,
            Fact("start", (at_least(_START, 0), at_least(RATIO, 0))),
            ratio_of_parts,
            note="a ratio of sums of λᵢ E wᵢ² ≥ 0; one direction on either side",
        ),
        Step(
            "as long as c(1 + D) ≤ 1, 1 + D_k(s) ≥ (b/2)^s",
            proved,
            Fact("growing", (at_least(1 + NOW, power),)),
            induction,
            ("start", "amplified"),
            "induction over s: s = 0, and from s to s + 1",
        ),
        Step(
            "c (b/2)^(t−1) ≥ 1 from t = 1 + max(0, log(1/c)/log(b/2)) on",
            proved,
            Fact(
                "waiting",
                (
                    at_least(t, waiting_from(FLAT_GAIN, SHARP_GAIN)),
                    at_least(SHARP_GAIN * (FLAT_GAIN / 2) ** (t - 1), 1),
                ),
            ),
            waiting_time,
            ("doubling",),
            "logarithms of both sides, for c below and above 1; log(b/2) > 0 since b > 2",
        ),
        Step(
            "at such a t, c(1 + D_k(t−1)) ≥ 1",
            proved,
            Fact(
                "reached",
                (at_least(t, waiting_from(FLAT_GAIN, SHARP_GAIN)), at_least(SHARP_GAIN * (1 + _BEFORE), 1)),
            ),
            reached,
            ("growing", "waiting", "carried", "amplified"),
            "either c(1 + D) ≥ 1 at some step before, which is carried on, or D has grown for t − 1 steps",
        ),
    )


def conclusion_step(lower: sympy.Expr) -> Step:
    """Make the step that puts the cases together.

    Args:
        lower: the theorem's lower bound.

    Returns:
        The step.
    """
    return Step(
        "D_k(t) is at least the theorem's bound, in every case",
        StepStatus.PROVED,
        Fact("bound", (at_most(lower, RATIO),)),
        cases_together,
        ("map", "step size", "large step", "doubling", "carried", "reached", "start"),
        "t ≥ 1 in both cases, so that D_k(t) is an image under the map; the bound is 0 in all others",
    )


def ratio_of_parts(conclusion: Formulas) -> bool:
    """Show that a ratio of sums of λᵢ E wᵢ² is not negative.

    Args:
        conclusion: the ratio at the start, and at any t, above a number.

    Returns:
        Whether they are, with one direction on either side.
    """
    start, later = conclusion
    curvatures, moments = (sympy.symbols(f"{letter}0:2", positive=True) for letter in ("l", "m"))
    ratio = curvatures[1] * moments[1] / (curvatures[0] * moments[0])
    box = dict.fromkeys((*curvatures, *moments), (0, None))
    named_first = (start.lhs, later.lhs) == (_START, RATIO)
    return named_first and all(shows(formula, box, {formula.lhs: ratio}) for formula in conclusion)


def induction(conclusion: Formulas, start: Formulas, amplified: Formulas) -> bool:
    """Show 1 + D_k(s) ≥ F(s) by F(0) ≤ 1 and F(s + 1) = (b/2) F(s).

    Args:
        conclusion: 1 + D_k(s) above F(s).
        start: D_k(0) above a number.
        amplified: 1 + D' above a multiple of 1 + D.

    Returns:
        Whether both hold.
    """
    (claimed,) = conclusion
    more = sympy.Symbol("more", positive=True)
    base = at_least(claimed.lhs.xreplace({NOW: start[0].rhs + more}), claimed.rhs.xreplace({_STEPS: sympy.S.Zero}))
    factor = sympy.cancel(amplified[1].rhs / (1 + NOW))
    growth = _logarithm(claimed.rhs.xreplace({_STEPS: _STEPS + 1})) - _logarithm(claimed.rhs)
    step = sympy.expand(growth - _logarithm(factor)) == 0
    named_first = claimed.lhs == 1 + NOW and amplified[1].lhs == 1 + NEXT and start[0].lhs == _START
    named_first &= lower_bounds(start[0], amplified[1])
    return named_first and step and isinstance(claimed, sympy.GreaterThan) and shows(base, {more: (0, None)})


def waiting_time(conclusion: Formulas, doubling: Formulas) -> bool:
    """Compare logarithms at and after the waiting time.

    Args:
        conclusion: the case t ≥ waiting time, and c (b/2)^(t − 1) ≥ 1.
        doubling: b above 2.

    Returns:
        Whether the logarithm is non-negative there, and zero at the waiting time where c < 1; where c ≥ 1 the waiting
        time is 1.
    """
    case, claimed = conclusion
    rate, reach, more = sympy.symbols("rate reach more", positive=True)
    room = _logarithm(claimed.lhs) - _logarithm(claimed.rhs)
    # log(b/2) is positive.
    gain = sympy.log(FLAT_GAIN) - sympy.log(doubling[2].lhs)
    for exponent, met in ((reach, True), (-reach, False)):
        names = {sympy.log(1 / SHARP_GAIN): exponent, sympy.log(FLAT_GAIN / doubling[2].lhs): rate}
        waiting = case.rhs.xreplace(names)
        solved = {sympy.log(SHARP_GAIN): -exponent, sympy.log(FLAT_GAIN): rate + sympy.log(2)}
        value = sympy.expand(room.xreplace({t: waiting + more}).xreplace(solved))
        at_once = sympy.S.Zero if met else reach
        if value.free_symbols - {rate, reach, more} or not is_identity(value, at_once + rate * more):
            return False
        if not met and waiting != 1:
            return False
    at_ends = case.lhs == t and isinstance(case, sympy.GreaterThan) and isinstance(claimed, sympy.GreaterThan)
    return at_ends and sympy.expand(gain - _logarithm(FLAT_GAIN / 2)) == 0


def reached(conclusion: Formulas, growing: Formulas, waiting: Formulas, carried: Formulas, amplified: Formulas) -> bool:
    """Put growth and waiting time together.

    Args:
        conclusion: the case, and c(1 + D_k(t − 1)) above a number.
        growing: 1 + D_k(s) above F(s), as long as the case of `carried` has not been reached.
        waiting: the case, and c F(t − 1) above that number.
        carried: that once its case has been reached it is at every later step.
        amplified: the other case, in which D grows.

    Returns:
        Whether c F(t − 1) is what has been waited for, and both ways of reaching it conclude the same.
    """
    case, claimed = conclusion
    grown = {1 + _BEFORE: growing[0].rhs.xreplace({_STEPS: t - 1})}
    by_growth = at_least(claimed.lhs.xreplace(grown), claimed.rhs)
    later = carried[-1]
    by_carrying = at_least(later.lhs.xreplace({NEXT: _BEFORE}), later.rhs)
    either = same(amplified[:1], (at_most(carried[0].lhs, carried[0].rhs),))
    one_way = lower_bounds(*growing, carried[0], later)
    return (
        one_way
        and either
        and same((case, by_growth), waiting)
        and same((claimed,), (by_carrying,))
        and growing[0].lhs == 1 + NOW
    )


def cases_together(
    conclusion: Formulas,
    ratio_map: Formulas,
    step_size: Formulas,
    large_step: Formulas,
    doubling: Formulas,
    carried: Formulas,
    reached: Formulas,
    start: Formulas,
) -> bool:
    """Find every branch of the bound among the cases.

    Args:
        conclusion: D_k(t) above a distinction of cases.
        ratio_map: what b and c are.
        step_size: η²(S_X + S_Y).
        large_step: the first case and its bound.
        doubling: the second case.
        carried: its bound, where c(1 + D_k(t − 1)) ≥ 1.
        reached: when that is so.
        start: the least value of a ratio D_k, at the start and at any t.

    Returns:
        Whether each branch is that least value, or the bound of a case whose conditions all stand on the way to it.
    """
    (claimed,) = conclusion
    total = step_size[2]
    squared = total.rhs / sympy.cancel(total.lhs / eta**2)
    gains = {formula.lhs: formula.rhs for formula in ratio_map[:2]}

    def own(formula: sympy.Basic) -> sympy.Basic:
        return formula.xreplace(gains).xreplace({eta: sympy.sqrt(squared)})

    once = at_least(t, 1)
    proved = [
        ((once, large_step[0]), large_step[1].lhs),
        ((once, *doubling[:2], reached[0]), carried[1].lhs),
    ]
    known = [([own(condition) for condition in conditions], own(bound)) for conditions, bound in proved]
    links = same(reached[1:], (at_least(carried[0].lhs.xreplace({NOW: _BEFORE}), carried[0].rhs),))
    # Where X = 0 the same bounds hold.
    links &= all(
        same((alone,), (at_most(bound.lhs, NEXT_FROM_FLAT),)) for bound, alone in (large_step[1:], carried[1:3])
    )
    links &= (claimed.rhs, total.lhs.has(eta**2)) == (RATIO, True) and isinstance(claimed, sympy.LessThan)
    links &= start[1].lhs == RATIO and lower_bounds(carried[0], start[1])

    def covered(conditions: list[Relational], value: sympy.Expr) -> bool:
        if value == start[1].rhs:
            return True
        return any(
            is_identity(value, bound) and all(any(_agree(asked, given) for given in conditions) for asked in needed)
            for needed, bound in known
        )

    return links and all(covered(*branch) for branch in _branches(claimed.lhs, []))


def _branches(node: sympy.Expr, conditions: list[Relational]) -> list[tuple[list[Relational], sympy.Expr]]:
    """List the values of nested distinctions of cases, each with the conditions on the way to it."""
    if not isinstance(node, sympy.Piecewise):
        return [(conditions, node)]
    parts = cases(node)
    if parts is None:
        raise ValueError(f"expected distinctions of two cases, got {node}")
    held, not_held = (
        COMPARISONS[sign](parts.left, parts.right, evaluate=False)
        for sign in (parts.comparison, _NEGATED[parts.comparison])
    )
    return _branches(parts.then, [*conditions, held]) + _branches(parts.otherwise, [*conditions, not_held])


def _agree(asked: Relational, given: Relational) -> bool:
    """Say whether two inequalities are the same, whichever way round they are written."""
    strict = [isinstance(formula, sympy.StrictLessThan | sympy.StrictGreaterThan) for formula in (asked, given)]
    rooms = [sympy.expand_log(formula.gts - formula.lts, force=True) for formula in (asked, given)]
    return strict[0] == strict[1] and is_identity(*rooms)


def _logarithm(expression: sympy.Expr) -> sympy.Expr:
    """Expand the logarithm of a product of powers of positive numbers."""
    return sympy.expand_log(sympy.log(expression), force=True)
