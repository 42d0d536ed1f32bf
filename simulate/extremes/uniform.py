"""Extremes of the directional alignment over all θ and all v at once: oracle 3 of docs/theory.md.

They are those of every over-parameterised linear model, whose Jacobians are X A: J v = X (A v). They are also those of
the loss alignment over all such models, since it is an average of directional alignments, and a Jacobian of rank one
leaves a single one of them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import array_api_compat

from .. import streams
from ..arrays import Namespace, real_arrays
from ..streams import Seed
from ..validation import Array, check_integer, check_ndim
from .alternating import search
from .certificates import certify
from .fourth_moment import FourthMoment
from .range_basis import RangeBasis, basis_of_range, parameters_of

LONGEST_ROWS = 8
"""How many of the longest whitened samples serve as starts for the supremum."""
MOST_STARTS = 64
MOST_STARTS_WITHOUT_MATRIX = 16
"""Where the operator is not formed each sweep of each start passes over all samples."""


@dataclass(frozen=True)
class UniformAlignmentRange:
    """Extremes of g(θ; v) over all θ and v: values that are attained, and bounds that no θ and v can beat.

    Attributes:
        inf_found: Smallest value found; ``inf_witness`` attains it.
        inf_certified: Lower bound on every value; None where there is no certificate (fewer samples than d(d+1)/2).
        sup_found: Largest value found; ``sup_witness`` attains it.
        sup_certified: Upper bound on every value.
        method: How the bounds were certified: "exact", "dense operator", "dense Gram matrix" or "Lanczos".
        failure_probability: Probability, over the random starts of Lanczos, that a bound is wrong; 0 for other methods.
        inf_witness: (u, v) with g(u; v) = ``inf_found``, each of shape (d,): u = θ − w* with ‖X u‖² = n, likewise v.
        sup_witness: The same for ``sup_found``.
        rank: Rank of X. Where it is less than d the directions in ``lost_directions`` do not matter: X is zero there.
        starts: Numbers of starts of the two searches, for inf and sup.
        reached: How many of these arrived at the best value.
        _basis: What ``lost_directions`` is computed from.
    """

    inf_found: float
    inf_certified: float | None
    sup_found: float
    sup_certified: float | None
    method: str
    failure_probability: float
    inf_witness: tuple[Array, Array]
    sup_witness: tuple[Array, Array]
    rank: int
    starts: tuple[int, int]
    reached: tuple[int, int]
    _basis: RangeBasis | None

    @property
    def lost_directions(self) -> Array:
        """Directions on which X is zero: orthonormal rows, shape (d − rank, d). O(d³), computed when asked for.

        Returns:
            The rows; none where X has full column rank.
        """
        d = int(self.inf_witness[0].shape[0])
        like = self.inf_witness[0]
        xp = array_api_compat.array_namespace(like)
        if self._basis is None:
            return xp.eye(d, dtype=like.dtype, device=array_api_compat.device(like))
        if self.rank == d:
            return xp.zeros((0, d), dtype=like.dtype, device=array_api_compat.device(like))
        basis = self._basis
        coordinates = basis.coordinates if basis.columns is None else basis.coordinates * basis.columns
        return xp.linalg.svd(coordinates, full_matrices=True)[2][self.rank :, :]


def uniform_alignment_range(X: object, seed: Seed = 0, most_starts: int | None = None) -> UniformAlignmentRange:
    """Range of g(θ; v) over all θ and all v, for residuals r = X u (oracle 3 of docs/theory.md; Theorems 3.2 and 4.2).

    Found values come from alternating exact eigenproblems with many starts: the longest whitened samples, leading
    directions of the certificate's extreme matrices, and random ones, until three have reached the best value. Bounds
    come from the spectrum of the fourth-moment operator on symmetric matrices (``simulate.extremes.certificates``).

    With r = rank X and N = r(r+1)/2: O(n N² + N³) time where N ≤ 2100 (r ≤ 64), else O(n r²) for each of 256 products
    of Lanczos and for each start and sweep of the searches; O(nr + N²) or O(nr + 128 r²) memory beyond X.

    Args:
        X: Inputs, shape (n, d), finite. May be rank-deficient: everything happens in its range.
        seed: Non-negative integer, or a ``numpy.random.Generator``, for the random starts.
        most_starts: Number of starts of each search after which it stops anyway, at least 1; None for 64, or 16 where
            N > 2100.

    Returns:
        The range with witnesses, in float64 on the library and device of ``X``. All values 1 where X = 0. Where
        rank X = n every residual and every J v is possible: exactly [0, n], or 1 for a single sample.

    Raises:
        InputError: If ``X`` is not a non-empty finite real matrix, or another argument is out of range.
    """
    xp, (given,) = real_arrays(X=X)
    check_ndim("X", given, 2, shape="(n, d)")
    most_starts = None if most_starts is None else check_integer("most_starts", most_starts, minimum=1)
    generator = streams.from_seed(seed, "uniform alignment")
    inputs = xp.astype(given, xp.float64, copy=False)
    samples, d = inputs.shape
    if float(xp.max(inputs)) == 0 and float(xp.min(inputs)) == 0:
        zero = xp.zeros(d, dtype=inputs.dtype, device=array_api_compat.device(inputs))
        return UniformAlignmentRange(1.0, 1.0, 1.0, 1.0, "exact", 0.0, (zero, zero), (zero, zero), 0, *_NONE, None)
    basis = basis_of_range(xp, inputs)
    if basis.full_row_rank:
        low, high = (0.0, float(samples)) if samples > 1 else (1.0, 1.0)
        first, last = _pair(xp, basis, basis.W[:, 0], basis.W[:, samples - 1]), _pair(xp, basis, *[basis.W[:, 0]] * 2)
        return UniformAlignmentRange(low, low, high, high, "exact", 0.0, first, last, samples, *_NONE, basis)
    Z = xp.concat(list(basis.blocks())) * samples**0.5
    if basis.rank == 1:
        value = float(xp.mean(Z**4)) / float(xp.mean(Z**2)) ** 2
        only = _pair(xp, basis, basis.W[:, 0], basis.W[:, 0])
        return UniformAlignmentRange(value, value, value, value, "exact", 0.0, only, only, 1, *_NONE, basis)
    return _searched_and_certified(xp, basis, Z, generator, most_starts)


_NONE = ((0, 0), (0, 0))


def _searched_and_certified(
    xp: Namespace, basis: RangeBasis, Z: Array, generator: Any, most_starts: int | None
) -> UniformAlignmentRange:
    """Search and certify where the range is not known exactly.

    Args:
        xp: The namespace.
        basis: Basis of the range of X, of rank at least 2 and less than n.
        Z: Whitened samples, shape (n, rank).
        generator: Source of random starts.
        most_starts: Limit of the number of starts; None for the default.

    Returns:
        The range.
    """
    moment = FourthMoment(xp, Z)
    most_starts = most_starts or (MOST_STARTS if moment.matrix is not None else MOST_STARTS_WITHOUT_MATRIX)
    certificate = certify(moment, generator)
    order = xp.argsort(xp.linalg.vecdot(Z, Z), descending=True)[: min(LONGEST_ROWS, Z.shape[0])]
    longest = xp.matrix_transpose(xp.take(Z, order, axis=0))
    high = search(moment, True, _with_hints(xp, certificate.top, longest, True), generator, most_starts)
    low = search(moment, False, _with_hints(xp, certificate.bottom, longest[:, :0], False), generator, most_starts)
    # The quotients divide by uᵀŜu and vᵀŜv, which differ from 1 by rounding errors of the whitening.
    second = xp.matrix_transpose(Z) @ Z / Z.shape[0]
    eye = xp.eye(basis.rank, dtype=Z.dtype, device=array_api_compat.device(Z))
    slack = 2 * float(xp.linalg.vector_norm(second - eye)) + Z.shape[0] ** 0.5 * sys.float_info.epsilon
    sup = certificate.sup * (1 + 2 * slack)
    inf = None if certificate.inf is None else certificate.inf * (1 - 2 * slack)
    return UniformAlignmentRange(
        low.value,
        inf,
        high.value,
        sup,
        certificate.method,
        certificate.failure_probability,
        _pair(xp, basis, basis.W @ low.u, basis.W @ low.v),
        _pair(xp, basis, basis.W @ high.u, basis.W @ high.v),
        basis.rank,
        (low.starts, high.starts),
        (low.reached, high.reached),
        basis,
    )


def _with_hints(xp: Namespace, matrices: Array, others: Array, largest: bool) -> Array:
    """Directions to start from: those of extreme matrices, then others.

    Args:
        xp: The namespace.
        matrices: Symmetric matrices to extreme eigenvalues of T, shape (m, r, r); m may be 0.
        others: Further directions as columns, shape (r, k).
        largest: Whether the supremum is looked for.

    Returns:
        Directions as columns.
    """
    if matrices.shape[0] == 0:
        return others
    values, vectors = xp.linalg.eigh(matrices)
    low, high = xp.matrix_transpose(vectors[:, :, 0]), xp.matrix_transpose(vectors[:, :, -1])
    weight_low, weight_high = xp.sqrt(xp.abs(values[:, 0])), xp.sqrt(xp.abs(values[:, -1]))
    if largest:
        return xp.concat([xp.where((weight_low > weight_high)[None, :], low, high), others], axis=1)
    # The nearest matrix of the form uvᵀ + vuᵀ has these two as the sum and the difference of u and v.
    return xp.concat([weight_high * high + weight_low * low, others], axis=1)


def _pair(xp: Namespace, basis: RangeBasis, first: Array, second: Array) -> tuple[Array, Array]:
    """Turn two vectors of coefficients of the scaled columns into parameters."""
    both = parameters_of(xp, basis, xp.stack([first, second], axis=1))
    return both[0, :], both[1, :]
