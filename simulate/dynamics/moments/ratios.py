"""How the energy of a second moment divides between sharp and flat directions.

With m_i = u_iᵀ M u_i along the eigenvectors of G, λ_i descending: D_k = Σ_{i>k} λ_i m_i / Σ_{i≤k} λ_i m_i, and P_k the
same without the factors λ_i (section 2 of docs/theory.md, Dynamics).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .inputs import host_moments, host_spectrum
from .range_operator import range_design


class EnergyRatios(NamedTuple):
    """Ratios of what lies beyond the first k directions to what lies in them, k = 1..r − 1.

    A ratio is infinite where the first k directions hold nothing and NaN where no direction does, or where the moment
    is not finite.

    Attributes:
        flat_to_sharp: D_k(t) in column k − 1, shape (T, r − 1).
        parameter_ratios: P_k(t) in column k − 1, shape (T, r − 1).
        eigenvalues: Eigenvalues λ_i of G, online of S, descending, shape (r,).
    """

    flat_to_sharp: np.ndarray
    parameter_ratios: np.ndarray
    eigenvalues: np.ndarray


def energy_ratios(X: object, moments: object) -> EnergyRatios:
    """Ratios D_k(t) and P_k(t) of second moments, on the range of G.

    The moments' rounding errors stay: parts below about 1e-16 of the largest entry are not resolved. O(T r d²).

    Args:
        X: Inputs, shape (n, d), finite, of any library; the computation is on the host.
        moments: Second moments E w_t w_tᵀ, shape (T, d, d), as from ``second_moments``; they may be infinite.

    Returns:
        The ratios, and the eigenvalues of G.

    Raises:
        InputError: If ``X`` is not a finite non-zero matrix, or ``moments`` is not real or has another shape.
    """
    design = range_design(X)
    dimension = design.U.shape[0]
    M = host_moments(moments, (dimension, dimension))
    along = np.empty((len(M), design.rank))
    for moment, row in zip(M, along, strict=True):
        row[:] = np.einsum("ij,ij->j", unit_size(moment) @ design.U, design.U)
    return _ratios(along, design.values, design.eigenvalues)


def online_energy_ratios(spectrum: object, moments: object) -> EnergyRatios:
    """Ratios D_k(t) and P_k(t) of second moments in the eigenbasis of S = diag(spectrum). O(size of the moments).

    Args:
        spectrum: Eigenvalues of S, shape (d,), positive, of any library; the computation is on the host.
        moments: Second moments, shape (T, d, d), or their diagonals, shape (T, d), as from ``online_second_moments``;
            they may be infinite.

    Returns:
        The ratios, and the eigenvalues, descending.

    Raises:
        InputError: If an eigenvalue is not positive and finite, or ``moments`` is not real or has another shape.
    """
    values = host_spectrum(spectrum)
    M = host_moments(moments, (len(values),), (len(values), len(values)))
    diagonals = M if M.ndim == 2 else np.diagonal(M, axis1=1, axis2=2)
    order = np.argsort(-values, kind="stable")
    along = np.stack([unit_size(diagonal) for diagonal in diagonals[:, order]])
    return _ratios(along, values[order] / values[order[0]], values[order])


def unit_size(moment: np.ndarray) -> np.ndarray:
    """Divide a moment by a power of two near its largest entry.

    Args:
        moment: Array of any shape.

    Returns:
        The scaled moment; NaN everywhere where an entry is not finite.
    """
    largest = float(np.max(np.abs(moment)))
    if not np.isfinite(largest):
        return np.full(moment.shape, np.nan)
    return np.ldexp(moment, -int(np.frexp(largest)[1]))


def beyond(parts: np.ndarray) -> np.ndarray:
    """Ratios of the sum of the entries beyond k to the sum of the first k.

    Args:
        parts: Non-negative numbers, shape (..., r).

    Returns:
        Shape (..., r − 1), column k − 1 for k = 1..r − 1.
    """
    flat = np.cumsum(parts[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    sharp = np.cumsum(parts, axis=-1)[..., :-1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return flat / sharp


def _ratios(along: np.ndarray, weights: np.ndarray, eigenvalues: np.ndarray) -> EnergyRatios:
    """Both ratios from the moments along the eigenvectors."""
    along = np.maximum(along, 0.0)
    return EnergyRatios(beyond(weights * along), beyond(along), eigenvalues)
