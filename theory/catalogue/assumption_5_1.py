"""Assumption 5.1 with the exact constants of a data set: alignment along the eigen-directions, for every θ.

Problem:
    f(x; θ) = ⟨θ, x⟩ with targets ⟨θ*, x⟩ without noise; w = θ − θ*; G = XᵀX/n with eigenpairs λᵢ, uᵢ.
    g_centred(θ; uᵢ) = uᵢᵀΣuᵢ/(2 L λᵢ), where Σ is the covariance of the gradient of one sample.

Statement:
    A₁ ≤ g_centred(θ; uᵢ) ≤ A₂ for every θ with L > 0 and every i with λᵢ > 0, where A₁ and A₂ are the smallest and the
    largest value: extreme eigenvalues of (Nᵢ, λᵢG) on the range of G, Nᵢ = (1/n)Σ (uᵢ·x)² x xᵀ − (Guᵢ)(Guᵢ)ᵀ, over i.

Guarantee:
    For any inputs, no probability. In the paper A₁ and A₂ are assumed to exist along the trajectory (Assumption 5.1 of
    Wang & Wu, arXiv 2310.00692); for linear models they do exist, and are numbers that can be computed.
    A₁ = 0 where the inputs are linearly independent: then nothing is claimed below.

Provenance:
    [R]: the formula of the assumption is lost in the copy used; that the constants are the exact ones is ours.

Controls:
    5.1:larger-A1 and 5.1:smaller-A2, each constant moved inwards by two per cent; the exact extremes are attained.

Example:
    >>> import theory
    >>> theory.statement("5.1").bounds(A1=0.75, A2=2.5)
    (0.75, 2.5)
"""

from __future__ import annotations

import sympy

from theory._facts import Fact, Formulas, between, ends, equal, shows
from theory._inequalities import Box, is_identity, is_nonnegative
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory._symbols import named, quantity_symbol, symbol
from theory.catalogue._second_moments import (
    A1,
    A2,
    ALONG_U,
    AMPLITUDES,
    CURVATURE,
    GAP,
    LINEAR,
    MEANING,
    SOURCE,
    WITH_GAP,
    at_samples,
    samples,
)

G_EIGEN = quantity_symbol("g_eigen")
# Samples i, axes j and k; the matrices N and G, the parameter, its coordinates and the eigenvalues γ.
_I, _J, _K, _DIMENSION = (sympy.Symbol(letter, integer=True, positive=True) for letter in "ijkd")
_COUNT = symbol("n")
_SAMPLES, _W = (sympy.IndexedBase(letter, real=True) for letter in "xw")
_NOISE_MATRIX, _FISHER = (sympy.IndexedBase(letter, real=True)[_J, _K] for letter in "NG")
_Z, _GAMMA = sympy.IndexedBase("z", real=True)[_J], sympy.IndexedBase("gamma", positive=True)[_J]
_VARIANCE = named("variance_along", r"u^\top \Sigma u", positive=True)
_LOSS = named("twice_loss_at", "2L", positive=True)
_LEAST = named("least_alignment", r"\min g", positive=True)
_LARGEST = named("largest_alignment", r"\max g", positive=True)


