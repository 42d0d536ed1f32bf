"""How small δ may be when d grows too: a row that is large along v, and θ − w* along that row.

With (v·z)² = s for one whitened row z, g at u = z/|z| is about s|z|²/n, that is s d/n. So n must grow like d log(K/δ),
which is more than d log d and than log²(K/δ) where log d ≪ log(K/δ) ≪ d. The ray takes s of order √(d log d).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

import simulate
import theory
from simulate import streams
from verify.failure import allowed_delta, must_vanish
from verify.rare_events import CLIMBS_ABOVE, EPS, _conditional_draw, _log_tail
from verify.required_samples import positive_conditions, symbol_values
from verify.statistics import clopper_pearson
from verify.verdict import Evidence, State
from verify.witness import dense_directional_alignment

DIMENSIONS = (30, 60, 120)
DIRECTIONS = 2
SIZE = 0.87
"""s in units of √(d log d) times the upper bound less 1, so that n is some twenty times d and the leverage small."""
DRAWS = 8
LARGEST_BOUND = 30.0
"""Bounds above this would need probabilities below the smallest number."""
TEST = "ray: d grows and δ → 0 by one large row; upper bound"


def rare_row_test(statement: theory.Statement, seed: int) -> tuple[Evidence, dict[str, Any] | None]:
    """Test whether the conditions demand enough samples as d grows and δ shrinks together.

    For each d the largest n is sought at which the upper bound fails at least half the time if one row is large. The
    probability p of such rows bounds the probability of failure from below, and n over the largest condition at δ = p
    stays bounded for a statement that is true with some constants. This can refute, never support.

    Args:
        statement: a statement about "g_fixed".
        seed: the run's seed.

    Returns:
        The evidence, and a witness where the statement is violated.
    """
    if statement.upper is None or not must_vanish(statement):
        missing = "there is no upper bound" if statement.upper is None else "a fixed probability of failure is allowed"
        return Evidence(TEST, missing, State.OBSERVED), None
    found = [row for d in DIMENSIONS if (row := _largest_failing(statement, d, seed)) is not None]
    if len(found) < 3:
        return Evidence(TEST, "one large row does not break the bound at these d", State.OBSERVED), None
    log_ratio = np.log([row["n"] for row in found]) - np.log(_conditions(statement, found))
    slope = float(np.polyfit(np.log([row["d"] for row in found]), log_ratio, 1)[0])
    last = found[-1]
    said = (
        f"at d = {last['d']}, n = {last['n']} the bound fails with probability at least "
        f"10^{last['log_probability'] / math.log(10):.0f}; n over the condition at that δ grows with slope {slope:+.2f}"
    )
    figures = {"eps": EPS, "K": DIRECTIONS, "points": found, "ratio": np.exp(log_ratio - log_ratio[0]), "slope": slope}
    if slope <= CLIMBS_ABOVE:
        return Evidence(TEST, said, State.OBSERVED, figures), None
    witness = {"ray": TEST, "side": "upper", "points": found, "example": _example(statement, found[0], seed)}
    return Evidence(TEST, said, State.VIOLATED, figures), witness


def _largest_failing(statement: theory.Statement, d: int, seed: int) -> dict[str, Any] | None:
    """Find, by bisection, the largest n at which the bound fails at least half the time if one row is large."""
    size = _upper(statement, 10**6, d) - 1
    if not 0 < size < LARGEST_BOUND:
        return None
    threshold = SIZE * size * math.sqrt(d * math.log(d))
    low, high = 2 * d, 80 * d
    if _failures(statement, low, d, threshold, seed) < DRAWS / 2:
        return None
    while high > 1.03 * low:
        middle = round(math.sqrt(low * high))
        fails = _failures(statement, middle, d, threshold, seed) >= DRAWS / 2
        low, high = (middle, high) if fails else (low, middle)
    if high == 80 * d:
        return None
    tail = _log_tail(threshold)
    share = clopper_pearson(_failures(statement, low, d, threshold, seed), DRAWS, 1 - 2e-6).low
    log_probability = math.log(low) + tail + (low - 1) * math.log1p(-math.exp(tail)) + math.log(share)
    return {"d": d, "n": low, "threshold": threshold, "log_probability": log_probability}


def _failures(statement: theory.Statement, n: int, d: int, threshold: float, seed: int) -> int:
    """Count the draws that leave the upper bound."""
    bound = _upper(statement, n, d)
    return sum(_supremum_of_draw(n, d, threshold, seed, number) > bound for number in range(DRAWS))


@lru_cache(maxsize=4096)
def _supremum_of_draw(n: int, d: int, threshold: float, seed: int, number: int) -> float:
    """Exact supremum of g on one draw: statements with the same upper bound ask for the same draws."""
    return _supremum(_draw(n, d, threshold, seed, number))


def _draw(n: int, d: int, threshold: float, seed: int, number: int) -> np.ndarray:
    """Draw inputs given that the first row alone is large along the first axis."""
    stream = streams.generator(seed, "rare rows", (n, d), number)
    X = stream.standard_normal((n, d))
    X[:, 0] = _conditional_draw(n, threshold, stream)
    return X


def _supremum(X: np.ndarray) -> float:
    """Exact supremum of g over θ along the first axis."""
    return float(simulate.directional_alignment_range(X, np.eye(1, X.shape[1])[0]).sup)


def _upper(statement: theory.Statement, n: int, d: int) -> float:
    """Evaluate the upper bound."""
    values = symbol_values(statement, EPS, 0.1, (d, DIRECTIONS), float(n))
    return float(np.asarray(statement.evaluate("upper", **values)))


def _conditions(statement: theory.Statement, found: list[dict[str, Any]]) -> np.ndarray:
    """Evaluate the largest condition at each point, in units of its first positive value."""
    rows = [
        positive_conditions(
            statement,
            EPS,
            allowed_delta(statement, row["log_probability"]) or 0.5,
            (row["d"], DIRECTIONS),
            float(row["n"]),
        )
        for row in found
    ]
    table = np.array(rows, dtype=np.float64).reshape(len(found), -1)
    units = np.array([next((f for f in column if f > 0), 0.0) for column in table.T])
    if not (units > 0).any():
        return np.ones(len(found))
    return np.max(table[:, units > 0] / units[units > 0], axis=1)


def _example(statement: theory.Statement, row: dict[str, Any], seed: int) -> dict[str, Any]:
    """A data set from the rare event, computed again by the definition."""
    n, d = row["n"], row["d"]
    X = max((_draw(n, d, row["threshold"], seed, number) for number in range(DRAWS)), key=_supremum)
    v = np.eye(1, d)[0]
    u = simulate.directional_alignment_range(X, v).witnesses[1]
    return {
        "draw": f"verify.rare_rows._draw({n}, {d}, {row['threshold']!r}, {seed}, number), number < {DRAWS}, largest g",
        "v": "the first axis",
        "u": u.tolist() if d <= 64 else "row 1 of simulate.directional_alignment_range(X, v).witnesses",
        "value": dense_directional_alignment(X, u, v),
        "bound": _upper(statement, n, d),
        "n": n,
        "d": d,
    }
