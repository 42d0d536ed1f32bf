"""What the statements of Section 5 share: hypotheses, and one step of SGD on the second moments of a linear model.

w = θ − θ*, G = XᵀX/n with eigenpairs λᵢ, uᵢ in falling order, wᵢ = ⟨uᵢ, w⟩ and mᵢ = E wᵢ². With one sample a step,

    mᵢ(t+1) = (1 − ηλᵢ)² mᵢ(t) + η² E[uᵢᵀΣuᵢ],    E[uᵢᵀΣuᵢ] = gᵢ λᵢ E 2L,    2L = Σ λᵢwᵢ²,

where gᵢ is a mean of g_centred(θ; uᵢ) over the law of θ(t) with the weights 2L, so that A₁ ≤ gᵢ ≤ A₂.
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, between, ends, equal, shows
from theory._inequalities import Box
from theory._proof import Step, StepStatus
from theory._symbols import named, symbol

A1, A2 = (symbol(name) for name in ("A1", "A2"))
GAP = sympy.Symbol("gap", positive=True)
WITH_GAP = {A2: A1 + GAP}
"""A₂ = A₁ + gap, so that A₂ ≥ A₁ is a sign."""
AMPLITUDES: Box = {A1: (0, None), GAP: (0, None)}

eta = named("eta", r"\eta", positive=True)
CURVATURE = named("curvature", r"\lambda", positive=True)
LOSS = named("twice_loss", r"\mathbb{E}\, 2L", positive=True)
MOMENT = sympy.Symbol("m", positive=True)
NEXT_MOMENT = named("next_moment", r"m'", positive=True)
ALIGNMENT = sympy.Symbol("g", positive=True)
NOISE = named("noise_along", r"\mathbb{E}[u^\top \Sigma u]", positive=True)

# The samples along u and w, entry by entry; ⟨u, w⟩ and ⟨u, w'⟩, whose square is a mean over the drawn sample.
_INDEX = sympy.Symbol("i", integer=True, positive=True)
_COUNT = symbol("n")
ALONG_U, ALONG_W = (sympy.IndexedBase(letter, real=True)[_INDEX] for letter in "ar")
PART = named("part", r"\langle u, w \rangle", real=True)
_GRADIENT = named("gradient_along", r"\langle u, Gw \rangle", real=True)
_NEXT_SQUARE = named("next_square", r"\mathbb{E}\langle u, w' \rangle^2", positive=True)
_VARIANCE = named("variance_along", r"u^\top \Sigma u", positive=True)

LINEAR = "f(x; θ) = ⟨θ, x⟩, square loss, targets ⟨θ*, x⟩ without noise, any inputs"
SGD = (
    "SGD on one sample a step, drawn at random: θ(t+1) = θ(t) − η r x, from any start, fixed or random, with E L(0) > 0"
)
CONSTANTS = "A₁ ≤ g_centred(θ; uᵢ) ≤ A₂ for every θ and every eigenvector uᵢ of G with λᵢ > 0 (5.1)"
RATIO = "D_k = Σ_(i>k) λᵢ E wᵢ²/Σ_(i≤k) λᵢ E wᵢ² with wᵢ = ⟨uᵢ, θ − θ*⟩, λ₁ ≥ λ₂ ≥ … > 0 and k below the rank of G"
SOURCE = "Wang & Wu, A Theoretical Analysis of Noise Geometry in Stochastic Gradient Descent, arXiv 2310.00692"

MEANING = {
    "A1": "A₁, the smallest g_centred(θ; uᵢ) over all θ and i, at least 0",
    "A2": "A₂, the largest",
    "beta": "β, the learning rate times ‖G‖_F: η = β/‖G‖_F",
}


def dynamics_steps() -> tuple[Step, ...]:
    """List the steps from SGD to the recursion above.

    Returns:
        The steps, in order.
    """
    proved = StepStatus.PROVED
    variance = samples(ALONG_U**2 * ALONG_W**2) / _COUNT - _GRADIENT**2
    after = (1 - eta * CURVATURE) ** 2
    return (
        Step(
            "E⟨u, w'⟩² = (⟨u, w⟩ − η⟨u, Gw⟩)² + η² uᵀΣu, given w",
            proved,
            Fact(
                "one step",
                (
                    equal(_GRADIENT, samples(ALONG_U * ALONG_W) / _COUNT),
                    equal(_VARIANCE, variance),
                    equal(_NEXT_SQUARE, (PART - eta * _GRADIENT) ** 2 + eta**2 * _VARIANCE),
                ),
            ),
            one_step,
            note="the mean over the samples of ⟨u, w − η x⟨x, w⟩⟩² with aᵢ = ⟨u, xᵢ⟩ and rᵢ = ⟨w, xᵢ⟩. Two symbolic "
            "samples in two dimensions; both sides are means over the samples but for (uᵀGw)², which cancels",
        ),
        Step(
            "E[uᵀΣu] = g λ E 2L with A₁ ≤ g ≤ A₂ for every law of θ",
            proved,
            Fact("noise", (equal(NOISE, ALIGNMENT * CURVATURE * LOSS), *between(A1, ALIGNMENT, A2))),
            noise_between,
            ("5.1",),
            "uᵀΣu = g_centred(θ; u) λ 2L at an eigenvector u, so that g is a mean with the weights 2L; three points of "
            "a law, the sum has the same form for any law",
        ),
        Step(
            "m' = (1 − ηλ)² m + η² g λ E 2L with A₁ ≤ g ≤ A₂, along every eigenvector",
            proved,
            Fact(
                "moments",
                (
                    equal(NEXT_MOMENT, after * MOMENT + eta**2 * ALIGNMENT * CURVATURE * LOSS),
                    *between(A1, ALIGNMENT, A2),
                ),
            ),
            second_moment,
            ("one step", "noise"),
            "⟨u, Gw⟩ = λ⟨u, w⟩ at an eigenvector; the mean over the law of w",
        ),
    )


def samples(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the samples.

    Args:
        entries: an expression in entries with the index i.

    Returns:
        The sum over i = 1, …, n, as it stands.
    """
    return sympy.Sum(entries, (_INDEX, 1, _COUNT))


