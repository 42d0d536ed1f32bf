"""From a two-layer network with a fixed outer layer to the row sums of its squared Gram matrix.

f(x; θ) = Σ_k v_k σ(b_k·x) with 0 < α ≤ σ' ≤ β; K is the Gram matrix of the derivatives of f by the b_k, P that of the
inputs. The row sums of K∘K lie between α⁴ and β⁴ times those of P∘P, up to one factor for all rows.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, between, ends, equal, replaced, shows
from theory._inequalities import Box
from theory._proof import Step, StepStatus
from theory._symbols import symbol

alpha, beta = (symbol(name) for name in ("alpha", "beta"))

# β − α, so that β ≥ α is a sign.
GAP = sympy.Symbol("gap", positive=True)
WITH_GAP = {beta: alpha + GAP}
SLOPES: Box = {alpha: (0, None), GAP: (0, None)}
# Neurons k with outer weights v and slopes s at the samples; Gram matrices of the network and of the inputs, and the
# row sums of their squared entries.
_WIDTH = sympy.Symbol("m", integer=True, positive=True)
_I, _J, _N = (sympy.Symbol(letter, integer=True, positive=True) for letter in "ijk")
_OUTER, _SLOPE = sympy.IndexedBase("v", real=True), sympy.IndexedBase("s", real=True)
_K, _P = (sympy.IndexedBase(letter, real=True)[_I, _J] for letter in "KP")
ROW, LINEAR_ROW = (sympy.IndexedBase(letter, positive=True)[_I] for letter in "ap")
SCALE = sympy.Symbol("c", positive=True)


def network_steps() -> tuple[Step, ...]:
    """List the steps from the network's derivatives to its row sums.

    Returns:
        The steps, in order.
    """
    proved = StepStatus.PROVED
    gram = _P * over_neurons(_OUTER[_N] ** 2 * _SLOPE[_I, _N] * _SLOPE[_J, _N])
    return (
        Step(
            "Kᵢⱼ = (xᵢ·xⱼ) Σ vₖ² sᵢₖ sⱼₖ with the slopes sᵢₖ = σ'(bₖ·xᵢ), the sum over the neurons k",
            proved,
            Fact("Gram matrix", (equal(_K, gram),)),
            gram_form,
            note="P is the Gram matrix of the inputs, v are the outer weights aₖ of the statement; the derivatives of "
            "f for any differentiable σ; two neurons, two symbolic inputs in two dimensions",
        ),
        Step(
            "α⁴ c² (xᵢ·xⱼ)² ≤ Kᵢⱼ² ≤ β⁴ c² (xᵢ·xⱼ)² with c = Σ vₖ²",
            proved,
            Fact(
                "entries",
                (
                    equal(SCALE, over_neurons(_OUTER[_N] ** 2)),
                    *between(alpha**4 * SCALE**2 * _P**2, _K**2, beta**4 * SCALE**2 * _P**2),
                ),
            ),
            entries_between,
            ("Gram matrix",),
            "two neurons with any slopes in [α, β] at the two inputs; the sum has the same form for any number",
        ),
        Step(
            "α⁴ c² pᵢ ≤ aᵢ ≤ β⁴ c² pᵢ for the row sums a of K∘K and p of XXᵀ∘XXᵀ",
            proved,
            Fact("network row sums", between(alpha**4 * SCALE**2 * LINEAR_ROW, ROW, beta**4 * SCALE**2 * LINEAR_ROW)),
            row_sums_between,
            ("entries",),
            "the same c for every row; three symbolic entries, the sum has the same form for any number",
        ),
    )


def over_neurons(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the neurons.

    Args:
        entries: an expression in entries with the index k.

    Returns:
        The sum over k = 1, …, m, as it stands.
    """
    return sympy.Sum(entries, (_N, 1, _WIDTH))


