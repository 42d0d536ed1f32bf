"""Bounds that no direction can beat: certificates for the extremes of g over all θ and all v (oracle 3).

With T the fourth-moment operator of the whitened samples, u and v unit vectors and c = u·v, write uvᵀ symmetrised as
(c/r) I + s₀ with s₀ traceless, ‖s₀‖² = (1 + c²)/2 − c²/r. Let t = ⟨I, T I⟩/r², C₀ the traceless part of T(I)/r, and
ℓ₀, ℓ the extreme eigenvalues of T on traceless symmetric matrices. Then

    g = t c² + 2c uᵀC₀v + ⟨s₀, T s₀⟩,   sup g ≤ t + 2 λ_max(C₀) + (1 − 1/r) ℓ      (the supremum has u = v),
    inf g ≥ ½ λ_min(T)   and   inf g ≥ ½ ℓ₀ − ‖C₀‖²/(t + (½ − 1/r) ℓ₀)     (the minimum over c of the line above).

The population value is exactly 3 above and 1 below.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import array_api_compat
import numpy as np

from ..arrays import Namespace
from ..validation import Array, row_blocks
from .fourth_moment import FourthMoment
from .lanczos import largest_eigenvalue, random_symmetric

DENSE_SAMPLES = 3000
"""Largest n for which the n × n Gram matrix of the z_i z_iᵀ serves instead of T."""
HINTS = 8
"""Number of extreme eigenmatrices of T that are handed to the searches."""
LANCZOS_STEPS = 128
LANCZOS_FAILURE = 2.5e-13
"""Probability with which each of the (at most two) Lanczos bounds may fail."""


class Certificate(NamedTuple):
    """Bounds on the extremes.

    Attributes:
        inf: Lower bound on the infimum; None where the method gives none (fewer samples than pairs of coordinates).
        sup: Upper bound on the supremum.
        method: "dense operator", "dense Gram matrix" or "Lanczos".
        failure_probability: Probability over random starts that a bound is wrong; 0 for dense methods.
        top: Symmetric matrices to the largest eigenvalues of T on traceless matrices, shape (m, r, r): where searches
            may start.
        bottom: The same for the smallest eigenvalues; m may be 0.
    """

    inf: float | None
    sup: float
    method: str
    failure_probability: float
    top: Array
    bottom: Array


class _Parts(NamedTuple):
    """What all certificates share.

    Attributes:
        t: ⟨I, T I⟩/r².
        largest: λ_max(C₀).
        norm: ‖C₀‖₂.
    """

    t: float
    largest: float
    norm: float


def certify(moment: FourthMoment, generator: np.random.Generator) -> Certificate:
    """Bound the extremes of g over all unit u and v, by the cheapest method that fits into memory.

    O(n N² + N³) with T a matrix (N = r(r+1)/2), O(n² r + n³) by the Gram matrix, else O(steps · n r²).

    Args:
        moment: The operator T, in dimension r ≥ 2.
        generator: Source of the random starts of Lanczos.

    Returns:
        The bounds.
    """
    parts = _parts(moment)
    samples = moment.Z.shape[0]
    if samples < moment.pairs and samples <= DENSE_SAMPLES:
        return _by_gram(moment, parts)
    return _by_matrix(moment, parts) if moment.matrix is not None else _by_lanczos(moment, parts, generator)


def _parts(moment: FourthMoment) -> _Parts:
    """Compute t and C₀."""
    xp, Z = moment.xp, moment.Z
    samples, rank = Z.shape
    total = 0.0
    for rows in row_blocks(samples, rank * 8):
        block = Z[rows, :]
        lengths = xp.linalg.vecdot(block, block)
        total = total + xp.matrix_transpose(block) @ (lengths[:, None] * block)
    mean = total / (samples * rank)
    t = float(xp.sum(xp.linalg.diagonal(mean))) / rank
    values = xp.linalg.eigvalsh(mean - t * _eye(xp, rank, Z))
    return _Parts(t, float(values[-1]), max(abs(float(values[0])), abs(float(values[-1]))))


def _eye(xp: Namespace, size: int, like: Array) -> Array:
    """Identity matrix on the device of an array."""
    return xp.eye(size, dtype=like.dtype, device=array_api_compat.device(like))


def _sup(parts: _Parts, rank: int, largest: float) -> float:
    """Upper bound from the largest eigenvalue on traceless matrices."""
    return parts.t + 2 * parts.largest + (1 - 1 / rank) * largest


def _inf(parts: _Parts, rank: int, smallest: float) -> float:
    """Lower bound from the smallest eigenvalue on traceless matrices."""
    curvature = parts.t + (0.5 - 1 / rank) * smallest
    return 0.5 * smallest - parts.norm**2 / curvature


def _by_matrix(moment: FourthMoment, parts: _Parts) -> Certificate:
    """Certificates from all eigenvalues of T as a matrix."""
    xp, matrix, rank = moment.xp, moment.matrix, moment.rank
    assert matrix is not None
    unit = moment.flatten(_eye(xp, rank, matrix)[None, :, :])[0, :] / rank**0.5
    image = matrix @ unit
    along = float(xp.sum(unit * image))
    crossed = unit[:, None] * image[None, :]
    traceless = matrix - crossed - xp.matrix_transpose(crossed) + along * unit[:, None] * unit[None, :]
    # The identity gets the mean eigenvalue, which lies between the extremes.
    mean = float(xp.sum(xp.linalg.diagonal(traceless))) / (moment.pairs - 1)
    values, vectors = xp.linalg.eigh(traceless + mean * unit[:, None] * unit[None, :])
    slack = _rounding(moment.pairs, max(along, float(values[-1])))
    rows, kept = xp.matrix_transpose(vectors), min(HINTS, moment.pairs)
    inf = None
    if moment.Z.shape[0] >= moment.pairs:
        everywhere = 0.5 * float(xp.linalg.eigvalsh(matrix)[0])
        inf = max(0.0, everywhere - slack, _inf(parts, rank, max(0.0, float(values[0]) - slack)))
    sup = _sup(parts, rank, float(values[-1]) + slack)
    top, bottom = moment.unflatten(rows[-kept:, :]), moment.unflatten(rows[:kept, :])
    return Certificate(inf, sup, "dense operator", 0.0, top, bottom)


def _by_gram(moment: FourthMoment, parts: _Parts) -> Certificate:
    """Certificate for the supremum from the Gram matrix of the traceless parts of z_i z_iᵀ."""
    xp, Z = moment.xp, moment.Z
    samples, rank = Z.shape
    lengths = xp.linalg.vecdot(Z, Z)
    inner = Z @ xp.matrix_transpose(Z)
    gram = (inner * inner - lengths[:, None] * (lengths / rank)[None, :]) / samples
    values, vectors = xp.linalg.eigh(gram)
    sup = _sup(parts, rank, float(values[-1]) + _rounding(samples, float(values[-1])))
    top = xp.stack([xp.matrix_transpose(Z) @ (vectors[:, -k][:, None] * Z) for k in range(1, min(HINTS, samples) + 1)])
    return Certificate(None, sup, "dense Gram matrix", 0.0, top, top[:0, :, :])


def _by_lanczos(moment: FourthMoment, parts: _Parts, generator: np.random.Generator) -> Certificate:
    """Certificates from Lanczos with random starts on traceless symmetric matrices."""
    xp, rank = moment.xp, moment.rank
    identity = _eye(xp, rank, moment.Z)
    dimension = moment.pairs - 1

    def applied(vector: Array) -> Array:
        image = moment.apply(xp.reshape(vector, (rank, rank)))
        trace = float(xp.sum(xp.linalg.diagonal(image))) / rank
        return xp.reshape(image - trace * identity, (-1,))

    def bound(operator: object) -> tuple[float, float, Array]:
        start = xp.reshape(random_symmetric(xp, rank, generator, moment.Z), (-1,))
        found = largest_eigenvalue(xp, operator, start, dimension, LANCZOS_STEPS, LANCZOS_FAILURE)  # type: ignore[arg-type]
        return found.upper, found.failure_probability, xp.reshape(found.vector, (1, rank, rank))

    largest, failure, top = bound(applied)
    inf, bottom = None, top[:0, :, :]
    if moment.Z.shape[0] >= moment.pairs:
        # T itself is positive semi-definite, and so is its distance from an upper bound on it.
        distance, also, bottom = bound(lambda vector: largest * vector - applied(vector))
        inf = max(0.0, _inf(parts, rank, max(0.0, largest - distance)))
        failure += also
    return Certificate(inf, _sup(parts, rank, largest), "Lanczos", failure, top, bottom)


def _rounding(size: int, norm: float) -> float:
    """Rounding error of the eigenvalues of a symmetric matrix, generously."""
    return size * sys.float_info.epsilon * norm
