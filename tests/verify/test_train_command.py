"""The command `train`: what it leaves, that it goes on bit for bit, and what it refuses before anything is created."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fake_cifar
import numpy as np
import pandas as pd
import pytest

import simulate
from simulate import networks
from verify import cli, completion, trainable, training
from verify.errors import VerifyError

ROOT = Path(cli.__file__).parents[1]
SMALL = ["train", "fnn", "--samples", "40", "--width", "4", "--batch", "16", "--lr", "0.01", "--seed", "3"]
INTERRUPTIBLE = """
import signal, sys
# What a shell starts in the background ignores the interrupt key.
signal.signal(signal.SIGINT, signal.default_int_handler)
from verify.cli import main
main(sys.argv[1:])
"""


DRAW = training._plot


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
    """Do without drawings, which take longer than all the rest."""
    monkeypatch.setattr(training, "_plot", lambda *_: b"no drawing")


@pytest.fixture
def command(capsys, tmp_path, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOISE_GEOMETRY_DATA", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


@pytest.fixture
def cifar(tmp_path, monkeypatch) -> Path:
    """A folder with small files in place of CIFAR-10's."""
    fake_cifar.install(monkeypatch, "http://127.0.0.1:9/", b"", b"")
    folder = tmp_path / "data" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name, content in fake_cifar.records().items():
        (folder / name).write_bytes(content.tobytes())
    return folder.parent


def by_hand(epochs):
    """The same training by the library alone."""
    X, y = simulate.digits("parity", n=40, seed=3)
    network = networks.fully_connected((1, 8, 8), widths=(4, 4, 4))
    return networks.train(network, network.init(3), X, y, 0.01, 16, epochs=epochs, seed=3)


def theta(folder):
    return networks.load_checkpoint(Path(folder) / "checkpoint.npz").theta


def test_a_run_leaves_parameters_history_plot_and_manifest(command, monkeypatch):
    monkeypatch.setattr(training, "_plot", DRAW)
    status, out, err = command(*SMALL, "--epochs", "3", "--out", "run")
    assert (status, err) == (1, "")
    expected = by_hand(3)
    np.testing.assert_array_equal(theta("run"), expected.theta)
    table = pd.read_csv("run/history.csv")
    assert list(table.columns) == ["epoch", "steps", "minibatch_loss", "loss", "seconds"]
    for name in ("epoch", "steps", "minibatch_loss", "loss"):
        np.testing.assert_allclose(table[name], expected.column(name), rtol=1e-12)
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert (manifest["status"], manifest["outcome"], manifest["test_accuracy"]) == ("complete", "epochs", None)
    assert manifest["training"]["lr"] == 0.01
    assert "numpy" in manifest["environment"]["packages"]
    assert set(manifest["files"]) == {"checkpoint.npz", "history.csv", "loss.png"}
    for name, entry in manifest["files"].items():
        assert hashlib.sha256(Path("run", name).read_bytes()).hexdigest() == entry["sha256"]
    assert Path("run/loss.png").read_bytes().startswith(b"\x89PNG")
    assert out.splitlines()[-1] == f"fnn on digits: {expected.message}; run"
    assert "319" not in out
    assert f"{expected.theta.size:,} parameters" in out


def test_the_same_command_goes_on_and_is_done_when_it_is_done(command):
    assert command(*SMALL, "--epochs", "2", "--out", "run")[0] == 1
    assert command(*SMALL, "--epochs", "5", "--out", "run", "-q")[0] == 1
    np.testing.assert_array_equal(theta("run"), by_hand(5).theta)
    written = json.loads(Path("run/manifest.json").read_text())["command"]
    status, out, _ = command(*shlex.split(written)[1:], "--json")
    assert status == 1
    assert json.loads(out)["steps"] == 15
    status, out, _ = command(*SMALL, "--epochs", "5", "--out", "run", "--until", "10", "-q")
    assert status == 0
    assert "reached 10: loss" in out
    assert out.count("\n") == 1
    np.testing.assert_array_equal(theta("run"), by_hand(5).theta)


