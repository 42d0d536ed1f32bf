"""What is computed once for each data set of a design, whoever asks for it, and listed at the end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from verify.claims._context import Context
from verify.designs import Design

Work = Callable[[tuple[Design, int]], tuple[float, ...]]
"""Computes the numbers of one data set, named by a design and its number: a module-level function or a partial."""


class DataSets:
    """Numbers by design and data set.

    Args:
        context: the run.
        work: computes them.
        names: their names, for the table.
    """

    def __init__(self, context: Context, work: Work, names: list[str]) -> None:
        self.context = context
        self._work = work
        self._names = names
        self._known: dict[tuple[Design, int], tuple[float, ...]] = {}

    def values(self, designs: list[Design], trials: int) -> list[np.ndarray]:
        """Compute the numbers of the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            For each design an array of shape (trials, number of names).
        """
        missing = [(design, t) for design in designs for t in range(trials) if (design, t) not in self._known]
        # Largest first, so that no process is left with a long point at the end.
        missing.sort(key=lambda item: -item[0].n * item[0].rank * min(item[0].n, item[0].rank))
        self._known.update(zip(missing, self.context.mapper(self._work, missing), strict=True))
        return [np.array([self._known[design, t] for t in range(trials)]) for design in designs]

    def table(self) -> pd.DataFrame:
        """List everything that was computed.

        Returns:
            One row a data set: family, n, rank, d, d_eff, trial and the numbers.
        """
        rows = [(*design, design.d, design.d_eff, trial, *found) for (design, trial), found in self._known.items()]
        columns = ["family", "n", "rank", "d", "d_eff", "trial", *self._names]
        return pd.DataFrame(rows, columns=columns).sort_values(["family", "n", "rank", "trial"], ignore_index=True)
