"""One pair of correlated Gaussians a and b: how rarely a² is large, and the moments of a²b².

The checks of the first steps of Lemma E.4. With a = ρb + √(1 − ρ²)c, b and c independent, every moment of the pair is a
polynomial in ρ² and in the variance of b, also under the weight exp(θb²), which only changes that variance.
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Formulas
from theory._inequalities import is_identity, is_nonnegative
from theory._symbols import named, symbol
from theory.catalogue._chernoff import U

n = symbol("n")

# The level at which squares are cut off, the rate of the weight exp(θb²), ρ², and the variance of b with that weight.
CUT, THETA, SQUARED_CORRELATION, VARIANCE = sympy.symbols("h theta q v", positive=True)
Y = sympy.Symbol("y", positive=True)
Z = sympy.Symbol("z", real=True)
TRANSFORM = named("gaussian_transform", r"\mathbb{E}\, e^{u \xi}", positive=True)
LARGE = named("chance_of_large_square", r"\mathbb{P}(a^2 > h)", positive=True)
ANY_LARGE = named("chance_of_any_large_square", r"\mathbb{P}(\max_i a_i^2 > h)", positive=True)
TILTED = named("tilted_moment", r"\mathbb{E}\, a^4 b^4 e^{\theta b^2}", positive=True)
PLAIN = named("plain_moment", r"\mathbb{E}\, a^4 b^4", positive=True)


def gaussian_transform(conclusion: Formulas) -> bool:
    """Complete the square in the exponent of exp(uξ) times the Gaussian density.

    Args:
        conclusion: the moment generating function.

    Returns:
        Whether its logarithm is what remains beside the density of N(u, 1).
    """
    (claimed,) = conclusion
    xi = sympy.Symbol("xi", real=True)
    beside = U * xi - xi**2 / 2 + (xi - U) ** 2 / 2
    return claimed.lhs == TRANSFORM and is_identity(beside, sympy.log(claimed.rhs))


def large_square(conclusion: Formulas, transform: Formulas) -> bool:
    """Bound both tails of a Gaussian by its moment generating function.

    Args:
        conclusion: the probability that the square exceeds the level.
        transform: the moment generating function.

    Returns:
        Whether it is twice exp(−u√h) E exp(ua) at u = √h.
    """
    (claimed,) = conclusion
    reach = sympy.sqrt(CUT)
    one_side = (sympy.exp(-U * reach) * transform[0].rhs).xreplace({U: reach})
    exact = is_identity(sympy.powsimp(claimed.rhs / one_side), sympy.Integer(2))
    return _is_bound(claimed, LARGE) and exact


def any_large_square(conclusion: Formulas, one_square: Formulas) -> bool:
    """Add the probabilities that one of n squares exceeds the level.

    Args:
        conclusion: the level, and the probability that any square exceeds it.
        one_square: the probability for one square.

    Returns:
        Whether n times the probability at that level is what is claimed.
    """
    level, claimed = conclusion
    together = (n * one_square[0].rhs).xreplace({CUT: level.rhs})
    defined = level.lhs == CUT and _is_bound(claimed, ANY_LARGE) and _is_bound(one_square[0], LARGE)
    return defined and is_identity(sympy.expand(sympy.log(claimed.rhs / together), force=True), sympy.S.Zero)


def exponentials(conclusion: Formulas) -> bool:
    """Prove three inequalities between exponentials and their first terms by derivatives.

    Args:
        conclusion: the inequalities; those with y hold for y ≥ 0, those with z for every z.

    Returns:
        Whether the differences and their derivatives start from zero or above, and the last derivative is seen to be
        non-negative.
    """
    up, down, tangent = conclusion
    bounded = (up.lhs, down.lhs, tangent.rhs) == (sympy.exp(Y), sympy.exp(-Y), sympy.exp(Z))
    gaps = [(formula.rhs - formula.lhs, Y) for formula in (up, down)]
    gap = tangent.rhs - tangent.lhs
    gaps += [(gap.xreplace({Z: sign * Y}), Y) for sign in (1, -1)]
    one_way = all(isinstance(formula, sympy.LessThan) for formula in conclusion)
    return bounded and one_way and all(_grows_from_zero(*pair) for pair in gaps)


def tilted_moment(conclusion: Formulas, transform: Formulas) -> bool:
    """Expand a⁴b⁴ in b and c, and take the moments of each.

    Args:
        conclusion: the variance of b with the weight exp(θb²), and the moment.
        transform: the moment generating function of a standard Gaussian.

    Returns:
        Whether the weight leaves a Gaussian density of that variance, and the sum over the terms is the moment.
    """
    variance, claimed = conclusion
    b, c, rho, rest = sympy.symbols("b c rho rest", real=True)
    density_left = is_identity(THETA * b**2 - b**2 / 2, -(b**2) / (2 * variance.rhs))

    def moment(order: int) -> sympy.Expr:
        return sympy.diff(transform[0].rhs, U, order).xreplace({U: sympy.S.Zero})

    # Without its factor √v the weighted density is that of √v times a standard Gaussian.
    terms = sympy.Poly(sympy.expand((rho * b + rest * c) ** 4 * b**4), b, c).terms()
    total = sum(
        factor * VARIANCE ** (i // 2) * moment(i) * moment(j) for (i, j), factor in terms if i % 2 == j % 2 == 0
    )
    q = SQUARED_CORRELATION
    in_q = sympy.expand(total).xreplace({rho: sympy.sqrt(q), rest: sympy.sqrt(1 - q)})
    root = sympy.Symbol("w", positive=True)
    sides = [side.xreplace({VARIANCE: root**2}) for side in (claimed.rhs, sympy.sqrt(VARIANCE) * in_q)]
    return density_left and (variance.lhs, claimed.lhs) == (VARIANCE, TILTED) and is_identity(*sides)


def moments_bounded(conclusion: Formulas, tilted: Formulas) -> bool:
    """Bound the moment over all correlations, with the weight and without.

    Args:
        conclusion: the rate θ of the weight, the bound with the weight, and that without.
        tilted: the moment in the variance of b and in ρ².

    Returns:
        Whether the moment is largest at ρ² = 1, and there at most what is claimed.
    """
    rate, weighted, plain = conclusion
    q, root = SQUARED_CORRELATION, sympy.Symbol("w", positive=True)
    moment = tilted[1].rhs.xreplace({VARIANCE: root**2})
    most = moment.xreplace({q: sympy.S.One})
    largest_at_one = is_nonnegative(most - moment, {q: (0, 1), root: (1, None)})
    variance = tilted[0].rhs.xreplace({rate.lhs: rate.rhs})
    # A power of the root of v; its square is rational.
    within = (most**2).xreplace({root: sympy.sqrt(variance)}) <= weighted.rhs**2 and weighted.rhs > 0
    exact = is_identity(most.xreplace({root: sympy.S.One}), plain.rhs)
    named_so = rate.lhs == THETA and _is_bound(weighted, TILTED) and _is_bound(plain, PLAIN)
    return bool(named_so and variance >= 1 and largest_at_one and within and exact)


def _grows_from_zero(gap: sympy.Expr, y: sympy.Symbol) -> bool:
    """Prove that a combination of powers and exponentials of y is non-negative for y ≥ 0."""
    exponential = sympy.Dummy("exponential", positive=True)
    for _ in range(5):
        rational = gap.xreplace({sympy.exp(y): exponential, sympy.exp(-y): 1 / exponential})
        if is_nonnegative(rational, {y: (0, None), exponential: (0, None)}):
            return True
        if not gap.xreplace({y: sympy.S.Zero}) >= 0:
            return False
        gap = sympy.expand(sympy.diff(gap, y))
    return False


def _is_bound(formula: Relational, quantity: sympy.Symbol) -> bool:
    """Say whether a relation bounds this quantity from above."""
    return isinstance(formula, sympy.LessThan) and formula.lhs == quantity
