"""Theorem 5.2 along a sweep: how far SGD has moved along flat directions, at a learning rate and after some steps."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import simulate
from theory.catalogue import theorem_5_2

if TYPE_CHECKING:
    from verify.sweeps.points import Point

_statement = cache(theorem_5_2.build)


def observe(point: Point) -> dict[str, float]:
    """Compute the extremes of D_k(t) over every start of SGD on one data set.

    Args:
        point: d, n, beta (the learning rate times ‖G‖_F), k (number of sharp directions), steps (t) and exponent
            (eigenvalue j of the covariance is j^−exponent). Learning rates, k and t share the data set of a trial.

    Returns:
        `inf_flat_to_sharp` and `sup_flat_to_sharp`, both exact, the theorem's `lower_bound` at the exact constants,
        `A1`, `A2`, `sufficient_beta` = √(1 + 2/A₁) and the threshold of stability `threshold_beta` = η*‖G‖_F.
        O(steps (n d² + d³)).
    """
    beta, k, steps = point["beta"], point["k"], point["steps"]
    spectrum = simulate.power_law(point["d"], point["exponent"])
    X = simulate.gaussian_inputs(point["n"], spectrum, point.generator("inputs", "d", "n", "exponent"))
    constants = simulate.alignment_constants(X)
    squares = constants.eigenvalues**2
    norm = float(np.sqrt(np.sum(squares)))
    found = simulate.worst_flat_to_sharp(X, beta / norm, steps, [k])
    lower, _ = _statement().bounds(
        A1=constants.A1,
        A2=constants.A2,
        beta=beta,
        S_X=float(np.sum(squares[:k])),
        S_Y=float(np.sum(squares[k:])),
        t=steps,
    )
    return {
        "inf_flat_to_sharp": float(found.inf[steps, 0]),
        "sup_flat_to_sharp": float(found.sup[steps, 0]),
        "lower_bound": lower,
        "A1": constants.A1,
        "A2": constants.A2,
        "sufficient_beta": math.sqrt(1 + 2 / constants.A1) if constants.A1 > 0 else math.inf,
        "threshold_beta": simulate.stability_threshold(X) * norm,
    }
