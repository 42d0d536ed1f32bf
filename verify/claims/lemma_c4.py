"""Lemma C.4: the row sums of the squared Gram matrix of a linear model are nearly equal.

Problem:
    aᵢ/A, aᵢ = Σⱼ (xᵢ·xⱼ)², is claimed to lie within 1 ± ε for all i at once with probability 1 − δ, once n and d_eff
    meet conditions whose constants are explicit.

Method:
    n and d_eff are the smallest that the conditions allow together. The extremes over i are computed from the Gram
    matrix, and failures are counted and compared with δ (Clopper–Pearson). The conditions ask for more than a thousand
    inputs in as many dimensions, so δ is large: at δ = ½ ten data sets are enough to support. At small ε a single row
    sum is drawn from its law, which can only refute.

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
from verify.verdict import Evidence, State, Verdict

SECOND_LEVEL = 0.8
"""The smaller half of the eigenvalues in the family of two levels."""
SHARES = {"isotropic": 1.0, "two levels": (1 + SECOND_LEVEL**2) / 2}
"""About d_eff/d in each family."""
MOST_ENTRIES = {"quick": 3e6, "full": 2.5e7}
"""Entries of X, and of its Gram matrix, that are affordable."""
MOST_DATA_SETS = 66
"""Data sets of a point: they take about a second each."""
ITERATIONS = 60


class Place(NamedTuple):
    """Where the statement is judged.

    Attributes:
        family: "isotropic" or "two levels".
        eps: ε.
        delta: δ.
        one_row: whether a single row sum is drawn, from its law.
    """

    family: str
    eps: float
    delta: float
    one_row: bool = False

    @property
    def name(self) -> str:
        """The place in words."""
        return f"{self.family}, ε = {self.eps:g}, δ = {self.delta:g}"


PLACES = {
    "quick": (
        Place("isotropic", 1e-4, 0.1, one_row=True),
        Place("isotropic", 0.99, 0.5),
        Place("two levels", 0.99, 0.75),
    ),
    "full": (
        Place("isotropic", 1e-4, 0.1, one_row=True),
        Place("isotropic", 0.99, 0.1),
        Place("isotropic", 0.7, 0.5),
        Place("two levels", 0.9, 0.5),
    ),
}


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge Lemma C.4 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        observations: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    places = PLACES[context.profile]
    sizes = [(place, sizes_asked(statement, place, MOST_ENTRIES[context.profile])) for place in places]
    points = [_point(place, *size) for place, size in sizes if size is not None]
    left_out = [place.name for place, size in sizes if size is None]
    finding = f"the conditions ask for too much at {'; '.join(left_out)}"
    remarks = [Evidence("places left out", finding, State.OBSERVED)] if left_out else []
    return judge_failures(statement, context, observations, points, stop_early, remarks)


def spectrum(family: str, d: int) -> np.ndarray:
    """List the eigenvalues of the covariance.

    Args:
        family: "isotropic" or "two levels".
        d: dimension.

    Returns:
        Shape (d,), float64: the last ⌊d/2⌋ are smaller in the family of two levels.
    """
    values = simulate.isotropic(d)
    if family == "two levels":
        values[(d + 1) // 2 :] = SECOND_LEVEL
    return values


def effective_dimension(family: str, d: int) -> float:
    """Compute d_eff without writing the spectrum out.

    Args:
        family: "isotropic" or "two levels".
        d: dimension.

    Returns:
        srk(S²), which is at most srk(S).
    """
    return float(d) if family == "isotropic" else (d + 1) // 2 + (d // 2) * SECOND_LEVEL**2


def sizes_asked(statement: theory.Statement, place: Place, most: float) -> tuple[int, int] | None:
    """Find the smallest n and d that meet the conditions together.

    Args:
        statement: the statement; its conditions may contain n and d_eff.
        place: gives the family, ε and δ.
        most: how many entries X and its Gram matrix may have; where one row sum is drawn it does not count.

    Returns:
        n ≥ 2 and d, or None where they are too large.
    """
    n, d = 2, 1
    own = {"eps": place.eps, "delta": place.delta}
    for _ in range(ITERATIONS):
        try:
            asked = statement.required_dimension(**own, n=float(n))
            d = max(d, math.floor(asked / SHARES[place.family]))
            while effective_dimension(place.family, d) < asked:
                d += 1
            following = max(n, statement.required_n(**own, d_eff=effective_dimension(place.family, d)))
        except theory.StatementError:
            return None
        if not place.one_row and following * max(following, d) > most:
            return None
        if following == n:
            return n, d
        n = following
    return None


def _point(place: Place, n: int, d: int) -> Sampled:
    d_eff = effective_dimension(place.family, d)
    one = "one row sum of " if place.one_row else ""
    return Sampled(
        name=f"{one}{place.family}, n = {n}, d = {d}, ε = {place.eps:g}, δ = {place.delta:g}",
        symbols={"eps": place.eps, "delta": place.delta, "n": float(n), "d_eff": d_eff},
        design=(place.family, n, d),
        draw=one_row_sum if place.one_row else row_sums,
        again=_row_again if place.one_row else _again,
        centre=1.0,
        most=10 * MOST_DATA_SETS if place.one_row else MOST_DATA_SETS,
        refutes_only=place.one_row,
    )


def one_row_sum(item: Item) -> Worst:
    """Draw a₁/A of isotropic inputs from its law.

    Given x₁, Σ_{j>1} (x₁·xⱼ)² is ‖x₁‖² times a χ² of n − 1 degrees, and ‖x₁‖² is a χ² of d degrees.

    Args:
        item: the data set; its design is (family, n, d).

    Returns:
        The ratio; nothing is certified of the other rows. O(1).
    """
    ratio = _row_again(item, "")[0]
    return Worst(ratio, ratio, -math.inf, math.inf)


def _row_again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Compute the first row sum from the two χ² variables."""
    del side
    family, n, d = item.design
    stream = streams.generator(item.seed, "one row sum", item.design, item.trial)
    square, others = float(stream.chisquare(d)), float(stream.chisquare(n - 1))
    how = {"squared_length": square, "chi_square_of_others": others, "recompute": "(s² + s c)/(d² + (n − 1) d)"}
    return (square * square + square * others) / (d * d + (n - 1) * d), {"family": family, "n": n, "d": d, **how}


