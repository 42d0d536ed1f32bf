"""Theorem 3.5 along a sweep: the loss alignment of two-layer networks of a width and a slope."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import simulate
from theory.catalogue import theorem_3_5
from verify.sweeps.observables.bounds import bound_columns

if TYPE_CHECKING:
    from verify.sweeps.points import Point

_statement = cache(theorem_3_5.build)


def observe(point: Point) -> dict[str, float]:
    """Search for the worst networks on one data set, and certify what none can pass.

    Every network's alignment lies within slope⁴ inf and slope⁻⁴ sup of the linear model's over all labels, and a
    network without activity, θ = 0, attains that inf and sup.

    Args:
        point: d, n, width, slope (from above 0 to 1), starts (of the search; 0 for none), exponent (eigenvalue j of the
            covariance is j^−exponent), eps and delta.

    Returns:
        `inf_found`, `sup_found`, `inf_certified`, `sup_certified`, `d_eff`, and the bounds of the theorem with
        α/β = slope. Cost: see `simulate.adversarial_alignment`.
    """
    d, slope = point["d"], point["slope"]
    spectrum = simulate.power_law(d, point["exponent"])
    d_eff = simulate.effective_dimension(spectrum)
    data = ("d", "n", "exponent")
    X = simulate.gaussian_inputs(point["n"], spectrum, point.generator("inputs", *data))
    model = simulate.TwoLayer(d, point["width"], slope)
    without = simulate.label_free_range(X)
    inf, sup = without.inf, without.sup
    if point["starts"] != 0:
        stream = point.generator("worst networks", *data, "width", "slope")
        found = simulate.adversarial_alignment(model, X, stream, point["starts"], outer="free")
        inf, sup = min(inf, found.inf_found), max(sup, found.sup_found)
    symbols = {name: point[name] for name in ("d", "n", "eps", "delta")}
    return {
        "inf_found": inf,
        "sup_found": sup,
        "inf_certified": slope**4 * without.inf,
        "sup_certified": without.sup / slope**4,
        "d_eff": d_eff,
        **bound_columns(_statement(), d_eff, alpha=slope, beta=1.0, **symbols),
    }
