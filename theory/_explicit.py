"""Theorems 3.3 and 3.5 with explicit constants: an interval for μ at a given n, spectrum and δ, and the n it asks for.

μ = Σ wᵢaᵢ/ā lies between min a/ā and max a/ā for every θ and all labels, where aᵢ = ‖xᵢ‖⁴ + Σ_{j≠i} (xᵢ·xⱼ)² and ā is
their mean. Given xᵢ the sum is xᵢᵀSxᵢ times a χ² variable with n − 1 degrees of freedom, so that brackets for ‖xᵢ‖²,
xᵢᵀSxᵢ and χ² bracket every aᵢ: 6n events, or 4n where S is a multiple of I, for then xᵢᵀSxᵢ is a multiple of ‖xᵢ‖².

The mean fluctuates far less than its terms. nā = Tr W² with W = XᵀX, and its moments are exact: with sₖ = Tr Sᵏ
    E Tr W²   = n (s₁² + (n + 1) s₂),
    Var Tr W² = n (48 s₄ + 32 s₁s₃ + 8 s₂² + 8 s₁²s₂) + 4n(n − 1)(8 s₄ + 4 s₁s₃) + 2n(n − 1)(2 s₂² + 6 s₄)
                + 8n(n − 1)(n − 2) s₄,
by the variances and covariances of ‖xᵢ‖⁴ and (xᵢ·xⱼ)²: pairs without a common sample are uncorrelated. Cantelli's
inequality P(Z − E Z ≥ h) ≤ V/(V + h²), on both sides, then bounds ā with a share of δ.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from theory._errors import StatementError, shown
from theory._tails import Bracket, Weights, laurent_massart, sharp

if TYPE_CHECKING:
    from theory._statement import Statement

STATEMENTS = ("3.3", "3.5")
METHODS = ("chi-square", "laurent-massart")
_SHARES = (0.0, 0.05, 0.2, 0.4)
"""Shares of δ for the mean that are tried; 0 bounds the mean by the extremes alone."""
_LARGEST = 10**15
_GRID = 1.5
"""Ratio of the sample sizes among which the first sufficient one is looked for, above the few that are all tried."""
_ALL_TRIED = 16


class ExplicitBounds(NamedTuple):
    """An interval for the loss alignment with explicit constants.

    Attributes:
        lower: no θ and no labels give less.
        upper: nor more; infinite where the row sums have no positive lower bound.
        probability: with at least this probability over the inputs.
        vacuous: whether it says nothing beyond 0 ≤ μ ≤ n.
        method: how the tails were bounded.
    """

    lower: float
    upper: float
    probability: float
    vacuous: bool
    method: str


def explicit_bounds(
    statement: str | Statement,
    *,
    n: int,
    spectrum: Any,
    delta: float,
    method: str = "chi-square",
    union: bool = True,
    **slopes: float,
) -> ExplicitBounds:
    """Bound the loss alignment for every θ at once, with explicit constants.

    The lower bound of Theorem 3.5 has the factor (α/β)⁴, the upper one (β/α)⁴. `laurent-massart` is Lemma 1 of Laurent
    & Massart (2000) for 6n events; `chi-square` uses exact quantiles of χ², Chernoff's bound at a numerically chosen
    tilt for unequal eigenvalues, and the exact variance of the mean. Both are proved; the second is sharper.

    Args:
        statement: `3.3` or `3.5`, or the statement itself.
        n: the number of samples, at least 2.
        spectrum: the eigenvalues of S, shape (d,), positive and finite; their scale does not matter.
        delta: δ, the probability of failure, in (0, 1).
        method: `chi-square` or `laurent-massart`.
        union: False gives each single sample the whole of δ. That is no bound for all samples at once; it serves as a
            control, which data must refute.
        **slopes: `alpha` and `beta` for Theorem 3.5, with 0 <= alpha <= beta.

    Returns:
        The interval. Its two ends are not each monotone in δ, as their share of it is chosen by their ratio; every
        interval is valid. O(d log d) time once and O(m) for each of some hundred tilts, m the number of distinct
        eigenvalues; O(d) memory.

    Raises:
        StatementError: for a statement without such bounds, or a value outside its domain.

    Example:
        >>> import theory
        >>> bounds = theory.explicit_bounds("3.3", n=1000, spectrum=[1.0] * 1000, delta=0.05)
        >>> round(bounds.lower, 2), round(bounds.upper, 2)
        (0.65, 1.5)
        >>> theory.explicit_bounds("3.3", n=1000, spectrum=[1.0] * 10, delta=0.05, method="laurent-massart").vacuous
        True
    """
    id = _known(statement)
    if isinstance(n, bool) or not isinstance(n, numbers.Integral) or not 2 <= n <= _LARGEST:
        raise StatementError(f"n: expected an integer from 2 to 1e15, got {shown(n)}")
    if method not in METHODS:
        raise StatementError(f"method: expected chi-square or laurent-massart, got {shown(method)}")
    factor = _slope_factor(id, slopes)
    weights, probability = weights_of(spectrum), 1 - _probability("delta", delta)
    low, high = interval(float(n), weights, float(delta), method, union)
    lower, upper = low / factor, high * factor
    return ExplicitBounds(lower, upper, probability, lower <= 0 and upper >= n, method)


def required_n(statement: Statement, constant: Any, spectrum: Any, values: Mapping[str, Any]) -> int:
    """Find the smallest number of samples for which the interval of `explicit_bounds` lies within 1 ± ε.

    The width is not monotone in n. Few samples in many effective dimensions are nearly orthogonal, and aᵢ is about
    ‖xᵢ‖⁴: then n = 2 may do. Towards n = (Tr S)²/Tr S² the other samples add their fluctuations; for larger n these
    average out, and what remains, the effective dimension's share, widens again like √log n. So sizes up to 16 are
    tried one by one, larger ones in a ratio of 1.5, up to 10⁹ times (Tr S)²/Tr S² and at most 10¹⁵; if none suffices
    the neighbourhood of the narrowest is searched. The first sufficient size is refined by bisection: it is the
    smallest as far as these sizes show.

    Args:
        statement: Theorem 3.3 or 3.5.
        constant: 1, for there is none to choose.
        spectrum: the eigenvalues of S, shape (d,).
        values: `eps` and `delta`; other symbols of the statement are not needed.

    Returns:
        The smallest such n, at least 2: n itself suffices, and n − 1 does not or is 1. O(d log d) time once and about
        a hundred intervals.

    Raises:
        StatementError: for a statement without explicit bounds, a wrong argument, or where no n suffices.
    """
    from theory import _values

    id = _known(statement)
    if isinstance(constant, bool) or not isinstance(constant, int | float) or constant != 1:
        raise StatementError(f"constant: expected none with a spectrum, got {shown(constant)}")
    checked = _values.scalars(id, statement.symbols, ("eps", "delta"), values)
    eps, delta = checked["eps"], checked["delta"]
    weights = weights_of(spectrum)

    def gap(n: float) -> float:
        """Return by how much the interval leaves 1 ± ε."""
        low, high = interval(float(n), weights, delta, METHODS[0], True)
        return max(high - 1, 1 - low) - eps

    fails, best, least = 1, 2, math.inf
    size = 2
    # Beyond this size the other samples' relative fluctuations are below 1e-3, and the interval only widens.
    last = min(_LARGEST, round(1e9 * (1 + weights.trace(1) ** 2 / weights.trace(2))))
    while size <= last:
        excess = gap(size)
        if excess <= 0:
            return _bisect(gap, fails, size)
        fails, best, least = size, *min((least, best), (excess, size))[::-1]
        size = size + 1 if size < _ALL_TRIED else math.ceil(size * _GRID)
    best, least = _narrowest(gap, best)
    if least <= 0:
        return _bisect(gap, max(1, int(best / _GRID)), best)
    raise StatementError(
        f"eps: expected at least {eps + least:.3g}, which n = {best} gives, as the spectrum has an effective dimension "
        f"of {weights.trace(2):.4g}, which limits every n, got {eps!r}"
    )


def weights_of(spectrum: Any) -> Weights:
    """Check a spectrum and collect equal eigenvalues.

    Args:
        spectrum: the eigenvalues of S, shape (d,), positive and finite.

    Returns:
        The distinct eigenvalues in units of the largest, with their multiplicities. O(d log d).

    Raises:
        StatementError: for anything else.
    """
    import numpy as np

    try:
        values = np.asarray(spectrum)
    except (ValueError, TypeError):
        raise StatementError(f"spectrum: expected numbers, got {shown(spectrum)}") from None
    if values.dtype.kind not in "iuf":
        raise StatementError(f"spectrum: expected numbers, got {shown(spectrum)}")
    if values.ndim != 1 or values.size == 0:
        raise StatementError(f"spectrum: expected a non-empty list of eigenvalues, got shape {values.shape}")
    values = values.astype(np.float64)
    wrong = ~((values > 0) & np.isfinite(values))
    if wrong.any():
        where = int(np.argmax(wrong))
        raise StatementError(
            f"spectrum: expected positive finite eigenvalues, got {float(values[where])!r} at index {where}"
        )
    distinct, counts = np.unique(values / values.max(), return_counts=True)
    # The squares, and the fourth powers, of what is smaller would leave the range of float64.
    return Weights(np.maximum(distinct, 1e-70), counts.astype(np.float64))


def interval(n: float, weights: Weights, delta: float, method: str, union: bool) -> tuple[float, float]:
    """Bound min a/ā from below and max a/ā from above, with probability 1 − δ.

    Args:
        n: the number of samples, at least 2.
        weights: the eigenvalues of S, the largest being 1.
        delta: δ.
        method: one of `METHODS`.
        union: whether the brackets hold for all samples at once.

    Returns:
        The two bounds; 0 and infinity where the row sums have no positive lower bound.
    """
    samples = n if union else 1.0
    if method == "laurent-massart":
        rows = _row_sums(n, weights, math.log(6 * samples / delta), sharply=False)
        return _quotients(rows, rows)
    sides = 4 if weights.values.size == 1 else 6
    found = []
    for share in _SHARES:
        rows = _row_sums(n, weights, math.log(sides * samples / ((1 - share) * delta)), sharply=True)
        found.append(_quotients(rows, _mean(n, weights, rows, share * delta / 2)))
    return min(found, key=lambda pair: math.inf if pair[0] == 0 else pair[1] / pair[0])


def _row_sums(n: float, weights: Weights, t: float, sharply: bool) -> Bracket:
    """Bracket a row sum; each of its two or three factors misses an end with probability at most exp(−t)."""
    import numpy as np

    bracket = sharp if sharply else laurent_massart
    length, energy = bracket(weights, t), bracket(weights.squared(), t)
    chi = bracket(Weights(np.ones(1), np.array([n - 1])), t)
    return Bracket(
        length.low**2 + energy.low * chi.low,
        length.high**2 + energy.high * chi.high,
    )


def _mean(n: float, weights: Weights, rows: Bracket, probability: float) -> Bracket:
    """Bracket the mean of the row sums by their extremes, and by Cantelli's inequality with so much for each end."""
    if probability == 0:
        return rows
    expected, variance = mean_moments(n, weights)
    reach = math.sqrt(variance * (1 / probability - 1))
    return Bracket(max(rows.low, expected - reach), min(rows.high, expected + reach))


