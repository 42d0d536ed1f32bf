"""Theorem 3.2: the loss alignment of over-parameterised linear models, for every θ at once.

Problem:
    f(x; θ) = ⟨F(θ), x⟩ with any F, inputs x_1, …, x_n ~ N(0, S) independent and noiseless targets ⟨w*, x⟩. The loss
    alignment is μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss or G is zero.

Statement:
    If n ≥ C (d² log²(1/ε) + log²(1/δ))/ε and n ≥ C (d log(1/ε) + log(1/δ))/ε², then
    (1 − ε)/(1 + ε)² ≤ μ(θ) ≤ (3 + ε)/(1 − ε)² for all θ. Neither F nor the number of parameters matters.

Guarantee:
    With probability at least 1 − δ over the inputs, for ε ≤ 1/2; C is an absolute constant that the paper does not
    give. Theorem 3.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D], with the conditions and the range of ε of Theorem 4.2. μ is an average of the directional alignments, and a
    model whose gradients are parallel attains each of them: over all F the two theorems bound the same range.

Controls:
    3.2:upper-2 (3 → 2 above), 3.2:d-for-d2 (d² → d in the first condition) and 3.2:lower-1.2 (1 → 1.2 below).

Example:
    >>> import theory
    >>> theory.statement("3.2").bounds(eps=0.2) == theory.statement("4.2").bounds(eps=0.2)
    True
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._directional import LOWER, UPPER, one_within_bounds
from theory.catalogue.theorem_3_3 import weighted_mean_between
from theory.catalogue.theorem_4_2 import CONDITIONS, RANGE
from theory.catalogue.theorem_4_2 import steps as directional_steps

delta = symbol("delta")


def build() -> Statement:
    """Build Theorem 3.2.

    Returns:
        The statement.
    """
    return Statement(
        id="3.2",
        title="loss alignment of over-parameterised linear models",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 3.2",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "D"},
        provenance_note="Derived again from Theorem 4.2 and checked numerically; the range of ε is ours, as there.",
        summary="With more samples than the square of the dimension the size of the noise is between one and three "
        "times loss times curvature, at every parameter at once and whatever the parameterisation.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            RANGE,
        ),
        quantity="mu_olm",
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
        controls=_controls(),
        proof=_proof(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.2:upper-2",
            "a model with one parameter and F' along u has μ = g(u; u), which tends to 3 as n grows at fixed d",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "3.2:d-for-d2",
            "with F' and u along the longest row that row alone contributes about d²/n to μ, unbounded at n = C d",
            {
                "sample_size": [
                    "(d*log(1/eps)**2 + log(1/delta)**2)/eps",
                    "(d*log(1/eps) + log(1/delta))/eps**2",
                ]
            },
        ),
        Control(
            "3.2:lower-1.2",
            "a model with one parameter and F' orthogonal to u has μ = g, which tends to 1 as n grows at fixed d ≥ 2",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "μ = Σ λₖ² g(θ; vₖ)/Σ λₖ² with λₖ and vₖ the eigenvalues and eigenvectors of G",
            proved,
            partial(average_of_directions, 2),
            "any symmetric Σ₁ and any G = VΛVᵀ in three dimensions, V a rotation; the sums have the same form in any",
        ),
        Step(
            "so μ lies between the extremes of g over the eigenvectors",
            proved,
            partial(weighted_mean_between, 1),
            "the weights λₖ²/Σ λₖ² are non-negative and sum to one; three symbolic weights and values, the sum has the "
            "same form for any number",
        ),
        Step(
            "conversely, where all gradients are parallel, J = (X v')wᵀ, μ is g(θ; w)",
            proved,
            partial(parallel_gradients, 2),
            "symbolic X v' and r (3) and w (2): over all F, the bounds of μ are attained or missed with those of g",
        ),
        Step(
            "where the loss or G is zero, μ = 1 lies within the bounds",
            proved,
            partial(one_within_bounds, LOWER, UPPER),
            "0 < ε < 1",
        ),
        # Theorem 4.2: g lies within the bounds for every θ and every v.
        *directional_steps(),
    ))


def average_of_directions(power: int) -> bool:
    """Compare Tr(Σ₁G)/(2L ‖G‖²_F) with Σ λₖᵖ g(θ; vₖ)/Σ λₖᵖ.

    Args:
        power: the power p of the eigenvalues in the weights; two is right.

    Returns:
        Whether the identity holds.
    """
    values = sympy.symbols("l0:3", positive=True)
    noise = sympy.Matrix(3, 3, lambda i, j: sympy.Symbol(f"s{min(i, j)}{max(i, j)}", real=True))
    V, square = _rotation()
    fisher = V * sympy.diag(*values) * V.T
    vectors = [V[:, k] for k in range(3)]
    # The columns of V have length square, so that the eigenvalues of fisher are square² times the values.
    curvatures = all(
        ((v.T * fisher * v)[0] - square**4 * value).expand() == 0 for v, value in zip(vectors, values, strict=True)
    )
    # Hence 2L g along a column is vᵀΣ₁v/(square⁴ value), and Σ valueᵖ · 2L g is this.
    average = sum(value ** (power - 1) * (v.T * noise * v)[0] for v, value in zip(vectors, values, strict=True))
    same_noise = sympy.expand((noise * fisher).trace() - average) == 0
    same_norm = sympy.expand((fisher * fisher).trace() - square**4 * sum(value**power for value in values)) == 0
    return curvatures and same_noise and same_norm


def parallel_gradients(power: int) -> bool:
    """Compare μ by its definition, for a Jacobian of rank one, with g along the gradients.

    Args:
        power: the power of the derivative in the numerator of g; two is right.

    Returns:
        Whether the identity holds.
    """
    along, r = (sympy.Matrix(sympy.symbols(f"{name}0:3", real=True)) for name in "jr")
    J = along * sympy.Matrix(sympy.symbols("w0:2", real=True)).T
    noise, fisher = J.T * sympy.diag(*[entry**2 for entry in r]) * J, J.T * J
    # Both quotients have ‖r‖² below; what is left of the definition, and of g:
    above, below = (noise * fisher).trace(), (fisher * fisher).trace()
    claimed = sum(a**2 * b**power for a, b in zip(r, along, strict=True))
    return sympy.expand(above * along.dot(along) - claimed * below) == 0


def _rotation() -> tuple[sympy.Matrix, sympy.Expr]:
    """Make any rotation of space, up to a factor: the matrix of a quaternion, and its squared length."""
    a, b, c, e = sympy.symbols("q0:4", real=True)
    V = sympy.Matrix([
        [a**2 + b**2 - c**2 - e**2, 2 * (b * c - a * e), 2 * (b * e + a * c)],
        [2 * (b * c + a * e), a**2 - b**2 + c**2 - e**2, 2 * (c * e - a * b)],
        [2 * (b * e - a * c), 2 * (c * e + a * b), a**2 - b**2 - c**2 + e**2],
    ])
    return V, a**2 + b**2 + c**2 + e**2