def test_an_interrupted_command_goes_on_bit_for_bit(tmp_path, command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [*SMALL, "--epochs", "100000", "--until", "1e-12", "--out", "run", "-v"]
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *arguments],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "epoch 5," in line)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read().splitlines()[-1]
    assert process.returncode == 130
    assert told.startswith("noise-geometry: interrupted after ")
    assert "; go on with: noise-geometry train fnn " in told
    assert told.endswith(" --out run")
    assert json.loads(Path("run/manifest.json").read_text())["status"] == "interrupted"
    done = networks.load_checkpoint("run/checkpoint.npz")
    epochs = done.epoch + 2
    command(*SMALL, "--epochs", str(epochs), "--until", "1e-12", "--out", "run")
    found, expected = theta("run"), by_hand(epochs)
    np.testing.assert_array_equal(found, expected.theta)


def test_without_a_folder_there_is_a_new_one_and_the_checkpoint_may_be_elsewhere(command):
    status, out, _ = command(*SMALL, "--epochs", "1", "--checkpoint", "state.npz", "--json")
    described = json.loads(out)
    assert status == 1
    assert described["folder"].startswith("results/train-")
    assert (described["outcome"], described["epochs"], described["checkpoint"]) == ("epochs", 1, "state.npz")
    command(*SMALL, "--epochs", "2", "--checkpoint", "state.npz")
    np.testing.assert_array_equal(networks.load_checkpoint("state.npz").theta, by_hand(2).theta)


def test_divergence_says_what_to_try(command):
    status, out, _ = command(*SMALL[:-4], "--lr", "50", "--out", "run", "-q")
    assert status == 1
    assert "diverged at step" in out
    assert "try 12.5" in out
    assert json.loads(Path("run/manifest.json").read_text())["outcome"] == "diverged"
    assert not Path("run/checkpoint.npz").exists()


