"""Exact worst cases of the linear model: oracles 1 and 2 of docs/theory.md.

The residuals of f = <θ, x> with targets of a linear teacher are r = X u, so over all θ both alignments are Rayleigh
quotients on the range of X, and their extremes are eigenvalues.
"""

from __future__ import annotations

from typing import NamedTuple

import array_api_compat

from ..arrays import Namespace, real_arrays
from ..validation import Array, check_flag, check_ndim, check_shape, row_blocks
from .directions import direction_chunks, direction_matrices, unit_coordinates
from .eigenpairs import extreme_eigenpairs
from .gram_route import entries_and_ends
from .range_basis import RangeBasis, basis_of_range, parameters_of


class AlignmentRange(NamedTuple):
    """Extremes of an alignment over all parameters, and parameters that attain them.

    Attributes:
        inf: Smallest value.
        sup: Largest value.
        witnesses: Parameters u = θ − w*, shape (2, d): row 0 attains ``inf``, row 1 attains ``sup``. Normalised to
            ‖X u‖² = n, that is 2L = 1, with the entry of largest magnitude positive; zeros where the alignment is 1 by
            convention for every u. The rounding errors of X u are eps times the condition number of X, so for badly
            conditioned X no floating-point u attains the value more closely than that.
    """

    inf: float
    sup: float
    witnesses: Array


def loss_alignment_range(X: object) -> AlignmentRange:
    """Range of the loss alignment μ(θ) over all θ for the linear model (oracle 1 of docs/theory.md).

    The extreme eigenvalues of diag(a)/mean(a) on the range of X, with a_i = (1/n) Σ_j (x_i·x_j)². Where rank X = n
    these are the extreme entries of a/mean(a), for residuals of any kind. X may be rank-deficient or badly conditioned:
    columns are scaled, singular values below 64 rounding errors of the largest count as zero, and the relative error
    is about that of the range of X itself, eps times its condition number after scaling.

    O(nd²) time; for n > d, O(d²) memory beyond X and one block of rows.

    Args:
        X: Inputs, shape (n, d), finite.

    Returns:
        ``(inf, sup, witnesses)``; (1, 1) with zero witnesses where X = 0. Witnesses have the library, device and dtype
        of ``X``.

    Raises:
        InputError: If ``X`` is not a non-empty finite real matrix.
    """
    xp, (inputs,) = real_arrays(X=X)
    check_ndim("X", inputs, 2, shape="(n, d)")
    if _is_zero(xp, inputs):
        return _by_convention(xp, inputs)
    by_gram = entries_and_ends(xp, inputs) if inputs.shape[0] <= inputs.shape[1] else None
    if by_gram is not None:
        values, ends = by_gram
        return AlignmentRange(float(xp.min(values)), float(xp.max(values)), _oriented(xp, ends))
    basis = basis_of_range(xp, inputs)
    if basis.full_row_rank:
        weights = _sample_weights(xp, basis, slice(None))
        return _range_of_entries(xp, basis, weights / xp.mean(weights))
    total, weighted = 0.0, None
    for rows in row_blocks(*inputs.shape):
        weights = _sample_weights(xp, basis, rows)
        block = basis.scaled_rows(rows) if basis.stable else basis.basis_rows(rows)
        block = xp.sqrt(weights)[:, None] * block
        part = xp.matrix_transpose(block) @ block
        weighted = part if weighted is None else weighted + part
        total += float(xp.sum(weights))
    if basis.stable:
        weighted = xp.matrix_transpose(basis.W) @ weighted @ basis.W
    return _range_of_matrix(xp, basis, weighted * (inputs.shape[0] / total))