def inputs(family: str, n: int, d: int, seed: int, trial: int) -> np.ndarray:
    """Draw the inputs of one data set.

    Args:
        family: "isotropic" or "two levels".
        n: number of inputs.
        d: dimension.
        seed: the run's seed.
        trial: number of the data set.

    Returns:
        X, shape (n, d), float64.
    """
    stream = streams.generator(seed, "row sums", (family, n, d), trial)
    return simulate.gaussian_inputs(n, spectrum(family, d), stream)


def row_sums(item: Item) -> Worst:
    """Compute the range of aᵢ/A over all i on one data set.

    Args:
        item: the data set; its design is (family, n, d).

    Returns:
        The extremes, exact. O(n² d).
    """
    family, n, d = item.design
    X = inputs(family, n, d, item.seed, item.trial)
    gram = X @ X.T
    ratios = np.einsum("ij,ij->i", gram, gram) / _unit(family, n, d)
    low, high = float(np.min(ratios)), float(np.max(ratios))
    return Worst(low, high, low, high)


def _unit(family: str, n: int, d: int) -> float:
    """A = (Tr S)² + (n − 1) Tr S²."""
    values = spectrum(family, d)
    return float(np.sum(values) ** 2 + (n - 1) * np.sum(values**2))


def _again(item: Item, side: str) -> tuple[float, dict[str, Any]]:
    """Compute every row sum by its definition, one inner product after another."""
    family, n, d = item.design
    X = inputs(family, n, d, item.seed, item.trial)
    sums = [sum(float(np.sum(x * X[j])) ** 2 for j in range(n)) for x in _worst_rows(X, side)]
    call = f"verify.claims.lemma_c4.inputs({family!r}, {n}, {d}, seed={item.seed}, trial={item.trial})"
    made = {"family": family, "n": n, "d": d, "draw": call, "recompute": "Σⱼ (xᵢ·xⱼ)²/((Tr S)² + (n − 1) Tr S²)"}
    return (min if side == "lower" else max)(sums) / _unit(family, n, d), made


def _worst_rows(X: np.ndarray, side: str) -> np.ndarray:
    """Pick the input whose row sum is the smallest or the largest, for the inner products of all take minutes."""
    sums = np.sum((X @ X.T) ** 2, axis=1)
    return X[[int(np.argmin(sums) if side == "lower" else np.argmax(sums))]]