def mean_moments(n: float, weights: Weights) -> tuple[float, float]:
    """Compute the expectation and the variance of the mean row sum Tr W²/n.

    Args:
        n: the number of samples.
        weights: the eigenvalues of S.

    Returns:
        Both, exact up to rounding. O(m).
    """
    s1, s2, s3, s4 = (weights.trace(power) for power in (1, 2, 3, 4))
    variance = (
        (48 * s4 + 32 * s1 * s3 + 8 * s2**2 + 8 * s1**2 * s2)
        + 4 * (n - 1) * (8 * s4 + 4 * s1 * s3)
        + 2 * (n - 1) * (2 * s2**2 + 6 * s4)
        + 8 * (n - 1) * (n - 2) * s4
    ) / n
    return s1**2 + (n + 1) * s2, variance


def _quotients(rows: Bracket, mean: Bracket) -> tuple[float, float]:
    """Divide the extremes by the mean."""
    if mean.low <= 0:
        return 0.0, math.inf
    return rows.low / mean.high, rows.high / mean.low


def _bisect(gap: Any, fails: int, holds: int) -> int:
    """Find the first sufficient size between one that fails (or 1) and one that suffices."""
    while holds - fails > 1:
        middle = (fails + holds) // 2
        fails, holds = (fails, middle) if gap(middle) <= 0 else (middle, holds)
    return holds