def at_samples(expression: sympy.Expr, along_u: list[sympy.Expr], along_w: list[sympy.Expr]) -> sympy.Expr:
    """Evaluate sums over the samples.

    Args:
        expression: an expression with such sums.
        along_u: ⟨u, xᵢ⟩, one for each sample.
        along_w: ⟨w, xᵢ⟩, one for each sample.

    Returns:
        The expression at these samples.
    """
    entries = {
        base[i + 1]: value
        for base, values in ((ALONG_U.base, along_u), (ALONG_W.base, along_w))
        for i, value in enumerate(values)
    }
    return expression.subs(_COUNT, len(along_u)).doit().xreplace(entries)


def one_step(conclusion: Formulas) -> bool:
    """Compare the mean of ⟨u, w − η x⟨x, w⟩⟩² over two samples with drift and noise.

    Args:
        conclusion: ⟨u, Gw⟩, uᵀΣu, and the mean.

    Returns:
        Whether all are what their definitions give.
    """
    X = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "uw")
    along_u, along_w = list(X * u), list(X * w)
    slopes = [a * r for a, r in zip(along_u, along_w, strict=True)]
    definitions = {
        _GRADIENT: (u.T * (X.T * X) * w)[0] / 2,
        _NEXT_SQUARE: sum((u.dot(w) - eta * slope) ** 2 for slope in slopes) / 2,
        _VARIANCE: sum((slope - sum(slopes) / 2) ** 2 for slope in slopes) / 2,
    }
    at_inputs = {PART: u.dot(w), **{part: definitions[part] for part in (_GRADIENT, _VARIANCE)}}
    written = {formula.lhs: at_samples(formula.rhs, along_u, along_w).xreplace(at_inputs) for formula in conclusion}
    named_first = tuple(written) == (_GRADIENT, _VARIANCE, _NEXT_SQUARE)
    return named_first and all((definitions[part] - side).expand() == 0 for part, side in written.items())


def noise_between(conclusion: Formulas, alignment: Formulas) -> bool:
    """Show E[uᵀΣu] = g λ E 2L with g between A₁ and A₂ where g_centred is, at each point of a law.

    Args:
        conclusion: the noise, and g between two numbers.
        alignment: the claim of Assumption 5.1.

    Returns:
        Whether the quotient of the two expectations is between these numbers for every law on three points.
    """
    noise, *bounds = conclusion
    losses, shares = sympy.symbols("p0:3", positive=True), sympy.symbols("y0:3", positive=True)
    low, high = ends(alignment)
    # Probabilities times 2L, and g_centred at the points.
    box = {**AMPLITUDES, CURVATURE: (0, None)} | dict.fromkeys(losses, (0, None)) | dict.fromkeys(shares, (0, 1))
    alignments = [low + share * (high - low) for share in shares]
    mean = sum(g * CURVATURE * loss for g, loss in zip(alignments, losses, strict=True))
    loss = sum(losses)
    values = {NOISE: mean, LOSS: loss, ALIGNMENT: mean / (CURVATURE * loss)}
    values = {part: value.xreplace(WITH_GAP) for part, value in values.items()} | WITH_GAP
    return noise.lhs == NOISE and all(shows(formula, box, values) for formula in (noise, *bounds))


def second_moment(conclusion: Formulas, one_step: Formulas, noise: Formulas) -> bool:
    """Take the mean of one step over the law of w, along an eigenvector.

    Args:
        conclusion: the second moment after the step, and what is known of g.
        one_step: the mean over the samples, given w.
        noise: the mean of uᵀΣu, and g between two numbers.

    Returns:
        Whether it is what drift and noise add up to, for a law on two points.
    """
    claimed, *bounds = conclusion
    parts, weights, variances = (sympy.symbols(f"{letter}0:2", positive=True) for letter in "wpv")
    given = one_step[-1].rhs.xreplace({_GRADIENT: CURVATURE * PART})
    after = sum(
        p * given.xreplace({PART: part, _VARIANCE: v}) for part, p, v in zip(parts, weights, variances, strict=True)
    )
    values = {
        NEXT_MOMENT: after,
        MOMENT: sum(p * part**2 for p, part in zip(weights, parts, strict=True)),
    }
    # The last variance is the one that makes the mean what the noise is.
    solved = {variances[1]: (noise[0].rhs - weights[0] * variances[0]) / weights[1]}
    values = {part: value.xreplace(solved) for part, value in values.items()}
    same_bounds = tuple(bounds) == noise[1:] and noise[0].lhs == NOISE
    return same_bounds and claimed.lhs == NEXT_MOMENT and shows(claimed, {}, values)
