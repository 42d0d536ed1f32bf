"""The smallest n that serves, by trying every n; and the trend of needed n on profiles whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import theory
from simulate.extremes.prefixes import size_grid
from verify.direction_profiles import Profile, RayPlan, alignment_profile, directions
from verify.required_samples import judge_side, smallest_serving
from verify.verdict import State

DELTA = 0.1
EPS = 0.35
margins = st.lists(st.one_of(st.floats(-3, 3), st.just(-math.inf)), min_size=1, max_size=12)


@given(margins)
def test_the_smallest_serving_size_by_trying_every_size(values):
    sizes = np.cumsum(np.arange(1, len(values) + 1)) + 1
    margin = np.array(values)
    serving = [i for i in range(len(values)) if all(m >= 0 for m in values[i:])]
    found = smallest_serving(sizes, margin)
    if not serving:
        assert found == math.inf
    elif serving[0] == 0:
        assert found == sizes[0]
    else:
        at = serving[0]
        assert sizes[at - 1] <= found <= sizes[at]


@given(margins, st.data())
def test_a_larger_margin_never_asks_for_more(values, data):
    sizes = np.arange(2.0, 2 + len(values))
    at = data.draw(st.integers(0, len(values) - 1))
    raised = list(values)
    raised[at] += data.draw(st.floats(0, 3))
    before, after = (smallest_serving(sizes, np.array(m)) for m in (values, raised))
    # Between two sizes the crossing is interpolated: a larger margin below it moves it down, one above it too.
    assert after <= before * (1 + 1e-12)


def test_crossings_are_interpolated_in_the_logarithm():
    sizes = np.array([10, 100])
    assert smallest_serving(sizes, np.array([-0.5, 0.5])) == pytest.approx(math.sqrt(1000))
    assert smallest_serving(sizes, np.array([-0.1, 0.3])) == pytest.approx(10 * 10**0.25)
    assert smallest_serving(sizes, np.array([-1e-9, 1.0])) == pytest.approx(10, rel=1e-6)
    # Wherever log g is linear in log n, the crossing is exact on any grid.
    for step in (1.05, 1.5):
        grid = np.array(size_grid(8, 4000, step), dtype=float)
        assert smallest_serving(grid, 0.7 * np.log(grid / 345)) == pytest.approx(345, rel=1e-9)


def profile(d: int, needed: float, cap: int, endpoint: float = 3.0) -> Profile:
    """A data set whose supremum falls to the bound at ε exactly at n = needed."""
    sizes = np.array([2, 4, *size_grid(d, cap * d, 1.15)])
    bound = (3 + EPS) / (1 - EPS) ** 2
    sup = endpoint + (bound - endpoint) * np.sqrt(needed / sizes)
    return Profile(sizes, np.full((len(sizes), 1), 0.999), sup[:, None])


def judged(growth, conditions: list[str], points=((8, 1), (16, 1), (32, 1), (64, 1), (128, 1)), noise: float = 0.15):
    statement = theory.statement("4.3").replace(sample_size=conditions)
    stream = np.random.default_rng(0)
    profiles = [
        [profile(d, growth(d, K) * math.exp(noise * stream.standard_normal()), 400) for _ in range(58)]
        for d, K in points
    ]
    plan = RayPlan("synthetic", tuple(points), 400)
    return judge_side(statement, plan, "upper", EPS, DELTA, profiles, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("growth", "conditions", "state"),
    [
        (lambda d, K: 20 * d, ["d"], State.HOLDS),
        (lambda d, K: 20 * d, ["d*log(d)"], State.HOLDS),
        (lambda d, K: 5 * d * math.log(d), ["d"], State.VIOLATED),
        (lambda d, K: 5 * d * math.log(d), ["d*log(d)"], State.HOLDS),
        (lambda d, K: 2 * d**1.5, ["d*log(d)"], State.VIOLATED),
        (lambda d, K: 2 * d**1.5, ["d*log(d)", "d**1.5"], State.HOLDS),
        (lambda d, K: 20 * d, ["log(d)"], State.VIOLATED),
        (lambda d, K: 20 * d, [], State.VIOLATED),
    ],
)
def test_needed_n_against_conditions_in_d(growth, conditions, state):
    side = judged(growth, conditions)
    assert side.state is state
    for (d, K), needed in zip(side.plan.points, side.needed, strict=True):
        assert growth(d, K) <= needed.estimate <= 1.6 * growth(d, K)


@pytest.mark.parametrize(
    ("growth", "conditions", "state"),
    [
        (lambda d, K: 4 * (d + math.log(10 * K)), ["d + log(K/delta)"], State.HOLDS),
        (lambda d, K: 30 * K**0.5, ["d", "log(K/delta)"], State.VIOLATED),
        (lambda d, K: 30 * K**0.5, ["sqrt(K)"], State.HOLDS),
        # A condition that vanishes at the first point takes its unit from the next.
        (lambda d, K: 30 * (1 + math.log(K)), ["log(K)", "d"], State.HOLDS),
    ],
)
def test_needed_n_against_conditions_in_directions(growth, conditions, state):
    points = tuple((6, K) for K in (1, 4, 16, 64, 256))
    assert judged(growth, conditions, points).state is state


def test_growth_that_the_conditions_allow_for_is_no_violation():
    # Below d + 1 samples at the first point only the onset of failures shows: g ≤ n always.
    side = judged(lambda d, K: 0.3 * d, ["log(d) + 1"], points=((8, 1), (9, 1), (10, 1)))
    assert side.state is State.HOLDS


def test_needed_n_beyond_the_grid_is_not_judged():
    side = judged(lambda d, K: 1000.0 * d, ["d"])
    assert side.state is State.OBSERVED
    assert side.trend is None
    assert min(side.failures) > 0.9


@pytest.mark.parametrize("upper", ["3", "2.9"])
def test_a_bound_without_room_is_violated_where_it_fails(upper):
    statement = theory.statement("4.3").replace(upper=upper)
    points = ((8, 1), (16, 1), (32, 1))
    plan = RayPlan("synthetic", points, 400)
    above = [[profile(d, 20.0 * d, 400) for _ in range(58)] for d, _ in points]
    assert judge_side(statement, plan, "upper", EPS, DELTA, above, np.random.default_rng(0)).state is State.VIOLATED
    below = [[profile(d, 20.0 * d, 400, endpoint=1.0) for _ in range(58)] for d, _ in points]
    below = [[p._replace(sup=np.minimum(p.sup, 2.5)) for p in at] for at in below]
    side = judge_side(statement, plan, "upper", EPS, DELTA, below, np.random.default_rng(0))
    assert side.state is not State.VIOLATED


def test_profiles_are_extremes_on_prefixes_over_the_first_directions():
    key = (4, (1, 3), 60, 1.3, 2)
    found = alignment_profile(7, key)
    np.testing.assert_array_equal(directions(7, 4, 5)[:, :3], directions(7, 4, 3))
    from verify.designs import Design

    X, V = Design("isotropic", 60, 4).draw(7, 2), directions(7, 4, 3)
    for row in (0, 3, len(found.sizes) // 2, len(found.sizes) - 1):
        n = int(found.sizes[row])
        for column, count in enumerate((1, 3)):
            values = []
            for v in V.T[:count]:
                left = np.linalg.svd(X[:n], full_matrices=False)[0][:, : min(n, 4)]
                j = (X[:n] @ v) ** 2
                values.append(np.linalg.eigvalsh(left.T @ (n * j[:, None] / j.sum() * left)))
            assert found.inf[row, column] == pytest.approx(min(v[0] for v in values), rel=1e-8, abs=1e-10)
            assert found.sup[row, column] == pytest.approx(max(v[-1] for v in values), rel=1e-8)
