"""Squares cut off at a level: what the mean of their product loses, and what it gains.

For s = (a·z)² and t = (b·z)² with unit vectors a and b the product min(s, κ) min(t, κ) is at most st, and loses little
of its mean. It lies between 0 and κ², so that its sample mean obeys Bernstein's inequality.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, between, ends, equal, shows
from theory._inequalities import Box, is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol
from theory.catalogue._directional import COSINE

eps = symbol("eps")

S, T = (named(f"square_{k}", rf"({k} \cdot z)^2", positive=True) for k in "ab")
LEVEL = named("level", r"\kappa", positive=True)
PRODUCT = named("truncated_product", r"\varphi", nonnegative=True)
EXPECTED = named("truncated_mean", r"\mathbb{E}\, \varphi", positive=True)
VARIANCE = named("truncated_variance", r"\operatorname{Var} \varphi", positive=True)
SIXTH = named("sixth_moment", r"\mathbb{E}\,(a \cdot z)^4 (b \cdot z)^2", positive=True)
EIGHTH = named("eighth_moment", r"\mathbb{E}\,(a \cdot z)^4 (b \cdot z)^4", positive=True)


def truncation_steps() -> tuple[Step, ...]:
    """List the steps on the product of two squares that are cut off.

    Returns:
        The steps, in order; they use `population`, and give the facts `truncation`, `moments`, `truncated mean` and
        `bounded`.
    """
    proved = StepStatus.PROVED
    loss = (S**2 * T + S * T**2) / LEVEL
    return (
        Step(
            "st ≥ φ = min(s, κ) min(t, κ) ≥ st − (s²t + st²)/κ for s, t ≥ 0",
            proved,
            Fact("truncation", between(S * T - loss, PRODUCT, S * T)),
            truncation_loss,
            note="s and t below or above κ: four cases",
        ),
        Step(
            "E s²t = 3 + 12c² and E s²t² = 9 + 72c² + 24c⁴",
            proved,
            Fact("moments", (equal(SIXTH, 3 + 12 * COSINE**2), equal(EIGHTH, 9 + 72 * COSINE**2 + 24 * COSINE**4))),
            higher_moments,
            note="derivatives of exp(½(x² + 2cxy + y²)) at 0, for standard Gaussians of correlation c",
        ),
        Step(
            "E φ ≥ 1 − ε/2 at κ = 12/ε",
            proved,
            Fact("truncated mean", (equal(LEVEL, 12 / eps), at_least(EXPECTED, 1 - eps / 2))),
            truncated_mean,
            ("truncation", "moments", "population"),
            "c² in [0, 1]; met exactly at c = 0",
        ),
        Step(
            "0 ≤ φ ≤ κ², and φ has a variance of at most 105",
            proved,
            Fact("bounded", (*between(0, PRODUCT, LEVEL**2), at_most(VARIANCE, 105))),
            product_bounded,
            ("truncation", "moments"),
            "the variance is at most E φ² ≤ E s²t², c² in [0, 1]; met exactly at c² = 1",
        ),
    )


def truncation_loss(conclusion: Formulas) -> bool:
    """Compare the product of the truncated squares with that of the squares.

    Args:
        conclusion: the product between its bounds.

    Returns:
        Whether both hold in each of the four cases.
    """
    return all(shows(formula, box, values) for values, box in _cases() for formula in conclusion)


def higher_moments(conclusion: Formulas) -> bool:
    """Differentiate the moment generating function of two standard Gaussians of correlation c.

    Args:
        conclusion: the sixth and the eighth moment.

    Returns:
        Whether they are its derivatives of order (4, 2) and (4, 4) at zero.
    """
    x, y = sympy.symbols("x y", real=True)
    exponent = (x**2 + 2 * COSINE * x * y + y**2) / 2

    def moment(power: int, other: int) -> sympy.Expr:
        # Only one power of the exponent has this degree.
        order = (power + other) // 2
        term = sympy.Poly(sympy.expand(exponent**order), x, y).coeff_monomial(x**power * y**other)
        return term / sympy.factorial(order) * sympy.factorial(power) * sympy.factorial(other)

    sixth, eighth = conclusion
    return shows(sixth, {}, {SIXTH: moment(4, 2)}) and shows(eighth, {}, {EIGHTH: moment(4, 4)})


def truncated_mean(conclusion: Formulas, truncation: Formulas, moments: Formulas, population: Formulas) -> bool:
    """Take the expectation of what bounds the product from below.

    Args:
        conclusion: the level, and the bound on the expectation.
        truncation: the product between its bounds.
        moments: the sixth and the eighth moment.
        population: the expectation of st.

    Returns:
        Whether the bound holds for every c² in [0, 1], exactly at c = 0.
    """
    level, claimed = conclusion
    low, _ = ends(truncation)
    # s and t have the same distribution.
    known = {(1, 1): population[0].rhs, (2, 1): moments[0].rhs, (1, 2): moments[0].rhs}
    square = sympy.Symbol("q", positive=True)
    least = _expectation(low, known).xreplace({COSINE**2: square, level.lhs: level.rhs})
    met = is_identity(least.xreplace({square: sympy.S.Zero}), claimed.rhs)
    holds = shows(claimed, {eps: (0, 1), square: (0, 1)}, {EXPECTED: least})
    return level.lhs == LEVEL and met and holds and is_nonnegative(level.rhs, {eps: (0, 1)})


def product_bounded(conclusion: Formulas, truncation: Formulas, moments: Formulas) -> bool:
    """Bound the product and its variance.

    Args:
        conclusion: the product between its bounds, and the bound on the variance.
        truncation: the product between its bounds in s and t.
        moments: the sixth and the eighth moment.

    Returns:
        Whether they hold, the last one with equality at c² = 1.
    """
    *bounds, variance = conclusion
    square = sympy.Symbol("q", positive=True)
    _, high = ends(truncation)
    second = _expectation(high**2, {(2, 2): moments[1].rhs}).xreplace({COSINE**2: square, COSINE**4: square**2})
    met = is_identity(second.xreplace({square: sympy.S.One}), variance.rhs)
    within = all(shows(formula, box, values) for values, box in _cases() for formula in bounds)
    pinned = bounds[0].rhs == bounds[1].lhs == PRODUCT and variance.lhs == VARIANCE
    return pinned and within and met and shows(variance, {square: (0, 1)}, {VARIANCE: second})


def _cases() -> list[tuple[dict[sympy.Basic, sympy.Basic], Box]]:
    """List s, t and the truncated product with each square below or above the level."""
    x, y = sympy.symbols("x y", positive=True)
    places = {True: (0, 1), False: (1, None)}
    return [
        (
            {S: LEVEL * x, T: LEVEL * y, PRODUCT: LEVEL**2 * (x if low_s else 1) * (y if low_t else 1)},
            {LEVEL: (0, None), x: places[low_s], y: places[low_t]},
        )
        for low_s in (True, False)
        for low_t in (True, False)
    ]


def _expectation(polynomial: sympy.Expr, moments: Mapping[tuple[int, int], sympy.Expr]) -> sympy.Expr:
    """Replace each monomial in s and t by its expectation, given by the two exponents."""
    return sum(coefficient * moments[powers] for powers, coefficient in sympy.Poly(polynomial, S, T).terms())
