"""Rays for statements of the form "if n ≥ C f₁ and d_eff ≥ C f₂ then …": which designs to try, and for which ε.

A ray fixes the constants and says which conditions bind. Binding ones are met with equality, with the constant that
puts the last point at an affordable size; the other quantity has growing slack. A quantity on which the statement puts
no condition is held small while the rest grows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sympy

import theory
from verify.designs import Design

HELD_N = 8
"""Number of samples where the statement does not constrain it."""
HELD_RANK = 10
"""Effective dimension where the statement does not constrain it."""
EPS_END = 0.1
CLEAR = 1.25
"""Factor between n and d_eff from which one is clearly the larger."""
LARGEST = 2
"""Largest n and effective dimension, in units of the plan's; a condition that asks for more shortens the ray."""


@dataclass(frozen=True)
class RayPlan:
    """One ray, before a statement's conditions turn it into designs.

    Attributes:
        name: what it does, in words.
        family: family of designs, see `verify.designs`.
        n_top: number of samples at the last point.
        rank_top: effective dimension at the last point.
        n_slack: first n of a sample size that grows on its own; None where the condition on n binds.
        rank_slack: first effective dimension of one that grows on its own; None where the condition binds.
        eps: ε at the first and the last point; equal where ε is fixed.
        n_floor: smallest n worth testing where it binds: below it no bound of the statement has room.
        repeats: data sets a point, in units of the profile's: more where they are cheap and the trend is faint.
    """

    name: str
    family: str
    n_top: int
    rank_top: int
    n_slack: int | None = None
    rank_slack: int | None = None
    eps: tuple[float, float] = (0.5, EPS_END)
    n_floor: int = 80
    repeats: int = 1


@dataclass(frozen=True)
class RayPoint:
    """One point of a ray.

    Attributes:
        eps: ε at this point.
        design: the design to draw.
        scale: the quantity that grows along the ray.
    """

    eps: float
    design: Design
    scale: float


@dataclass(frozen=True)
class Ray:
    """A ray for one statement.

    Attributes:
        plan: what it was made from.
        points: from the smallest to the largest scale.
        scale_name: what grows: "n", "d_eff" or "1/ε".
        constants: the constants that make the conditions bind, by condition; None where nothing binds.
        bends: whether n and d_eff pass each other, n starts so small that nothing fluctuates yet, or the slack of d_eff
            shrinks: ρ then climbs for reasons of its own, so that climbing refutes nothing.
    """

    plan: RayPlan
    points: tuple[RayPoint, ...]
    scale_name: str
    constants: dict[str, float | None]
    bends: bool = False


def lay_ray(plan: RayPlan, statement: theory.Statement, delta: float, points: int = 5) -> Ray:
    """Turn a plan into the designs that a statement's conditions prescribe.

    Where both conditions bind, n and d_eff have the plan's proportion at the first point. If one condition grows faster
    than the other, the ray so leads away from the proportion, not towards it: the bend of ρ where n and d_eff pass each
    other would look like a trend.

    Args:
        plan: the ray.
        statement: its conditions are used.
        delta: δ, the probability of failure.
        points: number of points.

    Returns:
        The ray.
    """
    statement = _leading(statement)
    grid = np.geomspace(*plan.eps, 40)
    constants, first = _anchored(plan, statement, grid, delta)
    fits = [_affordable(plan, _design_at(plan, statement, constants, eps, delta, 1.0)) for eps in grid]
    last = max((i for i, fit in enumerate(fits) if fit and i > first), default=len(grid) - 1)
    eps_grid = np.geomspace(grid[first], grid[last], points)
    designs = [
        _design_at(plan, statement, constants, eps, delta, position)
        for eps, position in zip(eps_grid, np.linspace(0, 1, points), strict=True)
    ]
    name, scales = _scale(designs, eps_grid)
    laid = tuple(RayPoint(float(e), d, s) for e, d, s in zip(eps_grid, designs, scales, strict=True))
    return Ray(plan, laid, name, constants, _bends(plan, statement, laid, delta))


def _bends(plan: RayPlan, statement: theory.Statement, points: tuple[RayPoint, ...], delta: float) -> bool:
    """Say whether ρ climbs along a ray for reasons that have nothing to do with the statement; see `Ray`."""
    first, last = points[0].design, points[-1].design
    shares = [point.design.n / point.design.d_eff for point in points]
    if min(shares) < 1 / CLEAR and max(shares) > CLEAR:
        return True
    if plan.rank_slack is not None and statement.dimension:
        slack = [p.design.rank / requirement(statement, "dimension", p.design, p.eps, delta) for p in points]
        if slack[-1] < slack[0]:
            return True
    return first.n < HELD_N and last.n >= 2 * first.n


def _affordable(plan: RayPlan, design: Design) -> bool:
    """Whether a design is not much larger than the plan's largest."""
    return design.rank <= LARGEST * plan.rank_top and design.n <= LARGEST * plan.n_top


def _leading(statement: theory.Statement) -> theory.Statement:
    """Keep the terms of the conditions that lead as ε → 0: with free constants the others only delay them."""
    # Terms with d, d_eff or a power of n are kept: how fast they grow depends on the ray.
    kept = {}
    for field in ("sample_size", "dimension"):
        terms = [term for f in getattr(statement, field) for term in terms_of(f)]
        if len(terms) < 2:
            continue
        split = statement.replace(**{field: terms})
        large, small = (_values_at(split, field, eps) for eps in (0.5, 1e-4))
        growth = [b / a if a > 0 else 0.0 for a, b in zip(large, small, strict=True)]
        further = _values_at(split, field, 0.5, n=10**12)
        coupled = [
            b > 5 * a or bool({str(symbol) for symbol in term.free_symbols} & {"d", "d_eff"})
            for term, a, b in zip(terms, large, further, strict=True)
        ]
        most = max((g for g, held in zip(growth, coupled, strict=True) if not held), default=0.0)
        kept[field] = [t for t, g, held in zip(terms, growth, coupled, strict=True) if held or g >= most / 10]
    return statement.replace(**kept) if kept else statement


