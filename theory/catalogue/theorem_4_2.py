"""Theorem 4.2: the directional alignment of over-parameterised linear models, for every θ and every direction at once.

Problem:
    f(x; θ) = ⟨F(θ), x⟩ with any F, inputs x_1, …, x_n ~ N(0, S) independent and noiseless targets ⟨w*, x⟩, so that the
    residual is X u with u = F(θ) − w* and the derivative along v is X v' with v' = A v, A = ∇F(θ).
    g(θ; v) = vᵀΣ₁v/(2 L · vᵀGv), with g := 1 where the loss or the curvature along v is zero.

Statement:
    If n ≥ C (d² log²(1/ε) + log²(1/δ))/ε and n ≥ C (d log(1/ε) + log(1/δ))/ε², then
    (1 − ε)/(1 + ε)² ≤ g(θ; v) ≤ (3 + ε)/(1 − ε)² for all θ and all v.

Guarantee:
    With probability at least 1 − δ over the inputs, for ε ≤ 1/2; C is an absolute constant that the paper does not
    give. C = 8450 is enough, by the proof below. Theorem 4.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D], but for the range of ε, which is ours: as ε → 1 the conditions lose their d, n < d becomes possible, and then
    g = 0 somewhere (u orthogonal to every input but one, v to that one), below a bound that is positive. The paper's
    proof has a "Moreover, if …" with a sharper range, whose formula is lost: unknown.
    The proof needs log(1/ε) in the first condition, for log(2n) there is bounded by it, but only log(1/ε) ≥ log 2 in
    the second one.

Controls:
    4.2:upper-2 (3 → 2 above), 4.2:d-for-d2 (d² → d in the first condition) and 4.2:lower-1.2 (1 → 1.2 below).

Example:
    >>> import theory
    >>> s = theory.statement("4.2")
    >>> s.required_n(eps=0.1, delta=0.05, d=20), s.required_n(eps=0.1, delta=0.05, d=200)
    (21298, 2120849)
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, equal
from theory._inequalities import Box, is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import CONSTANT, named, symbol
from theory.catalogue._directional import LOWER, UPPER, population_step, reduction_steps
from theory.catalogue._directional_events import (
    bounds_step,
    convention_step,
    mean_step,
    monotone_step,
    variance_step,
)
from theory.catalogue._one_way import lower_bounds, upper_bounds

eps, delta, d = (symbol(name) for name in ("eps", "delta", "d"))

ACCURACY, FAILURE = sympy.log(1 / eps), sympy.log(1 / delta)
CONDITIONS = (
    (d**2 * ACCURACY**2 + FAILURE**2) / eps,
    (d * ACCURACY + FAILURE) / eps**2,
)
EXPLICIT = sympy.Integer(8450)
# The probabilities with which events A and B may fail.
_FIRST, _SECOND = (named(f"share_{event}", rf"\delta_{event}", positive=True) for event in "AB")
_HALVED = sympy.log(2 / delta)

RANGE = "ε is at most 1/2: as ε → 1 the conditions would allow n < d"


def build() -> Statement:
    """Build Theorem 4.2.

    Returns:
        The statement.
    """
    return Statement(
        id="4.2",
        title="directional alignment of over-parameterised linear models along every direction",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 4.2",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "D"},
        provenance_note="Derived again and checked numerically. The proof in the paper has a “Moreover, if …” with a "
        "sharper range, whose formula is lost: it is unknown. That ε must stay away from 1 is ours.",
        summary="With more samples than the square of the dimension the noise along every direction is between one and "
        "three times loss times curvature, at every parameter at once and whatever the parameterisation.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            RANGE,
        ),
        quantity="g_uniform",
        symbols={
            "eps": "ε, the accuracy, in (0, 1/2]",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=CONDITIONS,
        constants="absolute",
        probability=1 - delta,
        largest_eps=0.5,
        controls=_controls(),
        depends_on=("C.1", "C.2", "C.5", "C.6"),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "4.2:upper-2",
            "as n grows at fixed d, g at u = v tends to 3, above (2 + ε)/(1 − ε)² for small ε",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "4.2:d-for-d2",
            "at u = v along the longest row that row alone contributes about d²/n to g, unbounded at n = C d",
            {
                "sample_size": [
                    "(d*log(1/eps)**2 + log(1/delta)**2)/eps",
                    "(d*log(1/eps) + log(1/delta))/eps**2",
                ]
            },
        ),
        Control(
            "4.2:lower-1.2",
            "as n grows at fixed d ≥ 2, g at u orthogonal to v tends to 1, below (1.2 − ε)/(1 + ε)² for small ε",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        *reduction_steps("g_uniform", over_parameterised=True),
        population_step(),
        Step(
            "event A may fail with probability δ/2, and so may event B",
            proved,
            Fact("shares", (equal(_FIRST, delta / 2), equal(_SECOND, delta / 2), at_most(_FIRST + _SECOND, delta))),
            union_bound,
            note="union bound",
        ),
        Step(
            "log(2/δ) ≤ d log(1/ε) + log(1/δ)",
            proved,
            Fact("halved", (at_most(_HALVED, d * ACCURACY + FAILURE),)),
            half_within,
            ("shares",),
            "d ≥ 1 and ε ≤ 1/2",
        ),
        Step(
            f"C = {EXPLICIT} meets the conditions of Lemmas C.6 and C.5 at δ/2",
            proved,
            Fact("constant", (equal(CONSTANT, EXPLICIT),)),
            conditions_suffice,
            ("sample_size", "C.6:sample_size", "C.5:sample_size", "shares", "halved"),
            "with log(1/ε) ≥ log 2 > 1/2; 65(x² + y²) − (8x + y)² = (x − 8y)²; both conditions of C.6 with nothing to "
            "spare",
        ),
        mean_step("C.6"),
        variance_step(),
        convention_step(),
        monotone_step(),
        bounds_step("g_uniform"),
    ))


def union_bound(conclusion: Formulas) -> bool:
    """Add the probabilities of two events.

    Args:
        conclusion: the two probabilities, and the bound of their sum.

    Returns:
        Whether the sum is that bound exactly.
    """
    first, second, total = conclusion
    values = {_FIRST: first.rhs, _SECOND: second.rhs}
    described = (first.lhs, second.lhs, total.lhs) == (_FIRST, _SECOND, _FIRST + _SECOND)
    positive = all(is_nonnegative(share, {delta: (0, 1)}) for share in values.values())
    one_way = isinstance(total, sympy.LessThan)
    return described and positive and one_way and is_identity(total.lhs.xreplace(values), total.rhs)


def half_within(conclusion: Formulas, shares: Formulas) -> bool:
    """Bound the logarithm of one over the share of δ.

    Args:
        conclusion: the bound.
        shares: the probabilities with which the events may fail, the same for both.

    Returns:
        Whether it holds for every ε ≤ 1/2 and d ≥ 1.
    """
    (claimed,), (first, second, _) = conclusion, shares
    log_two, slack, failure, more = sympy.symbols("log2 slack failure more", positive=True)
    same_share = all(claimed.lhs == sympy.log(1 / share.rhs) for share in (first, second))
    parts = sympy.expand_log(claimed.lhs, force=True).xreplace({sympy.log(2): log_two, sympy.log(delta): -failure})
    within = claimed.rhs.xreplace({ACCURACY: log_two + slack, FAILURE: failure, d: 1 + more})
    box: Box = dict.fromkeys((log_two, slack, failure, more), (0, None))
    return same_share and isinstance(claimed, sympy.LessThan) and is_nonnegative(within - parts, box)


def conditions_suffice(
    conclusion: Formulas,
    sample_size: Formulas,
    moment_size: Formulas,
    variance_size: Formulas,
    shares: Formulas,
    halved: Formulas,
) -> bool:
    """Show that the conditions with the claimed constant imply those of both lemmas at their shares of δ.

    Args:
        conclusion: the constant.
        sample_size: the theorem's conditions.
        moment_size: those of Lemma C.6.
        variance_size: those of Lemma C.5.
        shares: the probabilities with which the events may fail.
        halved: the bound on the logarithm of one over a share.

    Returns:
        Whether each condition of the lemmas follows from one of the theorem's, those of Lemma C.6 with the least
        constant: the differences vanish somewhere.
    """
    (constant,) = conclusion
    x, y, accuracy = sympy.symbols("x y accuracy", positive=True)
    # x = d log(1/ε) and y = log(1/δ); d alone is at most 2x.
    logarithms = {ACCURACY: accuracy, FAILURE: y}
    first, second = (
        (formula.rhs.xreplace({CONSTANT: constant.rhs}) * eps**power).xreplace(logarithms).xreplace({d: x / accuracy})
        for formula, power in zip(sample_size, (1, 2), strict=True)
    )
    bound = halved[0].rhs.xreplace(logarithms)

    def asked(lemma: Formulas, number: int, share: sympy.Expr) -> sympy.Expr:
        at_share = lemma[number].rhs.xreplace({delta: share}).xreplace({halved[0].lhs: bound})
        return at_share.xreplace(logarithms).xreplace({d: x / accuracy})

    rooms = [
        first - asked(moment_size, 0, shares[0].rhs) * eps,
        second - asked(moment_size, 1, shares[0].rhs) * eps**2,
    ]
    variance = second - asked(variance_size, 0, shares[1].rhs) * eps**2
    half = sympy.Rational(1, 2)
    covered = sympy.log(2) > half and is_nonnegative(variance, {accuracy: (half, None), x: (0, None), y: (0, None)})
    tight = (rooms[0].xreplace({x: 8 * y}), rooms[1].xreplace({y: sympy.S.Zero}))
    least = all(is_identity(room, sympy.S.Zero) for room in tight)
    one_way = lower_bounds(*sample_size, *moment_size, *variance_size) and upper_bounds(*halved)
    one_way &= {formula.lhs for formula in (*sample_size, *moment_size, *variance_size)} == {symbol("n")}
    one_way &= (shares[0].lhs, shares[1].lhs) == (_FIRST, _SECOND)
    within = _nowhere_negative(rooms[0], x, y) and is_nonnegative(rooms[1], {x: (0, None), y: (0, None)})
    return bool(constant.lhs == CONSTANT and one_way and covered and least and within)


def _nowhere_negative(form: sympy.Expr, x: sympy.Symbol, y: sympy.Symbol) -> bool:
    """Say whether a quadratic form in two variables is nowhere negative."""
    expanded = sympy.Poly(sympy.expand(form), x, y)
    if not expanded.is_homogeneous or expanded.total_degree() != 2:
        return False
    a, b, c = (expanded.coeff_monomial(term) for term in (x**2, x * y, y**2))
    return bool(a >= 0 and c >= 0 and 4 * a * c >= b**2)
