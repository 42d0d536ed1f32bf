"""Named random streams: reproducible, independent, validated."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from scipy import special, stats

import simulate
from simulate.streams import generator

NAMES = [
    (0, "inputs", (), 0),
    (1, "inputs", (), 0),
    (0, "labels", (), 0),
    (0, "inputs", (1,), 0),
    (0, "inputs", (), 1),
    (0, "inputs", ((), 0), 0),
    (2**64, "inputs", (), 0),
    (2**200, "inputs", (), 0),
    (0, "inputs", (1, 2), 0),
    (0, "inputs", (12,), 0),
    (0, "inputs", ("12",), 0),
    (0, "inputs", (1.5,), 0),
    (0, "inputs", (None,), 0),
    (0, "inputs", ("1", "2"), 0),
    (0, "inputs", ((1, 2),), 0),
]


def test_same_name_same_stream():
    for name in NAMES:
        first, second = generator(*name).standard_normal(8), generator(*name).standard_normal(8)
        np.testing.assert_array_equal(first, second)


def test_streams_are_fixed_for_ever():
    # A change of these numbers makes every stored result irreproducible.
    assert generator(0, "inputs").integers(0, 2**63, 3).tolist() == [
        273770838197462805,
        5787079350356638838,
        2481553936258121468,
    ]
    assert generator(7, "inputs", (0.1, "x", (3,)), 2).integers(0, 2**63, 2).tolist() == [
        4217298715493686600,
        1203659547336042326,
    ]


def test_another_process_draws_the_same():
    code = "from simulate.streams import generator; print(generator(3, 'a', (1, 'b'), 4).integers(0, 2**62))"
    drawn = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(drawn) == generator(3, "a", (1, "b"), 4).integers(0, 2**62)


@pytest.mark.parametrize(
    ("left", "right"), [((5,), (5.0,)), ((5,), (np.int64(5),)), ([0.1], (np.float64(0.1),)), ((0.0,), (-0.0,))]
)
def test_equal_points_name_one_stream(left, right):
    assert generator(0, "x", left).integers(2**62) == generator(0, "x", right).integers(2**62)


def test_streams_are_uncorrelated():
    # 105 pairs, each correlation N(0, 1/n) up to O(1/n): by Bonferroni a false alarm has probability 1e-6.
    n = 20_000
    streams = [generator(*name).standard_normal(n) for name in NAMES]
    threshold = -special.ndtri(0.5e-6 / 105) / np.sqrt(n)
    for first, second in itertools.combinations(streams, 2):
        assert abs(np.mean(first * second)) < threshold


def test_first_draws_of_many_streams_are_uniform():
    # Neighbouring trials must not share structure; Kolmogorov-Smirnov at level 1e-6 in all.
    draws = np.array([generator(0, "trial", (), trial).random(2) for trial in range(3000)])
    assert stats.kstest(draws[:, 0], "uniform").pvalue > 2.5e-7
    assert stats.kstest(draws[:, 1], "uniform").pvalue > 2.5e-7
    assert stats.kstest((draws[:, 0] - draws[:, 1]) % 1, "uniform").pvalue > 2.5e-7
    assert stats.kstest((draws[1:, 0] - draws[:-1, 0]) % 1, "uniform").pvalue > 2.5e-7


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((True, "x"), "seed"),
        ((-1, "x"), "seed"),
        ((1.0, "x"), "seed"),
        ((None, "x"), "seed"),
        (("1", "x"), "seed"),
        ((np.True_, "x"), "seed"),
        ((0, ""), "purpose"),
        ((0, 1), "purpose"),
        ((0, "x", "point"), "point"),
        ((0, "x", 3), "point"),
        ((0, "x", (True,)), "point"),
        ((0, "x", (float("nan"),)), "point"),
        ((0, "x", (float("inf"),)), "point"),
        ((0, "x", (b"bytes",)), "point"),
        ((0, "x", (1j,)), "point"),
        ((0, "x", (), -1), "trial"),
        ((0, "x", (), True), "trial"),
        ((0, "x", (), 0.5), "trial"),
    ],
)
def test_bad_names_are_refused(arguments, name):
    with pytest.raises(simulate.InputError, match=f"^{name}: expected [^\n]*, got [^\n]*$"):
        generator(*arguments)