def terms_of(condition: sympy.Expr) -> list[sympy.Expr]:
    """Split a condition n ≥ C f at sums and maxima: with constants of their own the parts say the same.

    Args:
        condition: f.

    Returns:
        The terms.
    """
    parts = condition.args if isinstance(condition, sympy.Max) else (condition,)
    return [term for part in parts for term in sympy.expand(part, log=False).as_ordered_terms()]


def _values_at(statement: theory.Statement, field: str, eps: float, n: int = 10**6) -> list[float]:
    """Evaluate conditions at a typical design."""
    values = symbol_values(statement, Design("isotropic", n, 1000), eps, 0.1)
    return [float(f) for f in statement.evaluate(field, **values)]


def _anchored(
    plan: RayPlan, statement: theory.Statement, grid: np.ndarray, delta: float
) -> tuple[dict[str, float | None], int]:
    """Find the constants that make the conditions bind, and where on the grid of ε the ray begins."""
    constants: dict[str, float | None] = {"sample_size": None, "dimension": None}
    top = Design(plan.family, plan.n_top, plan.rank_top)
    first, anchor, eps = 0, Design(plan.family, HELD_N, plan.rank_top), grid[-1]
    if plan.n_slack is not None:
        anchor = top
    elif statement.sample_size:
        constant = plan.n_top / requirement(statement, "sample_size", top, grid[-1], delta)
        constants["sample_size"] = constant
        if plan.rank_slack is None and statement.dimension:
            # Only for the search of the first point: the condition on n may contain d_eff.
            constants["dimension"] = plan.rank_top / requirement(statement, "dimension", top, grid[-1], delta)
        sizes = [_design_at(plan, statement, constants, e, delta, 1.0).n for e in grid]
        first = next((i for i, n in enumerate(sizes) if n >= min(plan.n_floor, plan.n_top / 3)), 0)
        eps, rank = grid[first], max(3, round(sizes[first] * plan.rank_top / plan.n_top))
        anchor = Design(plan.family, sizes[first], rank)
        if plan.rank_slack is None and statement.dimension:
            # Where the condition on n contains d_eff, the proportion at the first point changes it.
            changed = requirement(statement, "sample_size", anchor, eps, delta)
            before = anchor.n / constant
            if changed < before / 2 or changed > 2 * before:
                constants["sample_size"] = anchor.n / changed
    if plan.rank_slack is None and statement.dimension:
        constants["dimension"] = anchor.rank / requirement(statement, "dimension", anchor, eps, delta)
    return constants, first


def requirement(statement: theory.Statement, field: str, design: Design, eps: float, delta: float) -> float:
    """Evaluate the largest right-hand side f of a statement's conditions at a design.

    Args:
        statement: the statement.
        field: "sample_size" or "dimension".
        design: gives n, d and d_eff.
        eps: ε.
        delta: δ.

    Returns:
        max_j f_j, at least the smallest positive number.
    """
    return max(1e-300, *(float(f) for f in statement.evaluate(field, **symbol_values(statement, design, eps, delta))))


def symbol_values(statement: theory.Statement, design: Design, eps: object, delta: float) -> dict[str, object]:
    """Give a statement's symbols their values at a design.

    Args:
        statement: the statement.
        design: gives n, d and d_eff.
        eps: ε, a number or an array.
        delta: δ.

    Returns:
        Values for those of its symbols that are known here.
    """
    known = {"eps": eps, "delta": delta, "n": design.n, "d": design.d, "d_eff": design.d_eff}
    return {name: value for name, value in known.items() if name in statement.symbols}


def _design_at(
    plan: RayPlan,
    statement: theory.Statement,
    constants: dict[str, float | None],
    eps: float,
    delta: float,
    position: float,
) -> Design:
    """Solve the binding conditions, which may contain n and d_eff themselves, by fixed-point iteration."""
    # Quantities with slack grow on their own, from position 0 to 1; unconstrained ones are held.
    n_held = plan.n_top if constants["sample_size"] is not None else HELD_N
    rank_held = plan.rank_top if constants["dimension"] is not None else HELD_RANK
    n = n_held if plan.n_slack is None else round(plan.n_slack * (plan.n_top / plan.n_slack) ** position)
    rank = (
        rank_held if plan.rank_slack is None else round(plan.rank_slack * (plan.rank_top / plan.rank_slack) ** position)
    )
    design = Design(plan.family, n, rank)
    for _ in range(60):
        solved = dict(zip(("sample_size", "dimension"), (design.n, design.rank), strict=True))
        for field, constant in constants.items():
            if constant is not None:
                needed = constant * requirement(statement, field, design, eps, delta)
                solved[field] = max(2, min(math.ceil(needed - 1e-9), 10**9))
        following = Design(plan.family, solved["sample_size"], solved["dimension"])
        if following == design:
            break
        design = following
    return design


def _scale(designs: list[Design], eps_grid: np.ndarray) -> tuple[str, list[float]]:
    """Choose what counts as the scale: n where it grows, else d_eff, else 1/ε."""
    if designs[-1].n >= 2 * designs[0].n:
        return "n", [float(d.n) for d in designs]
    if designs[-1].rank >= 2 * designs[0].rank:
        return "d_eff", [float(d.rank) for d in designs]
    return "1/ε", [1 / float(e) for e in eps_grid]
