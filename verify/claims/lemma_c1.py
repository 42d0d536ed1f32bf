"""Lemma C.1: the fourth moment E[(u·x)² x xᵀ] of Gaussian inputs.

Problem:
    The matrix identity E[(u·x)² x xᵀ] = (uᵀSu) S + 2 S u uᵀ S is claimed for all S and u in every dimension.

Method:
    Its quadratic form in v is E[(u·x)²(v·x)²] = uᵀSu·vᵀSv + 2 (uᵀSv)², and by polarisation that is all of it. The value
    comes from Gauss–Hermite quadrature, which is exact for such moments and shares nothing with Isserlis' formula.

Guarantee:
    `holds` is shown for every covariance; one point beyond round-off refutes.
"""

from __future__ import annotations

import theory
from verify.claims._context import Context
from verify.claims._gaussian_moments import Quantity, judge_gaussian
from verify.verdict import Verdict

MOMENT = Quantity(
    exact=lambda s, t, rho: s**2 * t**2 * (1 + 2 * rho**2),
    normalise=lambda moment, uSu, vSv, uSv: moment,
    symbols=lambda s, t, rho: {"uSu": s**2, "vSv": t**2, "uSv": rho * s * t},
    scales=(1.0, 0.5, 2.0, 0.1, 10.0, 1e-3, 1e3),
)


def judge(statement: theory.Statement, context: Context, stop_early: bool) -> Verdict:
    """Judge Lemma C.1 or a variant of it.

    Args:
        statement: the statement.
        context: the run.
        stop_early: whether it is a control.

    Returns:
        The verdict.
    """
    return judge_gaussian(statement, MOMENT, context, stop_early)
