"""Where a statement with explicit constants is judged: drawn data sets, and probabilities that are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from verify.claims._context import Context


class Worst(NamedTuple):
    """The range of a quantity on one data set, over whatever "for all" the statement has.

    Attributes:
        low: smallest value found.
        high: largest value found.
        low_certified: what the smallest value is at least.
        high_certified: what the largest value is at most.
    """

    low: float
    high: float
    low_certified: float
    high_certified: float


class Item(NamedTuple):
    """One data set.

    Attributes:
        seed: the run's seed.
        design: what else fixes its law.
        trial: its number.
    """

    seed: int
    design: tuple[Any, ...]
    trial: int


@dataclass(frozen=True)
class Sampled:
    """A point at which data sets are drawn.

    Attributes:
        name: what it is, for the reader.
        symbols: values of the statement's symbols.
        design: what fixes the law of the data sets.
        draw: computes the range of the quantity on one data set: a module-level function.
        again: computes one end of it by the definitions: data set, "lower" or "upper" → value and what reproduces it.
        centre: value of the quantity in the population.
        most: how many data sets are affordable.
        refutes_only: whether a part of the worst case alone is computed, so that the point cannot support.
    """

    name: str
    symbols: Mapping[str, float]
    design: tuple[Any, ...]
    draw: Callable[[Item], Worst]
    again: Callable[[Item, str], tuple[float, Mapping[str, Any]]]
    centre: float
    most: int = 10_000
    refutes_only: bool = False


@dataclass(frozen=True)
class Computed:
    """Points at which the probability of failure is computed.

    Attributes:
        name: what they are, for the reader.
        symbols: values of the statement's symbols, arrays of one shape.
        outside: computes it: lower and upper bounds of that shape → probability that the quantity is not within them.
        again: computes it another way at one point: index, lower and upper bound → probability and what the point is.
    """

    name: str
    symbols: Mapping[str, np.ndarray]
    outside: Callable[[np.ndarray, np.ndarray], np.ndarray]
    again: Callable[[tuple[int, ...], float, float], tuple[float, Mapping[str, Any]]]


class Observations:
    """Ranges by point and data set, computed once for a statement and its false variants.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[str, Item], Worst] = {}

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self._context.seed

    def values(self, point: Sampled, trials: int) -> np.ndarray:
        """Compute the ranges on the first data sets of a point.

        Args:
            point: the point.
            trials: how many.

        Returns:
            Shape (trials, 4): the fields of `Worst`.
        """
        items = [Item(self._context.seed, point.design, trial) for trial in range(trials)]
        kind = f"{point.draw.__module__}.{point.draw.__qualname__}"
        missing = [item for item in items if (kind, item) not in self._known]
        drawn = self._context.mapper(point.draw, missing)
        self._known.update(zip([(kind, item) for item in missing], drawn, strict=True))
        return np.array([self._known[kind, item] for item in items])

    def table(self) -> pd.DataFrame:
        """List everything that was drawn.

        Returns:
            One row a data set: its design in words, its number and the fields of `Worst`.
        """
        rows = [(repr(item.design), item.trial, *worst) for (_kind, item), worst in self._known.items()]
        return pd.DataFrame(rows, columns=["design", "trial", *Worst._fields])
