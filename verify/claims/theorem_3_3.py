"""Theorem 3.3: the loss alignment of the linear model is within ε of 1, for every θ at once.

Problem:
    "For all θ" cannot be sampled, and the constant in "n ≳ …" is not given.

Method:
    The extremes of μ over all θ are exact for each data set (oracle 1). They are observed along rays on which the
    statement's conditions hold with a fixed constant while the scale grows; each side of the bound is judged by itself.
    ρ is the (1 − δ) quantile of the deviation from the population value 1, in units of the room that the bound leaves
    at that ε, raised to the power that makes it a ratio of ε's. Deviations below 1 are measured as −log μ: the ratio of
    ε's itself saturates there (μ ≥ 0 whatever n is), which makes ρ climb for a true statement, by 0.13 ± 0.02 on
    n = d ≤ 900. A statement that is true for some constant keeps ρ bounded.

    The theorem itself has explicit constants as well: the data sets of the rays are compared with the interval that
    they give at each n and spectrum, and the share of failures with δ (`verify.explicit_intervals`).

Guarantee:
    `holds` when no ray climbs (see `verify.trend`), the population range lies within the bounds, and failure can
    vanish with δ. δ is fixed at 0.1 (quick) or 0.05 (full); what the statement says of smaller δ is tested only as far
    as the conditions must depend on δ at all.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

import simulate
import theory
from verify.claims._along_rays import LaidRay, Tests, judge_along_rays
from verify.claims._context import Context
from verify.explicit_intervals import explicit_test
from verify.loss_rays import Observations
from verify.observing import Observed
from verify.population import population_test
from verify.rays import RayPlan, lay_ray, symbol_values
from verify.vanishing import vanishing_test
from verify.verdict import Basis, Verdict
from verify.witness import dense_loss_alignment

LARGEST_WITNESS = 1500
"""Largest n at which a violation is computed again from p×p matrices."""
QUICK = (
    RayPlan("masked, all conditions bind", "masked", n_top=6000, rank_top=600, n_floor=240),
    RayPlan("masked, n has slack at fixed ε", "masked", 60_000, rank_top=10, n_slack=100, eps=(0.5, 0.5), repeats=4),
    RayPlan("isotropic, all conditions bind", "isotropic", n_top=700, rank_top=700),
    RayPlan("spiked, all conditions bind", "spiked", n_top=400, rank_top=400),
    RayPlan("isotropic, d_eff has slack", "isotropic", n_top=250, rank_top=3000, rank_slack=300),
    RayPlan("isotropic, n has slack at fixed ε", "isotropic", n_top=4000, rank_top=60, n_slack=100, eps=(0.5, 0.5)),
)
FULL = (
    RayPlan("masked, all conditions bind", "masked", n_top=10_000, rank_top=1000, n_floor=240),
    RayPlan("masked, n has slack at fixed ε", "masked", 300_000, rank_top=10, n_slack=100, eps=(0.5, 0.5), repeats=4),
    RayPlan("isotropic, all conditions bind", "isotropic", n_top=2000, rank_top=2000),
    RayPlan("spiked, all conditions bind", "spiked", n_top=1000, rank_top=1000),
    RayPlan("isotropic, d_eff has slack", "isotropic", n_top=400, rank_top=6000, rank_slack=450),
    RayPlan("isotropic, n has slack at fixed ε", "isotropic", n_top=20_000, rank_top=100, n_slack=150, eps=(0.5, 0.5)),
)


MANY_SAMPLES = (
    RayPlan("isotropic, n has slack as ε falls", "isotropic", n_top=20_000, rank_top=20, n_slack=300),
    RayPlan("tailed, n has slack as ε falls", "tailed", n_top=8000, rank_top=40, n_slack=100),
)
"""Rays for statements that ask for less than log(n/δ)/ε² effective dimensions where n exceeds d."""


class Settings(NamedTuple):
    """What a profile spends.

    Attributes:
        plans: the rays, in the order in which they are tried.
        delta: δ.
        rounds: data sets a point; a ray that stays undecided gets the next larger number.
    """

    plans: tuple[RayPlan, ...]
    delta: float
    rounds: tuple[int, ...]


PROFILES = {
    "quick": Settings(QUICK, 0.1, (40, 80, 160)),
    "full": Settings(FULL, 0.05, (118, 236)),
}


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge a statement about the loss alignment of the linear model.

    Args:
        statement: Theorem 3.3 or a variant of it.
        context: the run.
        observations: what was observed before, and the place for more.
        stop_early: whether the first violation ends the work (controls) or everything is tested.

    Returns:
        The verdict.
    """
    settings = PROFILES[context.profile]
    population, witness = population_test(statement, context.seed, settings.delta)
    vanishing, long_row = vanishing_test(statement, context.seed)
    explicit = partial(
        explicit_test, statement=statement, data_sets=settings.rounds[0], delta=settings.delta, seed=context.seed
    )
    return judge_along_rays(
        statement,
        context,
        observations,
        rays=[LaidRay(lay_ray(plan, statement, settings.delta)) for plan in _plans(settings, statement)],
        tests=Tests([population, vanishing], witness or long_row, explicit),
        delta=settings.delta,
        rounds=settings.rounds,
        example=partial(_example, seed=context.seed, delta=settings.delta, statement=statement),
        basis=Basis.EXACT,
        stop_early=stop_early,
    )


def _plans(settings: Settings, statement: theory.Statement) -> tuple[RayPlan, ...]:
    """Choose the rays: those where n exceeds d come first for the conjecture that is about them."""
    return (MANY_SAMPLES if statement.base == "3.3-star" else ()) + settings.plans


def _example(one: Observed, side: str, seed: int, delta: float, statement: theory.Statement) -> dict[str, Any]:
    """Take the worst data set at the largest affordable point, and compute μ there by the definition."""
    points = one.ray.points
    at = max((i for i, p in enumerate(points) if p.design.n <= LARGEST_WITNESS), default=0)
    column, pick = (1, np.argmax) if side == "upper" else (0, np.argmin)
    trial, design = int(pick(one.extremes[at].found[:, column])), points[at].design
    X = design.draw(seed, trial)
    u = simulate.loss_alignment_range(X).witnesses[column]
    values = symbol_values(statement, design, points[at].eps, delta)
    return design.recipe(seed, trial) | {
        "eps": points[at].eps,
        "bound": float(np.asarray(statement.evaluate(side, **values))),
        "value": dense_loss_alignment(X, u),
        "u": u.tolist() if u.size <= 64 else f"row {column} of simulate.loss_alignment_range(X).witnesses",
    }
