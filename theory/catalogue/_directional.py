"""The steps that the statements on the directional alignment share, and their bounds.

Problem:
    Inputs x_1, …, x_n ~ N(0, S) and noiseless linear targets, so that the residual is X u and the derivative along v is
    X v' with a vector v' of the input space (v' = v for the linear model, v' = A v for an over-parameterised one).
    g = (1/n)Σ(u·x_i)²(v'·x_i)²/(uᵀŜu · v'ᵀŜv') with Ŝ = XᵀX/n.

Use:
    Theorems 3.2, 4.2 and 4.3 and the lower half of 4.2 differ in the directions they speak of and in the events that
    they need. Here is what does not depend on that: the form of g, its population value, and what follows from such
    events, whatever their probability.
"""

from __future__ import annotations

import sympy

from theory._inequalities import is_identity, is_nonnegative, is_positive
from theory._proof import Step, StepStatus
from theory._symbols import symbol
from theory.catalogue.lemma_c1 import MOMENT, cov_uv, var_u, var_v

eps = symbol("eps")

LOWER = (1 - eps) / (1 + eps) ** 2
UPPER = (3 + eps) / (1 - eps) ** 2

WHITENING = Step(
    "event B: ‖Ŝ − I‖ ≤ ε, w.p. ≥ 1 − δ/2",
    StepStatus.CITED,
    None,
    "Vershynin, High-Dimensional Probability (2018), Theorem 4.6.1: n ≥ C (d + log(1/δ))/ε²",
)


def over_parameterised_form(power: int) -> bool:
    """Show that a model ⟨F(θ), x⟩ has J v = X A v with A = ∇F, and that g depends on v through J v alone.

    Args:
        power: the power of J v in the numerator; two is right.

    Returns:
        Whether both hold.
    """
    theta = sympy.symbols("t0:2", real=True)
    F = sympy.Matrix([sympy.Function(f"F{index}")(*theta) for index in range(2)])
    X = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    J = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"J{i}{j}", real=True))
    r, v = sympy.Matrix(sympy.symbols("r0:3", real=True)), sympy.Matrix(sympy.symbols("v0:2", real=True))
    chain_rule = ((X * F).jacobian(theta) * v - X * (F.jacobian(theta) * v)).expand().is_zero_matrix
    noise = J.T * sympy.diag(*[entry**2 for entry in r]) * J / 3
    above, below = (v.T * noise * v)[0], r.dot(r) / 3 * (v.T * (J.T * J / 3) * v)[0]
    claimed_above, claimed_below = sympy.fraction(_alignment(r, J * v, power))
    return bool(chain_rule) and sympy.expand(above * claimed_below - claimed_above * below) == 0


def quotient_form(power: int) -> bool:
    """Compare vᵀΣ₁v/(2L vᵀGv) with the quotient of sums over the rows; power is that of v·x above.

    Args:
        power: the power of v·x in the numerator; two is right.

    Returns:
        Whether the identity holds.
    """
    X = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    u, v = _vectors(2)
    r = X * u
    noise = X.T * sympy.diag(*[entry**2 for entry in r]) * X / 3
    definition = (v.T * noise * v)[0] / (r.dot(r) / 3 * (v.T * (X.T * X / 3) * v)[0])
    return is_identity(definition, _alignment(r, X * v, power))


def invariances(power: int) -> bool:
    """Show that a linear change of the inputs and the lengths of u and v drop out.

    Args:
        power: the power of v·x in the numerator; two is right.

    Returns:
        Whether both leave g as it is.
    """
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    A = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"A{i}{j}", real=True))
    u, _ = _vectors(2)
    # g depends on X, u and v through X u and X v alone.
    unchanged = ((X * A) * (A.inv() * u) - X * u).applyfunc(sympy.cancel).is_zero_matrix
    a, b = sympy.symbols("a b", positive=True)
    along_u, along_v = _vectors(3)
    scaled = _alignment(a * along_u, b * along_v, power)
    return bool(unchanged) and is_identity(scaled, _alignment(along_u, along_v, power))


def population_form(factor: int) -> bool:
    """Evaluate Lemma C.1 at the identity covariance and unit vectors.

    Args:
        factor: the factor of (u·v)²; two is right.

    Returns:
        Whether the identity holds.
    """
    inner = sympy.Symbol("c", real=True)
    return is_identity(MOMENT.xreplace({var_u: sympy.S.One, var_v: sympy.S.One, cov_uv: inner}), 1 + factor * inner**2)


def population_range(least: int, most: int) -> bool:
    """Show least ≤ 1 + 2q ≤ most for q in [0, 1].

    Args:
        least: the claimed lower end; one is right.
        most: the claimed upper end; three is right.

    Returns:
        Whether the range lies between them.
    """
    q = sympy.Symbol("q", positive=True)
    box = {q: (0, 1)}
    return is_nonnegative(1 + 2 * q - least, box) and is_nonnegative(most - 1 - 2 * q, box)


def bounds_from_events(lower: sympy.Expr, upper: sympy.Expr, least: int, most: int) -> bool:
    """Show that numerator and denominators within ε of their populations put the quotient within the bounds.

    Args:
        lower: the claimed lower bound, in ε.
        upper: the claimed upper bound, in ε.
        least: the least population value of the numerator.
        most: its largest population value.

    Returns:
        Whether both bounds hold on the whole box.
    """
    x, y, z = sympy.symbols("x y z", positive=True)
    box = {eps: (0, 1), x: (0, 1), y: (0, 1), z: (0, 1)}
    numerator = (least - eps) + x * (most - least + 2 * eps)
    quotient = numerator / ((1 - eps + 2 * eps * y) * (1 - eps + 2 * eps * z))
    return is_nonnegative(quotient - lower, box) and is_nonnegative(upper - quotient, box)


def bounds_nested(lower: sympy.Expr, upper: sympy.Expr | None = None) -> bool:
    """Show that the lower bound falls and the upper bound rises with ε.

    Args:
        lower: the lower bound, in ε.
        upper: the upper bound, in ε; None if there is none.

    Returns:
        Whether they do.
    """
    box = {eps: (0, 1)}
    rises = upper is None or is_positive(sympy.diff(upper, eps), box)
    return rises and is_positive(-sympy.diff(lower, eps), box)


def one_within_bounds(lower: sympy.Expr, upper: sympy.Expr | None = None) -> bool:
    """Show that the value 1, which g has by convention where it is not defined, lies within the bounds.

    Args:
        lower: the lower bound, in ε.
        upper: the upper bound, in ε; None if there is none.

    Returns:
        Whether it does.
    """
    box = {eps: (0, 1)}
    return is_nonnegative(1 - lower, box) and (upper is None or is_nonnegative(upper - 1, box))


def _vectors(dimension: int) -> tuple[sympy.Matrix, sympy.Matrix]:
    """Make two vectors of symbols."""
    u, v = (sympy.Matrix(sympy.symbols(f"{name}0:{dimension}", real=True)) for name in "uv")
    return u, v


def _alignment(along_u: sympy.Matrix, along_v: sympy.Matrix, power: int) -> sympy.Expr:
    """Write g as the quotient of sums over the rows, from X u and X v."""
    above = sum(a**2 * b**power for a, b in zip(along_u, along_v, strict=True)) / along_u.rows
    return above / (along_u.dot(along_u) * along_v.dot(along_v) / along_u.rows**2)
