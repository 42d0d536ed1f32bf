"""Proposition 5.3: gradient descent leaves a minimum along its sharpest direction.

Problem:
    D_k(t) ≤ R (q/(β − 1)²)^t is claimed for every start with w₁(0) ≠ 0, every k and t, on any inputs.

Method:
    wᵢ(t) = (1 − ηλᵢ)^t wᵢ(0) exactly; D_k(t) and the bound are compared by their logarithms, up to hundreds of steps,
    from random starts, from starts with next to nothing along u₁, and from starts that meet the bound: all flat weight
    on the direction that shrinks slowest. Spectra are those of data sets and others with wide and narrow gaps; β is
    above 2, where gradient descent escapes, and below.

Guarantee:
    `holds` rests on the proof, executed step by step, and on no start beyond the bound. A violation is recomputed step
    by step with 40 digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import sympy

import theory
from simulate import streams
from verify.claims._context import Context
from verify.claims._points import Again, Points, judge_points
from verify.claims._precise import precise_value
from verify.escape_data import EscapeData
from verify.escape_witness import descended
from verify.verdict import Plot, Verdict

TIMES = (0, 1, 2, 3, 5, 8, 13, 21, 50, 100, 200, 400)
BETAS = (0.5, 1.5, 2.001, 2.2, 3.0, 6.0)
LARGEST_RANK = 12
STARTS = ("random", "nearly flat", "slowest flat direction and u_1")
FLOATS = (1e-290, 1e290)
"""Bounds outside are evaluated again without over- and underflow."""


@dataclass(frozen=True)
class LogPoints(Points):
    """Points whose extremes and bounds are natural logarithms."""

    def at(
        self, statement: theory.Statement, side: str, symbols: Mapping[str, Any], shape: tuple[int, ...] = ()
    ) -> np.ndarray:
        """Evaluate the logarithm of a bound, however small or large it is.

        Args:
            statement: the statement.
            side: "lower" or "upper".
            symbols: values of the symbols.
            shape: what they broadcast to.

        Returns:
            The logarithms; −∞ where the bound is zero or negative, or where there is no lower one.
        """
        return log_bound(statement, side, symbols, shape)

    def precisely(self, statement: theory.Statement, side: str, symbols: Mapping[str, float]) -> float:
        """Evaluate the logarithm of a bound at one point with many digits.

        Args:
            statement: the statement.
            side: "lower" or "upper".
            symbols: values of the symbols.

        Returns:
            The logarithm, in floats where the bound is not a finite real number.
        """
        expression = getattr(statement, side)
        logarithm = None if expression is None else _logarithm(expression, symbols)
        return float(self.at(statement, side, symbols)) if logarithm is None else logarithm

    def says_nothing(self, bound: np.ndarray, side: str) -> np.ndarray:
        """Say where a bound is trivial.

        Args:
            bound: its logarithm.
            side: "lower" or "upper".

        Returns:
            An array of booleans.
        """
        return np.isneginf(bound) if side == "lower" else np.isposinf(bound)

    def excess(self, value: Any, bound: Any, side: str) -> np.ndarray:
        """Compute by how much logarithms leave a bound: about the relative excess.

        Args:
            value: logarithms of the quantity.
            bound: logarithms of the bound.
            side: "lower" or "upper".

        Returns:
            The excess; −∞ where both are the same infinity.
        """
        with np.errstate(invalid="ignore"):
            difference = np.asarray(bound - value if side == "lower" else value - bound)
        return np.where(np.isnan(difference), -np.inf, difference)

    def room(self, bound: np.ndarray, side: str) -> float:
        """Compute how close the quantity comes to a bound, as a ratio.

        Args:
            bound: logarithms of the bound.
            side: "lower" or "upper".

        Returns:
            The smallest ratio.
        """
        extreme = self.low if side == "lower" else self.high
        return float(np.exp(-np.max(self.excess(extreme, bound, side), initial=-np.inf)))


def judge(statement: theory.Statement, context: Context, data: EscapeData, stop_early: bool) -> Verdict:
    """Judge Proposition 5.3 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        data: the data sets.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    context.progress(0.1, "spectra of every data set")
    spectra = _spectra(data)
    points = [_points(name, values, beta, data.seed) for name, values in spectra.items() for beta in BETAS]
    plots = [] if stop_early else [_plot(statement, data.seed)]
    return judge_points(statement, context, points, plots)