def test_cifar10_with_its_test_images(command, cifar):
    options = ["--data", "cifar10", "--width", "2", "--batch", "4", "--lr", "0.001", "--epochs", "1"]
    status, out, _ = command("train", "cnn", *options, "--data-dir", str(cifar), "--json", "--out", "two")
    described = json.loads(out)
    assert status == 1
    X, y = simulate.cifar10((0, 1), data_dir=cifar)
    network = networks.convolutional(channels=(2, 4), hidden=8)
    expected = networks.train(network, network.init(0), X, y, 0.001, 4, epochs=1)
    np.testing.assert_array_equal(theta("two"), expected.theta)
    assert theta("two").dtype == np.float32
    Xt, yt = simulate.cifar10((0, 1), "test", data_dir=cifar)
    assert described["test_accuracy"] == np.mean(np.sign(network.predict(expected.theta, Xt)) == yt)
    assert described["samples"] == len(y)
    ten = command("train", "fnn", *options, "--data-dir", str(cifar), "--classes", "all", "--json", "--out", "ten")
    assert json.loads(ten[1])["samples"] == 5 * fake_cifar.IMAGES
    assert 0 <= json.loads(ten[1])["test_accuracy"] <= 1
    (cifar / "cifar-10-batches-bin" / "test_batch.bin").unlink()
    without = command("train", "fnn", *options, "--data-dir", str(cifar), "--classes", "cat,dog", "--json")
    assert json.loads(without[1])["test_accuracy"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nn"], "network: expected one of fnn, cnn, vgg11"),
        (["fnn", "--data", "mnist"], "data: expected one of digits, cifar10"),
        (["vgg13"], "network: expected one of fnn, cnn, resnet8, .* for digits, which have 8 × 8 pixels, got 'vgg13'"),
        (["fnn", "--lr", "0"], "lr: expected a finite real number > 0"),
        (["fnn", "--lr", "fast"], "lr: expected a number, got 'fast'"),
        (["fnn", "--until", "nan"], "until: expected"),
        (["fnn", "--batch", "0"], "batch: expected an integer >= 1"),
        (["fnn", "--batch", "1.5"], "batch: expected an integer, got '1.5'"),
        (["fnn", "--samples", "10"], "batch: expected at most the 10 samples, got 32"),
        (["fnn", "--samples", "5000"], "samples: expected an integer >= 1 and <= 1797"),
        (["fnn", "--epochs", "-1"], "epochs: expected an integer >= 0"),
        (["fnn", "--width", "0"], "width: expected an integer >= 1"),
        (["fnn", "--gain", "-1"], "gain: expected"),
        (["fnn", "--seed", "-1"], "seed: expected an integer >= 0"),
        (["fnn", "--classes", "3"], "classes: expected 'parity' or two different digits"),
        (["fnn", "--classes", "3,3"], "classes: expected two different digits"),
        (["fnn", "--checkpoint", "no/such/state"], "checkpoint: expected a file in a folder that exists"),
        (["fnn", "--data", "cifar10", "--data-dir", "none"], "none/.*data_batch_1.bin: expected a file of .* bytes"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line_before_anything_is_created(command, arguments, message):
    status, out, err = command("train", *arguments, "--out", "run")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("noise-geometry: error: ")
    assert re.search(message, err), err
    assert not list(Path().iterdir())


def test_the_folder_of_another_training_is_refused(command):
    assert command(*SMALL, "--epochs", "1", "--out", "run")[0] == 1
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    status, _, err = command(*SMALL, "--epochs", "1", "--out", "run", "--lr", "0.02")
    assert status == 2
    assert (
        "out: expected a new folder or that of this training (lr 0.02), got 'run', which is of another (lr 0.01)" in err
    )
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before
    Path("other").mkdir()
    Path("other/manifest.json").write_text('{"claims": []}')
    assert "out: expected a new or empty folder or that of this training" in command(*SMALL, "--out", "other")[2]
    Path("full").mkdir()
    Path("full/file").touch()
    assert "out: expected a new or empty folder, got 'full'" in command(*SMALL, "--out", "full")[2]
    Path("run/checkpoint.npz").write_bytes(b"no checkpoint")
    assert "checkpoint: expected a checkpoint of a training, got" in command(*SMALL, "--out", "run")[2]


def test_progress_tells_epoch_and_loss(tmp_path):
    heard = []
    request = trainable.Request(samples=40, width=4, lr=0.01)
    training.train(request, epochs=40, out=tmp_path / "run", progress=lambda *news: heard.append((*news, time.time())))
    assert heard[0][:3] == ("fnn", 0.0, "starting")
    assert heard[1][2] == "epoch 1"
    assert [fraction for _, fraction, *_ in heard] == sorted(fraction for _, fraction, *_ in heard)
    assert heard[-1][1] == 1.0
    assert "epoch 41, loss " in heard[-2][2]


def test_the_gain_scales_what_is_random_only():
    request = trainable.Request("resnet8", gain=0.25, seed=2)
    network = networks.resnet(8, (1, 8, 8), 2)
    drawn, scaled = network.init(2), trainable.start(network, request)
    constant = (drawn == 1.0) | (drawn == 0.0)
    np.testing.assert_array_equal(scaled[constant], drawn[constant])
    np.testing.assert_allclose(scaled[~constant], drawn[~constant] / 2)
    assert np.array_equal(trainable.start(network, trainable.Request("resnet8", seed=2)), drawn)


@pytest.mark.parametrize("name", list(trainable.NETWORKS))
def test_every_name_makes_its_network(name):
    request = trainable.checked(trainable.Request(name, "cifar10"), 1e-4, None)
    assert request.width == trainable.NETWORKS[name]
    digits = "".join(character for character in name if character.isdigit())
    made = trainable._network(request, 1)
    assert made.name.lower().replace("-", "") == name
    assert made.shape == (3, 32, 32)
    # VGG for small images has one dense layer where the one for large images has three.
    weights = sum(len(shape) > 1 for shape in made.layers.shapes)
    assert weights == int(digits or 4) - 2 * name.startswith("vgg")


def test_the_names_are_offered_and_helped(command):
    assert completion.networks() == list(trainable.NETWORKS)
    status, out, _ = command("train", "--help")
    assert status == 0
    for word in (*trainable.NETWORKS, "--checkpoint", "Exit status"):
        assert word in out
    with pytest.raises(VerifyError, match="progress: expected"):
        training.train(trainable.Request(), progress=3)
