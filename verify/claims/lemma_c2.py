"""Lemma C.2: the population alignment of an over-parameterised linear model lies in [1, 3], centred in [1, 2].

Problem:
    The range is claimed for every covariance, parameterisation F, θ and direction v.

Method:
    With u = F(θ) − w* and v' = ∇F(θ) v the alignment depends on the correlation ρ of u·x and v'·x alone, so the worst
    case over everything is that over ρ in [−1, 1], both ends included.

Guarantee:
    `holds` is shown for the whole region; one point beyond round-off refutes. Both ends are attained, so any tighter
    constant is refuted.
"""

from __future__ import annotations

import theory
from verify.claims._context import Context
from verify.claims._gaussian_moments import Quantity, judge_gaussian
from verify.verdict import Verdict

UNCENTRED = Quantity(
    exact=lambda s, t, rho: 1 + 2 * rho**2,
    normalise=lambda moment, uSu, vSv, uSv: moment / (uSu * vSv),
    symbols=lambda s, t, rho: {"rho": rho},
    scales=(1.0,),
)
CENTRED = Quantity(
    exact=lambda s, t, rho: 1 + rho**2,
    normalise=lambda moment, uSu, vSv, uSv: (moment - uSv * uSv) / (uSu * vSv),
    symbols=lambda s, t, rho: {"rho": rho},
    scales=(1.0,),
)


def judge(statement: theory.Statement, context: Context, stop_early: bool) -> Verdict:
    """Judge Lemma C.2, centred or not, or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    quantity = CENTRED if statement.quantity == "population_g_centred" else UNCENTRED
    return judge_gaussian(statement, quantity, context, stop_early)
