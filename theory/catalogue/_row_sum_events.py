"""The events of Lemma C.4: what a row sum is made of, and how far each part is from its mean.

aᵢ = ‖xᵢ‖⁴ + Σⱼ (xᵢ·xⱼ)² over the other inputs. Given xᵢ, the sum is xᵢᵀSxᵢ times a chi-square variable with n − 1
degrees of freedom. Lemma C.3 gives both lengths of all inputs, Lemma E.2 the chi-square variables.
"""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational

from theory._facts import Fact, Formulas, at_most, between, equal, replaced, shows
from theory._inequalities import is_identity, is_positive
from theory._proof import Step, StepStatus
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._chernoff import FAILURE, TAU

delta, n, d_eff, FROBENIUS, OPERATOR = (symbol(name) for name in ("delta", "n", "d_eff", "F", "N"))
ROW_SUM, ANY_LENGTH, FORM = (quantity_symbol(name) for name in ("row_sum", "squared_length", "quadratic_form"))

# ‖xᵢ‖²/Tr S, xᵢᵀSxᵢ/Tr S² and χ²ₙ₋₁/(n − 1): two lengths and the sum over the others, in units of their means.
LENGTH, WEIGHTED, OTHERS = sympy.symbols("p q c", positive=True)
TRACE = named("trace", r"(\operatorname{Tr} S)", positive=True)
SQUARE = named("trace_of_square", r"\operatorname{Tr} S^2", positive=True)
_LENGTHS_FAIL = named("failure_of_lengths", r"\delta_{\mathrm{lengths}}", positive=True)
_EVENT = named("failure_of_one", r"\delta_{\mathrm{one}}", positive=True)
_INDEX = sympy.Symbol("j", integer=True, positive=True)


def event_steps() -> tuple[Step, ...]:
    """List the steps to the ranges of all parts of the row sums.

    Returns:
        The steps; they give "decomposition" and "ranges" for those that follow.
    """
    proved = StepStatus.PROVED
    return (
        Step(
            "aᵢ/A is a mean of p² and qc, where p = ‖xᵢ‖²/Tr S, q = xᵢᵀSxᵢ/Tr S² and c = χ²ₙ₋₁/(n − 1)",
            proved,
            Fact(
                "decomposition",
                (
                    equal(
                        ROW_SUM,
                        (TRACE**2 * LENGTH**2 + (n - 1) * SQUARE * WEIGHTED * OTHERS) / (TRACE**2 + (n - 1) * SQUARE),
                    ),
                ),
            ),
            row_sum_decomposed,
            note="given xᵢ, its products with the others are independent Gaussians of variance xᵢᵀSxᵢ; symbolic S in "
            "the plane, any n",
        ),
        Step(
            "χ²ₙ₋₁ is a quadratic form with F² = n − 1 and N = 1",
            proved,
            Fact(
                "chi-square",
                (equal(FORM, (n - 1) * (OTHERS - 1)), equal(FROBENIUS, sympy.sqrt(n - 1)), equal(OPERATOR, 1)),
            ),
            chi_square_as_form,
            note="A = S = I in n − 1 dimensions, n ≥ 2",
        ),
        Step(
            "the lengths fail with probability 2δ/3 and each of the n sums with δ/(3n), together with at most δ",
            proved,
            Fact(
                "union",
                (equal(_LENGTHS_FAIL, 2 * delta / 3), equal(_EVENT, delta / (3 * n)), at_most(FAILURE, delta)),
            ),
            union_bound,
            note="met exactly",
        ),
        Step(
            "p and q lie between 1 − 2√(τ/d_eff) and 1 + 2√(τ/d_eff) + 2τ/d_eff, and c likewise with n − 1 for d_eff",
            proved,
            Fact(
                "ranges",
                (
                    equal(TAU, sympy.log(6 * n / delta)),
                    *_range(LENGTH, d_eff),
                    *_range(WEIGHTED, d_eff),
                    *_range(OTHERS, n - 1),
                ),
            ),
            lemmas_at_events,
            ("C.3", "E.2", "union", "chi-square"),
            "Lemma C.3 at 2δ/3 and Lemma E.2 at δ/(3n) in place of δ: both logarithms are τ = log(6n/δ)",
        ),
    )


