"""Theorem 3.2: the loss alignment of over-parameterised linear models, for every θ at once.

Problem:
    f(x; θ) = ⟨F(θ), x⟩ with any F, inputs x_1, …, x_n ~ N(0, S) independent and noiseless targets ⟨w*, x⟩. The loss
    alignment is μ(θ) = Tr(Σ₁ G)/(2 L ‖G‖²_F), with μ := 1 where the loss or G is zero.

Statement:
    If n ≥ C (d² log²(1/ε) + log²(1/δ))/ε and n ≥ C (d log(1/ε) + log(1/δ))/ε², then
    (1 − ε)/(1 + ε)² ≤ μ(θ) ≤ (3 + ε)/(1 − ε)² for all θ. Neither F nor the number of parameters matters.

Guarantee:
    With probability at least 1 − δ over the inputs, for ε ≤ 1/2; C is an absolute constant that the paper does not
    give. C = 8450 is enough, as in Theorem 4.2. Theorem 3.2 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D], with the conditions and the range of ε of Theorem 4.2. μ is an average of the directional alignments, and a
    model whose gradients are parallel attains each of them: over all F the two theorems bound the same range.

Controls:
    3.2:upper-2 (3 → 2 above), 3.2:d-for-d2 (d² → d in the first condition) and 3.2:lower-1.2 (1 → 1.2 below).

Example:
    >>> import theory
    >>> theory.statement("3.2").bounds(eps=0.2) == theory.statement("4.2").bounds(eps=0.2)
    True
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, between, ends, equal, replaced, same, shows
from theory._inequalities import Box, is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import CONSTANT, named, quantity_symbol, symbol
from theory.catalogue._directional import LOWER, UPPER
from theory.catalogue._directional_events import convention_step
from theory.catalogue._one_way import upper_bounds
from theory.catalogue.theorem_4_2 import CONDITIONS, EXPLICIT, RANGE

delta = symbol("delta")

MU = quantity_symbol("mu_olm")
ANY = quantity_symbol("g_uniform")
# The eigenvalues of G, the directional alignments along its eigenvectors, their extremes, and g along one direction.
_K = sympy.Symbol("k", integer=True, positive=True)
_COUNT = sympy.Symbol("p", integer=True, positive=True)
_EIGENVALUE = sympy.IndexedBase("lambda", positive=True)[_K]
_ALONG = sympy.IndexedBase("g", positive=True)[_K]
_LEAST, _MOST = (named(f"{end}_alignment", rf"\{end}_k g_k", positive=True) for end in ("min", "max"))
_ONE = named("alignment_along_gradients", r"g(\theta; w)", positive=True)


def build() -> Statement:
    """Build Theorem 3.2.

    Returns:
        The statement.
    """
    return Statement(
        id="3.2",
        title="loss alignment of over-parameterised linear models",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 3.2",
        provenance={"lower": "D", "upper": "D", "probability": "D", "sample_size": "D"},
        provenance_note="Derived again from Theorem 4.2 and checked numerically; the range of ε is ours, as there.",
        summary="With more samples than the square of the dimension the size of the noise is between one and three "
        "times loss times curvature, at every parameter at once and whatever the parameterisation.",
        hypotheses=(
            "f(x; θ) = ⟨F(θ), x⟩ with any F, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            RANGE,
        ),
        quantity="mu_olm",
        symbols={
            "eps": "ε, the accuracy, in (0, 1/2]",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=CONDITIONS,
        constants="absolute",
        probability=1 - delta,
        largest_eps=0.5,
        controls=_controls(),
        depends_on=("4.2",),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "3.2:upper-2",
            "a model with one parameter and F' along u has μ = g(u; u), which tends to 3 as n grows at fixed d",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "3.2:d-for-d2",
            "with F' and u along the longest row that row alone contributes about d²/n to μ, unbounded at n = C d",
            {
                "sample_size": [
                    "(d*log(1/eps)**2 + log(1/delta)**2)/eps",
                    "(d*log(1/eps) + log(1/delta))/eps**2",
                ]
            },
        ),
        Control(
            "3.2:lower-1.2",
            "a model with one parameter and F' orthogonal to u has μ = g, which tends to 1 as n grows at fixed d ≥ 2",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    average = _total(_EIGENVALUE**2 * _ALONG) / _total(_EIGENVALUE**2)
    return Proof((
        Step(
            "μ = Σ λₖ² gₖ/Σ λₖ² with gₖ = g(θ; vₖ), λₖ and vₖ the eigenvalues and eigenvectors of G",
            proved,
            Fact("average", (equal(MU, average),)),
            average_of_directions,
            note="any symmetric Σ₁ and any G = VΛVᵀ in three dimensions, V a rotation; the sums have the same form in "
            "any, and where λₖ = 0 nothing is added",
        ),
        Step(
            "so μ lies between the extremes of g over the eigenvectors",
            proved,
            Fact("extremes", between(_LEAST, MU, _MOST)),
            mean_between,
            ("average",),
            "the weights λₖ²/Σ λₖ² are non-negative and sum to one; three symbolic weights and values, the sum has the "
            "same form for any number",
        ),
        Step(
            "conversely, where all gradients are parallel, J = y wᵀ, μ is g(θ; w)",
            proved,
            Fact("parallel", (equal(MU, _ONE),)),
            parallel_gradients,
            note="symbolic y and r (3) and w (2): over all F, the bounds of μ are attained or missed with those of g",
            remark=True,
        ),
        Step(
            f"C = {EXPLICIT} is enough, as for Theorem 4.2",
            proved,
            Fact("constant", (equal(CONSTANT, EXPLICIT),)),
            conditions_shared,
            ("sample_size", "4.2:sample_size", "4.2:constant"),
            "the conditions are the same",
        ),
        Step(
            "g lies within the bounds along every eigenvector",
            proved,
            Fact("eigenvectors", (*between(LOWER, _LEAST, UPPER), *between(LOWER, _MOST, UPPER))),
            every_direction,
            ("4.2", "constant"),
            "Theorem 4.2, for every direction at once",
        ),
        convention_step(),
        Step(
            "μ lies within the bounds",
            proved,
            Fact("bounds", between(LOWER, MU, UPPER)),
            bounds_from_extremes,
            ("extremes", "eigenvectors", "convention"),
            "0 < ε < 1; μ = 1 where the loss or G is zero",
        ),
    ))


def average_of_directions(conclusion: Formulas) -> bool:
    """Compare Tr(Σ₁G)/(2L ‖G‖²_F) with the average of the directional alignments.

    Args:
        conclusion: μ as a quotient of sums over the eigenvectors.

    Returns:
        Whether the identity holds in three dimensions.
    """
    (claimed,) = conclusion
    values, loss = sympy.symbols("l0:3", positive=True), sympy.Symbol("loss", positive=True)
    noise = sympy.Matrix(3, 3, lambda i, j: sympy.Symbol(f"s{min(i, j)}{max(i, j)}", real=True))
    V, square = _rotation()
    # The columns of V have the length square, so that the eigenvalues of fisher are square² times the values.
    fisher = V * sympy.diag(*values) * V.T
    vectors = [V[:, k] for k in range(3)]
    curvatures = [square**4 * value for value in values]
    diagonal = all(
        ((v.T * fisher * v)[0] - curvature).expand() == 0 for v, curvature in zip(vectors, curvatures, strict=True)
    )
    # 2L gₖ is vₖᵀΣ₁vₖ over the curvature; the noise along each column is a variable, which keeps the sums short.
    along = sympy.symbols("n0:3", real=True)
    traces = sympy.expand((noise * fisher).trace()), sympy.expand((fisher * fisher).trace())
    in_columns = sum(value * (v.T * noise * v)[0] for value, v in zip(values, vectors, strict=True))
    squares = square**4 * sum(value**2 for value in values)
    same_traces = sympy.expand(traces[0] - in_columns) == 0 and sympy.expand(traces[1] - squares) == 0
    definition = sum(value * entry for value, entry in zip(values, along, strict=True)) / (loss * squares)
    entries = {_EIGENVALUE.base[k + 1]: square**2 * values[k] for k in range(3)}
    entries |= {_ALONG.base[k + 1]: along[k] / (loss * curvatures[k]) for k in range(3)}
    quotient = claimed.rhs.subs(_COUNT, 3).doit().xreplace(entries)
    return diagonal and same_traces and claimed.lhs == MU and is_identity(quotient, definition)


def mean_between(conclusion: Formulas, average: Formulas) -> bool:
    """Show that a weighted mean lies between the extremes of what it averages.

    Args:
        conclusion: μ between the least and the largest alignment.
        average: μ as a weighted mean.

    Returns:
        Whether it does, for any three weights and values.
    """
    gap, shares = sympy.Symbol("gap", positive=True), sympy.symbols("x0:3", positive=True)
    weights = sympy.symbols("l0:3", positive=True)
    entries = {_EIGENVALUE.base[k + 1]: weights[k] for k in range(3)}
    entries |= {_ALONG.base[k + 1]: _LEAST + gap * shares[k] for k in range(3)}
    mean = average[0].rhs.subs(_COUNT, 3).doit().xreplace(entries)
    box: Box = dict.fromkeys((_LEAST, gap, *weights), (0, None)) | dict.fromkeys(shares, (0, 1))
    values = {average[0].lhs: mean, _MOST: _LEAST + gap}
    return conclusion[0].lhs == _LEAST and all(shows(formula, box, values) for formula in conclusion)


def parallel_gradients(conclusion: Formulas) -> bool:
    """Compare μ by its definition, for a Jacobian of rank one, with g along the gradients.

    Args:
        conclusion: the identity.

    Returns:
        Whether it holds.
    """
    y, r = (sympy.Matrix(sympy.symbols(f"{name}0:3", real=True)) for name in "yr")
    w = sympy.Matrix(sympy.symbols("w0:2", real=True))
    J = y * w.T
    noise, fisher, loss = J.T * sympy.diag(*[entry**2 for entry in r]) * J, J.T * J, r.dot(r)
    mu = sympy.factor((noise * fisher).trace()) / (loss * sympy.factor((fisher * fisher).trace()))
    along = sympy.factor((w.T * noise * w)[0]) / (loss * sympy.factor((w.T * fisher * w)[0]))
    return shows(conclusion[0], {}, {MU: mu, _ONE: along})


def conditions_shared(conclusion: Formulas, sample_size: Formulas, directional: Formulas, constant: Formulas) -> bool:
    """Take over the constant of Theorem 4.2.

    Args:
        conclusion: the constant.
        sample_size: the theorem's conditions.
        directional: those of Theorem 4.2.
        constant: the constant that is enough for these.

    Returns:
        Whether the conditions are the same, and so is the constant.
    """
    return same(conclusion, constant) and same(sample_size, directional)


def every_direction(conclusion: Formulas, theorem: Formulas, constant: Formulas) -> bool:
    """Take Theorem 4.2 where g is least and where it is largest.

    Args:
        conclusion: both between the bounds.
        theorem: g along any direction between the bounds.
        constant: the constant for which the conditions are met.

    Returns:
        Whether the conclusion is that.
    """
    taken = [replaced(formula, {ANY: extreme}) for extreme in (_LEAST, _MOST) for formula in theorem]
    return constant[0].lhs == CONSTANT and same(conclusion, tuple(taken))


def bounds_from_extremes(
    conclusion: Formulas, extremes: Formulas, eigenvectors: Formulas, convention: Formulas
) -> bool:
    """Chain the inequalities.

    Args:
        conclusion: the bounds of μ.
        extremes: μ between the least and the largest alignment.
        eigenvectors: both of these between the bounds.
        convention: that the bounds contain 1.

    Returns:
        Whether they are the lower bound of the least and the upper bound of the largest, and contain 1.
    """
    (least, most), lower, upper = ends(extremes), eigenvectors[0], eigenvectors[3]
    middle = extremes[0].rhs
    chained = (
        (lower.rhs, upper.lhs) == (least, most)
        and upper_bounds(lower, upper)
        and same(conclusion, between(lower.lhs, middle, upper.rhs))
    )
    return chained and same(convention, tuple(replaced(formula, {middle: sympy.S.One}) for formula in conclusion))


def _total(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the eigenvectors."""
    return sympy.Sum(entries, (_K, 1, _COUNT))


def _rotation() -> tuple[sympy.Matrix, sympy.Expr]:
    """Make any rotation of space, up to a factor: the matrix of a quaternion, and its squared length."""
    a, b, c, e = sympy.symbols("q0:4", real=True)
    V = sympy.Matrix([
        [a**2 + b**2 - c**2 - e**2, 2 * (b * c - a * e), 2 * (b * e + a * c)],
        [2 * (b * c + a * e), a**2 - b**2 + c**2 - e**2, 2 * (c * e - a * b)],
        [2 * (b * e - a * c), 2 * (c * e + a * b), a**2 - b**2 - c**2 + e**2],
    ])
    return V, a**2 + b**2 + c**2 + e**2
