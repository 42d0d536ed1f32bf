"""Theorem 3.3: the loss alignment of the linear model, for every θ at once.

Problem:
    f(x; θ) = ⟨θ, x⟩ with inputs x_1, …, x_n ~ N(0, S) independent, and any labels. The loss alignment is
    μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss is zero.

Statement:
    If n ≥ C log(n/δ)/ε² and d_eff ≥ C log(n/δ)/ε², where d_eff = min{srk(S), srk(S²)}, then
    1 − ε ≤ μ(θ) ≤ 1 + ε for all θ.

Guarantee:
    With probability at least 1 − δ over the inputs; C is an absolute constant that the paper does not give.
    Theorem 3.3 of Wang & Wu, arXiv 2310.00692.

Provenance:
    Bounds and proof [D]; the form of the two conditions [R]: it is the one that the surviving proof gives.

Controls:
    3.3:no-dimension (the condition on d_eff dropped), 3.3:linear-eps (ε in place of ε² in both conditions) and
    3.3:raised-lower (the lower bound raised by a quarter).

Example:
    >>> import theory
    >>> s = theory.statement("3.3")
    >>> s.required_n(eps=0.2, delta=0.05), round(s.required_dimension(eps=0.2, delta=0.05, n=1000), 1)
    (209, 247.6)
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import sympy

from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import symbol

eps, delta, n = (symbol(name) for name in ("eps", "delta", "n"))

LOWER = 1 - eps
UPPER = 1 + eps
CONDITION = sympy.log(n / delta) / eps**2
# How far the row sums a_i may lie from their common value for the bounds to follow.
SPREAD = eps / (2 + eps)


def build() -> Statement:
    """Build Theorem 3.3.

    Returns:
        The statement.
    """
    return Statement(
        id="3.3",
        title="loss alignment of the linear model",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 3.3",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "R", "dimension": "R"},
        provenance_note="The bounds were derived again and checked numerically; the final form of the two conditions "
        "had to be chosen, it is the one that the surviving proof gives.",
        summary="With enough samples in enough effective dimensions the noise is aligned with the loss landscape: its "
        "size is loss times curvature up to a factor close to one, at every parameter at once.",
        hypotheses=(
            "f(x; θ) = ⟨θ, x⟩, square loss, any labels",
            "x₁, …, xₙ ~ N(0, S) independent",
            "the effective dimension is min{srk(S), srk(S²)} with srk(A) = Tr A/‖A‖",
        ),
        quantity="mu",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
            "d_eff": "the effective dimension min{srk(S), srk(S²)}",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=(CONDITION,),
        dimension=(CONDITION,),
        constants="absolute",
        probability=1 - delta,
        controls=_controls(),
        proof=_proof(),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.3:no-dimension",
            "at fixed S the range of μ tends, as n grows, to the population's [1, 1 + 2/srk(S²)], which is wider than "
            "any ε below 2/srk(S²)",
            {"dimension": []},
        ),
        Control(
            "3.3:linear-eps",
            "the row sums fluctuate like √(log(n)/n), so that the least possible ε falls like the square root of 1/n, "
            "not like 1/n",
            {"sample_size": ["log(n/delta)/eps"], "dimension": ["log(n/delta)/eps"]},
        ),
        Control(
            "3.3:raised-lower",
            "as n and d_eff grow μ tends to 1 for every θ, below (1 − ε)·5/4 for every ε under 1/5",
            {"lower": "(1 - eps)*5/4"},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "Tr(Σ₁G) = r²ᵀa/n² and ‖G‖²_F = Σ aᵢ/n² with a = (K∘K)1",
            proved,
            trace_identity,
            "K = JJᵀ; traces of matrix products of any size up to cyclic order, then Tr(D A) = Σ rᵢ² Aᵢᵢ",
        ),
        Step(
            "μ = n r²ᵀa/(‖r‖² Σ aᵢ), entry by entry",
            proved,
            partial(gram_identity, 3, 2, 1),
            "symbolic Jacobian (3×2) and residual",
        ),
        Step(
            "min aᵢ ≤ Σ wᵢaᵢ ≤ max aᵢ for weights wᵢ = rᵢ²/‖r‖² and for wᵢ = 1/n",
            proved,
            partial(weighted_mean_between, 1),
            "three symbolic weights and values; the sum has the same form for any number",
        ),
        Step(
            "aᵢ within (1 ± t)A for all i gives (1 − t)/(1 + t) ≤ μ ≤ (1 + t)/(1 − t)",
            proved,
            partial(quotient_between, 1),
            "μ is a quotient of two such means; 0 < t < 1, A > 0",
        ),
        Step(
            "t = ε/(2 + ε) gives 1 − ε ≤ μ ≤ 1 + ε",
            proved,
            partial(bounds_from_spread, LOWER, UPPER, SPREAD),
            "0 < ε < 1; the upper bound is met exactly",
        ),
        *spread_steps(),
    ))


def spread_steps() -> tuple[Step, ...]:
    """List the steps from the conditions to the spread of the row sums, which Theorem 3.5 needs as well.

    Returns:
        The steps, in order.
    """
    return (
        Step(
            "t ≥ ε/3, so a condition in t² is one in ε² with 9 times the constant",
            StepStatus.PROVED,
            partial(spread_at_least, SPREAD, eps / 3),
            "0 < ε < 1",
        ),
        Step(
            "w.p. ≥ 1 − δ all aᵢ lie within (1 ± t)A if n and d_eff are at least C log(n/δ)/t²",
            StepStatus.CITED,
            None,
            "Laurent & Massart, Adaptive estimation of a quadratic functional by model selection, Ann. Statist. 28 "
            "(2000), Lemma 1, for ‖xᵢ‖², for xᵢᵀSxᵢ and, given xᵢ, for the sum over j ≠ i of (xᵢ·xⱼ)²; 6n events",
        ),
    )


def trace_identity(extra: int = 0) -> bool:
    """Show Tr(JᵀDJ JᵀJ) = Tr(D K²) and Tr((JᵀJ)²) = Tr(K²) by cyclic order, and (K²)ᵢᵢ = aᵢ.

    Args:
        extra: how many surplus factors JᵀJ to put into the noise; none is right.

    Returns:
        Whether the identity holds.
    """
    rows, columns = sympy.symbols("rows columns", integer=True, positive=True)
    J, D = sympy.MatrixSymbol("J", rows, columns), sympy.MatrixSymbol("D", rows, rows)
    K = J * J.T
    noise = _same_trace([J.T, D, J, J.T, J] + [J.T, J] * extra, [D, *K.args, *K.args])
    fisher = _same_trace([J.T, J, J.T, J], [*K.args, *K.args])
    entries = sympy.Matrix(3, 3, lambda i, j: sympy.Symbol(f"K{min(i, j)}{max(i, j)}"))
    squares = [sum(entries[i, j] ** 2 for j in range(3)) for i in range(3)]
    return noise and fisher and all(is_identity((entries**2)[i, i], squares[i]) for i in range(3))


def gram_identity(samples: int, parameters: int, power: int) -> bool:
    """Compare μ by its definition with the Gram formula; power is that of the residuals' squares.

    Args:
        samples: the number of rows of J.
        parameters: the number of its columns.
        power: the power of the squared residuals in the Gram formula; one is right.

    Returns:
        Whether the identity holds.
    """
    J = sympy.Matrix(samples, parameters, lambda i, j: sympy.Symbol(f"J{i}{j}", real=True))
    r = sympy.Matrix(sympy.symbols(f"r0:{samples}", real=True))
    noise = J.T * sympy.diag(*[entry**2 for entry in r]) * J / samples
    fisher = J.T * J / samples
    definition = (noise * fisher).trace() / (r.dot(r) / samples * (fisher * fisher).trace())
    a = [sum((J[i, :] * J[j, :].T)[0] ** 2 for j in range(samples)) for i in range(samples)]
    weighted = sum(r[i] ** (2 * power) * a[i] for i in range(samples))
    numerator, denominator = sympy.fraction(definition)
    return bool(sympy.expand(numerator * r.dot(r) * sum(a) - samples * weighted * denominator) == 0)


def weighted_mean_between(sign: int) -> bool:
    """Show that Σ wᵢaᵢ − min a and max a − Σ wᵢaᵢ are sums of non-negative terms.

    Args:
        sign: the sign of what the values lack to the maximum; plus one is right.

    Returns:
        Whether every term is seen to be non-negative.
    """
    w = sympy.symbols("w0:3", nonnegative=True)
    excess = sympy.symbols("s0:3", nonnegative=True)
    end = sympy.Symbol("m", real=True)
    above = sum(weight * (end + s) for weight, s in zip(w, excess, strict=True)) - end * sum(w)
    below = end * sum(w) - sum(weight * (end - sign * s) for weight, s in zip(w, excess, strict=True))
    return bool(sympy.expand(above).is_nonnegative and sympy.expand(below).is_nonnegative)


def quotient_between(sign: int) -> bool:
    """Bound the quotient of two means in [(1 − t)A, (1 + t)A] by its values at the corners.

    Args:
        sign: the sign of t in both denominators; plus one is right.

    Returns:
        Whether both bounds hold.
    """
    t, A, x, y = sympy.symbols("t A x y", positive=True)
    low, high = (1 - t) * A, (1 + t) * A
    box = {t: (0, 1), A: (0, None), x: (0, 1), y: (0, 1)}
    top, bottom = low + x * (high - low), low + y * (high - low)
    upper, lower = (1 + t) / (1 - sign * t), (1 - t) / (1 + sign * t)
    return is_nonnegative(upper - top / bottom, box) and is_nonnegative(top / bottom - lower, box)


def bounds_from_spread(lower: sympy.Expr, upper: sympy.Expr, spread: sympy.Expr) -> bool:
    """Show that the quotients at this spread lie within the claimed bounds, the upper one exactly.

    Args:
        lower: the claimed lower bound, in ε.
        upper: the claimed upper bound, in ε.
        spread: t as a function of ε.

    Returns:
        Whether both bounds follow.
    """
    box = {eps: (0, 1)}
    exact = is_identity((1 + spread) / (1 - spread), upper)
    return exact and is_nonnegative((1 - spread) / (1 + spread) - lower, box)


def spread_at_least(spread: sympy.Expr, least: sympy.Expr) -> bool:
    """Show spread ≥ least on 0 < ε < 1.

    Args:
        spread: t as a function of ε.
        least: what it is claimed to exceed.

    Returns:
        Whether it does.
    """
    return is_nonnegative(spread - least, {eps: (0, 1)})


def _same_trace(left: list[sympy.Expr], right: list[sympy.Expr]) -> bool:
    """Say whether two products are cyclic permutations of each other, hence have the same trace."""
    rotations = [right[k:] + right[:k] for k in range(len(right))]
    fits = all(a.shape[1] == b.shape[0] for a, b in pairwise([*left, left[0]]))
    return fits and left in rotations