def build() -> Statement:
    """Build Assumption 5.1.

    Returns:
        The statement.
    """
    return Statement(
        id="5.1",
        title="alignment along the eigen-directions",
        kind="lemma",
        source=f"{SOURCE}, Assumption 5.1",
        provenance={"lower": "R", "upper": "R"},
        provenance_note="The formula of the assumption is lost. That it holds for a linear model, with constants that "
        "can be computed exactly from the data, is ours.",
        summary="Along every eigen-direction of the Hessian the noise of SGD is between two multiples of loss times "
        "curvature, wherever the parameter is; the best two are known exactly for each data set.",
        hypotheses=(LINEAR, "L(θ) > 0, and uᵢ is an eigenvector of G = XᵀX/n with λᵢ > 0"),
        quantity="g_eigen",
        symbols={name: MEANING[name] for name in ("A1", "A2")},
        lower=A1,
        upper=A2,
        controls=(
            Control(
                "5.1:larger-A1",
                "the smallest alignment is attained, at an eigenvector of the pencil, and is less than 1.02 A₁",
                {"lower": "1.02*A1"},
            ),
            Control(
                "5.1:smaller-A2",
                "the largest alignment is attained, at an eigenvector of the pencil, and is more than 0.98 A₂",
                {"upper": "0.98*A2"},
            ),
        ),
        proof=Proof(_proof),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    gradient = [samples(ALONG_U * _SAMPLES[_I, axis]) / _COUNT for axis in (_J, _K)]
    entry_noise = samples(ALONG_U**2 * _SAMPLES[_I, _J] * _SAMPLES[_I, _K]) / _COUNT - gradient[0] * gradient[1]
    return Proof((
        Step(
            "uᵀΣu = wᵀNw with N = (1/n)Σ (u·x)² x xᵀ − (Gu)(Gu)ᵀ, and 2L = wᵀGw",
            proved,
            Fact(
                "quadratic forms",
                (
                    equal(_NOISE_MATRIX, entry_noise),
                    equal(_FISHER, samples(_SAMPLES[_I, _J] * _SAMPLES[_I, _K]) / _COUNT),
                    equal(_VARIANCE, over_axes(_NOISE_MATRIX * _W[_J] * _W[_K])),
                    equal(_LOSS, over_axes(_FISHER * _W[_J] * _W[_K])),
                ),
            ),
            quadratic_forms,
            note="aᵢ = u·xᵢ; so g_centred is a quotient of two quadratic forms in w; three symbolic samples in two "
            "dimensions",
        ),
        Step(
            "such a quotient is a mean of the eigenvalues γⱼ of (N, λG) with the weights zⱼ²/|z|²",
            proved,
            Fact("coordinates", (equal(G_EIGEN, _axis_sum(_GAMMA * _Z**2) / _axis_sum(_Z**2)),)),
            in_coordinates,
            ("quadratic forms",),
            "the definition g_centred = uᵀΣu/(λ 2L); z are coordinates on the range of G that make G the identity and "
            "N diagonal (spectral theorem); two coordinates",
        ),
        Step(
            "the smallest and the largest eigenvalue are attained",
            proved,
            Fact("attained", (equal(_LEAST, A1), equal(_LARGEST, A2))),
            attained,
            ("coordinates",),
            "at the coordinate vectors; A₁ and A₂ are the extreme eigenvalues over all i; three coordinates",
        ),
        Step(
            "A₁ ≤ g_centred ≤ A₂, and nothing narrower",
            proved,
            Fact("bounds", between(A1, G_EIGEN, A2)),
            mean_between,
            ("coordinates", "attained"),
            "A₁ ≤ γⱼ ≤ A₂; three coordinates, the sum has the same form for any number",
        ),
    ))


def over_axes(entries: sympy.Expr) -> sympy.Expr:
    """Write a double sum over the coordinates.

    Args:
        entries: an expression in entries with the indices j and k.

    Returns:
        The sum over j, k = 1, …, d, as it stands.
    """
    return sympy.Sum(entries, (_J, 1, _DIMENSION), (_K, 1, _DIMENSION))


def quadratic_forms(conclusion: Formulas) -> bool:
    """Compare uᵀΣu and 2L by their definitions with the quadratic forms in w.

    Args:
        conclusion: the entries of N and G, and the two quadratic forms.

    Returns:
        Whether all of them are right for three samples in two dimensions.
    """
    X = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "uw")
    gradients = [X[i, :].T * (X[i, :] * w)[0] for i in range(3)]
    mean = sum(gradients, sympy.zeros(2, 1)) / 3
    definitions = {
        _VARIANCE: sum((u.dot(gradient) - u.dot(mean)) ** 2 for gradient in gradients) / 3,
        _LOSS: sum(entry**2 for entry in X * w) / 3,
    }
    inputs = {_SAMPLES[i + 1, j + 1]: X[i, j] for i in range(3) for j in range(2)}

    def entry(side: sympy.Expr, j: int, k: int) -> sympy.Expr:
        return at_samples(side.subs({_J: j, _K: k}), list(X * u), list(X * w)).xreplace(inputs)

    noise, fisher, *forms = conclusion
    places = [(j, k) for j in (1, 2) for k in (1, 2)]
    matrices = {
        m.base[at]: entry(m_is.rhs, *at) for m, m_is in ((_NOISE_MATRIX, noise), (_FISHER, fisher)) for at in places
    }
    at_w = matrices | {_W[j + 1]: w[j] for j in range(2)}
    written = [equal(form.lhs, form.rhs.subs(_DIMENSION, 2).doit().xreplace(at_w)) for form in forms]
    named_first = tuple(formula.lhs for formula in conclusion) == (_NOISE_MATRIX, _FISHER, _VARIANCE, _LOSS)
    # The entries of G are those of its definition, not only such that the form is right.
    gram = X.T * X / 3
    symmetric = all((matrices[_FISHER.base[at]] - gram[at[0] - 1, at[1] - 1]).expand() == 0 for at in places)
    return named_first and symmetric and all((definitions[form.lhs] - form.rhs).expand() == 0 for form in written)


