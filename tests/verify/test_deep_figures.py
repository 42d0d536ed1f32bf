"""Figures of networks on images: numbers from their definitions, scales, and what is said without the images."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest
from tiny_figures import undrawn

from simulate import streams
from verify import cli, image_networks, trainable, worker_processes
from verify.errors import VerifyError
from verify.figures import deep_spectra, image_directions, making, network_escape
from verify.image_networks import END, START, Recipe
from verify.network_escape import follow
from verify.trainable import Request

SEED = 3
IMAGES = ("2b", "5", "6")


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    """Compute on one thread, as figures do."""
    with worker_processes.one_blas_thread():
        yield


@pytest.fixture
def command(capsys):
    """Run the command line in this process."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(list(arguments))
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make the figures once, tiny; that they can be looked at is tested with the other figures."""
    folder = tmp_path_factory.mktemp("figures")
    with undrawn():
        return {one: making.make(one, SEED, folder / one, workers=1, size="tiny") for one in IMAGES}


def dense(recipe: Recipe, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """G, Σ₁/(2L) and Σ/(2L) as p×p matrices."""
    network, X, y = trainable.problem(recipe.request, None)
    J = network.jacobian(theta.astype(np.float64), X)
    r = network.predict(theta.astype(np.float64), X) - y
    n, scale = len(y), r @ r / len(y)
    gradient = J.T @ r / n
    noise = J.T @ np.diag(r**2) @ J / n
    return J.T @ J / n, noise / scale, (noise - np.outer(gradient, gradient)) / scale


def test_without_the_images_figures_end_in_a_line(command, tmp_path, monkeypatch):
    monkeypatch.setenv("NOISE_GEOMETRY_DATA", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    for one in IMAGES:
        code, out, err = command("figure", one)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.endswith("expected a file of 30730000 bytes, got none; get it with: noise-geometry data cifar10\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2a", "--scale", "paper"], "scale: expected none for figure 2a, which has one scale, got 'paper'"),
        (["2b", "--scale", "huge"], "scale: expected small or paper, got 'huge'"),
    ],
)
def test_scales_are_checked_before_anything_is_created(command, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert command("figure", *arguments) == (2, "", f"noise-geometry: error: {message}\n")
    assert list(tmp_path.iterdir()) == []


def test_the_scale_is_part_of_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(image_networks, "require_images", lambda: None)
    sizes = []

    def measured(wanted, context, folder):
        sizes.append(context.size)
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "_make", measured)
    for scale, size in ((None, "default"), ("small", "default"), ("paper", "paper")):
        with pytest.raises(KeyboardInterrupt):
            making.make("2b", 1, tmp_path / str(scale), workers=1, scale=scale)
        assert sizes.pop() == size
        manifest = json.loads((tmp_path / str(scale) / "manifest.json").read_text())
        wanted = "noise-geometry figure 2b --seed 1" + (" --scale paper" if scale == "paper" else "")
        assert manifest["command"] == wanted


@pytest.mark.parametrize("stage", [START, END])
@pytest.mark.parametrize("place", [0, 1])
def test_figure_2b_follows_from_the_definition(made, place, stage):
    recipe = image_networks.seeded(image_directions.SIZES["tiny"].recipes[place], SEED)
    table = made["2b"].table
    rows = table[(table["network"] == recipe.request.network) & (table["stage"] == stage)]
    trained = image_networks.train(recipe)
    theta = next(moment.theta for moment in trained.moments if moment.stage == stage)
    G, noise, centred = dense(recipe, theta)
    values, vectors = np.linalg.eigh(G)
    values, vectors = values[::-1], vectors[:, ::-1]
    # Where eigenvalues are well apart the directions are determined.
    for k in range(3):
        u, row = vectors[:, k], rows.iloc[k]
        assert row["curvature"] == pytest.approx(values[k], rel=1e-6)
        assert row["energy"] == pytest.approx(u @ noise @ u, rel=1e-5)
        assert row["energy_centred"] == pytest.approx(u @ centred @ u, rel=1e-5)
        assert row["alignment"] == pytest.approx(row["energy"] / row["curvature"], rel=1e-6)
    assert rows["mu"].iloc[0] == pytest.approx(np.sum(noise * G) / np.sum(G**2), rel=1e-6)
    assert rows["mu_centred"].iloc[0] == pytest.approx(np.sum(centred * G) / np.sum(G**2), rel=1e-6)


def test_sharp_directions_are_the_eigenvectors_of_g():
    recipe = Recipe(Request("fnn", "digits", "parity", 40, 5), epochs=1)
    theta = trainable.start(trainable.problem(recipe.request, None)[0], recipe.request)
    values, directions = image_networks.sharp_directions(recipe, theta, 4)
    G, _, _ = dense(recipe, theta)
    np.testing.assert_allclose(values[:4], np.linalg.eigvalsh(G)[::-1][:4], rtol=1e-9)
    np.testing.assert_allclose(directions.T @ directions, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(G @ directions, directions * values[:4], atol=1e-7 * values[0])


def test_training_keeps_three_moments_and_reaches_the_loss():
    recipe = Recipe(Request("fnn", "digits", "parity", 24, 16, lr=0.02, batch=8), epochs=400, until=1e-3, middle=0.1)
    found = image_networks.train(recipe)
    assert found.reached
    losses = [image_networks.spectrum(recipe, moment.theta).loss for moment in found.moments]
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] <= 1.001e-3
    assert losses[1] < 0.2
    assert found.moments[0].epoch < found.moments[1].epoch < found.moments[2].epoch


def test_trainings_of_a_run_differ_but_the_first_has_its_seed():
    recipe = Recipe(Request("fnn", "digits", "parity", 24, 4))
    seeds = [image_networks.seeded(recipe, 5, number).request.seed for number in range(3)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 3
    assert image_networks.seeded(recipe, 6, 1).request.seed != seeds[1]


def test_divergence_is_one_line():
    recipe = Recipe(Request("fnn", "digits", "parity", 24, 16, lr=50.0, batch=8), epochs=5)
    with pytest.raises(VerifyError, match=r"^fnn: expected a training that converges, got one that diverged at step"):
        image_networks.train(recipe)


def test_recipes_and_images_are_named():
    recipe = image_directions.SIZES["default"].recipes[0]
    assert image_networks.described(recipe) == (
        "FNN, 4 layers (width 32, learning rate 0.1, initial variance of He et al. × 1/6)"
    )
    assert image_networks.images(recipe) == "500 images of CIFAR-10 (airplane, automobile)"
    whole = recipe._replace(request=dataclasses.replace(recipe.request, samples=None))
    assert image_networks.images(whole) == "all 10 000 images of CIFAR-10 (airplane, automobile)"
    vgg = deep_spectra.SIZES["default"].recipes[1]
    assert image_networks.described(vgg) == "VGG-11 (width 4, learning rate 0.05, initial variance of He et al. × 2/3)"
    assert [image_networks.title(name) for name in ("vgg13", "resnet38")] == ["VGG-13", "ResNet-38"]


def test_figure_5_is_exact_beside_its_subsets(made):
    settings, table = deep_spectra.SIZES["tiny"], made["5"].table
    for place, recipe in enumerate(settings.recipes):
        recipe = image_networks.seeded(recipe, SEED)
        rows = table[table["network"] == recipe.request.network]
        G, noise, _ = dense(recipe, image_networks.train(recipe).end)
        values, vectors = np.linalg.eigh(G)
        u = vectors[:, -1]
        assert rows["curvature"].iloc[0] == pytest.approx(values[-1], rel=1e-6), place
        assert rows["energy"].iloc[0] == pytest.approx(u @ noise @ u, rel=1e-5)
        assert rows["mu"].iloc[0] == pytest.approx(np.sum(noise * G) / np.sum(G**2), rel=1e-6)
        top = rows.head(settings.k)
        assert rows["lanczos_curvature"].notna().sum() == settings.k
        assert (top["lanczos_residual"] <= 1e-4 * top["lanczos_curvature"].iloc[0]).all()
        for name in ("curvature", "alignment", "relative_curvature", "relative_energy"):
            low, mean, high = (top[f"subsets_{name}_{end}"] for end in ("q05", "mean", "q95"))
            assert (low <= high + 1e-12).all()
            assert ((mean >= low - 1e-9) & (mean <= high + 1e-9)).mean() > 0.5
        assert top["subsets_relative_curvature_mean"].iloc[0] == 1.0


def test_lanczos_of_figure_5_sees_the_subset_alone(made):
    settings, table = deep_spectra.SIZES["tiny"], made["5"].table
    recipe = image_networks.seeded(settings.recipes[1], SEED)
    theta = image_networks.train(recipe).end.astype(float)
    network, X, y = trainable.problem(recipe.request, None)
    stream = streams.generator(SEED, "figure 5: subset", ("cnn",))
    rows = stream.permutation(len(y))[: settings.subset]
    J, r = network.jacobian(theta, X[rows]), network.predict(theta, X[rows]) - y[rows]
    values, vectors = np.linalg.eigh(J.T @ J / len(rows))
    found = table[table["network"] == "cnn"].iloc[0]
    assert found["lanczos_curvature"] == pytest.approx(values[-1], rel=1e-4)
    noise = np.mean((J @ vectors[:, -1]) ** 2 * r**2) / np.mean(r**2)
    assert found["lanczos_energy"] == pytest.approx(noise, rel=1e-3)


def test_figure_6_splits_the_whole_way(made):
    escape, table = network_escape.SIZES["tiny"].escape, made["6"].table
    assert len(table) == 2 * 3 * escape.replicas * (escape.steps + 1)
    finite = table[np.isfinite(table["loss"])]
    whole = finite["sharp_1"] + finite["rest_1"]
    np.testing.assert_allclose(whole, finite["sharp_3"] + finite["rest_3"], rtol=1e-2)
    np.testing.assert_allclose(whole[finite["step"] == 0], escape.perturbation**2, rtol=1e-2)
    for _, rows in finite.groupby("network"):
        rates = rows.groupby("method")[["rate_times_frobenius", "rate_times_sharpest"]].first()
        assert rates.loc["SGD, batch 1", "rate_times_frobenius"] == pytest.approx(escape.beta, rel=1e-6)
        assert rates.loc["GD", "rate_times_sharpest"] == pytest.approx(escape.descent, rel=1e-6)


def test_what_the_papers_scale_runs_takes_the_arrays_of_another_library(monkeypatch):
    """CuPy's place is taken by the strictest library there is: what it lets pass runs on a GPU too."""
    strict = pytest.importorskip("array_api_strict")
    monkeypatch.setattr(image_networks, "_device", lambda: strict)
    here = Recipe(Request("fnn", "digits", "parity", 40, 4, seed=SEED), 2)
    there = here._replace(gpu=True)
    assert type(image_networks.problem(there)[1]) is type(strict.asarray([1.0]))
    trained = [image_networks.train(recipe) for recipe in (here, there)]
    np.testing.assert_allclose(trained[1].end, trained[0].end, atol=1e-5)
    spectra = [image_networks.spectrum(one.recipe, one.end) for one in trained]
    np.testing.assert_allclose(spectra[1].eigenvalues[:5], spectra[0].eigenvalues[:5], rtol=1e-3)
    tables = [deep_spectra.measure(deep_spectra.SIZES["tiny"], one) for one in trained]
    for name in ("curvature", "energy", "lanczos_curvature", "lanczos_energy", "subsets_curvature_mean"):
        np.testing.assert_allclose(tables[1][name][:2], tables[0][name][:2], rtol=1e-2)
    settings = network_escape.SIZES["tiny"].escape
    paths = [follow(settings, one) for one in trained]
    assert list(paths[1].columns) == list(paths[0].columns)
    first = paths[0]["step"] <= 1
    np.testing.assert_allclose(paths[1]["rest_1"][first], paths[0]["rest_1"][first], rtol=1e-2)


