"""Worst cases of the loss alignment of the linear model on designs, exact over all θ."""

from __future__ import annotations

from functools import partial

from verify.claims._context import Context
from verify.data_sets import DataSets
from verify.designs import Design
from verify.observing import Extremes


class Observations(DataSets):
    """Extremes of μ over θ by design and data set; a source of rays.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context, partial(loss_extremes, context.seed), ["inf_loss_alignment", "sup_loss_alignment"])

    def extremes(self, designs: list[Design], trials: int) -> list[Extremes]:
        """Compute the extremes for the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            For each design inf and sup of μ, exact.
        """
        return [Extremes(array, array) for array in self.values(designs, trials)]


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
