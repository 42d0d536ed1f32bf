"""Proposition 5.3: gradient descent leaves a minimum along its sharpest direction.

Problem:
    f(x; θ) = ⟨θ, x⟩ with targets ⟨θ*, x⟩ without noise; gradient descent with the learning rate η = β/λ₁.
    wᵢ = ⟨uᵢ, θ − θ*⟩; D_k(t) = Σ_{i>k} λᵢwᵢ(t)² / Σ_{i≤k} λᵢwᵢ(t)², as for SGD in Theorem 5.2.

Statement:
    D_k(t) ≤ R (q/(β − 1)²)^t with R = Σ_{i>k} λᵢwᵢ(0)²/(λ₁w₁(0)²) and q = max_{i>k}(1 − βλᵢ/λ₁)².
    For β > 2, where gradient descent escapes, q < (β − 1)² as soon as λ_{k+1} < λ₁: the share of the flat directions
    falls exponentially, while that of SGD stays above a positive number.

Guarantee:
    For any inputs and any start with w₁(0) ≠ 0; exact dynamics, no probability. The inequality itself holds for every
    β ≠ 1. Proposition 5.3 of Wang & Wu, arXiv 2310.00692.

Provenance:
    [D]: derived again and checked on the dynamics.

Controls:
    5.3:rate-squared, the exponent 2t in place of t.

Example:
    >>> import theory
    >>> theory.statement("5.3").bounds(R=2, q=0.25, beta=2.5, t=1)[1]
    0.2222222222222222
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, at_least, at_most, below, equal, replaced, shows
from theory._inequalities import is_identity
from theory._parse import parse
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._second_moments import (
    ALONG_U,
    ALONG_W,
    CURVATURE,
    LINEAR,
    PART,
    RATIO,
    SOURCE,
    at_samples,
    eta,
    samples,
)

SYMBOLS = {
    "R": "Σ_(i>k) λᵢwᵢ(0)²/(λ₁w₁(0)²), at least 0",
    "q": "max_(i>k) (1 − βλᵢ/λ₁)², at least 0",
    "beta": "β, the learning rate times λ₁: η = β/λ₁; gradient descent escapes where it is above 2",
    "t": "the number of steps, at least 0",
}
R, q, beta, t = (symbol(name) for name in SYMBOLS)

# As text, since SymPy would tear the power apart.
UPPER = parse("R*(q/(beta - 1)**2)**t", SYMBOLS)
# λ₁; ⟨u, w⟩ after a step, its square after t steps and at the start; the flat part of 2L after t steps and at the
# start; the sharp part after t steps, and λ₁w₁² at the start.
_COUNT = symbol("n")
_SHARPEST = named("sharpest", r"\lambda_1", positive=True)
_NEXT_PART = named("next_part", r"\langle u, w' \rangle", real=True)
_SQUARE = named("square_now", r"\langle u, w(t) \rangle^2", positive=True)
_FIRST_SQUARE = named("square_first", r"\langle u, w(0) \rangle^2", positive=True)
_FLAT, _FIRST_FLAT = (named(f"flat_{name}", f"Y({at})", positive=True) for name, at in (("now", "t"), ("first", "0")))
_SHARP = named("sharp_now", "X(t)", positive=True)
_FIRST_SHARPEST = named("sharpest_first", r"\lambda_1 w_1(0)^2", positive=True)


def build() -> Statement:
    """Build Proposition 5.3.

    Returns:
        The statement.
    """
    return Statement(
        id="5.3",
        title="gradient descent escapes along the sharpest direction",
        kind="theorem",
        source=f"{SOURCE}, Proposition 5.3",
        provenance={"upper": "D"},
        provenance_note="Derived again and checked on the dynamics.",
        summary="Gradient descent beyond its threshold leaves along the sharpest direction; what remains in the flat "
        "ones is exponentially small.",
        hypotheses=(LINEAR, "gradient descent from any start with w₁(0) ≠ 0: θ(t+1) = θ(t) − η Xᵀr/n", RATIO),
        quantity="flat_to_sharp_gd",
        symbols=SYMBOLS,
        lower=None,
        upper=UPPER,
        controls=(
            Control(
                "5.3:rate-squared",
                "with one sharp and one flat direction the bound is met exactly, and where the rate is below one its "
                "square is smaller",
                {"upper": "R*(q/(beta - 1)**2)**(2*t)"},
            ),
        ),
        proof=Proof(_proof),
    )


def _proof() -> Proof:
    return Proof((*_dynamics(), *_bounds()))


def _dynamics() -> tuple[Step, ...]:
    """List the steps to wᵢ(t) = (1 − ηλᵢ)ᵗ wᵢ(0)."""
    proved = StepStatus.PROVED
    return (
        Step(
            "⟨u, w(t+1)⟩ = ⟨u, w(t)⟩ − η⟨u, Gw(t)⟩",
            proved,
            Fact("gradient step", (equal(_NEXT_PART, PART - eta * samples(ALONG_U * ALONG_W) / _COUNT),)),
            gradient_step,
            note="aᵢ = ⟨u, xᵢ⟩ and rᵢ = ⟨w, xᵢ⟩; the gradient of the loss by its definition; three symbolic samples in "
            "two dimensions",
        ),
        Step(
            "⟨u, w(t+1)⟩ = (1 − ηλ)⟨u, w(t)⟩ along an eigenvector",
            proved,
            Fact("factor", (equal(_NEXT_PART, (1 - eta * CURVATURE) * PART),)),
            along_eigenvector,
            ("gradient step",),
            "⟨u, Gw⟩ = λ⟨u, w⟩",
        ),
        Step(
            "⟨u, w(t)⟩² = ((1 − ηλ)²)ᵗ ⟨u, w(0)⟩²",
            proved,
            Fact("powers", (equal(_SQUARE, ((1 - eta * CURVATURE) ** 2) ** t * _FIRST_SQUARE),)),
            powers,
            ("factor",),
            "induction over t: t = 0, and from t to t + 1",
        ),
    )


def _bounds() -> tuple[Step, ...]:
    """List the steps from there to the bound."""
    proved = StepStatus.PROVED
    return (
        Step(
            "(1 − ηλ₁)² = (β − 1)²",
            proved,
            Fact("sharpest rate", (equal((1 - eta * _SHARPEST) ** 2, (beta - 1) ** 2),)),
            sharpest_rate,
            note="η = β/λ₁",
        ),
        Step(
            "Y(t) ≤ qᵗ Y(0)",
            proved,
            Fact("flat part", (at_most(_FLAT, q**t * _FIRST_FLAT),)),
            flat_part,
            ("powers",),
            "Y = Σ_(i>k) λᵢwᵢ², and q is the largest (1 − ηλᵢ)² over i > k; two flat directions, the sum has the same "
            "form for any number",
        ),
        Step(
            "X(t) ≥ ((β − 1)²)ᵗ λ₁w₁(0)²",
            proved,
            Fact("sharp part", (at_least(_SHARP, ((beta - 1) ** 2) ** t * _FIRST_SHARPEST),)),
            sharp_part,
            ("powers", "sharpest rate"),
            "X = Σ_(i≤k) λᵢwᵢ², of which the first term is enough; two sharp directions",
        ),
        Step(
            "q < (β − 1)² for β > 2 and λ_(k+1) < λ₁",
            proved,
            Fact("flat is slower", (below(2, beta), below((1 - eta * CURVATURE) ** 2, (beta - 1) ** 2))),
            flat_is_slower,
            ("sharpest rate",),
            "ηλᵢ is β times a number in (0, 1) for i > k: the bound falls with t",
            remark=True,
        ),
        Step(
            "D_k(t) ≤ R (q/(β − 1)²)ᵗ",
            proved,
            Fact("bound", (at_most(quantity_symbol("flat_to_sharp_gd"), UPPER),)),
            geometric,
            ("flat part", "sharp part"),
            "D_k = Y/X and R = Y(0)/(λ₁w₁(0)²); β ≠ 1",
        ),
    )


def gradient_step(conclusion: Formulas) -> bool:
    """Compare a step of gradient descent, by the definition of the loss, with its formula.

    Args:
        conclusion: the part along any u after a step.

    Returns:
        Whether it is that, for three samples in two dimensions.
    """
    (claimed,) = conclusion
    X = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "uw")
    loss = sum(entry**2 for entry in X * w) / 6
    gradient = sympy.Matrix([sympy.diff(loss, entry) for entry in w])
    written = equal(claimed.lhs, at_samples(claimed.rhs, list(X * u), list(X * w)))
    values = {_NEXT_PART: u.dot(w - eta * gradient), PART: u.dot(w)}
    return claimed.lhs == _NEXT_PART and shows(written, {}, values)


def along_eigenvector(conclusion: Formulas, gradient_step: Formulas) -> bool:
    """Take the step along an eigenvector.

    Args:
        conclusion: the part after a step.
        gradient_step: the same for any u.

    Returns:
        Whether ⟨u, Gw⟩ = λ⟨u, w⟩ gives it.
    """
    eigen = {samples(ALONG_U * ALONG_W): _COUNT * CURVATURE * PART}
    return conclusion[0].lhs == gradient_step[0].lhs and is_identity(
        conclusion[0].rhs, gradient_step[0].rhs.xreplace(eigen)
    )


def powers(conclusion: Formulas, factor: Formulas) -> bool:
    """Prove the square of the part after t steps by induction.

    Args:
        conclusion: the square after t steps.
        factor: the part after one step.

    Returns:
        Whether it is the first square at t = 0, and is multiplied by the square of the factor from t to t + 1.
    """
    (claimed,) = conclusion
    base = claimed.rhs.xreplace({t: sympy.S.Zero}) == _FIRST_SQUARE
    ratio = factor[0].rhs / PART
    growth = sympy.powsimp(claimed.rhs.xreplace({t: t + 1}) / claimed.rhs)
    return claimed.lhs == _SQUARE and base and is_identity(growth, ratio**2)


def sharpest_rate(conclusion: Formulas) -> bool:
    """Evaluate the rate along the sharpest direction.

    Args:
        conclusion: the rate.

    Returns:
        Whether η = β/λ₁ gives it.
    """
    (claimed,) = conclusion
    is_rate = claimed.lhs == (1 - eta * _SHARPEST) ** 2
    return is_rate and shows(claimed, {}, {eta: beta / _SHARPEST})


def flat_part(conclusion: Formulas, powers: Formulas) -> bool:
    """Bound the loss along two flat directions after t steps.

    Args:
        conclusion: that loss below a multiple of the loss at the start.
        powers: the square of one part after t steps.

    Returns:
        Whether it holds for rates up to q, of which powers are those of q times a number in (0, 1).
    """
    (claimed,) = conclusion
    losses, shares = sympy.symbols("loss0:2", positive=True), sympy.symbols("y0:2", positive=True)
    power = sympy.Symbol("power", positive=True)
    rate = ((1 - eta * CURVATURE) ** 2) ** t
    later = sum(
        powers[0].rhs.xreplace({rate: power * share, _FIRST_SQUARE: loss})
        for loss, share in zip(losses, shares, strict=True)
    )
    box = dict.fromkeys((*losses, power), (0, None)) | dict.fromkeys(shares, (0, 1))
    # A rate below q has a t-th power below that of q, whatever t is.
    values = {_FLAT: later, q**t: power, _FIRST_FLAT: sum(losses)}
    return powers[0].lhs == _SQUARE and claimed.has(q**t) and shows(claimed, box, values)


def sharp_part(conclusion: Formulas, powers: Formulas, rate: Formulas) -> bool:
    """Bound the loss along two sharp directions after t steps.

    Args:
        conclusion: that loss above a multiple of the loss along the sharpest direction at the start.
        powers: the square of one part after t steps.
        rate: the rate along the sharpest direction.

    Returns:
        Whether it holds.
    """
    (claimed,) = conclusion
    power, other = sympy.symbols("power other", positive=True)
    sharpest = powers[0].rhs.xreplace({CURVATURE: _SHARPEST, _FIRST_SQUARE: _FIRST_SHARPEST})
    at_power = {rate[0].lhs ** t: power, rate[0].rhs ** t: power}
    later = sharpest.xreplace(at_power) + other
    written = replaced(claimed, at_power)
    box = dict.fromkeys((power, other, _FIRST_SHARPEST), (0, None))
    known = powers[0].lhs == _SQUARE and claimed.lhs == _SHARP and not (later.has(t) or written.has(t))
    return known and shows(written, box, {_SHARP: later})


def flat_is_slower(conclusion: Formulas, rate: Formulas) -> bool:
    """Show (1 − ηλ)² < (β − 1)² for λ < λ₁.

    Args:
        conclusion: the case, β above a number, and that inequality.
        rate: the rate along the sharpest direction.

    Returns:
        Whether it holds there.
    """
    case, claimed = conclusion
    share = sympy.Symbol("share", positive=True)
    same_rate = (rate[0].lhs.xreplace({_SHARPEST: CURVATURE}), rate[0].rhs) == claimed.args
    in_case = isinstance(case, sympy.StrictLessThan) and case.rhs == beta
    box = {beta: (case.lhs, None), share: (0, 1)}
    return same_rate and in_case and shows(claimed, box, {eta: beta / CURVATURE * share})


def geometric(conclusion: Formulas, flat_part: Formulas, sharp_part: Formulas) -> bool:
    """Divide the flat part by the sharp one.

    Args:
        conclusion: D_k(t) below a bound.
        flat_part: the flat part below a multiple of that at the start.
        sharp_part: the sharp part above a multiple of that at the start.

    Returns:
        Whether the bound is exactly the quotient of the two; logarithms of both are compared.
    """
    (claimed,) = conclusion
    # β − 1 enters by its square alone, so that its sign does not matter.
    away = {beta: 1 + sympy.Symbol("away", positive=True)}
    quotient = (flat_part[0].rhs / sharp_part[0].rhs).xreplace({_FIRST_FLAT: R * _FIRST_SHARPEST})
    logarithms = [sympy.expand_log(sympy.log(side.xreplace(away)), force=True) for side in (claimed.rhs, quotient)]
    directions = isinstance(flat_part[0], sympy.LessThan) and isinstance(sharp_part[0], sympy.GreaterThan)
    named_first = (flat_part[0].lhs, sharp_part[0].lhs) == (_FLAT, _SHARP)
    upper = isinstance(claimed, sympy.LessThan) and claimed.lhs == quantity_symbol("flat_to_sharp_gd")
    return directions and named_first and upper and sympy.expand(logarithms[0] - logarithms[1]) == 0
