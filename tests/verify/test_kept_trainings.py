"""Kept trainings: killed at any step and gone on with, bit for bit; damaged, foreign and old files; figures on top."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_figures import undrawn

from simulate import networks
from simulate.networks import checkpoints, training
from verify import image_networks, kept_trainings, worker_processes
from verify.errors import VerifyError
from verify.figures import making
from verify.image_networks import Recipe
from verify.trainable import Request

ROOT = Path(worker_processes.__file__).parents[1]
SEED = 3
# Three steps an epoch; the loss of the middle is seen after the second of four.
RECIPE = Recipe(Request("fnn", "digits", "parity", 24, 8, lr=0.05, batch=8, seed=SEED), epochs=4, middle=0.5)
# A figure that can be killed: a checkpoint after each step, and time between them.
KILLED = """
import sys, time
from simulate.networks import Network
from verify import kept_trainings
from verify.figures import making
kept_trainings.EVERY = 0.0
step = Network.gradient_unchecked
def slow(*arguments):
    time.sleep(0.05)
    return step(*arguments)
Network.gradient_unchecked = slow
making.make("2b", 3, sys.argv[1], workers=1, size="tiny")
"""


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    """Compute on one thread, as figures do."""
    with worker_processes.one_blas_thread():
        yield


@pytest.fixture(autouse=True, name="folder")
def _folder(tmp_path, monkeypatch):
    """Keep the trainings of each test apart, with a checkpoint after each step."""
    monkeypatch.setattr(kept_trainings, "EVERY", 0.0)
    monkeypatch.setenv(kept_trainings.FOLDER, str(tmp_path / "trainings"))
    return tmp_path / "trainings"


@pytest.fixture(scope="module", name="undisturbed")
def _undisturbed():
    return image_networks.train(RECIPE)


def same(found, expected):
    """Every bit."""
    assert (found.loss, found.message) == (expected.loss, expected.message)
    for one, other in zip(found.moments, expected.moments, strict=True):
        assert (one.stage, one.epoch, one.theta.dtype) == (other.stage, other.epoch, np.float32)
        np.testing.assert_array_equal(one.theta, other.theta)


def stop_after(patch, saves):
    """Let a training end right after it has written so many checkpoints."""
    count = 0

    def save(path, state):
        nonlocal count
        checkpoints.save_checkpoint(path, state)
        count += 1
        if count == saves:
            raise KeyboardInterrupt

    patch.setattr(training, "save_checkpoint", save)


def files(folder):
    """Names of checkpoint and moment."""
    (moment,) = folder.glob("*-moment.npz")
    return moment.with_name(moment.name.replace("-moment", "")), moment


def test_the_middle_is_between_start_and_end(undisturbed):
    assert [moment.epoch for moment in undisturbed.moments] == [0, 2, 4]


def test_every_step_can_be_the_last(folder, undisturbed, monkeypatch):
    for saves in range(1, 13):
        monkeypatch.setenv(kept_trainings.FOLDER, str(folder / str(saves)))
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_after(patch, saves)
            image_networks.train_kept(RECIPE)
        steps = []
        step = networks.Network.gradient_unchecked
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(networks.Network, "gradient_unchecked", lambda *a, s=step, n=steps: n.append(1) or s(*a))
            same(image_networks.train_kept(RECIPE), undisturbed)
        assert len(steps) == 12 - saves


def test_a_finished_training_is_not_done_again(monkeypatch, undisturbed):
    same(image_networks.train_kept(RECIPE), undisturbed)

    def refuse(*_):
        raise AssertionError("a step")

    monkeypatch.setattr(networks.Network, "gradient_unchecked", refuse)
    same(image_networks.train_kept(RECIPE), undisturbed)


def test_nothing_is_kept_unless_asked_for(folder):
    image_networks.train(RECIPE)
    assert not folder.exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def confuse(path):
    path.write_text("no checkpoint")


@pytest.mark.parametrize("damage", [cut, flip, confuse, Path.unlink])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_damaged_is_named_and_set_aside(folder, undisturbed, caplog, damage, place):
    image_networks.train_kept(RECIPE)
    names = files(folder)
    damage(names[place])
    left = [path.name for path in names if path.exists()]
    with caplog.at_level(logging.WARNING):
        same(image_networks.train_kept(RECIPE), undisturbed)
    assert files(folder) == names
    if damage is Path.unlink and place == 0:
        # No checkpoint is where a training begins; it passes through the same moment.
        assert caplog.messages == []
        return
    (message,) = caplog.messages
    assert message.startswith("checkpoint: expected ")
    assert str(names[place]) in message
    assert message.endswith(f"it is set aside in {folder / 'set-aside'}, and the training starts afresh")
    assert sorted(path.name for path in (folder / "set-aside").iterdir()) == sorted(left)


def test_the_checkpoint_of_another_training_is_set_aside(folder, undisturbed, caplog):
    image_networks.train_kept(RECIPE)
    mine = files(folder)
    for path in mine:
        path.unlink()
    other = RECIPE._replace(request=Request(**{**vars(RECIPE.request), "seed": SEED + 1}))
    image_networks.train_kept(other)
    for path, name in zip(files(folder), mine, strict=True):
        path.rename(name)
    same(image_networks.train_kept(RECIPE), undisturbed)
    assert "which is of another" in caplog.text


@pytest.mark.parametrize(
    "changed",
    [
        {"request": {"seed": 4}},
        {"request": {"lr": 0.051}},
        {"request": {"batch": 6}},
        {"request": {"samples": 20}},
        {"request": {"width": 7}},
        {"request": {"gain": 0.5}},
        {"request": {"classes": "3,4"}},
        {"request": {"network": "cnn"}},
        {"epochs": 5},
        {"until": 1e-3},
        {"middle": 0.3},
    ],
    ids=str,
)
def test_whatever_a_training_depends_on_is_in_the_name_of_its_file(changed):
    request = Request(**{**vars(RECIPE.request), **changed.get("request", {})})
    assert place(RECIPE._replace(**{**changed, "request": request})) != place(RECIPE) == place(RECIPE)


@pytest.mark.parametrize("name", ["_code", "_version"])
def test_so_is_what_computes(monkeypatch, name):
    before = place(RECIPE)
    monkeypatch.setattr(kept_trainings, name, lambda *_: "another")
    assert place(RECIPE) != before


def test_variables_that_change_no_bit_are_not(monkeypatch):
    before = place(RECIPE)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert place(RECIPE) == before
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert place(RECIPE) != before


def place(recipe):
    """Where a training is kept."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "train", lambda *_, checkpoint, **__: found.append(checkpoint) or 1 / 0)
        with pytest.raises(ZeroDivisionError):
            image_networks.train_kept(recipe)
    return found[0]


