"""How many samples bound the worst case: d for the infimum of g, d² for its supremum, d log d along a fixed direction.

Problem:
    Theorem 4.2 bounds g(θ; v) for all θ and all v from n of the order d² on, Theorem 4.3 along fixed v from d log d on,
    and the paper remarks that one-sided bounds need less. Which power of d does each side need in fact?

Method:
    Extremes of g over all θ and v, and over all θ along one fixed v, on many Gaussian data sets. If n ∝ d^q is what
    matters, the curves for different d collapse when drawn against n/d^q. The exponent q is fitted to the n at which
    the median extreme passes a given level; the power of n with which the extreme approaches its population value is
    fitted as well. Intervals are bootstrapped over data sets. The extremes do not depend on S as long as it has full
    rank: X A has the same residuals and the same J v as X.

Guarantee:
    Along fixed directions the extremes are exact. Over all v they are attained, so the true infimum may be lower and
    the true supremum higher; the table has the certified bounds beside them. A fitted exponent is an observation at the
    d shown, not a limit.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import simulate
from simulate import streams
from verify.figures._context import Context, Made
from verify.figures.exponents import Power, Threshold, power, threshold

UNIFORM, FIXED = "all v", "fixed v"


class Settings(NamedTuple):
    """What a size of the figure spends.

    Attributes:
        uniform_dimensions: d for extremes over all v.
        octaves: n/d = 2^j for j from 1 to this.
        fixed_dimensions: d for extremes along a fixed v.
        fixed_octaves: n/(d log d) = 2^j for j between these two.
        trials: data sets of each (d, n) for extremes over all v.
        fixed_trials: data sets of each (d, n) for extremes along a fixed v.
        starts: of the searches over all v.
        inf_levels: levels of the infimum over all v whose n is fitted.
        sup_levels: levels of the supremum over all v.
        fixed_levels: levels of infimum and supremum along a fixed v.
    """

    uniform_dimensions: tuple[int, ...]
    octaves: int
    fixed_dimensions: tuple[int, ...]
    fixed_octaves: tuple[int, int]
    trials: int
    fixed_trials: int
    starts: int
    inf_levels: tuple[float, float]
    sup_levels: tuple[float, float]
    fixed_levels: tuple[float, float]


SIZES = {
    "default": Settings(
        uniform_dimensions=(8, 12, 16, 24, 32),
        octaves=8,
        fixed_dimensions=(8, 16, 32, 64, 128),
        fixed_octaves=(-1, 4),
        trials=16,
        fixed_trials=40,
        starts=16,
        inf_levels=(0.3, 0.5),
        sup_levels=(10.0, 6.0),
        fixed_levels=(0.5, 3.5),
    ),
    "tiny": Settings((6, 10), 6, (16, 32), (-1, 2), 5, 9, 4, (0.3, 0.5), (6.0, 4.5), (0.3, 3.5)),
}
INF_WINDOW = 8.0
"""Smallest n/d from which −log inf is taken for a power of n."""
SUP_WINDOW = (0.25, 4.0)
"""Values of n/d² between which sup − 3 is taken for a power of n."""
FIXED_WINDOW = 1.0
"""Smallest n/(d log d) from which the deviations along a fixed v are taken for powers of n."""


class Fits(NamedTuple):
    """All fitted laws.

    Attributes:
        inf: −log inf over all v as a power of n.
        sup: sup − 3 over all v.
        fixed_inf: −log inf along a fixed v. (The supremum there falls to 3 at once, and to both sides of it.)
        thresholds: by what the extremes are over, their side, and the level.
    """

    inf: Power
    sup: Power
    fixed_inf: Power
    thresholds: dict[tuple[str, str, float], Threshold]

    def table(self) -> pd.DataFrame:
        """List all exponents.

        Returns:
            A row for each, with its 95 % interval.
        """
        rows = [
            ("all v", "inf", "power of n in −log inf", math.nan, self.inf.exponent),
            ("all v", "sup", "power of n in sup − 3", math.nan, self.sup.exponent),
            ("fixed v", "inf", "power of n in −log inf", math.nan, self.fixed_inf.exponent),
        ]
        for (over, side, level), found in self.thresholds.items():
            rows += [
                (over, side, "q in n ∝ d^q", level, found.exponent),
                (over, side, "q in n ∝ d^q, two largest d", level, found.last),
                (over, side, "q in n ∝ d^q log d", level, found.exponent_after_log),
            ]
        return pd.DataFrame([
            {"extremes_over": over, "side": side, "law": law, "level": level, **exponent._asdict()}
            for over, side, law, level, exponent in rows
        ])


def make(context: Context) -> Made:
    """Make the figure.

    Args:
        context: the run.

    Returns:
        The figure.
    """
    from verify.figures import scaling_laws_drawing

    settings = SIZES[context.size]
    context.begin("extremes over all θ and v", 0.0, 0.85)
    uniform = [
        (d, 2**octave * d, trial)
        for d in reversed(settings.uniform_dimensions)
        for octave in range(settings.octaves, 0, -1)
        for trial in range(settings.trials)
    ]
    rows = context.mapper(partial(measure_uniform, context.seed, settings.starts), uniform)
    context.begin("extremes along fixed directions", 0.85, 0.96)
    low, high = settings.fixed_octaves
    fixed = [
        (d, round(2**octave * d * math.log(d)), trial)
        for d in reversed(settings.fixed_dimensions)
        for octave in range(high, low - 1, -1)
        for trial in range(settings.fixed_trials)
    ]
    rows += context.mapper(partial(measure_fixed, context.seed), fixed)
    table = pd.DataFrame(rows).sort_values(["extremes_over", "d", "n", "trial"], ignore_index=True)
    return scaling_laws_drawing.draw(settings, table, fit(context.seed, settings, table))


def data(seed: int, over: str, d: int, n: int, trial: int) -> np.ndarray:
    """Draw a data set.

    Args:
        seed: the run's seed.
        over: "all v" or "fixed v".
        d: dimension of the inputs.
        n: number of samples.
        trial: number of the data set.

    Returns:
        Inputs, shape (n, d).
    """
    stream = streams.generator(seed, "figure scaling-laws: inputs", (over, d, n), trial)
    return np.asarray(simulate.gaussian_inputs(n, simulate.isotropic(d), stream))


def measure_uniform(seed: int, starts: int, point: tuple[int, int, int]) -> dict[str, object]:
    """Find the extremes over all θ and v on one data set.

    Args:
        seed: the run's seed.
        starts: of each search.
        point: d, n and the number of the data set.

    Returns:
        A row of the table.
    """
    d, n, trial = point
    stream = streams.generator(seed, "figure scaling-laws: searches", (d, n), trial)
    found = simulate.uniform_alignment_range(data(seed, UNIFORM, d, n, trial), seed=stream, most_starts=starts)
    return {
        "extremes_over": UNIFORM,
        "d": d,
        "n": n,
        "trial": trial,
        "inf": found.inf_found,
        "sup": found.sup_found,
        "inf_certified": math.nan if found.inf_certified is None else found.inf_certified,
        "sup_certified": found.sup_certified,
    }


def measure_fixed(seed: int, point: tuple[int, int, int]) -> dict[str, object]:
    """Compute the extremes over θ along a fixed direction on one data set.

    Args:
        seed: the run's seed.
        point: d, n and the number of the data set.

    Returns:
        A row of the table.
    """
    d, n, trial = point
    # Every fixed direction is as good as another: the inputs are isotropic.
    inf, sup = simulate.directional_alignment_ranges(data(seed, FIXED, d, n, trial), np.eye(d)[:, :1])
    low, high = float(inf[0]), float(sup[0])
    return {
        "extremes_over": FIXED,
        "d": d,
        "n": n,
        "trial": trial,
        "inf": low,
        "sup": high,
        "inf_certified": low,
        "sup_certified": high,
    }


def fit(seed: int, settings: Settings, table: pd.DataFrame) -> Fits:
    """Fit all laws.

    Args:
        seed: the run's seed.
        settings: the figure's settings.
        table: the extremes.

    Returns:
        The fits.
    """

    def cells(over: str, side: str, least: float = 0.0, most: float = math.inf) -> dict[tuple[int, int], np.ndarray]:
        rows = table[table["extremes_over"] == over]
        relative = rows["n"] / scale(over, side, rows["d"])
        kept = rows[(relative >= least * 0.99) & (relative <= most * 1.01)]
        groups = kept.groupby(["d", "n"])[side]
        return {(int(d), int(n)): deviation(side, values.to_numpy()) for (d, n), values in groups}

    def stream(*name: object) -> np.random.Generator:
        return streams.generator(seed, "figure scaling-laws: bootstrap", name)

    thresholds = {
        (over, side, level): threshold(cells(over, side), float(deviation(side, level)), stream(over, side, level))
        for over, side, levels in (
            (UNIFORM, "inf", settings.inf_levels),
            (UNIFORM, "sup", settings.sup_levels),
            (FIXED, "inf", settings.fixed_levels[:1]),
            (FIXED, "sup", settings.fixed_levels[1:]),
        )
        for level in levels
    }
    return Fits(
        power(cells(UNIFORM, "inf", INF_WINDOW), stream(UNIFORM, "inf")),
        power(cells(UNIFORM, "sup", *SUP_WINDOW), stream(UNIFORM, "sup")),
        power(cells(FIXED, "inf", FIXED_WINDOW), stream(FIXED, "inf")),
        thresholds,
    )


def scale(over: str, side: str, d: Any) -> Any:
    """The n at which an extreme is expected to become bounded, up to a constant.

    Args:
        over: "all v" or "fixed v".
        side: "inf" or "sup".
        d: dimensions.

    Returns:
        d for the infimum over all v, d² for the supremum, d log d along a fixed v.
    """
    if over == FIXED:
        return d * np.log(d)
    return d**2 if side == "sup" else d


def deviation(side: str, value: np.ndarray | float) -> np.ndarray:
    """How far an extreme is from its population value: −log inf, or sup − 3.

    Args:
        side: "inf" or "sup".
        value: the extreme.

    Returns:
        The deviation, not negative.
    """
    if side == "inf":
        return np.maximum(-np.log(np.maximum(value, 1e-300)), 0.0)
    return np.maximum(np.asarray(value) - 3.0, 0.0)
