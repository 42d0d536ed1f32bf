"""How small δ may be: a lower bound on the probability that a bound on g fails because of one large sample.

One row with v·x = z large puts g(θ; v) at θ − w* parallel to v near z⁴/n, whatever the other rows are. That happens
with probability about n P(z² ≥ s) for s of order √n, far more often than exp(−n): so the number of samples must grow
like log²(1/δ). No sampling would meet such events; their probability is computed, not counted.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import special

import theory
from simulate import streams
from verify.failure import allowed_delta, must_vanish
from verify.required_samples import symbol_values
from verify.statistics import clopper_pearson
from verify.verdict import Evidence, State
from verify.witness import dense_directional_alignment

EPS = 0.35
DIMENSION = 2
DIRECTIONS = 2
SIZES = tuple(round(n) for n in np.geomspace(1_000, 100_000, 7))
DRAWS = 60
"""Conditional draws at each n; they only decide a factor between 1/2 and 1 of the probability."""
CLIMBS_ABOVE = 0.1
"""Slope over the upper half of the n above which the statement is refuted: true ones stayed below 0.015, since the
local slope settles like log n/√n; conditions that are short of log²(1/δ) by a factor log^q(1/δ) have q/2."""
TEST = "ray: δ → 0 at d = 2 by one large sample; upper bound"


class RareFailure(NamedTuple):
    """A lower bound on the probability of failure.

    Attributes:
        n: number of samples.
        log_probability: natural logarithm of the bound.
        threshold: s, the square of the large sample.
        share: share of the conditional draws that fail, the lower Clopper–Pearson bound.
    """

    n: int
    log_probability: float
    threshold: float
    share: float


def rare_event_test(statement: theory.Statement, seed: int) -> tuple[Evidence, dict[str, Any] | None]:
    """Test whether the conditions demand enough samples as δ → 0.

    At each n a lower bound p on the probability of failure is computed. A statement that is true with some constants
    demands, at δ just below p, more than n samples; so n over the largest condition at δ = p stays bounded. This can
    refute, never support.

    Args:
        statement: a statement about "g_fixed".
        seed: the run's seed.

    Returns:
        The evidence, and a witness where the statement is violated.
    """
    if statement.upper is None or not must_vanish(statement):
        missing = "there is no upper bound" if statement.upper is None else "a fixed probability of failure is allowed"
        return Evidence(TEST, missing, State.OBSERVED), None
    failures = [failure_probability(statement, n, seed) for n in SIZES]
    found = [f for f in failures if f is not None]
    if len(found) < 3:
        return Evidence(TEST, "one large sample does not break the bound at these n", State.OBSERVED), None
    log_ratio = np.log([f.n for f in found]) - np.log(_largest_conditions(statement, found))
    log_ratio -= log_ratio[0]
    x = np.log([f.n for f in found])
    half = len(x) // 2
    slope, late = (float(np.polyfit(x[i:], log_ratio[i:], 1)[0]) for i in (0, half))
    figures = {
        "eps": EPS,
        "d": DIMENSION,
        "K": DIRECTIONS,
        "n": [f.n for f in found],
        "log_probability": [f.log_probability for f in found],
        "ratio": np.exp(log_ratio).tolist(),
        "slope": slope,
        "top_slope": late,
    }
    last = found[-1]
    said = (
        f"at n = {last.n} the bound fails with probability at least 10^{last.log_probability / math.log(10):.0f}; "
        f"n over the condition at that δ grows with slope {late:+.2f} in the upper half"
    )
    if late <= CLIMBS_ABOVE:
        return Evidence(TEST, said, State.OBSERVED, figures), None
    witness = _witness(statement, found, seed)
    return Evidence(TEST, said, State.VIOLATED, figures), witness


def failure_probability(statement: theory.Statement, n: int, seed: int) -> RareFailure | None:
    """Bound the probability from below that g leaves the upper bound on n samples.

    The events "row i alone has (v·x_i)² ≥ s" are disjoint, so P ≥ n Q(s) (1 − Q(s))^(n−1) P(fail | row 1 is that one),
    with Q the tail of χ²₁. The last factor is the lower end of a Clopper–Pearson interval (error 1e-6) of draws.

    Args:
        statement: gives the bound.
        n: number of samples.
        seed: the run's seed.

    Returns:
        The bound; None where no threshold makes failure likely.
    """
    bound = _upper(statement, n, math.exp(-1.0))
    if not 3 < bound < n / 4:
        return None
    stream = streams.generator(seed, "rare events", (n,))
    for threshold in _start(bound, n) * np.array([1.0, 1.1, 1.25, 1.5]):
        failed = sum(alignment_of(_conditional_draw(n, threshold, stream)) > bound for _ in range(DRAWS))
        share = clopper_pearson(failed, DRAWS, 1 - 2e-6).low
        if share > 0.25:
            log_tail = _log_tail(float(threshold))
            log_probability = math.log(n) + log_tail + (n - 1) * math.log1p(-math.exp(log_tail)) + math.log(share)
            return RareFailure(n, log_probability, float(threshold), share)
    return None


def alignment_of(z: np.ndarray) -> float:
    """Directional alignment at θ − w* parallel to v, from z = Xv.

    Args:
        z: shape (n,).

    Returns:
        n Σ z⁴/(Σ z²)², which the supremum over θ is at least.
    """
    squares = z * z
    return float(z.size * (squares @ squares) / squares.sum() ** 2)


def _start(bound: float, n: int) -> float:
    """Square of the one sample that puts g at the bound when the others are typical: s² + 3n = b(1 + s/n)² n."""
    s = math.sqrt((bound - 3) * n)
    for _ in range(50):
        s = math.sqrt(max(bound * (1 + s / n) ** 2 - 3, 0.1) * n)
    return s


def _log_tail(threshold: float) -> float:
    """Logarithm of P(χ²₁ ≥ s), also where it underflows."""
    return math.log(2) + float(special.log_ndtr(-math.sqrt(threshold)))


def _conditional_draw(n: int, threshold: float, stream: np.random.Generator) -> np.ndarray:
    """Draw v·x_i given that the first one alone has a square above the threshold."""
    z = stream.standard_normal(n)
    while (large := z * z >= threshold).any():
        z[large] = stream.standard_normal(int(large.sum()))
    # Exactly the conditional tail: P(|z| ≥ r | |z| ≥ √s) is uniform.
    target = _log_tail(threshold) - math.log(2) + math.log(stream.uniform())
    z[0] = -float(special.ndtri_exp(target))
    return z


def _upper(statement: theory.Statement, n: int, delta: float) -> float:
    """Evaluate the upper bound."""
    values = symbol_values(statement, EPS, delta, (DIMENSION, DIRECTIONS), float(n))
    return float(np.asarray(statement.evaluate("upper", **values)))


def _largest_conditions(statement: theory.Statement, found: list[RareFailure]) -> np.ndarray:
    """Evaluate the largest condition at each n with δ just below the probability of failure, in its first units."""
    point = (DIMENSION, DIRECTIONS)
    rows = []
    for failure in found:
        delta = allowed_delta(statement, failure.log_probability) or 0.5
        values = symbol_values(statement, EPS, delta, point, float(failure.n))
        rows.append([float(f) for f in statement.evaluate("sample_size", **values)])
    table = np.array(rows).reshape(len(found), -1)
    units = np.array([next((f for f in column if f > 0), 0.0) for column in table.T])
    if not (units > 0).any():
        return np.ones(len(found))
    return np.max(table[:, units > 0] / units[units > 0], axis=1)


def _witness(statement: theory.Statement, found: list[RareFailure], seed: int) -> dict[str, Any]:
    """A data set from the rare event, computed again by the definition, and the ray that refutes every constant."""
    first = found[0]
    bound = _upper(statement, first.n, math.exp(-1.0))
    v = np.array([1.0, 0.0])
    X = np.empty((first.n, DIMENSION))
    # Given a large row the bound fails in a share of the draws only.
    for trial in range(DRAWS):
        stream = streams.generator(seed, "rare events", (first.n, "witness"), trial)
        X[:, 0] = _conditional_draw(first.n, first.threshold, stream)
        X[:, 1] = stream.standard_normal(first.n)
        if dense_directional_alignment(X, v, v) > bound:
            break
    return {
        "ray": TEST,
        "side": "upper",
        "points": [{"n": f.n, "log_delta": f.log_probability} for f in found],
        "example": {
            "draw": "first column: verify.rare_events._conditional_draw; second column: standard normal",
            "n": first.n,
            "d": DIMENSION,
            "seed": seed,
            "trial": trial,
            "large_row": X[0].tolist(),
            "v": v.tolist(),
            "u": v.tolist(),
            "value": dense_directional_alignment(X, v, v),
            "bound": bound,
        },
    }
