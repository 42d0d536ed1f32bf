"""Sums over the eigen-directions of G: curvatures λᵢ, second moments mᵢ = E wᵢ² before and after a step, alignments gᵢ.

Facts are written for any number d of directions, of which the first k are sharp; checks evaluate them at a few.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from theory._facts import Fact, Formulas, equal, shows
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol
from theory.catalogue._second_moments import eta

beta = symbol("beta")
DIMENSION, CUT, _INDEX = (sympy.Symbol(letter, integer=True, positive=True) for letter in "dki")
named("next_moments", "m'")
CURVATURES, MOMENTS, NEXT_MOMENTS, ALIGNMENTS = (
    sympy.IndexedBase(name, positive=True)[_INDEX] for name in ("lambda", "m", "next_moments", "g")
)
_ENTRIES = (CURVATURES, MOMENTS, NEXT_MOMENTS, ALIGNMENTS)


def everywhere(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over all directions.

    Args:
        entries: an expression in entries with the index i.

    Returns:
        The sum over i = 1, …, d, as it stands.
    """
    return sympy.Sum(entries, (_INDEX, 1, DIMENSION))


def over_sharp(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the sharp directions.

    Args:
        entries: an expression in entries with the index i.

    Returns:
        The sum over i = 1, …, k, as it stands.
    """
    return sympy.Sum(entries, (_INDEX, 1, CUT))


def over_flat(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the flat directions.

    Args:
        entries: an expression in entries with the index i.

    Returns:
        The sum over i = k + 1, …, d, as it stands.
    """
    return sympy.Sum(entries, (_INDEX, CUT + 1, DIMENSION))


def at_directions(
    expression: sympy.Expr,
    curvatures: Sequence[sympy.Expr],
    moments: Sequence[sympy.Expr] = (),
    next_moments: Sequence[sympy.Expr] = (),
    alignments: Sequence[sympy.Expr] = (),
    *,
    cut: int = 0,
) -> sympy.Expr:
    """Evaluate sums over the directions.

    Args:
        expression: an expression with such sums.
        curvatures: λᵢ, as many as there are directions.
        moments: mᵢ, where they occur.
        next_moments: mᵢ', where they occur.
        alignments: gᵢ, where they occur.
        cut: the number of sharp directions.

    Returns:
        The expression at these directions.
    """
    several = zip(_ENTRIES, (curvatures, moments, next_moments, alignments), strict=True)
    entries = {entry.base[i]: value for entry, values in several for i, value in enumerate(values, start=1)}
    return expression.subs({DIMENSION: len(curvatures), CUT: cut}).doit().xreplace(entries)


def loss_along(curvatures: Sequence[sympy.Expr], moments: Sequence[sympy.Expr]) -> sympy.Expr:
    """Take E 2L along a few directions, by 2L = wᵀGw with G diagonal in its eigenvectors.

    Args:
        curvatures: the eigenvalues of G.
        moments: E wᵢ² along its eigenvectors.

    Returns:
        The expectation.
    """
    second = sympy.diag(*moments)
    return (sympy.diag(*curvatures) * second).trace()


def step_size_step() -> Step:
    """Make the step to η²(S_X + S_Y) = β².

    Returns:
        The step; its fact says what S_X and S_Y are.
    """
    sharp, flat = symbol("S_X"), symbol("S_Y")
    return Step(
        "η²(S_X + S_Y) = β²",
        StepStatus.PROVED,
        Fact(
            "step size",
            (
                equal(sharp, over_sharp(CURVATURES**2)),
                equal(flat, over_flat(CURVATURES**2)),
                equal(eta**2 * (sharp + flat), beta**2),
            ),
        ),
        step_size,
        note="β = η‖G‖_F and ‖G‖²_F = Σ λᵢ²: two eigenvalues and any pair of orthonormal eigenvectors, the sum has the "
        "same form for any number",
    )


def step_size(conclusion: Formulas) -> bool:
    """Show η²(S_X + S_Y) = β² by β = η‖G‖_F.

    Args:
        conclusion: what S_X and S_Y are, and that identity.

    Returns:
        Whether it holds for one sharp and one flat direction.
    """
    *sums, claimed = conclusion
    curvatures, half = sympy.symbols("l1:3", positive=True), sympy.Symbol("half", positive=True)
    cosine, sine = (1 - half**2) / (1 + half**2), 2 * half / (1 + half**2)
    rotation = sympy.Matrix([[cosine, -sine], [sine, cosine]])
    G = rotation * sympy.diag(*curvatures) * rotation.T
    squared_norm = sum(entry**2 for entry in G)
    values = {formula.lhs: at_directions(formula.rhs, curvatures, cut=1) for formula in sums}
    in_order = tuple(formula.lhs for formula in sums) == (symbol("S_X"), symbol("S_Y"))
    return in_order and shows(claimed, {}, values | {beta: eta * sympy.sqrt(squared_norm)})
