"""Theorem 4.3 along a sweep: directional alignment along directions that are fixed before the data are drawn."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import simulate
from theory.catalogue import theorem_4_3
from verify.sweeps.observables.bounds import bound_columns

if TYPE_CHECKING:
    from verify.sweeps.points import Point

_statement = cache(theorem_4_3.build)


def observe(point: Point) -> dict[str, float]:
    """Compute the range of g over all θ and K random directions on one data set.

    Args:
        point: d, n, K, eps and delta. The first directions are the same for every K and n.

    Returns:
        `inf_directional_alignment` and `sup_directional_alignment`, both exact, and the bounds of the theorem.
        O(n d² K), or less for few dimensions.
    """
    X = simulate.gaussian_inputs(point["n"], simulate.isotropic(point["d"]), point.generator("inputs", "d", "n"))
    V = point.generator("directions", "d").standard_normal((point["K"], point["d"])).T
    inf, sup = simulate.directional_alignment_ranges(X, V)
    symbols = {name: point[name] for name in ("d", "n", "K", "eps", "delta")}
    return {
        "inf_directional_alignment": float(inf.min()),
        "sup_directional_alignment": float(sup.max()),
        **bound_columns(_statement(), **symbols),
    }
