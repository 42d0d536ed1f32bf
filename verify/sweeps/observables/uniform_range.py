"""Theorems 3.2 and 4.2 along a sweep: alignment over every θ and direction at once, found and certified."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import simulate
from theory.catalogue import theorem_3_2, theorem_4_2
from verify.sweeps.observables.bounds import bound_columns

if TYPE_CHECKING:
    from theory import Statement
    from verify.sweeps.points import Point

_every_model = cache(theorem_3_2.build)
_every_direction = cache(theorem_4_2.build)


def observe_every_model(point: Point) -> dict[str, float]:
    """Compute the range of μ over every over-parameterised linear model on one data set (Theorem 3.2).

    The loss alignment of a model whose Jacobian is X v wᵀ is the directional alignment along v.

    Args:
        point: d, n, starts (of each search), eps and delta.

    Returns:
        What `observe_every_direction` returns, with the bounds of Theorem 3.2.
    """
    return _observed(point, _every_model())


def observe_every_direction(point: Point) -> dict[str, float]:
    """Compute the range of g over all θ and v on one data set (Theorem 4.2).

    The spectrum of the inputs drops out, so they are isotropic.

    Args:
        point: d, n, starts (of each search), eps and delta.

    Returns:
        `inf_found`, `sup_found`, `inf_certified`, `sup_certified` (0 and infinity where there is no certificate), and
        the bounds of the theorem. Cost: see `simulate.uniform_alignment_range`.
    """
    return _observed(point, _every_direction())


def _observed(point: Point, statement: Statement) -> dict[str, float]:
    """Compute the range and evaluate the statement."""
    X = simulate.gaussian_inputs(point["n"], simulate.isotropic(point["d"]), point.generator("inputs", "d", "n"))
    found = simulate.uniform_alignment_range(X, point.generator("starts", "d", "n"), point["starts"])
    symbols = {name: point[name] for name in ("d", "n", "eps", "delta")}
    return {
        "inf_found": found.inf_found,
        "sup_found": found.sup_found,
        "inf_certified": 0.0 if found.inf_certified is None else found.inf_certified,
        "sup_certified": math.inf if found.sup_certified is None else found.sup_certified,
        **bound_columns(statement, **symbols),
    }
