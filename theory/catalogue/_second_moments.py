"""What the statements of Section 5 share: hypotheses, and one step of SGD on the second moments of a linear model.

w = θ − θ*, G = XᵀX/n with eigenpairs λᵢ, uᵢ in falling order, wᵢ = ⟨uᵢ, w⟩ and mᵢ = E wᵢ². With one sample a step,

    mᵢ(t+1) = (1 − ηλᵢ)² mᵢ(t) + η² E[uᵢᵀΣuᵢ],    E[uᵢᵀΣuᵢ] = gᵢ λᵢ E 2L,    2L = Σ λᵢwᵢ²,

where gᵢ is a mean of g_centred(θ; uᵢ) over the law of θ(t) with the weights 2L, so that A₁ ≤ gᵢ ≤ A₂.
"""

from __future__ import annotations

from functools import partial

import sympy

from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory._symbols import symbol

A1, A2 = (symbol(name) for name in ("A1", "A2"))
_GAP = sympy.Symbol("gap", positive=True)
WITH_GAP = {A2: A1 + _GAP}

LINEAR = "f(x; θ) = ⟨θ, x⟩, square loss, targets ⟨θ*, x⟩ without noise, any inputs"
SGD = (
    "SGD on one sample a step, drawn at random: θ(t+1) = θ(t) − η r x, from any start, fixed or random, with E L(0) > 0"
)
CONSTANTS = "A₁ ≤ g_centred(θ; uᵢ) ≤ A₂ for every θ and every eigenvector uᵢ of G with λᵢ > 0 (5.1)"
RATIO = "D_k = Σ_(i>k) λᵢ E wᵢ²/Σ_(i≤k) λᵢ E wᵢ² with wᵢ = ⟨uᵢ, θ − θ*⟩, λ₁ ≥ λ₂ ≥ … > 0 and k below the rank of G"
SOURCE = "Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, arXiv 2310.00692"

MEANING = {
    "A1": "A₁, the smallest g_centred(θ; uᵢ) over all θ and i, at least 0",
    "A2": "A₂, the largest",
    "beta": "β, the learning rate times ‖G‖_F: η = β/‖G‖_F",
}


def dynamics_steps() -> tuple[Step, ...]:
    """List the two steps from SGD to the recursion above.

    Returns:
        The steps, in order.
    """
    return (
        Step(
            "E⟨u, w(t+1)⟩² = ⟨u, (I − ηG)w⟩² + η² uᵀΣu, given w(t) = w",
            StepStatus.PROVED,
            partial(one_step, 1),
            "the mean over the samples of ⟨u, w − η x⟨x, w⟩⟩²; at u = uᵢ the first term is (1 − ηλᵢ)²wᵢ². Two symbolic "
            "samples in two dimensions; both sides are means over the samples but for (uᵀGw)², which cancels",
        ),
        Step(
            "A₁ λᵢ E 2L ≤ E[uᵢᵀΣuᵢ] ≤ A₂ λᵢ E 2L",
            StepStatus.PROVED,
            partial(noise_between, A1, A2),
            "uᵢᵀΣuᵢ = g_centred(θ; uᵢ) λᵢ 2L; three points of a law of θ(t), the sum has the same form for any law",
        ),
    )


def one_step(factor: int) -> bool:
    """Compare the mean of ⟨u, w − η x⟨x, w⟩⟩² over two samples with drift and noise.

    Args:
        factor: the factor of η² uᵀΣu; one is right.

    Returns:
        Whether the identity holds.
    """
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "uw")
    eta = sympy.Symbol("eta", positive=True)
    along_u, residual = X * u, X * w
    mean = sum((u.dot(w) - eta * a * r) ** 2 for a, r in zip(along_u, residual, strict=True)) / 2
    gradient = along_u.dot(residual) / 2
    noise = sum(a**2 * r**2 for a, r in zip(along_u, residual, strict=True)) / 2 - gradient**2
    return is_identity(mean, (u.dot(w) - eta * gradient) ** 2 + factor * eta**2 * noise)


def noise_between(least: sympy.Expr, most: sympy.Expr) -> bool:
    """Show least · E 2L ≤ E[g 2L] ≤ most · E 2L where A₁ ≤ g ≤ A₂.

    Args:
        least: the claimed lower factor; A₁ is right.
        most: the claimed upper factor; A₂ is right.

    Returns:
        Whether both hold for every law on three points.
    """
    box, alignments = alignments_between(3)
    weights = sympy.symbols("p0:3", positive=True)
    box |= dict.fromkeys(weights, (0, None))
    noise = sum(p * g for p, g in zip(weights, alignments, strict=True))
    least, most = (end.xreplace(WITH_GAP) for end in (least, most))
    return is_nonnegative(noise - least * sum(weights), box) and is_nonnegative(most * sum(weights) - noise, box)


def alignments_between(
    count: int,
) -> tuple[dict[sympy.Symbol, tuple[sympy.Expr | int, sympy.Expr | int | None]], list[sympy.Expr]]:
    """Make alignments between A₁ and A₂ = A₁ + gap.

    Args:
        count: how many.

    Returns:
        The box of all symbols in them, and the alignments; `WITH_GAP` rewrites A₂ in the same symbols.
    """
    shares = sympy.symbols(f"y0:{count}", positive=True)
    box: dict[sympy.Symbol, tuple[sympy.Expr | int, sympy.Expr | int | None]] = {A1: (0, None), _GAP: (0, None)}
    return box | dict.fromkeys(shares, (0, 1)), [A1 + _GAP * share for share in shares]