def directional_alignment_range(X: object, v: object, centred: bool = False) -> AlignmentRange:
    """Range of the directional alignment g(θ; v) over all θ for the linear model (oracle 2 of docs/theory.md).

    The extreme eigenvalues of n Σ_i (v·x_i)² x_i x_iᵀ / ‖X v‖² relative to Xᵀ X on the range of X; centred, minus
    X v (X v)ᵀ / ‖X v‖². Ranks and condition numbers as in ``loss_alignment_range``.

    O(nd²) time; for n > d, O(d²) memory beyond X and a few blocks of rows.

    Args:
        X: Inputs, shape (n, d), finite.
        v: Direction, shape (d,), finite, of the library and device of ``X``.
        centred: Whether the noise covariance Σ replaces the second moment Σ₁.

    Returns:
        ``(inf, sup, witnesses)``; (1, 1) with zero witnesses where X v = 0. Witnesses have the library, device and
        dtype of ``X``.

    Raises:
        InputError: If ``X`` is not a non-empty finite real matrix, ``v`` has another length than its rows or an entry
            that is not finite, or ``centred`` is not a boolean.
    """
    xp, (inputs, direction) = real_arrays(X=X, v=v)
    check_ndim("X", inputs, 2, shape="(n, d)")
    check_shape("v", direction, (inputs.shape[1],), "to match X")
    centred = check_flag("centred", centred)
    if _is_zero(xp, inputs):
        return _by_convention(xp, inputs)
    basis = basis_of_range(xp, inputs)
    unit, null = unit_coordinates(xp, basis, direction[:, None])
    if bool(null[0]):
        return _by_convention(xp, inputs)
    if basis.full_row_rank and not centred:
        return _range_of_entries(xp, basis, inputs.shape[0] * unit[:, 0] ** 2)
    return _range_of_matrix(xp, basis, direction_matrices(xp, basis, unit, centred)[0, :, :])


def directional_alignment_ranges(X: object, V: object, centred: bool = False) -> tuple[Array, Array]:
    """Range of g(θ; v) over all θ for each of many directions v (oracle 2 of docs/theory.md), without witnesses.

    As ``directional_alignment_range``, but X is whitened once for all directions.

    O(nd² + K d³) time beside the matrices: O(n d² K), or O(n d⁴ + K d⁴) where that is less and d ≤ 32.

    Args:
        X: Inputs, shape (n, d), finite.
        V: Directions as columns, shape (d, K), finite, of the library and device of ``X``.
        centred: Whether the noise covariance Σ replaces the second moment Σ₁.

    Returns:
        ``(inf, sup)``, each of shape (K,), on the library and device of ``X``; 1 where X v = 0.

    Raises:
        InputError: If ``X`` or ``V`` is not a non-empty finite real matrix, their shapes do not match, or ``centred``
            is not a boolean.
    """
    xp, (inputs, directions) = real_arrays(X=X, V=V)
    check_ndim("X", inputs, 2, shape="(n, d)")
    check_ndim("V", directions, 2, shape="(d, K)")
    check_shape("V", directions, (inputs.shape[1], directions.shape[1]), "to match X")
    centred = check_flag("centred", centred)
    ones = xp.ones(directions.shape[1], dtype=inputs.dtype, device=array_api_compat.device(inputs))
    if _is_zero(xp, inputs):
        return ones, ones + 0
    basis = basis_of_range(xp, inputs)
    unit, null = unit_coordinates(xp, basis, directions)
    lowest, highest = [], []
    for chunk in direction_chunks(basis, directions.shape[1]):
        values = _spectra(xp, basis, unit[:, chunk], centred)
        lowest.append(values[:, 0])
        highest.append(values[:, -1])
    inf, sup = xp.concat(lowest), xp.concat(highest)
    return xp.where(null, ones, xp.clip(inf, 0.0, None)), xp.where(null, ones, sup)


def _spectra(xp: Namespace, basis: RangeBasis, unit: Array, centred: bool) -> Array:
    """Values between which g(θ; v) ranges, ascending, for each direction.

    Args:
        xp: The namespace.
        basis: Basis of the range of X, rank r.
        unit: Unit coordinates of the directions, shape (r, K).
        centred: Whether the mean gradient is subtracted.

    Returns:
        Eigenvalues of the matrices M_v, ascending along the last axis, shape (K, r).
    """
    if basis.full_row_rank and not centred:
        return xp.sort(basis.X.shape[0] * xp.matrix_transpose(unit * unit), axis=-1)
    return xp.linalg.eigvalsh(direction_matrices(xp, basis, unit, centred))


