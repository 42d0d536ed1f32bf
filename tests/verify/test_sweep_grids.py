"""Grids: what axes mean, how many points there are, and that they are made one by one."""

from __future__ import annotations

import itertools
import math
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.errors import VerifyError
from verify.sweeps.grids import MOST_POINTS, Grid

NUMBERS = st.lists(st.one_of(st.integers(-50, 50), st.floats(-50, 50)), min_size=1, max_size=4, unique=True)
TEXTS = st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True)
AXES = st.dictionaries(st.sampled_from("abcd"), st.one_of(NUMBERS, TEXTS), min_size=1, max_size=4)


@given(AXES, st.integers(1, 3))
def test_points_are_the_product_with_trials_fastest(axes, trials):
    grid = Grid(axes, trials)
    expected = [(*values, trial) for values in itertools.product(*axes.values()) for trial in range(trials)]
    points = list(grid)
    assert [(*point.values, point.trial) for point in points] == expected
    assert [point.place for point in points] == list(range(len(expected))) == list(range(len(grid)))
    assert [grid.at(place) for place in range(len(grid))] == points


def test_zipped_axes_advance_together_wherever_they_stand():
    grid = Grid({"a": [1, 2], "b": ["x", "y"], "c": [10, 20], "e": 5}, zipped=["c", "a"])
    assert [point.values for point in grid] == [(1, "x", 10, 5), (1, "y", 10, 5), (2, "x", 20, 5), (2, "y", 20, 5)]
    assert [grid.at(place) for place in range(4)] == list(grid)
    two = Grid({"a": [1, 2], "b": [3, 4], "c": [5, 6], "e": [7, 8]}, zipped=[["a", "b"], ["c", "e"]])
    assert [p.values for p in two] == [(1, 3, 5, 7), (1, 3, 6, 8), (2, 4, 5, 7), (2, 4, 6, 8)]
    # A value may come twice where the other axis tells the points apart.
    assert len(Grid({"a": [1, 1], "b": [3, 4]}, zipped=["a", "b"])) == 2


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (5, [5]),
        ("x", ["x"]),
        (range(2, 8, 2), [2, 4, 6]),
        (np.array([1.5, 2.0]), [1.5, 2.0]),
        (np.arange(3), [0, 1, 2]),
        ([1, 2.5], [1.0, 2.5]),
        ({"from": 1, "to": 9, "step": 4}, [1, 5, 9]),
        ({"from": 9, "to": 2, "step": -3}, [9, 6, 3]),
        ({"from": 0, "to": 1, "step": 0.1}, [0.1 * k for k in range(11)]),
        ({"from": 0.0, "to": 1.0, "count": 3}, [0.0, 0.5, 1.0]),
        ({"from": 10, "to": 1000, "count": 3, "spacing": "log"}, [10, 100, 1000]),
        ({"from": 1, "to": 3, "count": 9, "spacing": "log"}, [1, 2, 3]),
        ({"from": 0.01, "to": 1.0, "count": 3, "spacing": "log"}, [0.01, 0.1, 1.0]),
        ({"from": 4, "to": 4, "count": 1}, [4]),
    ],
)
def test_axes(spec, expected):
    values = Grid({"a": spec}).axes["a"]
    assert values == pytest.approx(expected) if not isinstance(expected[0], str) else values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_whole_axes_take_whole_floats_and_round_what_is_spaced():
    axes = {"n": {"from": 1e2, "to": 1e4, "count": 4, "spacing": "log"}, "d": [2.0, 3]}
    assert Grid(axes, integers={"n", "d"}).axes == {"n": [100, 464, 2154, 10000], "d": [2, 3]}
    with pytest.raises(VerifyError, match=r"^d: expected integers, got 2\.5$"):
        Grid({"d": [2.5]}, integers={"d"})


