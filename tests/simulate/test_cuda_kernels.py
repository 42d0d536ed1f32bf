"""CUDA kernels against the CPU's path by path: on a card where one is, and here from the same sources on the CPU."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from cuda_emulation import EmulatedCard, compiler

import simulate
from simulate.dynamics import runs
from simulate.kernels.cuda.device import card
from simulate.kernels.cuda.launches import Device, source

STEPS, LR = 7, 0.02
ONCE = simulate.Record(at=[STEPS])
UNSEEN = simulate.Record(at=[], loss=False)
COLUMNS = (1, 7, 37)
FAMILIES: dict[str, Callable[[int], simulate.Model]] = {
    "linear": simulate.Linear,
    "difference": simulate.DiagonalLinear,
    "product": lambda d: simulate.DiagonalLinear(d, form="product"),
    "deep": lambda d: simulate.DeepLinear(d, (41, 9, 3)),
    "one layer": lambda d: simulate.DeepLinear(d, ()),
    "leaky ReLU": lambda d: simulate.TwoLayer(d, 11, slope=0.2),
    "both layers": lambda d: simulate.TwoLayer(d, 35, slope=0.1, train_outer=True),
    "smooth": lambda d: simulate.TwoLayer(d, 9, slope=0.1, activation="smooth", train_outer=True),
}
# Steps of a family differ with the size of a minibatch: one sample, one row of a block of eight, several of them.
BATCHES = [(family, *batch) for family in FAMILIES for batch in ((1, True), (3, True), (19, True), (9, False))]
# How minibatches are chosen is the same for all families.
BATCHES += [
    ("linear", 8, True),
    ("deep", 130, True),
    ("linear", 130, True),
    ("linear", 1, False),
    ("linear", 30, False),
]


def _cuda() -> Any:
    """CuPy, where it has a device."""
    if importlib.util.find_spec("cupy") is None:
        return None
    import cupy

    return cupy if cupy.cuda.is_available() else None


@dataclass
class Place:
    """Where kernels run.

    Attributes:
        device: the card, or what stands in for one.
        arguments: what functions of ``simulate`` are told besides.
        asarray: brings an array there.
        patch: of the test, where NumPy arrays have to be taken for those of a card.
    """

    device: Device
    arguments: dict[str, Any]
    asarray: Callable[[np.ndarray], Any]
    patch: pytest.MonkeyPatch | None

    def run(self, function: Callable[..., simulate.Ensemble], *arguments: Any, **more: Any) -> simulate.Ensemble:
        """Run a function of ``simulate`` in CUDA kernels; parameters come back on the host."""
        if self.patch is None:
            found = function(*arguments, **more, **self.arguments)
        else:
            with self.patch.context() as patch:
                patch.setattr(runs, "_device", lambda array: self.device)
                found = function(*arguments, **more, **self.arguments)
        return simulate.Ensemble(
            simulate.to_host(found.theta), found.times, found.values, found.diverged_at, found.steps, found.finished
        )


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """A folder that test processes which run side by side share: what one has compiled serves all."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    (folder / "cuda").mkdir(exist_ok=True)
    return folder / "cuda"


NO_CARD = pytest.mark.skipif(_cuda() is None, reason="no CUDA device, or no CuPy")
NO_EMULATION = pytest.mark.skipif(
    compiler is None or sys.platform != "linux", reason="the kernels run on the CPU with g++ on Linux"
)
EMULATED = pytest.param("emulated", marks=NO_EMULATION)
CARD = pytest.param("cuda", marks=[pytest.mark.gpu, NO_CARD])


@pytest.fixture(params=[EMULATED, CARD])
def place(request, compiled, monkeypatch):
    if request.param == "cuda":
        return Place(card(0), {"device": "cuda"}, _cuda().asarray, None)
    return Place(EmulatedCard(compiled, multiprocessors=1), {}, np.array, monkeypatch)


