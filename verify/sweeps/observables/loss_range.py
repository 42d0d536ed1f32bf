"""Theorem 3.3 along a sweep: the loss alignment of the linear model, exact over all θ."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import simulate
from theory.catalogue import theorem_3_3
from verify.sweeps.observables.bounds import bound_columns

if TYPE_CHECKING:
    from verify.sweeps.points import Point

_statement = cache(theorem_3_3.build)


def observe(point: Point) -> dict[str, float]:
    """Compute the range of μ over all θ on one data set.

    Args:
        point: d, n, exponent (eigenvalue j of the covariance is j^−exponent), eps and delta.

    Returns:
        `inf_loss_alignment` and `sup_loss_alignment`, both exact, `d_eff`, and the bounds of the theorem. O(n d²).
    """
    spectrum = simulate.power_law(point["d"], point["exponent"])
    d_eff = simulate.effective_dimension(spectrum)
    X = simulate.gaussian_inputs(point["n"], spectrum, point.generator("inputs", "d", "n", "exponent"))
    found = simulate.loss_alignment_range(X)
    symbols = {name: point[name] for name in ("d", "n", "eps", "delta")}
    return {
        "inf_loss_alignment": found.inf,
        "sup_loss_alignment": found.sup,
        "d_eff": d_eff,
        **bound_columns(_statement(), d_eff, **symbols),
    }
