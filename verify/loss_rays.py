"""Worst cases of the loss alignment of the linear model on designs, exact over all θ."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from verify.claims._context import Context
from verify.designs import Design
from verify.observing import Extremes


class Observations:
    """Extremes of μ over θ by design and data set; each is computed once for a statement and all its controls.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._known: dict[tuple[Design, int], tuple[float, float]] = {}

    def extremes(self, designs: list[Design], trials: int) -> list[Extremes]:
        """Compute the extremes for the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            For each design inf and sup of μ, exact.
        """
        missing = [(design, t) for design in designs for t in range(trials) if (design, t) not in self._known]
        # Largest first, so that no process is left with a long point at the end.
        missing.sort(key=lambda item: -item[0].n * item[0].rank * min(item[0].n, item[0].rank))
        found = self.context.mapper(partial(loss_extremes, self.context.seed), missing)
        self._known.update(zip(missing, found, strict=True))
        arrays = [np.array([self._known[design, t] for t in range(trials)]) for design in designs]
        return [Extremes(array, array) for array in arrays]

    def table(self) -> pd.DataFrame:
        """List everything that was observed.

        Returns:
            One row a data set: family, n, d, d_eff, trial, inf, sup.
        """
        rows = [(*design, design.d, design.d_eff, trial, *ends) for (design, trial), ends in self._known.items()]
        columns = ["family", "n", "rank", "d", "d_eff", "trial", "inf_loss_alignment", "sup_loss_alignment"]
        return pd.DataFrame(rows, columns=columns).sort_values(["family", "n", "rank", "trial"], ignore_index=True)


def loss_extremes(seed: int, item: tuple[Design, int]) -> tuple[float, float]:
    """Compute the range of μ over all θ on one data set.

    Args:
        seed: the run's seed.
        item: a design and the number of the data set.

    Returns:
        inf and sup of μ.
    """
    design, trial = item
    return design.loss_extremes(seed, trial)
