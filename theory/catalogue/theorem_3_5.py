"""Theorem 3.5: the loss alignment of two-layer networks with a fixed outer layer, for every θ at once.

Problem:
    f(x; θ) = Σ_k a_k σ(b_k·x) with the a_k fixed and θ = (b_1, b_2, …), inputs x_1, …, x_n ~ N(0, S) independent, and
    any labels. The slopes of σ lie between α and β, 0 < α ≤ β; a leaky ReLU of slope s has α = s and β = 1.
    μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss is zero, or G, as where every a_k is zero.

Statement:
    If n ≥ C log(n/δ)/ε² and d_eff ≥ C log(n/δ)/ε², where d_eff = min{srk(S), srk(S²)}, then
    (α/β)⁴ (1 − ε) ≤ μ(θ) ≤ (β/α)⁴ (1 + ε) for all θ, any width and any outer layer.

Guarantee:
    With probability at least 1 − δ over the inputs; the paper does not give the absolute constant C, the proof shows it
    for C = 1620. Vacuous for the ReLU itself: at α = 0 the lower bound is 0 and the upper one infinite.
    Theorem 3.5 of Wang & Wu, arXiv 2310.00692.

Provenance:
    Bounds and proof [D]; the conditions are those of Theorem 3.3, whose form is [R]. Exponents of 4 cannot be improved
    for n ≤ d (remark in the proof); what is best for n above d is open.

Controls:
    3.5:exponent-1 (β/α in place of its fourth power above), 3.5:lower-exponent-1 (the same below) and 3.5:no-dimension
    (the condition on d_eff dropped).

Example:
    >>> import theory
    >>> s = theory.statement("3.5")
    >>> s.bounds(eps=0.25, alpha=0.5, beta=1), s.bounds(eps=0.25, alpha=0, beta=1)
    ((0.046875, 20.0), (0.0, inf))
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, between, ends, equal, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import quantity_symbol, symbol
from theory.catalogue import theorem_3_3 as linear
from theory.catalogue._network_row_sums import LINEAR_ROW, ROW, SCALE, SLOPES, WITH_GAP, alpha, beta, network_steps
from theory.catalogue._row_sums import CONDITION, ROW_SUM, T, spread_steps

eps, delta, n = (symbol(name) for name in ("eps", "delta", "n"))
MU = quantity_symbol("mu_two_layer")

# A of Lemma C.4, and the limits of μ for orthogonal inputs.
_EXPECTED, _HIGHEST, _LOWEST = (sympy.Symbol(letter, positive=True) for letter in "AHL")

LOWER = (alpha / beta) ** 4 * linear.LOWER
UPPER = (beta / alpha) ** 4 * linear.UPPER


def build() -> Statement:
    """Build Theorem 3.5.

    Returns:
        The statement.
    """
    return Statement(
        id="3.5",
        title="loss alignment of two-layer networks with a fixed outer layer",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 3.5",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "R", "dimension": "R"},
        provenance_note="The bounds were derived again and checked numerically; the conditions are those of Theorem "
        "3.3, whose final form had to be chosen. Vacuous for the ReLU, α = 0: the lower bound is 0, the upper one "
        "infinite.",
        summary="With enough samples in enough effective dimensions the noise of a two-layer network has the size of "
        "loss times curvature up to the fourth power of the ratio of its slopes, at every parameter at once.",
        hypotheses=(
            "f(x; θ) is the sum over k of aₖ σ(bₖ·x), only the bₖ are trained, square loss, any labels",
            "α ≤ σ' ≤ β with 0 < α ≤ β; for a leaky ReLU of slope s, α = s and β = 1",
            "x₁, …, xₙ ~ N(0, S) independent",
            "the effective dimension is min{srk(S), srk(S²)} with srk(A) = Tr A/‖A‖",
        ),
        quantity="mu_two_layer",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
            "d_eff": "the effective dimension min{srk(S), srk(S²)}",
            "alpha": "α, the least slope of the activation",
            "beta": "β, its largest slope, at least α",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=(CONDITION,),
        dimension=(CONDITION,),
        constants="absolute",
        probability=1 - delta,
        controls=_controls(),
        depends_on=("C.4",),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.5:exponent-1",
            "at n ≤ d one neuron of large |a_k|, active on one sample only, gives μ near (β/α)⁴ for the residual on "
            "that sample",
            {"upper": "(beta/alpha)*(1 + eps)"},
        ),
        Control(
            "3.5:lower-exponent-1",
            "at n ≤ d one neuron of large |a_k|, active on all samples but one, gives μ near (α/β)⁴ for the residual "
            "on that sample",
            {"lower": "(alpha/beta)*(1 - eps)"},
        ),
        Control(
            "3.5:no-dimension",
            "with α = β the network is linear, and at fixed S the row sum of the longest of n inputs, over their mean, "
            "grows with n",
            {"dimension": []},
        ),
    )


def _proof() -> Proof:
    return Proof((*network_steps(), *linear.mean_steps(MU), *spread_steps(), *_bound_steps()))


def _bound_steps() -> tuple[Step, ...]:
    """List the steps from the spread of the linear model's row sums to the bounds."""
    proved = StepStatus.PROVED
    up, down = (beta / alpha) ** 4, (alpha / beta) ** 4
    scale = SCALE**2 * _EXPECTED
    return (
        Step(
            "α⁴(1 − t) c²A ≤ aᵢ ≤ β⁴(1 + t) c²A for all i",
            proved,
            Fact("network spread", between(alpha**4 * (1 - T) * scale, ROW, beta**4 * (1 + T) * scale)),
            spread_of_network,
            ("network row sums", "row sums"),
            "c > 0, A > 0",
        ),
        Step(
            "(α/β)⁴(1 − t)/(1 + t) ≤ μ ≤ (β/α)⁴(1 + t)/(1 − t)",
            proved,
            Fact("quotient", between(down * (1 - T) / (1 + T), MU, up * (1 + T) / (1 - T))),
            quotient_between,
            ("means", "network spread"),
            "0 < t < 1; corners of the square of the two means",
        ),
        Step(
            "neither fourth power can be lowered where the inputs may be orthogonal",
            proved,
            Fact("powers attained", (equal(_HIGHEST, up), equal(_LOWEST, down))),
            powers_attained,
            ("form", "quotient"),
            "n orthogonal inputs of equal length, one neuron with slope β on one of them and α on the others, or the "
            "other way round, the residual on that one: as n grows μ tends to H or L, the bounds at t = 0. Nothing is "
            "said for n above d",
            remark=True,
        ),
        Step(
            "(α/β)⁴(1 − ε) ≤ μ ≤ (β/α)⁴(1 + ε)",
            proved,
            Fact("bounds", between(LOWER, MU, UPPER)),
            bounds_from_spread,
            ("quotient", "spread", "one sample"),
            "0 < ε < 1, 0 < α ≤ β; the upper bound is met exactly",
        ),
    )


