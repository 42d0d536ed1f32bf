"""How fast SGD escapes: the spectral radius of the step of its second moment, with bounds on both sides.

T maps positive semi-definite matrices to such and is self-adjoint, so by Perron and Frobenius its spectral radius ρ is
an eigenvalue with a positive semi-definite eigenmatrix; E w wᵀ tends to its direction. For self-adjoint T every
Rayleigh quotient is a lower bound on ρ, and T(M) ≤ μ M with M ≻ 0 makes μ an upper bound (Collatz and Wielandt).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from ...validation import check_flag, check_real
from .davidson import largest_eigenpair
from .exponents import times_power
from .inputs import noise_weight
from .online_operator import OnlineStep
from .range_operator import FourthMoments, RangeStep, range_design
from .ratios import beyond

WANTED_GAP = 1e-8
"""Relative distance of the bounds above which a second test matrix is tried."""
EXPECTED_APPLICATIONS = 120
"""Matrices that T is applied to, about, by Lanczos and the certificate."""


@dataclass(frozen=True)
class EscapeRate:
    """Growth of the second moment of SGD per step, and the direction it tends to.

    Attributes:
        rate: Spectral radius ρ of T on the range of G: E L(θ_t) grows like ρ^t. Above 1, SGD escapes in mean square.
        lower: Lower bound on ρ, below it by rounding errors only.
        upper: Upper bound on ρ, widened for rounding errors; infinite where no positive definite test matrix was
            found that shows one.
        eigenmatrix: The limiting direction of E w wᵀ, positive semi-definite of trace 1, shape (d, d) in the
            coordinates of the inputs; online its diagonal, shape (d,), in the order of the spectrum. Where ρ is a
            multiple eigenvalue, the limit from M0 proportional to the identity.
        eigenvalues: Eigenvalues λ_i of G (online of S), descending, shape (r,).
        energies: λ_i times the eigenmatrix along u_i, shape (r,).
        flat_to_sharp: The limit of D_k, the ratio of the energies beyond k to the first k, for k = 1..r − 1.
        parameter_ratios: The limit of P_k, the same without the factors λ_i, for k = 1..r − 1.
    """

    rate: float
    lower: float
    upper: float
    eigenmatrix: np.ndarray
    eigenvalues: np.ndarray
    energies: np.ndarray
    flat_to_sharp: np.ndarray
    parameter_ratios: np.ndarray


def escape_rate(X: object, lr: float, batch: int = 1, replacement: bool = True) -> EscapeRate:
    """Exact escape rate of SGD on a linear model (oracle 5 of docs/theory.md).

    O(n d min(n, d)) for the eigenbasis, then about 60 products of O(n r²), or of O(r⁴) where fewer than r²/8 samples
    or so make that the cheaper; all eigenvalues of the r(r+1)/2-dimensional operator for r up to 19.

    Args:
        X: Inputs, shape (n, d), finite, of any library; the computation is on the host.
        lr: Learning rate, positive.
        batch: Samples per minibatch B.
        replacement: Whether minibatches are drawn with replacement.

    Returns:
        Rate, bounds and limiting ratios.

    Raises:
        InputError: If ``X`` is not a finite non-zero matrix, ``lr`` is not positive and finite, or ``batch`` is out of
            range.
    """
    design = range_design(X)
    weight = noise_weight(len(design.Z), batch, check_flag("replacement", replacement))
    lr = check_real("lr", lr, minimum=0.0, exclusive=True)
    step = RangeStep(design, FourthMoments(design.Z, EXPECTED_APPLICATIONS), lr, weight)
    rate, lower, upper, M = _without_noise(step) if weight == 0 else _with_noise(step)
    matrix = design.U @ M @ design.U.T
    rate, lower, upper = (times_power(bound, step.exponent) for bound in (rate, lower, upper))
    moments = np.clip(np.diagonal(M), 0.0, None)
    return _escape_rate(rate, lower, upper, matrix, design.eigenvalues, moments)


def online_escape_rate(spectrum: object, lr: float, batch: int = 1) -> EscapeRate:
    """Exact escape rate of online SGD, x ~ N(0, diag(spectrum)).

    The largest eigenvalue of a diagonal matrix plus one of rank one: the root of
    1 = (η²/B) Σ_i s_i²/(ρ − a_i), by bisection. O(d).

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive, of any library; the computation is on the host.
        lr: Learning rate, positive.
        batch: Samples per minibatch B, at least 1.

    Returns:
        Rate, bounds and limiting ratios; the eigenmatrix as its diagonal.

    Raises:
        InputError: If an eigenvalue or ``lr`` is not positive and finite, or ``batch`` is below 1.
    """
    step = OnlineStep(spectrum, lr, batch)
    largest = float(np.max(step.own))
    weights = step.gain * step.values**2
    gaps = largest - step.own
    # The excess of the rate over the largest a_i; the root lies between these two.
    low, high = float(weights[np.argmax(step.own)]), float(np.sum(weights))
    for _ in range(200):
        middle = low + 0.5 * (high - low)
        if not low < middle < high:
            break
        low, high = (middle, high) if np.sum(weights / (gaps + middle)) > 1 else (low, middle)
    moments = step.values / (gaps + high)
    moments /= np.sum(moments)
    ratios = step.apply(moments) / moments
    slack = 4 * (len(moments) + 4) * sys.float_info.epsilon
    bounds = (largest + high, float(np.min(ratios)) * (1 - slack), float(np.max(ratios)) * (1 + slack))
    rate, lower, upper = (times_power(bound, step.exponent) for bound in bounds)
    order = np.argsort(-step.values, kind="stable")
    return _escape_rate(rate, lower, upper, moments, step.values[order] * step.scale, moments[order])


def _escape_rate(
    rate: float, lower: float, upper: float, matrix: np.ndarray, eigenvalues: np.ndarray, moments: np.ndarray
) -> EscapeRate:
    """Add the limiting ratios."""
    energies = eigenvalues * moments
    return EscapeRate(
        float(rate), float(lower), float(upper), matrix, eigenvalues, energies, beyond(energies), beyond(moments)
    )


def _without_noise(step: RangeStep) -> tuple[float, float, float, np.ndarray]:
    """Gradient descent: T acts entry by entry, and the largest factors are on the diagonal."""
    factors = np.diagonal(step.entrywise)
    rate = float(np.max(factors))
    top = (factors >= rate * (1 - 1e-10)).astype(np.float64)
    slack = 16 * step.design.rank * sys.float_info.epsilon * 4.0
    return rate, max(0.0, rate - slack), rate + slack, np.diag(top / np.sum(top))


def _with_noise(step: RangeStep) -> tuple[float, float, float, np.ndarray]:
    """Rate, bounds and eigenmatrix of T in the eigenbasis of G."""
    fourth, rank = step.fourth, step.design.rank
    diagonal = fourth.pairwise(step.entrywise) + step.gain * fourth.diagonal()
    start = fourth.pack(np.eye(rank))
    _, vector = largest_eigenpair(lambda rows: fourth.pack(step.apply(fourth.unpack(rows))), diagonal, start)
    M = fourth.unpack(vector)
    M = M / np.trace(M)
    image = step.apply(M[None])[0]
    rate = float(np.sum(M * image) / np.sum(M * M))
    M = _polished(step, M, rate)
    lower = max(0.0, rate - _relative_rounding(step) * (rate + float(np.max(np.abs(step.entrywise)))))
    upper = collatz_wielandt(step, M)
    # A rate of zero is that of a loss which one step takes to zero.
    if rate > 0 and not upper <= rate * (1 + WANTED_GAP):
        upper = min(upper, _bound_by_resolvent(step, M, rate))
    return rate, lower, max(upper, lower), M


def _relative_rounding(step: RangeStep) -> float:
    """Relative error of sums over samples and coordinates, generously."""
    return 4 * (len(step.design.Z) + 2 * step.design.rank + 16) * sys.float_info.epsilon


def _polished(step: RangeStep, M: np.ndarray, rate: float) -> np.ndarray:
    """Solve ρM = C ∘ M + gain · F(M) for M on the left: small entries become accurate relative to themselves."""
    gaps = rate - step.entrywise
    if np.min(gaps) <= 1e-6 * rate:
        return M
    refined = step.gain * step.fourth.apply(M[None])[0] / gaps
    return refined / np.trace(refined)


def collatz_wielandt(step: RangeStep, M: np.ndarray) -> float:
    """Upper bound on the spectral radius from one test matrix: the least μ with T(M) ≤ μ M, plus rounding errors.

    In coordinates in which M has a unit diagonal, so that small directions count as much as large ones.

    Args:
        step: The operator T.
        M: Symmetric test matrix, shape (r, r).

    Returns:
        The bound; infinite where M is not positive definite beyond rounding errors.
    """
    Z, values = step.design.Z, step.design.values
    diagonal = np.diagonal(M)
    if np.min(diagonal) <= 0:
        return np.inf
    roots = np.sqrt(diagonal)
    unit = M / np.outer(roots, roots)
    sizes, turn = np.linalg.eigh(unit)
    if sizes[0] <= 1e-13 * len(sizes) * sizes[-1]:
        return np.inf
    whiten = turn / np.sqrt(sizes)
    image = step.apply(M[None])[0] / np.outer(roots, roots)
    bound = float(np.linalg.eigvalsh(whiten.T @ image @ whiten)[-1])
    stretched, shrunk = np.einsum("ij,ij->i", Z * roots, Z * roots), np.einsum("ij,ij->i", Z / roots, Z / roots)
    # G is diagonal in the computed basis up to rounding errors of its largest eigenvalue.
    mixing = (
        float(np.max(roots) / np.min(roots)) * np.sqrt(step.gain) * values[0] * (1 + np.sqrt(step.gain) * values[0])
    )
    size = float(np.max(np.abs(step.entrywise))) + step.gain * float(np.mean(stretched * shrunk)) + mixing
    return bound + _relative_rounding(step) * (abs(bound) + size * float(sizes[-1] / sizes[0]))


def _bound_by_resolvent(step: RangeStep, M: np.ndarray, rate: float) -> float:
    """Upper bound from the test matrix (μ − T)⁻¹ I, positive definite for every μ above the radius.

    Serves where the eigenmatrix is singular, as for designs that fall into parts that do not meet. By conjugate
    gradients, with μ as near to the radius as they manage.

    Args:
        step: The operator T.
        M: Its eigenmatrix.
        rate: Its spectral radius, up to rounding.

    Returns:
        The bound; infinite where none was found.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    fourth, rank = step.fourth, step.design.rank
    identity = fourth.pack(np.eye(rank))
    top = fourth.pack(M) / np.linalg.norm(fourth.pack(M))
    best = np.inf
    for margin in (1e-8, 1e-6, 1e-4, 1e-2, 1.0):
        level = rate * (1 + margin)

        def product(vector: np.ndarray, level: float = level) -> np.ndarray:
            return level * vector - fourth.pack(step.apply(fourth.unpack(vector)[None])[0])

        operator = LinearOperator((len(identity),) * 2, matvec=product, dtype=np.float64)
        first = top * (identity @ top) / (level - rate)
        solution, _ = cg(operator, identity, x0=first, rtol=1e-3 / np.sqrt(rank), maxiter=200)
        bound = collatz_wielandt(step, fourth.unpack(solution))
        best = min(best, bound)
        if best <= rate * (1 + 2 * margin):
            break
    return best
