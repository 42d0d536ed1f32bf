"""Lemma C.6: the fourth moments of Gaussian vectors along all pairs of directions at once.

Problem:
    max over unit u, v of |(1/n)Σ (u·zᵢ)²(v·zᵢ)² − (1 + 2(u·v)²)| ≤ ε is claimed with probability 1 − δ, once n meets
    conditions whose constants are explicit.

Method:
    The difference is a symmetric form of degree four, T(u, u, v, v), and the largest value of such a form is attained
    at equal arguments (Banach 1938): the maximum over two directions is max |T(u, u, u, u)|. For d = 1 that is a number
    and for d = 2 a trigonometric polynomial, whose extremes are computed; for larger d power iterations find a value,
    and the operator norm of T as a matrix on symmetric matrices is never below it. In many dimensions one long row is
    looked at: T along z₁/|z₁|, for which no other coordinate of the others need be drawn. n is the smallest that the
    conditions allow; failures are counted and compared with δ (Clopper–Pearson).

Guarantee:
    A true statement is refuted with probability at most 10⁻⁶; each point supports a false one with probability at most
    10⁻³ a round. Certified values support, found ones refute.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._covariances import Place, samples_asked, too_large
from verify.claims._failures import judge_failures
from verify.claims._trials import Item, Observations, Sampled, Worst
from verify.verdict import Verdict

LONG_ROW = "long row"
PLACES = {
    "quick": (
        Place(0.5, 0.1, 3000, LONG_ROW),
        Place(0.5, 0.1, 1),
        Place(0.5, 0.1, 2),
        Place(0.5, 0.5, 5),
        Place(0.2, 0.5, 1),
    ),
    "full": (
        Place(0.5, 0.1, 3000, LONG_ROW),
        Place(0.5, 0.1, 1),
        Place(0.5, 0.1, 2),
        Place(0.5, 0.5, 10),
        Place(0.1, 0.5, 1),
    ),
}
MOST_ENTRIES = {"quick": 5e6, "full": 4e7}
"""Largest number of Gaussians that a data set may take."""
CHUNK = 200_000
"""Vectors that are drawn at once."""
STARTS, STEPS = 16, 200


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma C.6 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    most = MOST_ENTRIES[context.profile]
    places = PLACES[context.profile]
    sizes = [(place, samples_asked(statement, place, most / _drawn_columns(place))) for place in places]
    points = [_point(place, n) for place, n in sizes if n is not None]
    left_out = too_large([place for place, n in sizes if n is None])
    return judge_failures(statement, context, observations, points, stop_early, left_out)


def _drawn_columns(place: Place) -> int:
    """Coordinates of a vector that are drawn."""
    return 1 if place.family == LONG_ROW else place.d


def _point(place: Place, n: int) -> Sampled:
    long_row = place.family == LONG_ROW
    return Sampled(
        name=f"{'one row of ' if long_row else ''}d = {place.d}, n = {n}, ε = {place.eps:g}, δ = {place.delta:g}",
        symbols={"eps": place.eps, "delta": place.delta, "n": float(n), "d": float(place.d)},
        design=(place.d, n),
        draw=along_row if long_row else largest_error,
        again=_row_again if long_row else _again,
        centre=0.0,
        refutes_only=long_row,
    )


def vectors(d: int, n: int, seed: int, trial: int) -> itertools.chain[np.ndarray]:
    """Draw n standard Gaussian vectors, some at a time.

    Args:
        d: dimension.
        n: number of vectors.
        seed: the run's seed.
        trial: number of the data set.

    Returns:
        An iterator over arrays of shape (at most 200 000, d), float64.
    """
    stream = streams.generator(seed, "fourth moments", (d, n), trial)
    sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    return itertools.chain.from_iterable([stream.standard_normal((size, d))] for size in sizes)


def error_form(item: Item) -> np.ndarray:
    """Compute the form T as a matrix on symmetric matrices.

    Args:
        item: the data set; its design is (d, n).

    Returns:
        Shape (d(d + 1)/2,) * 2, in the orthonormal basis of `coordinates`: T(u, u, v, v) = c(u)ᵀ T c(v). O(nd⁴).
    """
    d, n = item.design
    total = sum(np.asarray(c.T @ c) for c in map(coordinates, vectors(d, n, item.seed, item.trial)))
    unit = np.array([float(i == j) for i, j in itertools.combinations_with_replacement(range(d), 2)])
    # E c cᵀ: 2 I, and 1 between squares (Isserlis).
    return np.asarray(total) / n - 2 * np.eye(unit.size) - np.outer(unit, unit)


def coordinates(u: np.ndarray) -> np.ndarray:
    """Write uuᵀ in an orthonormal basis of the symmetric matrices.

    Args:
        u: vectors, shape (m, d).

    Returns:
        Shape (m, d(d + 1)/2): products of coordinates, those of different ones times √2.
    """
    pairs = list(itertools.combinations_with_replacement(range(u.shape[1]), 2))
    return np.stack([u[:, i] * u[:, j] * (1.0 if i == j else math.sqrt(2)) for i, j in pairs], axis=1)


def largest_error(item: Item) -> Worst:
    """Bracket max |T(u, u, v, v)| over unit u and v on one data set.

    Args:
        item: the data set; its design is (d, n).

    Returns:
        The value found, and what it is at most: the same for d ≤ 2.
    """
    T = error_form(item)
    found = float(np.max(np.abs(_values(T, _directions(T, item)))))
    certified = found if item.design[0] <= 2 else float(np.max(np.abs(np.linalg.eigvalsh(T))))
    return Worst(found, found, found, max(found, certified))


def _values(T: np.ndarray, u: np.ndarray) -> np.ndarray:
    """T(u, u, u, u) for each row u."""
    c = coordinates(u)
    return np.einsum("mi,ij,mj->m", c, T, c)


def _directions(T: np.ndarray, item: Item) -> np.ndarray:
    """Unit vectors among which the largest |T(u, u, u, u)| is: exactly for d ≤ 2, by power iterations for more."""
    d = int(item.design[0])
    if d == 1:
        return np.ones((1, 1))
    if d == 2:
        return _critical_directions(T)
    stream = streams.generator(item.seed, "power iterations", item.design, item.trial)
    start = stream.standard_normal((STARTS, d))
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    # Shifted by more than its curvature the form grows at every step (Kolda and Mayo 2011).
    shift = 3 * float(np.max(np.abs(np.linalg.eigvalsh(T))))
    return np.concatenate([_climbed(sign * T, start, shift) for sign in (1.0, -1.0)])


def _climbed(T: np.ndarray, u: np.ndarray, shift: float) -> np.ndarray:
    """Climb T(u, u, u, u) from each row by shifted power iterations."""
    pairs = list(itertools.combinations_with_replacement(range(u.shape[1]), 2))
    for _ in range(STEPS):
        weights = coordinates(u) @ T
        gradient = shift * u
        for (i, j), column in zip(pairs, weights.T, strict=True):
            scale = 1.0 if i == j else 1 / math.sqrt(2)
            gradient[:, i] += scale * column * u[:, j]
            if i != j:
                gradient[:, j] += scale * column * u[:, i]
        u = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
    return u


def _critical_directions(T: np.ndarray) -> np.ndarray:
    """Directions of the plane at which T(u, u, u, u) is stationary."""
    angles = np.arange(8) * math.pi / 8
    # The values at eight angles give the coefficients of cos 2kθ and sin 2kθ, k ≤ 2.
    values = _values(T, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    c2, c4 = (np.sum(values * np.exp(-1j * k * angles)) / 4 for k in (2, 4))
    # q = c₀ + Re(c₂w + c₄w²) with w = exp(2iθ); q' = 0 times w² is a polynomial in w.
    roots = np.roots([2 * c4, c2, 0, -np.conj(c2), -2 * np.conj(c4)])
    stationary = np.concatenate([np.angle(roots) / 2, angles])
    return np.stack([np.cos(stationary), np.sin(stationary)], axis=1)


def along_row(item: Item) -> Worst:
    """Compute T along the first vector, which the maximum over all directions is at least.

    Args:
        item: the data set; its design is (d, n).

    Returns:
        The absolute value; nothing is certified. O(n + d).
    """
    length, others = _row(item)
    value = abs((length**4 + float(np.sum(others**4))) / item.design[1] - 3)
    return Worst(value, value, value, math.inf)


def _row(item: Item) -> tuple[float, np.ndarray]:
    """Draw |z₁|, and the coordinates of the other vectors along z₁."""
    d, n = item.design
    stream = streams.generator(item.seed, "long row", item.design, item.trial)
    return math.sqrt(stream.chisquare(d)), stream.standard_normal(n - 1)


def _row_again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Add the fourth powers one by one."""
    del side
    d, n = item.design
    length, others = _row(item)
    value = abs((length**4 + math.fsum(x**4 for x in others.tolist())) / n - 3)
    how = "u = v = z₁/|z₁|: |z₁|² is χ²_d, and u·z₂ … u·zₙ are standard Gaussians, whatever z₁ is"
    return value, {"d": d, "n": n, "direction": how, "length_of_first": length, "recompute": "|mean of (u·zᵢ)⁴ − 3|"}


def _again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Compute the error along the direction that was found, vector by vector."""
    del side
    d, n = item.design
    T = error_form(item)
    directions = _directions(T, item)
    u = directions[int(np.argmax(np.abs(_values(T, directions))))]
    total = math.fsum(float(np.sum((z @ u) ** 4)) for z in vectors(d, n, item.seed, item.trial))
    call = f"verify.claims.lemma_c6.vectors({d}, {n}, seed={item.seed}, trial={item.trial})"
    how = {"draw": call, "u": u.tolist(), "v": u.tolist(), "recompute": "|mean of (u·zᵢ)⁴ − 3|"}
    return abs(total / n - 3), {"d": d, "n": n, **how}
