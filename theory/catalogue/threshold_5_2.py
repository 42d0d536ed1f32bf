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

from functools import partial

import sympy

from theory._inequalities import is_identity, is_nonnegative, is_positive
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory.catalogue._second_moments import (
    A1,
    A2,
    CONSTANTS,
    LINEAR,
    MEANING,
    SOURCE,
    WITH_GAP,
    alignments_between,
    dynamics_steps,
)
from theory.catalogue.theorem_5_2 import LEAST_BETA
from theory.catalogue.theorem_5_2_growth import growth_step

LEAST_SUM, LARGEST_SUM = 1 / A2, 1 / A1
THRESHOLD = (
    "SGD on one sample a step; η* is the learning rate at which the spectral radius of its second moments passes 1, "
    "and β* = η*‖G‖_F"
)
SUM = "h(η) = Σᵢ ηλᵢ/(2 − ηλᵢ) over the eigenvalues λᵢ > 0 of G"
STEP_SHARE = sympy.Symbol("x", positive=True)
"""ηλᵢ."""
TERM = STEP_SHARE / (2 - STEP_SHARE)


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
        proof=Proof((*_spectral_steps(), *dynamics_steps(), growth_step(), _below_condition())),
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
        proof=Proof((*_spectral_steps(), *dynamics_steps(), *_balance_steps())),
    )


def _spectral_steps() -> tuple[Step, ...]:
    """List the steps to a positive semi-definite eigenmatrix at the threshold, and to its uniqueness."""
    proved = StepStatus.PROVED
    return (
        Step(
            "E w'w'ᵀ = M − η(GM + MG) + η²Q(M), a self-adjoint map that keeps positive semi-definite matrices so",
            proved,
            partial(operator_form, 1),
            "the mean of (I − ηxxᵀ)M(I − ηxxᵀ); two symbolic samples in two dimensions, any symmetric M",
        ),
        Step(
            "the spectral radius is an eigenvalue, with a positive semi-definite eigenmatrix",
            proved,
            partial(absolute_value_wins, 1),
            "for an eigenmatrix V = V₊ − V₋ of the eigenvalue largest in size, V₊ + V₋ has the same norm and a "
            "Rayleigh quotient at least as large; a maximiser of the quotient of a self-adjoint map is an eigenvector",
        ),
        Step(
            "the spectral radius is convex in η, so that it passes 1 once",
            proved,
            partial(convex_in_step, 1),
            "each Rayleigh quotient is a parabola in η, 1 at η = 0 with negative slope −2⟨V, GV⟩ and curvature "
            "(2/n)Σ(xᵀVx)²; the largest eigenvalue is their supremum. At V = uuᵀ, u in the range of G, it is unbounded",
        ),
    )


def _below_condition() -> Step:
    return Step(
        "β*² A₁ ≤ 1, and 1/A₁ ≤ 1 + 2/A₁",
        StepStatus.PROVED,
        partial(below_condition, LEAST_BETA),
        "the growth of the loss at the eigenmatrix of the eigenvalue 1, where 2L = Tr(GM) > 0",
    )


def _balance_steps() -> tuple[Step, ...]:
    """List the steps from the eigenmatrix at the threshold to the sandwich."""
    proved = StepStatus.PROVED
    return (
        Step(
            "η*λᵢ ≤ 2",
            proved,
            partial(step_below_two, 2),
            "the spectral radius is at least ⟨uᵢuᵢᵀ, T(uᵢuᵢᵀ)⟩ ≥ (1 − ηλᵢ)², which is above 1 beyond",
        ),
        Step(
            "λᵢmᵢ = gᵢ 2L · ηλᵢ/(2 − ηλᵢ) at the eigenmatrix of the eigenvalue 1",
            proved,
            partial(balance, TERM),
            "mᵢ = (1 − ηλᵢ)²mᵢ + η²gᵢλᵢ 2L; where η*λᵢ = 2, h(η*) is infinite and so is 1/A₁, since gᵢ = 0",
        ),
        Step(
            "1 = Σ gᵢηλᵢ/(2 − ηλᵢ) gives 1/A₂ ≤ h(η*) ≤ 1/A₁",
            proved,
            partial(sandwich, LEAST_SUM, LARGEST_SUM),
            "the sum over i, divided by 2L; three directions, the sum has the same form for any number",
        ),
        Step(
            "h rises on (0, 2/λ₁)",
            proved,
            partial(rises, TERM),
            "each term does, so that the sandwich is one of η*",
        ),
    )


