"""Theorem 3.5: the loss alignment of two-layer networks with a fixed outer layer, for every θ at once.

Problem:
    f(x; θ) = Σ_k a_k σ(b_k·x) with the a_k fixed and θ = (b_1, b_2, …), inputs x_1, …, x_n ~ N(0, S) independent, and
    any labels. The slopes of σ lie between α and β, 0 < α ≤ β; a leaky ReLU of slope s has α = s and β = 1.
    μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss is zero.

Statement:
    If n ≥ C log(n/δ)/ε² and d_eff ≥ C log(n/δ)/ε², where d_eff = min{srk(S), srk(S²)}, then
    (α/β)⁴ (1 − ε) ≤ μ(θ) ≤ (β/α)⁴ (1 + ε) for all θ, any width and any outer layer.

Guarantee:
    With probability at least 1 − δ over the inputs; C is an absolute constant that the paper does not give. Vacuous for
    the ReLU itself: at α = 0 the lower bound is 0 and the upper one infinite.
    Theorem 3.5 of Wang & Wu, arXiv 2310.00692.

Provenance:
    Bounds and proof [D]; the conditions are those of Theorem 3.3, whose form is [R]. Exponents of 4 cannot be improved
    for n ≤ d (last step of the proof); what is best for n above d is open.

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

from functools import partial

import sympy

from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol
from theory.catalogue import theorem_3_3 as linear

eps, delta, alpha, beta = (symbol(name) for name in ("eps", "delta", "alpha", "beta"))

# β − α, so that β ≥ α is a sign.
_GAP = sympy.Symbol("gap", positive=True)

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
        sample_size=(linear.CONDITION,),
        dimension=(linear.CONDITION,),
        constants="absolute",
        probability=1 - delta,
        controls=_controls(),
        proof=_proof(),
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
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "Kᵢⱼ = (xᵢ·xⱼ) Σ aₖ² σ'(bₖ·xᵢ) σ'(bₖ·xⱼ), the sum over the neurons k",
            proved,
            partial(gram_form, 2),
            "the derivatives of f for any differentiable σ; two neurons, two symbolic inputs in two dimensions",
        ),
        Step(
            "α⁴ c (xᵢ·xⱼ)² ≤ Kᵢⱼ² ≤ β⁴ c (xᵢ·xⱼ)² with c = (Σ aₖ²)²",
            proved,
            partial(entries_between, 4),
            "two neurons with any slopes in [α, β] at the two inputs; the sum has the same form for any number",
        ),
        Step(
            "α⁴ c aᵢ ≤ ãᵢ ≤ β⁴ c aᵢ for the row sums ãᵢ of K∘K and aᵢ of XXᵀ∘XXᵀ",
            proved,
            partial(row_sums_between, 4),
            "the same c for every row; three symbolic entries, the sum has the same form for any number",
        ),
        Step(
            "μ = n r²ᵀã/(‖r‖² Σ ãᵢ)",
            proved,
            partial(linear.gram_identity, 3, 2, 1),
            "any Jacobian: Theorem 3.3, symbolic at 3×2",
        ),
        Step(
            "min ãᵢ ≤ Σ wᵢãᵢ ≤ max ãᵢ for weights wᵢ = rᵢ²/‖r‖² and for wᵢ = 1/n",
            proved,
            partial(linear.weighted_mean_between, 1),
            "three symbolic weights and values; the sum has the same form for any number",
        ),
        Step(
            "aᵢ within (1 ± t)A for all i gives (α/β)⁴(1 − t)/(1 + t) ≤ μ ≤ (β/α)⁴(1 + t)/(1 − t)",
            proved,
            partial(quotient_between, 4, 1),
            "μ is a quotient of two means of numbers between α⁴(1 − t)cA and β⁴(1 + t)cA; 0 < t < 1, A > 0, c > 0",
        ),
        Step(
            "t = ε/(2 + ε) gives the bounds",
            proved,
            partial(bounds_from_spread, LOWER, UPPER, linear.SPREAD),
            "0 < ε < 1; the upper bound is met exactly",
        ),
        *linear.spread_steps(),
        Step(
            "neither fourth power can be lowered where the inputs may be orthogonal",
            proved,
            partial(power_attained, 4),
            "n orthogonal inputs of equal length, one neuron with slope β on one of them and α on the others, or the "
            "other way round, the residual on that one: μ tends to (β/α)⁴ or (α/β)⁴ as n grows. Nothing is said for "
            "n above d",
        ),
    ))


class _Activation(sympy.Function):
    """An activation of which nothing is known but that it has a derivative."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return _Slope(self.args[argindex - 1])


class _Slope(sympy.Function):
    """Its derivative."""


