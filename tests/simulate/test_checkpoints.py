"""Checkpoints of trainings: killed and resumed bit for bit, and refused where they are not what they should be."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import simulate
from simulate import networks, streams
from simulate.networks import Outcome, checkpoints

ROOT = Path(simulate.__file__).parents[1]
SETTINGS = {"lr": 0.01, "batch": 8, "epochs": 6, "seed": 2}
# A training that can be killed: 3 steps an epoch, a checkpoint after each step, and time between them.
KILLED = """
import sys, time
import test_checkpoints as tests
from simulate import networks
network, theta, X, y = tests.problem()
step = network.gradient_unchecked
def slow(*arguments):
    time.sleep(0.02)
    return step(*arguments)
network.gradient_unchecked = slow
networks.train(network, theta, X, y, **tests.SETTINGS, checkpoint=sys.argv[1], every=0)
"""


def problem(dtype=np.float64):
    generator = streams.generator(0, "test checkpoints")
    X, y = generator.standard_normal((20, 1, 6, 6)), generator.standard_normal(20)
    network = networks.convolutional((1, 6, 6), channels=(2,), hidden=4)
    return network, network.init(0), X.astype(dtype), y


def interrupted(path, after, **changed):
    """Train until Ctrl-C after some epochs, with a checkpoint after every step."""
    network, theta, X, y = problem()

    def press(record, theta):
        if record.epoch == after:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(networks.TrainingInterrupted) as caught:
        networks.train(network, theta, X, y, **SETTINGS | changed, checkpoint=path, every=0, observe=press)
    return caught.value.training


def resumed(path, **changed):
    return networks.train(*problem(), **SETTINGS | changed, checkpoint=path)


@pytest.fixture(name="undisturbed", scope="module")
def _undisturbed():
    return networks.train(*problem(), **SETTINGS)


def same(found, expected):
    """Everything but the time."""
    np.testing.assert_array_equal(found.theta, expected.theta)
    for name in ("epoch", "steps", "minibatch_loss", "loss"):
        np.testing.assert_array_equal(found.column(name), expected.column(name))
    assert (found.outcome, found.steps, found.message) == (expected.outcome, expected.steps, expected.message)


def test_a_killed_training_goes_on_bit_for_bit_within_an_epoch_too(tmp_path, undisturbed):
    path, places = tmp_path / "checkpoint.npz", set()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])}
    for steps in (2, 7):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], env=environment, start_new_session=True)
        try:
            wait_for(path, steps, process)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -signal.SIGKILL
        left = networks.load_checkpoint(path)
        places.add(left.step)
        assert len(left.history) == left.epoch
    assert places - {0}, "no checkpoint was within an epoch"
    same(resumed(path), undisturbed)


def wait_for(path, steps, process):
    """Wait until a training has taken some steps."""
    limit = time.monotonic() + 300
    while time.monotonic() < limit and process.poll() is None:
        if path.exists():
            found = networks.load_checkpoint(path)
            if (found.epoch - 1) * 3 + found.step >= steps:
                return
        time.sleep(0.005)
    raise AssertionError("the training did not get there")


def test_every_step_can_be_the_last(tmp_path, monkeypatch, undisturbed):
    kept = []
    monkeypatch.setattr(networks.training, "save_checkpoint", lambda path, state: kept.append(copied(state)))
    networks.train(*problem(), **SETTINGS, checkpoint=tmp_path / "none", every=0)
    assert len(kept) == 18 + 1
    for number, state in enumerate(kept[:6]):
        path = tmp_path / str(number)
        checkpoints.save_checkpoint(path, state)
        same(resumed(path), undisturbed)


def copied(state):
    """The parameters are about to change in place."""
    return checkpoints.Checkpoint(**{**vars(state), "theta": state.theta.copy()})


@pytest.mark.usefixtures("interrupt_key")
def test_ctrl_c_keeps_the_state(tmp_path, undisturbed):
    path = tmp_path / "checkpoint.npz"
    left = interrupted(path, 3)
    assert (left.outcome, left.steps) == (Outcome.INTERRUPTED, 9)
    assert str(path) in left.message
    np.testing.assert_array_equal(networks.load_checkpoint(path).theta, left.theta)
    same(resumed(path), undisturbed)


def test_a_finished_training_is_not_run_again_but_may_be_extended(tmp_path, undisturbed):
    path = tmp_path / "checkpoint.npz"
    same(resumed(path, epochs=2), networks.train(*problem(), **SETTINGS | {"epochs": 2}))
    before = path.read_bytes()
    resumed(path, epochs=2)
    assert path.read_bytes() == before
    np.testing.assert_array_equal(resumed(path).theta, undisturbed.theta)
    loose = resumed(path, until=100.0)
    assert (loose.outcome, loose.steps) == (Outcome.REACHED, 18)


def test_divergence_leaves_the_last_sound_state(tmp_path):
    network, theta, X, y = problem()
    path = tmp_path / "checkpoint.npz"
    found = networks.train(network, theta, X, y, 50.0, batch=8, checkpoint=path, every=0)
    assert found.outcome is Outcome.DIVERGED
    assert np.all(np.isfinite(networks.load_checkpoint(path).theta))


def test_single_precision_and_rows_in_place_of_images(tmp_path):
    network, theta, X, y = problem(np.float32)
    path = tmp_path / "checkpoint.npz"
    networks.train(network, theta, X, y, **SETTINGS | {"epochs": 2}, checkpoint=path)
    assert networks.load_checkpoint(path).theta.dtype == np.float32
    found = networks.train(network, theta, X.reshape(20, -1), y, **SETTINGS, checkpoint=path)
    np.testing.assert_array_equal(found.theta, networks.train(network, theta, X, y, **SETTINGS).theta)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"lr": 0.02}, r"\(lr 0.02\), got .*\(lr 0.01\)"),
        ({"batch": 4}, r"\(batch 4\), got .*\(batch 8\)"),
        ({"seed": 3}, r"\(seed 3\), got .*\(seed 2\)"),
        ({"replacement": True}, r"\(replacement True\), got .*\(replacement False\)"),
        ({"theta0": problem()[1] + 1}, r"\(start .*…\), got .*\(start .*…\)"),
        ({"y": problem()[3] + 1}, r"\(data "),
        ({"X": problem()[2] + 1}, r"\(data "),
        ({"X": problem(np.float32)[2]}, r"\(type float32\), got .*\(type float64\)"),
        ({"network": networks.convolutional((1, 6, 6), channels=(2,), hidden=4, slope=0.1)}, r"\(architecture "),
        ({"network": networks.fully_connected((1, 6, 6), widths=(2,)), "theta0": np.ones(77)}, r"\(network FNN\)"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(tmp_path, change, difference):
    path = tmp_path / "checkpoint.npz"
    resumed(path, epochs=1)
    before = path.read_bytes()
    network, theta, X, y = problem()
    arguments = {"network": network, "theta0": theta, "X": X, "y": y, **SETTINGS, **change}
    with pytest.raises(simulate.InputError, match="checkpoint: expected one of this training " + difference) as caught:
        networks.train(**arguments, checkpoint=path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


class Bomb:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return os.abort, ()


def corrupted(kind, good):
    """Bytes that are no checkpoint."""
    if kind == "empty":
        return b""
    if kind == "text":
        return b"theta = 0\n"
    if kind == "pickle":
        return pickle.dumps({"theta": Bomb()})
    middle = len(good) // 2
    return {"truncated": good[:middle], "flipped": good[:400] + bytes([good[400] ^ 1]) + good[401:]}[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "pickle", "truncated", "flipped"])
def test_files_that_are_no_checkpoints_are_refused_by_name(tmp_path, kind):
    path = tmp_path / "checkpoint.npz"
    resumed(path, epochs=1)
    bad = corrupted(kind, path.read_bytes())
    path.write_bytes(bad)
    refused(path)
    assert path.read_bytes() == bad


def refused(path):
    with pytest.raises(simulate.InputError, match="checkpoint: expected a checkpoint of a training, got") as caught:
        resumed(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_byte_can_change_unnoticed(tmp_path):
    path = tmp_path / "checkpoint.npz"
    network = networks.fully_connected((2,), widths=(1,))
    X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    networks.train(network, network.init(0), X, y, 1e-3, batch=2, epochs=1, checkpoint=path)
    good, expected = path.read_bytes(), networks.load_checkpoint(path)
    unnoticed = 0
    for place in range(0, len(good), 7):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        try:
            found = networks.load_checkpoint(path)
        except simulate.InputError:
            continue
        # Dates and the like of the ZIP format, which nothing depends on.
        unnoticed += 1
        np.testing.assert_array_equal(found.theta, expected.theta)
        assert found == expected.__class__(**{**vars(expected), "theta": found.theta}) or repr(found) == repr(expected)
    assert unnoticed < len(good) / 7 / 3


def rewritten(path, **changed):
    """Change members of a checkpoint, with checksums that are right."""
    with np.load(path, allow_pickle=False) as archive:
        members = {name: archive[name] for name in archive.files}
    np.savez(path, **members | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"format": np.array("noise-geometry training 0")},
        {"theta": np.zeros(3)},
        {"theta": np.array([Bomb()], dtype=object)},
        {"theta": np.array(["a"] * 101)},
        {"theta": np.full(101, np.nan)},
        {"history": np.zeros((1, 3))},
        {"history": np.zeros((0, 5))},
        {"history": np.full((2, 5), np.inf)},
        {"epoch": np.array(5)},
        {"epoch": np.array("five")},
        {"step": np.array(-1)},
        {"identity": np.array("{")},
        {"identity": np.array("[]")},
        {"more": np.array(0)},
    ],
)
def test_contents_that_do_not_fit_are_refused(tmp_path, changed):
    path = tmp_path / "checkpoint.npz"
    assert problem()[0].size == 101
    resumed(path, epochs=1)
    rewritten(path, **changed)
    with pytest.raises(simulate.InputError, match="checkpoint: expected a checkpoint of a training, got") as caught:
        networks.load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_other_files_of_numpy_and_zip_are_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("theta.npy", json.dumps([1, 2]))
    refused(path)


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    resumed(path, epochs=1)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(simulate.InputError, match=r"checkpoint: expected to write .*No space left on device"):
        resumed(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_file_that_is_missing_or_a_folder(tmp_path):
    with pytest.raises(simulate.InputError, match=r"checkpoint: expected a file, got .*, which is none"):
        networks.load_checkpoint(tmp_path / "none")
    with pytest.raises(simulate.InputError, match=r"checkpoint: expected a file, got .*, which is none"):
        resumed(tmp_path)
