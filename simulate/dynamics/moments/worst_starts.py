"""Worst cases over every start: of the ratios D_k(t), and of the growth of the expected loss.

T is self-adjoint, so Tr(Λ T^t(w wᵀ)) = wᵀ T^t(Λ) w: with Λ the part of G that an energy counts, the energy at time t is
a quadratic form in the start. Ratios of energies are Rayleigh quotients, their extremes over all starts generalised
eigenvalues; mixtures of starts do no worse.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...validation import InputError, check_flag, check_integer, check_real, describe
from .exponents import times_power
from .inputs import noise_weight
from .range_operator import FourthMoments, RangeStep, range_design


class FlatToSharpRange(NamedTuple):
    """Extremes of D_k(t) over all starts, at every time and for every k.

    Attributes:
        ks: The k, shape (K,).
        inf: Smallest D_k(t), shape (steps + 1, K); row 0 is 0, from a start in the sharp directions.
        sup: Largest D_k(t), shape (steps + 1, K); row 0 is infinite, from a start in the flat directions.
        reference: S_Y/S_X = Σ_{i>k} λ_i² / Σ_{i≤k} λ_i² of Theorem 5.2, shape (K,).
        inf_witnesses: Starts w of unit length that attain ``inf``, shape (steps + 1, K, d); online the index of the
            eigen-direction, in the order of the spectrum, shape (steps + 1, K).
        sup_witnesses: Starts that attain ``sup``, of the same shape.
    """

    ks: np.ndarray
    inf: np.ndarray
    sup: np.ndarray
    reference: np.ndarray
    inf_witnesses: np.ndarray
    sup_witnesses: np.ndarray


class GrowthRange(NamedTuple):
    """Extremes of the growth of the expected loss over all starts.

    Attributes:
        step_inf: Smallest E L(t + 1) / E L(t), shape (steps,).
        step_sup: Largest E L(t + 1) / E L(t), shape (steps,).
        total_inf: Smallest E L(t) / E L(0), shape (steps + 1,).
        total_sup: Largest E L(t) / E L(0), shape (steps + 1,); infinite beyond float64.
        step_witnesses: Starts w of unit length that attain the first two, shape (steps, 2, d); online the index of the
            eigen-direction, in the order of the spectrum, shape (steps, 2).
        total_witnesses: Starts that attain the totals, shape (steps + 1, 2, d); online (steps + 1, 2).
    """

    step_inf: np.ndarray
    step_sup: np.ndarray
    total_inf: np.ndarray
    total_sup: np.ndarray
    step_witnesses: np.ndarray
    total_witnesses: np.ndarray


def worst_flat_to_sharp(
    X: object,
    lr: float,
    steps: int,
    ks: Sequence[int] | None = None,
    batch: int = 1,
    replacement: bool = True,
) -> FlatToSharpRange:
    """Smallest and largest D_k(t) of SGD on a linear model over every start, for every time and k.

    D_k(t) at the start w is wᵀ T^t(Λ_Y) w / wᵀ T^t(Λ_X) w, with Λ_Y = Σ_{i>k} λ_i u_i u_iᵀ and Λ_X the rest of G. A
    start whose loss at time t is zero up to rounding has no D_k(t) and is left out; where no other is left, D_k(t) is
    NaN.

    O(steps K (n r² + r³)), or O(steps K r⁴) where that is less; O(steps K d) memory.

    Args:
        X: Inputs, shape (n, d), finite, of any library; the computation is on the host.
        lr: Learning rate, positive.
        steps: Number of steps, at least 0.
        ks: The k wanted, each from 1 to rank X − 1; None for all of them.
        batch: Samples per minibatch B.
        replacement: Whether minibatches are drawn with replacement.

    Returns:
        The extremes, with starts that attain them.

    Raises:
        InputError: If ``X`` is not a finite non-zero matrix, ``lr`` is not positive and finite, or ``steps``, ``ks`` or
            ``batch`` is out of range.
    """
    steps = check_integer("steps", steps, minimum=0)
    step, chosen = _prepared(X, lr, steps, ks, batch, replacement)
    values, rank = step.design.values, step.design.rank
    flat = np.zeros((len(chosen), rank, rank))
    for part, k in zip(flat, chosen, strict=True):
        np.fill_diagonal(part[k:, k:], values[k:])
    stack = np.concatenate([flat, np.diag(values)[None]])
    ratios = np.empty((2, steps + 1, len(chosen)))
    starts = np.empty((2, steps + 1, len(chosen), rank))
    for time in range(steps + 1):
        if time > 0:
            stack = _unit_sizes(step.apply(stack))[0]
        # Diagonal at first, and always without noise: then the extremes are exact, 0 and infinity among them.
        diagonal = time == 0 or step.gain == 0
        find = _extreme_ratios_of_diagonals if diagonal else _extreme_ratios
        ratios[:, time], starts[:, time] = find(stack[:-1], stack[-1])
    witnesses = _to_inputs(step, starts)
    return FlatToSharpRange(chosen, ratios[0], ratios[1], reference_ratios(values, chosen), witnesses[0], witnesses[1])


def worst_growth(X: object, lr: float, steps: int, batch: int = 1, replacement: bool = True) -> GrowthRange:
    """Smallest and largest growth of the expected loss of SGD over every start, in one step and in t steps.

    E L(t) at the start w is ½ wᵀ T^t(G) w. A start whose loss at time t is zero up to rounding is left out of the
    growth from t to t + 1; where no other start is left, that growth is NaN. O(steps (n r² + r³)).

    Args:
        X: Inputs, shape (n, d), finite, of any library; the computation is on the host.
        lr: Learning rate, positive.
        steps: Number of steps, at least 0.
        batch: Samples per minibatch B.
        replacement: Whether minibatches are drawn with replacement.

    Returns:
        The extremes, with starts that attain them.

    Raises:
        InputError: If ``X`` is not a finite non-zero matrix, ``lr`` is not positive and finite, or ``steps`` or
            ``batch`` is out of range.
    """
    steps = check_integer("steps", steps, minimum=0)
    step, _ = _prepared(X, lr, steps, [], batch, replacement)
    rank = step.design.rank
    first, _ = _unit_sizes(np.diag(step.design.values)[None])
    current, exponent = first, 0
    by_step, by_total = np.empty((2, steps)), np.ones((2, steps + 1))
    step_starts, total_starts = np.empty((2, steps, rank)), np.zeros((2, steps + 1, rank))
    total_starts[:, 0, 0] = 1.0
    for time in range(steps):
        image = step.apply(current)
        found, starts = _extremes(image, current[0])
        by_step[:, time], step_starts[:, time] = times_power(found[:, 0], step.exponent), starts[:, 0]
        current, shift = _unit_sizes(image)
        exponent += step.exponent + shift
        found, starts = _extremes(current, first[0])
        by_total[:, time + 1], total_starts[:, time + 1] = times_power(found[:, 0], exponent), starts[:, 0]
    step_witnesses = _to_inputs(step, step_starts).transpose(1, 0, 2)
    total_witnesses = _to_inputs(step, total_starts).transpose(1, 0, 2)
    return GrowthRange(by_step[0], by_step[1], by_total[0], by_total[1], step_witnesses, total_witnesses)


def check_ks(ks: object, rank: int) -> np.ndarray:
    """Check the numbers of sharp directions.

    Args:
        ks: Integers from 1 to rank − 1, or None for all of them.
        rank: Number of directions.

    Returns:
        The integers, shape (K,).

    Raises:
        InputError: If one of them is out of range.
    """
    if ks is None:
        return np.arange(1, rank)
    if not isinstance(ks, Sequence | np.ndarray) or isinstance(ks, str) or np.ndim(ks) != 1:
        raise InputError(f"ks: expected a sequence of integers, got {describe(ks)}")
    return np.array([check_integer("ks", k, minimum=1, maximum=rank - 1) for k in ks], dtype=np.int64)


def reference_ratios(values: np.ndarray, ks: np.ndarray) -> np.ndarray:
    """S_Y/S_X of Theorem 5.2.

    Args:
        values: Eigenvalues up to a common factor, descending, shape (r,).
        ks: The k, shape (K,).

    Returns:
        Σ_{i>k} λ_i² / Σ_{i≤k} λ_i², shape (K,).
    """
    squares = (values / values[0]) ** 2
    return np.array([math.fsum(squares[k:]) / math.fsum(squares[:k]) for k in ks])


def _prepared(
    X: object, lr: object, steps: int, ks: object, batch: object, replacement: object
) -> tuple[RangeStep, np.ndarray]:
    """Check the arguments and set up T on the range of G."""
    design = range_design(X)
    chosen = check_ks(ks, design.rank)
    weight = noise_weight(len(design.Z), batch, check_flag("replacement", replacement))
    rate = check_real("lr", lr, minimum=0.0, exclusive=True)
    fourth = FourthMoments(design.Z, steps * (len(chosen) + 1))
    return RangeStep(design, fourth, rate, weight), chosen


def _unit_sizes(stack: np.ndarray) -> tuple[np.ndarray, int]:
    """Divide matrices by one power of two near the largest entry of the last, and say which."""
    exponent = int(np.frexp(np.max(np.abs(stack[-1])))[1])
    return np.ldexp(stack, -exponent), exponent


def _extreme_ratios(flat: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extremes of wᵀ Y w / wᵀ (A − Y) w for several Y.

    Args:
        flat: The matrices Y, shape (K, r, r).
        both: The matrix A, shape (r, r), at least Y in the order of symmetric matrices.

    Returns:
        Smallest and largest ratios, shape (2, K), and the w that attain them, shape (2, K, r).
    """
    shares, starts = _extremes(flat, both)
    sharp = np.einsum("akr,krs,aks->ak", starts, both - flat, starts)
    whole = np.einsum("akr,rs,aks->ak", starts, both, starts)
    with np.errstate(divide="ignore"):
        return np.where(sharp > 0, shares * whole / np.where(sharp > 0, sharp, 1.0), np.inf), starts


