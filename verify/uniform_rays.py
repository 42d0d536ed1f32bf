"""Rays for statements about every θ and every direction at once, and the worst cases along them.

The spectrum of the inputs drops out, since g depends on them only through the whitened rows; so designs are isotropic,
and a ray is a list of ε and d. At each point n is the smallest number of samples that the conditions allow, with the
constant that gives the first point the plan's. Anchored at the last point, conditions that grow faster than the
original's would start with fewer samples than dimensions, where g ≤ n hides the failures.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np

import simulate
import theory
from simulate import streams
from verify.claims._context import Context
from verify.data_sets import DataSets
from verify.designs import Design
from verify.observing import Extremes
from verify.rays import HELD_N, Ray, RayPlan, RayPoint, requirement, terms_of

LARGEST = 4
"""Largest n on a ray, in units of the plan's last; conditions that ask for more shorten the ray."""
FEWEST_POINTS = 3


class UniformPlan(NamedTuple):
    """One ray, before a statement's conditions give it numbers of samples.

    Attributes:
        name: what it does, in words.
        points: ε and d at each point.
        n_first: number of samples at the first point.
        n_top: number of samples to expect at the last point.
        sides: the sides of the bound that it is meant for.
        repeats: data sets a point, in units of the profile's.
    """

    name: str
    points: tuple[tuple[float, int], ...]
    n_first: int
    n_top: int
    sides: tuple[str, ...] = ("upper", "lower")
    repeats: int = 1


def dimension_ray(eps: float, dimensions: tuple[int, ...], n_first: int, power: int, *sides: str) -> UniformPlan:
    """Plan a ray on which d grows at fixed ε.

    Args:
        eps: ε.
        dimensions: values of d, increasing.
        n_first: number of samples at the first one.
        power: power of d with which n is expected to grow, for the name and the largest n.
        *sides: the sides it is meant for; none for both.

    Returns:
        The plan.
    """
    share = n_first / dimensions[0] ** power
    name = f"d grows at ε = {eps:g} from n = {share:.2g} {'d' if power == 1 else 'd²'}"
    n_top = round(share * dimensions[-1] ** power)
    return UniformPlan(name, tuple((eps, d) for d in dimensions), n_first, n_top, sides or ("upper", "lower"))


def accuracy_ray(
    d: int, eps: tuple[float, float], n_first: int, n_top: int, count: int = 5, repeats: int = 1
) -> UniformPlan:
    """Plan a ray on which ε falls at fixed d.

    Args:
        d: dimension.
        eps: first and last ε.
        n_first: number of samples at the first ε.
        n_top: number of samples to expect at the last.
        count: number of points.
        repeats: data sets a point, in units of the profile's.

    Returns:
        The plan.
    """
    grid = np.geomspace(*eps, count).round(6)
    points = tuple((float(e), d) for e in grid)
    return UniformPlan(f"ε falls to {eps[1]:g}, d = {d}", points, n_first, n_top, repeats=repeats)


def lay_uniform_ray(plan: UniformPlan, statement: theory.Statement, delta: float) -> Ray:
    """Give each point of a plan the smallest number of samples that the conditions allow.

    Sums count as their largest term, which is the same up to the constant: n ≥ C (d + log(1/δ)) with a single C would
    have more samples for each dimension where d is small, and look like a trend.

    Args:
        plan: the ray.
        statement: its conditions are used.
        delta: δ.

    Returns:
        The ray; shorter where the conditions would ask for far more samples than the plan has.
    """
    terms = [term for f in statement.sample_size for term in terms_of(f)]
    statement = statement.replace(sample_size=terms) if terms else statement
    (eps, d), (_, d_last) = plan.points[0], plan.points[-1]
    constant: float | None = None
    sizes = [HELD_N] * len(plan.points)
    if terms:
        first = Design("isotropic", plan.n_first, d)
        constant = plan.n_first / requirement(statement, "sample_size", first, eps, delta)
        sizes = [_smallest(statement, constant, e, delta, Design("isotropic", plan.n_first, k)) for e, k in plan.points]
    grows = d_last != d
    kept = [
        (e, Design("isotropic", n, k))
        for number, ((e, k), n) in enumerate(zip(plan.points, sizes, strict=True))
        if n <= LARGEST * plan.n_top or number < FEWEST_POINTS
    ]
    scale = "d" if grows else "n" if kept[-1][1].n >= 2 * kept[0][1].n else "1/ε"
    points = tuple(
        RayPoint(e, design, {"d": float(design.d), "n": float(design.n), "1/ε": 1 / e}[scale]) for e, design in kept
    )
    shape = RayPlan(plan.name, "isotropic", plan.n_top, d_last, repeats=plan.repeats)
    return Ray(shape, points, scale, {"sample_size": constant, "dimension": None})


def _smallest(statement: theory.Statement, constant: float, eps: float, delta: float, design: Design) -> int:
    """Smallest n that meets the conditions, which may contain n, at this ε and d; by fixed-point iteration."""
    n = design.n
    for _ in range(60):
        asked = constant * requirement(statement, "sample_size", Design(design.family, n, design.rank), eps, delta)
        following = max(2, min(math.ceil(asked - 1e-9), 10**9))
        if following == n:
            break
        n = following
    return n


class Observations(DataSets):
    """Extremes of g over all θ and v by design and data set; a source of rays.

    Args:
        context: the run.
        most_starts: starts of each search.
    """

    def __init__(self, context: Context, most_starts: int) -> None:
        names = [f"{end}_alignment_{how}" for how in ("found", "certified") for end in ("inf", "sup")]
        super().__init__(context, partial(uniform_extremes, context.seed, most_starts), names)

    def extremes(self, designs: list[Design], trials: int) -> list[Extremes]:
        """Compute the extremes for the first data sets of each design.

        Args:
            designs: the designs.
            trials: number of data sets of each.

        Returns:
            For each design inf and sup of g, found and certified.
        """
        return [Extremes(table[:, :2], table[:, 2:]) for table in self.values(designs, trials)]


def uniform_extremes(seed: int, most_starts: int, item: tuple[Design, int]) -> tuple[float, float, float, float]:
    """Compute the extremes of g over all θ and v on one data set.

    Args:
        seed: the run's seed.
        most_starts: starts of each search.
        item: a design and the number of the data set.

    Returns:
        inf and sup that were found, inf (0 where there is no certificate) and sup that are certified.
    """
    found = uniform_range(seed, most_starts, *item)
    return found.inf_found, found.sup_found, found.inf_certified or 0.0, found.sup_certified or math.inf


def uniform_range(seed: int, most_starts: int, design: Design, trial: int) -> simulate.UniformAlignmentRange:
    """Compute the range of g over all θ and v on one data set, with its witnesses.

    Args:
        seed: the run's seed.
        most_starts: starts of each search.
        design: the design.
        trial: number of the data set.

    Returns:
        The range.
    """
    stream = streams.generator(seed, "uniform starts", tuple(design), trial)
    return simulate.uniform_alignment_range(design.draw(seed, trial), stream, most_starts)