def table(data: EscapeData) -> pd.DataFrame:
    """List the observations.

    Args:
        data: the data sets.

    Returns:
        One row for each spectrum, β, start, t and k.
    """
    rows = []
    for name, values in _spectra(data).items():
        for beta in BETAS:
            logarithms = _log_ratios(values, beta, _starts(values, beta, data.seed))
            for s, t, column in np.ndindex(logarithms.shape):
                rows.append((name, beta, STARTS[s], TIMES[t], column + 1, logarithms[s, t, column]))
    return pd.DataFrame(rows, columns=["spectrum", "beta", "start", "t", "k", "log_D"])


def log_bound(statement: theory.Statement, side: str, symbols: Mapping[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Evaluate the logarithm of a bound where the bound itself may be beyond the range of floats.

    Args:
        statement: the statement.
        side: "lower" or "upper".
        symbols: values of its symbols, which broadcast to the shape.
        shape: the shape.

    Returns:
        The logarithms, −∞ for bounds that are not positive.

    Raises:
        StatementError: where the bound is not a real number at some point.
    """
    expression = getattr(statement, side)
    if expression is None:
        return np.full(shape, -np.inf if side == "lower" else np.inf)
    refused: theory.StatementError | None = None
    try:
        bound = np.array(np.broadcast_to(statement.evaluate(side, **symbols), shape))
    except theory.StatementError as error:
        # It may be two over- or underflows that meet; the exact values decide.
        refused, bound = error, np.full(shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.asarray(np.log(np.where(bound <= 0, 0.0, bound)))
    doubtful = ~((np.abs(bound) > FLOATS[0]) & (np.abs(bound) < FLOATS[1]))
    columns = {name: np.broadcast_to(value, shape) for name, value in symbols.items()}
    for index in np.ndindex(shape):
        if not doubtful[index]:
            continue
        logarithm = _logarithm(expression, {name: float(column[index]) for name, column in columns.items()})
        if logarithm is not None:
            logarithms[index] = logarithm
        elif refused is not None:
            raise refused
    return logarithms


def _logarithm(expression: sympy.Expr, values: Mapping[str, float]) -> float | None:
    """Evaluate the logarithm of an expression with numbers of any size; None where it is not a finite real number."""
    import mpmath  # type: ignore[import-untyped]

    value = precise_value(expression, values)
    if value is None:
        return None
    return float(mpmath.log(value)) if value > 0 else -np.inf


def _spectra(data: EscapeData) -> dict[str, np.ndarray]:
    """Collect spectra: those of small data sets, and some with wide, narrow and no gaps."""
    spectra = {one.design.name: one.eigenvalues for one in data.constants() if 1 < len(one.eigenvalues) <= LARGEST_RANK}
    made = {
        "two eigenvalues": [1.0, 0.3],
        "equal eigenvalues": [1.0, 1.0, 0.5, 0.5],
        "narrow gap": [1.0, 1 - 1e-6, 0.9],
        "wide gaps": [1.0, 1e-2, 1e-5, 1e-9],
        "one step of descent removes the second": [1.0, 0.5, 0.2],
    }
    return spectra | {name: np.array(values) for name, values in made.items()}


def _starts(values: np.ndarray, beta: float, seed: int) -> np.ndarray:
    """Make the starts: shape (3, r − 1, r), one for each k, since the slowest flat direction depends on k."""
    rank = len(values)
    stream = streams.generator(seed, "descent", tuple(values.tolist()))
    random = np.broadcast_to(stream.standard_normal(rank), (rank - 1, rank))
    flat = random * np.where(np.arange(rank) == 0, 1e-8, 1.0)
    tight = np.zeros((rank - 1, rank))
    rates = np.abs(1 - beta * values / values[0])
    for k in range(1, rank):
        tight[k - 1, [0, k + int(np.argmax(rates[k:]))]] = 1.0
    return np.stack([random, flat, tight])


def _log_ratios(values: np.ndarray, beta: float, starts: np.ndarray) -> np.ndarray:
    """Logarithms of D_k(t), shape (starts, times, r − 1)."""
    rank = len(values)
    with np.errstate(divide="ignore"):
        rates = 2 * np.log(np.abs(1 - beta * values / values[0]))
        losses = np.log(values * starts**2)
    times = np.array(TIMES, dtype=np.float64)[None, :, None, None]
    with np.errstate(invalid="ignore"):
        grown = np.where(times == 0, 0.0, times * rates)
    logarithms = losses[:, None] + grown
    is_flat = np.arange(rank)[None] >= np.arange(1, rank)[:, None]
    flat, sharp = (np.logaddexp.reduce(np.where(part, logarithms, -np.inf), axis=-1) for part in (is_flat, ~is_flat))
    return np.asarray(flat - sharp)


def _points(name: str, values: np.ndarray, beta: float, seed: int) -> Points:
    """Make the points of one spectrum and β: one for each start, t and k."""
    starts, rank = _starts(values, beta, seed), len(values)
    losses = values * starts**2
    is_flat = np.arange(rank)[None] >= np.arange(1, rank)[:, None]
    R = np.where(is_flat, losses, 0.0).sum(axis=-1) / losses[..., 0]
    rates = (1 - beta * values / values[0]) ** 2
    q = np.array([rates[k:].max() for k in range(1, rank)])
    logarithms = _log_ratios(values, beta, starts)
    return LogPoints(
        name=f"log D_k(t), {name}: {len(BETAS)} learning rates, {len(STARTS)} starts, every k, t up to {TIMES[-1]}",
        symbols={"R": R[:, None], "q": q, "beta": beta, "t": np.array(TIMES, dtype=np.float64)[:, None]},
        low=logarithms,
        high=logarithms,
        again=partial(_again, values, beta, starts),
        cost=np.array(TIMES)[:, None] + rank,
    )


def _again(values: np.ndarray, beta: float, starts: np.ndarray, index: tuple[int, ...], side: str) -> Again:
    """Run gradient descent step by step with many digits."""
    import mpmath

    del side
    start, time, column = index
    k, w = column + 1, starts[start, column].tolist()
    state = descended(values.tolist(), w, beta, TIMES[time])
    with mpmath.workdps(40):
        exact = [mpmath.mpf(value) for value in values.tolist()]
        losses = [value * entry**2 for value, entry in zip(exact, state, strict=True)]
        first = [value * mpmath.mpf(entry) ** 2 for value, entry in zip(exact, w, strict=True)]
        ratio = mpmath.fsum(losses[k:]) / mpmath.fsum(losses[:k])
        logarithm = float(mpmath.log(ratio)) if ratio > 0 else -np.inf
        R = float(mpmath.fsum(first[k:]) / first[0])
        q = float(max((1 - mpmath.mpf(beta) * value / exact[0]) ** 2 for value in exact[k:]))
    recipe = {
        "eigenvalues": values.tolist(),
        "w": w,
        "k": k,
        "scale": "value and bound are natural logarithms",
        "recompute": "verify.escape_witness.descended(eigenvalues, w, beta, t): w(t) in the eigenbasis",
    }
    return Again({"R": R, "q": q, "beta": beta, "t": float(TIMES[time])}, logarithm, recipe)


def _plot(statement: theory.Statement, seed: int) -> Plot:
    """Draw log D_k(t) and the bound against time for one spectrum."""
    values, beta = np.array([1.0, 0.6, 0.4, 0.3, 0.2]), 2.2
    points = _points("", values, beta, seed)
    bound = points.bound(statement, "upper")
    series = []
    for number, label in enumerate(STARTS):
        series.append({"label": f"start: {label}", "x": list(TIMES), "y": points.high[number, :, 0].tolist()})
    series.append({
        "label": "upper bound, random start",
        "x": list(TIMES),
        "y": bound[0, :, 0].tolist(),
        "style": "bound",
    })
    return Plot(
        title="The share of the flat directions under gradient descent: k = 1, β = 2.2, λ = 1, 0.6, 0.4, 0.3, 0.2",
        alt="The logarithm of the ratio of flat to sharp loss falls on a straight line, as the bound does.",
        x_label="number of steps t",
        y_label="log D_1(t)",
        series=series,
        x_log=False,
        y_log=False,
    )