def on_cpu(function: Callable[..., simulate.Ensemble], *arguments: Any, **more: Any) -> simulate.Ensemble:
    """Run on the CPU: in Numba's kernels or, where it is not installed, in plain Python."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="numba is not installed")
        return function(*arguments, **more)


def samples(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + 100 * d)
    return rng.standard_normal((n, d)) / np.sqrt(d), rng.standard_normal(n)


def agree(found: simulate.Ensemble, expected: simulate.Ensemble) -> None:
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(found.diverged_at, expected.diverged_at)
    assert found.values.keys() == expected.values.keys()
    for name, values in expected.values.items():
        np.testing.assert_allclose(found.values[name], values, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("family", "batch", "replacement"), BATCHES)
def test_paths_are_those_of_the_cpu(place, family, batch, replacement):
    model = FAMILIES[family](7)
    run = (model, model.init(seed=2), *samples(30, 7), LR, STEPS, batch, replacement, 5, 3, None, 0.0, ONCE)
    agree(place.run(simulate.sgd, *run), on_cpu(simulate.sgd, *run))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("d", COLUMNS)
def test_paths_with_label_noise_and_schedules(place, family, d):
    model = FAMILIES[family](d)
    run = (model, model.init(seed=2), *samples(13, d), LR, STEPS, 3, False, 3, 3, simulate.triangular(4), 0.3)
    more = {"first_replica": 2**32 - 3, "first_step": 2**34 + 1}
    agree(place.run(simulate.sgd, *run, **more), on_cpu(simulate.sgd, *run, **more))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("d", "batch", "noise"), [(1, 1, 0.0), (7, 3, 0.3), (37, 9, 0.3)])
def test_online_paths_are_those_of_the_cpu(place, family, d, batch, noise):
    model, spectrum, teacher = FAMILIES[family](d), np.linspace(0.5, 2, d) / d, np.linspace(-1, 1, d)
    record = ONCE if d == 7 else UNSEEN
    run = (model, model.init(seed=2), spectrum, teacher, LR, STEPS, batch, 2, 5, None, noise, record)
    agree(place.run(simulate.online_sgd, *run), on_cpu(simulate.online_sgd, *run))


@pytest.mark.parametrize("family", ["linear", "smooth"])
@pytest.mark.parametrize("batch", [1, 3])
def test_one_sample(place, family, batch):
    model = FAMILIES[family](7)
    run = (model, model.init(seed=2), *samples(1, 7), LR, STEPS, batch)
    agree(place.run(simulate.sgd, *run), on_cpu(simulate.sgd, *run))


@pytest.mark.parametrize("replacement", [True, False])
def test_words_are_drawn_anew(place, replacement):
    model = simulate.Linear(7)
    X, y = samples(30, 7)
    run = (model, np.zeros(7), X, y, LR, 300, 1, replacement, 2, 3, None, 0.1, simulate.Record(at=[3, 300]))
    agree(place.run(simulate.sgd, *run, first_step=5), on_cpu(simulate.sgd, *run, first_step=5))


@pytest.mark.parametrize("batch", [(1, True), (7, False)])
def test_the_valley(place, batch):
    model = simulate.CurvedValley()
    X, y = samples(11, 1)
    run = (model, np.array([0.7, 1.3]), X, y, LR, 40, *batch, 3)
    agree(place.run(simulate.sgd, *run), on_cpu(simulate.sgd, *run))


@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_descent_from_many_starts(place, monkeypatch, family):
    monkeypatch.setattr(runs, "_MANY_STARTS", 5)
    model = FAMILIES[family](7)
    starts = np.stack([model.init(seed) for seed in range(runs._MANY_STARTS)])
    run = (model, starts, *samples(19, 7), LR, 3)
    agree(place.run(simulate.gd, *run), on_cpu(simulate.gd, *run))


@pytest.mark.parametrize("family", FAMILIES)
def test_all_that_is_recorded(place, family):
    model = FAMILIES[family](7)
    X, y = samples(13, 7)
    theta0 = model.init(seed=2)
    directions = simulate.eigen_directions(model, theta0, X)
    record = simulate.Record(
        at=[0, 2, STEPS], loss_alignment=True, directional_alignment=2, directions=directions, sharp=(1, 2),
        parameters=True,
    )  # fmt: skip
    run = (model, theta0, X, y, LR, STEPS, 2, True, 3, 3, None, 0.0, record)
    found, expected = place.run(simulate.sgd, *run), on_cpu(simulate.sgd, *run)
    agree(found, expected)
    np.testing.assert_array_equal(found.values["parameters"][-1], found.theta)


def test_directions_as_many_as_a_block_has_not(place):
    X, y = samples(60, 41)
    model = simulate.Linear(41)
    record = simulate.Record(at=[3], directions=simulate.eigen_directions(model, np.ones(41), X), sharp=(1, 17, 41))
    run = (model, np.zeros(41), X, y, LR, 3, 1, True, 3, 3, None, 0.0, record)
    agree(place.run(simulate.sgd, *run), on_cpu(simulate.sgd, *run))


@pytest.mark.parametrize("family", ["linear", "product", "both layers"])
@pytest.mark.parametrize("batch", [1, 12])
def test_a_path_that_diverges_stops_and_leaves_the_others_alone(place, family, batch):
    model = FAMILIES[family](7)
    starts = np.stack([model.init(seed=2)] * 5)
    starts[1:3] = 1e152
    run = (model, starts, *samples(19, 7), LR, STEPS, batch, True, 5, 3)
    found, expected = place.run(simulate.sgd, *run), on_cpu(simulate.sgd, *run)
    agree(found, expected)
    assert found.diverged_at.tolist().count(-1) == 3


@pytest.mark.parametrize("family", ["linear", "product", "deep", "both layers"])
def test_single_precision_stays_single(place, family):
    model = FAMILIES[family](7)
    X, y = samples(13, 7)
    theta0 = model.init(seed=2)
    run = (LR, STEPS, 3, False, 3, 3, None, 0.1)
    there = [place.asarray(np.asarray(a, np.float32)) for a in (theta0, X, y)]
    found, expected = place.run(simulate.sgd, model, *there, *run), on_cpu(simulate.sgd, model, theta0, X, y, *run)
    assert found.theta.dtype == np.float32
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.values["loss"], expected.values["loss"], rtol=1e-4)
    online = (LR, STEPS, 3, 3, 3, None, 0.1, UNSEEN)
    there = [place.asarray(np.asarray(a, np.float32)) for a in (theta0, np.ones(7), np.ones(7))]
    found = place.run(simulate.online_sgd, model, *there, *online)
    expected = on_cpu(simulate.online_sgd, model, theta0, np.ones(7), np.ones(7), *online)
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-3, atol=1e-4)


WORDS = """
extern "C" __global__ void words(const Word* counter, const Word* key, Word* out) {
    Word c[4] = {counter[0], counter[1], counter[2], counter[3]};
    philox4x32(c, key[0], key[1]);
    for (int i = 0; i < 4; ++i) out[i] = c[i];
}
extern "C" __global__ void normals(Word key0, Word key1, Word replica, long long first, int count, double* out) {
    fill_normals(Team(), out, first, count, Stream{key0, key1, replica}, INPUTS);
}
"""
# From the list of known answers that comes with Random123.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_known_answers(place, counter, key, expected):
    out = place.asarray(np.zeros(4, np.uint32))
    given = [place.asarray(np.array(words, np.uint32)) for words in (counter, key)]
    place.device.launch(source("LINEAR", "double") + WORDS, "words", 1, (32, 1, 1), 0, [*given, out])
    np.testing.assert_array_equal(simulate.to_host(out), np.array(expected, np.uint32))


def test_normal_draws_are_those_of_numpy(place):
    from simulate.dynamics import draws

    key, first, count = np.array([5, 6], np.uint32), 4 * 2**32 - 8, 400
    out = place.asarray(np.zeros(count))
    arguments = [*key, np.uint32(7), np.int64(first), np.int32(count), out]
    place.device.launch(source("LINEAR", "double") + WORDS, "normals", 1, (32, 1, 1), 0, arguments)
    expected = draws.random_normals(key, first, count, 7, draws.INPUTS)
    np.testing.assert_allclose(simulate.to_host(out), expected, rtol=1e-12, atol=1e-14)


# One family for each branch of models.cuh, with more rows than a team has warps.
@NO_EMULATION
@pytest.mark.parametrize("family", ["linear", "product", "deep", "leaky ReLU", "smooth"])
@pytest.mark.parametrize("batch", [1, 11])
def test_no_launch_changes_a_bit(compiled, monkeypatch, family, batch):
    model = FAMILIES[family](37)
    X, y = samples(30, 37)
    spectrum, teacher = np.linspace(0.5, 2, 37) / 37, np.linspace(-1, 1, 37)
    cards = [
        EmulatedCard(compiled, multiprocessors, shared, backwards)
        for multiprocessors, shared, backwards in (
            (1, 200_000, False), (3, 200_000, True), (20, 200_000, True), (1, 6_000, False), (20, 0, True), (1, 0, True)
        )
    ]  # fmt: skip
    found, two = [], simulate.Record(at=[2])
    for device in cards:
        place = Place(device, {}, np.array, monkeypatch)
        run = place.run(simulate.sgd, model, model.init(2), X, y, LR, 2, batch, False, 9, 3, None, 0.1, two)
        online = place.run(
            simulate.online_sgd, model, model.init(2), spectrum, teacher, LR, 1, batch, 9, 3, None, 0.1, UNSEEN
        )
        found.append((run.theta, run.values["loss"], online.theta))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)
    blocks = {(block, shared > 0) for device in cards for _, _, block, shared in device.launches}
    assert {shared for _, shared in blocks} == {True, False}
    assert any(teams > 1 for (_, _, teams), _ in blocks)
    assert any(warps > 1 for (_, warps, _), _ in blocks) or family in {"linear", "difference", "product"}


@NO_EMULATION
def test_the_stand_in_notices_faults(compiled):
    code = """
