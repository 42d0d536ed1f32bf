"""Theorems 4.2 and 3.2, and the one-sided conjecture: alignment for every θ and every direction at once.

Problem:
    "For all θ and all v" cannot be sampled, and no eigenproblem gives the worst case exactly. The loss alignment over
    all over-parameterised linear models has the same extremes: it is an average of directional alignments, and a
    Jacobian of rank one leaves a single one of them.

Method:
    Each data set is searched from many starts, and bounded by a certificate (oracle 3). Values that were found may
    refute, certified ones support; in between a claim is *not refuted*. They are observed along rays on which the
    conditions hold with a fixed constant: d grows at fixed ε, with few and with many samples for d²; ε falls at fixed
    d. ρ is the (1 − δ) quantile of the deviation from the population's range [1, 3] in units of the room that the bound
    leaves, as a ratio of ε's (`verify.ratios`). That the conditions tighten enough as δ → 0 is tested by the
    probability of rare rows (`verify.rare_events`, `verify.rare_rows`), which can only refute.

    Theorems 3.2 and 4.2 are judged with the constant of their proof as well (`verify.explicit_conditions`).

Guarantee:
    `holds` when no ray climbs and the population's range lies within the bounds. Statements whose constants may depend
    on ε are followed at fixed ε only. Where the statement asks for few samples there is no certificate for the infimum
    (below d(d+1)/2 samples), and the best that can be said of it is *not refuted*.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

import theory
from verify.claims._along_rays import LaidRay, Tests, judge_along_rays
from verify.claims._context import Context
from verify.explicit_conditions import explicit_condition_test
from verify.observing import Observed
from verify.population import population_test
from verify.rare_events import rare_event_test
from verify.rare_rows import rare_row_test
from verify.rays import symbol_values
from verify.uniform_rays import (
    Observations,
    UniformPlan,
    accuracy_ray,
    dimension_ray,
    lay_uniform_ray,
    uniform_range,
)
from verify.verdict import Basis, Verdict
from verify.witness import dense_directional_alignment


class Settings(NamedTuple):
    """What a profile spends.

    Attributes:
        absolute: rays for statements whose constants do not depend on ε.
        by_accuracy: rays for those whose constants may depend on ε; they start at d = 12, since at fixed n/d the
            infimum falls until about there (0.9 quantile of −log inf at n = 16 d: 1.01, 1.31, 1.40, 1.43 for d = 4, 8,
            12, 16, and 1.42 for 24, 32 and 48).
        delta: δ.
        rounds: data sets a point; a ray that stays undecided gets the next larger number.
        most_starts: starts of each search.
    """

    absolute: tuple[UniformPlan, ...]
    by_accuracy: tuple[UniformPlan, ...]
    delta: float
    rounds: tuple[int, ...]
    most_starts: int


PROFILES = {
    "quick": Settings(
        absolute=(
            dimension_ray(0.5, (8, 11, 16, 23, 32), 26, 2, "upper"),
            dimension_ray(0.5, (4, 6, 9, 13, 18), 50, 2),
            accuracy_ray(2, (0.3, 0.001), 90, 100_000, count=9, repeats=2),
            accuracy_ray(6, (0.5, 0.1), 110, 5000),
        ),
        by_accuracy=(
            dimension_ray(0.5, (12, 15, 19, 25, 32), 192, 1),
            dimension_ray(0.25, (12, 15, 19, 25, 32), 768, 1),
        ),
        delta=0.1,
        rounds=(30, 60, 120),
        most_starts=8,
    ),
    "full": Settings(
        absolute=(
            dimension_ray(0.5, (8, 14, 23, 39, 64), 26, 2, "upper"),
            dimension_ray(0.5, (4, 7, 12, 20, 32), 50, 2),
            dimension_ray(0.25, (4, 6, 10, 15, 24), 140, 2),
            accuracy_ray(2, (0.3, 0.001), 90, 300_000, count=9, repeats=4),
            accuracy_ray(8, (0.5, 0.05), 200, 40_000),
        ),
        by_accuracy=(
            dimension_ray(0.5, (12, 18, 26, 38, 56), 192, 1),
            dimension_ray(0.25, (12, 17, 25, 36, 50), 768, 1),
            dimension_ray(0.15, (12, 16, 22, 30, 40), 1920, 1),
        ),
        delta=0.05,
        rounds=(60, 118, 236),
        most_starts=16,
    ),
}


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge a statement about every θ and every direction.

    Args:
        statement: Theorem 4.2 or 3.2, the one-sided conjecture, or a variant of them.
        context: the run.
        observations: what was observed before, and the place for more.
        stop_early: whether the first violation ends the work (controls) or everything is tested.

    Returns:
        The verdict.
    """
    settings = PROFILES[context.profile]
    population, witness = population_test(statement, context.seed, settings.delta)
    rare, rare_witness = rare_event_test(statement, context.seed)
    explicit, explicit_witness = explicit_condition_test(statement, context, settings.most_starts)
    evidence = [population, rare, *explicit]
    witness = witness or rare_witness or explicit_witness
    if witness is None:
        row, witness = rare_row_test(statement, context.seed)
        evidence.append(row)
    plans = settings.absolute if statement.constants == "absolute" else settings.by_accuracy
    return judge_along_rays(
        statement,
        context,
        observations,
        rays=[LaidRay(lay_uniform_ray(plan, statement, settings.delta), plan.sides) for plan in plans],
        tests=Tests(evidence, witness),
        delta=settings.delta,
        rounds=settings.rounds,
        example=partial(_example, seed=context.seed, settings=settings, statement=statement),
        basis=Basis.CERTIFIED,
        stop_early=stop_early,
    )


def _example(one: Observed, side: str, seed: int, settings: Settings, statement: theory.Statement) -> dict[str, Any]:
    """Take the worst data set at the last point, and compute g there by the definition."""
    point = one.ray.points[-1]
    column, pick = (1, np.argmax) if side == "upper" else (0, np.argmin)
    trial, design = int(pick(one.extremes[-1].found[:, column])), point.design
    found = uniform_range(seed, settings.most_starts, design, trial)
    u, v = found.sup_witness if side == "upper" else found.inf_witness
    values = symbol_values(statement, design, point.eps, settings.delta)
    value = dense_directional_alignment(design.draw(seed, trial), u, v)
    # The loss alignment of a model whose Jacobian is X v wᵀ is the directional alignment along v.
    what = {"jacobian": "X v wᵀ with any w"} if statement.quantity == "mu_olm" else {}
    return (
        design.recipe(seed, trial)
        | what
        | {
            "eps": point.eps,
            "bound": float(np.asarray(statement.evaluate(side, **values))),
            "value": value,
            "u": u.tolist(),
            "v": v.tolist(),
        }
    )
