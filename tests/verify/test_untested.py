"""Weakenings beyond the reach of the rays leave a statement open; those along the rays are left to the rays."""

from __future__ import annotations

import pytest

import theory
from verify.designs import Design
from verify.loss_rays import Observations
from verify.observing import observe
from verify.rays import RayPlan, lay_ray
from verify.untested import untested_range
from verify.verdict import State

CLIPPED = {"sample_size": "log(n/delta)/max(eps, 0.1)**2", "dimension": "log(n/delta)/max(eps, 0.1)**2"}


@pytest.mark.parametrize(
    ("claim", "changes", "count"),
    [
        ("3.3", CLIPPED, 2),
        ("3.3", {"dimension": "min(log(n/delta), 16)/eps**2"}, 1),
        ("3.3", {"upper": "1 + min(eps, 10*eps**2)"}, 1),
        ("3.3", {"lower": "1 - min(eps, 10*eps**2)"}, 1),
        ("3.3", {"upper": "1 + max(eps, 0.1)"}, 0),
        ("3.3", {"dimension": "log(n/delta)/eps"}, 0),
        ("3.3", {"dimension": "log(n/delta)/min(eps, 0.1)**2"}, 0),
        ("3.3", {"dimension": "log(1/delta)/eps**2"}, 0),
        ("3.3", {"dimension": []}, 0),
        ("3.3", {"upper": None}, 0),
        ("4.3", {"upper": "3 + min(eps, 10*eps**2)"}, 0),
        ("4.3", {"upper": "4 + eps"}, 0),
    ],
)
def test_what_sets_in_beyond_the_rays_is_named(claim, changes, count):
    found = untested_range(theory.statement(claim).replace(**changes))
    assert [evidence.state for evidence in found] == [State.INCONCLUSIVE] * count
    assert all("the rays say nothing" in evidence.finding for evidence in found)


def test_statements_of_the_catalogue_and_their_controls_are_their_own_measure():
    for statement in theory.statements():
        assert untested_range(statement) == []
        assert all(untested_range(control.statement) == [] for control in statement.controls)


@pytest.mark.parametrize(
    ("changes", "bends"),
    [({}, False), ({"sample_size": "log(log(n))"}, True), ({"sample_size": "d_eff**2"}, True)],
)
def test_a_ray_on_which_n_and_d_eff_pass_each_other_bends(changes, bends):
    plan = RayPlan("d_eff has slack", "isotropic", n_top=250, rank_top=3000, rank_slack=300)
    original = theory.statement("3.3")
    ray = lay_ray(plan, original.replace(**changes) if changes else original, 0.1)
    assert ray.bends == bends


def test_climbing_on_a_ray_that_bends_refutes_nothing(monkeypatch):
    from verify import observing
    from verify.claims._context import Context

    plan = RayPlan("d_eff has slack", "isotropic", n_top=40, rank_top=200, rank_slack=10)
    statement = theory.statement("3.3").replace(sample_size="d_eff**2")
    ray = lay_ray(plan, statement, 0.1)
    context = Context("quick", 0, lambda f, items: [f(item) for item in items], lambda share, doing: None)

    def climbing(scales, ratios, level, generator):
        return observing.Trend(State.VIOLATED, None, None, [])

    monkeypatch.setattr(observing, "judge_trend", climbing)
    observed = observe(ray, statement, context, Observations(context), 0.1, (4,))
    assert ray.bends
    assert {trend.state for trend in observed.trends.values()} == {State.INCONCLUSIVE}


@pytest.mark.parametrize("family", ["isotropic", "masked"])
def test_a_condition_on_n_that_contains_d_eff_starts_in_the_plans_proportion(family):
    plan = RayPlan("both bind", family, n_top=700, rank_top=700)
    ray = lay_ray(plan, theory.statement("3.3").replace(sample_size="d_eff**2"), 0.1)
    first: Design = ray.points[0].design
    assert first.n == pytest.approx(first.rank, rel=0.1)
    assert all(point.design.n <= 2 * plan.n_top and point.design.rank <= 2 * plan.rank_top for point in ray.points)