class _Activation(sympy.Function):
    """An activation of which nothing is known but that it has a derivative."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return _Slope(self.args[argindex - 1])


class _Slope(sympy.Function):
    """Its derivative."""


def gram_form(conclusion: Formulas) -> bool:
    """Compare the Gram matrix of two neurons, from the derivatives of f, with its formula.

    Args:
        conclusion: an entry of the Gram matrix.

    Returns:
        Whether the identity holds, entry by entry.
    """
    (claimed,) = conclusion
    outer = sympy.symbols("a0:2", real=True)
    inner = sympy.Matrix(2, 2, lambda k, j: sympy.Symbol(f"b{k}{j}", real=True))
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    arguments = X * inner.T
    outputs = sympy.Matrix([sum(outer[k] * _Activation(arguments[i, k]) for k in range(2)) for i in range(2)])
    J = outputs.jacobian(list(inner))
    K, P = J * J.T, X * X.T
    weights = {_OUTER[k + 1]: outer[k] for k in range(2)}
    slopes = {_SLOPE[i + 1, k + 1]: _Slope(arguments[i, k]) for i in range(2) for k in range(2)}

    def entry(side: sympy.Expr, i: int, j: int) -> sympy.Expr:
        at = side.subs({_WIDTH: 2, _I: i + 1, _J: j + 1}).doit()
        gram = {matrix.base[i + 1, j + 1]: values[i, j] for matrix, values in ((_K, K), (_P, P))}
        return at.xreplace(weights | slopes | gram)

    pairs = [(i, j) for i in range(2) for j in range(2)]
    return claimed.lhs == _K and all((entry(_K, *at) - entry(claimed.rhs, *at)).expand() == 0 for at in pairs)


def entries_between(conclusion: Formulas, gram: Formulas) -> bool:
    """Bound the square of P Σ vₖ² s s' for slopes s and s' in [α, β].

    Args:
        conclusion: what c is, and Kᵢⱼ² between two multiples of c² Pᵢⱼ².
        gram: an entry of the Gram matrix.

    Returns:
        Whether both bounds hold for two neurons.
    """
    scale, *bounds = conclusion
    shares = sympy.symbols("y0:4", positive=True)
    inner, weights = sympy.Symbol("inner", positive=True), sympy.symbols("v0:2", positive=True)
    entries = {_OUTER[k + 1]: weight for k, weight in enumerate(weights)} | {_P: inner}
    for place, share in zip(((_I, 1), (_I, 2), (_J, 1), (_J, 2)), shares, strict=True):
        entries[_SLOPE[place]] = alpha + GAP * share
    K, c = (formula.rhs.subs(_WIDTH, 2).doit().xreplace(entries) for formula in (gram[0], scale))
    box = {**SLOPES, inner: (0, None)} | dict.fromkeys(weights, (0, None)) | dict.fromkeys(shares, (0, 1))
    values = {_K: K, SCALE: c, _P: inner, **WITH_GAP}
    # Both sides of each are squares of positive numbers.
    roots = [formula.func(*map(sympy.sqrt, replaced(formula, values).args), evaluate=False) for formula in bounds]
    named_first = (gram[0].lhs, scale.lhs) == (_K, SCALE) and bool(c.is_positive)
    return named_first and all(shows(formula, box) for formula in roots)


def row_sums_between(conclusion: Formulas, entries: Formulas) -> bool:
    """Bound a row sum of numbers that lie between two multiples of c² Pᵢⱼ².

    Args:
        conclusion: aᵢ between two multiples of c² pᵢ.
        entries: what c is, and Kᵢⱼ² between those multiples.

    Returns:
        Whether both bounds hold for three entries of a row.
    """
    inner, shares = sympy.symbols("inner0:3", positive=True), sympy.symbols("y0:3", positive=True)
    low, high = ends(entries[1:])
    row = [(low + share * (high - low)).xreplace({_P: value}) for value, share in zip(inner, shares, strict=True)]
    box = {**SLOPES, SCALE: (0, None)} | dict.fromkeys(inner, (0, None)) | dict.fromkeys(shares, (0, 1))
    sums = {ROW: sum(row), LINEAR_ROW: sum(value**2 for value in inner)}
    return entries[1].rhs == _K**2 and all(
        shows(formula, box, {part: value.xreplace(WITH_GAP) for part, value in sums.items()} | WITH_GAP)
        for formula in conclusion
    )