def operator_form(factor: int) -> bool:
    """Compare the mean of (I − ηxxᵀ)M(I − ηxxᵀ) over two samples with the map, and test that it is self-adjoint.

    Args:
        factor: the factor of η(GM + MG); one is right.

    Returns:
        Whether both hold for symmetric matrices.
    """
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    eta, unit = sympy.Symbol("eta", positive=True), sympy.eye(2)
    G = X.T * X / 2

    def mapped(M: sympy.Matrix) -> sympy.Matrix:
        noise = X.T * sympy.diag(*(X * M * X.T).diagonal()) * X / 2
        return M - factor * eta * (G * M + M * G) + eta**2 * noise

    M, N = (sympy.Matrix(2, 2, lambda i, j, name=name: sympy.Symbol(f"{name}{min(i, j)}{max(i, j)}")) for name in "MN")
    shrinks = [unit - eta * X[i, :].T * X[i, :] for i in range(2)]
    mean = (shrinks[0] * M * shrinks[0] + shrinks[1] * M * shrinks[1]) / 2
    same = (mean - mapped(M)).expand().is_zero_matrix
    return bool(same) and is_identity((N * mapped(M)).trace(), (M * mapped(N)).trace())


def absolute_value_wins(sign: int) -> bool:
    """Show |⟨V, TV⟩| ≤ ⟨|V|, T|V|⟩ for V = V₊ − V₋ and |V| = V₊ + V₋.

    Args:
        sign: the sign of V₋ in |V|; plus one is right.

    Returns:
        Whether it holds where ⟨V₊, TV₊⟩, ⟨V₋, TV₋⟩ and ⟨V₊, TV₋⟩ are non-negative, as they are for positive parts.
    """
    plus, minus, mixed = sympy.symbols("plus minus mixed", positive=True)
    box = dict.fromkeys((plus, minus, mixed), (0, None))
    mean, absolute = plus + minus - 2 * mixed, plus + minus + sign * 2 * mixed
    return is_nonnegative(absolute - mean, box) and is_nonnegative(absolute + mean, box)


def convex_in_step(sign: int) -> bool:
    """Show that ⟨V, T_η V⟩ is a parabola in η that opens upwards.

    Args:
        sign: the sign of the noise; plus one is right.

    Returns:
        Whether its second derivative is a sum of squares, and its slope at zero −2⟨V, GV⟩.
    """
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    V = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"V{min(i, j)}{max(i, j)}", real=True))
    eta = sympy.Symbol("eta", real=True)
    outer = [X[i, :].T * X[i, :] for i in range(2)]
    G = (outer[0] + outer[1]) / 2
    noise = sum(((V * one).trace() * one for one in outer), sympy.zeros(2, 2)) / 2
    quotient = (V * (V - eta * (G * V + V * G) + sign * eta**2 * noise)).trace()
    squares = sum((X[i, :] * V * X[i, :].T)[0] ** 2 for i in range(2))
    slope = is_identity(sympy.diff(quotient, eta).xreplace({eta: sympy.S.Zero}), -2 * (V * G * V).trace())
    return slope and is_identity(sympy.diff(quotient, eta, 2), squares)


def below_condition(bound: sympy.Expr) -> bool:
    """Show that 1/√A₁ is at most the bound.

    Args:
        bound: the claimed bound on β*.

    Returns:
        Whether its square exceeds 1/A₁.
    """
    box = {A1: (0, None), A2: (0, None)}
    return is_nonnegative(bound**2 - 1 / A1, box)


def step_below_two(most: int) -> bool:
    """Show that (1 − x)² > 1 for x above the claimed value.

    Args:
        most: the claimed value; two is right.

    Returns:
        Whether it is.
    """
    return is_positive((1 - STEP_SHARE) ** 2 - 1, {STEP_SHARE: (most, None)})


def balance(term: sympy.Expr) -> bool:
    """Solve mᵢ = (1 − ηλᵢ)²mᵢ + η²gᵢλᵢ 2L for mᵢ.

    Args:
        term: what λᵢmᵢ/(gᵢ 2L) is claimed to be, in x = ηλᵢ.

    Returns:
        Whether it is.
    """
    curvature, alignment, loss, moment, eta = sympy.symbols("l g loss m eta", positive=True)
    step = eta * curvature
    claimed = alignment * loss * term.xreplace({STEP_SHARE: step}) / curvature
    after = (1 - step) ** 2 * moment + eta**2 * alignment * curvature * loss
    return is_identity(after.xreplace({moment: claimed}), claimed)


def sandwich(lower: sympy.Expr, upper: sympy.Expr) -> bool:
    """Bound Σ hᵢ where Σ gᵢhᵢ = 1 and A₁ ≤ gᵢ ≤ A₂.

    Args:
        lower: the claimed lower bound.
        upper: the claimed upper bound.

    Returns:
        Whether both hold for three directions.
    """
    box, alignments = alignments_between(3)
    terms = sympy.symbols("h0:3", positive=True)
    box |= dict.fromkeys(terms, (0, None))
    # Any positive terms, divided by Σ gᵢhᵢ, satisfy the condition.
    total = sum(terms) / sum(g * term for g, term in zip(alignments, terms, strict=True))
    lower, upper = (bound.xreplace(WITH_GAP) for bound in (lower, upper))
    return is_nonnegative(total - lower, box) and is_nonnegative(upper - total, box)


def rises(term: sympy.Expr) -> bool:
    """Show that a term of h rises with x = ηλᵢ in (0, 2).

    Args:
        term: the term.

    Returns:
        Whether its derivative is positive there.
    """
    return is_positive(sympy.diff(term, STEP_SHARE), {STEP_SHARE: (0, 2)})