def spread_of_network(conclusion: Formulas, network: Formulas, row_sums: Formulas) -> bool:
    """Put the spread of the linear model's row sums into the bounds on the network's.

    Args:
        conclusion: the network's row sums between two numbers, in units of c²A.
        network: the same between two multiples of the linear model's.
        row_sums: those within 1 ± t, in units of A.

    Returns:
        Whether the ends are exactly those that follow, for 0 < t < 1.
    """
    exact = all(
        is_identity(end, bound.xreplace({LINEAR_ROW: _EXPECTED * factor}))
        for end, bound, factor in zip(ends(conclusion), ends(network), ends(row_sums), strict=True)
    )
    box = {alpha: (0, None), beta: (0, None), SCALE: (0, None), LINEAR_ROW: (0, None)}
    # The bounds rise with the linear model's row sum.
    rising = all(is_nonnegative(sympy.diff(bound, LINEAR_ROW), box) for bound in ends(network))
    named = conclusion[0].rhs == network[0].rhs == ROW and row_sums[0].rhs == ROW_SUM
    return exact and rising and named


def quotient_between(conclusion: Formulas, means: Formulas, spread: Formulas) -> bool:
    """Bound the quotient of two means by its values at the corners.

    Args:
        conclusion: the bounds, in t, α and β.
        means: μ as a quotient of means, and the means between the extremes.
        spread: what is averaged between two numbers, in units of c²A.

    Returns:
        Whether both bounds hold for 0 < t < 1 and 0 < α ≤ β.
    """
    mu, places = linear.quotient_of_means(means, dict(zip((linear.LEAST, linear.MOST), ends(spread), strict=True)))
    box = {**SLOPES, T: (0, 1), **places}
    # μ does not depend on the scale of what is averaged.
    values = {MU: sympy.cancel(mu).xreplace(WITH_GAP), **WITH_GAP}
    return means[0].lhs == MU and all(shows(formula, box, values) for formula in conclusion)


def powers_attained(conclusion: Formulas, form: Formulas, quotient: Formulas) -> bool:
    """Follow μ for orthogonal inputs as their number grows, one of them apart from the others.

    Args:
        conclusion: the limits where that one has slope β and the others α, and the other way round.
        form: μ as a quotient of sums.
        quotient: the bounds in t.

    Returns:
        Whether μ tends to these limits, and they are the bounds at t = 0.
    """
    few = sympy.Symbol("few", positive=True)
    residual, row = linear.RESIDUAL, linear.ROW

    def limit(one: sympy.Expr, others: sympy.Expr) -> sympy.Expr:
        # K is diagonal, with the squared slopes in units of ‖x‖² v².
        sums = {
            linear.total(residual**2 * row): one**4,
            linear.total(residual**2): sympy.S.One,
            linear.total(row): one**4 + (n - 1) * others**4,
        }
        return sympy.cancel(form[0].rhs.xreplace(sums).xreplace({n: 1 / few})).xreplace({few: sympy.S.Zero})

    high, low = conclusion
    limits = {_HIGHEST: limit(beta, alpha), _LOWEST: limit(alpha, beta)}
    best = dict(zip((_LOWEST, _HIGHEST), (end.xreplace({T: sympy.S.Zero}) for end in ends(quotient)), strict=True))
    named = (high.lhs, low.lhs) == (_HIGHEST, _LOWEST)
    return named and all(shows(formula, {}, values) for formula in conclusion for values in (limits, best))


def bounds_from_spread(conclusion: Formulas, quotient: Formulas, spread: Formulas, single: Formulas) -> bool:
    """Show that the bounds at this t lie within the claimed ones, the upper one exactly, and so does a single sample.

    Args:
        conclusion: the claimed bounds, in ε, α and β.
        quotient: the bounds in t.
        spread: what t is.
        single: μ where there is one sample.

    Returns:
        Whether both bounds follow.
    """
    lower, upper = conclusion
    low, high = (end.xreplace({T: spread[0].rhs}) for end in ends(quotient))
    box = {eps: (0, 1), **SLOPES}
    alone = all(shows(formula, box, {MU: single[0].rhs, **WITH_GAP}) for formula in conclusion)
    below = shows(lower, box, {MU: low.xreplace(WITH_GAP), **WITH_GAP})
    return alone and below and lower.rhs == upper.lhs == MU and is_identity(upper.rhs, high)
