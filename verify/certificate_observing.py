"""Worst cases over θ on a few draws of one Gaussian design: exact or certified, and left out where they cost much."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import simulate
from simulate import streams

LARGEST_INPUTS = 25_000_000
"""Entries of X that are drawn."""
LOSS_OPERATIONS = 2e10
"""n d min(n, d) up to which the range of μ is computed: a few seconds on one core."""
UNIFORM_OPERATIONS = 5e7
"""n N², N = d(d + 1)/2, up to which all directions are searched and certified."""
DIRECTION_OPERATIONS = 2e10
"""n d (10 min(n, d) + d K) up to which K directions are computed: X is whitened first."""


class Plan(NamedTuple):
    """What is to be observed.

    Attributes:
        n: number of samples.
        spectrum: eigenvalues of the covariance, shape (d,), float64.
        directions: number of fixed directions.
        slope: slope of the leaky ReLU.
        draws: number of data sets.
        seed: what fixes them.
    """

    n: int
    spectrum: np.ndarray
    directions: int
    slope: float
    draws: int
    seed: int


class Observation(NamedTuple):
    """The worst cases over θ on all draws together.

    Attributes:
        found: the least and the largest value that some θ attains, or None.
        certified: what no θ goes below or beyond, None where there is no such bound; equal to `found` where exact.
        draws: data sets.
        about: over what the worst case is taken, or why there is none.
    """

    found: tuple[float, float] | None
    certified: tuple[float | None, float | None] | None
    draws: int
    about: str


Progress = Callable[[float, str], None]
Range = tuple[float, float, float | None, float | None]
"""inf and sup found, inf and sup certified."""


def observe(plan: Plan, progress: Progress) -> dict[str, Observation]:
    """Compute the worst cases of every theorem on the draws.

    Args:
        plan: what is to be observed.
        progress: told a fraction and what is being done.

    Returns:
        By theorem what was seen, or why nothing was. O(draws) times the costs named above.
    """
    n, d = plan.n, plan.spectrum.size
    reasons = _reasons(plan)
    ranges: dict[str, list[Range]] = {kind: [] for kind in reasons}
    for trial in range(plan.draws if "" in reasons.values() else 0):
        X = simulate.gaussian_inputs(n, plan.spectrum, streams.generator(plan.seed, "certificate", (n, d), trial))
        for number, (kind, reason) in enumerate(reasons.items()):
            progress((trial + number / len(reasons)) / plan.draws, f"draw {trial + 1} of {plan.draws}: {kind}")
            if not reason:
                ranges[kind].append(_RANGES[kind](X, plan, trial))
    everything = "any θ and labels"
    about = {
        "3.3": ("loss", everything),
        "3.5": ("loss", "any width, θ and labels, by the row sums"),
        "3.2": ("uniform", "any over-parameterised linear model and θ"),
        "4.2": ("uniform", "any θ and v"),
        "4.3": ("directions", f"any θ, the first {plan.directions} eigenvectors"),
    }
    seen = {id: _joined(ranges[kind], reasons[kind], words) for id, (kind, words) in about.items()}
    seen["3.5"] = _of_networks(seen["3.5"], plan.slope)
    return seen


def _reasons(plan: Plan) -> dict[str, str]:
    """Say for each kind of worst case why it is left out; nothing where it is not."""
    n, d = plan.n, plan.spectrum.size
    pairs = d * (d + 1) / 2
    costs = {
        "loss": (n * d * min(n, d), LOSS_OPERATIONS, "n d min(n, d)"),
        # Where n ≤ d there is nothing to compute.
        "uniform": (0 if n <= d else n * pairs**2, UNIFORM_OPERATIONS, "n (d(d + 1)/2)²"),
        "directions": (
            n * d * (10 * min(n, d) + d * plan.directions),
            DIRECTION_OPERATIONS,
            "n d (10 min(n, d) + d K)",
        ),
    }
    if not plan.draws:
        return dict.fromkeys(costs, "nothing was drawn")
    if n * d > LARGEST_INPUTS:
        return dict.fromkeys(costs, f"skipped: n d = {n * d:.3g} exceeds {LARGEST_INPUTS:.3g}")
    return {
        kind: f"skipped: {what} = {cost:.3g} exceeds {limit:.3g}" if cost > limit else ""
        for kind, (cost, limit, what) in costs.items()
    }


def _loss(X: np.ndarray, plan: Plan, trial: int) -> Range:
    """Range of μ over all θ and labels, exact."""
    found = simulate.label_free_range(X)
    return found.inf, found.sup, found.inf, found.sup


def _uniform(X: np.ndarray, plan: Plan, trial: int) -> Range:
    """Range of g over all θ and v; that of μ over all over-parameterised linear models is the same."""
    n, d = X.shape
    if n <= d:
        # Gaussian inputs have rank n then: every residual and every derivative is possible.
        return 0.0, float(n), 0.0, float(n)
    found = simulate.uniform_alignment_range(X, streams.generator(plan.seed, "certificate search", X.shape, trial))
    return found.inf_found, found.sup_found, found.inf_certified, found.sup_certified


def _directions(X: np.ndarray, plan: Plan, trial: int) -> Range:
    """Range of g over all θ along the first eigenvectors, exact."""
    low, high = simulate.directional_alignment_ranges(X, np.eye(X.shape[1], plan.directions))
    inf, sup = float(np.min(low)), float(np.max(high))
    return inf, sup, inf, sup


_RANGES: dict[str, Callable[[np.ndarray, Plan, int], Range]] = {
    "loss": _loss,
    "uniform": _uniform,
    "directions": _directions,
}


def _joined(ranges: list[Range], reason: str, about: str) -> Observation:
    """Join the ranges of all draws."""
    if not ranges:
        return Observation(None, None, 0, reason)
    lows, highs = [one[2] for one in ranges], [one[3] for one in ranges]
    certified = (
        None if None in lows else min(low for low in lows if low is not None),
        None if None in highs else max(high for high in highs if high is not None),
    )
    return Observation((min(one[0] for one in ranges), max(one[1] for one in ranges)), certified, len(ranges), about)


def _of_networks(linear: Observation, slope: float) -> Observation:
    """Bound μ of two-layer networks by that of the linear model on the same inputs."""
    if linear.found is None:
        return linear
    low, high = linear.found
    factor = slope**4
    return Observation(None, (factor * low, high / factor if factor else None), linear.draws, linear.about)