def gram_form(power: int) -> bool:
    """Compare the Gram matrix of two neurons, from the derivatives of f, with its formula.

    Args:
        power: the power of the outer weights; two is right.

    Returns:
        Whether the identity holds, entry by entry.
    """
    outer = sympy.symbols("a0:2", real=True)
    inner = sympy.Matrix(2, 2, lambda k, j: sympy.Symbol(f"b{k}{j}", real=True))
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    arguments = X * inner.T
    outputs = sympy.Matrix([sum(outer[k] * _Activation(arguments[i, k]) for k in range(2)) for i in range(2)])
    J = outputs.jacobian(list(inner))

    def claimed(i: int, j: int) -> sympy.Expr:
        slopes = sum(outer[k] ** power * _Slope(arguments[i, k]) * _Slope(arguments[j, k]) for k in range(2))
        return (X[i, :] * X[j, :].T)[0] * slopes

    return bool((J * J.T - sympy.Matrix(2, 2, claimed)).expand().is_zero_matrix)


def entries_between(power: int) -> bool:
    """Bound the square of Σ aₖ² s s' for slopes s and s' in [α, β] by c αᵖ and c βᵖ.

    Args:
        power: the power p; four is right.

    Returns:
        Whether both bounds hold.
    """
    weights = sympy.symbols("w0:2", positive=True)
    parts, others, gap = sympy.symbols("s0:2", positive=True), sympy.symbols("t0:2", positive=True), _GAP
    total = sum(
        weight * (alpha + gap * s) * (alpha + gap * t) for weight, s, t in zip(weights, parts, others, strict=True)
    )
    box = {alpha: (0, None), gap: (0, None), **dict.fromkeys(weights, (0, None))}
    box |= dict.fromkeys((*parts, *others), (0, 1))
    scale = sum(weights) ** 2
    above, below = (alpha + gap) ** power * scale - total**2, total**2 - alpha**power * scale
    return is_nonnegative(above, box) and is_nonnegative(below, box)


def row_sums_between(power: int) -> bool:
    """Bound a row sum of numbers that lie between αᵖ and βᵖ times c qⱼ.

    Args:
        power: the power p of the slopes in the claim; four is right.

    Returns:
        Whether the row sum lies between αᵖ and βᵖ times c Σ qⱼ.
    """
    c, inputs, parts = sympy.Symbol("c", positive=True), sympy.symbols("q0:3", positive=True), sympy.symbols("s0:3")
    low, high = alpha**4, (alpha + _GAP) ** 4
    total = sum(c * q * (low + s * (high - low)) for q, s in zip(inputs, parts, strict=True))
    box = {alpha: (0, None), _GAP: (0, None), c: (0, None), **dict.fromkeys(inputs, (0, None))}
    box |= dict.fromkeys(parts, (0, 1))
    above, below = (alpha + _GAP) ** power * c * sum(inputs) - total, total - alpha**power * c * sum(inputs)
    return is_nonnegative(above, box) and is_nonnegative(below, box)


def quotient_between(power: int, sign: int) -> bool:
    """Bound the quotient of two means of numbers between α⁴(1 − t) and β⁴(1 + t) by its values at the corners.

    Args:
        power: the power of β/α and α/β in the claim; four is right.
        sign: the sign of t in both denominators; plus one is right.

    Returns:
        Whether both bounds hold.
    """
    t, x, y = sympy.symbols("t x y", positive=True)
    largest = alpha + _GAP
    low, high = alpha**4 * (1 - t), largest**4 * (1 + t)
    box = {alpha: (0, None), _GAP: (0, None), t: (0, 1), x: (0, 1), y: (0, 1)}
    quotient = (low + x * (high - low)) / (low + y * (high - low))
    upper = (largest / alpha) ** power * (1 + t) / (1 - sign * t)
    lower = (alpha / largest) ** power * (1 - t) / (1 + sign * t)
    return is_nonnegative(upper - quotient, box) and is_nonnegative(quotient - lower, box)


def bounds_from_spread(lower: sympy.Expr, upper: sympy.Expr, spread: sympy.Expr) -> bool:
    """Show that the quotients at this spread lie within the claimed bounds, the upper one exactly.

    Args:
        lower: the claimed lower bound, in ε, α and β.
        upper: the claimed upper bound.
        spread: t as a function of ε.

    Returns:
        Whether both bounds follow.
    """
    slopes = (alpha / beta) ** 4
    exact = is_identity((1 + spread) / (1 - spread) / slopes, upper)
    below = (slopes * (1 - spread) / (1 + spread) - lower).xreplace({beta: alpha + _GAP})
    return exact and is_nonnegative(below, {eps: (0, 1), alpha: (0, None), _GAP: (0, None)})


def power_attained(power: int) -> bool:
    """Follow μ for orthogonal inputs as their number grows, one of them apart from the others.

    Args:
        power: the power of β/α in the claim; four is right.

    Returns:
        Whether μ tends to (β/α)ᵖ where that one has slope β, and to (α/β)ᵖ where it has slope α.
    """
    number = sympy.Symbol("number", positive=True)

    def alignment(one: sympy.Expr, others: sympy.Expr) -> sympy.Expr:
        # K is diagonal, with the squared slopes.
        return number * one**4 / (one**4 + (number - 1) * others**4)

    ratio = beta / alpha
    limits = [sympy.limit(alignment(*slopes), number, sympy.oo) for slopes in ((beta, alpha), (alpha, beta))]
    return is_identity(limits[0], ratio**power) and is_identity(limits[1], 1 / ratio**power)
