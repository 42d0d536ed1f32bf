"""Proposition 5.3: gradient descent leaves a minimum along its sharpest direction.

Problem:
    f(x; θ) = ⟨θ, x⟩ with targets ⟨θ*, x⟩ without noise; gradient descent with the learning rate η = β/λ₁.
    wᵢ = ⟨uᵢ, θ − θ*⟩; D_k(t) = Σ_{i>k} λᵢwᵢ(t)² / Σ_{i≤k} λᵢwᵢ(t)², as for SGD in Theorem 5.2.

Statement:
    D_k(t) ≤ R (q/(β − 1)²)^t with R = Σ_{i>k} λᵢwᵢ(0)²/(λ₁w₁(0)²) and q = max_{i>k}(1 − βλᵢ/λ₁)².
    For β > 2, where gradient descent escapes, q < (β − 1)² as soon as λ_{k+1} < λ₁: the share of the flat directions
    falls exponentially, while that of SGD stays above a positive number.

Guarantee:
    For any inputs and any start with w₁(0) ≠ 0; exact dynamics, no probability. The inequality itself holds for every
    β ≠ 1. Proposition 5.3 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D]: derived again and checked on the dynamics.

Controls:
    5.3:rate-squared, the exponent 2t in place of t.

Example:
    >>> import theory
    >>> theory.statement("5.3").bounds(R=2, q=0.25, beta=2.5, t=1)[1]
    0.2222222222222222
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_identity, is_nonnegative, is_positive
from theory._parse import parse
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue._second_moments import LINEAR, RATIO, SOURCE

SYMBOLS = {
    "R": "Σ_(i>k) λᵢwᵢ(0)²/(λ₁w₁(0)²), at least 0",
    "q": "max_(i>k) (1 − βλᵢ/λ₁)², at least 0",
    "beta": "β, the learning rate times λ₁: η = β/λ₁; gradient descent escapes where it is above 2",
    "t": "the number of steps, at least 0",
}
R, q, beta, t = (symbol(name) for name in SYMBOLS)

# As text, since SymPy would tear the power apart.
UPPER = parse("R*(q/(beta - 1)**2)**t", SYMBOLS)


def build() -> Statement:
    """Build Proposition 5.3.

    Returns:
        The statement.
    """
    return Statement(
        id="5.3",
        title="gradient descent escapes along the sharpest direction",
        kind="theorem",
        source=f"{SOURCE}, Proposition 5.3",
        provenance={"upper": "D"},
        provenance_note="Derived again and checked on the dynamics.",
        summary="Gradient descent beyond its threshold leaves along the sharpest direction; what remains in the flat "
        "ones is exponentially small.",
        hypotheses=(LINEAR, "gradient descent from any start with w₁(0) ≠ 0: θ(t+1) = θ(t) − η Xᵀr/n", RATIO),
        quantity="flat_to_sharp_gd",
        symbols=SYMBOLS,
        lower=None,
        upper=UPPER,
        controls=(
            Control(
                "5.3:rate-squared",
                "with one sharp and one flat direction the bound is met exactly, and where the rate is below one its "
                "square is smaller",
                {"upper": "R*(q/(beta - 1)**2)**(2*t)"},
            ),
        ),
        proof=_proof(),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "⟨u, w(t+1)⟩ = ⟨(I − ηG)u, w(t)⟩",
            proved,
            partial(gradient_step, 1),
            "so wᵢ(t) = (1 − ηλᵢ)ᵗ wᵢ(0), by induction; three symbolic samples in two dimensions",
        ),
        Step(
            "D_k(t) ≤ R (q/(β − 1)²)^t",
            proved,
            partial(geometric, UPPER),
            "(1 − ηλᵢ)²ᵗ ≤ qᵗ for i > k, (1 − ηλ₁)² = (β − 1)²; two sharp and two flat directions, the sums have the "
            "same form for any number",
        ),
        Step(
            "q < (β − 1)² for β > 2 and λ_(k+1) < λ₁",
            proved,
            partial(flat_is_slower, 2),
            "ηλᵢ = β times a number in (0, 1) for i > k",
        ),
    ))


def gradient_step(factor: int) -> bool:
    """Compare a step of gradient descent, by the definition of the loss, with I − ηG.

    Args:
        factor: the factor of ηG; one is right.

    Returns:
        Whether they are the same along any u.
    """
    X = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "uw")
    eta = sympy.Symbol("eta", positive=True)
    loss = sum(entry**2 for entry in X * w) / 6
    gradient = sympy.Matrix([sympy.diff(loss, entry) for entry in w])
    G = X.T * X / 3
    return is_identity(u.dot(w - eta * gradient), (u - factor * eta * G * u).dot(w))


def geometric(bound: sympy.Expr) -> bool:
    """Bound D_k(t) with the t-th powers as symbols, and show that the bound is what it then reads.

    Args:
        bound: the claimed bound, in R, q, β and t.

    Returns:
        Whether it is R qᵗ/(β − 1)²ᵗ, and D_k(t) at most that for two sharp and two flat directions.
    """
    sharp_rate = sympy.Symbol("rate", positive=True)
    logarithm = sympy.expand_log(sympy.log(bound.xreplace({beta: 1 + sharp_rate})), force=True)
    expected = sympy.log(R) + t * (sympy.log(q) - 2 * sympy.log(sharp_rate))
    if sympy.expand(logarithm - expected) != 0:
        return False
    largest, first, other = sympy.symbols("largest first other", positive=True)
    losses = sympy.symbols("loss0:4", positive=True)
    shares = sympy.symbols("share0:2", positive=True)
    box = dict.fromkeys((largest, first, other, *losses), (0, None)) | dict.fromkeys(shares, (0, 1))
    flat = largest * (shares[0] * losses[2] + shares[1] * losses[3])
    D = flat / (first * losses[0] + other * losses[1])
    return is_nonnegative((losses[2] + losses[3]) / losses[0] * largest / first - D, box)


def flat_is_slower(least: int) -> bool:
    """Show (1 − βs)² < (β − 1)² for 0 < s < 1.

    Args:
        least: the value that β exceeds; two is right.

    Returns:
        Whether it is.
    """
    share = sympy.Symbol("s", positive=True)
    box = {beta: (least, None), share: (0, 1)}
    return is_positive((beta - 1) ** 2 - (1 - beta * share) ** 2, box)
