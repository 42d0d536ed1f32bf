"""Lemma E.2: the tails of a Gaussian quadratic form.

Problem:
    xᵀAx − E xᵀAx is claimed to lie between two explicit bounds with probability 1 − δ, for every S and A and every δ.

Method:
    For the identity in k dimensions the form is χ²_k − k, whose probability of leaving the bounds is computed, at k
    from 1 to 10⁶ and δ down to 10⁻¹². For other spectra, and for S and A that do not commute, forms are drawn and
    failures counted (Clopper–Pearson).

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

import simulate
import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._failures import judge_failures
from verify.claims._trials import Computed, Item, Observations, Sampled, Worst
from verify.verdict import Verdict

DEGREES = np.array([1.0, 2, 3, 5, 10, 30, 100, 1000, 10_000, 1_000_000])
DELTAS = np.array([0.9, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-6, 1e-12])
DRAWN_DELTA = 0.1
FORMS = (("power law", 30), ("one large", 20), ("not commuting", 6))
DIGITS = 40


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma E.2 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: the draws.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    points: list[Sampled | Computed] = [_chi_square(), *(_drawn(form, context.seed) for form in FORMS)]
    return judge_failures(statement, context, observations, points, stop_early)


def _chi_square() -> Computed:
    """The form of the identity, χ²_k − k."""
    k, delta = np.meshgrid(DEGREES, DELTAS, indexing="ij")

    def outside(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        below = special.gammainc(k / 2, np.maximum(k + lower, 0.0) / 2)
        above = special.gammaincc(k / 2, np.maximum(k + upper, 0.0) / 2)
        return np.asarray(np.minimum(below + above, 1.0))

    def again(index: tuple[int, ...], lower: float, upper: float) -> tuple[float, dict[str, Any]]:
        degrees = float(k[index])
        ends = [max(degrees + end, 0.0) / 2 for end in (lower, upper)]
        with mpmath.workdps(DIGITS):
            inside = mpmath.gammainc(degrees / 2, ends[0], ends[1], regularized=True) if ends[0] < ends[1] else 0
            probability = float(1 - inside)
        how = "1 − mpmath.gammainc(k/2, (k + lower)/2, (k + upper)/2, regularized=True)"
        return probability, {"A": "I", "S": "I", "k": int(degrees), "recompute": how}

    symbols = {"delta": delta, "F": np.sqrt(k), "N": np.ones_like(k)}
    return Computed("A = S = I in k = 1 … 10⁶ dimensions, δ down to 10⁻¹²: computed", symbols, outside, again)


def matrices(form: tuple[str, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make A and R with S = RRᵀ of a quadratic form.

    Args:
        form: one of `FORMS`.
        seed: the run's seed.

    Returns:
        A and R, shape (d, d), float64.
    """
    name, d = form
    if name == "power law":
        return np.diag(simulate.power_law(d, 1.0)), np.eye(d)
    if name == "one large":
        return np.diag(simulate.spiked(d, 1, 10.0)), np.eye(d)
    stream = streams.generator(seed, "form", form)
    B, R = stream.standard_normal((2, d, d))
    return B @ B.T, R


def deviation(item: Item) -> Worst:
    """Draw xᵀAx − E xᵀAx.

    Args:
        item: the draw; its design is one of `FORMS`.

    Returns:
        The value. O(d²).
    """
    name, d = item.design
    A, R = matrices((name, d), item.seed)
    x = R @ streams.generator(item.seed, "quadratic form", item.design, item.trial).standard_normal(d)
    value = float(x @ A @ x - np.sum(A * (R @ R.T)))
    return Worst(value, value, value, value)


def _drawn(form: tuple[str, int], seed: int) -> Sampled:
    A, R = matrices(form, seed)
    eigenvalues = np.linalg.eigvalsh(R.T @ A @ R)
    norms = {"F": math.sqrt(float(np.sum(eigenvalues**2))), "N": float(eigenvalues[-1])}
    name, d = form
    title = f"{name}, d = {d}, F/N = {norms['F'] / norms['N']:.3g}, δ = {DRAWN_DELTA}"
    return Sampled(title, {"delta": DRAWN_DELTA, **norms}, form, deviation, _again, centre=0.0)


def _again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Add the terms of the form one by one."""
    del side
    name, d = item.design
    A, R = matrices((name, d), item.seed)
    z = streams.generator(item.seed, "quadratic form", item.design, item.trial).standard_normal(d)
    form = R.T @ A @ R
    value = math.fsum(form[i, j] * (z[i] * z[j] - (i == j)) for i in range(d) for j in range(d))
    made = f"verify.claims.lemma_e2.matrices(({name!r}, {d}), seed={item.seed})"
    return value, {"form": name, "d": d, "A, R": made, "z": z.tolist(), "recompute": "zᵀRᵀARz − Tr RᵀAR"}