def _sample_weights(xp: Namespace, basis: RangeBasis, rows: slice) -> Array:
    """Numbers proportional to a_i = ‖X x_i‖²/n for some of the samples.

    Args:
        xp: The namespace.
        basis: Basis of the range of X.
        rows: The samples.

    Returns:
        Non-negative weights, shape (number of rows,); the factor is the same for all rows.
    """
    block = basis.scaled_rows(rows)
    if basis.columns is not None:
        # With E = X / C and F^T F = E^T E, the norm of X x_i is that of F C^2 e_i, here up to a common factor.
        block = block * (basis.columns / xp.max(basis.columns)) ** 2
    images = block @ xp.matrix_transpose(basis.factor)
    return xp.linalg.vecdot(images, images)


def _is_zero(xp: Namespace, X: Array) -> bool:
    """Whether all entries are zero.

    Args:
        xp: The namespace.
        X: Non-empty finite array.

    Returns:
        True if they are.
    """
    return float(xp.max(X)) == 0 and float(xp.min(X)) == 0


def _by_convention(xp: Namespace, X: Array) -> AlignmentRange:
    """The range where the alignment is 1 by convention for every parameter.

    Args:
        xp: The namespace.
        X: Inputs, shape (n, d).

    Returns:
        (1, 1) with zero witnesses.
    """
    witnesses = xp.zeros((2, X.shape[1]), dtype=X.dtype, device=array_api_compat.device(X))
    return AlignmentRange(1.0, 1.0, witnesses)


def _range_of_entries(xp: Namespace, basis: RangeBasis, values: Array) -> AlignmentRange:
    """Range of Σ_i values_i r_i² / ‖r‖² over all residuals: its extreme entries.

    Args:
        xp: The namespace.
        basis: Basis of full row rank.
        values: Shape (n,).

    Returns:
        The range, with witnesses whose residual is a single sample's.
    """
    low, high = int(xp.argmin(values)), int(xp.argmax(values))
    ends = xp.stack([basis.W[:, low], basis.W[:, high]], axis=1)
    return AlignmentRange(float(values[low]), float(values[high]), _witnesses(xp, basis, ends))


def _range_of_matrix(xp: Namespace, basis: RangeBasis, matrix: Array) -> AlignmentRange:
    """Range of a Rayleigh quotient on the range of X.

    Args:
        xp: The namespace.
        basis: Basis of the range of X, rank r.
        matrix: Symmetric matrix in this basis, shape (r, r), positive semi-definite.

    Returns:
        The range and its witnesses.
    """
    inf, sup, ends = extreme_eigenpairs(xp, matrix)
    return AlignmentRange(max(inf, 0.0), sup, _witnesses(xp, basis, basis.W @ ends))


def _witnesses(xp: Namespace, basis: RangeBasis, scaled: Array) -> Array:
    """Turn unit residuals' coefficients of the scaled columns into parameters.

    Args:
        xp: The namespace.
        basis: Basis of the range of X.
        scaled: Coefficients as columns, shape (d, 2), with ‖(X / columns) coefficients‖ = 1.

    Returns:
        Parameters u as rows, shape (2, d), with ‖X u‖² = n and the entry of largest magnitude positive.
    """
    return _oriented(xp, parameters_of(xp, basis, scaled))


def _oriented(xp: Namespace, parameters: Array) -> Array:
    """Choose the sign of parameters.

    Args:
        xp: The namespace.
        parameters: Parameters as rows, shape (2, d).

    Returns:
        The same rows with the entry of largest magnitude positive.
    """
    flipped = -xp.min(parameters, axis=1) > xp.max(parameters, axis=1)
    return xp.where(flipped[:, None], -parameters, parameters)
