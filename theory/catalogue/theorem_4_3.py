"""Theorem 4.3: the directional alignment of the linear model along K fixed directions, for every θ at once.

Problem:
    f(x; θ) = ⟨θ, x⟩ with x_1, …, x_n ~ N(0, S) independent and noiseless linear targets, so that the residual is X u
    with u = θ − w*. The directions v_1, …, v_K are fixed before the data are drawn.
    g(θ; v) = vᵀΣ₁v/(2 L · vᵀGv).

Statement:
    There are C₁(ε) and C₂(ε) such that if n ≥ C₁(ε) d log d and n ≥ C₂(ε) (d + log(K/δ)) log(K/δ), then
    (1 − ε)/(1 + ε)² ≤ g(θ; v_k) ≤ (3 + ε)/(1 − ε)² for all θ and each k.

Guarantee:
    With probability at least 1 − δ over the inputs. Theorem 4.3 of Wang & Wu, arXiv 2310.00692; the surviving proof
    rests on Lemma 17 of Cai et al. (2022), the one below on Lemma E.5, whose constants are explicit, and so are C₁ and
    C₂ in terms of them.

Provenance:
    [R], corrected. The reconstruction in docs/theory.md has n ≥ C₂(ε) log(K/δ) as its second condition, and that is
    false; so is log(K/δ)² alone. Write L = log(K/δ), whiten the inputs to rows z_i, and take |v| = 1. Among K
    directions, or on an event of probability δ, the largest (v·z_i)² reaches about 2L.
    - At u = v one row contributes (v·z_i)⁴/n, about 4L²/n, to g: n must grow at least like L².
    - At u = z_i/|z_i| it contributes (v·z_i)²|z_i|²/n, about 2L d/n: n must grow at least like d L. This exceeds both
      d log d and L² when log d ≪ L ≪ d (d = 800, L = √(d log d), n = 2 d log d: sup g = 12.7 instead of 3.3).
    At K and δ fixed the correction only adds a multiple of d, which d log d covers.
    At d = 1 the first condition is empty, since log 1 = 0; the second one then carries the statement, and where δ is at
    least 1 − ε it holds without any.

Controls:
    4.3:upper-2 (3 → 2 above), 4.3:lower-1.2 (1 → 1.2 below), 4.3:log-d (d log d → log d) and 4.3:log-K (the second
    condition log(K/δ)). In 4.3:log-d the second condition is log(K/δ)², so that no d is left in it to cover for the
    first.

Example:
    >>> import theory
    >>> [round(x, 3) for x in theory.statement("4.3").bounds(eps=0.1)]
    [0.744, 3.827]
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, between, ends, equal, shows
from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._directional import COSINE, LOWER, MEAN, POPULATION, UPPER, eps, population_step, reduction_steps
from theory.catalogue._directional_events import bounds_step, convention_step, monotone_step, variance_step
from theory.catalogue._fixed_directions import condition_steps
from theory.catalogue._nets import form_within_norm
from theory.catalogue._one_way import upper_bounds

d, K, delta = (symbol(name) for name in ("d", "K", "delta"))

# The norm of Lemma E.5, and the quadratic form of its matrix at the unit vector a/|a|.
_ERROR = quantity_symbol("fixed_direction_error")
_FORM = named("error_form", r"\hat a^\top E \hat a", real=True)

FAILURE = sympy.log(K / delta)
CONDITIONS = (d * sympy.log(d), (d + FAILURE) * FAILURE)

_CORRECTION = (
    "[R], corrected: the conditions had to be chosen. The reconstruction with n ≥ C log(K/δ) as second condition is "
    "false, and so is log(K/δ)² alone: with L = log(K/δ), one row contributes about 4L²/n to g at u = v and about "
    "2Ld/n at u along that row, so n must grow at least like L² and like dL. At d = 1 the first condition is empty, "
    "since log 1 = 0."
)


def build() -> Statement:
    """Build Theorem 4.3.

    Returns:
        The statement.
    """
    return Statement(
        id="4.3",
        title="directional alignment of the linear model along fixed directions",
        kind="theorem",
        source="Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, "
        "arXiv 2310.00692, Theorem 4.3",
        provenance={"lower": "R", "upper": "R", "probability": "R", "sample_size": "R"},
        provenance_note=_CORRECTION,
        summary="Along directions fixed in advance, little more samples than dimensions are enough for the noise to be "
        "between one and three times loss times curvature, at every parameter at once.",
        hypotheses=(
            "f(x; θ) = ⟨θ, x⟩, square loss, targets ⟨w*, x⟩ without noise",
            "x₁, …, xₙ ~ N(0, S) independent, S positive definite",
            "the K directions are fixed before the data are drawn",
        ),
        quantity="g_fixed",
        symbols={
            "eps": "ε, the accuracy, in (0, 1)",
            "delta": "δ, the probability of failure, in (0, 1)",
            "n": "the number of samples",
            "d": "the dimension of the inputs",
            "K": "the number of directions",
        },
        lower=LOWER,
        upper=UPPER,
        sample_size=CONDITIONS,
        constants="may depend on eps",
        probability=1 - delta,
        controls=_controls(),
        depends_on=("E.5", "C.1", "C.2", "C.5"),
        proof=Proof(_proof),
    )


def _controls() -> tuple[Control, ...]:
    return (
        Control(
            "4.3:upper-2",
            "as n grows at fixed d, g at u = v tends to 3, above (2 + ε)/(1 − ε)² for small ε",
            {"upper": "(2 + eps)/(1 - eps)**2"},
        ),
        Control(
            "4.3:lower-1.2",
            "as n grows at fixed d ≥ 2, g at u orthogonal to v tends to 1, below (1.2 − ε)/(1 + ε)² for small ε",
            {"lower": "(1.2 - eps)/(1 + eps)**2"},
        ),
        Control(
            "4.3:log-d",
            "with fewer samples than dimensions the residual may sit on the one sample where v·x is smallest, and g "
            "tends to 0",
            {"sample_size": ["log(d)", "log(K/delta)**2"]},
        ),
        Control(
            "4.3:log-K",
            "for K growing exponentially in d the largest (v_k·x_i)⁴/n is of order d²/n, unbounded at n = C d log d",
            {"sample_size": ["d*log(d)", "log(K/delta)"]},
        ),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        *reduction_steps("g_fixed", over_parameterised=False),
        population_step(),
        convention_step(),
        *condition_steps(CONDITIONS),
        Step(
            "m − (1 + 2c²) is the quadratic form of Lemma E.5's matrix at a unit vector",
            proved,
            Fact("error form", (equal(MEAN - POPULATION, _FORM), *between(-_ERROR, _FORM, _ERROR))),
            error_as_form,
            ("population",),
            "at a/|a|, with b/|b| as the fixed direction; symbolic unit vectors of the plane and z; a form is at "
            "most the norm",
        ),
        Step(
            "event A: m is within ε of its expectation, for each of the K directions",
            proved,
            Fact("event A", between(POPULATION - eps, MEAN, POPULATION + eps)),
            mean_within,
            ("error form", "E.5", "constant"),
            "Lemma E.5 at v = b/|b| and δ/(2K), for every a at once",
        ),
        variance_step(),
        monotone_step(),
        bounds_step("g_fixed"),
    ))


def error_as_form(conclusion: Formulas, population: Formulas) -> bool:
    """Write the error of the mean as a quadratic form.

    Args:
        conclusion: the error as the form, and the form between minus the norm and the norm.
        population: the expectation, in the cosine.

    Returns:
        Whether the identity holds for all unit vectors of the plane, and the form keeps to the bounds.
    """
    error, *bounds = conclusion
    # Unit vectors of the plane by the half angle's tangent, and one sample; means of samples have the same form.
    a, b = (sympy.Matrix([1 - t**2, 2 * t]) / (1 + t**2) for t in sympy.symbols("s t", real=True))
    z = sympy.Matrix(sympy.symbols("z0:2", real=True))
    matrix = b.dot(z) ** 2 * z * z.T - (sympy.eye(2) + 2 * b * b.T)
    expectation = population[0].rhs.xreplace({COSINE: a.dot(b)})
    values = {MEAN: a.dot(z) ** 2 * b.dot(z) ** 2, POPULATION: expectation, _FORM: (a.T * matrix * a)[0]}
    return shows(error, {}, values) and form_within_norm(tuple(bounds), _FORM, _ERROR)


def mean_within(conclusion: Formulas, error_form: Formulas, lemma: Formulas, constant: Formulas) -> bool:
    """Put Lemma E.5 into the error of the mean.

    Args:
        conclusion: m between two ends.
        error_form: the error as a form, and the form between minus the norm and the norm.
        lemma: the bound on the norm.
        constant: the constants for which its conditions are met.

    Returns:
        Whether the ends are the expectation less and plus the bound, exactly.
    """
    error, *form_bounds = error_form
    extremes = [end.xreplace({lemma[0].lhs: lemma[0].rhs}) for end in ends(tuple(form_bounds))]
    met = upper_bounds(*lemma) and all(formula.lhs.name.startswith("C") for formula in constant)
    exact = all(
        is_identity(error.lhs.xreplace({MEAN: end}), extreme)
        for end, extreme in zip(ends(conclusion), extremes, strict=True)
    )
    return met and conclusion[0].rhs == MEAN and form_bounds[0].rhs == error.rhs and exact