BAD = [
    ({}, {}, "axes: expected at least one axis"),
    ({"a": []}, {}, "a: expected at least one value, got none: the grid is empty"),
    ({"a": np.empty(0)}, {}, "the grid is empty"),
    ({"a": [1, 2, 1.0]}, {}, "a: expected each value once, got 1.0 twice"),
    ({"a": [1, "x"]}, {}, "a: expected numbers or strings, got both"),
    ({"a": [True]}, {}, "a: expected finite numbers or strings, got True"),
    ({"a": [np.True_]}, {}, "a: expected finite numbers or strings"),
    ({"a": [math.nan]}, {}, "a: expected finite numbers or strings, got nan"),
    ({"a": [None]}, {}, "a: expected finite numbers or strings, got None"),
    ({"a": np.ones((2, 2))}, {}, "a: expected finite numbers or strings"),
    ({"a": None}, {}, "a: expected a value, a sequence"),
    ({"a": {1, 2}}, {}, "a: expected a value, a sequence"),
    ({"a": b"xy"}, {}, "a: expected a value, a sequence"),
    ({"a": [2**63]}, {}, "a: expected integers of at most 64 bits"),
    ({"seed": [1]}, {}, "seed: expected another name for an axis"),
    ({"a b": [1]}, {}, "axes: expected names such as 'd'"),
    ({"a": {"from": 1}}, {}, "a: expected 'from' and 'to', got no 'to'"),
    ({"a": {"from": 1, "to": 2}}, {}, "a: expected one of 'count' and 'step', got neither"),
    ({"a": {"from": 1, "to": 2, "count": 2, "step": 1}}, {}, "got both"),
    ({"a": {"from": 1, "to": 2, "cuont": 2}}, {}, "did you mean 'count'"),
    ({"a": {"from": 1, "to": 2, "count": 2, "spacing": "lgo"}}, {}, "did you mean 'log'"),
    ({"a": {"from": 0, "to": 2, "count": 2, "spacing": "log"}}, {}, "a: expected positive ends"),
    ({"a": {"from": 1, "to": 2, "step": 1, "spacing": "log"}}, {}, "a: expected positive ends"),
    ({"a": {"from": 1, "to": 2, "step": 0}}, {}, "the grid is empty"),
    ({"a": {"from": 1, "to": 2, "step": -1}}, {}, "the grid is empty"),
    ({"a": {"from": 1, "to": 2, "count": 0}}, {}, "a: expected a 'count' of at least 1, got 0"),
    ({"a": {"from": 1, "to": 2, "count": 1}}, {}, "a: expected a 'count' of at least 2"),
    ({"a": {"from": "x", "to": 2, "count": 2}}, {}, "a: expected a number as 'from', got 'x'"),
    ({"a": [1]}, {"trials": 0}, "trials: expected an integer from 1"),
    ({"a": [1]}, {"trials": True}, "trials: expected an integer from 1"),
    ({"a": [1]}, {"trials": 1.0}, "trials: expected an integer from 1"),
    ({"a": [1, 2], "b": [1, 2, 3]}, {"zipped": ["a", "b"]}, "zipped: expected axes of the same length, got a of 2"),
    ({"abc": [1], "b": [2]}, {"zipped": ["abd", "b"]}, "did you mean 'abc'"),
    ({"a": [1], "b": [2]}, {"zipped": [["a", "b"], ["a"]]}, "zipped: expected each axis once, got 'a' twice"),
    ({"a": [1], "b": [2]}, {"zipped": "ab"}, "zipped: expected names of axes"),
    ({"a": [1], "b": [2]}, {"zipped": [1]}, "zipped: expected names of axes"),
]


@pytest.mark.parametrize(("axes", "options", "message"), BAD)
def test_what_is_no_grid_is_refused(axes, options, message):
    with pytest.raises(VerifyError) as refused:
        Grid(axes, **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("axes", "trials", "count"),
    [
        ({"a": range(10**4), "b": range(10**4)}, 2, "200,000,000"),
        ({"a": range(10**12)}, 1, "1,000,000,000,000"),
        ({"a": {"from": 0.0, "to": 1.0, "count": 10**9}}, 1, "1,000,000,000"),
        ({"a": {"from": 0, "to": 10**9, "step": 1}}, 1, "1,000,000,001"),
        ({"a": [1, 2]}, MOST_POINTS, "200,000,000"),
    ],
)
def test_too_many_points_are_refused_with_the_count_before_any_is_made(axes, trials, count):
    tracemalloc.start()
    begun = time.perf_counter()
    with pytest.raises(VerifyError, match=rf"^grid: expected at most 100,000,000 points, got {count}$"):
        Grid(axes, trials)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
    assert time.perf_counter() - begun < 5


def test_a_hundred_thousand_points_take_the_memory_of_their_axes():
    grid = Grid({"a": range(100), "b": range(100)}, trials=10)
    tracemalloc.start()
    count = sum(1 for _ in grid)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    # All of them at once would take more than 10 MB.
    assert peak < 1e6


@pytest.mark.parametrize("place", [-1, 4])
def test_there_are_no_points_beyond_the_grid(place):
    with pytest.raises(IndexError):
        Grid({"a": [1, 2]}, trials=2).at(place)
