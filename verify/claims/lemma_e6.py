"""Lemma E.6: the Cauchy–Schwarz inequality.

Problem:
    (u·v)² ≤ |u|²|v|² is claimed for all vectors of the same dimension, with equality where they are parallel.

Method:
    Random vectors of 1 to 50 dimensions and of lengths from 10⁻³ to 10³ are tried, parallel and nearly parallel ones
    included: there the bound is attained.

Guarantee:
    One point beyond round-off refutes, once it is computed again in exact arithmetic. `holds` rests on the proof,
    executed step by step.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import NamedTuple

import numpy as np

import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._points import Again, Points, judge_points
from verify.verdict import Verdict

DIMENSIONS = (1, 2, 3, 10, 50)
NEARNESS = (0.0, 1e-6, 1e-3, 0.1, 1.0)
"""Share of a random vector in v beside u; 0 makes them parallel."""
COUNT = {"quick": 20, "full": 200}


class Vectors(NamedTuple):
    """Pairs of vectors of one dimension.

    Attributes:
        u: shape (m, d).
        v: shape (m, d).
    """

    u: np.ndarray
    v: np.ndarray


def judge(statement: theory.Statement, context: Context, stop_early: bool) -> Verdict:
    """Judge Lemma E.6 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        stop_early: whether it is a control: it is judged on as many points.

    Returns:
        The verdict.
    """
    del stop_early
    count = COUNT[context.profile]
    return judge_points(statement, context, [_points(vectors(context.seed, d, count)) for d in DIMENSIONS])


def vectors(seed: int, d: int, count: int) -> Vectors:
    """Draw pairs of vectors: parallel ones, and ones at every distance.

    Args:
        seed: the run's seed.
        d: dimension.
        count: how many of each nearness.

    Returns:
        The pairs.
    """
    stream = streams.generator(seed, "vectors", (d,))
    shape = (count, len(NEARNESS), d)
    lengths = 10.0 ** stream.uniform(-3, 3, (2, count, len(NEARNESS), 1))
    u = stream.standard_normal(shape)
    v = u + np.array(NEARNESS)[:, None] * stream.standard_normal(shape)
    return Vectors((lengths[0] * u).reshape(-1, d), (lengths[1] * v).reshape(-1, d))


def _points(pairs: Vectors) -> Points:
    inner = np.sum(pairs.u * pairs.v, axis=1) ** 2
    symbols = {name: np.sum(x * x, axis=1) for name, x in (("u_squared", pairs.u), ("v_squared", pairs.v))}
    name = f"pairs of vectors in {pairs.u.shape[1]} dimensions, parallel ones included"
    return Points(name, symbols, inner, inner, partial(_again, pairs), cost=float(pairs.u.shape[1]))


def _again(pairs: Vectors, index: tuple[int, ...], side: str) -> Again:
    """Compute one pair in exact arithmetic."""
    del side
    u, v = ([Fraction(x) for x in one[index].tolist()] for one in pairs)
    inner = sum((a * b for a, b in zip(u, v, strict=True)), Fraction(0)) ** 2
    lengths = {"u_squared": float(sum(a * a for a in u)), "v_squared": float(sum(b * b for b in v))}
    recipe = {"u": pairs.u[index].tolist(), "v": pairs.v[index].tolist(), "recompute": "(u·v)²"}
    return Again(lengths, float(inner), recipe)
