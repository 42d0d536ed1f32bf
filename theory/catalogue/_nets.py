"""Nets of the unit sphere: how many points they need, and what their points say of all directions.

A net of radius r is a set of points of the unit sphere of d dimensions, more than r apart, to which no point can be
added: every point of the sphere then lies within r of one of them. The balls of radius r/2 about its points are
disjoint and lie in the ball of radius 1 + r/2, and the volume of a ball grows like the d-th power of its radius.
Vershynin, High-Dimensional Probability (2018), Section 4.2.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_most, equal, shows
from theory._inequalities import is_identity, is_nonnegative, is_positive
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol
from theory.catalogue._one_way import upper_bounds

d = symbol("d")
# The radius of a net may depend on ε.
_BOX = {symbol("eps"): (0, 1)}

RADIUS = named("net_radius", r"r", positive=True)
SMALL = named("small_ball", r"r_{\mathrm{small}}", positive=True)
LARGE = named("large_ball", r"r_{\mathrm{large}}", positive=True)
# How many points the net has, and the largest |yᵀAy| at one of them, for a symmetric matrix A.
POINTS = named("net_points", r"|\mathcal{N}|", positive=True)
TOP = named("net_maximum", r"\max_{y \in \mathcal{N}} |y^\top A y|", positive=True)


def cardinality_steps(radius: sympy.Expr, base: sympy.Expr | int, title: str = "") -> tuple[Step, ...]:
    """List the steps to the number of points of a net: facts `balls` and `net`.

    Args:
        radius: the net's radius r, below 1/2; it may be written in the statement's symbols.
        base: what the d-th power is taken of, 1 + 2/r.
        title: the title of the second step; by default with both as numbers.

    Returns:
        The steps, in order.
    """
    return (
        Step(
            "disjoint balls about the points of a net lie in one ball",
            StepStatus.PROVED,
            Fact("balls", (equal(RADIUS, radius), equal(2 * SMALL, RADIUS), equal(LARGE, 1 + SMALL))),
            balls_fit,
            note="points more than r apart, |x − y| ≤ |x| + |y|; 0 < r < 1/2 where 0 < ε < 1",
        ),
        Step(
            title or f"a net of radius {radius} has at most {base}^d points",
            StepStatus.PROVED,
            Fact("net", (at_most(POINTS, base**d),)),
            points_by_volume,
            ("balls",),
            "the volume of a ball grows like the d-th power of its radius",
        ),
    )


def norm_steps(norm: sympy.Symbol, factor: sympy.Expr | int) -> tuple[Step, ...]:
    """List the steps from the points of a net to the norm of a symmetric matrix: facts `neighbour` and `norm`.

    Args:
        norm: the symbol of the norm.
        factor: what the largest |yᵀAy| of the net is multiplied by, 1/(1 − 2r).

    Returns:
        The steps, in order; the second one uses `balls`.
    """
    return (
        Step(
            "a direction differs from its neighbour in the net by at most 2r‖A‖",
            StepStatus.PROVED,
            Fact("neighbour", (at_most(norm, TOP + 2 * RADIUS * norm),)),
            neighbours_differ,
            note="xᵀAx − yᵀAy = (x − y)ᵀAx + yᵀA(x − y), symbolic A (3×3), at an x with |xᵀAx| = ‖A‖",
        ),
        Step(
            f"‖A‖ is at most {factor} times the largest |yᵀAy| of the net",
            StepStatus.PROVED,
            Fact("norm", (at_most(norm, factor * TOP),)),
            norm_from_net,
            ("neighbour", "balls"),
            "the inequality before, solved for ‖A‖",
        ),
    )


def balls_fit(conclusion: Formulas) -> bool:
    """Show that balls of half the radius are disjoint, and that all lie in the large ball.

    Args:
        conclusion: the radius of the net, that of the small balls and that of the large one.

    Returns:
        Whether two small radii add up to the radius exactly, and one with the sphere's to the large radius exactly, for
        a radius between 0 and 1/2.
    """
    radius, small, large = conclusion
    defined = radius.lhs == RADIUS and large.lhs == LARGE
    half = {SMALL: RADIUS / 2}
    exact = shows(small, {}, half) and is_identity(large.rhs, 1 + SMALL)
    within = is_nonnegative(radius.rhs, _BOX) and is_nonnegative(sympy.Rational(1, 2) - radius.rhs, _BOX)
    return defined and exact and within


def points_by_volume(conclusion: Formulas, balls: Formulas) -> bool:
    """Divide the volume of the large ball by that of a small one.

    Args:
        conclusion: the largest number of points.
        balls: the radii.

    Returns:
        Whether it is the d-th power of the quotient of the radii.
    """
    (claimed,) = conclusion
    radius, small, large = balls
    solved = {SMALL: sympy.solve(small.lhs - small.rhs, SMALL)[0]}
    quotient = (large.rhs / SMALL).xreplace(solved).xreplace({RADIUS: radius.rhs})
    base, exponent = claimed.rhs.as_base_exp()
    at_most_so_many = isinstance(claimed, sympy.LessThan) and claimed.lhs == POINTS
    at_most_so_many &= (radius.lhs, large.lhs) == (RADIUS, LARGE)
    return at_most_so_many and exponent == d and is_identity(base, quotient)


def neighbours_differ(conclusion: Formulas) -> bool:
    """Write the difference of a quadratic form at two points as a sum of bilinear forms, each with x − y in it.

    Args:
        conclusion: the bound on the norm by what the net shows and the difference.

    Returns:
        Whether the identity holds for a symmetric matrix (3×3), and each form is at most |x − y| ‖A‖ ≤ r‖A‖.
    """
    (claimed,) = conclusion
    A = sympy.Matrix(3, 3, lambda i, j: sympy.Symbol(f"A{min(i, j)}{max(i, j)}", real=True))
    x, y = (sympy.Matrix(sympy.symbols(f"{name}0:3", real=True)) for name in "xy")
    forms = [(x - y, x), (y, x - y)]
    difference = (x.T * A * x - y.T * A * y)[0]
    same_difference = sympy.expand(difference - sum((left.T * A * right)[0] for left, right in forms)) == 0
    norm = claimed.lhs
    largest = TOP + len(forms) * RADIUS * norm
    return same_difference and isinstance(claimed, sympy.LessThan) and norm.is_Symbol and claimed.rhs == largest


def norm_from_net(conclusion: Formulas, neighbour: Formulas, balls: Formulas) -> bool:
    """Solve the inequality between the norm and the largest value of the net.

    Args:
        conclusion: the norm by the largest value of the net.
        neighbour: the inequality.
        balls: the radius of the net.

    Returns:
        Whether the conclusion is what it gives at this radius, exactly.
    """
    (claimed,), (given,) = conclusion, neighbour
    norm = given.lhs
    rest = (given.rhs - norm).xreplace({balls[0].lhs: balls[0].rhs})
    # The inequality reads 0 ≤ TOP − left·norm, with left positive.
    left = -sympy.diff(rest, norm)
    same_kind = upper_bounds(claimed, given) and claimed.lhs == norm
    return (
        same_kind and is_positive(left, _BOX) and is_identity(claimed.rhs, rest.xreplace({norm: sympy.S.Zero}) / left)
    )


def form_within_norm(formulas: Formulas, form: sympy.Symbol, norm: sympy.Symbol) -> bool:
    """Bound the quadratic form of a symmetric matrix at a unit vector by the norm.

    Args:
        formulas: inequalities between the form and the norm.
        form: the symbol of the form.
        norm: the symbol of the norm.

    Returns:
        Whether they hold in the eigenvectors' coordinates, where the form is a weighted mean of three eigenvalues
        between minus the norm and the norm.
    """
    shares, squares = sympy.symbols("s0:3", positive=True), sympy.symbols("w0:3", positive=True)
    eigenvalues = [norm * (2 * share - 1) for share in shares]
    mean = sum(k * w for k, w in zip(eigenvalues, squares, strict=True)) / sum(squares)
    box = {norm: (0, None)} | dict.fromkeys(shares, (0, 1)) | dict.fromkeys(squares, (0, None))
    return all(shows(formula, box, {form: mean}) for formula in formulas)
