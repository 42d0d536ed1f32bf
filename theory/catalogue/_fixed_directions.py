"""From the conditions of Theorem 4.3 to those of Lemmas E.5 and C.5.

The lemmas ask for multiples of d, which d log d and (d + L)L, L = log(K/δ), cover unless d = 1 and L is small. But at
d = 1 there is g = n Σ aᵢ⁴/(Σ aᵢ²)² with Gaussian aᵢ, and Markov's inequality for g − 1 shows the bounds with a
probability of at least ε, whatever n is: where δ ≥ 1 − ε nothing is asked, and elsewhere L ≥ ε.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, equal, shows
from theory._inequalities import is_identity, is_nonnegative
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol
from theory.catalogue._logarithms import FAILURE, rational_logarithms
from theory.catalogue._one_way import lower_bounds, upper_bounds
from theory.catalogue.lemma_c1 import cov_uv, var_u, var_v

eps, delta, n, d, K = (symbol(name) for name in ("eps", "delta", "n", "d", "K"))

C1, C2 = sympy.symbols("C1 C2", positive=True)
# The constants of Lemma E.5.
A1, A2 = (named(f"lemma_constant_{k}", rf"C_{k}^{{\mathrm{{E.5}}}}", positive=True) for k in (1, 2))
# What may fail along one direction, and for the covariance.
DIRECTION, COVARIANCE = (named(f"share_of_{k}", rf"\delta_{k}", positive=True) for k in "AB")
PLAIN = named("plain_alignment", r"g|_{d=1}", positive=True)
EXPECTED = named("expected_alignment", r"\mathbb{E}\, g|_{d=1}", positive=True)
OUTSIDE = named("chance_outside", r"\mathbb{P}(g|_{d=1} > \text{upper bound})", positive=True)
# What Lemma E.5 has in its constants, and the constants with it.
_LOG_E5 = sympy.log(36000 / eps**2)
_IN_EPS = {
    C1: (282640 + 253440 * _LOG_E5) / eps**2,
    C2: (346005 + 345600 * _LOG_E5) / eps**3,
}
_LOG_K = sympy.Symbol("logK", nonnegative=True)


def condition_steps(conditions: tuple[sympy.Expr, sympy.Expr]) -> tuple[Step, ...]:
    """List the steps to the constants of Theorem 4.3.

    Args:
        conditions: the right-hand sides d log d and (d + L)L.

    Returns:
        The steps, in order; they use `convention`, and give the fact `constant`.
    """
    proved, (first, second) = StepStatus.PROVED, conditions
    failure = sympy.log(K / delta)
    return (
        Step(
            "at d = 1, g = n Σ aᵢ⁴/(Σ aᵢ²)² has the expectation 3n/(n + 2), and g ≥ 1",
            proved,
            Fact("one dimension", (equal(EXPECTED, 3 * n / (n + 2)), at_least(PLAIN, 1))),
            alignment_on_the_line,
            ("C.1",),
            "length and direction of a Gaussian vector (a₁, …, aₙ) are independent; Lagrange's identity, three terms",
        ),
        Step(
            "at d = 1, g is within the bounds with a probability of at least ε",
            proved,
            Fact("outside", (at_most(OUTSIDE, 1 - eps),)),
            markov_on_the_line,
            ("one dimension", "convention"),
            "Markov's inequality for g − 1 ≥ 0, every n ≥ 1; the lower bound is below 1",
        ),
        Step(
            "d is covered by the conditions",
            proved,
            Fact("dimensions", (at_most(d, sympy.Rational(3, 2) * first + second / eps),)),
            dimensions_covered,
            ("outside",),
            "d ≥ 2 by log 2 ≥ 2/3; d = 1 where δ < 1 − ε, since log(1/δ) > −log(1 − ε) ≥ ε; elsewhere nothing is asked",
        ),
        Step(
            "K events of probability δ/(2K) and one of δ/2 together have probability at most δ",
            proved,
            Fact(
                "shares",
                (
                    equal(DIRECTION, delta / (2 * K)),
                    equal(COVARIANCE, delta / 2),
                    at_most(K * DIRECTION + COVARIANCE, delta),
                ),
            ),
            union_bound,
            note="union bound, met exactly",
        ),
        Step(
            "what the lemmas ask for at these shares of δ is linear in d and (d + L)L",
            proved,
            Fact(
                "needed",
                (
                    at_most(
                        (d + sympy.log(4 * K / delta)) * sympy.log(4 * K / delta),
                        sympy.Rational(84, 25) * d + sympy.Rational(19, 5) * second,
                    ),
                    at_most(d + sympy.log(2 / delta), sympy.Rational(17, 10) * d + second),
                ),
            ),
            needed_is_linear,
            note="d ≥ 1, K ≥ 1, L = log(K/δ); log 4 ≤ 7/5 and log 2 ≤ 7/10",
        ),
        Step(
            "constants that meet the conditions of Lemmas E.5 and C.5",
            proved,
            Fact(
                "scaled",
                (
                    equal(C1, 2 * A1 + 11 * A2 + 400 / eps**2),
                    equal(C2, 15 * A2 / eps + 405 / eps**3),
                ),
            ),
            constants_suffice,
            ("sample_size", "E.5:sample_size", "C.5:sample_size", "shares", "needed", "dimensions"),
            f"n ≥ (C₁ d log d + C₂ (d + L)L)/2, L = {failure}; C₁ and C₂ of Lemma E.5 bear its number",
        ),
        Step(
            "the constants in ε alone",
            proved,
            Fact("constant", (equal(C1, _IN_EPS[C1]), equal(C2, _IN_EPS[C2]))),
            constants_in_accuracy,
            ("scaled", "E.5:constant"),
            "those of Lemma E.5 put in",
        ),
    )


def constants_in_accuracy(conclusion: Formulas, scaled: Formulas, lemma: Formulas) -> bool:
    """Put the constants of Lemma E.5 into those of Theorem 4.3.

    Args:
        conclusion: the constants, in ε.
        scaled: the constants, in those of the lemma.
        lemma: the constants of the lemma.

    Returns:
        Whether they are the same.
    """
    given = {formula.lhs: formula.rhs for formula in lemma}
    values = {A1: given[C1], A2: given[C2]}
    logarithms = {part: sympy.Dummy(positive=True) for f in (*conclusion, *lemma) for part in f.atoms(sympy.log)}
    pairs = zip(conclusion, scaled, strict=True)
    return all(
        own.lhs == other.lhs
        and is_identity(own.rhs.xreplace(logarithms), other.rhs.xreplace(values).xreplace(logarithms))
        for own, other in pairs
    )


def alignment_on_the_line(conclusion: Formulas, moment: Formulas) -> bool:
    """Take the expectation of g in one dimension from fourth moments, and bound g from below.

    Args:
        conclusion: the expectation, and the lower bound.
        moment: Lemma C.1.

    Returns:
        Whether the expectation is n E Σ aᵢ⁴/E (Σ aᵢ²)², and n Σ aᵢ⁴ ≥ (Σ aᵢ²)² where n = 3.
    """
    expectation, least = conclusion
    same, apart = (
        moment[0].rhs.xreplace({var_u: sympy.S.One, var_v: sympy.S.One, cov_uv: sympy.Integer(inner)})
        for inner in (1, 0)
    )
    # g depends on the direction alone, and so is independent of Σ aᵢ².
    value = n * (n * same) / (n * same + n * (n - 1) * apart)
    count, a = 3, sympy.symbols("a0:3", real=True)
    plain = count * sum(x**4 for x in a) / sum(x**2 for x in a) ** 2
    gaps = sum((a[i] ** 2 - a[j] ** 2) ** 2 for i in range(count) for j in range(i))
    excess = plain - least.rhs
    above = is_identity(excess, gaps / sum(x**2 for x in a) ** 2) and isinstance(least, sympy.GreaterThan)
    return above and least.lhs == PLAIN and expectation.lhs == EXPECTED and is_identity(expectation.rhs, value)


def markov_on_the_line(conclusion: Formulas, line: Formulas, convention: Formulas) -> bool:
    """Bound the chance that g is beyond the upper bound by the expectation of g − 1.

    Args:
        conclusion: the bound on that chance.
        line: the expectation of g, and its least value.
        convention: the bounds around 1.

    Returns:
        Whether E(g − 1)/(upper − 1) is at most that for every n ≥ 1, and the least value is no lower than the lower
        bound.
    """
    (claimed,), (expectation, least) = conclusion, line
    lower, upper = convention[0].lhs, convention[1].rhs
    chance = (expectation.rhs - least.rhs) / (upper - least.rhs)
    box = {eps: (0, 1), n: (1, None)}
    inside = is_nonnegative(least.rhs - lower, box) and isinstance(least, sympy.GreaterThan)
    inside &= upper_bounds(*convention) and convention[0].rhs == convention[1].lhs == least.rhs
    return inside and claimed.lhs == OUTSIDE and shows(claimed, box, {OUTSIDE: chance})


def dimensions_covered(conclusion: Formulas, outside: Formulas) -> bool:
    """Bound d by the conditions, from two dimensions on, and in one where something is asked.

    Args:
        conclusion: the bound.
        outside: from which δ on nothing is asked in one dimension.

    Returns:
        Whether it holds in both cases.
    """
    (claimed,) = conclusion
    several, box = rational_logarithms((claimed.rhs - claimed.lhs).xreplace({sympy.log(K / delta): FAILURE}))
    log_d = several.atoms(sympy.log).pop()
    # log d is at least log 2 from two dimensions on; the room rises with it.
    least, slack = sympy.Rational(2, 3), sympy.Symbol("slack", positive=True)
    from_two = several.xreplace({log_d: least + slack})
    variables = {eps: (0, 1), d: (2, None), slack: (0, None), **box}
    upward = isinstance(claimed, sympy.LessThan) and bool(sympy.log(2) > least)
    # In one dimension log(1/δ) exceeds −log(1 − ε), which is zero at ε = 0 and grows at least like ε.
    threshold = -sympy.log(outside[0].rhs)
    growth = sympy.diff(threshold, eps) - 1
    starts = threshold.subs(eps, 0) == 0
    alone = several.subs(d, 1).xreplace({FAILURE: eps + slack})
    single = is_nonnegative(growth, {eps: (0, 1)}) and is_nonnegative(alone, {eps: (0, 1), slack: (0, None)})
    upward &= outside[0].lhs == OUTSIDE and upper_bounds(*outside)
    return claimed.lhs == d and upward and is_nonnegative(from_two, variables) and starts and single


def union_bound(conclusion: Formulas) -> bool:
    """Add the probabilities of all events.

    Args:
        conclusion: the share of a direction, that of the covariance, and their sum over all events.

    Returns:
        Whether the sum is δ exactly.
    """
    *shares, total = conclusion
    values = {share.lhs: share.rhs for share in shares}
    events = total.lhs == K * DIRECTION + COVARIANCE and isinstance(total, sympy.LessThan)
    return events and is_identity(total.lhs.xreplace(values), total.rhs)


def needed_is_linear(conclusion: Formulas) -> bool:
    """Bound expressions in d and logarithms, written in variables.

    Args:
        conclusion: the inequalities.

    Returns:
        Whether each holds for d ≥ 1, K ≥ 1 and 0 < δ < 1.
    """

    def holds(formula: sympy.core.relational.Relational) -> bool:
        room, box = rational_logarithms(formula.rhs - formula.lhs)
        in_variables = room.xreplace({sympy.log(K): _LOG_K})
        return is_nonnegative(in_variables, {d: (1, None), _LOG_K: (0, None), **box})

    return all(isinstance(formula, sympy.LessThan) and holds(formula) for formula in conclusion)


def constants_suffice(
    conclusion: Formulas,
    sample_size: Formulas,
    directions: Formulas,
    covariance: Formulas,
    shares: Formulas,
    needed: Formulas,
    dimensions: Formulas,
) -> bool:
    """Show that the conditions with these constants imply those of both lemmas at their shares of δ.

    Args:
        conclusion: the constants.
        sample_size: the theorem's conditions.
        directions: those of Lemma E.5.
        covariance: that of Lemma C.5.
        shares: the shares of δ.
        needed: linear bounds on what the lemmas ask for.
        dimensions: the bound on d.

    Returns:
        Whether the mean of the theorem's conditions is at least each of the lemmas'.
    """
    values = {formula.lhs: formula.rhs for formula in conclusion}
    first, second = sympy.symbols("first second", positive=True)
    # Factors are replaced one by one, so that d log d and (d + L)L become variables within any product.
    failure = sympy.log(K / delta)
    atoms = {sympy.log(d): first / d, d + failure: second / failure}
    own = zip(sample_size, (C1 * first, C2 * second), strict=True)
    described = all(condition.rhs.xreplace(atoms) == part for condition, part in own)
    available = (values[C1] * first + values[C2] * second) / 2
    linear = {formula.lhs: formula.rhs for formula in needed}
    covered = dimensions[0].rhs.xreplace(atoms)
    box = dict.fromkeys((first, second, A1, A2), (0, None)) | {eps: (0, 1)}

    def met(asked: sympy.Expr, factor: sympy.Expr) -> bool:
        # d stands in what is linear with a positive factor, and may be replaced by what covers it.
        rational = factor * (asked / factor).xreplace(linear).xreplace(atoms).xreplace({d: covered})
        return rational.free_symbols <= box.keys() and is_nonnegative(available - rational, box)

    to_direction, to_covariance = {C1: A1, C2: A2, delta: shares[0].rhs}, {delta: shares[1].rhs}
    along = zip(directions, (A1, A2), strict=True)
    conditions = (*sample_size, *directions, *covariance)
    sizes = all(condition.lhs == n for condition in conditions) and lower_bounds(*conditions)
    sizes &= dimensions[0].lhs == d and upper_bounds(*needed, *dimensions)
    return (
        sizes
        and described
        and all(met(condition.rhs.xreplace(to_direction), constant) for condition, constant in along)
        and met(covariance[0].rhs.xreplace(to_covariance), sympy.S.One)
    )
