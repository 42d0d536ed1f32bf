"""Rays: the binding conditions are met with equality, slack grows, what is not constrained is held small."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest

import theory
from verify.designs import Design
from verify.rays import HELD_N, HELD_RANK, LARGEST, Ray, RayPlan, lay_ray, requirement, symbol_values

DELTA = 0.1
BOTH = RayPlan("both bind", "isotropic", n_top=700, rank_top=700)
MASKED = RayPlan("both bind", "masked", n_top=6000, rank_top=600, n_floor=240)
N_SLACK = RayPlan("n has slack", "isotropic", n_top=4000, rank_top=60, n_slack=100, eps=(0.5, 0.5))
RANK_SLACK = RayPlan("d_eff has slack", "isotropic", n_top=250, rank_top=1500, rank_slack=30)
PLANS = [BOTH, MASKED, N_SLACK, RANK_SLACK, RayPlan("spiked", "spiked", n_top=400, rank_top=400)]
CONDITIONS = {
    "3.3": {},
    "linear": {"sample_size": ["log(n/delta)/eps"], "dimension": ["log(n/delta)/eps"]},
    "two conditions": {"sample_size": ["log(n/delta)/eps**2", "3/eps**3"]},
    "slower in d": {"dimension": ["1/eps"]},
    "faster in d": {"dimension": ["log(n/delta)/eps**3"]},
    "d_eff in n": {"sample_size": ["log(n/delta)/eps**2", "sqrt(d_eff)*log(n/delta)/eps**2/9"]},
    "n in d_eff": {"dimension": ["log(n/delta)*sqrt(n)/eps"]},
}


def altered(**changes: object) -> theory.Statement:
    original = theory.statement("3.3")
    return original.replace(**changes) if changes else original


@cache
def of_the_original(plan: RayPlan) -> Ray:
    return lay_ray(plan, altered(), DELTA)


def values(statement: theory.Statement, field: str, point) -> list[float]:
    """Right-hand sides of the conditions at a point, from the expressions themselves."""
    known = {"eps": point.eps, "delta": DELTA, "n": point.design.n, "d": point.design.d, "d_eff": point.design.d_eff}
    return [float(f.subs({free: known[free.name] for free in f.free_symbols})) for f in getattr(statement, field)]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
@pytest.mark.parametrize("changes", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_binding_conditions_are_met_with_equality(plan, changes):
    statement = altered(**changes)
    ray = lay_ray(plan, statement, DELTA)
    bound = {
        "sample_size": (plan.n_slack, lambda design: design.n),
        "dimension": (plan.rank_slack, lambda design: design.rank),
    }
    for field, (slack, quantity) in bound.items():
        constant = ray.constants[field]
        assert (constant is None) == (slack is not None)
        if constant is None:
            continue
        for point in ray.points:
            needed = constant * max(values(statement, field, point))
            assert quantity(point.design) >= 2
            # Equality up to the next integer; 2 is the smallest size.
            assert needed - 1e-6 <= quantity(point.design) < max(needed + 1 + 1e-6, 3)


@pytest.mark.parametrize("slower", ["1000", "1/eps", "30*log(n/delta)/eps"])
@pytest.mark.parametrize("joined", ["{} + {}", "max({}, {})", "{}"])
@pytest.mark.parametrize("plan", [BOTH, MASKED], ids=lambda plan: plan.family)
def test_terms_that_do_not_lead_as_eps_falls_only_delay_a_condition(plan, slower, joined):
    # n ≥ C (f + g), n ≥ C max(f, g), and n ≥ C f with n ≥ C g, say the same for some C as n ≥ C₁ f and n ≥ C₂ g.
    condition = "log(n/delta)/eps**2"
    entries = [joined.format(condition, slower)] if joined != "{}" else [condition, slower]
    ray = lay_ray(plan, altered(sample_size=entries, dimension=entries), DELTA)
    assert [point.design for point in ray.points] == [point.design for point in of_the_original(plan).points]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_sizes_start_and_end_where_the_plan_says(plan):
    ray = of_the_original(plan)
    eps = [point.eps for point in ray.points]
    assert eps == sorted(eps, reverse=True)
    assert eps[-1] == pytest.approx(plan.eps[1])
    assert eps[0] <= plan.eps[0] * (1 + 1e-12)
    assert ray.points[-1].design.n == plan.n_top
    assert ray.points[-1].design.rank <= LARGEST * plan.rank_top
    assert [p.design.family for p in ray.points] == [plan.family] * 5
    scales = [point.scale for point in ray.points]
    assert scales == sorted(scales)
    assert scales[-1] >= 2 * scales[0]
    if plan.n_slack is None:
        assert ray.points[0].design.n >= min(plan.n_floor, plan.n_top / 3)


def test_slack_grows_along_the_ray():
    for plan, field in ((N_SLACK, "sample_size"), (RANK_SLACK, "dimension")):
        ray = of_the_original(plan)
        sizes = [point.design.n if field == "sample_size" else point.design.rank for point in ray.points]
        needed = [max(values(altered(), field, point)) for point in ray.points]
        slack = [size / f for size, f in zip(sizes, needed, strict=True)]
        assert all(later > 1.05 * earlier for earlier, later in itertools.pairwise(slack))
        assert ray.constants[field] is None


def test_a_quantity_that_is_not_constrained_is_held_small():
    free_dimension = lay_ray(BOTH, altered(dimension=[]), DELTA)
    assert {point.design.rank for point in free_dimension.points} == {HELD_RANK}
    assert free_dimension.constants["dimension"] is None
    assert free_dimension.scale_name == "n"
    free_n = lay_ray(BOTH, altered(sample_size=[]), DELTA)
    assert {point.design.n for point in free_n.points} == {HELD_N}
    assert free_n.scale_name == "d_eff"
    neither = lay_ray(BOTH, altered(sample_size=[], dimension=[]), DELTA)
    assert {tuple(point.design) for point in neither.points} == {("isotropic", HELD_N, HELD_RANK)}
    assert neither.scale_name == "1/ε"
    assert neither.constants == {"sample_size": None, "dimension": None}
    assert [point.scale for point in neither.points] == pytest.approx([1 / point.eps for point in neither.points])


@pytest.mark.parametrize("dimension", ["1/eps", "log(n/delta)/eps", "log(n/delta)/eps**2", "log(n/delta)/eps**3"])
def test_n_and_d_eff_start_in_the_plans_proportion(dimension):
    ray = lay_ray(MASKED, altered(dimension=[dimension]), DELTA)
    first, last = ray.points[0].design, ray.points[-1].design
    assert first.rank / first.n == pytest.approx(MASKED.rank_top / MASKED.n_top, rel=0.1)
    # So a condition that grows more slowly lets d_eff fall behind n, and one that grows faster pulls ahead.
    proportion = last.rank / last.n / (first.rank / first.n)
    power = {"1/eps": 1, "log(n/delta)/eps": 1, "log(n/delta)/eps**2": 2, "log(n/delta)/eps**3": 3}[dimension]
    assert np.sign(round(proportion - 1, 1)) == np.sign(power - 2)


def test_a_condition_that_asks_for_too_much_shortens_the_ray():
    ray = lay_ray(BOTH, altered(dimension=["log(n/delta)/eps**6"]), DELTA)
    assert all(point.design.rank <= LARGEST * BOTH.rank_top for point in ray.points)
    assert ray.points[-1].eps > BOTH.eps[1]
    grid = np.geomspace(*BOTH.eps, 40)
    beyond = max(eps for eps in grid if eps < ray.points[-1].eps * (1 - 1e-9))
    constant = ray.constants["dimension"]
    n = ray.points[-1].design.n * (ray.points[-1].eps / beyond) ** 2.5
    assert constant * math.log(n / DELTA) / beyond**6 > LARGEST * BOTH.rank_top


def test_the_requirement_is_the_largest_condition():
    statement = altered(sample_size=["log(n/delta)", "d_eff/7", "1/eps"])
    design = Design("isotropic", 50, 40)
    expected = max(math.log(50 / DELTA), 40 / 7, 1 / 0.3)
    assert requirement(statement, "sample_size", design, 0.3, DELTA) == pytest.approx(expected)
    assert requirement(altered(sample_size=["-1"]), "sample_size", design, 0.3, DELTA) > 0


def test_only_the_statements_own_symbols_get_values():
    design = Design("masked", 5, 3)
    assert symbol_values(altered(), design, 0.2, DELTA) == {"eps": 0.2, "delta": DELTA, "n": 5, "d": 8, "d_eff": 3.0}
    assert set(symbol_values(theory.statement("4.3"), design, 0.2, DELTA)) == {"eps", "delta", "n", "d"}