def test_the_papers_scale_is_made_with_its_own_settings(made, tmp_path, monkeypatch):
    monkeypatch.setattr(image_networks, "require_images", lambda: None)
    tiny = deep_spectra.SIZES["tiny"]
    shrunken = tiny._replace(recipes=tuple(recipe._replace(gpu=True) for recipe in tiny.recipes))
    monkeypatch.setitem(deep_spectra.SIZES, "paper", shrunken)
    with undrawn():
        result = making.make("5", SEED, tmp_path / "5", workers=1, scale="paper")
    assert result.command == f"noise-geometry figure 5 --seed {SEED} --scale paper"
    np.testing.assert_allclose(result.table["curvature"], made["5"].table["curvature"], rtol=1e-4)


def test_scales_have_the_papers_networks():
    def networks(settings):
        return [(one.request.network, one.request.samples, one.gpu) for one in settings.recipes]

    whole = {"samples": None, "gpu": True}
    assert networks(image_directions.SIZES["paper"]) == [(name, *whole.values()) for name in ("fnn", "cnn")]
    assert networks(deep_spectra.SIZES["paper"]) == [(name, *whole.values()) for name in ("resnet38", "vgg13")]
    assert networks(network_escape.SIZES["paper"]) == [(name, *whole.values()) for name in ("resnet110", "vgg19")]


@pytest.mark.skipif(not os.environ.get("NOISE_GEOMETRY_DATA"), reason="no CIFAR-10: NOISE_GEOMETRY_DATA is not set")
def test_the_small_networks_start_where_their_learning_rate_is_stable():
    for settings in (image_directions.SIZES, deep_spectra.SIZES):
        for recipe in settings["default"].recipes:
            few = recipe._replace(request=dataclasses.replace(recipe.request, samples=64))
            found = image_networks.spectrum(image_networks.seeded(few, 0))
            assert found.eigenvalues[0] * recipe.request.lr < 2
