"""Attained extremes of g over all θ and all v, by alternating exact eigenproblems from many starts (oracle 3).

For fixed u, g is the quadratic form of M_u in v, so that its best v is an extreme eigenvector, and the same with u and
v exchanged. Every value on the way is attained, and none is worse than the one before.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import array_api_compat
import numpy as np

from ..arrays import Namespace
from ..validation import Array
from .fourth_moment import FourthMoment

SWEEPS = 200
CONVERGED = 1e-9
"""Relative improvement in one sweep below which a start has arrived."""
SAME = 1e-6
"""Relative difference up to which two starts have reached the same value."""
AGREEING = 3
"""Starts that must reach the best value before no more are tried."""
BATCH = 16


class Search(NamedTuple):
    """What a search found.

    Attributes:
        value: The best value; it is attained.
        u: Unit vector, shape (r,).
        v: Unit vector, shape (r,).
        starts: Number of starts.
        reached: How many of them arrived at the best value.
    """

    value: float
    u: Array
    v: Array
    starts: int
    reached: int


def search(
    moment: FourthMoment, largest: bool, hints: Array, generator: np.random.Generator, most_starts: int
) -> Search:
    """Search for the largest or the smallest g, with more starts until several have reached the best value.

    Each sweep costs the weighted products M_u (see ``FourthMoment.weighted``) and their eigenproblems, O(m r³).

    Args:
        moment: The operator T.
        largest: Whether to look for the supremum.
        hints: Directions to start from first, as columns, shape (r, m), m ≥ 0; random ones follow.
        generator: Source of random starts.
        most_starts: Number of starts after which to stop anyway, at least 1.

    Returns:
        The best value with its directions.
    """
    xp, rank = moment.xp, moment.rank
    values: list[float] = []
    best: tuple[Array, Array] | None = None
    sign = 1.0 if largest else -1.0
    while len(values) < most_starts and (best is None or _agreeing(values, sign) < AGREEING):
        count = min(BATCH, most_starts - len(values))
        taken = min(count, hints.shape[1])
        starts, hints = hints[:, :taken], hints[:, taken:]
        drawn = xp.asarray(generator.standard_normal((rank, count - taken)), device=array_api_compat.device(moment.Z))
        found, U, V = _alternate(moment, largest, _unit(xp, xp.concat([starts, drawn], axis=1)))
        at = int(np.argmax(sign * found))
        if best is None or sign * found[at] > sign * max(values, key=lambda value: sign * value):
            best = U[:, at], V[:, at]
        values += found.tolist()
    assert best is not None
    top = max(values, key=lambda value: sign * value)
    return Search(top, *best, len(values), _agreeing(values, sign))


def _agreeing(values: list[float], sign: float) -> int:
    """Count the starts that reached the best value."""
    top = max(values, key=lambda value: sign * value)
    return sum(abs(value - top) <= SAME * max(abs(top), 1e-3) for value in values)


def _alternate(moment: FourthMoment, largest: bool, U: Array) -> tuple[np.ndarray, Array, Array]:
    """Alternate from several starts at once; those that have arrived are left alone.

    Args:
        moment: The operator T.
        largest: Whether to look for the supremum.
        U: Unit directions as columns, shape (r, m).

    Returns:
        Values, shape (m,), on the host, and both directions as columns.
    """
    xp = moment.xp
    at = -1 if largest else 0
    values = np.full(U.shape[1], -math.inf if largest else math.inf)
    first = [U[:, k] for k in range(U.shape[1])]
    second = list(first)
    moving = list(range(U.shape[1]))
    for _ in range(SWEEPS):
        spectra, vectors = xp.linalg.eigh(moment.weighted(xp.stack([second[k] for k in moving], axis=1)))
        still = []
        for position, k in enumerate(moving):
            value = float(spectra[position, at])
            first[k], second[k] = second[k], vectors[position, :, at]
            if abs(value - values[k]) > CONVERGED * max(abs(value), 1e-3):
                still.append(k)
            values[k] = value
        moving = still
        if not moving:
            break
    return values, xp.stack(first, axis=1), xp.stack(second, axis=1)


def _unit(xp: Namespace, U: Array) -> Array:
    """Normalise columns."""
    return U / xp.linalg.vector_norm(U, axis=0, keepdims=True)
