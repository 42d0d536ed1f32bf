"""Which device a run takes, and how replicas are spread over a card; no card is needed."""

from __future__ import annotations

import itertools
import math
import sys
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import simulate
from simulate.kernels.cuda.launches import launch_shape


@dataclass
class Hopper:
    """The numbers of an H100."""

    multiprocessors: int = 132
    shared_bytes: int = 232_448


def test_launches_are_possible_and_carry_every_replica():
    sizes = [0, 64, 832, 30_000, 200_000, 400_000], [0, 1_600, 60_000, 300_000, 400_000_000]
    for replicas, parameters, work, rows in itertools.product([1, 7, 100, 5_000, 100_000], *sizes, [1, 3, 500]):
        shape = launch_shape(Hopper(), replicas, parameters, work, rows)
        assert 32 <= np.prod(shape.block) <= 256
        assert shape.shared_bytes <= 232_448
        assert shape.warps == 1 or (shape.teams == 1 and shape.warps <= rows)
        assert 1 <= shape.grid <= -(-replicas // shape.teams)
        room = math.inf if shape.shared else 2**31
        assert (shape.grid - 1) * shape.teams * shape.team_bytes <= room
        # No multiprocessor stands idle that could have a replica.
        assert shape.grid * shape.teams >= min(replicas, 132, room // max(1, shape.team_bytes))


def test_many_small_replicas_fill_the_card():
    shape = launch_shape(Hopper(), 100_000, 832, 2_000, 1)
    assert shape.resident
    assert shape.shared
    assert (shape.warps, shape.teams) == (1, 8)
    few = launch_shape(Hopper(), 10, 832, 2_000, 500)
    assert (few.warps, few.teams) == (8, 1)


RUNS = {
    "sgd": lambda device: simulate.sgd(simulate.Linear(1), [1.0], [[1.0]], [0.0], 0.5, 3, device=device),
    "gd": lambda device: simulate.gd(simulate.Linear(1), [1.0], [[1.0]], [0.0], 0.5, 3, device=device),
    "online_sgd": lambda device: simulate.online_sgd(simulate.Linear(1), [1.0], [1.0], [0.0], 0.5, 3, device=device),
    "linearised_sgd": lambda device: simulate.linearised_sgd([[1.0]], [1.0], 0.5, 3, device=device),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_device_that_is_not_there_is_refused(name, monkeypatch):
    run = RUNS[name]
    with pytest.raises(simulate.InputError, match=r"^device: expected 'auto' or 'cpu' or 'cuda', got str 'tpu'$"):
        run("tpu")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(
        simulate.MissingDependencyError, match=r"^cupy: expected to be installed for device='cuda', got"
    ):
        run("cuda")
    monkeypatch.setitem(sys.modules, "cupy", _CupyWithoutDevice)
    with pytest.raises(simulate.InputError, match=r"^device: expected a CUDA device for 'cuda', got none$"):
        run("cuda")
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="numba is not installed")
        np.testing.assert_array_equal(run("cpu").theta, run("auto").theta)


class _CupyWithoutDevice:
    """CuPy as it is on a machine without a GPU."""

    ndarray = type("ndarray", (), {})

    class cuda:  # noqa: N801
        is_available = staticmethod(lambda: False)


def test_cpu_brings_arrays_of_other_libraries_to_numpy():
    strict = pytest.importorskip("array_api_strict")
    rng = np.random.default_rng(1)
    theta0, X, y = np.zeros(7), rng.standard_normal((13, 7)), rng.standard_normal(13)
    there = [strict.asarray(a, device=strict.Device("device1")) for a in (theta0, X)]
    model = simulate.Linear(7)
    found = simulate.gd(model, *there, y, 0.02, 5, device="cpu")
    assert isinstance(found.theta, np.ndarray)
    np.testing.assert_array_equal(found.theta, simulate.gd(model, theta0, X, y, 0.02, 5).theta)
