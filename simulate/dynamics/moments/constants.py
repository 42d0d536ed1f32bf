"""The constants A₁, A₂ of Assumption 5.1, exactly: over all parameters, or along a run (oracle 6 of docs/theory.md).

The noise along an eigenvector u_i of G is u_iᵀΣu_i = g_i λ_i 2L with g_i the centred directional alignment; A₁ and A₂
are its extremes. Theorem 5.2 needs them only along the run, where they are tighter.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...extremes import directional_alignment_range, directional_alignment_ranges
from ...validation import InputError
from .inputs import host_design, host_moments
from .range_operator import range_design
from .ratios import unit_size


@dataclass(frozen=True)
class AlignmentConstants:
    """Extremes of the centred alignment over all parameters and all eigenvectors of G of positive eigenvalue.

    Attributes:
        A1: Smallest value; exactly 0 where rank X = n, since some residual then is the same for every sample's
            gradient along u_i.
        A2: Largest value.
        eigenvalues: Eigenvalues λ_i of G, descending, shape (r,).
        inf: Smallest value along each u_i over all parameters, shape (r,).
        sup: Largest value along each u_i, shape (r,).
        directions: Indices i, from 0, at which A1 and A2 are attained.
        witnesses: Parameters u = θ − w* that attain A1 and A2, shape (2, d), as ``directional_alignment_range``
            normalises them.
        eigenvectors: The u_i as columns, shape (d, r): where eigenvalues coincide, one choice of them.
    """

    A1: float
    A2: float
    eigenvalues: np.ndarray
    inf: np.ndarray
    sup: np.ndarray
    directions: tuple[int, int]
    witnesses: np.ndarray
    eigenvectors: np.ndarray


class AlignmentConstantsAlong(NamedTuple):
    """Extremes of the centred alignment along a run.

    Attributes:
        A1: Smallest value over all eigenvectors and times.
        A2: Largest value.
        lowest: (i, t), from 0, at which A1 is attained.
        highest: (i, t), from 0, at which A2 is attained.
        values: E[u_iᵀΣu_i] / (λ_i E 2L) at time t in row t, shape (T, r); NaN where the moment is not finite or its
            loss is zero.
    """

    A1: float
    A2: float
    lowest: tuple[int, int]
    highest: tuple[int, int]
    values: np.ndarray


def alignment_constants(X: object) -> AlignmentConstants:
    """Exact constants of Assumption 5.1 for a linear model: they hold along every trajectory.

    For each eigenvector the extremes are generalised eigenvalues. Values below rounding errors of the largest count
    as 0. O(r (n d² + d³)), or less where ``directional_alignment_ranges`` finds it cheaper.

    Args:
        X: Inputs, shape (n, d), finite, of any library; the computation is on the host.

    Returns:
        The constants, the extremes along each eigenvector, and witnesses.

    Raises:
        InputError: If ``X`` is not a finite non-zero matrix.
    """
    design = range_design(X)
    inputs, scale = host_design(X)
    inf, sup = directional_alignment_ranges(inputs, design.U, centred=True)
    # Each value is the difference of an alignment that is not centred, of up to 1 more, and at most 1.
    floor = 64 * sys.float_info.epsilon * design.rank * (1 + sup)
    inf, sup = (np.where(values <= floor, 0.0, values) for values in (inf, sup))
    if design.rank == len(inputs):
        inf = np.zeros(design.rank)
    low, high = int(np.argmin(inf)), int(np.argmax(sup))
    ends = [
        directional_alignment_range(inputs, design.U[:, i], centred=True).witnesses[side]
        for side, i in enumerate((low, high))
    ]
    with np.errstate(over="ignore", under="ignore"):
        witnesses = np.stack(ends) / scale
    return AlignmentConstants(
        A1=float(inf[low]),
        A2=float(sup[high]),
        eigenvalues=design.eigenvalues,
        inf=inf,
        sup=sup,
        directions=(low, high),
        witnesses=witnesses,
        eigenvectors=design.U,
    )


def alignment_constants_along(X: object, moments: object) -> AlignmentConstantsAlong:
    """Constants of Assumption 5.1 along a run of SGD, from its second moments.

    All that the proof of Theorem 5.2 needs: A₁ ≤ E[u_iᵀΣu_i] / (λ_i E 2L) ≤ A₂ at the times given. Moments that are
    not finite or have no loss are left out. O(T (n r² + r d²)).

    Args:
        X: Inputs, shape (n, d), finite, of any library; the computation is on the host.
        moments: Second moments E w_t w_tᵀ, shape (T, d, d), as from ``second_moments``.

    Returns:
        The constants, where they are attained, and all values.

    Raises:
        InputError: If ``X`` is not a finite non-zero matrix, ``moments`` is not real or has another shape, or none of
            the moments is finite with a positive loss.
    """
    design = range_design(X)
    Z, U, eigenvalues = design.Z, design.U, design.values
    M = host_moments(moments, (len(U), len(U)))
    squares, images = Z * Z / len(Z), np.empty_like(Z)
    values = np.full((len(M), design.rank), np.nan)
    smallest = design.rank * sys.float_info.epsilon * eigenvalues[0]
    for moment, row in zip(M, values, strict=True):
        reduced = U.T @ unit_size(moment) @ U
        if not np.isfinite(reduced[0, 0]):
            continue
        energies = np.maximum(np.einsum("ij,ij->i", np.matmul(Z, reduced, out=images), Z), 0.0)
        energy = float(np.mean(energies))
        if energy > smallest:
            noise = energies @ squares - eigenvalues**2 * np.diagonal(reduced)
            row[:] = np.maximum(noise, 0.0) / (eigenvalues * energy)
    if np.all(np.isnan(values)):
        raise InputError("moments: expected at least one finite moment with a positive loss, got none")
    low, high = (divmod(int(find(values)), design.rank) for find in (np.nanargmin, np.nanargmax))
    return AlignmentConstantsAlong(float(values[low]), float(values[high]), low[::-1], high[::-1], values)
