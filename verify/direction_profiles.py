"""Extremes of g over all θ on the first n rows of Gaussian data sets, along directions fixed in advance."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulate import streams
from simulate.extremes.prefixes import directional_alignment_profile, size_grid
from verify.claims._context import Context
from verify.designs import Design

BELOW_RANK = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Sizes up to d that are tried before the geometric grid begins."""


class RayPlan(NamedTuple):
    """One ray.

    Attributes:
        name: what it does, in words.
        points: (d, K) at each point.
        cap: largest n in units of d.
    """

    name: str
    points: tuple[tuple[int, int], ...]
    cap: int


class Profile(NamedTuple):
    """Extremes of g on the first n rows of one data set, over the first K directions.

    Attributes:
        sizes: the grid of n, shape (m,).
        inf: infimum over θ and the first K directions, shape (m, number of K).
        sup: supremum likewise.
    """

    sizes: np.ndarray
    inf: np.ndarray
    sup: np.ndarray


class Observations:
    """Profiles by dimension and data set; each is computed once for a statement and all its controls.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._known: dict[tuple[int, tuple[int, ...], int, float, int], Profile] = {}

    def profiles(self, plan: RayPlan, step: float, trials: int) -> list[list[Profile]]:
        """Compute the profiles of the first data sets at each point of a ray.

        Args:
            plan: the ray.
            step: ratio of consecutive n.
            trials: number of data sets a point.

        Returns:
            For each point a list of profiles with a single K.
        """
        dimensions = sorted({d for d, _ in plan.points}, reverse=True)
        counts = {d: tuple(K for e, K in plan.points if e == d) for d in dimensions}
        keys = [(d, counts[d], plan.cap * d, step, t) for d in dimensions for t in range(trials)]
        missing = [key for key in keys if key not in self._known]
        found = self.context.mapper(partial(alignment_profile, self.context.seed), missing)
        self._known.update(zip(missing, found, strict=True))
        return [
            [
                Profile(p.sizes, p.inf[:, [counts[d].index(K)]], p.sup[:, [counts[d].index(K)]])
                for p in (self._known[d, counts[d], plan.cap * d, step, t] for t in range(trials))
            ]
            for d, K in plan.points
        ]

    def table(self) -> pd.DataFrame:
        """List everything that was observed.

        Returns:
            One row for each data set, number of rows and number of directions: d, K, trial, n, inf, sup.
        """
        parts = []
        for (d, counts, _, _, trial), p in self._known.items():
            for column, K in enumerate(counts):
                parts.append(
                    pd.DataFrame({
                        "d": d, "K": K, "trial": trial, "n": p.sizes,
                        "inf_directional_alignment": p.inf[:, column],
                        "sup_directional_alignment": p.sup[:, column],
                    })
                )  # fmt: skip
        if not parts:
            return pd.DataFrame(
                columns=["d", "K", "trial", "n", "inf_directional_alignment", "sup_directional_alignment"]
            )
        return pd.concat(parts, ignore_index=True)


def alignment_profile(seed: int, key: tuple[int, tuple[int, ...], int, float, int]) -> Profile:
    """Compute the extremes of g over all θ on the first n rows, for the grid of n and the first K directions.

    Args:
        seed: the run's seed.
        key: dimension, numbers of directions, largest n, ratio of consecutive n, number of the data set.

    Returns:
        The profile.
    """
    d, counts, largest, step, trial = key
    below = [n for n in BELOW_RANK if n <= d]
    sizes = below + [n for n in size_grid(d, largest, step) if n > (below[-1] if below else 0)]
    V = directions(seed, d, max(counts))
    X = Design("isotropic", largest, d).draw(seed, trial)
    inf, sup = directional_alignment_profile(X, V, sizes)
    columns = [K - 1 for K in counts]
    return Profile(
        np.array(sizes), np.minimum.accumulate(inf, 1)[:, columns], np.maximum.accumulate(sup, 1)[:, columns]
    )


def directions(seed: int, d: int, count: int) -> np.ndarray:
    """Draw the directions that are fixed before the data: the first ones are the same for any count.

    Args:
        seed: the run's seed.
        d: dimension.
        count: how many.

    Returns:
        Directions as columns, shape (d, count).
    """
    return streams.generator(seed, "directions", (d,)).standard_normal((count, d)).T
