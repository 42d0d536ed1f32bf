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

from functools import partial

import sympy

from theory._inequalities import is_identity
from theory._proof import Proof, Step, StepStatus
from theory._statement import Control, Statement
from theory.catalogue._second_moments import A1, A2, LINEAR, MEANING, SOURCE, noise_between
from theory.catalogue.theorem_3_3 import weighted_mean_between


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
        proof=_proof(),
    )


def _proof() -> Proof:
    proved = StepStatus.PROVED
    return Proof((
        Step(
            "uᵀΣu = wᵀNw with N = (1/n)Σ (u·x)² x xᵀ − (Gu)(Gu)ᵀ, and 2L = wᵀGw",
            proved,
            partial(quotient_form, 1),
            "so g_centred is a quotient of two quadratic forms in w; three symbolic samples in two dimensions",
        ),
        Step(
            "such a quotient lies between the extreme eigenvalues of (N, λG) on the range of G",
            proved,
            partial(weighted_mean_between, 1),
            "in coordinates that make G the identity and N diagonal (spectral theorem) it is a mean of the eigenvalues "
            "with weights zⱼ²/|z|²; three coordinates, the sum has the same form for any number",
        ),
        Step(
            "each eigenvalue is attained",
            proved,
            partial(attained, 1),
            "at the coordinate vector z = eⱼ; three coordinates",
        ),
        Step(
            "A₁ λᵢ E 2L ≤ E[uᵢᵀΣuᵢ] ≤ A₂ λᵢ E 2L for every law of θ",
            proved,
            partial(noise_between, A1, A2),
            "which is all that Theorem 5.2 needs; three points of a law, the sum has the same form for any law",
        ),
    ))


def quotient_form(centre: int) -> bool:
    """Compare uᵀΣu and 2L by their definitions with the quadratic forms in w.

    Args:
        centre: the factor of (Gu)(Gu)ᵀ in N; one is right.

    Returns:
        Whether both identities hold.
    """
    X = sympy.Matrix(3, 2, lambda i, j: sympy.Symbol(f"x{i}{j}", real=True))
    u, w = (sympy.Matrix(sympy.symbols(f"{name}0:2", real=True)) for name in "uw")
    gradients = [X[i, :].T * (X[i, :] * w)[0] for i in range(3)]
    mean = sum(gradients, sympy.zeros(2, 1)) / 3
    variance = sum((u.dot(gradient) - u.dot(mean)) ** 2 for gradient in gradients) / 3
    G = X.T * X / 3
    N = X.T * sympy.diag(*[entry**2 for entry in X * u]) * X / 3 - centre * G * u * u.T * G
    loss = sum(entry**2 for entry in X * w) / 3
    return is_identity(variance, (w.T * N * w)[0]) and is_identity(loss, (w.T * G * w)[0])


def attained(weight: int) -> bool:
    """Evaluate Σ γⱼzⱼ²/Σ zⱼ² at the coordinate vectors.

    Args:
        weight: what multiplies the eigenvalues; one is right.

    Returns:
        Whether the values are the eigenvalues.
    """
    gammas = sympy.symbols("gamma0:3", real=True)
    unit = sympy.eye(3)

    def quotient(z: sympy.Matrix) -> sympy.Expr:
        return weight * sum(gamma * entry**2 for gamma, entry in zip(gammas, z, strict=True)) / z.dot(z)

    return all(is_identity(quotient(unit[:, j]), gammas[j]) for j in range(3))