def test_trainings_that_nobody_uses_are_removed_after_a_while(folder):
    image_networks.train_kept(RECIPE)
    used = files(folder)
    (folder / "set-aside").mkdir()
    old = [folder / f"fnn-{1:024x}.npz", folder / f".fnn-{1:024x}-moment.npz.123.part"]
    old.append(folder / "set-aside" / f"cnn-{2:024x}.npz")
    others = [folder / "mine.npz", folder / "set-aside" / "results-1.npz"]
    age = (kept_trainings.DAYS - 1) * 86400
    for path in (*old, *others, *used):
        path.touch()
        os.utime(path, (time.time() - age, time.time() - age))
    image_networks.train_kept(RECIPE)
    assert all(path.exists() for path in old)
    for path in (*old, *others):
        os.utime(path, (0, 0))
    image_networks.train_kept(RECIPE)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in others)
    assert all(time.time() - path.stat().st_mtime < 3600 for path in used)


def test_without_a_folder_trainings_are_not_kept(tmp_path, monkeypatch, undisturbed, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv(kept_trainings.FOLDER, str(tmp_path / "file" / "below"))
    same(image_networks.train_kept(RECIPE), undisturbed)
    assert caplog.messages == [
        "NOISE_GEOMETRY_TRAININGS: expected a folder that can be written to, got none; trainings are not kept"
    ]


def test_the_users_cache_is_the_default(tmp_path, monkeypatch):
    monkeypatch.delenv(kept_trainings.FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert place(RECIPE).parent == tmp_path / "noise-geometry" / "trainings"


@pytest.fixture(name="undrawn")
def _undrawn():
    """Leave out the drawing, which takes longest."""
    with undrawn():
        yield


@pytest.mark.usefixtures("undrawn")
def test_a_killed_figure_goes_on_and_is_the_same(tmp_path, folder, monkeypatch):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "killed")], env=environment)
    try:
        limit = time.monotonic() + 300
        # The first network is trained, and the second has begun.
        while len(list(folder.glob("*.npz"))) < 2 and time.monotonic() < limit and process.poll() is None:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert json.loads((tmp_path / "killed" / "manifest.json").read_text())["status"] == "running"
    steps = []
    step = networks.Network.gradient_unchecked
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks.Network, "gradient_unchecked", lambda *a: steps.append(1) or step(*a))
        found = making.make("2b", SEED, tmp_path / "killed", workers=1, size="tiny")
    # Of two trainings with 4 epochs of 2 steps.
    assert 0 < len(steps) < 8
    monkeypatch.setenv(kept_trainings.FOLDER, str(tmp_path / "afresh"))
    expected = making.make("2b", SEED, tmp_path / "undisturbed", workers=1, size="tiny")
    assert found.csv.read_bytes() == expected.csv.read_bytes()
    assert found.caption == expected.caption
    assert json.loads(found.manifest.read_text())["status"] == "complete"


@pytest.mark.usefixtures("undrawn")
def test_an_interrupted_figure_says_how_to_go_on(tmp_path):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt) as caught:
        stop_after(patch, 3)
        making.make("2b", SEED, tmp_path / "mine", workers=1, size="tiny")
    assert str(caught.value) == (
        f"interrupted; figure 2b is not finished in {tmp_path / 'mine'}; its trainings are kept: give the same command "
        "again to go on"
    )
    for other in (("2b", SEED + 1), ("2a", SEED)):
        with pytest.raises(VerifyError, match="out: expected a new or empty folder, got"):
            making.make(*other, tmp_path / "mine", workers=1, size="tiny")
    making.make("2b", SEED, tmp_path / "mine", workers=1, size="tiny")
    with pytest.raises(VerifyError, match="out: expected a new or empty folder, got"):
        making.make("2b", SEED, tmp_path / "mine", workers=1, size="tiny")


@pytest.mark.usefixtures("undrawn")
def test_the_progress_of_a_figure_moves_within_a_training(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_SECONDS_BETWEEN_NEWS", 0.0)
    heard = []
    making.make("2b", SEED, tmp_path / "mine", 1, lambda *news: heard.append(news), "tiny")
    fractions = [fraction for _, fraction, text in heard if text.startswith("training")]
    assert fractions == sorted(fractions)
    # 0.1 to 0.85 is for two trainings with 8 steps each.
    assert len(set(fractions)) >= 12
