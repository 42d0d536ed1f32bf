"""The learning rate at which SGD becomes unstable: what Theorem 5.2 needs, and a sandwich.

Problem:
    As in Theorem 5.2: f(x; θ) = ⟨θ, x⟩ with targets ⟨θ*, x⟩ without noise, SGD with one sample a step. On the second
    moment M = E wwᵀ a step is the linear map T_η(M) = M − η(GM + MG) + η²Q(M), Q(M) = (1/n)Σ (xᵀMx) x xᵀ.
    η* is where the spectral radius of T_η, on the range of G, passes 1; β* = η*‖G‖_F.

Statement:
    5.2-threshold: β* ≤ √(1 + 2/A₁), so that the condition of Theorem 5.2 puts SGD beyond the threshold.
    5.2-threshold-sharp: with h(η) = Σᵢ ηλᵢ/(2 − ηλᵢ), which rises on (0, 2/λ₁), 1/A₂ ≤ h(η*) ≤ 1/A₁.

Guarantee:
    For any inputs, no probability; A₁ and A₂ are those of Assumption 5.1. The first follows from Theorem 5.2 of Wang &
    Wu, arXiv 2310.00692; β* ≤ 1/√A₁ does as well, and is better. The second is ours: it is two-sided, and exact where
    A₁ = A₂. It is listed as a conjecture, for its proof has had no other reader. Where A₁ = 0 nothing is claimed above.

Provenance:
    First [D], derived again; second [R], this project's. Both checked against the eigenvalues of T_η.

Controls:
    5.2-threshold:necessary (1/√A₂ as lower bound), 5.2-threshold:smaller (1/√(1 + A₂) as upper bound),
    5.2-threshold-sharp:one (1 as lower bound) and 5.2-threshold-sharp:mean (2/(A₁ + A₂) as upper bound).

Example:
    >>> import theory
    >>> theory.statement("5.2-threshold").bounds(A1=0.25), theory.statement("5.2-threshold-sharp").bounds(A1=0.5, A2=2)
    ((-inf, 3.0), (0.5, 2.0))
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, below, between, ends, equal, shows
from theory._inequalities import is_identity, is_positive
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol
from theory.catalogue._directions import ALIGNMENTS, CURVATURES, at_directions, beta, everywhere
from theory.catalogue._one_way import upper_bounds
from theory.catalogue._second_moments import (
    A1,
    A2,
    ALIGNMENT,
    AMPLITUDES,
    CONSTANTS,
    CURVATURE,
    LINEAR,
    LOSS,
    MEANING,
    MOMENT,
    NEXT_MOMENT,
    SOURCE,
    WITH_GAP,
    dynamics_steps,
    eta,
)
from theory.catalogue._spectral import QUOTIENT, spectral_steps
from theory.catalogue.theorem_5_2 import LEAST_BETA

LEAST_SUM, LARGEST_SUM = 1 / A2, 1 / A1
THRESHOLD = (
    "SGD on one sample a step; η* is the learning rate at which the spectral radius of its second moments passes 1, "
    "and β* = η*‖G‖_F"
)
SUM = "h(η) = Σᵢ ηλᵢ/(2 − ηλᵢ) over the eigenvalues λᵢ > 0 of G"
THRESHOLD_BETA, THRESHOLD_SUM = quantity_symbol("stability_threshold"), quantity_symbol("threshold_sum")
_LARGER = named("larger_step", r"\eta'", positive=True)
_LOSS_GROWTH = quantity_symbol("loss_growth")


def build() -> Statement:
    """Build the bound on the threshold that the condition of Theorem 5.2 implies.

    Returns:
        The statement.
    """
    return Statement(
        id="5.2-threshold",
        title="threshold of stability of SGD",
        kind="lemma",
        source=f"{SOURCE}, Theorem 5.2",
        provenance={"upper": "D"},
        provenance_note="Derived again, with the explicit constant of 5.2, and checked against the exact threshold; "
        "1/√A₁ bounds it as well.",
        summary="Learning rates that satisfy the condition of Theorem 5.2 are beyond the threshold at which the second "
        "moments of SGD stop being stable.",
        hypotheses=(LINEAR, THRESHOLD, CONSTANTS),
        quantity="stability_threshold",
        symbols={name: MEANING[name] for name in ("A1", "A2")},
        lower=None,
        upper=LEAST_BETA,
        controls=(
            Control(
                "5.2-threshold:necessary",
                "small learning rates suffice in many dimensions: for isotropic Gaussian inputs β* is about 2/√d, "
                "while A₂ stays near 2",
                {"lower": "1/sqrt(A2)"},
            ),
            Control(
                "5.2-threshold:smaller",
                "in one dimension β* = 2/(1 + A) with A = A₁ = A₂, above 1/√(1 + A) where A < 3; Gaussian inputs have "
                "A = 2",
                {"upper": "1/sqrt(1 + A2)"},
            ),
        ),
        depends_on=("5.2-growth",),
        proof=Proof(lambda: Proof((*spectral_steps(), *_condition_steps()))),
    )


def build_sharp() -> Statement:
    """Build the sandwich of the threshold.

    Returns:
        The statement.
    """
    return Statement(
        id="5.2-threshold-sharp",
        title="threshold of stability of SGD, from both sides",
        kind="conjecture",
        source="this project, after Theorem 5.2 of Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic "
        "Gradient Descent, arXiv 2310.00692",
        provenance={"lower": "R", "upper": "R"},
        provenance_note="Not in the paper: ours, with a proof of ours, and checked against the exact threshold.",
        summary="The learning rate at which SGD becomes unstable is the one at which a sum over the curvatures, known "
        "without the noise, is the reciprocal of an alignment.",
        hypotheses=(LINEAR, THRESHOLD, SUM, CONSTANTS),
        quantity="threshold_sum",
        symbols={name: MEANING[name] for name in ("A1", "A2")},
        lower=LEAST_SUM,
        upper=LARGEST_SUM,
        controls=(
            Control(
                "5.2-threshold-sharp:one",
                "for isotropic Gaussian inputs h(η*) tends to d/(d + 1) as n grows",
                {"lower": "1"},
            ),
            Control(
                "5.2-threshold-sharp:mean",
                "for isotropic Gaussian inputs h(η*) tends to d/(d + 1) as n grows, and A₁ and A₂ to 1 and 2, so that "
                "the bound is 2/3",
                {"upper": "2/(A1 + A2)"},
            ),
        ),
        depends_on=("5.1",),
        proof=Proof(lambda: Proof((*spectral_steps(), *dynamics_steps(), *_balance_steps()))),
    )


def _condition_steps() -> tuple[Step, ...]:
    """List the steps from the fixed point to the condition of Theorem 5.2."""
    proved = StepStatus.PROVED
    return (
        Step(
            "started there, the loss does not grow",
            proved,
            Fact("no growth", (equal(_LOSS_GROWTH, 1),)),
            no_growth,
            ("fixed point",),
            "E 2L = Σ λᵢmᵢ; two directions, the sum has the same form for any number",
        ),
        Step(
            "β* ≤ √(1 + 2/A₁), for beyond it the loss grows",
            proved,
            Fact("bound", (at_most(THRESHOLD_BETA, LEAST_BETA),)),
            below_condition,
            ("no growth", "5.2-growth"),
            "β*²A₁ ≤ 1, which is more",
        ),
    )


def _balance_steps() -> tuple[Step, ...]:
    """List the steps from the fixed point to the sandwich."""
    proved = StepStatus.PROVED
    term = eta * CURVATURES / (2 - eta * CURVATURES)
    return (
        Step(
            "η*λᵢ ≤ 2",
            proved,
            Fact("step below two", (at_most(eta * CURVATURE, 2),)),
            step_below_two,
            ("moments", "crossing"),
            "beyond, the Rayleigh quotient at uᵢuᵢᵀ is above 1",
        ),
        Step(
            "λᵢmᵢ = gᵢ 2L · ηλᵢ/(2 − ηλᵢ) at the fixed point",
            proved,
            Fact("balance", (equal(CURVATURE * MOMENT, ALIGNMENT * LOSS * _term(eta)),)),
            balance,
            ("moments", "fixed point"),
            "where η*λᵢ = 2, h(η*) is infinite and so is 1/A₁, since gᵢ = 0",
        ),
        Step(
            "Σ gᵢηλᵢ/(2 − ηλᵢ) = 1, and without the gᵢ the sum is h(η*)",
            proved,
            Fact("total", (equal(THRESHOLD_SUM, everywhere(term)), equal(everywhere(ALIGNMENTS * term), 1))),
            total_loss,
            ("balance",),
            "the sum over i, divided by 2L = Σ λᵢmᵢ > 0; two directions, the sum has the same form for any number",
        ),
        Step(
            "h rises on (0, 2/λ₁)",
            proved,
            Fact("rising", (below(eta, _LARGER), below(_term(eta), _term(_LARGER)))),
            rises,
            ("total",),
            "each term does, so that the sandwich is one of η*",
            remark=True,
        ),
        Step(
            "1/A₂ ≤ h(η*) ≤ 1/A₁",
            proved,
            Fact("bounds", between(LEAST_SUM, THRESHOLD_SUM, LARGEST_SUM)),
            sandwich,
            ("total", "moments", "step below two"),
            "three directions, the sum has the same form for any number",
        ),
    )


def no_growth(conclusion: Formulas, fixed_point: Formulas) -> bool:
    """Compare the loss before and after a step, along two directions.

    Args:
        conclusion: the growth of the loss.
        fixed_point: the second moment after a step, along one direction.

    Returns:
        Whether it is that.
    """
    curvatures, moments = (sympy.symbols(f"{letter}0:2", positive=True) for letter in ("l", "m"))
    before, after = (
        sum(c * side.xreplace({MOMENT: m}) for c, m in zip(curvatures, moments, strict=True))
        for side in (MOMENT, fixed_point[0].rhs)
    )
    known = fixed_point[0].lhs == NEXT_MOMENT and conclusion[0].lhs == _LOSS_GROWTH
    return known and shows(conclusion[0], {}, {_LOSS_GROWTH: after / before})


def below_condition(conclusion: Formulas, no_growth: Formulas, growth: Formulas) -> bool:
    """Show that beyond the claimed bound the loss grows by more than it does at the threshold.

    Args:
        conclusion: β* below a bound.
        no_growth: the growth of the loss at the threshold.
        growth: the claim of the growth of the loss, for any β.

    Returns:
        Whether the least growth exceeds that wherever β² exceeds the square of the bound.
    """
    more = sympy.Symbol("more", positive=True)
    (least,) = growth
    box = {A1: (0, None), A2: (0, None), more: (0, None)}

    def too_large(bound: sympy.Expr) -> bool:
        # Only a positive bound is exceeded where its square is.
        if not bound.xreplace({A1: sympy.Dummy(positive=True), A2: sympy.Dummy(positive=True)}).is_positive:
            return False
        grown = least.lhs.xreplace({beta: sympy.sqrt(bound**2 + more)})
        return is_positive(grown - no_growth[0].rhs, box)

    known = least.rhs == no_growth[0].lhs == _LOSS_GROWTH and isinstance(least, sympy.LessThan)
    # Nothing is known of lower bounds.
    return known and all(
        isinstance(claimed, sympy.LessThan) and claimed.lhs == THRESHOLD_BETA and too_large(claimed.rhs)
        for claimed in conclusion
    )


def step_below_two(conclusion: Formulas, moments: Formulas, crossing: Formulas) -> bool:
    """Evaluate the Rayleigh quotient at uuᵀ, which is m' for m = 1 and 2L = λ, beyond the claimed value.

    Args:
        conclusion: ηλ below that value.
        moments: the second moment after a step, and its alignment between two numbers.
        crossing: what no quotient exceeds at the threshold.

    Returns:
        Whether the quotient exceeds that.
    """
    (claimed,) = conclusion
    more, share = sympy.symbols("more share", positive=True)
    low, high = ends(moments[1:])
    start = {MOMENT: sympy.S.One, LOSS: CURVATURE, ALIGNMENT: low + share * (high - low)}
    quotient = moments[0].rhs.xreplace(start).xreplace(WITH_GAP)
    beyond = quotient.xreplace({eta: (claimed.rhs + more) / CURVATURE})
    known = crossing[0].lhs == QUOTIENT and moments[0].lhs == NEXT_MOMENT and upper_bounds(crossing[0])
    least = isinstance(claimed, sympy.LessThan) and claimed.lhs == eta * CURVATURE
    box = {**AMPLITUDES, share: (0, 1), more: (0, None), CURVATURE: (0, None)}
    return known and least and is_positive(beyond - crossing[0].rhs, box)


def balance(conclusion: Formulas, moments: Formulas, fixed_point: Formulas) -> bool:
    """Solve m' = m for m.

    Args:
        conclusion: λm at the fixed point.
        moments: the second moment after a step.
        fixed_point: that it is the one before.

    Returns:
        Whether the claimed one solves it.
    """
    (claimed,) = conclusion
    solution = {MOMENT: claimed.rhs / CURVATURE}
    known = moments[0].lhs == fixed_point[0].lhs and claimed.lhs == CURVATURE * MOMENT
    return known and is_identity(moments[0].rhs.xreplace(solution), fixed_point[0].rhs.xreplace(solution))


def total_loss(conclusion: Formulas, balance: Formulas) -> bool:
    """Add up λᵢmᵢ over two directions, and divide by 2L.

    Args:
        conclusion: what h is, and the sum with the alignments.
        balance: λm along one direction.

    Returns:
        Whether 2L = Σ λᵢmᵢ gives the sum, and h is the same one without the alignments.
    """
    claimed, balanced = conclusion
    curvatures, alignments = (sympy.symbols(f"{letter}0:2", positive=True) for letter in ("l", "g"))
    parts = [
        balance[0].rhs.xreplace({CURVATURE: c, ALIGNMENT: g}) / LOSS
        for c, g in zip(curvatures, alignments, strict=True)
    ]
    left = at_directions(balanced.lhs, curvatures, alignments=alignments)
    plain = at_directions(balanced.lhs, curvatures, alignments=(1, 1))
    same_terms = is_identity(at_directions(claimed.rhs, curvatures), plain)
    known = claimed.lhs == THRESHOLD_SUM and balance[0].lhs == CURVATURE * MOMENT
    return known and same_terms and is_identity(left, sum(parts)) and balanced.rhs == 1


def rises(conclusion: Formulas, total: Formulas) -> bool:
    """Show that a term of h rises with η as long as ηλ < 2.

    Args:
        conclusion: the case η < η', and the terms at both.
        total: what h is.

    Returns:
        Whether the term at η' is larger.
    """
    case, claimed = conclusion
    x, share = sympy.symbols("x share", positive=True)
    term = total[0].rhs.function.xreplace({CURVATURES: CURVATURE})
    values = {eta: x / CURVATURE, _LARGER: (x + share * (2 - x)) / CURVATURE}
    box = {x: (0, 2), share: (0, 1), CURVATURE: (0, None)}
    known = case.args == (eta, _LARGER) and claimed.args == (term, term.xreplace({eta: _LARGER}))
    return known and shows(case, box, values) and shows(claimed, box, values)


def sandwich(conclusion: Formulas, total: Formulas, moments: Formulas, below_two: Formulas) -> bool:
    """Bound a sum of positive terms where the sum with the alignments is one.

    Args:
        conclusion: h(η*) between two numbers.
        total: what h is, and the sum with the alignments.
        moments: the alignments between two numbers.
        below_two: what ηλ is at most.

    Returns:
        Whether both bounds hold for three directions.
    """
    terms, shares = sympy.symbols("h0:3", positive=True), sympy.symbols("y0:3", positive=True)
    # ηλᵢ runs through all that is allowed.
    curvatures = [below_two[0].rhs * term / (1 + term) / eta for term in terms]
    low, high = ends(moments[1:])
    alignments = [low + share * (high - low) for share in shares]
    plain, weighted = (
        sympy.cancel(at_directions(side, curvatures, alignments=alignments).xreplace(WITH_GAP))
        for side in (total[0].rhs, total[1].lhs)
    )
    # Divided by the sum with the alignments, which is one, h does not change.
    values = {THRESHOLD_SUM: plain / weighted * total[1].rhs, **WITH_GAP}
    box = {**AMPLITUDES, **dict.fromkeys(terms, (0, None)), **dict.fromkeys(shares, (0, 1))}
    known = total[0].lhs == conclusion[0].rhs == conclusion[1].lhs == THRESHOLD_SUM
    known &= below_two[0].lhs == eta * CURVATURE and upper_bounds(*below_two)
    return known and all(shows(formula, box, values) for formula in conclusion)


def _term(step: sympy.Expr) -> sympy.Expr:
    """Write a term of h along one direction."""
    return step * CURVATURE / (2 - step * CURVATURE)
