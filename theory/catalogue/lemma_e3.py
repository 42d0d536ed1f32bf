"""Lemma E.3: the sample covariance of standard Gaussian vectors, in operator norm.

Problem:
    z_1, …, z_n ~ N(0, I) independent in ℝᵈ, and Ŝ = (1/n) Σ zᵢzᵢᵀ.

Statement:
    If n ≥ 75 (d + log(1/δ))/ε², then ‖Ŝ − I‖ ≤ ε.

Guarantee:
    With probability at least 1 − δ over the vectors; the constant is explicit. Vershynin, High-Dimensional Probability
    (2018), Theorem 4.6.1, has the same with a constant that it leaves open.

Provenance:
    [R]: the paper's appendix has lemmas up to E.6, whose text is lost in the copy used; what they say, and in which
    order, had to be chosen. The constant is ours.

Controls:
    E.3:no-dimension (the condition without d) and E.3:linear-eps (ε in place of ε²).

Example:
    >>> import theory
    >>> theory.statement("E.3").required_n(eps=0.5, delta=0.05, d=10)
    3899
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, between, ends, equal, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._logarithms import rational_logarithms
from theory.catalogue._nets import POINTS, TOP, cardinality_steps, norm_steps
from theory.catalogue._one_way import lower_bounds, upper_bounds

eps, delta, n, d = (symbol(name) for name in ("eps", "delta", "n", "d"))

FACTOR = sympy.Integer(75)
CONDITION = FACTOR * ((d + sympy.log(1 / delta)) / eps**2)
ERROR = quantity_symbol("covariance_error")
# The failure allowed at one point of the net, the scale of the deviation there, and that deviation, yᵀŜy − 1.
_SHARE = named("share_of_delta", r"\delta_{\mathcal{N}}", positive=True)
_WIDTH = sympy.Symbol("w", positive=True)
_DEVIATION = named("deviation_at_y", r"y^\top \hat S y - 1", real=True)
_FROBENIUS, _OPERATOR = symbol("F"), symbol("N")


def build() -> Statement:
    """Build Lemma E.3.

    Returns:
        The statement.
    """
    return Statement(
        id="E.3",
        title="sample covariance of standard Gaussian vectors",
        kind="lemma",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Appendix E; Vershynin, High-Dimensional Probability (2018), Theorem 4.6.1",
        provenance={"upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note="The text of this lemma is lost in the copy used; its place and its form had to be chosen. The "
        "constant is ours.",
        summary="As many samples as dimensions, times a constant, are enough for the sample covariance of standard "
        "Gaussian vectors to be close to the identity in every direction at once.",
        hypotheses=("z₁, …, zₙ ~ N(0, I) independent in d ≥ 1 dimensions", "Ŝ = (1/n) Σ zᵢzᵢᵀ"),
        quantity="covariance_error",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the vectors",
        },
        lower=None,
        upper=eps,
        sample_size=(CONDITION,),
        probability=1 - delta,
        controls=_controls(),
        depends_on=("E.2",),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "E.3:no-dimension",
            "with more dimensions than samples Ŝ is singular, so that the error is at least 1",
            {"sample_size": ["75*log(1/delta)/eps**2"]},
        ),
        Control(
            "E.3:linear-eps",
            "the error falls like 2√(d/n), which is 2√(ε/75) at n = 75 d/ε and exceeds ε below 4/75",
            {"sample_size": ["75*(d + log(1/delta))/eps"]},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        *cardinality_steps(sympy.Rational(1, 4), 9),
        *norm_steps(ERROR, 2),
        Step(
            "what may fail at one point, times the number of points, is at most δ",
            proved,
            Fact("share", (equal(_SHARE, delta / 9**d), at_most(POINTS * _SHARE, delta))),
            union_over_net,
            ("net",),
            "union bound",
        ),
        Step(
            "n yᵀŜy is a sum of n squares: F² = n and N = 1",
            proved,
            Fact("norms", (equal(_FROBENIUS**2, n), equal(_OPERATOR, 1))),
            norms_of_identity,
            note="the y·zᵢ are independent standard Gaussian variables, |y| = 1; A and S are the identity of size n",
        ),
        Step(
            "at one point of the net −2w ≤ yᵀŜy − 1 ≤ 2w + 2w², w² = log(2/δ_y)/n, w.p. ≥ 1 − δ_y",
            proved,
            Fact(
                "one direction",
                (
                    equal(_WIDTH**2, sympy.log(2 * 9**d / delta) / n),
                    *between(-2 * _WIDTH, _DEVIATION, 2 * _WIDTH + 2 * _WIDTH**2),
                ),
            ),
            quadratic_form_at_share,
            ("E.2", "norms", "share"),
            "Lemma E.2 at δ_y = δ/9^d, divided by n",
        ),
        Step(
            "w ≤ ε/5",
            proved,
            Fact("width", (at_most(_WIDTH, eps / 5),)),
            condition_suffices,
            ("sample_size", "one direction"),
            "d ≥ 1, log 2 + 2d log 3 + log(1/δ) ≤ 3(d + log(1/δ))",
        ),
        Step(
            "|yᵀŜy − 1| ≤ ε/2 at every point of the net",
            proved,
            Fact("on the net", (at_most(TOP, eps / 2),)),
            deviation_on_net,
            ("one direction", "width"),
            "both sides of the deviation, 0 < ε < 1",
        ),
        Step(
            "‖Ŝ − I‖ ≤ ε",
            proved,
            Fact("error", (at_most(ERROR, eps),)),
            norm_of_error,
            ("norm", "on the net"),
            "A = Ŝ − I",
        ),
    ))


def union_over_net(conclusion: Formulas, net: Formulas) -> bool:
    """Show that the failures at all points of the net add up to no more than δ.

    Args:
        conclusion: the share of one point, and the sum.
        net: the largest number of points.

    Returns:
        Whether the share times that number is δ exactly.
    """
    share, total = conclusion
    most = total.lhs.xreplace({POINTS: net[0].rhs, share.lhs: share.rhs})
    described = share.lhs == _SHARE and total.lhs == POINTS * _SHARE and upper_bounds(total, *net)
    described &= net[0].lhs == POINTS
    return described and is_identity(most, total.rhs)


def norms_of_identity(conclusion: Formulas) -> bool:
    """Evaluate both norms of the identity of any size.

    Args:
        conclusion: the squared Frobenius norm and the operator norm.

    Returns:
        Whether they are its trace and its eigenvalue.
    """
    size = sympy.Symbol("size", integer=True, positive=True)
    trace = sympy.Trace(sympy.Identity(size)).doit().xreplace({size: n})
    (eigenvalue,) = sympy.eye(3).eigenvals()
    frobenius, operator = conclusion
    values = {_FROBENIUS: sympy.sqrt(trace), _OPERATOR: eigenvalue}
    return operator.lhs == _OPERATOR and all(shows(formula, {}, values) for formula in (frobenius, operator))


def quadratic_form_at_share(conclusion: Formulas, lemma: Formulas, norms: Formulas, share: Formulas) -> bool:
    """Take Lemma E.2 at the share of δ, for n squares, and divide by n.

    Args:
        conclusion: the squared width, and the deviation between its bounds.
        lemma: the bounds of Lemma E.2.
        norms: the two norms.
        share: the share of δ.

    Returns:
        Whether both bounds are the same.
    """
    width, *bounds = conclusion
    logarithm = sympy.solve(width.lhs - width.rhs, width.rhs.atoms(sympy.log).pop())[0]
    values = {_FROBENIUS: sympy.sqrt(norms[0].rhs), _OPERATOR: norms[1].rhs, delta: share[0].rhs}
    middle, (low, high) = bounds[0].rhs, ends(tuple(bounds))
    claimed = zip((low, high), ends(lemma), strict=True)
    scale = {width.rhs.atoms(sympy.log).pop(): logarithm}
    same_bounds = all(is_identity(own, (other.xreplace(values) / n).xreplace(scale)) for own, other in claimed)
    return middle == _DEVIATION and width.lhs == _WIDTH**2 and same_bounds


def condition_suffices(conclusion: Formulas, sample_size: Formulas, one_direction: Formulas) -> bool:
    """Show that the condition on n makes the width small.

    Args:
        conclusion: the width is at most a multiple of ε.
        sample_size: the condition on n.
        one_direction: the squared width.

    Returns:
        Whether the square of that multiple is at least the squared width at the least n, for every d ≥ 1.
    """
    (claimed,), (condition,) = conclusion, sample_size
    squared = one_direction[0]
    # The squared width times n does not depend on n.
    room, box = rational_logarithms(claimed.rhs**2 * condition.rhs - squared.rhs * n)
    described = (
        claimed.lhs**2 == squared.lhs and upper_bounds(claimed) and condition.lhs == n and lower_bounds(condition)
    )
    positive = is_nonnegative(claimed.rhs, {eps: (0, 1)})
    return described and positive and is_nonnegative(room, {eps: (0, 1), d: (1, None), **box})


def deviation_on_net(conclusion: Formulas, one_direction: Formulas, width: Formulas) -> bool:
    """Show that the deviation at a point is at most half of ε, on both sides.

    Args:
        conclusion: the largest value on the net.
        one_direction: the bounds on the deviation at a point.
        width: the largest width.

    Returns:
        Whether both follow.
    """
    (claimed,), (widest,) = conclusion, width
    share = sympy.Symbol("share", positive=True)
    low, high = (end.xreplace({widest.lhs: share * widest.rhs}) for end in ends(one_direction[1:]))
    box = {eps: (0, 1), share: (0, 1)}
    pinned = claimed.lhs == TOP and one_direction[1].rhs == _DEVIATION and upper_bounds(widest)
    return pinned and all(shows(claimed, box, {TOP: size}) for size in (-low, high))


def norm_of_error(conclusion: Formulas, norm: Formulas, on_net: Formulas) -> bool:
    """Take the norm from the largest value on the net.

    Args:
        conclusion: the bound on the norm.
        norm: the norm by the largest value on the net.
        on_net: the largest value on the net.

    Returns:
        Whether the bound follows, exactly.
    """
    (claimed,), (by_net,), (largest,) = conclusion, norm, on_net
    exact = is_identity(claimed.rhs, by_net.rhs.xreplace({largest.lhs: largest.rhs}))
    return upper_bounds(claimed, by_net, largest) and claimed.lhs == by_net.lhs and exact