def _extreme_ratios_of_diagonals(flat: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for diagonal matrices: at coordinates of positive energy."""
    kept = np.flatnonzero(np.diagonal(both) > 0)
    if not len(kept):
        return _no_extremes(len(flat), len(both))
    parts = np.diagonal(flat, axis1=1, axis2=2)[:, kept]
    with np.errstate(divide="ignore"):
        ratios = parts / (np.diagonal(both)[kept] - parts)
    places = np.stack([np.argmin(ratios, axis=1), np.argmax(ratios, axis=1)])
    return np.take_along_axis(ratios[None], places[..., None], axis=2)[..., 0], np.eye(len(both))[kept[places]]


def _no_extremes(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Quotients where no start is left that has one, and the first coordinate in place of their starts."""
    return np.full((2, count), np.nan), np.broadcast_to(np.eye(size)[0], (2, count, size))


def _end_vectors(matrices: np.ndarray) -> np.ndarray:
    """Eigenvectors to the smallest and the largest eigenvalue of each of several symmetric matrices.

    By eigenvalues and inverse iteration, which strains the threads of BLAS far less than all eigenvectors.

    Args:
        matrices: Shape (K, m, m).

    Returns:
        Shape (2, K, m).
    """
    size = matrices.shape[-1]
    values = np.linalg.eigvalsh(matrices)
    # Shifts just outside the spectrum keep the shifted matrices definite.
    largest = np.max(np.abs(values), axis=-1)
    margins = 4 * sys.float_info.epsilon * math.sqrt(size) * np.where(largest > 0, largest, 1.0)
    start = np.random.default_rng(0).standard_normal(size)
    ends = []
    for shifts in (values[:, 0] - margins, values[:, -1] + margins):
        inverses = np.linalg.inv(matrices - shifts[:, None, None] * np.eye(size))
        vectors = np.broadcast_to(start, (len(matrices), size))
        for _ in range(4):
            vectors = np.matmul(inverses, vectors[..., None])[..., 0]
            vectors /= np.max(np.abs(vectors), axis=-1, keepdims=True)
        ends.append(vectors)
    return np.stack(ends)


def _extremes(numerators: np.ndarray, denominator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extremes of wᵀ N w / wᵀ D w for several N, as attained by the w found.

    Args:
        numerators: Positive semi-definite matrices N, shape (K, r, r).
        denominator: Positive semi-definite matrix D, shape (r, r); what it takes to zero up to rounding is left out.

    Returns:
        Smallest and largest quotients, shape (2, K), and the w that attain them, shape (2, K, r).
    """
    roots = np.sqrt(np.maximum(np.diagonal(denominator), 0.0))
    inverse = 1 / np.where(roots > 0, roots, 1.0) * (roots > 0)
    # With a unit diagonal, directions of small energy count as much as others.
    sizes, turn = np.linalg.eigh(denominator * np.outer(inverse, inverse))
    kept = sizes > 4 * len(sizes) * sys.float_info.epsilon * sizes[-1]
    if not np.any(kept):
        return _no_extremes(len(numerators), len(denominator))
    whiten = inverse[:, None] * turn[:, kept] / np.sqrt(sizes[kept])
    starts = _end_vectors(whiten.T @ numerators @ whiten) @ whiten.T
    # The quotients at the vectors themselves: attained, and accurate to second order in the vectors.
    above = np.einsum("akr,krs,aks->ak", starts, numerators, starts)
    below = np.einsum("akr,rs,aks->ak", starts, denominator, starts)
    return np.maximum(above, 0.0) / below, starts


def _to_inputs(step: RangeStep, starts: np.ndarray) -> np.ndarray:
    """Turn starts in the eigenbasis into unit vectors in the coordinates of the inputs, largest entry positive."""
    vectors = starts @ step.design.U.T
    largest = np.max(np.abs(vectors), axis=-1, keepdims=True)
    vectors = vectors / largest
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    flipped = -np.min(vectors, axis=-1, keepdims=True) > np.max(vectors, axis=-1, keepdims=True)
    return np.where(flipped, -vectors, vectors)
