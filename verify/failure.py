"""How often a statement may fail: what its probability says at a given δ, and which δ allows a given probability."""

from __future__ import annotations

import math

import numpy as np
import sympy

import theory

LEVELS = (0.05, 0.95)
"""Range of the quantile levels that are observed: beyond it the number of data sets would not do."""


def quantile_level(statement: theory.Statement, delta: float) -> float:
    """Level of the quantile of the worst case that the bounds have to cover.

    Args:
        statement: its probability is used.
        delta: δ.

    Returns:
        The probability at δ, kept between 0.05 and 0.95. A statement that claims more is judged at 0.95, which can only
        spare it; what it claims of rarer events is judged by `verify.vanishing` and `verify.rare_events`.
    """
    if statement.probability is None:
        return LEVELS[1]
    values = {"delta": delta} if "delta" in statement.symbols else {}
    return float(np.clip(np.asarray(statement.evaluate("probability", **values)), *LEVELS))


def allowed_delta(statement: theory.Statement, log_probability: float) -> float | None:
    """Largest δ at which a statement allows no more than a given probability of failure.

    Args:
        statement: its probability is used.
        log_probability: natural logarithm of the probability of failure, negative.

    Returns:
        δ, between 1e-300 and 1/2; 1/2 where the statement allows no failure at any δ; None where it allows this much
        failure at every δ.
    """
    if statement.probability is None:
        return 0.5
    failure = sympy.simplify(1 - statement.probability)
    symbols = sorted(failure.free_symbols, key=str)
    if [str(symbol) for symbol in symbols] not in ([], ["delta"]):
        return None
    share = sympy.lambdify(symbols, failure, "math")

    def excess(log_delta: float) -> float:
        allowed = float(share(math.exp(log_delta)) if symbols else share())
        return math.log(max(allowed, 1e-305)) - log_probability

    low, high = math.log(1e-300), math.log(0.5)
    if excess(low) > 0:
        return None
    if excess(high) <= 0:
        return 0.5
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) <= 0 else (low, middle)
    return math.exp(low)


def must_vanish(statement: theory.Statement) -> bool:
    """Say whether a statement allows arbitrarily little failure.

    Args:
        statement: its probability is used.

    Returns:
        Whether some δ allows a probability of failure of only 1e-200.
    """
    return allowed_delta(statement, math.log(1e-200)) is not None
