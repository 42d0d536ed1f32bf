"""Escape rates and thresholds of SGD, exactly: how fast, in which directions, and from which learning rate on.

Problem:
    Theorem 5.2 says that SGD escapes from a minimum where η‖G‖_F > c₁ = √(1 + 2/A₁). How far is that from the learning
    rate η* at which SGD ceases to be stable, how fast does the loss grow beyond it, what does D_k tend to, and what do
    batch size and the way of drawing minibatches change?

Method:
    The step of the second moment is a linear map. Its spectral radius is the escape rate, its eigenmatrix has the
    limiting D_k, and 1/η* is a generalised eigenvalue (`simulate.escape_rate`, `simulate.stability_threshold`): no
    sampling of runs. Data sets of Gaussian inputs with three kinds of spectra, handwritten digits, and, for the
    thresholds, online SGD, where every step sees a fresh sample.

Guarantee:
    Every rate lies between a Rayleigh quotient and a Collatz–Wielandt bound, both in the table. Thresholds are exact up
    to rounding. What is fitted describes the data sets shown.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import simulate
import theory
from simulate import streams
from verify.escape_designs import DIGITS_RANK, ONLINE, EscapeDesign
from verify.figures._context import Context, Made

RATES, THRESHOLDS, BATCHES = "rates", "thresholds", "batches"
"""Kinds of rows in the table."""
GAUSSIAN = ("isotropic", "power law", "spiked")
DIGITS = EscapeDesign("digits", 1797, DIGITS_RANK)


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        swept: designs whose rate is followed over learning rates.
        factors: those learning rates over η*: smallest, largest and how many.
        dimensions: d of the thresholds.
        per_dimension: n/d of them.
        online_dimensions: d of the thresholds of online SGD.
        fixed: d where n/d varies.
        shares: n/d there.
        trials: data sets of each (family, n, d) of the thresholds.
        batched: designs whose batch size varies.
        batches: batch sizes of the thresholds.
        followed: batch sizes whose rate is followed over learning rates.
    """

    swept: tuple[EscapeDesign, ...]
    factors: tuple[float, float, int]
    dimensions: tuple[int, ...]
    per_dimension: int
    online_dimensions: tuple[int, ...]
    fixed: int
    shares: tuple[float, ...]
    trials: int
    batched: tuple[EscapeDesign, ...]
    batches: tuple[int, ...]
    followed: tuple[int, ...]