def _narrowest(gap: Any, best: int) -> tuple[int, float]:
    """Look for the narrowest interval between the neighbours of the best size that was tried."""
    from scipy import optimize

    ends = (math.log(max(2.0, best / _GRID)), math.log(min(float(_LARGEST), best * _GRID)))
    found = optimize.minimize_scalar(lambda log_n: gap(round(math.exp(log_n))), bounds=ends, method="bounded")
    size = round(math.exp(found.x))
    least, size = min((gap(size), size), (gap(best), best))
    return size, least


def _known(statement: str | Statement) -> str:
    """Check that a statement has explicit bounds, and return its id."""
    id = statement if isinstance(statement, str) else getattr(statement, "id", None)
    if id not in STATEMENTS:
        raise StatementError(f"statement: expected {' or '.join(STATEMENTS)} for explicit bounds, got {shown(id)}")
    return str(id)


def _slope_factor(id: str, slopes: dict[str, float]) -> float:
    """Return (β/α)⁴, infinite at α = 0; 1 for the linear model."""
    from theory import _values

    names = {"3.3": (), "3.5": ("alpha", "beta")}[id]
    checked = _values.scalars(id, names, names, slopes)
    if not names:
        return 1.0
    try:
        return float((checked["beta"] / checked["alpha"]) ** 4)
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _probability(name: str, value: Any) -> float:
    """Check a number strictly between 0 and 1."""
    from theory import _values

    return float(_values.scalars("3.3", (name,), (name,), {name: value})[name])
