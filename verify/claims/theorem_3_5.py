"""Theorem 3.5: the loss alignment of two-layer networks with a fixed outer layer, for every θ and any labels.

Problem:
    "For all θ" is a search over activation patterns, and labels are arbitrary.

Method:
    The bound is a sandwich: at every θ, μ lies between (α/β)⁴ and (β/α)⁴ times the label-free extremes of the linear
    model on the same inputs, which are exact (`verify.two_layer_rays`). In these units the statement is one about the
    linear model, judged along the rays of Theorem 3.3; networks without activity attain what is left. Bounds that
    depend on α/β in another way are compared at several slopes, the linear activation among them. The worst networks
    are searched on few samples in many dimensions (`verify.worst_networks`): what is found may refute.

Guarantee:
    `holds` when no ray climbs, on a certified basis: the sandwich holds for every θ. Whether the fourth power is needed
    is a matter of n and d: it is where n is much less than d.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import simulate
import theory
from verify.claims import theorem_3_3
from verify.claims._along_rays import LaidRay, Tests, judge_along_rays
from verify.claims._context import Context
from verify.observing import Observed
from verify.rays import Ray, lay_ray, symbol_values
from verify.two_layer_rays import Normalised, Observations, normalised
from verify.vanishing import vanishing_test
from verify.verdict import Basis, Evidence, State, Verdict
from verify.witness import dense_alignment_of_jacobian
from verify.worst_networks import worst_networks_test


def judge(statement: theory.Statement, context: Context, observations: Observations, stop_early: bool) -> Verdict:
    """Judge a statement about two-layer networks with a fixed outer layer.

    Args:
        statement: Theorem 3.5 or a variant of it.
        context: the run.
        observations: what was observed before, and the place for more.
        stop_early: whether the first violation ends the work (controls) or everything is tested.

    Returns:
        The verdict.
    """
    settings = theorem_3_3.PROFILES[context.profile]
    evidence, witness = worst_networks_test(statement, context, settings.delta)
    forms = normalised(statement)
    vanishing, long_row = vanishing_test(forms[0].statement, context.seed)
    evidence += [vanishing, _at_relu(statement)]
    rays = [
        LaidRay(_named(form, lay_ray(plan, form.statement, settings.delta)), statement=form.statement, source=source)
        for form, source in ((form, observations.at(form.slope)) for form in forms)
        for plan in settings.plans
    ]
    return judge_along_rays(
        statement,
        context,
        observations.at(None),
        rays=rays,
        tests=Tests(evidence, witness or long_row),
        delta=settings.delta,
        rounds=settings.rounds,
        example=partial(_example, seed=context.seed, delta=settings.delta, statement=statement),
        basis=Basis.CERTIFIED,
        stop_early=stop_early,
    )


def _named(form: Normalised, ray: Ray) -> Ray:
    """Name a ray after the slope at which it is judged, if that matters."""
    if form.slope is None:
        return ray
    return replace(ray, plan=replace(ray.plan, name=f"{ray.plan.name}, slope {form.slope:g}"))


def _at_relu(statement: theory.Statement) -> Evidence:
    """Say what the bounds are for plain ReLU, α = 0."""
    test = "plain ReLU, α = 0"
    known = {"eps": 0.5, "delta": 0.1, "n": 1000.0, "d": 1000.0, "d_eff": 1000.0, "alpha": 0.0, "beta": 1.0}
    lower, upper = statement.bounds(**{name: value for name, value in known.items() if name in statement.symbols})
    vacuous = lower <= 0 and upper == math.inf
    finding = f"the bounds are {lower:g} and {upper:g}: " + ("vacuous" if vacuous else "they say something")
    return Evidence(test, finding, State.OBSERVED)


def _example(one: Observed, side: str, seed: int, delta: float, statement: theory.Statement) -> dict[str, Any]:
    """Take the worst data set at the largest affordable point; the network is inactive, θ = 0, and K ∝ XXᵀ."""
    points = one.ray.points
    at = max((i for i, p in enumerate(points) if p.design.n <= theorem_3_3.LARGEST_WITNESS), default=0)
    column, pick = (1, np.argmax) if side == "upper" else (0, np.argmin)
    trial, design = int(pick(one.extremes[at].certified[:, column])), points[at].design
    X = design.draw(seed, trial)
    sample = simulate.label_free_range(X).samples[column]
    residual = np.zeros(design.n)
    residual[sample] = 1.0
    known = symbol_values(statement, design, points[at].eps, delta) | {"alpha": 1.0, "beta": 1.0}
    values = {name: value for name, value in known.items() if name in statement.symbols}
    return design.recipe(seed, trial) | {
        "eps": points[at].eps,
        "slope": 1.0,
        "theta": "0",
        "residual": f"1 on sample {sample}, 0 elsewhere",
        "value": dense_alignment_of_jacobian(X, residual),
        "bound": float(np.asarray(statement.evaluate(side, **values))),
    }