SIZES = {
    "default": Settings(
        swept=(
            *(EscapeDesign(family, 50 * d, d) for family in GAUSSIAN for d in (8, 32)),
            *(EscapeDesign(family, 64, 32) for family in GAUSSIAN),
            DIGITS,
        ),
        factors=(1 / 16, 128, 34),
        dimensions=(2, 4, 8, 16, 32, 64),
        per_dimension=50,
        online_dimensions=(2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
        fixed=16,
        shares=(1.25, 1.5, 2, 4, 8, 16, 32, 64, 128, 256),
        trials=3,
        batched=(*(EscapeDesign(family, 64, 16) for family in GAUSSIAN), DIGITS),
        batches=(1, 2, 4, 8, 16, 32, 64),
        followed=(1, 4, 16),
    ),
    "tiny": Settings(
        swept=(*(EscapeDesign(family, 60, 4) for family in GAUSSIAN), EscapeDesign("isotropic", 6, 4)),
        factors=(1 / 4, 16, 5),
        dimensions=(2, 4, 6),
        per_dimension=20,
        online_dimensions=(2, 8),
        fixed=3,
        shares=(2, 10),
        trials=2,
        batched=tuple(EscapeDesign(family, 16, 3) for family in GAUSSIAN),
        batches=(1, 4, 16),
        followed=(1, 4),
    ),
}


class Threshold(NamedTuple):
    """A data set whose threshold is wanted.

    Attributes:
        design: the design.
        trial: number of the data set.
        batch: samples per minibatch.
        replacement: whether they are drawn with replacement.
    """

    design: EscapeDesign
    trial: int = 0
    batch: int = 1
    replacement: bool = True


def make(context: Context) -> Made:
    """Make the figure.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import escape_rates_drawing

    settings = SIZES[context.size]
    context.begin("escape rates over learning rates", 0.0, 0.4)
    swept = context.mapper(partial(sweep, context.seed, settings), [(design, 1, True) for design in settings.swept])
    context.begin("thresholds over d and n", 0.4, 0.7)
    thresholds = context.mapper(partial(threshold, context.seed), threshold_points(settings))
    context.begin("batch sizes", 0.7, 0.95)
    points = [
        Threshold(design, 0, batch, replacement)
        for design in settings.batched
        for batch in settings.batches
        for replacement in (True, False)
    ]
    batches = context.mapper(partial(threshold, context.seed), points)
    followed = [
        (settings.batched[0], batch, replacement)
        for batch in settings.followed
        for replacement in (True, False)
        if batch > 1 or replacement
    ]
    by_batch = context.mapper(partial(sweep, context.seed, settings), followed)
    table = pd.concat(
        [
            *swept,
            *by_batch,
            pd.DataFrame([{"kind": THRESHOLDS, **row} for row in thresholds]),
            pd.DataFrame([{"kind": BATCHES, **row} for row in batches]),
        ],
        ignore_index=True,
    )
    return escape_rates_drawing.draw(settings, table, fit(settings, table))


def threshold_points(settings: Settings) -> list[Threshold]:
    """List the data sets over d and n whose threshold is wanted.

    Args:
        settings: the figure's settings.

    Returns:
        Every family at n/d fixed and d varied, at d fixed and n/d varied, and online; and the digits.
    """
    designs = [
        *((family, settings.per_dimension * d, d) for family in GAUSSIAN for d in settings.dimensions),
        *((family, round(share * settings.fixed), settings.fixed) for family in GAUSSIAN for share in settings.shares),
    ]
    points = [
        Threshold(EscapeDesign(*one), trial) for one in dict.fromkeys(designs) for trial in range(settings.trials)
    ]
    online = [Threshold(EscapeDesign(family, ONLINE, d)) for family in GAUSSIAN for d in settings.online_dimensions]
    return [*points, *online, *(Threshold(design) for design in settings.swept if design == DIGITS)]


def data(seed: int, design: EscapeDesign, trial: int) -> np.ndarray:
    """Draw a data set.

    Args:
        seed: the run's seed.
        design: the design, not online.
        trial: number of the data set.

    Returns:
        Inputs, shape (n, d).
    """
    if design.family == DIGITS.family:
        return design.draw(seed)
    stream = streams.generator(seed, "figure escape-rates: inputs", tuple(design), trial)
    return simulate.gaussian_inputs(design.n, design.spectrum(), stream)


def sweep(seed: int, settings: Settings, item: tuple[EscapeDesign, int, bool]) -> pd.DataFrame:
    """Compute the escape rate over learning rates.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        item: the design, the batch size, and whether minibatches are drawn with replacement.

    Returns:
        A row for each learning rate. Factors are relative to η* of batch size 1.
    """
    design, batch, replacement = item
    X = data(seed, design, 0)
    star = simulate.stability_threshold(X)
    factors = np.geomspace(*settings.factors)
    found = [simulate.escape_rate(X, factor * star, batch, replacement) for factor in factors]
    values = found[0].eigenvalues
    half = max(1, len(values) // 2)
    squares = values**2
    return pd.DataFrame({
        "kind": RATES,
        **_named(Threshold(design, 0, batch, replacement), values),
        "c1": _sufficient(simulate.alignment_constants(X)),
        "factor": factors,
        "beta": factors * star * np.linalg.norm(values),
        "rate": [one.rate for one in found],
        "rate_lower": [one.lower for one in found],
        "rate_upper": [one.upper for one in found],
        "D_1": [one.flat_to_sharp[0] for one in found],
        "D_1_reference": squares[1:].sum() / squares[0],
        "half": half,
        "D_half": [one.flat_to_sharp[half - 1] for one in found],
        "D_half_reference": squares[half:].sum() / squares[:half].sum(),
    })


def _sufficient(constants: simulate.AlignmentConstants) -> float:
    """The β from which on Theorem 5.2 speaks: c₁ = √(1 + 2/A₁)."""
    return theory.statement("5.2-threshold").bounds(A1=constants.A1, A2=constants.A2)[1]


def _named(point: Threshold, values: np.ndarray) -> dict[str, Any]:
    """Columns that every row has."""
    return {
        "family": point.design.family,
        "n": point.design.n,
        "d": point.design.d,
        "trial": point.trial,
        "batch": point.batch,
        "replacement": point.replacement,
        "norm": float(np.linalg.norm(values)),
        "trace": float(values.sum()),
    }


def threshold(seed: int, point: Threshold) -> dict[str, Any]:
    """Compute the threshold of stability, and what Section 5 says about it.

    Args:
        seed: the run's seed.
        point: the data set.

    Returns:
        A row of the table: η*, β* = η*‖G‖_F, c₁, 1/√A₁, h(η*) and the interval for η* from its bounds 1/A₂ and 1/A₁;
        these for batch size 1 only. The edge is 2/λ₁, the threshold of gradient descent.
    """
    design = point.design
    if design.online:
        values = np.sort(design.spectrum())[::-1]
        # Lemma C.2, centred: the population's extremes.
        star, A1, A2 = simulate.online_stability_threshold(values, point.batch), 1.0, 2.0
    else:
        X = data(seed, design, point.trial)
        constants = simulate.alignment_constants(X)
        values, A1, A2 = constants.eigenvalues, constants.A1, constants.A2
        star = simulate.stability_threshold(X, point.batch, point.replacement)
    row = {**_named(point, values), "eta_star": star, "beta_star": star * np.linalg.norm(values), "edge": 2 / values[0]}
    if point.batch > 1:
        return row
    least, most = theory.statement("5.2-threshold-sharp").bounds(A1=A1, A2=A2)
    return row | {
        "A1": A1,
        "A2": A2,
        "c1": theory.statement("5.2-threshold").bounds(A1=A1, A2=A2)[1],
        "h_star": stability_sum(star, values),
        "eta_lower": solve_stability_sum(least, values),
        "eta_upper": solve_stability_sum(most, values),
    }


def stability_sum(eta: float, values: np.ndarray) -> float:
    """Compute h(η) = Σ_i ηλ_i/(2 − ηλ_i).

    Args:
        eta: learning rate below 2/λ₁.
        values: eigenvalues of G, shape (r,).

    Returns:
        The sum.
    """
    return float(np.sum(eta * values / (2 - eta * values)))


def solve_stability_sum(level: float, values: np.ndarray) -> float:
    """Find the η at which h has a value, by bisection.

    Args:
        level: the value, at least 0.
        values: eigenvalues of G, descending, shape (r,).

    Returns:
        η, in [0, 2/λ₁].
    """
    low, high = 0.0, 2 / float(values[0])
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if stability_sum(middle, values) < level else (low, middle)
    return low


def fit(settings: Settings, table: pd.DataFrame) -> pd.DataFrame:
    """Fit the power of d by which c₁/β* grows, for each kind of data.

    Args:
        settings: the figure's settings.
        table: the figure's table.

    Returns:
        For each family, with n/d fixed and online, the slope of log(c₁/β*) over log d by least squares for d ≥ 8 (all d
        where there are fewer than two of them): all data sets together, and the extremes over data sets by number.
    """
    rows = table[table["kind"] == THRESHOLDS]
    fits = []
    for family in GAUSSIAN:
        for online in (False, True):
            samples = ONLINE if online else settings.per_dimension * rows["d"]
            part = rows[(rows["family"] == family) & (rows["n"] == samples)]
            large = part[part["d"] >= 8]
            part = large if large["d"].nunique() > 1 else part
            slopes = [_slope(one) for _, one in part.groupby("trial")]
            fits.append({
                "family": family,
                "online": online,
                "least_d": part["d"].min(),
                "most_d": part["d"].max(),
                "exponent": _slope(part),
                "exponent_least": min(slopes),
                "exponent_most": max(slopes),
            })
    return pd.DataFrame(fits)


def _slope(rows: pd.DataFrame) -> float:
    """Slope of log(c₁/β*) over log d."""
    return float(np.polyfit(np.log(rows["d"]), np.log(rows["c1"] / rows["beta_star"]), 1)[0])
