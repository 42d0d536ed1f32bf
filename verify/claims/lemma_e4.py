"""Lemma E.4: the mean of products of squared Gaussians, with constants.

Problem:
    |(1/n)Σ aᵢ²bᵢ² − (1 + 2ρ²)| is claimed to be at most an explicit bound with probability 1 − δ, for standard Gaussian
    pairs of any correlation ρ, every n and every δ.

Method:
    For one pair with ρ = 1 the product is a⁴: the probability of leaving the bounds is computed, with δ down to 10⁻²⁰⁰,
    which no sample reaches. For more pairs and other correlations means are drawn, and failures counted and compared
    with δ (Clopper–Pearson).

Guarantee:
    One computed probability above δ refutes, once it is computed again with many digits; a true statement is refuted by
    its draws with probability at most 10⁻⁶.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
from scipy import special

import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._failures import judge_failures
from verify.claims._trials import Computed, Item, Observations, Sampled, Worst
from verify.verdict import Verdict

DELTAS = np.array([0.9, 0.5, 0.1, 0.01, 1e-3, 1e-6, 1e-12, 1e-50, 1e-200])
DRAWN_DELTA = 0.1
DRAWN = ((1, 0.0), (10, 1.0), (100, 0.5), (10_000, 1.0))
"""Numbers of pairs and correlations that are drawn."""
DIGITS = 40


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma E.4 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: the draws.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    points: list[Sampled | Computed] = [_one_pair(), *(_point(n, rho) for n, rho in DRAWN)]
    return judge_failures(statement, context, observations, points, stop_early)


def _one_pair() -> Computed:
    """Compare a⁴ with 3: one pair, ρ = 1."""

    def outside(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        beyond = _above(3 + upper) + _under(3 - upper)
        within = np.where(lower > 0, 1 - _above(3 + lower) - _under(3 - lower), 0.0)
        return np.asarray(np.minimum(beyond + np.maximum(within, 0.0), 1.0))

    def again(index: tuple[int, ...], lower: float, upper: float) -> tuple[float, dict[str, Any]]:
        del index
        with mpmath.workdps(DIGITS):
            beyond = mpmath.erfc(_root(3 + upper)) + mpmath.erf(_root(3 - upper))
            near = 1 - mpmath.erfc(_root(3 + lower)) - mpmath.erf(_root(3 - lower)) if lower > 0 else 0
            probability = float(min(beyond + near, 1))
        return probability, {"n": 1, "rho": 1.0, "recompute": "P(|a⁴ − 3| outside the bounds), a standard Gaussian"}

    symbols = {"delta": DELTAS, "n": np.ones_like(DELTAS)}
    return Computed("one pair, ρ = 1, δ down to 10⁻²⁰⁰: computed", symbols, outside, again)


def _root(level: float) -> mpmath.mpf:
    """|a| at which a⁴ is a level, over √2; 0 for a negative one."""
    return mpmath.root(mpmath.mpf(max(level, 0.0)), 4) / mpmath.sqrt(2)


def _above(level: np.ndarray) -> np.ndarray:
    """P(a⁴ > level)."""
    return np.asarray(special.erfc(np.maximum(level, 0.0) ** 0.25 / math.sqrt(2)))


def _under(level: np.ndarray) -> np.ndarray:
    """P(a⁴ < level)."""
    return np.asarray(special.erf(np.maximum(level, 0.0) ** 0.25 / math.sqrt(2)))


def _point(n: int, rho: float) -> Sampled:
    return Sampled(
        name=f"n = {n}, ρ = {rho:g}, δ = {DRAWN_DELTA}",
        symbols={"delta": DRAWN_DELTA, "n": float(n)},
        design=(n, rho),
        draw=deviation,
        again=_again,
        centre=0.0,
    )


def pairs(n: int, rho: float, seed: int, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of standard Gaussians of a given correlation.

    Args:
        n: number of pairs.
        rho: correlation.
        seed: the run's seed.
        trial: number of the data set.

    Returns:
        a and b, shape (n,), float64.
    """
    a, c = streams.generator(seed, "pairs", (n, rho), trial).standard_normal((2, n))
    return a, rho * a + math.sqrt(1 - rho * rho) * c


def deviation(item: Item) -> Worst:
    """Compute |(1/n)Σ a²b² − (1 + 2ρ²)| on one data set.

    Args:
        item: the data set; its design is (n, ρ).

    Returns:
        The deviation. O(n).
    """
    n, rho = item.design
    a, b = pairs(n, rho, item.seed, item.trial)
    value = float(abs(np.mean((a * b) ** 2) - (1 + 2 * rho * rho)))
    return Worst(value, value, value, value)


def _again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Add the products one by one."""
    del side
    n, rho = item.design
    a, b = pairs(n, rho, item.seed, item.trial)
    value = abs(math.fsum(x * x * y * y for x, y in zip(a.tolist(), b.tolist(), strict=True)) / n - (1 + 2 * rho * rho))
    call = f"verify.claims.lemma_e4.pairs({n}, {rho}, seed={item.seed}, trial={item.trial})"
    return value, {"n": n, "rho": rho, "draw": call, "recompute": "|mean of a²b² − (1 + 2ρ²)|"}