extern "C" __global__ void part(int n) {
    if (threadIdx.x < n) __syncwarp();
}
extern "C" __global__ void beyond(int n) {
    extern __shared__ __align__(16) unsigned char shared_memory[];
    shared_memory[n] = 1;
}
"""
    device = EmulatedCard(compiled)
    device.launch(code, "part", 1, (32, 1, 1), 0, [np.int32(32)])
    device.launch(code, "beyond", 1, (32, 1, 1), 8, [np.int32(7)])
    with pytest.raises(AssertionError, match="threads wait for each other"):
        device.launch(code, "part", 1, (32, 1, 1), 0, [np.int32(31)])
    with pytest.raises(AssertionError, match="a write beyond shared memory"):
        device.launch(code, "beyond", 1, (32, 1, 1), 8, [np.int32(8)])
    with pytest.raises(AssertionError, match="arguments of other types"):
        device.launch(code, "part", 1, (32, 1, 1), 0, [np.int64(32)])


@pytest.mark.gpu
@NO_CARD
@pytest.mark.parametrize(
    ("model", "n", "batch", "replicas"),
    [
        (simulate.Linear(2500), 300, 4, 500),
        (simulate.Linear(100), 1000, 1, 3001),
        (simulate.DiagonalLinear(700), 100, 64, 150),
        (simulate.DeepLinear(300, (200, 100)), 100, 9, 20),
        (simulate.TwoLayer(100, 100, train_outer=True), 200, 16, 50),
        (simulate.TwoLayer(100, 500), 200, 3, 40),
    ],
    ids=["wide", "many", "diagonal", "deep", "two layers", "in global memory"],
)
def test_sizes_that_need_a_card(model, n, batch, replicas):
    X, y = samples(n, model.d)
    theta0 = model.init(1)
    run = (model, theta0, X, y, 0.01, 6, batch, False, replicas, 3)
    found = simulate.sgd(*run, device="cuda")
    agree(
        simulate.Ensemble(simulate.to_host(found.theta), found.times, found.values, found.diverged_at, found.steps),
        on_cpu(simulate.sgd, *run),
    )


@pytest.mark.gpu
@NO_CARD
def test_arrays_stay_on_their_card():
    cupy = _cuda()
    X, y = samples(13, 7)
    model = simulate.Linear(7)
    found = simulate.sgd(model, cupy.zeros(7), cupy.asarray(X), cupy.asarray(y), LR, 5, replicas=3, seed=1)
    assert isinstance(found.theta, cupy.ndarray)
    back = simulate.sgd(model, cupy.zeros(7), X, cupy.asarray(y), LR, 5, replicas=3, seed=1, device="cpu")
    assert isinstance(back.theta, np.ndarray)
    np.testing.assert_allclose(cupy.asnumpy(found.theta), back.theta, rtol=1e-11, atol=1e-13)
