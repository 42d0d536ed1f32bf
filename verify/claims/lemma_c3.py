"""Lemma C.3: the lengths of all inputs at once, plain and weighted by the covariance.

Problem:
    ‖xᵢ‖²/Tr S and xᵢᵀSxᵢ/Tr S² are claimed to lie between two explicit bounds for all i at once with probability 1 − δ.

Method:
    Both lengths are sums over the eigenspaces of S, in which the squared lengths are independent χ²: they are drawn
    directly, so that 10⁴ dimensions cost no more than one. The extremes over i and over the two lengths are compared
    with the bounds, and failures are counted and compared with δ (Clopper–Pearson).

Guarantee:
    A true statement is refuted with probability at most 10⁻⁶; each point supports a false one with probability at most
    10⁻³ a round.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import simulate
import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._failures import judge_failures
from verify.claims._trials import Item, Observations, Sampled, Worst
from verify.verdict import Verdict

DELTA = 0.1
EXPONENT, STRENGTH = 1.0, 10.0


class Inputs(NamedTuple):
    """The law of a data set.

    Attributes:
        family: "isotropic", "power law" or "spiked".
        n: number of inputs.
        d: dimension.
    """

    family: str
    n: int
    d: int

    def eigenvalues(self) -> tuple[np.ndarray, np.ndarray]:
        """List the distinct eigenvalues of the covariance, and how often each occurs.

        Returns:
            Two arrays of one shape: float64 and integers that sum to d.
        """
        spectrum = {
            "isotropic": simulate.isotropic(self.d),
            "power law": simulate.power_law(self.d, EXPONENT),
            "spiked": simulate.spiked(self.d, 1, STRENGTH),
        }[self.family]
        values, counts = np.unique(spectrum, return_counts=True)
        return values, counts

    def squares(self, seed: int, trial: int) -> np.ndarray:
        """Draw the squared lengths in each eigenspace, in units of its eigenvalue.

        Args:
            seed: the run's seed.
            trial: number of the data set.

        Returns:
            Shape (n, number of distinct eigenvalues): χ² variables.
        """
        _, counts = self.eigenvalues()
        return streams.generator(seed, "squared lengths", tuple(self), trial).chisquare(counts, (self.n, counts.size))


LAWS = (
    Inputs("isotropic", 1, 1),
    Inputs("isotropic", 20_000, 1),
    Inputs("power law", 100, 30),
    Inputs("spiked", 1000, 200),
    Inputs("isotropic", 1000, 10_000),
)


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma C.3 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    return judge_failures(statement, context, observations, [_point(law) for law in LAWS], stop_early)


def _point(law: Inputs) -> Sampled:
    values, counts = law.eigenvalues()
    d_eff = simulate.effective_dimension(np.repeat(values, counts))
    name = f"{law.family}, n = {law.n}, d = {law.d}, d_eff = {d_eff:.4g}, δ = {DELTA}"
    symbols = {"delta": DELTA, "n": float(law.n), "d_eff": d_eff}
    return Sampled(name, symbols, tuple(law), lengths, _again, centre=1.0)


def lengths(item: Item) -> Worst:
    """Compute the range of both relative lengths over all inputs of one data set.

    Args:
        item: the data set; its design is a tuple of `Inputs`.

    Returns:
        The extremes, exact. O(n times the number of distinct eigenvalues).
    """
    law = Inputs(*item.design)
    values, counts = law.eigenvalues()
    squares = law.squares(item.seed, item.trial)
    relative = [squares @ values**power / np.sum(counts * values**power) for power in (1, 2)]
    low, high = float(np.min(relative)), float(np.max(relative))
    return Worst(low, high, low, high)


def _again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Compute every length by its definition, term by term."""
    law = Inputs(*item.design)
    values, counts = (array.tolist() for array in law.eigenvalues())
    found = [
        math.fsum(value**power * square for value, square in zip(values, row, strict=True))
        / math.fsum(count * value**power for value, count in zip(values, counts, strict=True))
        for row in law.squares(item.seed, item.trial).tolist()
        for power in (1, 2)
    ]
    call = f"verify.claims.lemma_c3.Inputs{tuple(law)!r}.squares(seed={item.seed}, trial={item.trial})"
    how = {"draw": call, "recompute": "squares @ eigenvalues**p over the sum of counts * eigenvalues**p, p = 1, 2"}
    return (min if side == "lower" else max)(found), {**law._asdict(), **how}
