"""Rays for statements about every θ and direction: sizes from the conditions, worst cases once and for all."""

from __future__ import annotations

import math

import numpy as np
import pytest

import theory
from verify.claims._context import Context
from verify.designs import Design
from verify.uniform_rays import (
    Observations,
    UniformPlan,
    accuracy_ray,
    dimension_ray,
    lay_uniform_ray,
    uniform_extremes,
)

DELTA = 0.1


def test_the_number_of_samples_is_the_smallest_that_the_conditions_allow():
    plan = dimension_ray(0.5, (4, 8, 16), 40, 2)
    ray = lay_uniform_ray(plan, theory.statement("4.2"), DELTA)
    C = ray.constants["sample_size"]
    for point in ray.points:
        d, eps = point.design.d, point.eps
        terms = [
            d**2 * math.log(1 / eps) ** 2 / eps,
            math.log(1 / DELTA) ** 2 / eps,
            d * math.log(1 / eps) / eps**2,
            math.log(1 / DELTA) / eps**2,
        ]
        assert point.design.n == math.ceil(C * max(terms) - 1e-6)
    assert ray.points[0].design.n == 40
    assert ray.scale_name == "d"
    assert [p.scale for p in ray.points] == [4, 8, 16]


def test_at_fixed_dimension_the_samples_are_the_scale():
    ray = lay_uniform_ray(accuracy_ray(2, (0.5, 0.1), 60, 3000), theory.statement("4.2"), DELTA)
    assert ray.scale_name == "n"
    assert [p.eps for p in ray.points] == pytest.approx(np.geomspace(0.5, 0.1, 5), rel=1e-4)
    assert ray.points[0].design.n == 60
    assert all(a.design.n < b.design.n for a, b in zip(ray.points, ray.points[1:], strict=False))


def test_without_conditions_the_samples_are_few_and_eps_is_the_scale():
    statement = theory.statement("4.2").replace(sample_size=[])
    ray = lay_uniform_ray(accuracy_ray(3, (0.5, 0.1), 60, 3000), statement, DELTA)
    assert {p.design.n for p in ray.points} == {8}
    assert ray.scale_name == "1/ε"


def test_conditions_may_contain_n():
    statement = theory.statement("4.2").replace(sample_size=["d*log(n)"])
    ray = lay_uniform_ray(UniformPlan("log n", ((0.5, 4), (0.5, 8)), 100, 400), statement, DELTA)
    C = ray.constants["sample_size"]
    for point in ray.points:
        needed = C * point.design.d * math.log(point.design.n)
        assert needed - 1e-6 <= point.design.n <= needed + 1


def test_conditions_that_ask_for_far_more_shorten_the_ray():
    statement = theory.statement("4.2").replace(sample_size=["d**4"])
    plan = dimension_ray(0.5, (8, 11, 16, 23, 32), 26, 2)
    ray = lay_uniform_ray(plan, statement, DELTA)
    assert ray.points[0].design.n == 26
    assert 3 <= len(ray.points) < 5
    assert all(point.design.n <= 4 * plan.n_top for point in ray.points[3:])


def test_each_data_set_is_computed_once():
    asked = []

    def mapper(function, items):
        asked.extend(items)
        return [function(item) for item in items]

    context = Context("quick", 0, mapper=mapper, progress=lambda share, doing: None)
    observations = Observations(context, 4)
    small, wide = Design("isotropic", 40, 3), Design("isotropic", 12, 6)
    first = observations.extremes([small, wide], 3)
    again = observations.extremes([wide], 2)[0]
    assert len(asked) == 6
    assert np.array_equal(again.found, first[1].found[:2])
    assert first[0].certified[0].tolist() == pytest.approx(list(uniform_extremes(0, 4, (small, 0))[2:]))
    # Twelve samples are fewer than the pairs of six coordinates: no certificate below.
    assert (first[1].certified[:, 0] == 0).all()
    for one in first:
        assert (one.certified[:, 0] <= one.found[:, 0]).all()
        assert (one.found[:, 1] <= one.certified[:, 1]).all()
    assert len(observations.table()) == 6