def in_coordinates(conclusion: Formulas, forms: Formulas) -> bool:
    """Diagonalise both quadratic forms.

    Args:
        conclusion: g_centred as a mean of eigenvalues.
        forms: uᵀΣu and 2L as quadratic forms.

    Returns:
        Whether the quotient is that, for G = PᵀP, N = λ PᵀΓP and z = Pw with any P.
    """
    (claimed,) = conclusion
    P = sympy.Matrix(2, 2, lambda i, j: sympy.Symbol(f"P{i}{j}", real=True))
    w, gammas = sympy.Matrix(sympy.symbols("w0:2", real=True)), sympy.symbols("gamma0:2", positive=True)
    fisher, noise = P.T * P, CURVATURE * P.T * sympy.diag(*gammas) * P
    places = [(j, k) for j in range(2) for k in range(2)]
    entries = {_W[j + 1]: w[j] for j in range(2)}
    entries |= {_FISHER.base[j + 1, k + 1]: fisher[j, k] for j, k in places}
    entries |= {_NOISE_MATRIX.base[j + 1, k + 1]: noise[j, k] for j, k in places}
    variance, loss = (form.rhs.subs(_DIMENSION, 2).doit().xreplace(entries) for form in forms[2:])
    quotient = _at_coordinates(claimed.rhs, list(gammas), list(P * w))
    return claimed.lhs == G_EIGEN and is_identity(variance / (CURVATURE * loss), quotient)


def attained(conclusion: Formulas, coordinates: Formulas) -> bool:
    """Evaluate the mean at the coordinate vectors.

    Args:
        conclusion: the smallest and the largest value.
        coordinates: g_centred as a mean of eigenvalues.

    Returns:
        Whether they are the values at the vectors of the extreme eigenvalues.
    """
    gammas, box = _eigenvalues()
    values = [_at_coordinates(coordinates[0].rhs, gammas, list(sympy.eye(3)[:, j])) for j in range(3)]
    extremes = {_LEAST: values[0], _LARGEST: values[2]}
    between_them = is_nonnegative(values[1] - values[0], box) and is_nonnegative(values[2] - values[1], box)
    in_order = tuple(formula.lhs for formula in conclusion) == (_LEAST, _LARGEST)
    return between_them and in_order and all(shows(formula, {}, extremes | WITH_GAP) for formula in conclusion)


def mean_between(conclusion: Formulas, coordinates: Formulas, attained: Formulas) -> bool:
    """Bound a mean of eigenvalues by the extreme ones.

    Args:
        conclusion: g_centred between two numbers.
        coordinates: g_centred as a mean of eigenvalues.
        attained: its smallest and its largest value.

    Returns:
        Whether both bounds hold, and are attained.
    """
    gammas, box = _eigenvalues()
    squares = sympy.symbols("z0:3", positive=True)
    box = {**box, **dict.fromkeys(squares, (0, None))}
    mean = _at_coordinates(coordinates[0].rhs, gammas, list(squares))
    exact = all(is_identity(end, value.rhs) for end, value in zip(ends(conclusion), attained, strict=True))
    return exact and all(shows(formula, box, {G_EIGEN: mean} | WITH_GAP) for formula in conclusion)


def _axis_sum(entries: sympy.Expr) -> sympy.Expr:
    """Write a sum over the coordinates j."""
    return sympy.Sum(entries, (_J, 1, _DIMENSION))


def _at_coordinates(expression: sympy.Expr, gammas: list[sympy.Expr], z: list[sympy.Expr]) -> sympy.Expr:
    """Evaluate sums over the coordinates."""
    entries = {_GAMMA.base[j + 1]: gamma for j, gamma in enumerate(gammas)}
    entries |= {_Z.base[j + 1]: entry for j, entry in enumerate(z)}
    return expression.subs(_DIMENSION, len(z)).doit().xreplace(entries)


def _eigenvalues() -> tuple[list[sympy.Expr], Box]:
    """Make three eigenvalues in rising order, the first A₁ and the last A₂."""
    share = sympy.Symbol("share", positive=True)
    return [A1, A1 + share * GAP, A1 + GAP], {**AMPLITUDES, share: (0, 1)}