def row_sum_decomposed(conclusion: Formulas) -> bool:
    """Write aᵢ = ‖xᵢ‖⁴ + Σ (xᵢ·xⱼ)² in units of the traces.

    Args:
        conclusion: aᵢ/A by the two lengths and the sum over the others, each in units of its mean.

    Returns:
        Whether it is (‖xᵢ‖⁴ + xᵢᵀSxᵢ χ²)/((Tr S)² + (n − 1) Tr S²), and the variance of xᵢ·xⱼ is xᵢᵀSxᵢ.
    """
    (claimed,) = conclusion
    x, y = sympy.symbols("x0:2", real=True), sympy.symbols("y0:2", real=True)
    a, b, c = sympy.symbols("a b c", real=True)
    S = sympy.Matrix([[a, b], [b, c]])
    square = sympy.Poly(sympy.expand((x[0] * y[0] + x[1] * y[1]) ** 2), *y)
    moments = {(2, 0): a, (1, 1): b, (0, 2): c}
    variance = sum(coefficient * moments[powers] for powers, coefficient in square.terms())
    own, chi = sympy.symbols("own chi", positive=True)
    weighted = sympy.Symbol("weighted", positive=True)
    row_sum = (own**2 + weighted * chi) / (TRACE**2 + (n - 1) * SQUARE)
    units = {LENGTH: own / TRACE, WEIGHTED: weighted / SQUARE, OTHERS: chi / (n - 1)}
    vector = sympy.Matrix(x)
    return is_identity(variance, (vector.T * S * vector)[0]) and shows(claimed, {}, {ROW_SUM: row_sum} | units)


def chi_square_as_form(conclusion: Formulas) -> bool:
    """Read χ² with n − 1 degrees of freedom as a quadratic form, A = S = I.

    Args:
        conclusion: the centred form, and its two norms.

    Returns:
        Whether the form is the sum of n − 1 squares less their mean, and the norms those of n − 1 equal eigenvalues.
    """
    form, frobenius, operator = conclusion
    count, one = n - 1, sympy.S.One
    squares = sympy.Symbol("squares", positive=True)
    eigenvalues = sympy.Sum(one, (_INDEX, 1, count)).doit()
    norms = is_identity(frobenius.rhs**2, eigenvalues) and is_identity(operator.rhs, one)
    pinned = (frobenius.lhs, operator.lhs) == (FROBENIUS, OPERATOR) and frobenius.rhs.is_positive is not False
    return pinned and norms and shows(form, {}, {FORM: squares - eigenvalues, OTHERS: squares / count})


def union_bound(conclusion: Formulas) -> bool:
    """Add the probabilities of failure.

    Args:
        conclusion: those of all lengths together and of one sum, and the total.

    Returns:
        Whether they add up to exactly that.
    """
    lengths, one, total = conclusion
    pinned = (lengths.lhs, one.lhs, total.lhs) == (_LENGTHS_FAIL, _EVENT, FAILURE)
    return pinned and isinstance(total, sympy.LessThan) and is_identity(lengths.rhs + n * one.rhs, total.rhs)


def lemmas_at_events(
    conclusion: Formulas, lengths: Formulas, form: Formulas, union: Formulas, chi_square: Formulas
) -> bool:
    """Take Lemmas C.3 and E.2 at the probabilities of the events.

    Args:
        conclusion: what τ is, and the ranges in τ.
        lengths: Lemma C.3, in δ.
        form: Lemma E.2, in δ.
        union: the probabilities.
        chi_square: the form of Lemma E.2 and its norms.

    Returns:
        Whether the ranges are those of the lemmas.
    """
    definition, *ranges = conclusion
    together, one = (formula.rhs for formula in union[:2])
    norms = {formula.lhs: formula.rhs for formula in chi_square[1:]}
    expected = [replaced(f, {delta: together, ANY_LENGTH: length}) for length in (LENGTH, WEIGHTED) for f in lengths]
    expected += [_in_units(replaced(replaced(f, norms), {delta: one}), chi_square[0]) for f in form]

    def agree(claimed: Relational, lemma: Relational) -> bool:
        at = replaced(claimed, {TAU: definition.rhs})
        return at.func is lemma.func and all(is_identity(*sides) for sides in zip(at.args, lemma.args, strict=True))

    return definition.lhs == TAU and all(map(agree, ranges, expected)) and len(ranges) == len(expected)


def _range(middle: sympy.Expr, size: sympy.Expr) -> Formulas:
    """Write the range of Lemmas C.3 and E.2 around 1, in τ and a dimension."""
    root = sympy.sqrt(TAU) / sympy.sqrt(size)
    return between(1 - 2 * root, middle, 1 + 2 * root + 2 * TAU / size)


def _in_units(formula: Relational, form: Relational) -> Relational:
    """Turn the range of a form into that of what it is a rising linear function of."""
    slope, offset = sympy.diff(form.rhs, OTHERS), form.rhs.xreplace({OTHERS: sympy.S.Zero})
    if not is_positive(slope, {n: (2, None)}):
        raise ValueError(f"expected a rising function of {OTHERS}, got {form.rhs}")
    sides = [OTHERS if side == form.lhs else (side - offset) / slope for side in formula.args]
    return formula.func(*sides, evaluate=False)
