"""Lemma E.1: Bernstein's inequality for bounded variables, with constants.

Problem:
    |(1/n)Σ Xᵢ| is claimed to be at most an explicit bound with probability 1 − δ, for all independent centred Xᵢ with
    |Xᵢ| ≤ M and variance at most V, all n and all δ.

Method:
    For variables of two values the probability of leaving the bounds is a sum of binomial probabilities and computed:
    at n from 1 to 10⁴, shares p from ½ to 10⁻⁴ and δ down to 10⁻¹². From p = ½ to small p they lead from the Gaussian
    to the Poisson end of the inequality.

Guarantee:
    One computed probability above δ refutes, once it is added up again term by term.
"""

from __future__ import annotations

from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
from scipy import special

import theory
from verify.claims._context import Context
from verify.claims._failures import judge_failures
from verify.claims._trials import Computed, Observations
from verify.verdict import Verdict

SIZES = np.array([1.0, 2, 5, 10, 30, 100, 1000, 10_000])
SHARES = np.array([0.5, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4])
DELTAS = np.array([0.9, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-6, 1e-12])
LATTICE = 1e-9
"""Counts this close to a bound, in units of one, count as on it."""
DIGITS = 40


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma E.1 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: unused: nothing is drawn.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    return judge_failures(statement, context, observations, [_two_valued()], stop_early)


def _two_valued() -> Computed:
    """Xᵢ = 1 − p with probability p, else −p."""
    n, p, delta = np.meshgrid(SIZES, SHARES, DELTAS, indexing="ij")

    def outside(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        return np.asarray(np.minimum(_beyond(n, p, upper) + _below(n, p, lower), 1.0))

    def again(index: tuple[int, ...], lower: float, upper: float) -> tuple[float, dict[str, Any]]:
        size, share = int(n[index]), float(p[index])
        with mpmath.workdps(DIGITS):
            mean, total = mpmath.mpf(share), mpmath.mpf(0)
            term = (1 - mean) ** size
            for count in range(size + 1):
                if not lower <= abs(mpmath.mpf(count) / size - mean) <= upper:
                    total += term
                term *= mean / (1 - mean) * (size - count) / (count + 1)
        how = "Σ C(n, k) pᵏ(1 − p)ⁿ⁻ᵏ over the k with |k/n − p| outside the bounds"
        return float(total), {"X": "1 − p with probability p, else −p", "n": size, "p": share, "recompute": how}

    symbols = {"n": n, "delta": delta, "M": np.maximum(p, 1 - p), "V": p * (1 - p)}
    return Computed("two-valued variables, n = 1 … 10⁴, δ down to 10⁻¹²: computed", symbols, outside, again)


def _beyond(n: np.ndarray, p: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """P(|k/n − p| > bound) for a binomial k."""
    most = np.floor(np.minimum(n * (p + bound), n) + LATTICE)
    least = np.ceil(np.maximum(n * (p - bound), 0.0) - LATTICE)
    return _above(most, n, p) + _up_to(least - 1, n, p)


def _below(n: np.ndarray, p: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """P(|k/n − p| < bound); 0 for a bound that is not positive."""
    most = np.ceil(np.minimum(n * (p + bound), n + 1) - LATTICE) - 1
    least = np.floor(np.maximum(n * (p - bound), -1.0) + LATTICE) + 1
    return np.where((bound > 0) & (most >= least), _up_to(most, n, p) - _up_to(least - 1, n, p), 0.0)


def _above(count: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    """P(k > count) for a binomial k, an incomplete beta function."""
    inner = np.clip(count, 0, n - 1)
    return np.where(count >= n, 0.0, np.where(count < 0, 1.0, special.betainc(inner + 1, n - inner, p)))


def _up_to(count: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    """P(k ≤ count) for a binomial k."""
    inner = np.clip(count, 0, n - 1)
    return np.where(count >= n, 1.0, np.where(count < 0, 0.0, special.betainc(n - inner, inner + 1, 1 - p)))
