"""Worst cases of two-layer networks along rays: a sandwich for every network, and a search for the worst ones.

With α ≤ σ' ≤ β the entries of the Gram matrix satisfy K_ij² ∈ [α⁴, β⁴] c (x_i·x_j)² with the same c, so that the loss
alignment of every network at any labels lies between (α/β)⁴ inf and (β/α)⁴ sup, the label-free extremes of the linear
model on the same inputs. A network without activity, θ = 0, attains these extremes themselves.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import sympy

import simulate
import theory
from simulate import streams
from verify.claims._context import Context
from verify.data_sets import DataSets
from verify.designs import Design
from verify.observing import Extremes

SLOPES = (1.0, 0.5, 0.2)
"""Slopes of the leaky ReLU at which bounds are compared; the first is the linear activation."""


class Normalised(NamedTuple):
    """A statement about two-layer networks at one slope, with its bounds in units of the sandwich's factors.

    Attributes:
        slope: α/β; None where the bounds in these units do not depend on it.
        statement: the statement as one about "mu", with lower (β/α)⁴ and upper (α/β)⁴ in place of its bounds.
    """

    slope: float | None
    statement: theory.Statement


def normalised(statement: theory.Statement) -> list[Normalised]:
    """Write a statement's bounds in units of (α/β)⁴ below and (β/α)⁴ above.

    Args:
        statement: a statement about "mu_two_layer".

    Returns:
        One entry for every slope; a single one where the slope drops out.
    """
    alpha, beta = (
        next((s for s in _free(statement) if s.name == name), sympy.Symbol(name)) for name in ("alpha", "beta")
    )
    factor = (beta / alpha) ** 4
    bounds = {
        side: None if bound is None else sympy.simplify(bound * by)
        for side, bound, by in (("lower", statement.lower, factor), ("upper", statement.upper, 1 / factor))
    }
    conditions = [*statement.sample_size, *statement.dimension]
    occurring = {symbol for e in (*bounds.values(), *conditions) if e is not None for symbol in e.free_symbols}
    if not occurring & {alpha, beta}:
        return [Normalised(None, _about_linear(statement, bounds, {}))]
    return [
        Normalised(slope, _about_linear(statement, bounds, {alpha: sympy.nsimplify(slope), beta: 1}))
        for slope in SLOPES
    ]


def _free(statement: theory.Statement) -> set[sympy.Symbol]:
    """Symbols that occur in a statement."""
    entries = (statement.lower, statement.upper, *statement.sample_size, *statement.dimension)
    return {symbol for entry in entries if entry is not None for symbol in entry.free_symbols}


def _about_linear(statement: theory.Statement, bounds: dict[str, Any], values: dict[Any, Any]) -> theory.Statement:
    """Make the statement about the linear model that the bounds at a slope amount to."""
    return dataclasses.replace(
        statement,
        quantity="mu",
        controls=(),
        proof=None,
        lower=None if bounds["lower"] is None else bounds["lower"].subs(values),
        upper=None if bounds["upper"] is None else bounds["upper"].subs(values),
        sample_size=tuple(f.subs(values) for f in statement.sample_size),
        dimension=tuple(f.subs(values) for f in statement.dimension),
    )


class Observations(DataSets):
    """Label-free extremes of the linear model by design and data set; each is computed once for slopes and controls.

    Args:
        context: the run.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context, partial(label_free_extremes, context.seed), ["inf_label_free", "sup_label_free"])

    def at(self, slope: float | None) -> AtSlope:
        """View the extremes as those of networks of a slope.

        Args:
            slope: α/β; None or 1 for the linear activation, where the sandwich is exact.

        Returns:
            The view.
        """
        return AtSlope(self, 1.0 if slope is None else slope)


class AtSlope(NamedTuple):
    """Extremes over all networks of one slope, in units of the sandwich's factors; a source of rays.

    Attributes:
        observations: what was observed.
        slope: α/β.
    """

    observations: Observations
    slope: float

    def extremes(self, designs: list[Design], trials: int) -> list[Extremes]:
        """Compute the extremes of the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            For each design what θ = 0 attains and what the sandwich certifies.
        """
        arrays = self.observations.values(designs, trials)
        if self.slope == 1:
            return [Extremes(array, array) for array in arrays]
        factors = np.array([self.slope**-4, self.slope**4])
        return [Extremes(array * factors, array, tight=False) for array in arrays]


def label_free_extremes(seed: int, item: tuple[Design, int]) -> tuple[float, float]:
    """Compute the range of μ over all labels for the linear model on one data set.

    Args:
        seed: the run's seed.
        item: a design and the number of the data set.

    Returns:
        inf and sup of μ.
    """
    design, trial = item
    found = simulate.label_free_range(design.leading_columns(seed, trial))
    return found.inf, found.sup


class WorstNetwork(NamedTuple):
    """The worst networks that a search found on one data set.

    Attributes:
        inf: smallest μ.
        sup: largest μ.
        model: the network.
        extremes: the search's result, with witnesses.
    """

    inf: float
    sup: float
    model: simulate.TwoLayer
    extremes: simulate.AdversarialAlignment


def worst_network(seed: int, width: int, starts: int, item: tuple[Design, float, int]) -> WorstNetwork:
    """Search for the worst weights, outer weights and labels on one data set.

    Args:
        seed: the run's seed.
        width: number of neurons.
        starts: starts of the search.
        item: a design, the slope and the number of the data set.

    Returns:
        What was found.
    """
    design, slope, trial = item
    model = simulate.TwoLayer(design.d, width, slope)
    stream = streams.generator(seed, "worst networks", (*design, slope), trial)
    found = simulate.adversarial_alignment(model, design.draw(seed, trial), stream, starts, outer="free")
    return WorstNetwork(found.inf_found, found.sup_found, model, found)
